package dev.steadfast.jvm

import com.sun.jna.Memory
import com.sun.jna.NativeLibrary
import dev.steadfast.core.Body
import dev.steadfast.core.Core
import dev.steadfast.core.CoreInterface
import dev.steadfast.core.Device
import dev.steadfast.core.DeviceKind
import dev.steadfast.core.Download
import dev.steadfast.core.FfiConverterString
import dev.steadfast.core.FfiConverterTypeDevice
import dev.steadfast.core.InternalException
import dev.steadfast.core.KeyStore
import dev.steadfast.core.Method
import dev.steadfast.core.NameValue
import dev.steadfast.core.NetworkPath
import dev.steadfast.core.Request
import dev.steadfast.core.SignIn
import dev.steadfast.core.Standing
import dev.steadfast.core.SteadfastException
import dev.steadfast.core.TransferInterface
import dev.steadfast.core.WebView
import dev.steadfast.core.defaultConfig
import dev.steadfast.core.deviceIdOfPushToken
import dev.steadfast.core.fileKeyStore
import dev.steadfast.core.libraryVersion
import dev.steadfast.core.messages
import dev.steadfast.testing.held
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import java.io.File
import java.lang.reflect.InvocationTargetException
import java.net.URLClassLoader
import java.util.concurrent.ConcurrentLinkedQueue
import java.util.concurrent.CyclicBarrier
import kotlin.concurrent.thread

/** What holds where Kotlin and Rust meet. */
class BorderTest {
    @get:Rule
    val world = World()

    /** Hazard C13. */
    @Test
    fun `strange texts come over whole, or are refused by name`() =
        test {
            val emoji = "\uD83D\uDE00\u0301\u200D\uFEFF"
            val large = "\u20AC".repeat(350_000)
            for (model in listOf("", "\u0000", "a\u0000b", emoji, large, "\r\nX: y")) {
                val back = defaultConfig("/x$model", Device(DeviceKind.Android, "1.0.0", "1", "1", model))
                assertEquals(model, back.device.model)
                assertEquals("/x$model", back.folder)
            }
            // What is no text in UTF-8 is not passed on as it is; it is never another process's end.
            for (broken in listOf("\uD83D", "\uDE00\uD83D", "a\uD800b")) {
                val back = defaultConfig("/x", Device(DeviceKind.Android, "1.0.0", "1", "1", broken)).device.model
                assertFalse(back.any { it.isSurrogate() })
            }
            val phone = world.signedIn()
            for (text in listOf("\u0000", "a\u0000b", emoji, "\uD83D", large, "\r\nX: y", "")) {
                assertTrue(codeOf { phone.core.signIn(SignIn(text, text, text)) } in setOf("invalid_address", "invalid_argument"))
                val typed = SignIn(phone.server, text, text)
                val code = codeOf { phone.core.signIn(typed) }
                assertTrue("$code for ${text.take(5)}", code.matches(Regex("[a-z_]+")) && code != "internal")
                codeOf { phone.core.endSession(phone.account, text) }.let { assertTrue(it, it != "internal" && ' ' !in it) }
                codeOf { phone.core.pushReceivedJson(text) }.let { assertTrue(it, it != "internal") }
                codeOf { phone.core.setDeviceId(text) }.let { assertTrue(it, it != "internal") }
                codeOf { phone.core.request(phone.account, Request(Method.GET, text, listOf(NameValue(text, text)))) }
                    .let { assertTrue(it, it != "internal") }
            }
            val keys = fileKeyStore(world.folder().path)
            val nowhere = configured(File(world.folder(), "a\u0000b"), PHONE, emptyList())
            assertEquals("invalid_argument", codeOf { Core.open(nowhere, keys) })
            assertEquals(Standing.ACTIVE, phone.verify())
            assertEquals("content", phone.shows())
        }

