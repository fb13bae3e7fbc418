package dev.steadfast.android

import android.content.Context
import android.util.Base64
import dev.steadfast.core.LegacyEntry
import dev.steadfast.core.LegacySource
import java.io.File
import java.io.IOException
import java.security.KeyStore
import java.security.spec.AlgorithmParameterSpec
import javax.crypto.Cipher
import javax.crypto.SecretKey
import javax.crypto.spec.GCMParameterSpec
import javax.crypto.spec.IvParameterSpec

/**
 * The React Native apps: items of react-native-keychain, each under the name of its server, sealed under a key of the Android
 * Keystore. Its older versions kept them in preferences, its newer ones in a file of Jetpack DataStore.
 */
internal class ReactNativeApp(
    private val context: Context,
) : OlderApp {
    override fun look(): List<Left> {
        val preferences = context.getSharedPreferences(STORE, Context.MODE_PRIVATE)
        val file = PreferencesFile(File(context.filesDir, "datastore/$STORE.preferences_pb"))
        val inPreferences =
            items(preferences.all) { keys ->
                preferences.edit().apply { keys.forEach(::remove) }.commit()
            }
        return inPreferences + items(file.read(), file::remove)
    }

    private fun items(
        values: Map<String, *>,
        remove: (List<String>) -> Unit,
    ): List<Left> =
        values.keys.filter { it.endsWith(PASSWORD) }.mapNotNull { key ->
            val service = key.removeSuffix(PASSWORD)
            val cipher = values[service + CIPHER] as? String
            val name = open(service, cipher, values[service + NAME])
            val password = open(service, cipher, values[key])
            if (name == null || password == null) return@mapNotNull null
            Left(entry(service, name, password)) { remove(listOf(service + NAME, key, service + CIPHER)) }
        }

    /** Which of the apps wrote it shows in its name: version 1 wrote `<device id>, <user id>`. */
    private fun entry(
        service: String,
        name: String,
        password: String,
    ) = when {
        name == PRE_SHARED_SECRET -> LegacyEntry(LegacySource.REACT_NATIVE2_PRE_SHARED_SECRET, "", name, password)
        service.isEmpty() -> LegacyEntry(LegacySource.REACT_NATIVE1_GENERIC, "", name, password)
        ", " in name -> LegacyEntry(LegacySource.REACT_NATIVE1_INTERNET, service, name, password)
        else -> LegacyEntry(LegacySource.REACT_NATIVE2, service, name, password)
    }

    /** Null if it cannot be opened now, or by anybody: then it stays. */
    @Suppress("TooGenericExceptionCaught") // Devices fail with whatever comes to hand.
    private fun open(
        service: String,
        cipher: String?,
        value: Any?,
    ): String? =
        try {
            val bytes = Base64.decode(value as String, Base64.DEFAULT)
            val key = KeyStore.getInstance(KeystoreKeyStore.PROVIDER).apply { load(null) }.getKey(service.ifEmpty { DEFAULT_ALIAS }, null)
            Sealed.of(cipher)?.open(key as SecretKey, bytes)
        } catch (_: Exception) {
            null
        }

    /** How the library sealed: the nonce stands before the text. */
    private enum class Sealed(
        private val code: String,
        private val transformation: String,
        private val nonce: Int,
    ) {
        Cbc("KeystoreAESCBC", "AES/CBC/PKCS7Padding", CBC_NONCE),
        Gcm("KeystoreAESGCM_NoAuth", "AES/GCM/NoPadding", GCM_NONCE),
        ;

        fun open(
            key: SecretKey,
            bytes: ByteArray,
        ): String {
            val start = bytes.copyOf(nonce)
            val parameters: AlgorithmParameterSpec = if (this == Gcm) GCMParameterSpec(GCM_TAG_BITS, start) else IvParameterSpec(start)
            val cipher = Cipher.getInstance(transformation)
            cipher.init(Cipher.DECRYPT_MODE, key, parameters)
            return cipher.doFinal(bytes, nonce, bytes.size - nonce).decodeToString()
        }

        companion object {
            private const val GCM_TAG_BITS = 128

            fun of(code: String?) = entries.find { it.code == code }
        }
    }

    private companion object {
        const val STORE = "RN_KEYCHAIN"
        const val NAME = ":u"
        const val PASSWORD = ":p"
        const val CIPHER = ":c"
        const val DEFAULT_ALIAS = "RN_KEYCHAIN_DEFAULT_ALIAS"
        const val PRE_SHARED_SECRET = "preshared_secret"
        const val CBC_NONCE = 16
        const val GCM_NONCE = 12
    }
}

