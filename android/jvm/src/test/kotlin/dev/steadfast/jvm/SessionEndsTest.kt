package dev.steadfast.jvm

import com.google.gson.JsonObject
import dev.steadfast.core.Method
import dev.steadfast.core.NoticeKind
import dev.steadfast.core.Reason
import dev.steadfast.core.Reminder
import dev.steadfast.core.Request
import dev.steadfast.core.SignIn
import dev.steadfast.core.Standing
import dev.steadfast.core.ToShow
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.delay
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import org.junit.runner.RunWith

private const val GONE = "api.context.session_expired.app_error"

/** What a user sees of the end of a session, and of what only looks like one. */
@RunWith(AtOnce::class)
class SessionEndsTest {
    @get:Rule
    val world = World()
    private val server get() = world.server

    private fun asked(
        since: Int,
        path: String,
        agent: String = "",
    ): List<JsonObject> = server.requests().drop(since).filter { it["path"].asString.endsWith(path) && agent in it["user_agent"].asString }

    /** Q1. */
    @Test
    fun `q01 revoked while idle is told by itself, with one probe and at most two reconnects`() =
        test {
            val phone = world.signedIn()
            // Nothing of the sign-in is still under way.
            phone.verify()
            val since = server.requests().size
            server.revoke("alice")
            val revoked = System.nanoTime()
            phone.untilExpired()
            val took = (System.nanoTime() - revoked) / 1_000_000
            assertTrue("$took ms", took < 35_000)
            phone.untilTold()
            assertEquals(listOf(NoticeKind.SESSION_ENDED), phone.told.map { it.kind })
            // The first look finds the session gone; the server's health is asked for once; the second look confirms.
            assertTrue(asked(since, "/websocket").size <= 2)
            assertEquals(1, asked(since, "/system/ping").size)
            assertEquals(2, asked(since, "/users/me").size)
        }

    /**
     * The page is up two round trips and a second look of 2–4 s after the first answer, so a busy machine is allowed one
     * question more, and the time is printed and not judged.
     */
    private fun assertLooked(
        since: Int,
        began: Long,
    ) {
        val looks = asked(since, "/api/v4/users/me", "Android")
        println("the sign-in page is up after ${(System.nanoTime() - began) / 1_000_000} ms")
        assertTrue("$looks", looks.size in 2..3 && looks.all { it["status"].asInt == 401 })
        val apart = looks[1]["at_ms"].asLong - looks[0]["at_ms"].asLong
        assertTrue("no second look: $looks", apart >= 2_000)
        assertTrue(asked(since, "/system/ping", "Android").isNotEmpty())
    }

    /** Q2. */
    @Test
    fun `q02 revoked in airplane mode is told when the network is back`() =
        test {
            val phone = world.signedIn()
            phone.airplaneOn()
            server.revoke("alice")
            assertEquals("content", phone.shows())
            val since = server.requests().size
            phone.forgetShown()
            val back = System.nanoTime()
            phone.airplaneOff()
            phone.untilExpired()
            assertLooked(since, back)
            phone.untilTold()
            assertEquals(listOf("content", "cover", "sign in: $EXPIRED"), phone.shown.toList())
        }

    /** Q3. */
    @Test
    fun `q03 revoked in the background is told after the resume`() =
        test {
            val phone = world.signedIn()
            phone.suspendApp()
            server.revoke("alice")
            val since = server.requests().size
            phone.forgetShown()
            val opened = System.nanoTime()
            phone.openApp()
            phone.untilExpired()
            assertLooked(since, opened)
            phone.untilTold()
            assertFalse("${phone.shown}", phone.shown.dropWhile { it == "content" }.contains("content"))
        }

