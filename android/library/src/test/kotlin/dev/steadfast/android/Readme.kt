package dev.steadfast.android

import android.app.Activity
import android.app.Application
import android.os.Bundle
import android.widget.TextView
import dev.steadfast.Account
import dev.steadfast.core.Shows
import dev.steadfast.core.SignIn
import dev.steadfast.core.SteadfastException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.cancel
import kotlinx.coroutines.flow.filterNotNull
import kotlinx.coroutines.launch

// What android/README.md shows, compiled; a test holds the two to be the same.

// snippet: start
class App : Application() {
    lateinit var steadfast: SteadfastAndroid

    override fun onCreate() {
        super.onCreate()
        steadfast = SteadfastAndroid.start(this)
    }
}
// end

// snippet: show
class HomePage : Activity() {
    private val core get() = (application as App).steadfast.core
    private val scope = CoroutineScope(Dispatchers.Default)

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        scope.launch {
            core.accounts.filterNotNull().collect { accounts ->
                val account = accounts.firstOrNull()
                if (account == null) show("Add a server") else follow(account)
            }
        }
    }

    private fun follow(account: Account) =
        scope.launch {
            account.state.collect { snapshot ->
                when (val shows = snapshot.shows) {
                    is Shows.Content -> show("the app's own screens")
                    is Shows.Cover -> show(shows.message.text)
                    is Shows.SignIn -> show(shows.message?.text ?: "the sign-in page")
                }
            }
        }

    private fun show(text: String) = runOnUiThread { setContentView(TextView(this).apply { setText(text) }) }

    override fun onDestroy() {
        scope.cancel()
        super.onDestroy()
    }
}
// end

// snippet: sign in
suspend fun signIn(
    app: App,
    server: String,
    name: String,
    password: String,
    code: String?,
): String =
    try {
        app.steadfast.core.signIn(SignIn(server, name, password, code))
        "signed in"
    } catch (failed: SteadfastException) {
        when {
            failed.code() == "mfa_code_required" -> "ask for the code, and call again with it"
            failed.isRetryable() -> "say so, and try again"
            else -> "tell the user: ${failed.code()}"
        }
    }
// end
