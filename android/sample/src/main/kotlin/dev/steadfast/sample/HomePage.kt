package dev.steadfast.sample

import android.widget.LinearLayout
import android.widget.TextView
import dev.steadfast.Account
import dev.steadfast.core.Link
import dev.steadfast.core.Method
import dev.steadfast.core.Request
import dev.steadfast.core.Snapshot
import org.json.JSONArray

/** The content: here the user's teams, in an app of your own everything else. */
internal class HomePage(
    activity: MainActivity,
    private val account: Account,
) : Page(activity) {
    private lateinit var banner: TextView
    private lateinit var failure: TextView
    private lateinit var teams: LinearLayout
    private val known = account.state.value
    private var live = false

    override val problem get() = failure

    override val view =
        activity.column {
            banner = banner()
            addView(
                activity.scrolling {
                    text(known.name, Sizes.TITLE)
                    text("Signed in as ${known.username}", color = Colors.QUIET)
                    failure = problem()
                    heading("Your teams")
                    teams = column()
                    quietButton("Reload") { act(it) { load() } }
                    quietButton("Active Sessions") { activity.go(Place.Sessions(account.id)) }
                    quietButton("Log Out") { act(it) { account.signOut() } }
                },
            )
        }

    override fun update(snapshot: Snapshot) {
        val (text, color) = bannerOf(snapshot.link)
        banner.showOrHide(text)
        banner.setBackgroundColor(color)
        // The way to the server is open, for the first time or again: what is shown may be old.
        val isLive = snapshot.link is Link.Live
        if (isLive && !live) act(null) { load() }
        live = isLive
    }

    /** Any request of the app goes through the account, which adds the session and never shows its token. */
    private suspend fun load() {
        val response = account.request(Request(Method.GET, "/api/v4/users/me/teams"))
        if (response.status != OK) return
        val list = JSONArray(response.body.decodeToString())
        teams.removeAllViews()
        if (list.length() == 0) teams.text("You are in no team yet.", color = Colors.QUIET)
        for (index in 0 until list.length()) teams.text(list.getJSONObject(index).getString("display_name"))
    }

    private companion object {
        const val OK = 200

        fun bannerOf(link: Link): Pair<String?, Int> =
            when (link) {
                is Link.Paused -> null to Colors.QUIET
                is Link.Offline -> "No internet connection" to Colors.QUIET
                is Link.Portal -> "This network asks you to sign in to it first" to Colors.WARNING
                is Link.Connecting, is Link.Waiting -> "Connecting…" to Colors.WARNING
                is Link.Live, is Link.Polling -> "Connected" to Colors.GOOD
            }
    }
}
