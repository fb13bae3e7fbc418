package dev.steadfast.okhttp

import dev.steadfast.core.SteadfastException
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.Job
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.TimeoutCancellationException
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import okio.Timeout
import java.io.IOException
import java.io.InterruptedIOException
import java.util.concurrent.TimeUnit

/** How the threads of one call wait: until it is done, cancelled, interrupted or late. */
internal class Waiting {
    private val job: Job = SupervisorJob()

    /** For the whole call, from its start until its body was read. */
    val limit: Timeout = Timeout()

    @Volatile
    private var end: Long? = null

    val cancelled: Boolean get() = job.isCancelled

    fun cancel() = job.cancel()

    /** From here on the time runs. */
    fun begin() {
        val now = System.nanoTime()
        val own = limit.timeoutNanos().takeIf { it > 0 }?.let { now + it }
        val given = if (limit.hasDeadline()) limit.deadlineNanoTime() else null
        end = if (own != null && given != null) minOf(own, given) else own ?: given
    }

    /** Fails if nobody waits any more; for work that cannot be interrupted. */
    fun goOn() {
        val why =
            when {
                cancelled -> canceled(null)
                left() == 0L -> late(null)
                Thread.currentThread().isInterrupted -> InterruptedIOException("interrupted")
                else -> null
            }
        if (why != null) throw why
    }

    /** Runs on the caller's thread, as OkHttp's callers expect. */
    fun <T> wait(work: suspend () -> T): T =
        try {
            runBlocking(job) {
                val left = left()
                if (left == null) work() else withTimeout(left) { work() }
            }
        } catch (failed: SteadfastException) {
            throw SteadfastCallException(failed)
        } catch (over: TimeoutCancellationException) {
            throw late(over)
        } catch (gone: CancellationException) {
            throw canceled(gone)
        } catch (gone: InterruptedException) {
            // Whoever interrupted the thread meant more than this call.
            Thread.currentThread().interrupt()
            throw InterruptedIOException("interrupted").apply { initCause(gone) }
        }

    /** Milliseconds, 0 if it is late; null for as long as it takes. */
    private fun left(): Long? =
        end?.let { at ->
            val nanos = at - System.nanoTime()
            if (nanos <= 0) 0 else TimeUnit.NANOSECONDS.toMillis(nanos) + 1
        }

    private fun canceled(cause: Throwable?) = IOException("Canceled", cause)

    private fun late(cause: Throwable?): IOException {
        cancel()
        return InterruptedIOException("timeout").apply { initCause(cause) }
    }
}
