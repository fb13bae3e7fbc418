package dev.steadfast.okhttp

import dev.steadfast.testing.SAFETY_MILLIS
import okhttp3.Call
import okhttp3.Callback
import okhttp3.MediaType
import okhttp3.RequestBody
import okhttp3.Response
import okio.BufferedSink
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.ClassRule
import org.junit.Test
import java.io.IOException
import java.io.InterruptedIOException
import java.util.concurrent.CompletableFuture
import java.util.concurrent.CountDownLatch
import java.util.concurrent.Executor
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.RejectedExecutionException
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicInteger
import kotlin.concurrent.thread

/** What becomes of enqueued calls and of waiting threads is what OkHttp's own calls do. */
class EnqueuedCallsTest {
    private val over = CompletableFuture<Throwable?>()

    /** A thread per task, which says what the task threw. */
    private val threads =
        Executor { task -> thread { over.complete(runCatching { task.run() }.exceptionOrNull()) } }
    private val calls = SteadfastCallFactory(one.account, threads)

    /** Counts how often it is called back, and throws what it is told to. */
    private class Told(
        private val throws: Throwable? = null,
    ) : Callback {
        val answers = LinkedBlockingQueue<Int>()
        val failures = LinkedBlockingQueue<IOException>()

        override fun onFailure(
            call: Call,
            e: IOException,
        ) {
            failures += e
        }

        override fun onResponse(
            call: Call,
            response: Response,
        ) = response.use {
            answers += it.code
            throws?.let { thrown -> throw thrown }
            Unit
        }
    }

    @Test
    fun `an IOException of the callback's own is logged, and nothing is called twice`() {
        val told = Told(IOException("the disk is full"))
        calls.newCall(one.get(ME)).enqueue(told)
        assertNull(over.get(SAFETY_MILLIS, TimeUnit.MILLISECONDS))
        assertEquals(listOf(200), told.answers.toList())
        assertEquals(0, told.failures.size)
    }

    @Test
    fun `any other exception of the callback's own is its executor's, and the call is cancelled`() {
        val fault = IllegalStateException("a fault of the app")
        val told = Told(fault)
        val call = calls.newCall(one.get(ME))
        call.enqueue(told)
        assertEquals(fault, over.get(SAFETY_MILLIS, TimeUnit.MILLISECONDS))
        assertTrue(call.isCanceled())
        assertEquals(0, told.failures.size)
    }

    @Test
    fun `a body that cannot be written is told to the callback, and its fault to the executor`() {
        val fault = IllegalStateException("no such picture")
        val told = Told()
        calls.newCall(one.post(one.files, written { throw fault })).enqueue(told)
        assertEquals(fault, over.get(SAFETY_MILLIS, TimeUnit.MILLISECONDS))
        assertEquals("canceled due to $fault", told.failures.single().message)
        assertEquals(0, told.answers.size)
    }

    @Test
    fun `an executor that refuses is told to the callback`() {
        val told = Told()
        val refusing = SteadfastCallFactory(one.account, { throw RejectedExecutionException("shut down") })
        refusing.newCall(one.get(ME)).enqueue(told)
        assertEquals("executor rejected", (told.failures.single() as InterruptedIOException).message)
    }

    @Test
    fun `a call that is cancelled while it waits is told to the callback`() =
        one.heldBack(TEAMS) {
            val told = Told()
            val call = calls.newCall(one.get(TEAMS))
            val before = one.arrivals(TEAMS)
            call.enqueue(told)
            one.arrived(TEAMS, before + 1)
            call.cancel()
            assertEquals("Canceled", told.failures.poll(SAFETY_MILLIS, TimeUnit.MILLISECONDS)?.message)
            assertNull(over.get(SAFETY_MILLIS, TimeUnit.MILLISECONDS))
            assertEquals(0, told.answers.size)
        }

    @Test
    fun `a thread that is interrupted while it waits says so, and stays interrupted`() =
        one.heldBack(TEAMS) {
            val failed = CompletableFuture<Pair<Throwable?, Boolean>>()
            val before = one.arrivals(TEAMS)
            val waiting =
                thread {
                    val thrown = runCatching { calls.newCall(one.get(TEAMS)).execute() }.exceptionOrNull()
                    failed.complete(thrown to Thread.currentThread().isInterrupted)
                }
            one.arrived(TEAMS, before + 1)
            waiting.interrupt()
            val (thrown, interrupted) = failed.get(SAFETY_MILLIS, TimeUnit.MILLISECONDS)
            assertEquals("interrupted", (thrown as InterruptedIOException).message)
            assertTrue(interrupted)
        }

    @Test
    fun `five are under way at once, on threads of their own, and the others take their turn`() {
        val (now, most) = AtomicInteger() to AtomicInteger()
        val five = CountDownLatch(CallThreads.AT_ONCE)
        val names = LinkedBlockingQueue<String>()
        val told = Told()
        val body =
            written {
                most.accumulateAndGet(now.incrementAndGet(), ::maxOf)
                names += Thread.currentThread().name
                five.countDown()
                assertTrue(five.await(SAFETY_MILLIS, TimeUnit.MILLISECONDS))
                now.decrementAndGet()
                it.writeUtf8("x")
            }
        repeat(20) { one.calls.newCall(one.post(one.files, body)).enqueue(told) }
        repeat(20) { assertEquals(201, told.answers.poll(SAFETY_MILLIS, TimeUnit.MILLISECONDS)) }
        assertEquals(CallThreads.AT_ONCE, most.get())
        assertFalse(names.any { !it.startsWith("Steadfast call ") })
    }

    private fun written(by: (BufferedSink) -> Unit) =
        object : RequestBody() {
            override fun contentType(): MediaType? = null

            override fun writeTo(sink: BufferedSink) = by(sink)
        }

    private companion object {
        const val ME = "/api/v4/users/me"
        const val TEAMS = "/api/v4/users/me/teams"

        @ClassRule
        @JvmField
        val one = OneAccount()
    }
}
