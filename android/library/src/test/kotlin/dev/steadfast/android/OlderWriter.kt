package dev.steadfast.android

import android.content.Context
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyProperties
import android.util.Base64
import java.io.ByteArrayOutputStream
import java.io.File
import java.security.KeyStore
import javax.crypto.Cipher
import javax.crypto.KeyGenerator
import javax.crypto.SecretKey

/** Writes what older React Native apps wrote, in the recorded shapes. */
internal class OlderWriter(
    private val context: Context,
) {
    val keychain = File(context.filesDir, "datastore/RN_KEYCHAIN.preferences_pb")
    private val clients = File(context.filesDir, "datastore/APIClientDataStore.preferences_pb")

    /** As react-native-keychain writes an item. */
    fun keep(
        service: String,
        name: String,
        password: String,
        cipher: String,
        inPreferences: Boolean = false,
    ) {
        val key = key(service.ifEmpty { if (cipher == CBC) "RN_KEYCHAIN_DEFAULT_ALIAS" else cipher })
        val values = mapOf("$service:u" to seal(key, cipher, name), "$service:p" to seal(key, cipher, password), "$service:c" to cipher)
        if (inPreferences) {
            val edit = context.getSharedPreferences("RN_KEYCHAIN", Context.MODE_PRIVATE).edit()
            values.forEach(edit::putString)
            edit.commit()
        } else {
            values.forEach { (name, value) -> put(keychain, name, value) }
        }
    }

    /** As react-native-network-client keeps a token. */
    fun copy(
        alias: String,
        value: String,
    ) {
        val cipher = Cipher.getInstance("AES/CBC/PKCS5Padding")
        cipher.init(Cipher.ENCRYPT_MODE, key("NetworkClientAndroidKeyStore"))
        val sealed = cipher.doFinal(value.padEnd(value.length + 16 - value.length % 16).toByteArray())
        put(clients, alias, Base64.encodeToString(sealed, Base64.DEFAULT) + "," + Base64.encodeToString(cipher.iv, Base64.DEFAULT))
    }

    /** As Jetpack's DataStore keeps a text. */
    private fun put(
        file: File,
        name: String,
        value: String,
    ) {
        file.parentFile!!.mkdirs()
        file.appendBytes(field(1, field(1, name.toByteArray()) + field(2, field(5, value.toByteArray()))))
    }

    private fun key(alias: String): SecretKey {
        KeyStore.getInstance("AndroidKeyStore").apply { load(null) }.getKey(alias, null)?.let { return it as SecretKey }
        val generator = KeyGenerator.getInstance("AES", "AndroidKeyStore")
        generator.init(KeyGenParameterSpec.Builder(alias, KeyProperties.PURPOSE_ENCRYPT or KeyProperties.PURPOSE_DECRYPT).build())
        return generator.generateKey()
    }

    private fun seal(
        key: SecretKey,
        kind: String,
        text: String,
    ): String {
        val cipher = Cipher.getInstance(if (kind == CBC) "AES/CBC/PKCS5Padding" else "AES/GCM/NoPadding")
        cipher.init(Cipher.ENCRYPT_MODE, key)
        return Base64.encodeToString(cipher.iv + cipher.doFinal(text.toByteArray()), Base64.DEFAULT)
    }

    fun field(
        number: Int,
        content: ByteArray,
    ): ByteArray {
        val bytes = ByteArrayOutputStream()
        bytes.write((number shl 3) or 2)
        var length = content.size
        while (length >= 128) {
            bytes.write((length and 127) or 128)
            length = length shr 7
        }
        bytes.write(length)
        bytes.write(content)
        return bytes.toByteArray()
    }

    companion object {
        const val GCM = "KeystoreAESGCM_NoAuth"
        const val CBC = "KeystoreAESCBC"
    }
}
