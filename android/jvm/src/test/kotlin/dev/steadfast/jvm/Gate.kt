package dev.steadfast.jvm

import java.io.File
import java.security.KeyStore
import java.util.Base64
import javax.net.ssl.KeyManagerFactory
import javax.net.ssl.SSLContext
import javax.net.ssl.SSLServerSocket
import javax.net.ssl.TrustManagerFactory
import kotlin.concurrent.thread

/** A gateway on loopback that lets nobody in without a client's certificate. */
class Gate(
    folder: File,
) : AutoCloseable {
    private val socket: SSLServerSocket
    val authority: String
    val url: String get() = "https://127.0.0.1:${socket.localPort}"

    init {
        val store = File(folder, "gate.p12")
        keytool(store)
        val keys = KeyStore.getInstance(store, SECRET.toCharArray())
        val encoded = Base64.getMimeEncoder().encodeToString(keys.getCertificate("gate").encoded)
        authority = "-----BEGIN CERTIFICATE-----\n$encoded\n-----END CERTIFICATE-----\n"
        val own = KeyManagerFactory.getInstance("PKIX").apply { init(keys, SECRET.toCharArray()) }
        val others = TrustManagerFactory.getInstance("PKIX").apply { init(keys) }
        val context = SSLContext.getInstance("TLS").apply { init(own.keyManagers, others.trustManagers, null) }
        socket = context.serverSocketFactory.createServerSocket(0) as SSLServerSocket
        socket.needClientAuth = true
        thread(isDaemon = true) { serve() }
    }

    private fun serve() {
        while (!socket.isClosed) {
            // A client without a certificate makes the first read fail.
            runCatching { socket.accept().use { it.getInputStream().read() } }
        }
    }

    private fun keytool(store: File) {
        val tool = File(System.getProperty("java.home"), "bin/keytool").path
        val line =
            "$tool -genkeypair -alias gate -keyalg EC -groupname secp256r1 -dname CN=gate -validity 2 " +
                "-ext SAN=ip:127.0.0.1 -storetype PKCS12 -storepass $SECRET -keystore ${store.path}"
        val made = ProcessBuilder(line.split(' ')).redirectErrorStream(true).start()
        val said = made.inputStream.bufferedReader().readText()
        check(made.waitFor() == 0) { said }
    }

    override fun close() = socket.close()

    private companion object {
        const val SECRET = "changeit"
    }
}
