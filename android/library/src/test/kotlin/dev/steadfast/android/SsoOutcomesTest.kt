package dev.steadfast.android

import dev.steadfast.testing.await
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import org.junit.Assert.assertEquals
import org.junit.Test

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

    private fun failed(why: String) = SsoOutcome.Failed(IllegalStateException(why))

    private fun why(outcome: SsoOutcome) = (outcome as SsoOutcome.Failed).reason.message
}
