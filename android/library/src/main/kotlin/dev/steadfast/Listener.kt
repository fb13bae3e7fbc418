package dev.steadfast

import dev.steadfast.core.SteadfastException
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.future.future
import kotlinx.coroutines.job
import kotlinx.coroutines.launch
import kotlinx.coroutines.selects.select
import kotlinx.coroutines.withContext
import java.util.concurrent.CompletableFuture
import java.util.concurrent.Executor
import java.util.concurrent.RejectedExecutionException
import java.util.concurrent.atomic.AtomicBoolean

/**
 * Hears of one thing after another, in Java. Called on the executor that it was given with, one call at a time. What it throws
 * itself ends it, and is the thread's, as with any task that throws. An executor that refuses a call, as one that was shut
 * down, closes the listener: there is no thread left to tell it on. One that drops a call and says nothing of that, as a handler
 * whose looper has quit, has the listener wait for it until it is closed.
 */
public fun interface Listener<T> {
    /** Here is the next. */
    public fun next(value: T)

    /**
     * Nothing comes any more, because of [why]: the account is gone, the core is closed. Not called after the listener was
     * closed. Does nothing unless it is overridden.
     */
    public fun ended(why: SteadfastException) {
        // Whoever does not care is not troubled.
    }
}

/** Gives callers in Java what coroutines have: futures, and calls on an executor. */
internal class Callers(
    /** Ends with the core. */
    private val open: Job,
) {
    /** Not the core's own scope: the call that closes it must see its end, and a listener that it was closed. */
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)

    fun <T> future(call: suspend () -> T): CompletableFuture<T> = scope.future { call() }

    fun done(call: suspend () -> Unit): CompletableFuture<Void?> =
        scope.future {
            call()
            null
        }

    /**
     * Collects on a thread of its own and calls on the executor, so that a listener that waits for the core does not hold up
     * the thread that tells it.
     */
    fun <T> listen(
        flow: Flow<T>,
        executor: Executor,
        listener: Listener<T>,
    ): AutoCloseable = tell(flow, executor, listener, listener::next)

    /** As [listen], where what the flow gives is not what the listener takes. */
    fun <T> tell(
        flow: Flow<T>,
        executor: Executor,
        listener: Listener<*>,
        next: (T) -> Unit,
    ): AutoCloseable {
        val job =
            scope.launch {
                try {
                    coroutineScope {
                        val closing =
                            launch {
                                open.join()
                                throw SteadfastException.CorrectInput("closed", "the core is closed", null)
                            }
                        flow.collect { call(executor, ::close) { next(it) } }
                        closing.cancel()
                    }
                } catch (failed: SteadfastException) {
                    call(executor, ::close) { listener.ended(failed) }
                }
            }
        return AutoCloseable { job.cancel() }
    }

    /**
     * Cancelled before it has begun, or with [over] there before, it never begins; once it has begun, it ends as it ends,
     * whoever was cancelled meanwhile. What becomes of one that the executor refuses before [over] is there is [refused]'s to
     * decide: to cancel who calls, or to throw. One that it never runs, and says nothing of, waits for [over] or to be cancelled.
     */
    suspend fun call(
        executor: Executor,
        refused: (Job, RejectedExecutionException) -> Unit,
        over: Job? = null,
        what: () -> Unit,
    ) {
        val job = currentCoroutineContext().job
        val isOver = { over?.isCompleted == true }
        // Whoever waited for the end may have shut the executor down by now.
        if (isOver()) return
        val claimed = AtomicBoolean()
        val end = CompletableDeferred<Result<Unit>>()
        try {
            executor.execute { if (job.isActive && !isOver() && claimed.compareAndSet(false, true)) end.complete(runCatching(what)) }
        } catch (rejected: RejectedExecutionException) {
            if (isOver()) return
            refused(job, rejected)
        }
        try {
            select {
                end.onAwait {}
                over?.onJoin {}
            }
            // What has run is [claimed] by itself.
            if (claimed.compareAndSet(false, true)) return
        } catch (gone: CancellationException) {
            if (claimed.compareAndSet(false, true)) throw gone
        }
        withContext(NonCancellable) { end.await() }.getOrThrow()
    }

    private fun close(
        listening: Job,
        rejected: RejectedExecutionException,
    ) = listening.cancel("the executor takes no more", rejected)
}
