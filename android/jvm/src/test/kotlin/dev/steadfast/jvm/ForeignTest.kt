package dev.steadfast.jvm

import dev.steadfast.core.ClientCertificate
import dev.steadfast.core.ClientCertificates
import dev.steadfast.core.Config
import dev.steadfast.core.HostException
import dev.steadfast.core.KeyAnswer
import dev.steadfast.core.KeyStore
import dev.steadfast.core.KeyWritten
import dev.steadfast.core.LogLevel
import dev.steadfast.core.LogRecord
import dev.steadfast.core.LogSink
import dev.steadfast.core.NetworkProfile
import dev.steadfast.core.Proxy
import dev.steadfast.core.Resolver
import dev.steadfast.core.SignIn
import dev.steadfast.core.SignatureKind
import dev.steadfast.core.Standing
import dev.steadfast.core.clearLogSink
import dev.steadfast.core.fileKeyStore
import dev.steadfast.core.setLogSink
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import java.util.concurrent.ConcurrentLinkedQueue
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicInteger

/** Whatever the app throws where the core asks it stays where it is, and nobody is signed out for it. */
class ForeignTest {
    @get:Rule
    val world = World()
    private val server get() = world.server

    private val throwables: List<() -> Throwable> =
        listOf(
            { HostException.Failed() },
            { IllegalStateException("CANARY") },
            { InterruptedException("CANARY") },
            { java.io.IOException("CANARY") },
            { AssertionError("CANARY") },
            { OutOfMemoryError("CANARY") },
            { overflow() },
        )

    @Suppress("SwallowedException")
    private fun overflow(): Throwable {
        fun deeper(level: Int): Int = deeper(level + 1) + 1
        return try {
            error("${deeper(0)}")
        } catch (full: StackOverflowError) {
            full
        }
    }

    /** Q10. Hazards B04, C06. */
    @Test
    fun `a key store that throws is unavailable, never absent and never done`() =
        test {
            val keys = Keys(fileKeyStore(world.folder().path))
            val phone = world.device(keys = keys)
            phone.signInAndConnect(Person.ALICE)
            server.sessionsGrowUp()
            for (made in throwables) {
                phone.switchOff()
                val written = keys.written.get()
                keys.throws = made
                phone.switchOn()
                phone.until("locked by ${made()}") { it.accounts.single().standing == Standing.LOCKED }
                assertFalse(phone.shows().startsWith("sign in"))
                assertEquals("key_store_unavailable", codeOf { phone.core.signIn(phone.typed(Person.BOB)) })
                assertEquals(1, server.sessions("alice").size)
                assertTrue(server.sessions("bob").isEmpty())
                keys.throws = null
                phone.suspendApp()
                phone.openApp()
                phone.until("active after ${made()}") { it.accounts.single().standing == Standing.ACTIVE }
                assertEquals("nothing was changed", written, keys.written.get())
            }
            assertEquals(Standing.ACTIVE, phone.verify())
            assertTrue("${phone.told}", phone.told.isEmpty())
        }

    /** Q10. Hazard B04. */
    @Test
    fun `a key store that hangs holds up nobody but the account`() =
        test {
            val keys = Keys(fileKeyStore(world.folder().path))
            val phone = world.device(keys = keys)
            phone.signInAndConnect(Person.ALICE)
            phone.switchOff()
            val gate = CountDownLatch(1)
            keys.before = { gate.await(PATIENCE, TimeUnit.MILLISECONDS) }
            phone.switchOn()
            phone.until("locked") { it.accounts.single().standing == Standing.LOCKED }
            assertFalse(phone.shows().startsWith("sign in"))
            gate.countDown()
            phone.suspendApp()
            phone.openApp()
            phone.until("active") { it.accounts.single().standing == Standing.ACTIVE }
        }

