package dev.steadfast.testing

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout

/** A net for what has to happen, longer than any interval of the product that a test meets. No measure. */
public const val SAFETY_MILLIS: Long = 60_000

/** Waits for it, away from the test's own thread: that is the main one under Robolectric. */
public fun <T> await(what: suspend CoroutineScope.() -> T): T = runBlocking(Dispatchers.Default) { withTimeout(SAFETY_MILLIS) { what() } }

/** Waits for something that nobody tells of. */
public fun eventually(condition: () -> Boolean) {
    val until = System.nanoTime() + SAFETY_MILLIS * NANOS_IN_A_MILLI
    while (!condition()) {
        check(System.nanoTime() < until) { "it did not come" }
        Thread.sleep(POLL_MILLIS)
    }
}

private const val NANOS_IN_A_MILLI = 1_000_000
private const val POLL_MILLIS = 10L
