package dev.steadfast.sample

import dev.steadfast.core.SteadfastException

/** What a failure is called on the screen: by its code where there is something better to say, else by its kind. */
internal fun words(failed: SteadfastException): String = BY_CODE[failed.code()] ?: byKind(failed)

private val BY_CODE =
    mapOf(
        "invalid_address" to "This is not the address of a server.",
        "unknown_host" to "There is no server of that name.",
        "not_mattermost" to "There is no Mattermost server at this address.",
        "insecure_connection" to "The connection to this server is not secure.",
        "only_clear_text" to "This server has no secure connection.",
        "server_too_old" to "This server is too old for this app.",
        "offline" to "No internet connection.",
        "timeout" to "The server does not answer. Try again.",
        "intercepted" to "This network asks you to sign in to it first.",
        "invalid_credentials" to "The email, username or password is not right.",
        "blank_password" to "Please enter your password.",
        "mfa_code_required" to "Please enter the code of your authenticator.",
        "mfa_code_wrong" to "This code is not right, or was used before.",
        "deactivated" to "Your account has been deactivated. Please contact your administrator.",
        "locked_out" to "Too many attempts. Please contact your administrator.",
        "email_not_verified" to "Please verify your email address first.",
        "another_user" to "Somebody else signed in. Please log in as the same user.",
        "callback_refused" to "This sign-in did not begin here. Please try again.",
        "server_problem" to "The server has a problem. Try again later.",
        "rate_limited" to "Too many requests. Try again later.",
        "no_such_session" to "This session has ended already.",
        "disk_full" to "This device has no space left.",
        "store_newer" to "Please update this app.",
        "store_in_use" to "This app is open a second time.",
        "store_unavailable" to "What this app stored cannot be read now. Try again later.",
    )

private fun byKind(failed: SteadfastException): String =
    when (failed) {
        is SteadfastException.CorrectInput, is SteadfastException.TellUser -> "This is not possible (${failed.code()})."
        is SteadfastException.TryLater, is SteadfastException.NotNow -> "This did not work. Try again later."
        is SteadfastException.SignInNeeded -> "Please log in."
    }
