package dev.steadfast.sample

import android.text.InputType
import android.view.View
import android.widget.EditText
import android.widget.LinearLayout
import android.widget.TextView
import dev.steadfast.Account
import dev.steadfast.core.Destination
import dev.steadfast.core.ServerInfo
import dev.steadfast.core.Shows
import dev.steadfast.core.SignIn
import dev.steadfast.core.SignInAgain
import dev.steadfast.core.Snapshot
import dev.steadfast.core.SsoMethod
import dev.steadfast.core.SsoStart
import dev.steadfast.core.SteadfastException
import dev.steadfast.core.messages

/** Asks for a server's address, and finds out how one signs in there. */
internal class AddServerPage(
    activity: MainActivity,
    typed: String,
) : Page(activity) {
    private lateinit var address: EditText
    private lateinit var failure: TextView

    override val view =
        activity.scrolling {
            text("Add a server", Sizes.TITLE)
            text("Enter the address of your Mattermost server.", tone = Tone.QUIET)
            failure = problem()
            address = field("Server URL", InputType.TYPE_CLASS_TEXT or InputType.TYPE_TEXT_VARIATION_URI)
            address.setText(typed)
            button("Connect") { act(it) { activity.go(Place.SignIn(activity.core.probeServer(address.text.toString()).serverUrl)) } }
        }

    override val problem get() = failure
}

/** Name, password, the code if it is asked for, and a button for each way through the browser. */
internal abstract class SignInPage(
    activity: MainActivity,
) : Page(activity) {
    private lateinit var failure: TextView
    private lateinit var title: TextView
    private lateinit var login: EditText
    private lateinit var password: EditText
    private lateinit var code: EditText
    private lateinit var form: LinearLayout
    private lateinit var browser: LinearLayout

    override val problem get() = failure

    /** Why the user is asked, if there is something to say. */
    protected lateinit var message: TextView

    /** Signs in with what was typed. */
    protected abstract suspend fun signIn(
        login: String,
        password: String,
        code: String?,
    )

    /** Begins a sign-in through the browser. */
    protected abstract suspend fun begin(method: SsoMethod): SsoStart

    protected fun page(
        server: String,
        name: String,
        build: LinearLayout.() -> Unit = {},
    ): View =
        activity.scrolling {
            title = text(server, Sizes.TITLE)
            text("Log in to your account", tone = Tone.QUIET)
            message = message()
            failure = problem()
            build()
            form =
                column {
                    login = field("Email or Username", InputType.TYPE_CLASS_TEXT or InputType.TYPE_TEXT_VARIATION_EMAIL_ADDRESS)
                    login.setText(name)
                    password = field("Password", InputType.TYPE_CLASS_TEXT or InputType.TYPE_TEXT_VARIATION_PASSWORD)
                    code = field("MFA Token", InputType.TYPE_CLASS_NUMBER)
                    code.visibility = View.GONE
                    button("Log In") { button -> act(button) { logIn() } }
                }
            browser = column()
        }

    private suspend fun logIn() {
        try {
            signIn(login.text.toString(), password.text.toString(), code.text.toString().ifEmpty { null })
        } catch (failed: SteadfastException) {
            // The password was right: the code is all that is missing.
            if (failed.code() == "mfa_code_required") code.visibility = View.VISIBLE
            throw failed
        }
    }

    /** Offers what the server offers. */
    protected fun offer(server: ServerInfo) {
        val methods = server.methods
        if (server.name.isNotEmpty()) title.text = server.name
        form.visibility = if (methods.email || methods.username || methods.ldap) View.VISIBLE else View.GONE
        val names =
            listOfNotNull(
                SsoMethod.GIT_LAB.takeIf { methods.gitlab }?.to("GitLab"),
                SsoMethod.GOOGLE.takeIf { methods.google }?.to("Google"),
                SsoMethod.OFFICE365.takeIf { methods.office365 }?.to("Entra ID"),
                SsoMethod.OPEN_ID.takeIf { methods.openid }?.to("OpenID"),
                SsoMethod.SAML.takeIf { methods.saml }?.to("SAML"),
            )
        browser.removeAllViews()
        if (names.isNotEmpty()) browser.text("Or log in with:", tone = Tone.QUIET)
        names.forEach { (method, name) -> browser.quietButton(name) { act(it) { activity.openBrowser(begin(method)) } } }
    }
}

/** A server that this device does not know yet. */
internal class NewSignInPage(
    activity: MainActivity,
    private val server: String,
) : SignInPage(activity) {
    override val view = page(server.substringAfter("://"), name = "")

    init {
        act(null) { offer(activity.core.probeServer(server)) }
    }

    override suspend fun signIn(
        login: String,
        password: String,
        code: String?,
    ) {
        val account = activity.core.signIn(SignIn(server, login, password, code))
        activity.signedIn(account.id)
    }

    override suspend fun begin(method: SsoMethod) = activity.core.beginSso(Destination(server), method)
}

/** A user whom this device knows, and whose session is over: the page says why. */
internal class SignInAgainPage(
    activity: MainActivity,
    private val account: Account,
) : SignInPage(activity) {
    private lateinit var onward: View

    override val view =
        account.state.value.let { known ->
            page(known.name, known.username) { onward = button("Continue") { act(it) { account.continueSession() } } }
        }

    init {
        act(null) { offer(activity.core.probeServer(account.state.value.serverUrl)) }
    }

    override fun update(snapshot: Snapshot) {
        val offered = messages().first { it.id == "may_continue" }.takeIf { snapshot.mayContinue }
        message.showOrHide((offered ?: (snapshot.shows as? Shows.SignIn)?.message)?.text)
        onward.visibility = if (snapshot.mayContinue) View.VISIBLE else View.GONE
    }

    override suspend fun signIn(
        login: String,
        password: String,
        code: String?,
    ) = account.signInAgain(SignInAgain(password, login, code))

    override suspend fun begin(method: SsoMethod) = account.beginSsoAgain(method)
}
