package dev.steadfast.android

import android.webkit.CookieManager
import android.webkit.ValueCallback
import android.webkit.WebView
import java.net.URI

/**
 * A web view's jar by the rules for cookies as the JDK keeps them: one of the same name, domain and path replaces the other, and
 * one that has expired goes. Robolectric's own never forgets one.
 */
@Suppress("DEPRECATION") // The platform means that apps do not make one.
internal class TestCookieJar : CookieManager() {
    private val jar = java.net.CookieManager()
    var flushes = 0
        private set

    /** What it fails with, whatever it is asked. */
    var failure: RuntimeException? = null

    /** Whether it fails as soon as something is to be written. */
    var failsToWrite = false

    override fun setCookie(
        url: String,
        value: String,
    ) {
        check(!failsToWrite) { "the web view is being replaced" }
        jar.put(URI(url), mapOf("Set-Cookie" to listOf(value)))
    }

    override fun setCookie(
        url: String,
        value: String,
        callback: ValueCallback<Boolean>?,
    ) = setCookie(url, value).also { callback?.onReceiveValue(true) }

    override fun getCookie(url: String): String? =
        jar
            .also { failure?.let { throw it } }
            .get(URI(url), emptyMap())["Cookie"]
            .orEmpty()
            .joinToString("; ")
            .ifEmpty { null }

    override fun getCookie(
        url: String,
        privateBrowsing: Boolean,
    ) = getCookie(url)

    override fun flush() {
        flushes++
    }

    override fun hasCookies() = jar.cookieStore.cookies.isNotEmpty()

    override fun hasCookies(privateBrowsing: Boolean) = hasCookies()

    override fun acceptCookie() = true

    override fun acceptThirdPartyCookies(view: WebView?) = true

    override fun setAcceptCookie(accept: Boolean) = unused()

    override fun setAcceptThirdPartyCookies(
        view: WebView?,
        accept: Boolean,
    ) = unused()

    @Deprecated("The platform's word for it.")
    override fun removeSessionCookie() = unused()

    override fun removeSessionCookies(callback: ValueCallback<Boolean>?) = unused()

    @Deprecated("The platform's word for it.")
    override fun removeAllCookie() = unused()

    override fun removeAllCookies(callback: ValueCallback<Boolean>?) = unused()

    @Deprecated("The platform's word for it.")
    override fun removeExpiredCookie() = unused()

    override fun allowFileSchemeCookiesImpl() = false

    override fun setAcceptFileSchemeCookiesImpl(accept: Boolean) = unused()

    private fun unused(): Unit = throw UnsupportedOperationException("nothing but the session's own cookies is to be touched")
}
