package dev.steadfast

import dev.steadfast.core.Changes
import dev.steadfast.core.HostState
import dev.steadfast.core.Link
import dev.steadfast.core.Method
import dev.steadfast.core.Progress
import dev.steadfast.core.Snapshot
import dev.steadfast.core.SteadfastException
import dev.steadfast.core.defaultConfig
import dev.steadfast.testing.SAFETY_MILLIS
import dev.steadfast.testing.TestServer
import dev.steadfast.testing.TestWorld
import dev.steadfast.testing.firstId
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Assert.assertThrows
import org.junit.Rule
import org.junit.Test
import java.util.concurrent.CancellationException
import java.util.concurrent.CompletableFuture
import java.util.concurrent.CompletionException
import java.util.concurrent.Executor
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit

/** What callers in Java have, over the real core. */
class JavaSteadfastTest {
    @get:Rule
    val world = TestWorld()

    private val server get() = world.server

    /** Calls at once, on whatever thread. */
    private val direct = Executor(Runnable::run)

    @Test
    fun `everything gives a future`() {
        val java = start()
        java.ready().join()
        assertEquals("11.", java.probeServer(server.url()).join().version.take(3))
        assertEquals("invalid_credentials", failure { java.signIn(SignInBuilder(server.url(), "alice", "wrong").build()).join() })
        val alice = java.alice()
        assertEquals(listOf(alice), java.accounts)
        assertEquals(alice, java.account(alice.id))
        assertEquals("alice", alice.state.username)
        assertEquals(1, alice.activeSessions().join().count { it.current })
        alice.signOut().join()
        java.close().join()
        assertEquals("closed", failure { alice.activeSessions().join() })
    }

    @Test
    fun `a listener hears of what stands and of each change, until it is closed`() {
        val java = start()
        val seen = LinkedBlockingQueue<Int>()
        val listening = java.onAccounts(direct) { seen += it.size }
        assertEquals(0, seen.poll(SAFETY_MILLIS, TimeUnit.MILLISECONDS))
        val alice = java.alice()
        assertEquals(1, seen.poll(SAFETY_MILLIS, TimeUnit.MILLISECONDS))
        listening.close()
        alice.forget().join()
        assertEquals(emptyList<JavaAccount>(), java.accounts)
        assertNull(seen.poll())
    }

    @Test
    fun `a listener of events is told why it ended, and the app goes on`() {
        val java = start()
        val ends = LinkedBlockingQueue<String>()
        val events = LinkedBlockingQueue<RealtimeEvent>()
        val listener =
            object : Listener<RealtimeEvent> {
                override fun next(value: RealtimeEvent) {
                    events += value
                }

                override fun ended(why: SteadfastException) {
                    ends += why.code()
                }
            }
        val alice = java.alice()
        alice.onEvents(direct, listener)
        assertNotNull(events.poll(SAFETY_MILLIS, TimeUnit.MILLISECONDS))
        alice.forget().join()
        assertEquals("no_such_account", ends.poll(SAFETY_MILLIS, TimeUnit.MILLISECONDS))
        java.alice().onEvents(direct, listener)
        java.close().join()
        assertEquals("closed", ends.poll(SAFETY_MILLIS, TimeUnit.MILLISECONDS))
    }

    @Test
    fun `a listener without an end is not troubled by it`() {
        val fault = CompletableFuture<Throwable>()
        val before = Thread.getDefaultUncaughtExceptionHandler()
        Thread.setDefaultUncaughtExceptionHandler { _, thrown -> fault.complete(thrown) }
        try {
            val java = start()
            val alice = java.alice()
            val events = LinkedBlockingQueue<RealtimeEvent>()
            alice.onEvents(direct) { events += it }
            events.poll(SAFETY_MILLIS, TimeUnit.MILLISECONDS)
            alice.forget().join()
            // What the listener of another one throws is the thread's, as with any task, and shows that the handler works.
            java.onChanges(direct) { throw IllegalStateException("a fault of the app") }
            assertEquals("a fault of the app", fault.get(SAFETY_MILLIS, TimeUnit.MILLISECONDS).message)
        } finally {
            Thread.setDefaultUncaughtExceptionHandler(before)
        }
    }

