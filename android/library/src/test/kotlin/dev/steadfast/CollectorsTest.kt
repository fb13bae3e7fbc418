package dev.steadfast

import dev.steadfast.core.Core
import dev.steadfast.core.Download
import dev.steadfast.core.HostState
import dev.steadfast.core.Link
import dev.steadfast.core.Method
import dev.steadfast.core.Shows
import dev.steadfast.core.SignIn
import dev.steadfast.core.Standing
import dev.steadfast.core.Upload
import dev.steadfast.testing.TestServer
import dev.steadfast.testing.TestWorld
import dev.steadfast.testing.await
import dev.steadfast.testing.failure
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.drop
import kotlinx.coroutines.flow.filter
import kotlinx.coroutines.flow.filterIsInstance
import kotlinx.coroutines.flow.filterNotNull
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.flow.onEach
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.job
import kotlinx.coroutines.launch
import org.junit.Assert.assertEquals
import org.junit.Assert.assertSame
import org.junit.Rule
import org.junit.Test
import java.util.concurrent.CompletableFuture
import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit

/** Many who collect, slow ones and ones that go away, over a core that is closed and accounts that are forgotten. */
class CollectorsTest {
    @get:Rule
    val world = TestWorld()

    private val server get() = world.server

    @Test
    fun `a slow collector of events gets what a fast one has long taken`(): Unit =
        await {
            val alice = start().alice()
            val (here, goOn) = CompletableDeferred<Unit>() to CompletableDeferred<Unit>()
            val slow =
                collecting {
                    alice
                        .events()
                        .posts()
                        .onEach {
                            here.complete(Unit)
                            goOn.await()
                        }.take(4)
                        .toList()
                }
            val fast = collecting { alice.events().posts().take(4).toList() }
            post("one")
            here.await()
            listOf("two", "three", "four").forEach(::post)
            assertEquals(listOf("one", "two", "three", "four"), fast.await())
            goOn.complete(Unit)
            assertEquals(listOf("one", "two", "three", "four"), slow.await())
        }

    @Test
    fun `who collects events next goes on where the one before went away`(): Unit =
        await {
            val alice = start().alice()
            val first = collecting { alice.events().posts().first() }
            post("one")
            assertEquals("one", first.await())
            post("two")
            post("three")
            assertEquals("two", alice.events().posts().first())
            assertEquals("three", alice.events().posts().first())
        }

    @Test
    fun `an account that is forgotten shows no content to those who still follow it`(): Unit =
        await {
            val core = start()
            val alice = core.alice()
            val shown = async { alice.state.first { it.shows is Shows.SignIn } }
            val events = async { failure { alice.events().collect {} } }
            alice.forget()
            assertEquals(Shows.SignIn(null), shown.await().shows)
            assertEquals(Standing.ENDED, alice.state.value.standing)
            assertEquals("no_such_account", events.await().code())
            // The same user again is another account, and the one that is gone stays so.
            val again = core.alice()
            assertEquals(listOf(again), core.accounts.value)
            assertEquals(Shows.SignIn(null), alice.state.value.shows)
        }

    @Test
    fun `a sign-in whose account is forgotten at once is told so`(): Unit =
        await {
            val core = start()
            core.ready()
            val request = SignIn(server.url(), "alice", TestServer.ALICE)
            val failed = failure { core.signsIn { inner -> inner.signIn(request).also { inner.forget(it) } } }
            assertEquals("no_such_account", failed.code())
        }

    @Test
    fun `what was done is given also when the core is closed meanwhile`(): Unit =
        await {
            val core = start()
            core.ready()
            assertEquals("done", core.act { inner -> "done".also { inner.shutDown() } })
        }

    @Test
    fun `a transfer after the end fails as every call does`(): Unit =
        await {
            val core = start()
            val alice = core.alice()
            core.close()
            val upload = Upload(Method.POST, "/api/v4/files", "text/plain", world.folder.resolve("a").path)
            assertEquals("closed", failure { alice.upload(upload).collect {} }.code())
            assertEquals("closed", failure { alice.download(Download("/api/v4/files/x", "y")).collect {} }.code())
        }