    /** Text of a mebibyte goes and comes whole. */
    @Test
    fun `a large body comes over whole`() =
        test {
            val phone = world.signedIn()
            val text = "\uD83D\uDE00".repeat(MEBIBYTE / 4).encodeToByteArray()
            assertEquals(MEBIBYTE, text.size)
            val query = listOf(NameValue("channel_id", phone.channel()), NameValue("filename", "text"))
            val body = Body("text/plain", text)
            val sent = phone.core.request(phone.account, Request(Method.POST, "/api/v4/files", query, body = body))
            assertEquals(201, sent.status)
            val back = phone.core.request(phone.account, Request(Method.GET, "/api/v4/files/${fileOf(sent)}"))
            assertEquals(200, back.status)
            assertArrayEquals(text, back.body)
        }

    @Test
    fun `everything without a core works on every thread at once`() {
        val barrier = CyclicBarrier(100)
        val failures = ConcurrentLinkedQueue<Throwable>()
        val version = libraryVersion()
        (0 until 100)
            .map {
                thread {
                    runCatching {
                        barrier.await()
                        repeat(50) {
                            assertEquals(version, libraryVersion())
                            assertTrue(messages().isNotEmpty())
                        }
                    }.onFailure(failures::add)
                }
            }.forEach { it.join() }
        assertTrue("$failures", failures.isEmpty())
    }

    /** From every thread at once, nothing is lost or mixed up. */
    @Test
    fun `a hundred threads use one core at once`() =
        test {
            val phone = world.signedIn()
            val account = phone.account
            val barrier = CyclicBarrier(100)
            val failures = ConcurrentLinkedQueue<Throwable>()
            (0 until 100)
                .map { number ->
                    thread {
                        runCatching {
                            barrier.await()
                            runBlocking { useAll(phone, account, number) }
                        }.onFailure(failures::add)
                    }
                }.forEach { it.join() }
            assertTrue("$failures", failures.isEmpty())
            assertEquals(Standing.ACTIVE, phone.verify())
            assertEquals(1, world.server.sessions("alice").size)
        }

    private suspend fun useAll(
        phone: Handset,
        account: Long,
        number: Int,
    ) {
        repeat(10) {
            assertEquals(account, phone.core.snapshot(account).account)
            phone.core.changes(0)
            phone.core.events(account, -1).lastSeq
            when (number % 5) {
                0 -> assertEquals(1, phone.core.activeSessions(account).size)
                1 -> assertEquals(32, phone.core.dataKey(account).size)
                2 -> phone.core.networkChanged(NetworkPath.UNKNOWN)
                3 -> assertEquals(200, phone.core.request(account, Request(Method.GET, "/api/v4/users/me")).status)
                else -> phone.core.reminders()
            }
        }
    }

    /** A thread keeps the memory into which the library writes how a call ended. */
    @Test
    fun `how a call ended is not taken for the end of another one`() {
        fun refusal() = runCatching { deviceIdOfPushToken(PHONE.kind, "") }.exceptionOrNull() as SteadfastException
        val version = libraryVersion()
        val failures = ConcurrentLinkedQueue<Throwable>()
        (0 until 8)
            .map {
                thread {
                    runCatching {
                        repeat(200) {
                            assertEquals("invalid_argument", refusal().code())
                            assertEquals(version, libraryVersion())
                        }
                    }.onFailure(failures::add)
                }
            }.forEach { it.join() }
        assertTrue("$failures", failures.isEmpty())
        test {
            val folder = world.folder()
            val keys = fileKeyStore(folder.path)
            // Calls on the core's threads, inside the core's own.
            val failing =
                object : KeyStore by keys {
                    override fun load(name: String) = keys.load(name).also { assertEquals("invalid_argument", refusal().code()) }
                }
            val phone = world.device(keys = failing).also { it.signInAndConnect(Person.ALICE) }
            phone.restart()
            assertEquals(Standing.ACTIVE, phone.verify())
        }
    }

