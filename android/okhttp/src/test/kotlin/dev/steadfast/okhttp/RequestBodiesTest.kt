package dev.steadfast.okhttp

import dev.steadfast.testing.eventually
import okhttp3.MediaType.Companion.toMediaType
import okhttp3.Request
import okhttp3.RequestBody
import okio.BufferedSink
import org.junit.After
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.ClassRule
import org.junit.Test
import java.io.File
import java.io.IOException
import java.io.InterruptedIOException
import java.net.ProtocolException
import java.nio.file.Files
import java.nio.file.attribute.PosixFilePermission
import java.util.concurrent.TimeUnit
import kotlin.concurrent.thread
import kotlin.random.Random

/** What requests send, of any size, and what is left of it. */
class RequestBodiesTest {
    private val folder = one.world.folder.resolve("bodies").apply { mkdirs() }
    private val calls = SteadfastCallFactory(one.account, folder = folder)

    @After
    fun `nothing is left in the folder`() = assertEquals(emptyList<File>(), folder.listFiles().orEmpty().toList())

    @Test
    fun `a body of any size arrives whole, the large ones by a file`() {
        for (size in listOf(0, 1, 1 shl 20, (1 shl 20) + 1, 5_000_000)) {
            val content = Random(size).nextBytes(size)
            var most = 0
            val id =
                one.upload(
                    written { sink ->
                        for (from in content.indices step PART) {
                            sink.write(content, from, minOf(PART, size - from))
                            sink.flush()
                            most = maxOf(most, folder.listFiles().orEmpty().size)
                        }
                    },
                    calls,
                )
            assertEquals("a file for $size", if (size > 1 shl 20) 1 else 0, most)
            calls.newCall(one.get("/api/v4/files/$id")).execute().use { assertArrayEquals(content, it.body.bytes()) }
        }
    }

    @Test
    fun `a large body is read by its owner alone, and gone while it is sent`() {
        val path = one.files.substringBefore('?')
        var readers: Set<PosixFilePermission>? = null
        val large =
            written {
                it.write(ByteArray(2 shl 20)).flush()
                readers = Files.getPosixFilePermissions(folder.listFiles()!!.single().toPath())
            }
        one.heldBack(path) {
            val before = one.arrivals(path)
            val call = calls.newCall(one.post(one.files, large))
            val ended = thread { runCatching { call.execute() } }
            one.arrived(path, before + 1)
            eventually { folder.listFiles().orEmpty().isEmpty() }
            call.cancel()
            ended.join()
        }
        assertEquals(setOf(PosixFilePermission.OWNER_READ, PosixFilePermission.OWNER_WRITE), readers)
    }

    @Test
    fun `a body that closes what it writes to is sent as it was written`() {
        val closing =
            written {
                it.writeUtf8("x".repeat(2 shl 20))
                it.close()
            }
        val id = one.upload(closing, calls)
        calls.newCall(one.get("/api/v4/files/$id")).execute().use { assertEquals(2 shl 20, it.body.bytes().size) }
    }

    @Test
    fun `what can only be held is refused by its size, before it fills the memory`() {
        var written = 0L
        val body =
            written { sink ->
                val part = ByteArray(1 shl 20)
                repeat(1_000) {
                    sink.write(part)
                    written += part.size
                }
            }
        for (method in listOf("PATCH", "DELETE")) {
            written = 0
            val request = Request.Builder().url(one.server.url() + "/api/v4/users/me").method(method, body).build()
            val failed = assertThrows(SteadfastCallException::class.java) { calls.newCall(request).execute() }
            assertEquals("too_large", failed.reason.code())
            assertTrue("$written", written <= 17L shl 20)
        }
    }

    @Test
    fun `what the body throws is thrown, and a duplex body is refused`() {
        val broken = one.post(one.files, written { it.writeUtf8("x".repeat(2 shl 20)).also { throw IOException("no such picture") } })
        assertEquals("no such picture", assertThrows(IOException::class.java) { calls.newCall(broken).execute() }.message)
        val duplex =
            object : RequestBody() {
                override fun contentType() = null

                override fun isDuplex() = true

                override fun writeTo(sink: BufferedSink) = error("it is not asked")
            }
        assertThrows(ProtocolException::class.java) { calls.newCall(one.post(one.files, duplex)).execute() }
    }

    @Test
    fun `a call that is cancelled while its body is written ends`() {
        val call = arrayOfNulls<okhttp3.Call>(1)
        val body =
            written { sink ->
                repeat(10_000) {
                    sink.writeUtf8("x".repeat(PART)).flush()
                    if (it == 100) call[0]!!.cancel()
                }
            }
        call[0] = calls.newCall(one.post(one.files, body))
        assertEquals("Canceled", assertThrows(IOException::class.java) { call[0]!!.execute() }.message)
    }

    @Test
    fun `a call takes no longer than its own time, whatever it is at`() {
        one.heldBack(TEAMS) {
            val call = calls.newCall(one.get(TEAMS)).apply { timeout().timeout(50, TimeUnit.MILLISECONDS) }
            assertEquals("timeout", assertThrows(InterruptedIOException::class.java) { call.execute() }.message)
            assertTrue(call.isCanceled())
        }
        val endless = written { while (true) it.writeUtf8("x".repeat(PART)).flush() }
        val call = calls.newCall(one.post(one.files, endless)).apply { timeout().timeout(50, TimeUnit.MILLISECONDS) }
        assertEquals("timeout", assertThrows(InterruptedIOException::class.java) { call.execute() }.message)
        val late = calls.newCall(one.get(TEAMS)).apply { timeout().deadlineNanoTime(System.nanoTime() - 1) }
        assertEquals("timeout", assertThrows(InterruptedIOException::class.java) { late.execute() }.message)
        calls.newCall(one.get(TEAMS)).apply { timeout().timeout(1, TimeUnit.HOURS) }.execute().use { assertEquals(200, it.code) }
    }

    private fun written(by: (BufferedSink) -> Unit) =
        object : RequestBody() {
            override fun contentType() = "application/octet-stream".toMediaType()

            override fun writeTo(sink: BufferedSink) = by(sink)
        }

    private companion object {
        const val PART = 8_192
        const val TEAMS = "/api/v4/users/me/teams"

        @ClassRule
        @JvmField
        val one = OneAccount()
    }
}