    /** Hazard C06. */
    @Test
    fun `a resolver that throws knows no name, and is asked again`() =
        test {
            val names = Names()
            val phone = world.device(resolver = names)
            val server = phone.server.replace("127.0.0.1", "localhost")
            val typed = SignIn(server, Person.ALICE.login, Person.ALICE.password)
            for (made in throwables) {
                names.throws = made
                val asked = names.asked.get()
                val code = codeOf { phone.core.signIn(typed) }
                assertTrue("$code after ${made()}", code in setOf("unknown_host", "offline"))
                assertTrue(names.asked.get() > asked)
            }
            names.throws = null
            val account = phone.core.signIn(typed)
            phone.untilLive(account)
        }

    /** Hazard C06. */
    @Test
    fun `certificates that throw are none, and the core stays usable`() =
        test {
            val certificates = Certificates()
            val gate = Gate(world.folder())
            val trusting = { config: Config -> config.copy(extraAuthorities = config.extraAuthorities + gate.authority) }
            val phone = world.device(config = trusting, certificates = certificates)
            val profile = NetworkProfile(Proxy.System, null, "work", null)
            gate.use {
                val typed = SignIn(it.url, Person.ALICE.login, Person.ALICE.password, profile = profile)
                for (made in throwables) {
                    certificates.throws = made
                    val asked = certificates.asked.get()
                    val code = codeOf { phone.core.signIn(typed) }
                    assertTrue("$code after ${made()}", code.startsWith("client_certificate"))
                    assertTrue("asked", certificates.asked.get() > asked)
                }
            }
            phone.signInAndConnect(Person.ALICE)
        }

    /** Hazard C06. */
    @Test
    fun `a log sink that throws loses its record, and the next one comes`() =
        test {
            val sink = Sink(throwables)
            setLogSink(LogLevel.DEBUG, sink)
            try {
                val phone = world.signedIn()
                assertEquals(Standing.ACTIVE, phone.verify())
                while (sink.records.size <= throwables.size * 2) phone.verify()
                val seqs = sink.records.map { it.seq }
                assertEquals("in order, each once", seqs.sorted().distinct(), seqs)
                phone.core.signOut(phone.account)
                assertFalse(sink.records.any { Person.ALICE.password in it.message || "CANARY" in it.message })
            } finally {
                clearLogSink()
            }
        }

    /** A key store that asks the core from within is no deadlock. */
    @Test
    fun `a key store may ask the core`() =
        test {
            val keys = Keys(fileKeyStore(world.folder().path))
            val phone = world.device(keys = keys)
            keys.before = { phone.core.accounts() }
            phone.signInAndConnect(Person.ALICE)
            phone.core.dataKey(phone.account)
            phone.core.signOut(phone.account)
        }
}

private class Keys(
    private val inner: KeyStore,
) : KeyStore {
    @Volatile var throws: (() -> Throwable)? = null

    @Volatile var before: () -> Unit = {}
    val written = AtomicInteger()

    private fun <T> ask(call: () -> T): T {
        before()
        throws?.let { throw it() }
        return call()
    }

    override fun load(name: String): KeyAnswer = ask { inner.load(name) }

    override fun store(
        name: String,
        key: ByteArray,
    ): KeyWritten = ask { inner.store(name, key).also { written.incrementAndGet() } }

    override fun delete(name: String): KeyWritten = ask { inner.delete(name).also { written.incrementAndGet() } }
}

private class Names : Resolver {
    @Volatile var throws: (() -> Throwable)? = null
    val asked = AtomicInteger()

    override fun resolve(host: String): List<String> {
        asked.incrementAndGet()
        throws?.let { throw it() }
        return listOf("127.0.0.1")
    }
}

private class Certificates : ClientCertificates {
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

private class Sink(
    private val throwables: List<() -> Throwable>,
) : LogSink {
    val records = CopyOnWriteArrayList<LogRecord>()
    private val rounds = ConcurrentLinkedQueue(throwables)

    override fun log(record: LogRecord) {
        records.add(record)
        rounds.poll()?.let { throw it() }
    }
}
