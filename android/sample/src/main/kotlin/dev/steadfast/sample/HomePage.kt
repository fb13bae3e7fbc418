package dev.steadfast.sample

import android.view.View
import android.widget.LinearLayout
import android.widget.TextView
import dev.steadfast.Account
import dev.steadfast.core.Link
import dev.steadfast.core.Method
import dev.steadfast.core.Request
import dev.steadfast.core.Snapshot
import org.json.JSONArray
import org.json.JSONException

/** The content: here the user's teams, in an app of your own everything else. */
internal class HomePage(
    activity: MainActivity,
    private val account: Account,
) : Page(activity) {
    private lateinit var banner: TextView
    private lateinit var server: TextView
    private lateinit var user: TextView
    private lateinit var failure: TextView
    private lateinit var teams: LinearLayout
    private lateinit var stuck: List<View>
    private var reached = false

    override val problem get() = failure

    override val view =
        activity.column {
            banner = banner()
            addView(
                activity.scrolling {
                    server = text("", Sizes.TITLE)
                    user = text("", tone = Tone.QUIET)
                    failure = problem()
                    stuck = listOf(text(stuckText()), button("Log In") { activity.go(Place.SignInAgain(account.id)) })
                    heading("Your teams")
                    teams = column()
                    quietButton("Reload") { act(it) { load() } }
                    quietButton("Active Sessions") { activity.go(Place.Sessions(account.id)) }
                    quietButton("Log Out") { act(it) { account.signOut() } }
                },
            )
        }

    override fun update(snapshot: Snapshot) {
        server.text = snapshot.name
        user.text = "Signed in as ${snapshot.username}"
        val (text, tone) = bannerOf(snapshot.link)
        banner.showOrHide(text)
        banner.setBackgroundColor(activity.color(tone))
        stuck.forEach { it.visibility = if (snapshot.maySignInAgain) View.VISIBLE else View.GONE }
        // The way to the server is open, for the first time or again: what is shown may be old.
        val isReached = snapshot.link is Link.Live || snapshot.link is Link.Polling
        if (isReached && !reached) act(null) { load() }
        reached = isReached
    }

    /** Any request of the app goes through the account, which adds the session and never shows its token. */
    private suspend fun load() {
        val response = account.request(Request(Method.GET, "/api/v4/users/me/teams"))
        val names = if (response.status == OK) namesIn(response.body.decodeToString()) else null
        if (names == null) {
            tell("The server's answer cannot be shown. Try again later.")
            return
        }
        teams.removeAllViews()
        if (names.isEmpty()) teams.text("You are in no team yet.", tone = Tone.QUIET)
        names.forEach { teams.text(it) }
    }

    private companion object {
        const val OK = 200

        /** Null for what is no list of teams: whatever stands between may have answered. */
        fun namesIn(body: String): List<String>? =
            try {
                val list = JSONArray(body)
                (0 until list.length()).map { list.getJSONObject(it).getString("display_name") }
            } catch (_: JSONException) {
                null
            }

        fun bannerOf(link: Link): Pair<String?, Tone> =
            when (link) {
                is Link.Paused -> null to Tone.QUIET
                is Link.Offline -> "No internet connection" to Tone.QUIET
                is Link.Portal -> "This network asks you to sign in to it first" to Tone.WARNING
                is Link.Connecting, is Link.Waiting -> "Connecting…" to Tone.WARNING
                is Link.Live, is Link.Polling -> "Connected" to Tone.GOOD
            }
    }
}
