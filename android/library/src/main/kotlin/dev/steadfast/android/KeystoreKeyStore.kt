package dev.steadfast.android

import android.content.Context
import android.content.pm.PackageManager
import android.os.Build
import android.os.UserManager
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyPermanentlyInvalidatedException
import android.security.keystore.KeyProperties
import android.security.keystore.StrongBoxUnavailableException
import dev.steadfast.core.KeyAnswer
import dev.steadfast.core.KeyStore
import dev.steadfast.core.KeyWritten
import java.io.File
import java.io.IOException
import java.security.ProviderException
import javax.crypto.AEADBadTagException
import javax.crypto.Cipher
import javax.crypto.KeyGenerator
import javax.crypto.SecretKey
import javax.crypto.spec.GCMParameterSpec

/**
 * The core's keys, each wrapped under an AES-GCM key of its own in the Android Keystore, in StrongBox where the device has
 * one. The wrapped keys lie in the folder that the system leaves out of every backup.
 *
 * No key is bound to the user's authentication: a new fingerprint must not cost anybody their session.
 *
 * What devices do, and what it answers:
 * - before the first unlock after a start the files look absent: *unavailable*;
 * - a Keystore that fails is asked again after 0.1, 0.5 and 2 seconds, then: *unavailable*, and nothing is overwritten;
 * - the system invalidated the key: *absent*;
 * - the key is gone, or another one than the one that wrapped: *absent*, if the Keystore said so four times and did not fail
 *   once in between.
 */
public class KeystoreKeyStore internal constructor(
    private val context: Context,
    private val pause: (Long) -> Unit,
) : KeyStore {
    /** The key store of this app. Touches neither disk nor Keystore until it is asked for a key. */
    public constructor(context: Context) : this(context.applicationContext, Thread::sleep)

    private val files by lazy { KeyFiles(File(context.noBackupFilesDir, "steadfast-keys")) }

    override fun load(name: String): KeyAnswer {
        if (!isName(name)) return KeyAnswer.Absent
        if (!isUnlocked()) return KeyAnswer.Unavailable
        return try {
            val content = files.read(name) ?: return KeyAnswer.Absent
            when (val wrapped = WrappedKey.parse(content)) {
                is WrappedKey -> insist { unwrap(name, wrapped) } ?: KeyAnswer.Absent

                // What a newer version wrote, a newer version can read; what is no wrapped key at all, nobody.
                null -> if (WrappedKey.isNewer(content)) KeyAnswer.Unavailable else KeyAnswer.Absent
            }
        } catch (_: IOException) {
            KeyAnswer.Unavailable
        }
    }

    override fun store(
        name: String,
        key: ByteArray,
    ): KeyWritten {
        if (!isName(name) || !isUnlocked()) return KeyWritten.UNAVAILABLE
        return try {
            // A new wrapping key beside an old wrapped one would make that unreadable for good, so there the Keystore must be
            // sure that it has none.
            val isNew = files.read(name) == null
            var wrapping = if (isNew) insist(FIRST_TRY_ONLY) { wrappingKey(name) } else insist { wrappingKey(name) }
            val wrapped = insist { wrap(wrapping ?: generate(name).also { wrapping = it }, name, key) }
            files.write(name, checkNotNull(wrapped).bytes())
            KeyWritten.DONE
        } catch (_: IOException) {
            KeyWritten.UNAVAILABLE
        }
    }

    override fun delete(name: String): KeyWritten {
        if (!isName(name)) return KeyWritten.DONE
        if (!isUnlocked()) return KeyWritten.UNAVAILABLE
        return try {
            insist { keystore().deleteEntry(alias(name)) }
            // Without the key that wrapped it the file is noise: a kill in between leaves nothing that could be read.
            files.delete(name)
            KeyWritten.DONE
        } catch (_: IOException) {
            KeyWritten.UNAVAILABLE
        }
    }

    /** The answer; null if the Keystore has no key, or not the one that wrapped this. */
    private fun unwrap(
        name: String,
        wrapped: WrappedKey,
    ): KeyAnswer? =
        try {
            keystoreKey(name)?.let { KeyAnswer.Value(decrypt(it, name, wrapped)) }
        } catch (_: KeyPermanentlyInvalidatedException) {
            KeyAnswer.Absent
        } catch (_: AEADBadTagException) {
            null
        }

    /** The key to wrap with, known to work; null if there is none. One that the system has invalidated is taken out. */
    private fun wrappingKey(name: String): SecretKey? =
        try {
            keystoreKey(name)?.also { Cipher.getInstance(TRANSFORMATION).init(Cipher.ENCRYPT_MODE, it) }
        } catch (_: KeyPermanentlyInvalidatedException) {
            keystore().deleteEntry(alias(name))
            null
        }

    private fun wrap(
        wrapping: SecretKey,
        name: String,
        key: ByteArray,
    ): WrappedKey {
        val cipher = Cipher.getInstance(TRANSFORMATION)
        cipher.init(Cipher.ENCRYPT_MODE, wrapping)
        cipher.updateAAD(name.toByteArray())
        val wrapped = WrappedKey(cipher.iv, cipher.doFinal(key))
        // A Keystore that garbles is found out while the old wrapped key is still there.
        if (!decrypt(wrapping, name, wrapped).contentEquals(key)) throw ProviderException("the Keystore garbles")
        return wrapped
    }

    private fun decrypt(
        wrapping: SecretKey,
        name: String,
        wrapped: WrappedKey,
    ): ByteArray {
        val cipher = Cipher.getInstance(TRANSFORMATION)
        cipher.init(Cipher.DECRYPT_MODE, wrapping, GCMParameterSpec(TAG_BITS, wrapped.nonce))
        cipher.updateAAD(name.toByteArray())
        return cipher.doFinal(wrapped.sealed)
    }

    private fun generate(name: String): SecretKey {
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.P) StrongBox.generate(context, spec(name))?.let { return it }
        return generate(spec(name).build())
    }

    private fun spec(name: String) =
        KeyGenParameterSpec
            .Builder(alias(name), KeyProperties.PURPOSE_ENCRYPT or KeyProperties.PURPOSE_DECRYPT)
            .setBlockModes(KeyProperties.BLOCK_MODE_GCM)
            .setEncryptionPaddings(KeyProperties.ENCRYPTION_PADDING_NONE)
            .setKeySize(KEY_BITS)
            .setUserAuthenticationRequired(false)

    private fun keystoreKey(name: String) = keystore().getKey(alias(name), null) as SecretKey?

    private fun keystore() = java.security.KeyStore.getInstance(PROVIDER).apply { load(null) }

    /**
     * Asks the Keystore until it has an answer, with the pauses in between. Null if it said each time that there is none.
     *
     * @throws IOException if it failed, be it once
     */
    @Suppress("TooGenericExceptionCaught") // Devices fail with whatever comes to hand, null pointers included.
    private fun <T : Any> insist(
        pauses: List<Long> = PAUSES,
        ask: () -> T?,
    ): T? {
        var failure: Exception? = null
        for (millis in pauses) {
            if (millis > 0) pause(millis)
            try {
                ask()?.let { return it }
            } catch (failed: Exception) {
                failure = failed
            }
        }
        if (failure != null) throw IOException("the Keystore fails", failure)
        return null
    }

    private fun isUnlocked() = context.getSystemService(UserManager::class.java)?.isUserUnlocked ?: false

    private fun alias(name: String) = "steadfast.$name"

    /** Names come from the core; whatever else they may be, they never lead out of the folder. */
    private fun isName(name: String) = name.isNotEmpty() && name.all { it in 'a'..'z' || it in 'A'..'Z' || it in '0'..'9' || it == '-' }

    internal companion object {
        internal const val PROVIDER = "AndroidKeyStore"
        private const val TRANSFORMATION = "AES/GCM/NoPadding"
        private const val KEY_BITS = 256
        private const val TAG_BITS = 128

        /** Milliseconds before each try: together well below the ten seconds after which the core goes on. */
        private val PAUSES = listOf(0L, 100L, 500L, 2_000L)
        private val FIRST_TRY_ONLY = listOf(0L)

        internal fun generate(spec: KeyGenParameterSpec): SecretKey {
            val generator = KeyGenerator.getInstance(KeyProperties.KEY_ALGORITHM_AES, PROVIDER)
            generator.init(spec)
            return generator.generateKey()
        }
    }
}

