package dev.steadfast.sample

import android.Manifest
import android.app.Activity
import android.content.ActivityNotFoundException
import android.content.Intent
import android.content.pm.PackageManager
import android.net.Uri
import android.os.Build
import android.os.Bundle
import android.view.View
import android.widget.FrameLayout
import android.widget.HorizontalScrollView
import android.widget.LinearLayout
import dev.steadfast.Steadfast
import dev.steadfast.android.SsoOutcome
import dev.steadfast.android.SteadfastAndroid
import dev.steadfast.core.Changes
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

    /** To the sign-in page of an account whose session cannot be opened, for as long as that is offered. */
    data class SignInAgain(
        val id: Long,
    ) : Place()

    /** To the page that asks for a server. */
    data class AddServer(
        val address: String = "",
    ) : Place()

    /** To the sign-in page of a server that was found. */
    data class SignIn(
        val address: String,
    ) : Place()
}

/** The only activity. It shows what the core says, at the place where the user went, and holds no state of a session. */
class MainActivity : Activity() {
    private val scope = MainScope()
    private val place = MutableStateFlow<Place>(Place.Account(null))
    private lateinit var switcher: LinearLayout
    private lateinit var frame: FrameLayout
    private var page: Page? = null
    private var shown: List<Any?>? = null
    private var tabs: List<Any?>? = null

    /** What went wrong while no page was there that could say it. */
    private var untold: String? = null

    /** The core. */
    internal val core: Steadfast get() = app.steadfast.core

    private val app get() = application as SampleApp

