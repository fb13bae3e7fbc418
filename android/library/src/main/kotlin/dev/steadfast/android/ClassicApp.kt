package dev.steadfast.android

import android.content.Context
import android.net.Uri
import android.webkit.CookieManager
import dev.steadfast.core.LegacyEntry
import dev.steadfast.core.LegacyErasable
import dev.steadfast.core.LegacySource
import java.io.IOException

/**
 * What the classic app left: the session's cookies in the web view's jar, the server in its preferences, and the id of its
 * pushes. Cookies of identity providers and of other servers are neither read nor erased.
 */
internal class ClassicApp(
    private val context: Context,
    private val jar: () -> CookieManager = CookieManager::getInstance,
) : OlderApp {
    private val preferences = OlderPreferences(context, "App")

    // The platform's own name for an app's default preferences.
    private val defaults = OlderPreferences(context, "${context.packageName}_preferences")

    override val sources = setOf(LegacySource.CLASSIC_ANDROID_COOKIE, LegacySource.CLASSIC_ANDROID_PREFERENCES)

    override fun look(): OlderFinds {
        val finds = OlderFinds()
        var server = ""
        try {
            // Without a server nobody was signed in, and the web view, which takes its time, need not be started.
            val own = preferences.read()
            server = own[SERVER].orEmpty().ifEmpty { return finds }
            finds.cookies(server)
            defaults.read()[DEVICE]?.let { finds.read += preference(server, DEVICE, it, defaults) }
            for (name in OWN) own[name]?.let { finds.read += preference(server, name, it, preferences) }
            val others = finds.read.toList()
            val entry = LegacyEntry(LegacySource.CLASSIC_ANDROID_PREFERENCES, server, SERVER, server)
            finds.read +=
                OlderFind(entry, isLast = true) {
                    // Without the server the others would not be found again, those that the core leaves alone included.
                    if (others.any { !it.isGone }) throw IOException("others stay")
                    preferences.remove(mapOf(SERVER to server))
                }
        } catch (_: IOException) {
            finds.unreadable(server)
        }
        return finds
    }

    /** The look asks for the cookies of the server in the preferences; of any other, or with none there, the jar is asked here. */
    override fun isGone(
        erasable: LegacyErasable,
        looked: OlderFinds,
    ): Boolean =
        super.isGone(erasable, looked) &&
            try {
                erasable.source != LegacySource.CLASSIC_ANDROID_COOKIE || web { cookies(erasable.serverUrl) }.isEmpty()
            } catch (_: IOException) {
                false
            }

    private fun preference(
        server: String,
        name: String,
        value: String,
        store: OlderStore,
    ) = OlderFind(LegacyEntry(LegacySource.CLASSIC_ANDROID_PREFERENCES, server, name, value)) { store.remove(mapOf(name to value)) }

    private fun OlderFinds.cookies(server: String) {
        for ((name, value) in web { cookies(server) }) {
            val entry = LegacyEntry(LegacySource.CLASSIC_ANDROID_COOKIE, server, name, value)
            read += OlderFind(entry) { web { erase(server, name, value) } }
        }
    }

    private fun CookieManager.cookies(server: String): List<Pair<String, String>> =
        getCookie(server)
            .orEmpty()
            .split(';')
            .map { it.substringBefore('=').trim() to it.substringAfter('=', "").trim() }
            .filter { (name, value) -> name in COOKIES && value.isNotEmpty() }

    /** Lets it expire under every domain and path under which the server may have set it, and looks whether it is gone. */
    private fun CookieManager.erase(
        server: String,
        name: String,
        value: String,
    ) {
        if (name to value !in cookies(server)) return
        val address = Uri.parse(server)
        val paths = setOf("/", address.path.orEmpty().trimEnd('/').ifEmpty { "/" })
        for (path in paths) {
            for (domain in listOf("", "; Domain=${address.host}")) {
                setCookie(server, "$name=; Path=$path$domain; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT")
            }
        }
        flush()
        if (name to value in cookies(server)) throw IOException("the cookie stays")
    }

    /** Works with the jar; a device may be without a web view, or just about to replace it. */
    @Suppress("TooGenericExceptionCaught") // It throws whatever comes to hand then.
    private fun <T> web(work: CookieManager.() -> T): T =
        try {
            jar().work()
        } catch (failed: RuntimeException) {
            throw IOException("there is no web view", failed)
        }

    private companion object {
        const val SERVER = "baseUrl"
        const val DEVICE = "device_id"
        val OWN = listOf("LastPath", "AttachedId")

        /** The server's own; the last is that of servers before 3.0. */
        val COOKIES = setOf("MMAUTHTOKEN", "MMUSERID", "MMCSRF", "MMTOKEN")
    }
}