    /** What a 401 that is none must not touch: the session, the key of what the app stored, and what is stored. */
    private suspend fun unharmed(
        at: Server,
        what: String,
        spurious: suspend (Handset) -> Unit,
    ) {
        val phone = world.device(at = at)
        phone.signInAndConnect(Person.ALICE)
        at.sessionsGrowUp()
        val own = phone.ownSession()
        val key = phone.core.dataKey(phone.account)
        spurious(phone)
        assertEquals(what, Standing.ACTIVE, phone.verify())
        phone.untilShows("content")
        phone.untilLive()
        assertEquals(what, own, phone.ownSession())
        assertArrayEquals(what, key, phone.core.dataKey(phone.account))
        val seen = phone.shown.dropWhile { it != "content" }
        assertTrue("$what: $seen", seen.none { it.startsWith("sign in") })
        assertTrue("$what: ${phone.told} ${phone.erased}", phone.told.isEmpty() && phone.erased.isEmpty())
    }

    private fun Handset.error(
        path: String,
        vararg more: Pair<String, Any>,
    ) = network.answer(
        401,
        "path" to path,
        "times" to 1,
        "json" to mapOf("id" to GONE, "message" to "", "request_id" to "", "status_code" to 401),
        *more,
    )

    /**
     * A proxy's, a plugin's, one that nothing tells from the server's own, on the app's request, on the core's question and
     * on the socket; and a database that is away, which makes the server itself say it of every session.
     *
     * Q4.
     */
    @Test
    fun `q04 one spurious 401 costs nobody a session`() =
        test {
            val me = "/api/v4/users/me"
            val teams = "/api/v4/users/me/teams"
            val plugin = "/plugins/com.example/api"

            suspend fun Handset.asks(path: String) = core.request(account, Request(Method.GET, path)).status
            val cases =
                mapOf<String, suspend (Handset) -> Unit>(
                    "a proxy" to { phone ->
                        phone.network.answer(401, "path" to teams, "times" to 1, "html" to "<h1>Log in</h1>")
                        assertEquals(401, phone.asks(teams))
                    },
                    "a plugin" to { phone ->
                        phone.error(plugin, "mattermost_headers" to true)
                        assertEquals(401, phone.asks(plugin))
                    },
                    "the server, on a request" to { phone ->
                        phone.error(teams, "mattermost_headers" to true)
                        assertEquals(401, phone.asks(teams))
                    },
                    "the server, on a question" to { phone ->
                        phone.error(me, "mattermost_headers" to true)
                        phone.verify()
                    },
                    "the server, on the socket" to { phone ->
                        phone.error("/api/v4/websocket", "mattermost_headers" to true)
                        val before = phone.network.lastRequest
                        phone.network.act("reset")
                        phone.network.untilRequest("/api/v4/websocket", after = before)
                    },
                )
            val spurious = cases.map { (what, case) -> async { unharmed(server, what, case) } }
            val away = async { unharmed(world.another(), "the database", ::databaseAway) }
            (spurious + away).awaitAll()
        }

    private suspend fun databaseAway(phone: Handset) {
        val at = phone.behind
        at.turn("database", "state" to "stopped")
        at.turn("clear_token_cache")
        phone.core.verify(phone.account, 0)
        phone.untilShows("cover")
        assertEquals(Standing.SUSPECT, phone.snapshot.standing)
        at.turn("database", "state" to "healthy")
        phone.untilShows("content")
    }

    /** The server moves the end of its session there, and nobody is told. */
    private fun expiresAt(millis: Long) {
        server.turn("edit_session", "session" to server.sessions("alice").single(), "expires_at" to millis)
        server.turn("clear_token_cache")
    }

    private val serverNow get() = server.get("state").asJsonObject["now_ms"].asLong

