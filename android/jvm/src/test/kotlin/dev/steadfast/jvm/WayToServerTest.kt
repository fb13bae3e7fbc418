package dev.steadfast.jvm

import dev.steadfast.core.Core
import dev.steadfast.core.Destination
import dev.steadfast.core.HostException
import dev.steadfast.core.Link
import dev.steadfast.core.NetworkPath
import dev.steadfast.core.NetworkProfile
import dev.steadfast.core.Proxy
import dev.steadfast.core.SignIn
import dev.steadfast.core.Standing
import dev.steadfast.core.fileKeyStore
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.delay
import kotlinx.coroutines.withTimeout
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import org.junit.runner.RunWith
import java.io.File
import java.net.InetAddress
import java.net.ServerSocket
import java.net.Socket
import java.util.concurrent.CopyOnWriteArrayList
import kotlin.concurrent.thread

/** How many waits for the next dial are watched; all but the first follow a dial that failed. */
private const val WAITS = 3

/** Small enough for one process; each is a core of its own. */
private const val FLEET = 16

private const val SECRET = "CANARYsecret"

/** Threads of a core at rest: two of its runtime, the vault's and the key store's. */
private const val RESTING = 4

/** What a user sees of a network, and of a server, that are not as they should be. */
@RunWith(AtOnce::class)
class WayToServerTest {
    @get:Rule
    val world = World()
    private val server get() = world.server

    private fun assertNeverSignedOut(phone: Handset) {
        val seen = phone.shown.dropWhile { it != "content" }
        assertTrue("$seen", seen.none { it.startsWith("sign in") })
        assertTrue("${phone.told}", phone.told.isEmpty())
    }

    /** Resumed with something in the way, and told what it is. What cannot be told from a server in trouble is no portal. */
    private suspend fun behind(
        isPortal: Boolean,
        inTheWay: (Network) -> Unit,
    ): Handset {
        val phone = world.signedIn()
        phone.suspendApp()
        phone.untilLinks("paused") { it.lastOrNull() is Link.Paused }
        inTheWay(phone.network)
        phone.network.act("reset")
        val seen = phone.links.size
        phone.openApp()
        phone.untilLinks("what is in the way", seen) { links ->
            assertFalse("$links", links.any { it is Link.Live || (!isPortal && (it is Link.Portal || it is Link.Offline)) })
            links.any { if (isPortal) it is Link.Portal else it is Link.Waiting }
        }
        assertFalse(Standing.ENDED == phone.core.verify(phone.account, 10_000))
        assertFalse(phone.shows().startsWith("sign in"))
        return phone
    }

    /** The user has accepted the terms, and the system says so. Gives how long it took from then on, in milliseconds. */
    private suspend fun passed(
        phone: Handset,
        lift: String,
    ): Long {
        phone.network.act(lift)
        val took =
            timed {
                phone.core.networkChanged(NetworkPath.UP)
                phone.untilLive()
            }
        phone.untilShows("content")
        assertEquals(Standing.ACTIVE, phone.verify())
        assertNeverSignedOut(phone)
        return took
    }

    /**
     * A 401 and a certificate of somebody else may be a server's own gateway, so they are shown as a way that is tried again.
     *
     * Q5.
     */
    @Test
    fun `q05 a captive portal signs nobody out, is shown as what it is, and is behind in seconds`() =
        test {
            val portals = listOf("redirect", "network_authentication_required", "page")
            val named =
                portals.map { kind ->
                    async { within(5_000) { passed(behind(true) { it.act("portal", "kind" to kind) }, "clear_answers") } }
                }
            val page = async { passed(behind(false) { it.act("portal", "kind" to "unauthorized") }, "clear_answers") }
            val stranger = async { passed(strangers(), "clear") }
            (named + page + stranger).awaitAll()
        }

    /** Over a connection that nobody trusts nothing may be asked: a request would carry the token. */
    private suspend fun strangers(): Handset {
        var heard = 0
        val phone =
            behind(false) { network ->
                network.act("present", "certificate" to "stranger")
                network.answer(401, "html" to "<h1>Log in</h1>")
                heard = network.lastRequest
            }
        assertEquals("the stranger was asked", heard, phone.network.lastRequest)
        return phone
    }

    private fun isWait(link: Link) = link is Link.Waiting || link is Link.Polling

