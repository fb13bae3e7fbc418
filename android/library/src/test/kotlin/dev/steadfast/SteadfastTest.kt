package dev.steadfast

import dev.steadfast.core.Download
import dev.steadfast.core.HostState
import dev.steadfast.core.Link
import dev.steadfast.core.Method
import dev.steadfast.core.NameValue
import dev.steadfast.core.Request
import dev.steadfast.core.Shows
import dev.steadfast.core.SignIn
import dev.steadfast.core.SignInAgain
import dev.steadfast.core.Snapshot
import dev.steadfast.core.SteadfastException
import dev.steadfast.core.Upload
import dev.steadfast.testing.TestServer
import dev.steadfast.testing.TestWorld
import dev.steadfast.testing.await
import dev.steadfast.testing.failure
import dev.steadfast.testing.firstId
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.async
import kotlinx.coroutines.flow.filterIsInstance
import kotlinx.coroutines.flow.filterNotNull
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.toList
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertSame
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test

/** The face over the real core, against a real server. */
class SteadfastTest {
    @get:Rule
    val world = TestWorld()

    private val server get() = world.server

    @Test
    fun `somebody signs in, is seen, and signs out`(): Unit =
        await {
            val core = start()
            core.ready()
            assertEquals(emptyList<Account>(), core.accounts.value)
            val alice = core.signIn(SignIn(server.url(), "alice", TestServer.ALICE))
            // What the call did is what the properties show.
            assertEquals(listOf(alice), core.accounts.value)
            assertSame(alice, core.account(alice.id))
            assertEquals("alice", alice.state.value.username)
            assertEquals(Shows.Content, alice.state.value.shows)
            alice.until { it.link == Link.Live }
            assertEquals(1, alice.activeSessions().count { it.current })
            alice.signOut()
            assertEquals(Shows.SignIn(null), alice.state.value.shows)
            alice.forget()
            assertEquals(emptyList<Account>(), core.accounts.value)
            assertNull(core.account(alice.id))
            assertEquals("no_such_account", failure { alice.signOut() }.code())
        }

    @Test
    fun `a session that the server ended is told, and taken up by signing in again`(): Unit =
        await {
            val core = start()
            val bob = core.signIn(SignIn(server.url(), "bob", TestServer.BOB))
            bob.until { it.link == Link.Live }
            server.revokeSessionsLater("bob")
            val ended = bob.until { it.shows is Shows.SignIn }
            assertEquals("session_expired", (ended.shows as Shows.SignIn).message?.id)
            val notice = core.notices.first { it.isNotEmpty() }.single()
            assertEquals(bob.id, notice.account)
            core.acknowledgeNotice(notice.id)
            assertEquals(emptyList<Any>(), core.notices.first())
            assertEquals("session_ended", failure { bob.activeSessions() }.code())
            bob.signInAgain(SignInAgain(TestServer.BOB))
            assertEquals(Shows.Content, bob.state.value.shows)
        }

    @Test
    fun `failures are typed, and say what to do`(): Unit =
        await {
            val core = start()
            val wrong = failure { core.signIn(SignIn(server.url(), "alice", "wrong")) }
            assertTrue(wrong is SteadfastException.TellUser)
            assertEquals("invalid_credentials", wrong.code())
            assertEquals("invalid_address", failure { core.probeServer("http://[") }.code())
            assertEquals("11.", core.probeServer(server.url()).version.take(3))
        }

    @Test
    fun `events come to every collector`(): Unit =
        await {
            val core = start()
            val alice = core.signIn(SignIn(server.url(), "alice", TestServer.ALICE))
            alice.until { it.link == Link.Live }
            val readers =
                List(2) {
                    async(start = CoroutineStart.UNDISPATCHED) {
                        alice.events().filterIsInstance<RealtimeEvent.Received>().first {
                            it.event.name ==
                                "posted"
                        }
                    }
                }
            server.turn("post", """{"user":"alice","message":"hello"}""")
            readers.forEach { assertTrue("hello" in it.await().event.json) }
        }

    @Test
    fun `requests and files go through the core`(): Unit =
        await {
            val core = start()
            val alice = core.signIn(SignIn(server.url(), "alice", TestServer.ALICE))
            val me = alice.request(Request(Method.GET, "/api/v4/users/me"))
            assertEquals(200, me.status)
            assertTrue("alice" in me.body.decodeToString())
            val file = world.folder.resolve("a.bin").apply { writeBytes(ByteArray(300_000) { it.toByte() }) }
            val team = firstId(alice.request(Request(Method.GET, "/api/v4/users/me/teams")).body)
            val channels = alice.request(Request(Method.GET, "/api/v4/users/me/teams/$team/channels")).body
            val query = listOf(NameValue("channel_id", firstId(channels)), NameValue("filename", "a.bin"))
            val states = alice.upload(Upload(Method.POST, "/api/v4/files", "application/octet-stream", file.path, query)).toList()
            val answer = (states.last() as TransferState.Finished).response
            assertEquals(201, answer.status)
            val id = firstId(answer.body)
            val copy = world.folder.resolve("copy.bin")
            val fetched = alice.download(Download("/api/v4/files/$id", copy.path)).toList()
            assertEquals(200, (fetched.last() as TransferState.Finished).response.status)
            assertArrayEquals(file.readBytes(), copy.readBytes())
        }

    @Test
    fun `a core that is closed says so, and its properties stay`(): Unit =
        await {
            val core = start()
            val alice = core.signIn(SignIn(server.url(), "alice", TestServer.ALICE))
            core.close()
            core.close()
            assertEquals("closed", failure { alice.activeSessions() }.code())
            assertEquals(listOf(alice), core.accounts.value)
            assertEquals("alice", alice.state.value.username)
            val never = start("never")
            never.close()
            assertEquals("closed", failure { never.ready() }.code())
        }

    @Test
    fun `a vault that cannot be opened is named, and is opened once it can be`(): Unit =
        await {
            val first = start()
            first.ready()
            val second = start()
            assertEquals("store_in_use", second.openingProblem.filterNotNull().first().code())
            assertNull(second.accounts.value)
            first.close()
            assertEquals(emptyList<Account>(), second.accounts.filterNotNull().first())
            assertNull(second.openingProblem.value)
        }

    @Test
    fun `what was stored is there after the process`(): Unit =
        await {
            val first = start()
            first.signIn(SignIn(server.url(), "alice", TestServer.ALICE))
            first.close()
            val second = start()
            val alice = second.accounts.filterNotNull().first { it.isNotEmpty() }.single()
            alice.until { it.link == Link.Live }
            second.hostState(HostState.SUSPENDED)
            alice.until { it.link == Link.Paused }
            second.hostState(HostState.FOCUSED)
            alice.until { it.link == Link.Live }
        }

    private fun start(name: String = "vault"): Steadfast =
        Steadfast.start(world.config(name), world.keys()).also { world.closeAtTheEnd(it::close) }

    private suspend fun Account.until(condition: (Snapshot) -> Boolean) = state.first(condition)
}