    /** Q11. */
    @Test
    fun `q11 a session that was extended after its reminder was planned is told of by nobody, and lives on`() =
        test {
            val phone = world.signedIn()
            phone.untilAttached()
            // More than a difference of the clocks that is taken for none; the reminder goes by the device's.
            server.turn("clock_advance", "by" to 100_000)
            // Far more than the next lines take, and the test waits for it.
            val soon = 12_000
            val days = 48L * 3_600_000
            expiresAt(serverNow + soon)
            phone.core.activeSessions(phone.account)
            val isSoon = { one: Reminder -> one.atMillis < System.currentTimeMillis() + days / 2 }
            val planned = phone.until("a reminder") { it.reminders.size == 1 && isSoon(it.reminders.single()) }.reminders.single()
            phone.core.reminderSet(planned.id, planned.atMillis)
            phone.suspendApp()
            expiresAt(serverNow + days)
            // The system's alarm comes, as it was planned.
            delay(planned.atMillis + 50 - System.currentTimeMillis())

            assertTrue(phone.core.backgroundCheck(15_000).isEmpty())
            val push =
                """{"ack_id":"abcdefghijklmnopqrstuvwxyz","server_id":"","type":"session","version":"v2","signature":"",
                "message":"Session Expired: Please log in to continue receiving notifications."}"""
            val received = phone.core.pushReceivedJson(push)
            assertTrue(received.handled)
            assertEquals(ToShow.Nothing, received.toShow)
            // The tap on what was shown nevertheless opens the app.
            phone.openApp()
            phone.untilLive()
            assertEquals(Standing.ACTIVE, phone.verify())
            assertEquals("content", phone.shows())
            assertTrue("${phone.told} ${phone.erased}", phone.told.isEmpty() && phone.erased.isEmpty())
            val moved = phone.core.reminders().single()
            assertTrue("the system replaces it", moved.id == planned.id && !isSoon(moved))
        }

    /** Q13. */
    @Test
    fun `q13 one server revoked while another is used`() =
        test {
            val second = world.another()
            val phone = world.device(config = { it.copy(extraAuthorities = it.extraAuthorities + second.authority) })
            val used = phone.signInAndConnect(Person.ALICE)
            val other = phone.core.signIn(SignIn(second.url, Person.ALICE.login, Person.ALICE.password))
            phone.untilLive(other)
            listOf(server, second).forEach { it.sessionsGrowUp() }
            val sockets = server.get("live_sockets")
            second.revoke("alice")
            phone.until("the other one signed out") { changes ->
                changes.accounts.any { it.account == other && said(it) == "sign in: $EXPIRED" }
            }
            assertEquals(Reason.SESSION_ENDED, phone.core.snapshot(other).reason)
            assertEquals(Standing.ACTIVE, phone.core.verify(used, 60_000))
            assertEquals("content", said(phone.core.snapshot(used)))
            phone.untilLive(used)
            assertEquals("the same socket", sockets, server.get("live_sockets"))
            phone.untilTold()
            assertEquals(listOf(other), phone.told.map { it.account })
            assertEquals(1, server.sessions("alice").size)
        }

    /** Q16. */
    @Test
    fun `q16 a token in every answer changes nothing`() =
        test {
            val phone = world.signedIn()
            val before = phone.ownSession()
            phone.network.act("add_headers", "headers" to listOf(listOf("token", "foreign0token0foreign0toke")))
            // The next socket's answer has the header too.
            val asked = phone.network.lastRequest
            phone.network.act("reset")
            phone.network.untilRequest("/api/v4/websocket", after = asked)
            phone.untilLive()
            for (path in listOf("/api/v4/users/me", "/api/v4/users/me/sessions")) {
                val response = phone.core.request(phone.account, Request(Method.GET, path))
                assertEquals(200, response.status)
                assertTrue(response.headers.none { it.name == "token" })
            }
            assertEquals(Standing.ACTIVE, phone.verify())
            // What is stored is still the token of the sign-in: it is all that the next start has.
            phone.restart()
            assertEquals(Standing.ACTIVE, phone.verify())
            assertEquals("content", phone.shows())
            assertEquals(before, phone.ownSession())
            assertEquals(1, server.sessions("alice").size)
            assertTrue("${phone.told}", phone.told.isEmpty())
        }
}
