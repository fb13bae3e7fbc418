package dev.steadfast.android

import java.io.IOException
import java.security.GeneralSecurityException
import java.security.KeyStore

/** The certificate authorities that this device trusts. */
internal object PlatformRoots {
    /**
     * The system's authorities as DER, without those that the user switched off; with [includingUserAdded], those that the
     * user or a company's administrator added as well. One that cannot be read is left out: it vouches for nobody. Empty if
     * the system does not say: then nothing of it is to be used.
     *
     * Reads some hundred files: not for the main thread.
     */
    fun certificates(includingUserAdded: Boolean): List<ByteArray> =
        orNull {
            val store = KeyStore.getInstance("AndroidCAStore").apply { load(null) }
            store
                .aliases()
                .asSequence()
                .filter { it.startsWith("system:") || (includingUserAdded && it.startsWith("user:")) }
                .mapNotNull { orNull { store.getCertificate(it)?.encoded } }
                .toList()
        }.orEmpty()

    @Suppress("TooGenericExceptionCaught") // Certificates come from anywhere, and devices fail at them with whatever comes to hand.
    private fun <T> orNull(read: () -> T?): T? =
        try {
            read()
        } catch (_: GeneralSecurityException) {
            null
        } catch (_: IOException) {
            null
        } catch (_: RuntimeException) {
            null
        }
}
