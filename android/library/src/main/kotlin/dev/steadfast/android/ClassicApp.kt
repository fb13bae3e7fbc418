package dev.steadfast.android

import android.content.Context
import android.content.SharedPreferences
import android.webkit.CookieManager
import dev.steadfast.core.LegacyEntry
import dev.steadfast.core.LegacySource

/** The classic app: the session is a cookie of its web view, and it was signed in if its preferences name a server. */
internal class ClassicApp(
    private val context: Context,
) : OlderApp {
    override fun look(): List<Left> {
        val own = context.getSharedPreferences("App", Context.MODE_PRIVATE)
        val server = own.getString(SERVER, null)
        if (server.isNullOrEmpty()) return emptyList()
        val default = context.getSharedPreferences("${context.packageName}_preferences", Context.MODE_PRIVATE)
        return cookies(server) + preferences(server, own, OWN) + preferences(server, default, DEFAULT)
    }

    @Suppress("TooGenericExceptionCaught") // A web view that is being updated, or is none, throws what it likes.
    private fun cookies(server: String): List<Left> =
        try {
            val jar = CookieManager.getInstance()
            jar
                .getCookie(server)
                .orEmpty()
                .split("; ")
                .filter { '=' in it }
                .map { it.substringBefore('=') to it.substringAfter('=') }
                .map { (name, value) ->
                    Left(LegacyEntry(LegacySource.CLASSIC_ANDROID_COOKIE, server, name, value)) {
                        jar.setCookie(server, "$name=; Max-Age=0; Path=/")
                        jar.flush()
                    }
                }
        } catch (_: RuntimeException) {
            emptyList()
        }

    private fun preferences(
        server: String,
        file: SharedPreferences,
        names: List<String>,
    ) = names.mapNotNull { name ->
        val value = file.all[name]?.toString() ?: return@mapNotNull null
        Left(LegacyEntry(LegacySource.CLASSIC_ANDROID_PREFERENCES, server, name, value), isKey = name == SERVER) {
            file.edit().remove(name).commit()
        }
    }

    private companion object {
        const val SERVER = "baseUrl"
        val OWN = listOf(SERVER, "LastPath", "AttachedId")
        val DEFAULT = listOf("device_id")
    }
}
