package dev.steadfast.android

import android.content.Context
import android.util.Base64
import dev.steadfast.core.LegacyEntry
import dev.steadfast.core.LegacySource
import java.io.IOException

/**
 * What Mattermost's React Native apps left: the items of `react-native-keychain`, in preferences up to its version 8 and in a
 * `DataStore` from 9 on, and the copies of the tokens that `react-native-network-client` keeps. The formats were read in the
 * sources of both.
 */
internal class ReactNativeApp(
    context: Context,
    private val keystore: OlderKeystore = OlderKeystore(),
) : OlderApp {
    private val keychains = listOf(OlderDataStore(context, KEYCHAIN), OlderPreferences(context, KEYCHAIN))
    private val clients = listOf(OlderDataStore(context, "APIClientDataStore"), OlderPreferences(context, "APIClientPreferences"))

    override val sources =
        setOf(
            LegacySource.REACT_NATIVE2,
            LegacySource.REACT_NATIVE2_PRE_SHARED_SECRET,
            LegacySource.REACT_NATIVE1_INTERNET,
            LegacySource.REACT_NATIVE1_GENERIC,
        )

    override fun look(): OlderFinds {
        val finds = OlderFinds()
        // The app went by the keychain; the other copies count where that has none.
        keychains.forEach { store -> finds.from(store) { keychain(store, it) } }
        clients.forEach { store -> finds.from(store) { client(store, it) } }
        return finds
    }

    private fun OlderFinds.from(
        store: OlderStore,
        look: OlderFinds.(Map<String, String>) -> Unit,
    ) {
        val texts =
            try {
                store.read()
            } catch (_: IOException) {
                return unreadable()
            }
        look(texts)
    }

    private fun OlderFinds.keychain(
        store: OlderStore,
        texts: Map<String, String>,
    ) {
        for (service in texts.keys.filter { it.endsWith(PASSWORD) }.map { it.removeSuffix(PASSWORD) }) {
            val name = service + NAME
            val password = service + PASSWORD
            val cipher = service + CIPHER
            val item = texts.filterKeys { it == name || it == password || it == cipher }
            one(service) {
                val form = form(texts[cipher])
                val alias = service.ifEmpty { form.defaultAlias }
                val entry = entry(service, open(alias, form, texts[name]), open(alias, form, texts[password]))
                OlderFind(entry) {
                    store.remove(item)
                    // Without its key even a copy that the flash memory still holds is noise.
                    if (keychains.none { password in it.read() }) keystore.delete(alias)
                }
            }
        }
    }

    private fun OlderFinds.client(
        store: OlderStore,
        texts: Map<String, String>,
    ) {
        // Beside tokens lie passwords of client certificates, by names that are no addresses.
        for ((server, text) in texts.filterKeys { it.startsWith("https://") || it.startsWith("http://") }) {
            one(server) {
                val parts = text.split(',')
                if (parts.size != 2) throw IOException("cut off")
                val (sealed, iv) = parts.map(::bytes)
                // It is filled up with blanks.
                val token = keystore.decrypt(CLIENT_KEY, OlderCipher.Cbc, iv, sealed).trim()
                val entry = LegacyEntry(LegacySource.REACT_NATIVE2, server, token, token)
                OlderFind(entry) { store.remove(mapOf(server to text)) }
            }
        }
    }

    private fun OlderFinds.one(
        server: String,
        find: () -> OlderFind,
    ) {
        try {
            read += find()
        } catch (_: BoundToUserException) {
            notRead += OlderItem(server, OlderItemState.BoundToUser)
        } catch (_: UnknownFormException) {
            notRead += OlderItem(server, OlderItemState.UnknownForm)
        } catch (_: IOException) {
            unreadable(server)
        }
    }

    private fun entry(
        service: String,
        name: String,
        password: String,
    ): LegacyEntry {
        val source =
            when {
                name == "preshared_secret" -> LegacySource.REACT_NATIVE2_PRE_SHARED_SECRET
                service.isEmpty() -> LegacySource.REACT_NATIVE1_GENERIC
                ',' in name -> LegacySource.REACT_NATIVE1_INTERNET
                else -> LegacySource.REACT_NATIVE2
            }
        return LegacyEntry(source, service, name, password)
    }

    private fun open(
        alias: String,
        form: Form,
        text: String?,
    ): String {
        val bytes = bytes(text ?: throw IOException("half an item"))
        val end = minOf(form.cipher.ivBytes, bytes.size)
        return keystore.decrypt(alias, form.cipher, bytes.copyOf(end), bytes.copyOfRange(end, bytes.size))
    }

    private fun bytes(text: String): ByteArray =
        try {
            Base64.decode(text, Base64.DEFAULT)
        } catch (malformed: IllegalArgumentException) {
            throw IOException("not Base64", malformed)
        }

    /** A cipher, and the name of the key of items that belong to no service. */
    private class Form(
        val cipher: OlderCipher,
        val defaultAlias: String,
    )

    private class UnknownFormException : IOException("an unknown cipher")

    private fun form(name: String?): Form =
        when (name) {
            "KeystoreAESCBC" -> Form(OlderCipher.Cbc, "RN_KEYCHAIN_DEFAULT_ALIAS")

            "KeystoreAESGCM_NoAuth" -> Form(OlderCipher.Gcm, "KeystoreAESGCM_NoAuth")

            "KeystoreAESGCM", "KeystoreRSAECB" -> throw BoundToUserException()

            // No name at all is Facebook's Conceal, of the time before Android 6.
            else -> throw UnknownFormException()
        }

    private companion object {
        const val KEYCHAIN = "RN_KEYCHAIN"
        const val NAME = ":u"
        const val PASSWORD = ":p"
        const val CIPHER = ":c"
        const val CLIENT_KEY = "NetworkClientAndroidKeyStore"
    }
}