    @Test
    fun `a listener may wait for the core`() {
        val java = start()
        val done = CompletableFuture<JavaAccount>()
        java.onChanges(
            direct,
            object : Listener<Changes> {
                override fun next(value: Changes) {
                    if (!done.isDone) done.complete(java.alice())
                }
            },
        )
        assertEquals("alice", done.get(SAFETY_MILLIS, TimeUnit.MILLISECONDS).state.username)
    }

    @Test
    fun `a listener of an account hears where it stands`() {
        val java = start()
        val alice = java.alice()
        val links = LinkedBlockingQueue<Snapshot>()
        alice.onState(direct) { links += it }
        java.hostState(HostState.SUSPENDED).join()
        while (links.poll(SAFETY_MILLIS, TimeUnit.MILLISECONDS)!!.link != Link.Paused) continue
    }

    @Test
    fun `files go and come with their progress, and a cancelled future ends the transfer`() {
        val java = start()
        val alice = java.alice()
        val file = world.folder.resolve("a.bin").apply { writeBytes(ByteArray(300_000) { it.toByte() }) }
        val steps = LinkedBlockingQueue<Progress>()
        val upload =
            UploadBuilder("/api/v4/files", "application/octet-stream", file.path)
                .query("channel_id", alice.channel())
                .query("filename", "a.bin")
                .build()
        server.turn("hold_back", "{\"path\":\"${upload.path}\"}")
        val sending = alice.upload(upload, direct) { steps += it }
        // While it is under way: steps that the end has overtaken are not told.
        while (steps.poll(SAFETY_MILLIS, TimeUnit.MILLISECONDS)!!.total != 300_000L) continue
        server.turn("hold_back", "{\"path\":null}")
        val sent = sending.join()
        assertEquals(201, sent.status)
        val copy = world.folder.resolve("copy.bin")
        val download = DownloadBuilder("/api/v4/files/${firstId(sent.body)}", copy.path).build()
        assertEquals(200, alice.download(download).join().status)
        assertArrayEquals(file.readBytes(), copy.readBytes())
        val fault = IllegalStateException("a fault of the app")
        val failed = assertThrows(CompletionException::class.java) { alice.download(download, direct) { throw fault }.join() }
        assertEquals(fault.message, failed.cause!!.message)
        copy.delete()
        server.turn("hold_back", "{\"path\":\"${download.path}\"}")
        val held = alice.download(download)
        held.cancel(true)
        assertThrows(CancellationException::class.java) { held.join() }
        server.turn("hold_back", "{\"path\":null}")
        // The turn at the place is free again only when the cancelled one is over.
        assertEquals(200, alice.download(download).join().status)
    }

    @Test
    fun `builders begin with the defaults`() {
        val defaults = defaultConfig(world.folder.path, world.config().device)
        assertEquals(defaults, ConfigBuilder(world.folder.path, defaults.device).build())
        val strict = ConfigBuilder(world.folder.path, defaults.device).maxOfflineMillis(1).restoreWindowMillis(0).build()
        assertEquals(defaults.copy(maxOfflineMillis = 1, restoreWindowMillis = 0), strict)
    }

    private fun start() = JavaSteadfast.start(world.config(), world.keys()).also { world.closeAtTheEnd { it.steadfast.close() } }

    private fun JavaSteadfast.alice() = signIn(SignInBuilder(server.url(), "alice", TestServer.ALICE).build()).join()

    private fun JavaAccount.channel(): String {
        val team = firstId(read("/api/v4/users/me/teams"))
        return firstId(read("/api/v4/users/me/teams/$team/channels"))
    }

    private fun JavaAccount.read(path: String) = request(RequestBuilder(Method.GET, path).build()).join().body

    private fun failure(call: () -> Any?): String {
        val failed = assertThrows(CompletionException::class.java) { call() }
        return (failed.cause as SteadfastException).code()
    }
}
