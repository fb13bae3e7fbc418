package dev.steadfast.sample

import android.Manifest
import android.app.Activity
import android.content.Intent
import android.net.Uri
import android.os.Build
import android.os.Bundle
import android.widget.FrameLayout
import android.widget.HorizontalScrollView
import android.widget.LinearLayout
import dev.steadfast.Steadfast
import dev.steadfast.android.SsoOutcome
import dev.steadfast.core.Changes
import dev.steadfast.core.ServerInfo
import dev.steadfast.core.Shows
import dev.steadfast.core.Snapshot
import dev.steadfast.core.SsoStart
import dev.steadfast.core.Standing
import dev.steadfast.core.SteadfastException
import kotlinx.coroutines.MainScope
import kotlinx.coroutines.cancel
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.combine
import kotlinx.coroutines.launch

/** Where the user went. */
internal sealed class Place {
    /** To an account; the first one if there is no such account any more. */
    data class Account(
        val id: Long?,
    ) : Place()

    /** To an account's Active Sessions. */
    data class Sessions(
        val id: Long,
    ) : Place()

    /** To the page that asks for a server. */
    data object AddServer : Place()

    /** To the sign-in page of a server that was found. */
    data class SignIn(
        val server: ServerInfo,
    ) : Place()
}

/** The only activity. It shows what the core says, at the place where the user went, and holds no state of a session. */
class MainActivity : Activity() {
    private val scope = MainScope()
    private val place = MutableStateFlow<Place>(Place.Account(null))
    private lateinit var switcher: LinearLayout
    private lateinit var frame: FrameLayout
    private var page: Page? = null
    private var shown: Any? = null

    /** The core. */
    internal val core: Steadfast get() = app.steadfast.core

    private val app get() = application as SampleApp

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        switcher = LinearLayout(this)
        frame = FrameLayout(this)
        setContentView(
            column {
                setBackgroundColor(Colors.PAPER)
                fitsSystemWindows = true
                addView(
                    HorizontalScrollView(context).apply {
                        isHorizontalScrollBarEnabled = false
                        addView(switcher)
                    },
                )
                addView(frame, LinearLayout.LayoutParams(LinearLayout.LayoutParams.MATCH_PARENT, 0, 1f))
            },
        )
        state?.getLong(ACCOUNT)?.takeIf { it != 0L }?.let { place.value = Place.Account(it) }
        // The one loop: whatever changes, what is shown follows from what the core says now.
        scope.launch { combine(core.changes, place, ::Pair).collect { (changes, place) -> show(changes, place) } }
        scope.launch { app.steadfast.ssoOutcomes.collect(::cameBack) }
    }

    override fun onSaveInstanceState(state: Bundle) {
        super.onSaveInstanceState(state)
        (place.value as? Place.Account)?.id?.let { state.putLong(ACCOUNT, it) }
    }

    override fun onDestroy() {
        page?.close()
        scope.cancel()
        super.onDestroy()
    }

    @Deprecated("Predictive back came with Android 13; this works everywhere.")
    @Suppress("DEPRECATION")
    override fun onBackPressed() {
        when (val now = place.value) {
            is Place.Account -> super.onBackPressed()
            is Place.Sessions -> go(Place.Account(now.id))
            is Place.SignIn -> go(Place.AddServer)
            is Place.AddServer -> if (core.accounts.value.isNullOrEmpty()) super.onBackPressed() else go(Place.Account(null))
        }
    }

    /** The user goes there. */
    internal fun go(to: Place) {
        place.value = to
    }

    /** Somebody signed in: goes to the account, and asks once whether the end of a session may be told by a notification. */
    internal fun signedIn(account: Long) {
        go(Place.Account(account))
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.TIRAMISU) {
            requestPermissions(arrayOf(Manifest.permission.POST_NOTIFICATIONS), 0)
        }
    }

    /** Opens the system's browser, which comes back by itself to the library's activity. */
    internal fun openBrowser(start: SsoStart) {
        startActivity(Intent(Intent.ACTION_VIEW, Uri.parse(start.url)))
    }

    private fun show(
        changes: Changes?,
        place: Place,
    ) {
        val account = changes?.accounts?.at(place)
        showSwitcher(changes?.accounts.orEmpty(), account, place)
        when {
            changes == null -> replace("opening") { CoverPage(this, "Opening…") }
            place is Place.SignIn -> replace(place) { NewSignInPage(this, place.server) }
            account == null || place is Place.AddServer -> replace("add server") { AddServerPage(this) }
            else -> show(account, place)
        }
    }

    private fun show(
        snapshot: Snapshot,
        place: Place,
    ) {
        // The core knows of every account in its own list.
        val account = core.account(snapshot.account) ?: return
        when (val shows = snapshot.shows) {
            is Shows.Content -> {
                if (place is Place.Sessions) {
                    replace(place) { SessionsPage(this, account) }
                } else {
                    replace(account) { HomePage(this, account) }
                }
            }

            is Shows.Cover -> {
                val leave = account.takeIf { snapshot.standing == Standing.NEEDS_MFA }
                replace(shows) { CoverPage(this, shows.message.text, leave) }
            }

            is Shows.SignIn -> {
                // Whoever signs in again begins at the account's own page.
                if (place is Place.Sessions) go(Place.Account(place.id))
                replace(Triple(account, shows, snapshot.mayContinue)) { SignInAgainPage(this, account) }
            }
        }
        page?.update(snapshot)
    }

    /** A page that is shown already stays as it is, with what the user typed. */
    private fun replace(
        key: Any,
        make: () -> Page,
    ) {
        if (key == shown) return
        page?.close()
        val next = make()
        frame.removeAllViews()
        frame.addView(next.view)
        page = next
        shown = key
    }

    private fun showSwitcher(
        accounts: List<Snapshot>,
        current: Snapshot?,
        place: Place,
    ) {
        switcher.removeAllViews()
        if (accounts.isEmpty()) return
        val adding = place is Place.AddServer || place is Place.SignIn
        accounts.forEach { account ->
            val isCurrent = !adding && account.account == current?.account
            switcher.tab("${account.name} · ${account.username}", isCurrent) { go(Place.Account(account.account)) }
        }
        switcher.tab("Add a server", adding) { go(Place.AddServer) }
    }

    private fun cameBack(outcome: SsoOutcome) {
        if (outcome === app.lastOutcome) return
        app.lastOutcome = outcome
        when (outcome) {
            is SsoOutcome.SignedIn -> signedIn(outcome.account.id)
            is SsoOutcome.Failed -> (outcome.reason as? SteadfastException)?.let { page?.tell(it) }
        }
    }

    private companion object {
        const val ACCOUNT = "account"
    }
}

private fun List<Snapshot>.at(place: Place): Snapshot? {
    val id =
        when (place) {
            is Place.Account -> place.id
            is Place.Sessions -> place.id
            is Place.AddServer, is Place.SignIn -> null
        }
    return find { it.account == id } ?: firstOrNull()
}

/** What the server is called. */
internal val Snapshot.name: String get() = serverName.ifEmpty { serverUrl.substringAfter("://") }
