package dev.steadfast.sample

import android.view.View
import android.widget.LinearLayout
import android.widget.TextView
import dev.steadfast.Account
import dev.steadfast.core.ActiveSession
import dev.steadfast.core.SignInMethod
import dev.steadfast.core.messages
import java.text.DateFormat
import java.util.Date

/** Where the user is signed in, and the button that ends each of those sessions. */
internal class SessionsPage(
    activity: MainActivity,
    private val account: Account,
) : Page(activity) {
    private lateinit var failure: TextView
    private lateinit var rows: LinearLayout
    private val times = DateFormat.getDateTimeInstance(DateFormat.MEDIUM, DateFormat.SHORT)

    override val problem get() = failure

    override val view =
        activity.scrolling {
            text("Active Sessions", Sizes.TITLE)
            text("Log out a device that you no longer use or know.", tone = Tone.QUIET)
            if (account.state.value.signInMethod == SignInMethod.ACCESS_TOKEN) {
                text(messages().first { it.id == "access_token" }.text, tone = Tone.QUIET)
            }
            failure = problem()
            rows = column()
            quietButton("Reload") { act(it) { load() } }
            quietButton("Back") { activity.go(Place.Account(account.id)) }
        }

    init {
        act(null) { load() }
    }

    private suspend fun load() {
        val sessions = account.activeSessions()
        rows.removeAllViews()
        sessions.forEach { rows.row(it) }
    }

    private fun LinearLayout.row(session: ActiveSession) =
        card {
            text(session.label, Sizes.HEADING)
            if (session.current) text("This device", tone = Tone.GOOD)
            text("Last activity: ${at(session.lastActivityAtMillis)}", tone = Tone.QUIET)
            lateinit var more: View
            link("More info") {
                more.visibility = View.VISIBLE
                it.visibility = View.GONE
            }
            more =
                column {
                    visibility = View.GONE
                    text("First time active: ${at(session.firstActiveAtMillis)}", tone = Tone.QUIET)
                    text("OS: ${session.os}", tone = Tone.QUIET)
                    text("Browser: ${session.browser}", tone = Tone.QUIET)
                    text("Session ID: ${session.id}", tone = Tone.QUIET)
                }
            link("Log Out") { button ->
                act(button) {
                    // Ending the current one signs out here: the core then shows the sign-in page.
                    account.endSession(session.id)
                    if (!session.current) load()
                }
            }
        }

    private fun at(millis: Long) = times.format(Date(millis))
}
