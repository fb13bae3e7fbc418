package dev.steadfast.jvm

import dev.steadfast.core.Config
import dev.steadfast.core.Destination
import dev.steadfast.core.HostException
import dev.steadfast.core.LogLevel
import dev.steadfast.core.LogRecord
import dev.steadfast.core.LogSink
import dev.steadfast.core.NetworkProfile
import dev.steadfast.core.Proxy
import dev.steadfast.core.SignIn
import dev.steadfast.core.Standing
import dev.steadfast.core.clearLogSink
import dev.steadfast.core.setLogSink
import dev.steadfast.testing.Gate
import dev.steadfast.testing.Identity
import dev.steadfast.testing.Platform
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import java.util.concurrent.ConcurrentLinkedQueue
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit

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
            // A thousand lines each time that somebody prints it.
            full.apply { stackTrace = stackTrace.take(2).toTypedArray() }
        }
    }

    /** Why a gateway refuses; its word for it is lost now and then with the connection, which it resets. */
    private suspend fun refused(call: suspend () -> Any?): String {
        var code = ""
        eventually("a reason") { codeOf(call).also { code = it } != "offline" }
        return code
    }

    /** Q10. Hazards B04, C02. */
    @Test
    fun `a key store that throws is unavailable, never absent and never done`() =
        test {
            val keys = Keys(world.folder())
            val phone = world.device(keys = keys)
            phone.signInAndConnect(Person.ALICE)
            server.sessionsGrowUp()
            for (made in throwables) {
                keys.throwsIn = setOf("store")
                keys.throws = made
                assertEquals("key_store_unavailable", codeOf { phone.core.signIn(phone.typed(Person.BOB)) })
                eventually("nobody's session is given up") { server.sessions("bob").isEmpty() }
                phone.switchOff()
                val written = keys.written.get()
                keys.throwsIn = setOf("load", "store")
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
            assertEquals("each was asked", setOf("load", "store"), keys.thrown)
        }

    /** Hazard C02. */
    @Test
    fun `a key that cannot be deleted now is deleted with the next start, and the user is signed out all the same`() =
        test {
            val folder = world.folder()
            val keys = Keys(folder)
            val phone = world.device(keys = keys)
            for (made in throwables) {
                phone.signInAndConnect(Person.ALICE)
                keys.throwsIn = setOf("delete")
                keys.throws = made
                phone.core.signOut(phone.account)
                assertEquals("sign in: null", phone.shows())
                eventually("no session after ${made()}") { server.sessions("alice").isEmpty() }
                assertTrue("it threw ${made()}", keys.thrown.remove("delete"))
                assertEquals(1, keysOf(folder).size)
                keys.throws = null
                phone.restart()
                eventually("deleted after ${made()}") { keysOf(folder).isEmpty() }
            }
        }

    /** Q10. Hazard B04. */
    @Test
    fun `a key store that hangs holds up nobody but the account`() =
        test {
            val keys = Keys(world.folder())
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

    /** Hazard C02. */
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

    /** Hazard C02. */
    @Test
    fun `certificates that throw are none, and the core stays usable`() =
        test {
            val certificates = Certificates()
            val gate = Gate(world.folder(), server.url, server.authority)
            val trusting = { config: Config -> config.copy(extraAuthorities = config.extraAuthorities + gate.authority) }
            val phone = world.device(config = trusting, certificates = certificates)
            val profile = NetworkProfile(Proxy.System, null, "work", null)
            gate.use {
                val typed = SignIn(it.url, Person.ALICE.login, Person.ALICE.password, profile = profile)
                for (made in throwables) {
                    certificates.throws = made
                    val asked = certificates.asked.get()
                    val code = refused { phone.core.signIn(typed) }
                    assertTrue("$code after ${made()}", code.startsWith("client_certificate"))
                    assertTrue("asked", certificates.asked.get() > asked)
                }
            }
            phone.signInAndConnect(Person.ALICE)
        }

    /** Hazards C02, E09. */
    @Test
    fun `a certificate's key signs over the border, and one that throws is not there now`() =
        test {
            val device = Identity(world.folder(), "device")
            val platform = Platform(device)
            Gate(world.folder(), server.url, server.authority, device).use { gate ->
                val trusting = { config: Config -> config.copy(extraAuthorities = config.extraAuthorities + gate.authority) }
                val phone = world.device(config = trusting, certificates = platform)
                val profile = { name: String -> NetworkProfile(Proxy.System, null, name, null) }
                for (without in listOf(Destination(gate.url), Destination(gate.url, profile("other")))) {
                    assertEquals("client_certificate_needed", refused { phone.core.probeServer(without) })
                }
                assertEquals(0 to 0, gate.passed.get() to platform.asked.get())

                val typed = SignIn(gate.url, Person.ALICE.login, Person.ALICE.password, profile = profile("work"))
                val account = phone.core.signIn(typed)
                phone.untilLive(account)
                assertEquals(1, phone.core.activeSessions(account).size)
                val (passed, signed) = gate.passed.get() to platform.asked.get()
                // Most handshakes are short, and need no signature.
                assertTrue("$signed of $passed", signed in 1..passed)

                // One that never got through, so that no handshake is short.
                val locked = world.device(config = trusting, certificates = platform)
                for (made in throwables) {
                    platform.throws = made
                    val asked = platform.asked.get()
                    val code = refused { locked.core.probeServer(Destination(gate.url, profile("work"))) }
                    assertEquals("after ${made()}", "client_certificate_unavailable", code)
                    assertTrue("asked", platform.asked.get() > asked)
                }
                platform.throws = null
                locked.core.probeServer(Destination(gate.url, profile("work")))
                assertEquals(Standing.ACTIVE, phone.verify())
                assertTrue("${phone.told}", phone.told.isEmpty())
            }
        }

    /** Hazard C02. */
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

    /** A key store that asks the core from within is no deadlock. Hazard C04. */
    @Test
    fun `a key store may ask the core`() =
        test {
            val keys = Keys(world.folder())
            val phone = world.device(keys = keys)
            keys.before = { phone.core.accounts() }
            phone.signInAndConnect(Person.ALICE)
            phone.core.dataKey(phone.account)
            phone.core.signOut(phone.account)
        }
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
