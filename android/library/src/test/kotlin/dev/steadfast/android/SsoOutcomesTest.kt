package dev.steadfast.android

import dev.steadfast.Callers
import dev.steadfast.testing.SAFETY_MILLIS
import dev.steadfast.testing.await
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.asExecutor
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.cancel
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import kotlinx.coroutines.yield
import org.junit.Assert.assertEquals
import org.junit.Test
import java.util.concurrent.CompletableFuture
import java.util.concurrent.CountDownLatch
import java.util.concurrent.Executor
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.RejectedExecutionException
import java.util.concurrent.TimeUnit

class SsoOutcomesTest {
    private val outcomes = SsoOutcomes()

    @Test
    fun `those that came before the first collector wait for it, in order`(): Unit =
        await {
            outcomes.tell(failed("one"))
            outcomes.tell(failed("two"))
            assertEquals(listOf("one", "two"), outcomes.flow.take(2).toList().map(::why))
        }

    @Test
    fun `one that was handled comes to no later collector`(): Unit =
        await {
            outcomes.tell(failed("one"))
            assertEquals("one", why(outcomes.flow.first()))
            outcomes.tell(failed("two"))
            assertEquals("two", why(outcomes.flow.first()))
        }

    @Test
    fun `one whose collector was cancelled before it was done comes again`(): Unit =
        await {
            outcomes.tell(failed("one"))
            val here = CompletableDeferred<Unit>()
            val page =
                launch {
                    outcomes.flow.collect {
                        here.complete(Unit)
                        awaitCancellation()
                    }
                }
            here.await()
            page.cancelAndJoin()
            assertEquals("one", why(outcomes.flow.first()))
            outcomes.tell(failed("two"))
            assertEquals("two", why(outcomes.flow.first()))
        }

    @Test
    fun `one whose collector was done with it and then went away comes to no later one`(): Unit =
        await {
            outcomes.tell(failed("one"))
            launch { outcomes.flow.collect { currentCoroutineContext().cancel() } }.join()
            outcomes.tell(failed("two"))
            assertEquals("two", why(outcomes.flow.first()))
        }

    @Test
    fun `one whose listener closes itself comes to no later one`(): Unit =
        await {
            val listening = CompletableFuture<AutoCloseable>()
            val heard = CompletableFuture<String>()
            val callers = Callers(Job())
            outcomes.tell(failed("one"))
            listening.complete(
                callers.listen(outcomes.flow, Dispatchers.IO.asExecutor()) {
                    listening.join().close()
                    heard.complete(why(it))
                },
            )
            assertEquals("one", heard.get(SAFETY_MILLIS, TimeUnit.MILLISECONDS))
            outcomes.tell(failed("two"))
            // It counts when the listener has returned, which is a moment later than what it said.
            while (peek() != "two") yield()
            val next = LinkedBlockingQueue<String>()
            callers.listen(outcomes.flow, Runnable::run) { next += why(it).orEmpty() }
            assertEquals("two", next.poll(SAFETY_MILLIS, TimeUnit.MILLISECONDS))
        }

    @Test
    fun `one that an executor refuses comes to the next listener`(): Unit =
        await {
            val refused = CountDownLatch(1)
            val callers = Callers(Job())
            outcomes.tell(failed("one"))
            val refusing =
                Executor {
                    refused.countDown()
                    throw RejectedExecutionException("shut down")
                }
            callers.listen(outcomes.flow, refusing) { error("it was refused") }
            refused.await()
            val next = LinkedBlockingQueue<String>()
            callers.listen(outcomes.flow, Runnable::run) { next += why(it).orEmpty() }
            assertEquals("one", next.poll(SAFETY_MILLIS, TimeUnit.MILLISECONDS))
        }

    @Test
    fun `one that a collector threw on is not thrown on again`(): Unit =
        await {
            outcomes.tell(failed("one"))
            runCatching { outcomes.flow.collect { error("a fault of the app") } }
            outcomes.tell(failed("two"))
            assertEquals("two", why(outcomes.flow.first()))
        }

    @Test
    fun `everybody who collects gets it`(): Unit =
        await {
            val both = List(2) { async(start = CoroutineStart.UNDISPATCHED) { why(outcomes.flow.first()) } }
            outcomes.tell(failed("one"))
            both.forEach { assertEquals("one", it.await()) }
        }

    /** What a collector gets that goes away before it is done with it. */
    private suspend fun peek(): String? =
        coroutineScope {
            val first = CompletableDeferred<String?>()
            val looking =
                launch {
                    outcomes.flow.collect {
                        first.complete(why(it))
                        awaitCancellation()
                    }
                }
            first.await().also { looking.cancelAndJoin() }
        }

    private fun failed(why: String) = SsoOutcome.Failed(IllegalStateException(why))

    private fun why(outcome: SsoOutcome) = (outcome as SsoOutcome.Failed).reason.message
}
