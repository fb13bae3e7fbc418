package com.example.chat

import android.app.Activity
import android.os.Bundle
import android.text.InputType
import android.widget.Button
import android.widget.EditText
import android.widget.LinearLayout
import android.widget.TextView
import dev.steadfast.Account
import dev.steadfast.core.Shows
import dev.steadfast.core.SignIn
import dev.steadfast.core.SignInAgain
import dev.steadfast.core.SteadfastException
import kotlinx.coroutines.MainScope
import kotlinx.coroutines.cancel
import kotlinx.coroutines.flow.collectLatest
import kotlinx.coroutines.flow.distinctUntilChanged
import kotlinx.coroutines.flow.filterNotNull
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.launch

class MainActivity : Activity() {
    private val core get() = (application as App).steadfast.core
    private val scope = MainScope()

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        scope.launch {
            // Latest: when the list changes, whom it followed before is followed no longer.
            core.accounts.filterNotNull().collectLatest { accounts ->
                val account = accounts.firstOrNull()
                if (account == null) signInPage("Welcome") else follow(account)
            }
        }
    }

    override fun onDestroy() {
        scope.cancel()
        super.onDestroy()
    }

    private suspend fun follow(account: Account) =
        account.state.map { it.shows }.distinctUntilChanged().collect { shows ->
            when (shows) {
                is Shows.Content -> contentPage(account)
                is Shows.Cover -> page(shows.message.text)
                is Shows.SignIn -> signInPage(shows.message?.text ?: "You are logged out", account)
            }
        }

    private fun contentPage(account: Account) {
        val page = page("Signed in as ${account.state.value.username}")
        page.button("Log out") { account.signOut() }
    }

    private fun signInPage(
        message: String,
        account: Account? = null,
    ) {
        val page = page(message)
        val server = page.field("Server, such as chat.example.com")
        server.setText(account?.state?.value?.serverUrl)
        server.isEnabled = account == null
        val name = page.field("Email or username")
        val password = page.field("Password", InputType.TYPE_CLASS_TEXT or InputType.TYPE_TEXT_VARIATION_PASSWORD)
        val code = page.field("Code, if your account asks for one", InputType.TYPE_CLASS_NUMBER)
        page.button("Log in") {
            val once = code.text.toString().ifEmpty { null }
            if (account == null) {
                core.signIn(SignIn("${server.text}", "${name.text}", "${password.text}", once))
            } else {
                account.signInAgain(SignInAgain("${password.text}", "${name.text}", once))
            }
        }
    }

    private fun page(text: String): LinearLayout {
        val page = LinearLayout(this).apply { orientation = LinearLayout.VERTICAL }
        page.fitsSystemWindows = true
        page.addView(TextView(this).apply { setText(text) })
        setContentView(page)
        return page
    }

    private fun LinearLayout.field(
        hint: String,
        type: Int = InputType.TYPE_CLASS_TEXT,
    ) = EditText(context).also {
        it.hint = hint
        it.inputType = type
        addView(it)
    }

    private fun LinearLayout.button(
        text: String,
        act: suspend () -> Unit,
    ) {
        val problem = TextView(context)
        addView(Button(context).apply { setText(text) }.apply { setOnClickListener { scope.launch { problem.text = outcome(act) } } })
        addView(problem)
    }

    private suspend fun outcome(act: suspend () -> Unit): String? =
        try {
            act()
            null
        } catch (failed: SteadfastException) {
            when {
                failed.code() == "mfa_code_required" -> "Enter the code of your authenticator too."
                failed.isRetryable() -> "This did not work (${failed.code()}). Try again."
                else -> "This is not possible (${failed.code()})."
            }
        }
}