    @Test
    fun `a transfer that is under way when the core is closed says so`(): Unit =
        await {
            val core = start()
            val alice = core.alice()
            val path = "/api/v4/files/${"x".repeat(26)}"
            server.turn("hold_back", "{\"path\":\"$path\"}")
            val started = CompletableDeferred<Unit>()
            val failed =
                async {
                    failure { alice.download(Download(path, world.folder.resolve("a").path)).collect { started.complete(Unit) } }
                }
            started.await()
            core.close()
            assertEquals("closed", failed.await().code())
        }

    @Test
    fun `a transfer that fails at once says why, however often`(): Unit =
        await {
            val alice = start().alice()
            val nowhere = world.folder.resolve("no/such/folder/a").path
            repeat(200) {
                val failed = failure { alice.download(Download("/api/v4/config/client", nowhere)).collect {} }
                assertEquals("file", failed.code())
            }
        }

    @Test
    fun `what the app opens the core with may fail, and is tried again`(): Unit =
        await {
            var fails = true
            val broken = IllegalStateException("the app's own setting")
            val core =
                Steadfast {
                    if (fails) throw broken
                    Core.open(world.config(), world.keys(), null, null)
                }
            world.closeAtTheEnd(core::close)
            val problem = core.openingProblem.filterNotNull().first()
            assertEquals("internal", problem.code())
            assertSame(broken, problem.cause)
            fails = false
            assertEquals(emptyList<Account>(), core.accounts.filterNotNull().first())
        }

    @Test
    fun `a collector that throws ends itself and nobody else`(): Unit =
        await {
            val core = start()
            val thrown = runCatching { core.changes.collect { error("a fault of the app") } }.exceptionOrNull()
            assertEquals("a fault of the app", thrown?.message)
            val alice = core.alice()
            runCatching { alice.events().collect { error("a fault of the app") } }
            post("one")
            assertEquals("one", alice.events().posts().first())
            assertEquals(listOf(alice), core.accounts.value)
        }

    @Test
    fun `what is at hand is at hand also while a collector holds up the thread that tells it`(): Unit =
        await {
            val core = start()
            val alice = core.alice()
            val (stuck, free) = CountDownLatch(1) to CountDownLatch(1)
            val collector =
                launch(Dispatchers.Unconfined) {
                    core.changes.drop(1).collect {
                        stuck.countDown()
                        free.await()
                    }
                }
            val suspending = launch { core.hostState(HostState.SUSPENDED) }
            stuck.await()
            try {
                assertSame(alice, CompletableFuture.supplyAsync { core.account(alice.id) }.get(PATIENCE_SECONDS, TimeUnit.SECONDS))
            } finally {
                free.countDown()
            }
            suspending.join()
            collector.cancel()
        }

    @Test
    fun `a close whose caller went away is a close`(): Unit =
        await {
            val core = start()
            core.ready()
            val closing = launch(Dispatchers.IO, CoroutineStart.UNDISPATCHED) { core.close() }
            closing.cancelAndJoin()
            core.scope.coroutineContext.job.join()
            assertEquals("closed", failure { core.ready() }.code())
        }

    /** Whoever is to get an event has to collect before it comes. */
    private fun <T> CoroutineScope.collecting(what: suspend CoroutineScope.() -> T) =
        async(start = CoroutineStart.UNDISPATCHED, block = what)

    private fun start() = Steadfast.start(world.config(), world.keys()).also { world.closeAtTheEnd(it::close) }

    private suspend fun Steadfast.alice() =
        signIn(SignIn(server.url(), "alice", TestServer.ALICE)).also { it.state.first { now -> now.link == Link.Live } }

    private fun post(message: String) = server.turn("post", """{"user":"alice","message":"$message"}""")

    /** What was posted. */
    private fun Flow<RealtimeEvent>.posts(): Flow<String> =
        filterIsInstance<RealtimeEvent.Received>()
            .filter { it.event.name == "posted" }
            .map { Regex("message\\\\\":\\\\\"(\\w+)").find(it.event.json)!!.groupValues[1] }

    private companion object {
        const val PATIENCE_SECONDS = 20L
    }
}
