package dev.steadfast.jvm

import dev.steadfast.core.Core
import dev.steadfast.core.fileKeyStore
import dev.steadfast.example.ActiveSessions
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import java.io.ByteArrayOutputStream
import java.io.PrintStream
import java.util.concurrent.ExecutionException

/** The example in Java does what it says. */
class JavaExampleTest {
    @get:Rule
    val world = World()
    private val server get() = world.server

    private val folder by lazy { world.folder().toPath() }

    private fun run(password: String): Result<List<String>> {
        val said = ByteArrayOutputStream()
        val out = PrintStream(said)
        return runCatching {
            ActiveSessions.show(folder, server.url, "alice", password, listOf(server.authority), out)
        }.map { said.toString().trim().lines() }
            .recover { failed ->
                assertTrue("$failed", failed is ExecutionException)
                said.toString().trim().lines()
            }
    }

    @Test
    fun `signs in, lists the sessions and signs out`() =
        test {
            world.signedIn()
            val said = run(Person.ALICE.password).getOrThrow()
            assertEquals(listOf("Android Native App", "Native Desktop App (this one)"), said.dropLast(1).sorted())
            assertEquals("signed out", said.last())
            // A program that ends at once may leave the server's part to its next start.
            val keys = fileKeyStore(folder.resolve("keys").toString())
            val next = Core.open(configured(folder.toFile(), DESKTOP, listOf(server.authority)), keys)
            try {
                eventually("the other session alone") { server.sessions("alice").size == 1 }
            } finally {
                next.shutDown()
                next.close()
            }
        }

    @Test
    fun `says why it cannot`() = assertEquals(listOf("invalid_credentials"), run("wrong").getOrThrow())
}