/** Just enough of Jetpack DataStore's file of preferences: a protocol buffer with a map from names to values. */
internal class PreferencesFile(
    private val file: File,
) {
    /** The texts in it; none if there is no such file, or it is none. */
    fun read(): Map<String, String> = entries().mapNotNull { entry -> entry.text?.let { entry.name to it } }.toMap()

    /** Takes these names out, durably. */
    fun remove(names: List<String>) {
        val beside = File(file.path + ".new")
        beside.outputStream().use { stream ->
            entries().filterNot { it.name in names }.forEach { stream.write(it.whole) }
            stream.fd.sync()
        }
        if (!beside.renameTo(file)) throw IOException("not renamed")
    }

    private fun entries(): List<Entry> = if (file.isFile) Fields(file.readBytes()).all().mapNotNull(::entry) else emptyList()

    private fun entry(field: Field): Entry? {
        val parts = Fields(field.content).all().associate { it.number to it.content }
        val name = parts[ENTRY_NAME]?.decodeToString() ?: return null
        val value = parts[ENTRY_VALUE] ?: return null
        val texts = Fields(value).all().filter { it.number == VALUE_STRING }
        return Entry(name, texts.firstOrNull()?.content?.decodeToString(), field.whole)
    }

    private class Entry(
        val name: String,
        val text: String?,
        val whole: ByteArray,
    )

    private companion object {
        const val ENTRY_NAME = 1
        const val ENTRY_VALUE = 2
        const val VALUE_STRING = 5
    }
}

/** A field of a protocol buffer. */
private class Field(
    val number: Int,
    /** Its bytes; empty for a number. */
    val content: ByteArray,
    /** With its tag and its length. */
    val whole: ByteArray,
)

/** The fields of a message of a protocol buffer; ends where it is damaged. */
private class Fields(
    private val bytes: ByteArray,
) {
    private var at = 0

    fun all(): List<Field> = generateSequence(::next).toList()

    private fun next(): Field? {
        val start = at
        val tag = number()
        val length = tag?.let { length(it and WIRE_TYPE) }
        if (tag == null || length == null || length !in 0..(bytes.size - at)) return null
        val from = at
        at = from + length.toInt()
        return Field((tag shr TAG_BITS).toInt(), bytes.copyOfRange(from, at), bytes.copyOfRange(start, at))
    }

    /** Bytes of a content of that type, from here on; a number is passed over and has none. */
    private fun length(type: Long): Long? =
        when (type) {
            VARINT -> number()?.let { 0L }
            FIXED_64 -> Long.SIZE_BYTES.toLong()
            DELIMITED -> number()
            FIXED_32 -> Int.SIZE_BYTES.toLong()
            else -> null
        }

    private fun number(): Long? {
        var value = 0L
        for (shift in 0 until Long.SIZE_BITS step BITS) {
            if (at >= bytes.size) return null
            val byte = bytes[at++].toLong()
            value = value or ((byte and LOW_BITS) shl shift)
            if (byte >= 0) return value
        }
        return null
    }

    private companion object {
        const val TAG_BITS = 3
        const val WIRE_TYPE = 7L
        const val VARINT = 0L
        const val FIXED_64 = 1L
        const val DELIMITED = 2L
        const val FIXED_32 = 5L
        const val BITS = 7
        const val LOW_BITS = 0x7fL
    }
}
