package dev.steadfast.android

import android.content.Context
import android.content.pm.PackageManager
import android.os.Build
import android.os.UserManager
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyPermanentlyInvalidatedException
import android.security.keystore.KeyProperties
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
 * one that works. The wrapped keys lie in the folder that the system leaves out of every backup.
 *
 * No key is bound to the user's authentication: a new fingerprint must not cost anybody their session.
 *
 * *Absent* ends a session, so it needs a proof:
 * - there is no file, by the system's own word (`ENOENT`); before the first unlock after a start, where files look absent,
 *   and for every other reason why one cannot be looked up: *unavailable*;
 * - or the file cannot be opened, since its key is gone, invalidated or another one than the one that wrapped: if the
 *   Keystore said so five times over three seconds, did not fail once in between, and opened a key of its own making before
 *   and after the last. One whose daemon has died says of every key that there is none (up to Android 11);
 * - a Keystore that fails is asked again after 0.1, 0.5 and 2 seconds, then: *unavailable*, and nothing is overwritten.
 *
 * What is deleted needs no Keystore to stay so: the file goes at once, the key beside the proof, if need be with a later call.
 */
@Suppress("TooGenericExceptionCaught") // Devices fail with whatever comes to hand, null pointers included.
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
            insist { look(name) } ?: KeyAnswer.Absent
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
            val before = files.read(name)
            if (before != null && WrappedKey.isNewer(before)) return KeyWritten.UNAVAILABLE
            // A new wrapping key beside an old wrapped one would make that unreadable for good, so there the Keystore must be
            // sure that it has none.
            val wrapping = before?.let { insist { wrappingKey(name) } }
            val wrapped = insist { if (wrapping != null) wrap(wrapping, name, key) else wrapAnew(name, key) }
            files.write(name, checkNotNull(wrapped).bytes())
            KeyWritten.DONE
        } catch (_: IOException) {
            KeyWritten.UNAVAILABLE
        }
    }

    override fun delete(name: String): KeyWritten {
        if (!isName(name)) return KeyWritten.DONE
        if (!isUnlocked()) return KeyWritten.UNAVAILABLE
        // Whatever becomes of the other: with either gone nothing opens any more, and it is done when both are.
        val fileIsGone = isDone { files.delete(name) }
        val keyIsGone =
            isDone {
                insist {
                    besideAProof {
                        keystore().deleteEntry(alias(name))
                        if (keystore().containsAlias(alias(name))) throw ProviderException("the key stays")
                    }
                }
            }
        return if (fileIsGone && keyIsGone) KeyWritten.DONE else KeyWritten.UNAVAILABLE
    }

    private fun isDone(act: () -> Unit): Boolean =
        try {
            act()
            true
        } catch (_: IOException) {
            false
        }

    /** The answer; null if there is something that nobody can open, as things look now. */
    private fun look(name: String): KeyAnswer? {
        val content = files.read(name) ?: return KeyAnswer.Absent
        // What a newer version wrote, a newer version can read; what is no wrapped key at all, nobody.
        val wrapped = WrappedKey.parse(content) ?: return if (WrappedKey.isNewer(content)) KeyAnswer.Unavailable else null
        return try {
            keystoreKey(alias(name))?.let { KeyAnswer.Value(decrypt(it, name, wrapped)) }
        } catch (_: KeyPermanentlyInvalidatedException) {
            null
        } catch (_: AEADBadTagException) {
            null
        }
    }

    /** The key to wrap with, known to work; null if there is none, or the system has invalidated it. */
    private fun wrappingKey(name: String): SecretKey? =
        try {
            keystoreKey(alias(name))?.also { Cipher.getInstance(TRANSFORMATION).init(Cipher.ENCRYPT_MODE, it) }
        } catch (_: KeyPermanentlyInvalidatedException) {
            null
        }

    /** Wraps under a new key: in StrongBox, or beside it where there is none, or it fails, is full or garbles. */
    private fun wrapAnew(
        name: String,
        key: ByteArray,
    ): WrappedKey {
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.P && StrongBox.isThere(context)) {
            try {
                return wrapUnder(StrongBox.asked(spec(alias(name))), name, key)
            } catch (_: Exception) {
                // Whatever it was: without it, a Keystore that works makes a key, and one that does not says so again.
            }
        }
        return wrapUnder(spec(alias(name)), name, key)
    }

    private fun wrapUnder(
        spec: KeyGenParameterSpec.Builder,
        name: String,
        key: ByteArray,
    ): WrappedKey {
        try {
            return wrap(generate(spec.build()), name, key)
        } catch (failed: Exception) {
            // What does not open what it sealed is not to be found there later.
            discard(alias(name))
            throw failed
        }
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

    private fun generate(spec: KeyGenParameterSpec): SecretKey {
        val generator = KeyGenerator.getInstance(KeyProperties.KEY_ALGORITHM_AES, PROVIDER)
        generator.init(spec)
        return generator.generateKey()
    }

    private fun spec(alias: String) =
        KeyGenParameterSpec
            .Builder(alias, KeyProperties.PURPOSE_ENCRYPT or KeyProperties.PURPOSE_DECRYPT)
            .setBlockModes(KeyProperties.BLOCK_MODE_GCM)
            .setEncryptionPaddings(KeyProperties.ENCRYPTION_PADDING_NONE)
            .setKeySize(KEY_BITS)
            .setUserAuthenticationRequired(false)

    private fun keystoreKey(alias: String) = keystore().getKey(alias, null) as SecretKey?

    private fun keystore() = java.security.KeyStore.getInstance(PROVIDER).apply { load(null) }

    private fun discard(alias: String) {
        try {
            keystore().deleteEntry(alias)
        } catch (_: Exception) {
            // It is written over by the next key of that name.
        }
    }

    /**
     * Asks until there is an answer, with the pauses in between, and where there was none, once more beside a proof that the
     * Keystore is there. Null if there was none each time.
     *
     * @throws IOException if it failed, be it once
     */
    private fun <T : Any> insist(ask: () -> T?): T? {
        var failure: Exception? = null
        for (millis in PAUSES) {
            if (millis > 0) pause(millis)
            try {
                ask()?.let { return it }
            } catch (failed: Exception) {
                failure = failed
            }
        }
        if (failure != null) throw IOException("the Keystore fails", failure)
        return try {
            besideAProof(ask)
        } catch (failed: Exception) {
            throw IOException("the Keystore is not proved to be there", failed)
        }
    }

    /** What [ask] gives, if the Keystore opens a key that it just made, before and after. */
    private fun <T> besideAProof(ask: () -> T): T =
        Proofs.use { proof ->
            try {
                generate(spec(proof).build())
                prove(proof)
                ask().also { prove(proof) }
            } finally {
                discard(proof)
            }
        }

    private fun prove(proof: String) {
        val key = keystoreKey(proof) ?: throw ProviderException("the Keystore has no key that it just made")
        wrap(key, proof, ByteArray(KEY_BITS / Byte.SIZE_BITS))
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
    }
}

/**
 * Names of keys that prove the Keystore; no other has one without a dot. No two proofs at once have the same, in whichever
 * thread, and each takes the first that is free: what a process that was killed left behind is written over, and goes with that.
 */
private object Proofs {
    private val taken = HashSet<Int>()

    fun <T> use(prove: (String) -> T): T {
        val number = synchronized(taken) { generateSequence(0, Int::inc).first(taken::add) }
        try {
            return prove(if (number == 0) "steadfast-proof" else "steadfast-proof-$number")
        } finally {
            synchronized(taken) { taken -= number }
        }
    }
}

/** A chip of its own for keys, which Android 9 and later know how to ask for. */
@RequiresSdk(Build.VERSION_CODES.P)
private object StrongBox {
    fun isThere(context: Context) = context.packageManager.hasSystemFeature(PackageManager.FEATURE_STRONGBOX_KEYSTORE)

    fun asked(spec: KeyGenParameterSpec.Builder): KeyGenParameterSpec.Builder = spec.setIsStrongBoxBacked(true)
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