    /** Hazard C01. */
    @Test
    fun `a panic in the library is an exception, and the library stays usable`() =
        test {
            val phone = world.signedIn()
            repeat(3) {
                val failure = runCatching { callWithACutRecord() }.exceptionOrNull()
                assertTrue("$failure", failure is InternalException)
                // It says which argument, and shows nothing of what was handed over.
                assertTrue("$failure", failure!!.message!!.startsWith("Failed to convert arg 'device'"))
                assertFalse("$failure", HANDED_OVER in "$failure" || PHONE.model in "$failure")
            }
            assertEquals(Standing.ACTIVE, phone.verify())
        }

    /** As the generated code calls and reads how it ended, but that the record is cut: Rust panics when it reads it. */
    private fun callWithACutRecord() {
        val library = Class.forName("dev.steadfast.core.UniffiLib")
        val call = library.methods.single { it.name == "uniffi_steadfast_ffi_fn_func_default_config" }
        val memory = Memory(64).also { it.clear() }
        val device = FfiConverterTypeDevice.lower(PHONE)
        device.len = 5
        call.invoke(library.getField("INSTANCE").get(null), FfiConverterString.lower(HANDED_OVER), device, memory)
        val statuses = Class.forName("dev.steadfast.core.UniffiRustCallStatus")
        val read = statuses.methods.single { it.name.startsWith("readFrom") }
        val status = read.invoke(statuses.getConstructor().newInstance(), memory)
        val check = Class.forName("dev.steadfast.core.SteadfastKt").declaredMethods.single { it.name == "uniffiCheckCallStatus" }
        check.isAccessible = true
        try {
            check.invoke(null, SteadfastException.ErrorHandler, status)
        } catch (thrown: InvocationTargetException) {
            throw thrown.targetException
        }
    }

    /** Hazard C11. */
    @Test
    fun `bindings of another version do not load, and say why`() {
        val library = NativeLibrary.getInstance("steadfast")
        val names = Class.forName("dev.steadfast.core.IntegrityCheckingUniffiLib").declaredMethods.map { it.name }
        val sums = names.filter { "_checksum_" in it }.map { library.getFunction(it).invokeInt(emptyArray<Any>()) and 0xFFFF }
        // Such a number stands in the class by itself.
        val sum = sums.first { it > 0x8000 }
        val changed = Bytecode(sum, sum - 1).loadClass("dev.steadfast.core.SteadfastKt")
        val failure = runCatching { changed.getMethod("libraryVersion").invoke(null) }.exceptionOrNull()
        val causes = generateSequence(failure) { it.cause }.toList()
        assertTrue("$causes", causes.any { "UniFFI API checksum mismatch" in "${it.message}" })
        // The bindings that fit are not touched by it.
        assertTrue(libraryVersion().isNotEmpty())
    }

    /** The generated classes once more, with one number changed. */
    private class Bytecode(
        private val from: Int,
        private val to: Int,
    ) : URLClassLoader(emptyArray(), BorderTest::class.java.classLoader) {
        override fun loadClass(
            name: String,
            resolve: Boolean,
        ): Class<*> {
            if (!name.startsWith("dev.steadfast.core.")) return super.loadClass(name, resolve)
            return findLoadedClass(name) ?: parent.getResource(name.replace('.', '/') + ".class")!!.readBytes().let { bytes ->
                replace(bytes)
                defineClass(name, bytes, 0, bytes.size)
            }
        }

        private fun replace(bytes: ByteArray) {
            for (at in 0..bytes.size - 5) {
                if (bytes[at] == 3.toByte() && (1..4).all { bytes[at + it] == (from ushr (32 - 8 * it)).toByte() }) {
                    (1..4).forEach { bytes[at + it] = (to ushr (32 - 8 * it)).toByte() }
                }
            }
        }
    }