    override fun onCreate(state: Bundle?) {
        setTheme(if (isNight) android.R.style.Theme_Material_NoActionBar else android.R.style.Theme_Material_Light_NoActionBar)
        super.onCreate(state)
        switcher = LinearLayout(this)
        frame = FrameLayout(this)
        setContentView(
            column {
                setBackgroundColor(color(Tone.PAPER))
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
        colorStatusBar()
        place.value = if (state == null) placeOf(intent) ?: Place.Account(null) else placeIn(state)
        // At once, so that the system finds the fields again whose text it kept.
        show(core.changes.value, core.openingProblem.value, place.value)
        // The one loop: whatever changes, what is shown follows from what the core says now.
        scope.launch {
            combine(core.changes, core.openingProblem, place, ::Triple).collect { (now, problem, at) ->
                show(now, problem, at)
            }
        }
        scope.launch { app.steadfast.ssoOutcomes.collect(::cameBack) }
    }

    override fun onNewIntent(intent: Intent) {
        super.onNewIntent(intent)
        placeOf(intent)?.let(::go)
    }

    /** Where a notification leads that the user tapped. */
    private fun placeOf(intent: Intent) = SteadfastAndroid.accountOf(intent)?.let { Place.Account(it) }

    override fun onSaveInstanceState(state: Bundle) {
        super.onSaveInstanceState(state)
        when (val now = place.value) {
            is Place.Account -> state.putLong(ACCOUNT, now.id ?: 0)
            is Place.Sessions -> state.putLong(SESSIONS, now.id)
            is Place.SignInAgain -> state.putLong(ACCOUNT, now.id)
            is Place.AddServer -> state.putString(ADD_SERVER, now.address)
            is Place.SignIn -> state.putString(SIGN_IN, now.address)
        }
    }

    private fun placeIn(state: Bundle): Place =
        when {
            state.containsKey(SESSIONS) -> Place.Sessions(state.getLong(SESSIONS))
            state.containsKey(ADD_SERVER) -> Place.AddServer(state.getString(ADD_SERVER, ""))
            state.containsKey(SIGN_IN) -> Place.SignIn(state.getString(SIGN_IN, ""))
            else -> Place.Account(state.getLong(ACCOUNT).takeIf { it != 0L })
        }

    @Suppress("DEPRECATION") // What took their place came with Android 11; these work everywhere.
    private fun colorStatusBar() {
        window.statusBarColor = color(Tone.PAPER)
        window.decorView.systemUiVisibility = if (isNight) 0 else View.SYSTEM_UI_FLAG_LIGHT_STATUS_BAR
    }

    override fun onDestroy() {
        page?.close()
        scope.cancel()
        super.onDestroy()
    }

    @Deprecated("Works everywhere for an app that targets Android 15; one that targets a later one registers an OnBackInvokedCallback.")
    @Suppress("DEPRECATION")
    override fun onBackPressed() {
        when (val now = place.value) {
            is Place.Account -> super.onBackPressed()
            is Place.Sessions -> go(Place.Account(now.id))
            is Place.SignInAgain -> go(Place.Account(now.id))
            is Place.SignIn -> go(Place.AddServer(now.address))
            is Place.AddServer -> if (core.accounts.value.isNullOrEmpty()) super.onBackPressed() else go(Place.Account(null))
        }
    }

    /** The user goes there. */
    internal fun go(to: Place) {
        place.value = to
    }

    /** Somebody signed in: goes to the account, and asks for what a notification of a session's end needs, unless it is given. */
    internal fun signedIn(account: Long) {
        go(Place.Account(account))
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.TIRAMISU) {
            val notify = Manifest.permission.POST_NOTIFICATIONS
            if (checkSelfPermission(notify) != PackageManager.PERMISSION_GRANTED) requestPermissions(arrayOf(notify), 0)
        }
    }

    /** Opens the system's browser, which comes back by itself to the library's activity. */
    internal fun openBrowser(start: SsoStart) {
        try {
            startActivity(Intent(Intent.ACTION_VIEW, Uri.parse(start.url)))
        } catch (_: ActivityNotFoundException) {
            tell("This device has no browser.")
        }
    }

    private fun show(
        changes: Changes?,
        problem: SteadfastException?,
        place: Place,
    ) {
        val account = changes?.accounts?.at(place)
        showSwitcher(changes?.accounts.orEmpty(), account, place)
        when {
            changes == null -> {
                val text = problem?.let(::words) ?: "Opening…"
                replace(CoverPage::class, text) { CoverPage(this, text) }
            }

            place is Place.SignIn -> {
                replace(NewSignInPage::class, place) { NewSignInPage(this, place.address) }
            }

            account == null || place is Place.AddServer -> {
                replace(AddServerPage::class) { AddServerPage(this, (place as? Place.AddServer)?.address.orEmpty()) }
            }

            else -> {
                show(account, place)
            }
        }
        untold?.let(::tell)
        // The end of this account's session is told by its page, and that of any other by a notification.
        app.steadfast.onScreen(account?.account.takeUnless { place is Place.AddServer || place is Place.SignIn })
    }

    private fun show(
        snapshot: Snapshot,
        place: Place,
    ) {
        // The core knows of every account in its own list.
        val account = core.account(snapshot.account) ?: return
        if (place == Place.SignInAgain(account.id)) {
            if (snapshot.maySignInAgain) {
                replace(SignInAgainPage::class, account) { SignInAgainPage(this, account) }
                page?.update(snapshot)
                return
            }
            // They are signed in, or the session opens after all.
            go(Place.Account(account.id))
        }
        when (val shows = snapshot.shows) {
            is Shows.Content -> {
                if (place == Place.Sessions(account.id)) {
                    replace(SessionsPage::class, account) { SessionsPage(this, account) }
                } else {
                    replace(HomePage::class, account) { HomePage(this, account) }
                }
            }

            is Shows.Cover -> {
                val stuck = snapshot.maySignInAgain
                val leave = account.takeIf { stuck || snapshot.standing == Standing.NEEDS_MFA }
                replace(CoverPage::class, account, shows, leave, stuck) { CoverPage(this, shows.message.text, leave, stuck) }
            }

            is Shows.SignIn -> {
                // Whoever signs in again begins at the account's own page.
                if (place is Place.Sessions) go(Place.Account(place.id))
                replace(SignInAgainPage::class, account) { SignInAgainPage(this, account) }
            }
        }
        page?.update(snapshot)
    }

    /** A page that is shown already stays as it is, with what the user typed: which one it is, and of what. */
    private fun replace(
        vararg which: Any?,
        make: () -> Page,
    ) {
        if (which.asList() == shown) return
        page?.close()
        val next = make()
        frame.removeAllViews()
        frame.addView(next.view)
        page = next
        shown = which.asList()
    }

    private fun showSwitcher(
        accounts: List<Snapshot>,
        current: Snapshot?,
        place: Place,
    ) {
        val adding = place is Place.AddServer || place is Place.SignIn
        val chosen = current?.account.takeUnless { adding }
        val wanted = accounts.map { it.account to "${it.name} · ${it.username}" }
        // What stays the same stays: a finger may be on it.
        if (tabs == wanted + chosen) return
        tabs = wanted + chosen
        switcher.removeAllViews()
        if (accounts.isEmpty()) return
        wanted.forEach { (account, name) -> switcher.tab(name, account == chosen) { go(Place.Account(account)) } }
        switcher.tab("Add a server", chosen == null) { go(Place.AddServer()) }
    }

    private fun cameBack(outcome: SsoOutcome) {
        when (outcome) {
            is SsoOutcome.SignedIn -> signedIn(outcome.account.id)
            is SsoOutcome.Failed -> (outcome.reason as? SteadfastException)?.let { tell(words(it)) }
        }
    }

    private fun tell(what: String) {
        untold = if (page?.tell(what) == true) null else what
    }

    private companion object {
        const val ACCOUNT = "account"
        const val SESSIONS = "sessions"
        const val ADD_SERVER = "add-server"
        const val SIGN_IN = "sign-in"
    }
}

private fun List<Snapshot>.at(place: Place): Snapshot? {
    val id =
        when (place) {
            is Place.Account -> place.id
            is Place.Sessions -> place.id
            is Place.SignInAgain -> place.id
            is Place.AddServer, is Place.SignIn -> null
        }
    return find { it.account == id } ?: firstOrNull()
}

/** What the server is called. */
internal val Snapshot.name: String get() = serverName.ifEmpty { serverUrl.substringAfter("://") }
