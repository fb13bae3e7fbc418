package dev.steadfast.jvm

import com.google.gson.JsonParser
import dev.steadfast.core.Download
import dev.steadfast.core.Method
import dev.steadfast.core.NameValue
import dev.steadfast.core.Progress
import dev.steadfast.core.Request
import dev.steadfast.core.Response
import dev.steadfast.core.Transfer
import dev.steadfast.core.Upload
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeout
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import java.io.File
import kotlin.random.Random

const val MEBIBYTE = 1 shl 20

/** The channel that everybody is in. */
suspend fun Handset.channel(): String {
    val post = behind.turn("post", "user" to "bob", "message" to "hello").asJsonObject["id"].asString
    val read = core.request(account, Request(Method.GET, "/api/v4/posts/$post"))
    return JsonParser.parseString(read.body.decodeToString()).asJsonObject["channel_id"].asString
}

/** The id of the file that was sent. */
fun fileOf(sent: Response): String {
    val infos = JsonParser.parseString(sent.body.decodeToString()).asJsonObject["file_infos"].asJsonArray
    return infos[0].asJsonObject["id"].asString
}

/** A transfer goes on when nobody waits for it, at whichever point they stopped, and ends when it is told to. Hazard C05. */
class TransferTest {
    @get:Rule
    val world = World()
    private val server get() = world.server

    /** More than waits in the buffers between two processes. */
    private val content = Random(1).nextBytes(24 * MEBIBYTE)
    private val progresses = listOf(Progress(0, null), Progress(1, null), Progress(MEBIBYTE.toLong(), null))

    private fun Handset.file() = File(folder, "file").apply { writeBytes(content) }

    private fun Handset.target() = File(folder, "down")

    private suspend fun Handset.upload(): Transfer {
        val query = listOf(NameValue("channel_id", channel()), NameValue("filename", "file"))
        return core.upload(account, Upload(Method.POST, "/api/v4/files", "application/octet-stream", file().path, query))
    }

    private suspend fun Handset.download(id: String): Transfer = core.download(account, Download("/api/v4/files/$id", target().path))

    /** A phone whose file is on the server. */
    private suspend fun uploaded(): Pair<Handset, String> {
        val phone = world.signedIn()
        val sent = phone.upload().finished()
        assertEquals(201, sent.status)
        return phone to fileOf(sent)
    }

    /** So slow that it can be met under way, and not so slow that the core gives up. */
    private fun Handset.slow(from: String) = network.act("trickle", "from" to from, "pace" to mapOf("bytes" to 16_384, "every_ms" to 50))

    private fun Handset.freely() = network.act("clear")

    /** Waits for it in every way that there is, and stops waiting. */
    private suspend fun CoroutineScope.abandoned(transfer: Transfer) {
        val waiting =
            progresses.map { seen -> launch(start = CoroutineStart.UNDISPATCHED) { transfer.progressAfter(seen) } } +
                launch(start = CoroutineStart.UNDISPATCHED) { transfer.finished() }
        withTimeout(PATIENCE) { waiting.forEach { it.cancelAndJoin() } }
        assertTrue(waiting.all { it.isCancelled || it.isCompleted })
    }

    /** Under way, and not at its end. */
    private suspend fun midway(transfer: Transfer) {
        var now = transfer.progress()
        withTimeout(PATIENCE) { while (now.done == 0L) now = transfer.progressAfter(now) }
        assertTrue("$now", now.done in 1 until content.size)
    }

    private fun Handset.assertWhole() = assertArrayEquals(content, target().readBytes())

    private fun Handset.assertNothingLeft() = assertEquals(emptyList<String>(), folder.list()!!.filter { it.startsWith("down") })

    @Test
    fun `an upload goes on although nobody waits`() =
        test {
            val phone = world.signedIn()
            phone.slow("client")
            val transfer = phone.upload()
            abandoned(transfer)
            midway(transfer)
            abandoned(transfer)
            phone.freely()
            val sent = withTimeout(PATIENCE) { transfer.finished() }
            assertEquals(201, sent.status)
            // After its end nobody waits in vain.
            assertEquals(content.size.toLong(), transfer.progressAfter(Progress(0, null)).done)
            assertEquals(fileOf(sent), fileOf(transfer.finished()))
            phone.download(fileOf(sent)).finished()
            phone.assertWhole()
        }

