package dev.steadfast.jvm

import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.Job
import kotlinx.coroutines.Runnable
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.async
import kotlinx.coroutines.withTimeout
import java.util.concurrent.atomic.AtomicInteger
import kotlin.coroutines.CoroutineContext

/** How often an answer may come before its caller waits for it. */
private const val EARLY = 20

/** When, at a point where a coroutine waits, it is cancelled. */
enum class Cancelled {
    WHILE_IT_WAITS,

    /** What it waited for has come, and it has not gone on yet. */
    BEFORE_IT_GOES_ON,
}

/** Runs one coroutine, and cancels it at a point where it waits; they count from 1. */
@OptIn(ExperimentalCoroutinesApi::class)
private class Point(
    private val number: Int,
    private val at: Cancelled,
) : CoroutineDispatcher() {
    lateinit var job: Job

    /** Whether there was such a point. */
    @Volatile var isMet = false

    /** The coroutine has begun, and waits or is over. */
    val begun = CompletableDeferred<Unit>()
    private val dispatched = AtomicInteger()

    // One thing after another, so that nothing goes on while it is looked at whether it waits.
    private val thread = Dispatchers.IO.limitedParallelism(1)

    override fun dispatch(
        context: CoroutineContext,
        block: Runnable,
    ) {
        // The first time it starts; every other time it goes on from a point where it waited.
        val passed = dispatched.getAndIncrement()
        if (passed == number && at == Cancelled.BEFORE_IT_GOES_ON) cancel()
        thread.dispatch(
            context,
            Runnable {
                block.run()
                if (passed + 1 == number && at == Cancelled.WHILE_IT_WAITS && !job.isCompleted) cancel()
                begun.complete(Unit)
            },
        )
    }

    private fun cancel() {
        isMet = true
        job.cancel()
    }
}

/** An operation that waits, in a state in which it does. */
class Operation(
    val name: String,
    /** Whether it has to wait; one that may answer at once has to say so. */
    val waits: Boolean = true,
    /** Happens while it waits, for one that waits for something. */
    val meanwhile: suspend () -> Unit = {},
    /** Waits until everything that the operation does is done, and fails if it is not. */
    val done: suspend () -> Unit = {},
    /** Makes that state anew, and gives the call. */
    val prepare: suspend () -> suspend () -> Any?,
)

/**
 * Cancels the operation at every point where it waits, until it is met by no cancellation and ends by itself, and well. Gives
 * how many points there were.
 */
suspend fun Operation.abandonEverywhere(): Int {
    var points = 0
    for (at in Cancelled.entries) {
        var number = 1
        // A busy machine may give the answer before the caller comes to wait for it.
        var early = 0
        while (true) {
            if (abandon(number, at)) {
                number++
            } else if (number > 1 || !waits || ++early == EARLY) {
                break
            }
        }
        check(number > 1 || !waits) { "$name was never under way" }
        points += number - 1
    }
    return points
}

private suspend fun Operation.abandon(
    number: Int,
    at: Cancelled,
): Boolean {
    val call = prepare()
    val point = Point(number, at)
    val running = CoroutineScope(SupervisorJob() + point).async(start = CoroutineStart.LAZY) { call() }
    point.job = running
    running.start()
    withTimeout(PATIENCE) {
        point.begun.await()
        meanwhile()
        running.join()
    }
    if (point.isMet) check(running.isCancelled) { "$name was cancelled at $number and went on" } else running.await()
    done()
    return point.isMet
}
