package dev.steadfast

import dev.steadfast.core.Core
import dev.steadfast.core.Progress
import dev.steadfast.core.Response
import dev.steadfast.core.Transfer
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Deferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.async
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.channelFlow
import kotlinx.coroutines.flow.conflate
import kotlinx.coroutines.launch

/** Where a transfer is. */
public sealed class TransferState {
    /** Under way. */
    public data class Running(
        /** How far. */
        public val progress: Progress,
    ) : TransferState()

    /** Over, with what the server answered; a downloaded file is whole and in its place if the status is 200 or 206. */
    public data class Finished(
        /** The answer. */
        public val response: Response,
    ) : TransferState()
}

/** Begins a transfer when it is collected, tells where it is, and ends it when the collector goes away. */
internal fun Steadfast.transfer(begin: suspend (Core) -> Transfer): Flow<TransferState> =
    channelFlow {
        // Begun in a coroutine of nobody's: one that was begun just when the collector went away must be ended all the same,
        // and that the core is closed is the core's to say.
        val beginning = CoroutineScope(Dispatchers.Default).async { access.ask(begin) }
        val transfer =
            try {
                beginning.await()
            } catch (gone: CancellationException) {
                beginning.endLater()
                throw gone
            }
        try {
            tell(transfer, ::send)
        } finally {
            transfer.cancel()
            transfer.close()
        }
    }.conflate()

/** Returns when nobody asks the transfer any more, so that it can be closed. */
private suspend fun tell(
    transfer: Transfer,
    send: suspend (TransferState) -> Unit,
) = coroutineScope {
    val steps =
        launch {
            var seen = transfer.progress()
            send(TransferState.Running(seen))
            while (true) {
                val next = transfer.progressAfter(seen)
                if (next == seen) break
                seen = next
                send(TransferState.Running(seen))
            }
        }
    val response = transfer.finished()
    steps.join()
    send(TransferState.Finished(response))
}

@OptIn(ExperimentalCoroutinesApi::class)
private fun Deferred<Transfer>.endLater() =
    invokeOnCompletion { failure ->
        if (failure == null) {
            val transfer = getCompleted()
            transfer.cancel()
            transfer.close()
        }
    }
