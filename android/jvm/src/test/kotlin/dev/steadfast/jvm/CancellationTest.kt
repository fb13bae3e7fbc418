package dev.steadfast.jvm

import dev.steadfast.core.Link
import dev.steadfast.core.SignInAgain
import dev.steadfast.core.Standing
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Job
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeout
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import org.junit.runner.RunWith

/** A cancelled coroutine stops waiting, and nothing that the server has done is lost. Hazard C05. */
@RunWith(AtOnce::class)
class CancellationTest {
    @get:Rule
    val world = World()
    private val server get() = world.server

    /** The request is at the server, its answer is not here yet, and the coroutine is cancelled. */
    private suspend fun abandonedAtTheServer(
        phone: Handset,
        path: String,
        call: suspend () -> Unit,
    ) {
        phone.network.act("latency", "each_way_ms" to 500)
        val before = server.requests(path)
        val job: Job =
            kotlinx.coroutines.CoroutineScope(kotlinx.coroutines.Dispatchers.Default).launch {
                call()
                error("it was not to come back")
            }
        eventually("$path at the server") { server.requests(path) > before }
        job.cancelAndJoin()
        phone.network.act("latency", "each_way_ms" to 0)
    }

    @Test
    fun `a session that the server made is kept`() =
        test {
            val phone = world.device()
            abandonedAtTheServer(phone, "/users/login") { phone.core.signIn(phone.typed(Person.ALICE)) }
            phone.until("signed in") { changes -> changes.accounts.any { it.standing == Standing.ACTIVE } }
            phone.untilLive()
            assertEquals(Standing.ACTIVE, phone.verify())
            assertEquals(1, server.sessions("alice").size)
            phone.restart()
            phone.untilLive()
            assertEquals(Standing.ACTIVE, phone.verify())
        }

    @Test
    fun `signing in again, abandoned, leaves one session`() =
        test {
            val phone = world.signedIn()
            val before = server.sessions("alice").single()
            abandonedAtTheServer(phone, "/users/login") { phone.core.reauthenticate(phone.account, SignInAgain(Person.ALICE.password)) }
            eventually("the new session alone") { server.sessions("alice").let { it.size == 1 && it.single() != before } }
            phone.untilLive()
            assertEquals(Standing.ACTIVE, phone.verify())
        }

    @Test
    fun `a session that the server ended is shown as ended`() =
        test {
            val phone = world.signedIn()
            val other = world.signedIn(IPHONE)
            val id = other.ownSession()
            abandonedAtTheServer(phone, "/sessions/revoke") { phone.core.endSession(phone.account, id) }
            other.untilExpired()
            assertTrue(phone.core.activeSessions(phone.account).none { it.id == id })
        }

    @Test
    fun `ending the current session, abandoned, is a sign-out`() =
        test {
            val phone = world.signedIn()
            val own = phone.ownSession()
            val waiting = launch(start = CoroutineStart.UNDISPATCHED) { phone.core.endSession(phone.account, own) }
            delay(1)
            waiting.cancelAndJoin()
            phone.untilShows("sign in: null")
            eventually("no session") { server.sessions("alice").isEmpty() }
        }

    @Test
    fun `a sign-out goes on`() =
        test {
            val phone = world.signedIn()
            phone.network.act("latency", "each_way_ms" to 200)
            val waiting = launch(start = CoroutineStart.UNDISPATCHED) { phone.core.signOut(phone.account) }
            waiting.cancelAndJoin()
            phone.untilShows("sign in: null")
            eventually("no session") { server.sessions("alice").isEmpty() }
        }

    @Test
    fun `forgetting goes on`() =
        test {
            val phone = world.signedIn()
            val account = phone.account
            val waiting = launch(start = CoroutineStart.UNDISPATCHED) { phone.core.forget(account) }
            waiting.cancelAndJoin()
            phone.until("no account") { it.accounts.isEmpty() }
            eventually("no session") { server.sessions("alice").isEmpty() }
            eventually("erased") { phone.erased.contains(account) }
        }