    /** The server goes away, is looked for in vain for a while, and comes back. Gives the waits, in milliseconds. */
    private suspend fun awayAndBack(
        phone: Handset,
        away: () -> Unit,
        back: () -> Unit,
    ): List<Long> {
        val seen = phone.links.size
        val waited = phone.waits.size
        val accepted = phone.network.accepted
        val from = System.nanoTime()
        away()
        phone.untilLinks("dials that fail", seen) { links -> links.count(::isWait) >= WAITS }
        val waits = phone.waits.drop(waited)
        val minutes = 1 + (System.nanoTime() - from) / 60_000_000_000
        val dials = phone.network.accepted - accepted
        // Ten dials a minute and account at most; questions over REST have connections beside them.
        assertTrue("$dials in $minutes minutes", dials <= 20 * minutes)
        back()
        phone.untilLive()
        assertEquals(Standing.ACTIVE, phone.verify())
        phone.untilShows("content")
        assertNeverSignedOut(phone)
        return waits
    }

    private suspend fun away(
        begin: (Network) -> Unit,
        end: (Network) -> Unit,
    ): List<Long> {
        val phone = world.signedIn(DESKTOP)
        return awayAndBack(phone, { begin(phone.network) }, { end(phone.network) })
    }

    private suspend fun nameless(): List<Long> {
        val names = Names()
        val phone = world.device(DESKTOP, resolver = names)
        val byName = phone.server.replace("127.0.0.1", "localhost")
        phone.core.signIn(SignIn(byName, Person.ALICE.login, Person.ALICE.password))
        phone.untilLive()
        server.sessionsGrowUp()
        var asked = 0
        val away = {
            names.throws = { HostException.Failed() }
            asked = names.asked.get()
            phone.network.act("reset")
        }
        return awayAndBack(phone, away) { names.throws = null }.also { assertTrue(names.asked.get() - asked >= WAITS - 1) }
    }

    /**
     * The port closed, every connection reset, no name, nobody who answers, a gateway's 502, and somebody else at the address.
     * Not shown here: an hour of it, which `tests/simulation` plays in virtual time.
     *
     * Q6.
     */
    @Test
    fun `q06 the server is away, in six ways, and every device comes back`() =
        test {
            fun network(
                name: String,
                vararg fields: Pair<String, Any>,
            ): (Network) -> Unit =
                { network ->
                    network.act(name, *fields)
                    network.act("reset")
                }
            val ways =
                listOf(
                    network("refuse", "on" to true) to network("refuse", "on" to false),
                    network("reset_new", "on" to true) to network("reset_new", "on" to false),
                    network("freeze", "on" to true) to network("freeze", "on" to false),
                    network("answer", "status" to 502, "html" to "<h1>502 Bad Gateway</h1>") to network("clear_answers"),
                    network("present", "certificate" to "stranger") to network("present", "certificate" to "genuine"),
                )
            val all = ways.map { (begin, end) -> async { away(begin, end) } } + async { nameless() }
            val waits = all.awaitAll().flatten()
            println("waits for the next dial: ${waits.sorted()}")
            assertTrue("$waits", waits.size >= ways.size && waits.all { it <= 31_000 })
            assertTrue("no jitter: $waits", waits.max() - waits.min() > 500)
        }

    /**
     * Sixteen cores of one process. Not shown here: ten thousand, which `tests/simulation` plays with the machine alone.
     *
     * Q7.
     */
    @Test
    fun `q07 a restart does not bring a fleet back in one second`() =
        test {
            val fleet =
                (1..FLEET).map {
                    val folder = world.folder()
                    Core.open(configured(folder, PHONE, listOf(server.authority)), fileKeyStore(File(folder, "keys").path))
                }
            try {
                fleet.map { core ->
                    async { core.signIn(SignIn(server.url, "alice", Person.ALICE.password)).also { untilLive(core) } }
                }.awaitAll()
                server.sessionsGrowUp()
                assertEquals(FLEET, server.get("live_sockets").asJsonArray.size())
                val since = server.requests().size
                val from = server.get("state").asJsonObject["now_ms"].asLong
                server.turn("restart", "down_for" to 1_000)
                fleet.map { core -> async { untilLive(core) } }.awaitAll()
                val dials = server.requests().drop(since).filter { it["path"].asString.endsWith("/websocket") }
                val at = dials.map { it["at_ms"].asLong - from }.sorted()
                println("a fleet of $FLEET is back after a restart of 1 s, in ms: $at")
                // The first tries are spread over 15 s: all in the same third of it is next to impossible.
                assertTrue("$at", at.last() - at.first() > 5_000)
                assertTrue("$at", at.groupBy { it / 1_000 }.values.all { it.size <= FLEET / 2 })
                assertTrue("no dials besides: $at", at.size <= 2 * FLEET)
                assertEquals(FLEET, server.sessions("alice").size)
            } finally {
                fleet.forEach {
                    it.shutDown()
                    it.close()
                }
            }
        }

