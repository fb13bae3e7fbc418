package dev.steadfast.android

import android.content.Context
import dev.steadfast.Steadfast
import dev.steadfast.core.LegacyEntry
import dev.steadfast.core.LegacyResult
import dev.steadfast.core.PreviousInstallation
import dev.steadfast.core.legacyEntryId
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext

/**
 * What older Mattermost apps left on the device under this app's name: the React Native ones in the store of
 * react-native-keychain, the classic one in the web view's cookies and its preferences. Nothing is erased before the core says
 * that it has it; what cannot be read stays where it lies.
 */
internal class OlderApps(
    context: Context,
) {
    private val places = listOf(ReactNativeApp(context), ClassicApp(context))

    /** Hands over whatever is there, and erases what may be erased. */
    suspend fun takeOver(core: Steadfast): List<LegacyResult> =
        withContext(Dispatchers.IO) {
            val left = places.flatMap { it.look() }
            // On Android, what an app kept goes with it when it is uninstalled: whatever is there is this one's.
            val results = if (left.isEmpty()) emptyList() else core.importLegacy(left.map { it.entry }, PreviousInstallation.UPDATED)
            val byId = left.associateBy { legacyEntryId(it.entry) }
            val erasable = core.legacyErasable().map { it.id }
            // One that is not there any more was erased before the core could be told.
            erasable.mapNotNull(byId::get).sortedBy { it.isKey }.forEach { it.erase() }
            if (erasable.isNotEmpty()) core.legacyErased(erasable)
            results
        }
}

/** A thing that an older app left. */
internal class Left(
    val entry: LegacyEntry,
    /** The others are found by it, so it goes last. */
    val isKey: Boolean = false,
    /** Takes it away; durable when it returns. */
    val erase: () -> Unit,
)

/** Where an older app kept its things. */
internal interface OlderApp {
    /** What is there. */
    fun look(): List<Left>
}
