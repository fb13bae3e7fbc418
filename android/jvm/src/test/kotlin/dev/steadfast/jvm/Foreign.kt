package dev.steadfast.jvm

import dev.steadfast.core.ClientCertificate
import dev.steadfast.core.ClientCertificates
import dev.steadfast.core.KeyAnswer
import dev.steadfast.core.KeyStore
import dev.steadfast.core.KeyWritten
import dev.steadfast.core.Resolver
import dev.steadfast.core.SignatureKind
import dev.steadfast.core.fileKeyStore
import java.io.File
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.atomic.AtomicInteger

/** A key store as the platform's, and what hinders it. */
class Keys(
    folder: File,
) : KeyStore,
    AutoCloseable {
    private val inner = fileKeyStore(folder.path)

    @Volatile var throws: (() -> Throwable)? = null

    /** Which calls throw it. */
    @Volatile var throwsIn = setOf("load", "store", "delete")

    /** Which did. */
    val thrown: MutableSet<String> = ConcurrentHashMap.newKeySet()

    @Volatile var before: () -> Unit = {}

    /** Calls that changed something. */
    val written = AtomicInteger()

    private fun <T> ask(
        name: String,
        call: () -> T,
    ): T {
        before()
        val made = throws
        if (made == null || name !in throwsIn) return call()
        thrown.add(name)
        throw made()
    }

    override fun load(name: String): KeyAnswer = ask("load") { inner.load(name) }

    override fun store(
        name: String,
        key: ByteArray,
    ): KeyWritten = ask("store") { inner.store(name, key).also { written.incrementAndGet() } }

    override fun delete(name: String): KeyWritten = ask("delete") { inner.delete(name).also { written.incrementAndGet() } }

    /** What it stands on is an object of Rust. */
    override fun close() = (inner as AutoCloseable).close()
}

/** Names that all lead here. */
class Names : Resolver {
    @Volatile var throws: (() -> Throwable)? = null
    val asked = AtomicInteger()

    override fun resolve(host: String): List<String> {
        asked.incrementAndGet()
        throws?.let { throw it() }
        return listOf("127.0.0.1")
    }
}

/** Certificates, none of which is there. */
class Certificates : ClientCertificates {
    @Volatile var throws: (() -> Throwable)? = null
    val asked = AtomicInteger()

    override fun certificate(name: String): ClientCertificate? {
        asked.incrementAndGet()
        throws?.let { throw it() }
        return null
    }

    override fun sign(
        name: String,
        kind: SignatureKind,
        message: ByteArray,
    ): ByteArray? = null
}

/** Files with keys that open something of an account, in the folder of a key store; the outbox has its own. */
fun keysOf(folder: File): Set<String> = folder.list()!!.filter { it.endsWith(".key") && it != "outbox.key" }.toSet()
