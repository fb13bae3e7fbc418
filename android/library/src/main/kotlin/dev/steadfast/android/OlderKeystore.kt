package dev.steadfast.android

import android.security.keystore.KeyPermanentlyInvalidatedException
import android.security.keystore.UserNotAuthenticatedException
import java.io.IOException
import java.security.KeyStore
import java.security.KeyStoreException
import java.security.spec.AlgorithmParameterSpec
import javax.crypto.BadPaddingException
import javax.crypto.Cipher
import javax.crypto.SecretKey
import javax.crypto.spec.GCMParameterSpec
import javax.crypto.spec.IvParameterSpec

/** Ciphers of older apps for which nobody has to authenticate. */
internal enum class OlderCipher(
    val transformation: String,
    val ivBytes: Int,
    val parameters: (ByteArray) -> AlgorithmParameterSpec,
) {
    Cbc("AES/CBC/PKCS7Padding", CBC_IV_BYTES, ::IvParameterSpec),
    Gcm("AES/GCM/NoPadding", GCM_IV_BYTES, { GCMParameterSpec(GCM_TAG_BITS, it) }),
}

private const val CBC_IV_BYTES = 16
private const val GCM_IV_BYTES = 12
private const val GCM_TAG_BITS = 128

/** The key wants to see the user first. */
internal class BoundToUserException : IOException("the key is bound to the user")

/** The keys of older apps in the Android Keystore. Never makes one: a new key would hide that the old one is gone. */
internal class OlderKeystore(
    private val pause: (Long) -> Unit = Thread::sleep,
) {
    /**
     * The text that was encrypted under the key of that name.
     *
     * @throws BoundToUserException if only the user can open it
     * @throws IOException if it cannot be read now
     */
    fun decrypt(
        alias: String,
        cipher: OlderCipher,
        iv: ByteArray,
        sealed: ByteArray,
    ): String {
        if (iv.size != cipher.ivBytes || sealed.isEmpty()) throw IOException("cut off")
        return insist {
            val key = keystore().getKey(alias, null) as? SecretKey ?: throw KeyStoreException("there is no key")
            val opening = Cipher.getInstance(cipher.transformation)
            opening.init(Cipher.DECRYPT_MODE, key, cipher.parameters(iv))
            utf8(opening.doFinal(sealed))
        }
    }

    /** @throws IOException if it may still be there */
    fun delete(alias: String): Unit = insist { keystore().deleteEntry(alias) }

    private fun keystore() = KeyStore.getInstance(KeystoreKeyStore.PROVIDER).apply { load(null) }

    /** Asks again where a device's Keystore just fails now and then; see hazard B09. */
    @Suppress("TooGenericExceptionCaught") // Devices fail with whatever comes to hand, null pointers included.
    private fun <T> insist(ask: () -> T): T {
        var failure: Exception? = null
        for (millis in PAUSES) {
            if (millis > 0) pause(millis)
            try {
                return ask()
            } catch (failed: Exception) {
                failure = failed
                if (failed.isLasting()) break
            }
        }
        throw failure as? IOException ?: because(failure)
    }

    /** Asking again would not help. */
    private fun Exception.isLasting() =
        this is IOException || this is UserNotAuthenticatedException || this is KeyPermanentlyInvalidatedException ||
            this is BadPaddingException

    private fun because(failure: Exception?): IOException =
        if (failure is UserNotAuthenticatedException) BoundToUserException() else IOException("the Keystore fails", failure)

    private companion object {
        /** Milliseconds before each try. */
        val PAUSES = listOf(0L, 100L, 500L)
    }
}
