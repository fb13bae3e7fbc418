package dev.steadfast.android

import android.content.Context
import android.os.UserManager
import dev.steadfast.Steadfast
import dev.steadfast.core.LegacyEntry
import dev.steadfast.core.LegacyErasable
import dev.steadfast.core.LegacyOutcome
import dev.steadfast.core.LegacySource
import dev.steadfast.core.PreviousInstallation
import dev.steadfast.core.legacyEntryId
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import kotlinx.coroutines.withContext
import java.io.IOException

/** What a look at the stores of older apps came to. */
public sealed class OlderAppsResult {
    /** The device was not unlocked since it started: nothing was looked at, nothing changed. To be called again later. */
    public object Locked : OlderAppsResult()

    /** They were looked through. */
    public class Done(
        /** Everything that was found there; empty where no older app left anything, or all of it was erased before. */
        public val items: List<OlderItem>,
    ) : OlderAppsResult()
}

/** One thing that an older app left. */
public class OlderItem(
    /** Address of its server as the older app wrote it; empty where the store has none, or could not be read as a whole. */
    public val server: String,
    /** What became of it. */
    public val state: OlderItemState,
)

/** What became of a thing that an older app left. */
public sealed class OlderItemState {
    /** The core has it. */
    public class HandedOver(
        /** What it became there. */
        public val outcome: LegacyOutcome,
        /**
         * It is gone from the older app's store. If not, either the core leaves it alone or still needs it there, or it could
         * not be erased now; the next call tries again.
         */
        public val erased: Boolean,
    ) : OlderItemState()

    /** Its key asks for the user's finger, face or code. It was not touched; the user signs in. */
    public object BoundToUser : OlderItemState()

    /** It is encrypted in a way that nothing here knows. It was not touched. */
    public object UnknownForm : OlderItemState()

    /**
     * It cannot be read now: its key is gone or fails, or it is damaged. It was not touched, and is tried again with the next
     * call; the user can sign in meanwhile.
     */
    public object Unreadable : OlderItemState()
}

/** A thing that was read where it lies. */
internal class OlderFind(
    val entry: LegacyEntry,
    /** The others are found by it. */
    val isLast: Boolean = false,
    /** Takes exactly this out of its store, or fails with an [IOException]; it is gone for good when it returns. */
    private val takeOut: () -> Unit,
) {
    val id: String = legacyEntryId(entry)

    /** It was erased. */
    var isGone = false
        private set

    /** Erases it. If it says no, it stays on the core's list, and the next call tries again. */
    fun erase(): Boolean {
        isGone =
            try {
                takeOut()
                true
            } catch (_: IOException) {
                false
            }
        return isGone
    }
}

/** What is there of one app. */
internal class OlderFinds {
    val read = ArrayList<OlderFind>()
    val notRead = ArrayList<OlderItem>()

    fun unreadable(server: String = "") {
        notRead += OlderItem(server, OlderItemState.Unreadable)
    }
}

/** The stores of one family of older apps. */
internal interface OlderApp {
    /** What the core calls what lies here. */
    val sources: Set<LegacySource>

    /** Looks through them, and changes nothing. Whatever cannot be read is said to be there. */
    fun look(): OlderFinds

    /** Whether what [looked] did not find is not there for sure. What could not be read may be what is asked for. */
    fun isGone(
        erasable: LegacyErasable,
        looked: OlderFinds,
    ): Boolean = looked.notRead.isEmpty() && erasable.source in sources
}

/**
 * Hands what older apps left to the core, and erases what the core says may go. Can be killed at any point: what is still
 * there is handed over again, and the core knows it.
 */
internal class OlderApps(
    private val context: Context,
    private val core: Steadfast,
    private val apps: List<OlderApp>,
    private val awaitFront: suspend () -> Unit,
) {
    private val one = Mutex()

    suspend fun takeOver(): OlderAppsResult =
        one.withLock {
            if (!isUnlocked()) return OlderAppsResult.Locked
            awaitFront()
            // Before anything is read: where it is closed, or cannot be opened, nothing can be handed over.
            core.ready()
            val looks = withContext(Dispatchers.IO) { apps.associateWith { it.look() } }
            val finds = looks.values.flatMap { it.read }.groupBy { it.id }
            val entries = finds.values.map { it.first().entry }
            // Preferences and Keystore keys go with the app that made them: what is here is this installation's.
            val results = if (entries.isEmpty()) emptyList() else core.importLegacy(entries, PreviousInstallation.UPDATED)
            val erased = erase(looks, finds)
            val handedOver =
                results.map { result ->
                    val server = finds.getValue(result.id).first().entry.server
                    OlderItem(server, OlderItemState.HandedOver(result.outcome, result.id in erased))
                }
            OlderAppsResult.Done(handedOver + looks.values.flatMap { it.notRead })
        }

    /** Erases what may go, in the core's order, and tells it what is gone, also if an earlier process did the erasing. */
    private suspend fun erase(
        looks: Map<OlderApp, OlderFinds>,
        finds: Map<String, List<OlderFind>>,
    ): Set<String> {
        val erased = LinkedHashSet<String>()
        val erasables = core.legacyErasable().sortedBy { finds[it.id]?.first()?.isLast ?: false }
        for (erasable in erasables) {
            val here = finds[erasable.id]
            val gone =
                withContext(Dispatchers.IO) {
                    here?.all { it.erase() } ?: looks.any { (app, looked) -> app.isGone(erasable, looked) }
                }
            if (gone) erased += erasable.id
        }
        if (erased.isNotEmpty()) core.legacyErased(erased.toList())
        return erased
    }

    private fun isUnlocked() = context.getSystemService(UserManager::class.java)?.isUserUnlocked ?: false
}