    /** Hazard C06. */
    @Test
    fun `after the end every call is answered with closed, and what is at hand still shows`() =
        test {
            val phone = world.signedIn(config = { it.copy(webView = WebView.COOKIES_FOR_ACCOUNTS) })
            val core = phone.core
            val account = phone.account
            val last = core.events(account, 0).lastSeq
            val waiting = async { codeOf { core.events(account, last) } }
            val changes = async { codeOf { core.changes(Long.MAX_VALUE) } }
            delay(50)
            core.shutDown()
            assertEquals(listOf("closed", "closed"), awaitAll(waiting, changes))
            val answers = (suspending(phone) - "shutDown").mapValues { (_, call) -> codeOf { call() } }
            assertEquals(emptyMap<String, String>(), answers.filterValues { it != "closed" })
            assertEquals(account, core.accounts().single().account)
            core.shutDown()
        }

    /** The error's kinds reach Kotlin whole. */
    @Test
    fun `an error says how to react and what happened`() =
        test {
            val phone = world.signedIn()
            try {
                phone.core.signIn(phone.typed(Person.ALICE).copy(password = "wrong"))
                error("signed in")
            } catch (refused: SteadfastException) {
                assertTrue(refused is SteadfastException.TellUser)
                assertEquals("invalid_credentials", refused.code())
                assertFalse(refused.isRetryable() || refused.requiresSignIn())
                assertTrue("$refused", "$refused".startsWith("invalid_credentials"))
            }
            val secret = "${phone.typed(Person.ALICE)}"
            assertFalse(secret, Person.ALICE.password in secret)
        }

    /** What an app may call on its main thread. Hazard C07. */
    @Test
    fun `no call holds the thread that makes it`() =
        test {
            val phone = world.signedIn()
            val core = phone.core
            val account = phone.account
            val figures = LinkedHashMap<String, Long>()

            fun measure(
                name: String,
                call: () -> Unit,
            ) {
                repeat(20) { call() }
                figures[name] = (1..101).map { held(call).second }.sorted()[50]
            }
            measure("accounts") { core.accounts() }
            measure("snapshot") { core.snapshot(account) }
            measure("notices") { core.notices() }
            measure("withdrawnNotices") { core.withdrawnNotices() }
            measure("obligations") { core.obligations() }
            measure("reminders") { core.reminders() }
            measure("networkChanged") { core.networkChanged(NetworkPath.UNKNOWN) }
            assertEquals("every call that does not wait", atOnce(CoreInterface::class.java), figures.keys.toSet())
            val transfer = core.download(account, Download("/api/v4/users/me", File(phone.folder, "me").path))
            measure("Transfer.progress") { transfer.progress() }
            measure("Transfer.cancel") { transfer.cancel() }
            assertEquals(atOnce(TransferInterface::class.java), setOf("progress", "cancel"))

            // Those that wait hold the thread only until they do.
            val ofTransfer =
                mapOf<String, suspend () -> Any?>(
                    "Transfer.progressAfter" to { transfer.progressAfter(transfer.progress()) },
                    "Transfer.finished" to { transfer.finished() },
                )
            for ((name, call) in ofTransfer + suspending(phone)) {
                if (name in setOf("shutDown", "hostState")) continue
                val times =
                    (1..5).map {
                        val (job, nanos) = held { launch(Dispatchers.Unconfined, CoroutineStart.UNDISPATCHED) { codeOf { call() } } }
                        nanos.also { job.cancelAndJoin() }
                    }
                figures[name] = times.sorted()[2]
            }
            figures.forEach { (name, nanos) -> println("holds its thread: %-28s %8.1f µs".format(name, nanos / 1e3)) }
            val slow = figures.filterValues { it > 5_000_000 }
            assertTrue("$slow", slow.isEmpty())
        }
}

private const val HANDED_OVER = "/where-nobody-is-to-know"

/** Calls of an interface that do not wait. */
private fun atOnce(of: Class<*>): Set<String> = of.methods.filterNot { it.isSuspend || "default" in it.name }.map { it.name }.toSet()

val java.lang.reflect.Method.isSuspend: Boolean
    get() = parameterTypes.lastOrNull()?.name == "kotlin.coroutines.Continuation"