    @Test
    fun `a download goes on although nobody waits`() =
        test {
            val (phone, id) = uploaded()
            phone.slow("server")
            val transfer = phone.download(id)
            abandoned(transfer)
            midway(transfer)
            abandoned(transfer)
            phone.freely()
            assertEquals(200, withTimeout(PATIENCE) { transfer.finished() }.status)
            phone.assertWhole()
        }

    /** The call that begins it is abandoned as soon as it waits: what was begun is whole in the end. */
    @Test
    fun `a transfer whose beginning is abandoned is done`() =
        test {
            val (phone, id) = uploaded()
            val channel = phone.channel()
            val beginnings =
                listOf<suspend () -> Transfer>(
                    { phone.download(id) },
                    {
                        val query = listOf(NameValue("channel_id", channel), NameValue("filename", "again"))
                        val again = Upload(Method.POST, "/api/v4/files", "text/plain", phone.file().path, query)
                        phone.core.upload(phone.account, again)
                    },
                )
            for (begin in beginnings) launch(start = CoroutineStart.UNDISPATCHED) { begin() }.cancelAndJoin()
            eventually("the download") { phone.target().length() == content.size.toLong() }
            phone.assertWhole()
            eventually("the upload") {
                val sent = server.requests().filter { it["method"].asString == "POST" && it["path"].asString.endsWith("/files") }
                sent.count { !it["status"].isJsonNull && it["status"].asInt == 201 } == 2
            }
        }

    /** Everybody who waits is told, and whoever asks later. */
    private suspend fun CoroutineScope.cancelled(transfer: Transfer) {
        val waiting = (1..3).map { async(start = CoroutineStart.UNDISPATCHED) { codeOf { transfer.finished() } } }
        val watching = async(start = CoroutineStart.UNDISPATCHED) { transfer.progressAfter(transfer.progress()) }
        transfer.cancel()
        withTimeout(PATIENCE) {
            assertEquals(List(3) { "cancelled" }, waiting.awaitAll())
            watching.await()
        }
        transfer.cancel()
        assertEquals("cancelled", codeOf { transfer.finished() })
    }

    @Test
    fun `an upload that is cancelled ends at once, before its first byte and under way`() =
        test {
            val phone = world.signedIn()
            val channel = phone.channel()
            val query = listOf(NameValue("channel_id", channel), NameValue("filename", "file"))
            val upload = Upload(Method.POST, "/api/v4/files", "application/octet-stream", phone.file().path, query)
            phone.network.act("freeze", "on" to true)
            cancelled(phone.core.upload(phone.account, upload))
            phone.network.act("freeze", "on" to false)
            phone.slow("client")
            cancelled(phone.core.upload(phone.account, upload).also { midway(it) })
            phone.freely()
            val whole = server.requests().filter { it["path"].asString.endsWith("/files") }
            assertTrue("$whole", whole.none { !it["status"].isJsonNull && it["status"].asInt == 201 })
            assertEquals(201, phone.core.upload(phone.account, upload).finished().status)
        }

    @Test
    fun `of a download that is cancelled nothing is left, and one that is over stays`() =
        test {
            val (phone, id) = uploaded()
            phone.network.act("freeze", "on" to true)
            cancelled(phone.download(id))
            phone.network.act("freeze", "on" to false)
            phone.assertNothingLeft()
            phone.slow("server")
            cancelled(phone.download(id).also { midway(it) })
            phone.assertNothingLeft()
            phone.freely()
            val whole = phone.download(id)
            assertEquals(200, whole.finished().status)
            whole.cancel()
            assertEquals(200, whole.finished().status)
            phone.assertWhole()
            assertFalse(File("${phone.target()}.part").exists())
        }
}
