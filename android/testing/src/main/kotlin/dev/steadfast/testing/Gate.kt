package dev.steadfast.testing

import dev.steadfast.core.ClientCertificate
import dev.steadfast.core.ClientCertificates
import dev.steadfast.core.SignatureKind
import java.io.File
import java.io.IOException
import java.net.Socket
import java.net.URI
import java.security.KeyStore
import java.security.PrivateKey
import java.security.Signature
import java.security.cert.X509Certificate
import java.util.Base64
import java.util.concurrent.atomic.AtomicInteger
import javax.net.ssl.KeyManagerFactory
import javax.net.ssl.SSLContext
import javax.net.ssl.SSLServerSocket
import javax.net.ssl.SSLSocket
import javax.net.ssl.TrustManagerFactory
import kotlin.concurrent.thread

private const val SECRET = "changeit"

/** A key of its own and a certificate for it, as a device or a gateway has them. */
public class Identity(
    folder: File,
    name: String,
) {
    internal val keys: KeyStore
    internal val key: PrivateKey
    internal val certificate: X509Certificate
    internal val pem: String

    init {
        val store = File(folder, "$name.p12")
        val tool = File(System.getProperty("java.home"), "bin/keytool").path
        val line =
            "$tool -genkeypair -alias $name -keyalg EC -groupname secp256r1 -dname CN=$name -validity 2 " +
                "-ext SAN=ip:127.0.0.1 -storetype PKCS12 -storepass $SECRET -keystore ${store.path}"
        val made = ProcessBuilder(line.split(' ')).redirectErrorStream(true).start()
        val said = made.inputStream.bufferedReader().readText()
        check(made.waitFor() == 0) { said }
        keys = KeyStore.getInstance(store, SECRET.toCharArray())
        key = keys.getKey(name, SECRET.toCharArray()) as PrivateKey
        certificate = keys.getCertificate(name) as X509Certificate
        val encoded = Base64.getMimeEncoder().encodeToString(certificate.encoded)
        pem = "-----BEGIN CERTIFICATE-----\n$encoded\n-----END CERTIFICATE-----\n"
    }
}

/** A platform that has one certificate, called `work`, whose key it never hands out. */
public class Platform(
    private val identity: Identity,
) : ClientCertificates {
    /** What signing throws, if anything. */
    @Volatile public var throws: (() -> Throwable)? = null

    /** How often it was asked to sign. */
    public val asked: AtomicInteger = AtomicInteger()

    override fun certificate(name: String): ClientCertificate? {
        if (name != "work") return null
        return ClientCertificate(listOf(identity.certificate.encoded), listOf(SignatureKind.ECDSA_P256_SHA256))
    }

    override fun sign(
        name: String,
        kind: SignatureKind,
        message: ByteArray,
    ): ByteArray? {
        asked.incrementAndGet()
        throws?.let { throw it() }
        check(name == "work" && kind == SignatureKind.ECDSA_P256_SHA256) { "$name $kind" }
        return Signature.getInstance("SHA256withECDSA").run {
            initSign(identity.key)
            update(message)
            sign()
        }
    }
}

/** A gateway on loopback that lets nobody pass to the server at this address without the certificate of one of these. */
public class Gate(
    folder: File,
    private val server: String,
    private val serverAuthority: String,
    vararg clients: Identity,
) : AutoCloseable {
    private val socket: SSLServerSocket

    /** What its own certificate is of, in PEM. */
    public val authority: String

    /** Its address. */
    public val url: String get() = "https://127.0.0.1:${socket.localPort}"

    /** Connections whose certificate was good. */
    public val passed: AtomicInteger = AtomicInteger()

    init {
        val own = Identity(folder, "gate")
        authority = own.pem
        val known = KeyStore.getInstance("PKCS12").apply { load(null) }
        known.setCertificateEntry("own", own.certificate)
        clients.forEachIndexed { number, client -> known.setCertificateEntry("$number", client.certificate) }
        val shown = KeyManagerFactory.getInstance("PKIX").apply { init(own.keys, SECRET.toCharArray()) }
        val trusted = TrustManagerFactory.getInstance("PKIX").apply { init(known) }
        val context = SSLContext.getInstance("TLS").apply { init(shown.keyManagers, trusted.trustManagers, null) }
        socket = context.serverSocketFactory.createServerSocket(0) as SSLServerSocket
        socket.needClientAuth = true
        thread(isDaemon = true) {
            while (!socket.isClosed) {
                val client = runCatching { socket.accept() as SSLSocket }.getOrNull() ?: continue
                thread(isDaemon = true) { client.use(::pass) }
            }
        }
    }

    private fun pass(client: SSLSocket) {
        try {
            // One without a certificate gets no further.
            client.startHandshake()
            passed.incrementAndGet()
            Trust.trusting(serverAuthority).socketFactory.createSocket("127.0.0.1", URI(server).port).use { upstream ->
                thread(isDaemon = true) { copy(client, upstream) }
                copy(upstream, client)
            }
        } catch (_: IOException) {
            // Either end may leave.
        }
    }

    private fun copy(
        from: Socket,
        to: Socket,
    ) {
        runCatching { from.getInputStream().copyTo(to.getOutputStream()) }
        to.close()
    }

    override fun close(): Unit = socket.close()
}