    @Test
    fun `a data key that nobody waited for is the one that is there`() =
        test {
            val keys = Keys(world.folder())
            val phone = world.signedIn(keys = keys)
            val before = keys.written.get()
            val waiting = launch(start = CoroutineStart.UNDISPATCHED) { phone.core.dataKey(phone.account) }
            waiting.cancelAndJoin()
            eventually("the key in the store") { keys.written.get() > before }
            val key = phone.core.dataKey(phone.account)
            assertEquals("made once", before + 1, keys.written.get())
            phone.restart()
            assertArrayEquals(key, phone.core.dataKey(phone.account))
            assertEquals(before + 1, keys.written.get())
        }

    @Test
    fun `a device id reaches the server although nobody waits`() =
        test {
            val phone = world.signedIn()
            val id = "android_rn-v2:${"d".repeat(40)}"
            val waiting = launch(start = CoroutineStart.UNDISPATCHED) { phone.core.setDeviceId(id) }
            waiting.cancelAndJoin()
            eventually("the device id") { server.sessionRows("alice").single()["device_id"].asString == id }
        }

    @Test
    fun `a question about everybody that was abandoned touches nothing`() =
        test {
            val admin = world.signedIn(DESKTOP, Person.ADMIN)
            val phone = world.signedIn()
            val waiting = launch(start = CoroutineStart.UNDISPATCHED) { admin.core.prepareEndEveryone(admin.account) }
            waiting.cancelAndJoin()
            assertEquals(Standing.ACTIVE, phone.verify())
            abandonedAtTheServer(admin, "/revoke/all") { admin.core.confirmEndEveryone(admin.core.prepareEndEveryone(admin.account)) }
            phone.untilExpired()
            admin.untilExpired()
        }

    @Test
    fun `abandoned pulls of a stream lose no event`() =
        test {
            val phone = world.signedIn()
            val account = phone.account
            phone.stopListening()
            var last = phone.core.events(account, -1).lastSeq
            val got = mutableListOf<String>()
            val wanted = (1..40).map { "message $it" }
            val posting = launch { wanted.forEach { server.turn("post", "user" to "bob", "message" to it) } }
            var round = 0L
            withTimeout(PATIENCE) {
                while (got.size < wanted.size) {
                    val abandoned = launch(start = CoroutineStart.UNDISPATCHED) { phone.core.events(account, last) }
                    delay(round++ % 3)
                    abandoned.cancelAndJoin()
                    val batch = phone.core.events(account, last)
                    assertTrue("no gap", !batch.gap)
                    last = batch.lastSeq
                    got += batch.events.filter { it.name == "posted" }.map { Regex("message \\d+").find(it.json)!!.value }
                }
            }
            posting.join()
            assertEquals(wanted, got)
        }

    /** Wherever a sign-in is abandoned, what stays is a whole account or none, and no session without one. */
    @Test
    fun `signing in, abandoned at every point, leaves a session for each account and none besides`() =
        test {
            val phone = world.device()
            phone.network.act("latency", "each_way_ms" to 10)
            for (pause in listOf(0L, 1, 2, 5, 10, 20, 40, 60, 80, 120, 160, 240)) {
                val job = launch(start = CoroutineStart.UNDISPATCHED) { codeOf { phone.core.signIn(phone.typed(Person.ALICE)) } }
                delay(pause)
                job.cancelAndJoin()
                try {
                    phone.core.changes(0)
                } catch (cancelled: CancellationException) {
                    error("the next call is not cancelled: $cancelled")
                }
            }
            phone.signIn(Person.ALICE)
            eventually("one session: ${server.sessions("alice")}") { server.sessions("alice").size == 1 }
            assertEquals(Standing.ACTIVE, phone.verify())
            phone.until("live") { it.accounts.single().link is Link.Live }
        }
}
