package dev.steadfast

import dev.steadfast.core.Link
import dev.steadfast.core.Progress
import dev.steadfast.core.SignIn
import dev.steadfast.core.Snapshot
import dev.steadfast.core.SteadfastException
import dev.steadfast.testing.SAFETY_MILLIS
import dev.steadfast.testing.TestServer
import dev.steadfast.testing.TestWorld
import dev.steadfast.testing.await
import dev.steadfast.testing.eventually
import kotlinx.coroutines.Job
import kotlinx.coroutines.flow.first
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import java.util.concurrent.CountDownLatch
import java.util.concurrent.ExecutionException
import java.util.concurrent.Executor
import java.util.concurrent.Executors
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.RejectedExecutionException
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicBoolean

/** How listeners end: closed before they were called, and with the core; and what an executor owes a transfer. */
class ListenersTest {
    @get:Rule
    val world = TestWorld()

    private val direct = Executor(Runnable::run)

    @Test
    fun `an event that a listener was not yet called with goes to the next one`() {
        val alice = start().alice()
        val seen = LinkedBlockingQueue<String>()
        val first = alice.onEvents(direct, posts(seen))
        post("one")
        assertEquals("one", seen.next())
        first.close()
        post("two")
        post("three")
        // Nobody runs it, as a main thread that is busy.
        val queue = LinkedBlockingQueue<Runnable>()
        val waiting = alice.onEvents(queue::add, posts(seen))
        val late = queue.next()
        waiting.close()
        alice.onEvents(direct, posts(seen))
        assertEquals("two", seen.next())
        assertEquals("three", seen.next())
        late!!.run()
        assertNull("called after it was closed", seen.poll())
    }

    @Test
    fun `a listener that goes away while it is called has taken the event`() {
        val alice = start().alice()
        val seen = LinkedBlockingQueue<String>()
        val listening = LinkedBlockingQueue<AutoCloseable>()
        listening +=
            alice.onEvents(direct) {
                val message = message(it) ?: return@onEvents
                seen += message
                // The next one is there before this one has returned.
                alice.onEvents(direct, posts(seen))
                listening.next()!!.close()
            }
        post("one")
        post("two")
        assertEquals("one", seen.next())
        assertEquals("two", seen.next())
    }

    @Test
    fun `every listener is told when the core is closed`() {
        val java = start()
        val alice = java.alice()
        val ends = LinkedBlockingQueue<String>()
        java.onAccounts(direct, ending("accounts", ends))
        java.onChanges(direct, ending("changes", ends))
        java.onNotices(direct, ending("notices", ends))
        java.onOpeningProblem(direct, ending("openingProblem", ends))
        alice.onState(direct, ending<Snapshot>("state", ends))
        val closed = java.onReminders(direct, ending("reminders", ends))
        closed.close()
        java.close().join()
        val told = List(WITH_AN_END) { ends.next() }
        assertEquals(listOf("accounts", "changes", "notices", "openingProblem", "state").map { "$it closed" }, told.sortedBy { it })
        // Also whoever comes later.
        java.onObligations(direct, ending("obligations", ends))
        assertEquals("obligations closed", ends.next())
    }

    @Test
    fun `an executor that takes no more ends the transfer whose steps it is to tell, and the future says why`() {
        val alice = start().alice()
        val fetched = DownloadBuilder("/api/v4/users/me", world.folder.resolve("me").path).build()
        val sent = UploadBuilder("/api/v4/files", "text/plain", world.folder.resolve("a").apply { writeText("a") }.path).build()
        val gone = Executor { throw RejectedExecutionException("shut down") }
        for (transfer in listOf(alice.download(fetched, gone) {}, alice.upload(sent, gone) {})) {
            val failed = assertThrows(ExecutionException::class.java) { transfer.get(SAFETY_MILLIS, TimeUnit.MILLISECONDS) }
            assertEquals("invalid_argument", (failed.cause as SteadfastException).code())
            assertEquals("shut down", failed.cause?.cause?.message)
        }
        assertEquals(200, alice.download(fetched, direct) {}.join().status)
    }

    @Test
    fun `an executor that takes no more when the transfer is over is not asked, and spoils nothing`() {
        val callers = Callers(Job())
        val told = AtomicBoolean()
        val over = Job()

        fun tell(executor: Executor) = await { callers.call(executor, { _, rejected -> throw rejected }, over) { told.set(true) } }
        // The transfer ends, and whoever waited for it shuts the executor down, just when a step is handed over.
        tell {
            over.complete()
            throw RejectedExecutionException("shut down")
        }
        tell { throw RejectedExecutionException("shut down") }
        tell { error("asked") }
        tell(direct)
        assertFalse(told.get())
    }

