package dev.steadfast

import dev.steadfast.core.EventBatch
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock

/**
 * The events of one account for any number of collectors. The core keeps an event until somebody has taken it, so all
 * collectors share one pull: each batch waits here until everybody who collects has come to it.
 */
internal class EventStream(
    private val pull: suspend (Long) -> EventBatch,
) {
    private val pulling = Mutex()
    private val lock = Any()

    /** Batches that some reader has yet to come to, the oldest of them the one of the number [first]. */
    private val kept = ArrayDeque<EventBatch>()
    private var first = 0L
    private val readers = HashSet<Reader>()

    /** The last place that was pulled, and the last one that a reader took. */
    private var pulled = 0L
    private var taken = 0L

    private class Reader(
        var next: Long,
        /** What others had taken when it came. */
        val after: Long,
    )

    /** An event for somebody who may go away before he comes to it: nobody has it before it is taken. */
    class Offer(
        val event: RealtimeEvent,
        private val take: () -> Unit,
    ) {
        fun take(): RealtimeEvent {
            take.invoke()
            return event
        }
    }

    fun read(): Flow<RealtimeEvent> = offers().map { it.take() }

    fun offers(): Flow<Offer> =
        flow {
            val reader = begin()
            try {
                while (true) {
                    val batch = next(reader)
                    if (batch.gap) emit(Offer(RealtimeEvent.Gap) {})
                    for (event in batch.events) {
                        if (event.seq > reader.after) emit(Offer(RealtimeEvent.Received(event)) { take(event.seq) })
                    }
                    take(batch.lastSeq)
                    goOn(reader)
                }
            } finally {
                end(reader)
            }
        }

    private fun begin(): Reader =
        synchronized(lock) {
            if (readers.isEmpty()) {
                // What was pulled and not taken before the last one went is pulled again.
                kept.clear()
                pulled = taken
            }
            Reader(first, taken).also(readers::add)
        }

    private suspend fun next(reader: Reader): EventBatch =
        waiting(reader) ?: pulling.withLock { waiting(reader) ?: add(pull(synchronized(lock) { pulled })) }

    private fun waiting(reader: Reader): EventBatch? =
        synchronized(lock) {
            if (reader.next < first) {
                // It was too slow: the next one it gets is the oldest that is kept.
                reader.next = first - 1
                EventBatch(gap = true, events = emptyList(), lastSeq = taken)
            } else {
                kept.getOrNull((reader.next - first).toInt())
            }
        }

    private fun add(batch: EventBatch): EventBatch =
        synchronized(lock) {
            kept.addLast(batch)
            pulled = batch.lastSeq
            while (kept.size > 1 && kept.sumOf { it.events.size } > KEPT) dropFirst()
            batch
        }

    private fun take(seq: Long) = synchronized(lock) { taken = maxOf(taken, seq) }

    private fun goOn(reader: Reader) =
        synchronized(lock) {
            reader.next++
            dropRead()
        }

    private fun end(reader: Reader) =
        synchronized(lock) {
            readers.remove(reader)
            dropRead()
        }

    private fun dropRead() {
        while (kept.isNotEmpty() && readers.all { it.next > first }) dropFirst()
    }

    private fun dropFirst() {
        kept.removeFirst()
        first++
    }

    private companion object {
        /** As many events as the core keeps for somebody who takes none. */
        const val KEPT = 1_000
    }
}