    private suspend fun untilLive(core: Core) =
        withTimeout(PATIENCE) {
            var since = 0L
            while (true) {
                val changes = core.changes(since)
                val snapshot = changes.accounts.single()
                assertTrue(snapshot.standing == Standing.ACTIVE)
                if (snapshot.link is Link.Live) break
                since = changes.revision
            }
        }

    /**
     * In a process of its own, whose threads are the core's alone. Not shown here: a day; that no alarm is set for later is
     * shown by `core/tests/quiet.rs`.
     *
     * Q15.
     */
    @Test
    fun `q15 idle in the background the core has no socket, sends nothing and wakes no thread`() =
        test {
            val network = world.network()
            val phone = world.killable(network)
            phone.start()
            assertEquals("content", phone.ask("sign-in alice"))
            phone.ask("until-live")
            phone.ask("suspend")
            assertEquals(0, server.get("live_sockets").asJsonArray.size())
            // What the closing of connections sets going is over when the threads stand still for a second, and those that
            // looked names up have ended, which they do after ten seconds without work.
            var before = phone.ask("wakeups")
            eventually("threads at rest: $before") {
                delay(1_000)
                phone.ask("wakeups").let { now -> (now == before && now.startsWith("$RESTING ")).also { before = now } }
            }
            eventually("no connection") { network.open == 0 }
            val (requests, accepted) = server.requests().size to network.accepted
            delay(6_000)
            assertEquals(before, phone.ask("wakeups"))
            assertEquals(requests to accepted, server.requests().size to network.accepted)
            assertEquals(0, network.open)
            phone.ask("open")
            phone.ask("until-live")
            assertFalse("it can be seen", before == phone.ask("wakeups"))
        }

    /** A web server without TLS, as it answers a handshake, and everything that it was told in clear text. */
    private class ClearText : AutoCloseable {
        private val socket = ServerSocket(0, 50, InetAddress.getByName("127.0.0.1"))
        val address = "127.0.0.1:${socket.localPort}"
        val told = CopyOnWriteArrayList<String>()

        init {
            thread(isDaemon = true) {
                while (!socket.isClosed) runCatching { socket.accept().let { thread(isDaemon = true) { it.use(::answer) } } }
            }
        }

        private fun answer(client: Socket) {
            val (input, output) = client.getInputStream() to client.getOutputStream()
            val first = input.read()
            if (first == HANDSHAKE) {
                output.write("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".toByteArray())
                return
            }
            val head = StringBuilder().append(first.toChar())
            while (!head.endsWith("\r\n\r\n")) head.append(input.read().also { check(it >= 0) }.toChar())
            told.add("$head")
            val answer =
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Version-Id: 11.6.0.1.hash.false\r\n" +
                    "Content-Length: 2\r\n\r\n{}"
            output.write(answer.toByteArray())
        }

        override fun close() = socket.close()

        private companion object {
            const val HANDSHAKE = 0x16
        }
    }

    /** Q17. */
    @Test
    fun `q17 a server without TLS is recognised, and told nothing`() =
        test {
            val folder = world.folder()
            val core = Core.open(configured(folder, PHONE, emptyList()), fileKeyStore(File(folder, "keys").path))
            val profile = NetworkProfile(Proxy.System, SECRET)
            ClearText().use { server ->
                val typed = listOf(server.address, "https://${server.address}")
                for (address in typed) {
                    assertEquals(address, "only_clear_text", codeOf { core.probeServer(Destination(address, profile)) })
                    val code = codeOf { core.signIn(SignIn(address, "alice", Person.ALICE.password, profile = profile)) }
                    assertTrue(code, code.matches(Regex("[a-z_]+")))
                }
                val plain = Destination("http://${server.address}", profile)
                assertEquals("invalid_address", codeOf { core.probeServer(plain) })
                assertEquals("one look for each probe, and no sign-in: ${server.told}", typed.size, server.told.size)
                for (head in server.told) {
                    assertTrue(head, head.startsWith("GET /api/v4/system/ping HTTP/1.1"))
                    assertFalse(head, "canary" in head.lowercase() || "authorization" in head.lowercase() || "alice" in head)
                }
            }
            assertTrue(core.accounts().isEmpty())
            core.shutDown()
            core.close()
        }
}