    @Test
    fun `a step that its executor comes to when the transfer is over is not told`() {
        val told = AtomicBoolean()
        val over = Job()
        val late =
            Executor {
                over.complete()
                it.run()
            }
        await { Callers(Job()).call(late, { _, rejected -> throw rejected }, over) { told.set(true) } }
        assertFalse(told.get())
    }

    @Test
    fun `a transfer ends, whatever becomes of the steps that an executor was given to tell`() {
        val alice = start().alice()
        val fetched = DownloadBuilder("/api/v4/users/me", world.folder.resolve("me").path).build()
        val sent = UploadBuilder("/api/v4/files", "text/plain", world.folder.resolve("a").apply { writeText("a") }.path).build()
        // Nobody runs it, as a main thread that has ended.
        val given = LinkedBlockingQueue<Runnable>()
        val dropped = ArrayList<Runnable>()
        val told = LinkedBlockingQueue<Progress>()
        val fetching = heldBack(fetched.path) { alice.download(fetched, given::add, told::add).also { dropped += given.next()!! } }
        assertEquals(200, fetching.get(SAFETY_MILLIS, TimeUnit.MILLISECONDS).status)
        val sending = heldBack(sent.path) { alice.upload(sent, given::add, told::add).also { dropped += given.next()!! } }
        assertEquals(400, sending.get(SAFETY_MILLIS, TimeUnit.MILLISECONDS).status)
        (dropped + given).forEach(Runnable::run)
        assertNull("told after the end", told.poll())
    }

    @Test
    fun `a step that is being told when the transfer ends is told before the future says so`() {
        val alice = start().alice()
        val copy = world.folder.resolve("me")
        val fetched = DownloadBuilder("/api/v4/users/me", copy.path).build()
        val threads = Executors.newSingleThreadExecutor()
        try {
            val begun = CountDownLatch(1)
            val told = AtomicBoolean()
            val fetching =
                heldBack(fetched.path) {
                    val fetching =
                        alice.download(fetched, threads) {
                            begun.countDown()
                            // There when the transfer is over.
                            eventually(copy::exists)
                            told.set(true)
                        }
                    assertTrue(begun.await(SAFETY_MILLIS, TimeUnit.MILLISECONDS))
                    fetching
                }
            assertEquals(200, fetching.get(SAFETY_MILLIS, TimeUnit.MILLISECONDS).status)
            assertTrue(told.get())
        } finally {
            threads.shutdown()
        }
    }

    /** Begins what the server does not answer before a step of it was there. */
    private fun <T> heldBack(
        path: String,
        begin: () -> T,
    ): T {
        world.server.turn("hold_back", "{\"path\":\"$path\"}")
        try {
            return begin()
        } finally {
            world.server.turn("hold_back", "{\"path\":null}")
        }
    }

    private fun <T> ending(
        name: String,
        ends: LinkedBlockingQueue<String>,
    ) = object : Listener<T> {
        override fun next(value: T) = Unit

        override fun ended(why: SteadfastException) {
            ends += "$name ${why.code()}"
        }
    }

    private fun posts(to: LinkedBlockingQueue<String>) =
        Listener<RealtimeEvent> { event ->
            message(event)?.let { to += it }
        }

    private fun message(of: RealtimeEvent): String? {
        val event = (of as? RealtimeEvent.Received)?.event?.takeIf { it.name == "posted" } ?: return null
        return Regex("message\\\\\":\\\\\"(\\w+)").find(event.json)!!.groupValues[1]
    }

    private fun start() = JavaSteadfast.start(world.config(), world.keys()).also { world.closeAtTheEnd { it.steadfast.close() } }

    private fun JavaSteadfast.alice(): JavaAccount =
        signIn(SignIn(world.server.url(), "alice", TestServer.ALICE)).join().also {
            await { it.account.state.first { now -> now.link == Link.Live } }
        }

    private fun post(message: String) = world.server.turn("post", """{"user":"alice","message":"$message"}""")

    private fun <T> LinkedBlockingQueue<T>.next(): T? = poll(SAFETY_MILLIS, TimeUnit.MILLISECONDS)

    private companion object {
        const val WITH_AN_END = 5
    }
}