/** A key in a chip of its own, which Android 9 and later know how to ask for. */
@RequiresSdk(Build.VERSION_CODES.P)
private object StrongBox {
    /** Null if there is no such chip, or it is full, busy, or without AES of 256 bits. */
    fun generate(
        context: Context,
        spec: KeyGenParameterSpec.Builder,
    ): SecretKey? {
        if (!context.packageManager.hasSystemFeature(PackageManager.FEATURE_STRONGBOX_KEYSTORE)) return null
        return try {
            KeystoreKeyStore.generate(spec.setIsStrongBoxBacked(true).build())
        } catch (_: StrongBoxUnavailableException) {
            null
        }
    }
}

/** A wrapped key as it is stored: a form, the length of the nonce, the nonce, the sealed bytes. */
private class WrappedKey(
    val nonce: ByteArray,
    val sealed: ByteArray,
) {
    fun bytes(): ByteArray = byteArrayOf(FORM, nonce.size.toByte()) + nonce + sealed

    companion object {
        private const val FORM: Byte = 1
        private const val HEADER = 2

        fun parse(content: ByteArray): WrappedKey? {
            if (content.size < HEADER || content[0] != FORM) return null
            val end = HEADER + content[1]
            if (end <= HEADER || end >= content.size) return null
            return WrappedKey(content.copyOfRange(HEADER, end), content.copyOfRange(end, content.size))
        }

        fun isNewer(content: ByteArray) = content.isNotEmpty() && content[0] > FORM
    }
}
