package dev.steadfast

import dev.steadfast.core.Core
import dev.steadfast.core.SteadfastException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import kotlinx.coroutines.withContext

/** The core behind the face: opened once, by whoever needs it first, and never on the caller's thread. */
internal class CoreAccess(
    private val open: () -> Core,
) {
    private val gate = Mutex()
    private var closed = false

    @Volatile
    private var core: Core? = null

    /** What the core has to hear before it is asked anything else; nothing where the app itself tells it everything. */
    @Volatile
    var before: suspend () -> Unit = {}

    /**
     * The core; opened now, if it is not yet.
     *
     * @throws SteadfastException if it cannot be opened; the next call tries again
     */
    suspend fun get(): Core =
        core ?: withContext(Dispatchers.IO) {
            gate.withLock {
                core ?: run {
                    if (closed) throw SteadfastException.CorrectInput("closed", "the core is closed", null)
                    opened().also { core = it }
                }
            }
        }

    @Suppress("TooGenericExceptionCaught") // The app's own settings and the platform's lists are read here.
    private fun opened(): Core =
        try {
            open()
        } catch (failed: SteadfastException) {
            throw failed
        } catch (failed: Exception) {
            throw SteadfastException.TryLater("internal", "what the core is opened with failed", null).apply { initCause(failed) }
        }

    /** Asks the core, away from the caller's thread: what crosses the border is copied, and may be large. */
    suspend fun <T> ask(call: suspend (Core) -> T): T =
        askAtOnce {
            before()
            call(it)
        }

    /** As [ask], without what comes before: for what tells the core, and for what it gives at any time. */
    suspend fun <T> askAtOnce(call: suspend (Core) -> T): T = withContext(Dispatchers.Default) { call(get()) }

    suspend fun close() =
        withContext(NonCancellable + Dispatchers.Default) {
            val opened =
                gate.withLock {
                    closed = true
                    core
                }
            opened?.shutDown()
        }
}
