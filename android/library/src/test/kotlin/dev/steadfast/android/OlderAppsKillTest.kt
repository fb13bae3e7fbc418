package dev.steadfast.android

import dev.steadfast.testing.SAFETY_MILLIS
import dev.steadfast.testing.TestServer
import dev.steadfast.testing.TestWorld
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Rule
import org.junit.Test
import java.io.File
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit
import kotlin.concurrent.thread

/** Real processes over one app's data. Slow, for each brings up a system of its own. */
class OlderAppsKillTest {
    @get:Rule
    val world = TestWorld()

    /** Hazard B15, Q18. */
    @Test
    fun `killed at any step, what older apps left is taken over once, and erased in the end`() {
        TestServer.start().use { second ->
            val servers = listOf(world.server, second)
            val tokens = servers.map(::signInAsABrowser)
            val lines = servers.zip(tokens) { server, (token, user) -> "${server.url()} $token $user" }
            world.folder.resolve("sessions").writeText(lines.joinToString("\n"))
            world.folder.resolve("authorities").writeText(servers.joinToString("\n") { it.authority() })
            val before = servers.map(::sessions)

            assertEquals(listOf("found []"), kill("looked"))
            val written = keychain().length()
            // The core has both for good, and nothing is erased.
            assertEquals(listOf("found []"), kill("taking out"))
            assertEquals(written, keychain().length())
            // One is out of the older app's store, and its key is not deleted.
            assertEquals(listOf("found [1, 2]"), kill("deleting the key"))
            assertFalse(keychain().length() == written)
            // Both are out, and the core was not told.
            assertEquals(listOf("found [1, 2]"), kill("taken out"))
            assertEquals(0L, keychain().length())
            assertEquals(listOf("found [1, 2]"), kill("told"))
            assertEquals(listOf("found [1, 2]", "left 0 0 [1, 2]"), Killable("never").use { it.untilItEnds() })
            assertEquals(before, servers.map(::sessions))
        }
    }

    /** Gives what it said before it was killed at this step. */
    private fun kill(step: String): List<String> = Killable(step).use { it.until("at $step") }

    private fun keychain() = world.folder.resolve("files/datastore/RN_KEYCHAIN.preferences_pb")

    private fun sessions(server: TestServer) =
        Regex("\"id\":\"([a-z0-9]{26})\"").findAll(server.turn("sessions", """{"user":"alice"}""")).map { it.value }.toSet()

    private inner class Killable(
        step: String,
    ) : AutoCloseable {
        private val said = LinkedBlockingQueue<String>()
        private val process: Process

        init {
            val properties = listOf("robolectric.offline", "robolectric.dependency.dir").map { "-D$it=${System.getProperty(it)}" }
            val own = listOf("steadfast.kept=${world.folder}", "steadfast.step=$step", "java.io.tmpdir=${temporary()}").map { "-D$it" }
            val java = File(System.getProperty("java.home"), "bin/java").path
            val quick = listOf("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", System.getProperty("java.class.path"))
            val main = listOf("org.junit.runner.JUnitCore", KillableOlderApps::class.java.name)
            process = ProcessBuilder(listOf(java) + properties + own + quick + main).redirectErrorStream(true).start()
            thread {
                process.inputStream.bufferedReader().forEachLine(said::add)
                said += ENDED
            }
        }

        /** What it says until this, which it has to say. */
        fun until(last: String): List<String> {
            val heard = ArrayList<String>()
            val all = ArrayList<String>()
            while (true) {
                val line = said.poll(COMES_UP_MILLIS, TimeUnit.MILLISECONDS) ?: error("not a word: $all")
                all += line
                // JUnit says something in the same line.
                val own = line.substringAfter(KillableOlderApps.SAYS, "").ifEmpty { line.takeIf { it == ENDED } } ?: continue
                if (own == last) return heard
                check(own != ENDED) { "it ended: ${all.joinToString("\n")}" }
                heard += own
            }
        }

        fun untilItEnds() = until(ENDED).also { assertEquals(0, process.waitFor()) }

        override fun close() {
            process.destroyForcibly().waitFor()
        }
    }

    private fun temporary() = world.folder.resolve("tmp").apply { mkdirs() }

    private companion object {
        const val ENDED = "the output has ended"

        /** A system is brought up in that time on any machine, before the first word. */
        const val COMES_UP_MILLIS = 4 * SAFETY_MILLIS
    }
}
