package dev.steadfast.sample

import android.view.Gravity
import android.view.View
import android.widget.TextView
import dev.steadfast.Account
import dev.steadfast.core.Snapshot
import dev.steadfast.core.SteadfastException
import dev.steadfast.core.messages
import kotlinx.coroutines.MainScope
import kotlinx.coroutines.cancel
import kotlinx.coroutines.launch

/** One page: its views, and what it asks the core as long as it is shown. */
internal abstract class Page(
    protected val activity: MainActivity,
) {
    /** Ends with the page. Nothing is lost by that: what the server did is stored, and shows. */
    protected val scope = MainScope()

    /** What the user sees. */
    abstract val view: View

    /** Where the page says what went wrong; empty and gone while nothing did. */
    protected open val problem: TextView? = null

    /** The account changed. */
    open fun update(snapshot: Snapshot) = Unit

    /** Something went wrong: says so; false if this page has no place for that. */
    fun tell(what: String): Boolean {
        problem?.showOrHide(what)
        return problem != null
    }

    /** The page is gone. */
    fun close() = scope.cancel()

    /** Does what a button is for: the button waits, and a failure is told. */
    protected fun act(
        button: View?,
        what: suspend () -> Unit,
    ) {
        // At once, since a second press may come before the coroutine does.
        button?.isEnabled = false
        problem?.showOrHide(null)
        scope.launch {
            try {
                what()
            } catch (failed: SteadfastException) {
                tell(words(failed))
            } finally {
                button?.isEnabled = true
            }
        }
    }
}

/** What is said where the session cannot be opened, and may never be again. */
internal fun stuckText() = messages().first { it.id == "may_sign_in_again" }.text

/** Hides everything behind one text. */
internal class CoverPage(
    activity: MainActivity,
    text: String,
    /** Who may log out here, if anybody has to. */
    private val leave: Account? = null,
    /** Whether they may log in again as well, since their session cannot be opened. */
    stuck: Boolean = false,
) : Page(activity) {
    private lateinit var failure: TextView

    /** Only of the one button: a cover may be gone before anybody has read it, so the rest waits for the next page. */
    override val problem get() = failure.takeIf { leave != null }

    override val view =
        activity.scrolling {
            gravity = Gravity.CENTER
            progress()
            text(text, Sizes.LARGE, Tone.QUIET).gravity = Gravity.CENTER
            failure = problem()
            if (leave != null && stuck) {
                text(stuckText()).gravity = Gravity.CENTER
                button("Log In") { activity.go(Place.SignInAgain(leave.id)) }
            }
            if (leave != null) button("Log Out") { act(it) { leave.signOut() } }
        }
}
