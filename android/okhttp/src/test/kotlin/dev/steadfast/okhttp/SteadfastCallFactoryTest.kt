package dev.steadfast.okhttp

import dev.steadfast.testing.SAFETY_MILLIS
import okhttp3.Call
import okhttp3.Callback
import okhttp3.MediaType.Companion.toMediaType
import okhttp3.Request
import okhttp3.RequestBody.Companion.toRequestBody
import okhttp3.Response
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.ClassRule
import org.junit.Test
import java.io.IOException
import java.util.concurrent.CompletableFuture
import java.util.concurrent.TimeUnit
import kotlin.random.Random

class SteadfastCallFactoryTest {
    private val calls = one.calls

    @Test
    fun `an answer comes as from the server, with the session and without showing it`() {
        val request = get("/api/v4/users/me")
        calls.newCall(request).execute().use { response ->
            assertEquals(200, response.code)
            assertEquals("application/json", response.body.contentType()?.run { "$type/$subtype" })
            assertTrue("\"alice\"" in response.body.string())
            assertEquals(null, response.request.header("Authorization"))
        }
        calls.newCall(get("/api/v4/posts/${"x".repeat(26)}")).execute().use { assertEquals(404, it.code) }
    }

    @Test
    fun `HEAD is asked as such, and its answer has no body`() {
        val request = get("/api/v4/users/me").newBuilder().head().build()
        // The server itself knows it nowhere.
        calls.newCall(request).execute().use { response ->
            assertEquals(404, response.code)
            assertEquals(0, response.body.bytes().size)
        }
        assertTrue("\"method\":\"HEAD\"" in server.read("requests"))
    }

    @Test
    fun `a small file comes in one piece, a large one in several, an empty one as it is`() {
        for (size in listOf(0, 1, 1_000_000, 1 shl 20, (1 shl 20) + 1, 3_500_000)) {
            val content = Random(size).nextBytes(size)
            val file = get("/api/v4/files/${upload(content)}")
            val before = fetched(file)
            calls.newCall(file).execute().use { response ->
                assertEquals(200, response.code)
                assertEquals(size.toLong(), response.body.contentLength())
                assertArrayEquals(content, response.body.bytes())
            }
            if (size > 2 shl 20) assertEquals(before + 4, fetched(file))
        }
    }

    @Test
    fun `a reader that stops early fetches no more`() {
        val file = get("/api/v4/files/${upload(Random.nextBytes(5_000_000))}")
        val before = fetched(file)
        calls.newCall(file).execute().use { it.body.source().readByteArray(10_000) }
        assertEquals(before + 1, fetched(file))
    }

    @Test
    fun `a range of the caller's own is passed on`() {
        val content = Random.nextBytes(10_000)
        val file = get("/api/v4/files/${upload(content)}").newBuilder().header("Range", "bytes=100-199").build()
        calls.newCall(file).execute().use { response ->
            assertEquals(206, response.code)
            assertEquals("bytes 100-199/10000", response.header("content-range"))
            assertArrayEquals(content.copyOfRange(100, 200), response.body.bytes())
        }
    }

    @Test
    fun `a film that is sought in comes from there to its end, in pieces`() {
        val content = Random.nextBytes(SOUGHT_IN)
        val file = get("/api/v4/files/${upload(content)}")
        val last = content.size - 1
        val (from, to) = 500_000 to 3_000_000
        for ((range, asked) in listOf(
            "bytes=$from-" to from..last,
            "bytes=$from-$to" to from..to,
            "bytes=$from-${last + 1_000}" to from..last,
            "bytes=${last - 9}-" to last - 9..last,
        )) {
            val before = fetched(file)
            calls.newCall(file.newBuilder().header("Range", range).build()).execute().use { response ->
                assertEquals(range, 206, response.code)
                assertEquals("bytes ${asked.first}-${asked.last}/${content.size}", response.header("content-range"))
                assertEquals(asked.count().toString(), response.header("content-length"))
                assertEquals(asked.count().toLong(), response.body.contentLength())
                assertArrayEquals(range, content.sliceArray(asked), response.body.bytes())
            }
            assertEquals(range, before + (asked.count() - 1) / (1 shl 20) + 1, fetched(file))
        }
    }

    @Test
    fun `a range behind the end of a file is refused as the server refuses it`() {
        val file = get("/api/v4/files/${upload(Random.nextBytes(100))}").newBuilder().header("Range", "bytes=100-").build()
        calls.newCall(file).execute().use { response ->
            assertEquals(416, response.code)
            assertEquals("bytes */100", response.header("content-range"))
        }
    }

    @Test
    fun `another server is never reached`() {
        for (address in listOf(
            "https://elsewhere.example/api",
            server.url().replace("https", "http") + "/api",
            "https://127.0.0.1:1/api",
        )) {
            val failed = assertThrows(IOException::class.java) { calls.newCall(Request.Builder().url(address).build()).execute() }
            assertEquals("not an address of this account's server", failed.message)
        }
    }

    @Test
    fun `a failure of the core is named`() {
        val request = get("/api/v4/users/me").newBuilder().header("Authorization", "Bearer mine").build()
        val failed = assertThrows(SteadfastCallException::class.java) { calls.newCall(request).execute() }
        assertEquals("invalid_argument", failed.reason.code())
    }

    @Test
    fun `calls come back on threads of their own`() {
        val answer = CompletableFuture<Int>()
        val thread = CompletableFuture<Thread>()
        calls.newCall(get("/api/v4/users/me")).enqueue(
            object : Callback {
                override fun onFailure(
                    call: Call,
                    e: IOException,
                ) {
                    answer.completeExceptionally(e)
                }

                override fun onResponse(
                    call: Call,
                    response: Response,
                ) = response.use {
                    thread.complete(Thread.currentThread())
                    answer.complete(it.code)
                    Unit
                }
            },
        )
        assertEquals(200, answer.get(SAFETY_MILLIS, TimeUnit.MILLISECONDS))
        assertNotEquals(Thread.currentThread(), thread.get())
    }

    @Test
    fun `a call is sent once, and not after it was cancelled`() {
        val call = calls.newCall(get("/api/v4/users/me"))
        call.execute().close()
        assertTrue(call.isExecuted())
        assertThrows(IllegalStateException::class.java) { call.execute() }
        val again = call.clone()
        assertFalse(again.isExecuted())
        again.cancel()
        assertTrue(again.isCanceled())
        assertEquals("Canceled", assertThrows(IOException::class.java) { again.execute() }.message)
    }

    @Test
    fun `a body that is cancelled while it is read ends`() {
        val call = calls.newCall(get("/api/v4/files/${upload(Random.nextBytes(3_000_000))}"))
        call.execute().use { response ->
            response.body.source().readByteArray(1_000)
            call.cancel()
            assertThrows(IOException::class.java) { response.body.bytes() }
        }
    }

    private fun upload(content: ByteArray): String = one.upload(content.toRequestBody("application/octet-stream".toMediaType()))

    private fun get(path: String) = one.get(path)

    /** Of this file alone: the core asks for things of its own. */
    private fun fetched(file: Request) = one.arrivals(file.url.encodedPath)

    private companion object {
        /** More than the core takes as one answer. */
        const val SOUGHT_IN = 17 shl 20

        @ClassRule
        @JvmField
        val one = OneAccount()

        val server get() = one.server
    }
}
