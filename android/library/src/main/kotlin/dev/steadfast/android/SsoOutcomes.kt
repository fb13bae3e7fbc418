package dev.steadfast.android

import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.channels.BufferOverflow
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.FlowCollector
import kotlinx.coroutines.flow.MutableSharedFlow
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.isActive

/**
 * What became of links, from whoever finishes sign-ins to whichever page is there to say it. The page that cares may come up
 * later than the link, when the browser started the process; and once a page has said it, no later one says it again.
 */
internal class SsoOutcomes {
    private val told = MutableSharedFlow<Told>(replay = WAITING, onBufferOverflow = BufferOverflow.DROP_OLDEST)
    private var count = 0L

    private class Told(
        val number: Long,
        val outcome: SsoOutcome,
    ) {
        @Volatile
        var handled = false
    }

    @Synchronized
    fun tell(outcome: SsoOutcome) {
        told.tryEmit(Told(count++, outcome))
    }

    /**
     * Those that no collector has handled yet, and those that come from here on, which everybody who collects gets. One whose
     * collector was cancelled before it was done with it, as a page that is rebuilt, was not handled;
     * one whose collector was done, was.
     */
    val flow: Flow<SsoOutcome> =
        flow {
            val before = told.replayCache.lastOrNull()?.number ?: -1
            told.collect {
                if (it.number > before || !it.handled) {
                    give(it)
                }
            }
        }

    @Suppress("TooGenericExceptionCaught") // Whatever a collector throws, it had it.
    private suspend fun FlowCollector<SsoOutcome>.give(told: Told) {
        try {
            emit(told.outcome)
            told.handled = true
        } catch (gone: CancellationException) {
            // One that wants no more, as `first`, ends by the same exception as one that was cancelled.
            if (currentCoroutineContext().isActive) told.handled = true
            throw gone
        } catch (thrown: Throwable) {
            told.handled = true
            throw thrown
        }
    }

    private companion object {
        /** More sign-ins than anybody ends before a page of the app is up. */
        const val WAITING = 16
    }
}
