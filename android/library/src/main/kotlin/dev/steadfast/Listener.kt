package dev.steadfast

import dev.steadfast.core.SteadfastException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.asCoroutineDispatcher
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.future.future
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import java.util.concurrent.CompletableFuture
import java.util.concurrent.Executor

/**
 * Hears of one thing after another, in Java. Called on the executor that it was given with, one call at a time. What it throws
 * itself ends it, and is the thread's, as with any task that throws.
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
internal class Callers {
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
    ): AutoCloseable {
        val there = executor.asCoroutineDispatcher()
        val job =
            scope.launch {
                try {
                    flow.collect { withContext(there) { listener.next(it) } }
                } catch (failed: SteadfastException) {
                    withContext(there) { listener.ended(failed) }
                }
            }
        return AutoCloseable { job.cancel() }
    }
}
