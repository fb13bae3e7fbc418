package dev.steadfast.testing

import java.io.File

/**
 * What a call gives, and how long it holds the thread that makes it, in nanoseconds. While the thread could have gone on and the
 * machine was busy with others it is not the call that holds it; Linux says how long that was.
 */
public fun <T> held(call: () -> T): Pair<T, Long> {
    val before = waitedNanos()
    val from = System.nanoTime()
    val given = call()
    val took = System.nanoTime() - from
    return given to took - (waitedNanos() - before)
}

/** How long this thread has waited for a processor so far. */
private fun waitedNanos(): Long = if (SCHEDULED.exists()) SCHEDULED.readText().split(' ')[1].toLong() else 0

private val SCHEDULED = File("/proc/thread-self/schedstat")
