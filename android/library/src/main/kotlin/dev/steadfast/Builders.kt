package dev.steadfast

import dev.steadfast.core.ClearText
import dev.steadfast.core.Config
import dev.steadfast.core.Device
import dev.steadfast.core.HostState
import dev.steadfast.core.NetworkProfile
import dev.steadfast.core.Pins
import dev.steadfast.core.Proxy
import dev.steadfast.core.Roots
import dev.steadfast.core.SignIn
import dev.steadfast.core.SignInAgain
import dev.steadfast.core.WebView
import dev.steadfast.core.defaultConfig

/**
 * A [Config] for callers in Java, who say only what differs from another one. In Kotlin, that one's `copy` does the same.
 * What each setting means and may be, [Config] says.
 */
public class ConfigBuilder(
    /** What it begins with: that of an Android app, as `AndroidOptions.configure` is given it. */
    private var config: Config,
) {
    /** Begins with `defaultConfig`. */
    public constructor(folder: String, device: Device) : this(defaultConfig(folder, device))

    /** As [Config.roots]. */
    public fun roots(roots: Roots): ConfigBuilder = with { copy(roots = roots) }

    /** As [Config.extraAuthorities]. */
    public fun extraAuthorities(pem: List<String>): ConfigBuilder = with { copy(extraAuthorities = pem.toList()) }

    /** As [Config.clearText]. */
    public fun clearText(clearText: ClearText): ConfigBuilder = with { copy(clearText = clearText) }

    /** As [Config.hostState]. */
    public fun hostState(state: HostState): ConfigBuilder = with { copy(hostState = state) }

    /** As [Config.restoreWindowMillis]. */
    public fun restoreWindowMillis(millis: Long): ConfigBuilder = with { copy(restoreWindowMillis = millis) }

    /** As [Config.coverUntilValidatedAfterMillis]; null for never. */
    public fun coverUntilValidatedAfterMillis(millis: Long?): ConfigBuilder = with { copy(coverUntilValidatedAfterMillis = millis) }

    /** As [Config.maxOfflineMillis]; null for no limit. */
    public fun maxOfflineMillis(millis: Long?): ConfigBuilder = with { copy(maxOfflineMillis = millis) }

    /** As [Config.ssoCallback]. */
    public fun ssoCallback(address: String): ConfigBuilder = with { copy(ssoCallback = address) }

    /** As [Config.bootId]; null for none. */
    public fun bootId(id: String?): ConfigBuilder = with { copy(bootId = id) }

    /** As [Config.webView]. */
    public fun webView(webView: WebView): ConfigBuilder = with { copy(webView = webView) }

    /** As it stands now. */
    public fun build(): Config = config

    private fun with(change: Config.() -> Config) = apply { config = config.change() }
}

/** A [SignIn] for callers in Java, who say only what differs from a password alone. */
public class SignInBuilder(
    server: String,
    loginId: String,
    password: String,
) {
    private var request = SignIn(server, loginId, password)

    /** As [SignIn.mfaCode]; null for none. */
    public fun mfaCode(code: String?): SignInBuilder = with { copy(mfaCode = code) }

    /** As [SignIn.ldapOnly]. */
    public fun ldapOnly(only: Boolean): SignInBuilder = with { copy(ldapOnly = only) }

    /** As [SignIn.profile]; null for the default way. */
    public fun profile(profile: NetworkProfile?): SignInBuilder = with { copy(profile = profile) }

    /** As it stands now. */
    public fun build(): SignIn = request

    private fun with(change: SignIn.() -> SignIn) = apply { request = request.change() }
}

/** A [SignInAgain] for callers in Java, who say only what differs from a password alone. */
public class SignInAgainBuilder(
    password: String,
) {
    private var request = SignInAgain(password)

    /** As [SignInAgain.loginId]; null for the account's own user name. */
    public fun loginId(loginId: String?): SignInAgainBuilder = with { copy(loginId = loginId) }

    /** As [SignInAgain.mfaCode]; null for none. */
    public fun mfaCode(code: String?): SignInAgainBuilder = with { copy(mfaCode = code) }

    /** As [SignInAgain.ldapOnly]. */
    public fun ldapOnly(only: Boolean): SignInAgainBuilder = with { copy(ldapOnly = only) }

    /** As it stands now. */
    public fun build(): SignInAgain = request

    private fun with(change: SignInAgain.() -> SignInAgain) = apply { request = request.change() }
}

/** A [NetworkProfile] for callers in Java, who say only what differs from the default way. */
public class NetworkProfileBuilder {
    private var profile = NetworkProfile(Proxy.System)

    /** As [NetworkProfile.proxy]; the system's, if it is not said. */
    public fun proxy(proxy: Proxy): NetworkProfileBuilder = with { copy(proxy = proxy) }

    /** As [NetworkProfile.preAuth]; null for none. */
    public fun preAuth(secret: String?): NetworkProfileBuilder = with { copy(preAuth = secret) }

    /** As [NetworkProfile.clientCertificate]; null for none. */
    public fun clientCertificate(name: String?): NetworkProfileBuilder = with { copy(clientCertificate = name) }

    /** As [NetworkProfile.pins]; null for none. */
    public fun pins(pins: Pins?): NetworkProfileBuilder = with { copy(pins = pins) }

    /** As it stands now. */
    public fun build(): NetworkProfile = profile

    private fun with(change: NetworkProfile.() -> NetworkProfile) = apply { profile = profile.change() }
}
