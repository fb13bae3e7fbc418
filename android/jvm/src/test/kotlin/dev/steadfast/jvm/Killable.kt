package dev.steadfast.jvm

import dev.steadfast.core.Changes
import dev.steadfast.core.Core
import dev.steadfast.core.HostState
import dev.steadfast.core.KeyAnswer
import dev.steadfast.core.KeyStore
import dev.steadfast.core.KeyWritten
import dev.steadfast.core.Link
import dev.steadfast.core.NetworkPath
import dev.steadfast.core.Shows
import dev.steadfast.core.SignIn
import dev.steadfast.core.Snapshot
import dev.steadfast.core.fileKeyStore
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeout
import org.junit.Assert.assertEquals
import java.io.File
import java.util.concurrent.atomic.AtomicInteger
import java.util.concurrent.locks.LockSupport

/** A phone in a process of its own, so that it can be killed, and so that what its threads do is its core's alone. */
class Killable(
    val folder: File,
    private val network: Network,
    private val isStrict: Boolean,
) : AutoCloseable {
    private var process: Process? = null

    fun start() {
        process =
            ProcessBuilder(
                File(System.getProperty("java.home"), "bin/java").path,
                "-Xmx256m",
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-cp",
                System.getProperty("surefire.test.class.path") ?: System.getProperty("java.class.path"),
                "dev.steadfast.jvm.KillableMain",
                folder.path,
                network.url,
                network.authorityFile,
                "$isStrict",
            ).redirectError(ProcessBuilder.Redirect.INHERIT).start()
        assertEquals("open", answer())
    }

    fun ask(command: String): String {
        val input = process!!.outputStream
        input.write("$command\n".toByteArray())
        input.flush()
        return answer()
    }

    private fun answer(): String {
        val letters = StringBuilder()
        val output = process!!.inputStream
        while (true) {
            val letter = output.read()
            check(letter >= 0) { "the phone ended after: $letters" }
            if (letter == '\n'.code) return letters.toString()
            letters.append(letter.toChar())
        }
    }

    fun kill() {
        process?.destroyForcibly()?.waitFor()
        process = null
    }

    override fun close() = kill()
}

/** What [Killable] runs: takes a command in a line, and answers in one. Whoever started it and ends, ends it. */
object KillableMain {
    @JvmStatic
    fun main(arguments: Array<String>) {
        val (folder, url, authority, isStrict) = arguments
        val config = configured(File(folder), PHONE, listOf(File(authority).readText()))
        val keys = Stopping(fileKeyStore("$folder/keys"))
        val core = Core.open(if (isStrict.toBoolean()) strict(config) else config, keys)
        test { Phone(core, keys, url).serve(this) }
        // The core's own threads may still wait for something.
        Runtime.getRuntime().halt(0)
    }
}

private class Phone(
    private val core: Core,
    private val keys: Stopping,
    private val url: String,
) {
    private val shown = mutableListOf<String>()

    private fun draw(snapshot: Snapshot) =
        synchronized(shown) {
            val now = said(snapshot)
            if (shown.lastOrNull() != now) shown.add(now)
        }

    suspend fun serve(scope: CoroutineScope) {
        core.accounts().forEach(::draw)
        val follower =
            scope.launch {
                var since = 0L
                while (true) {
                    val changes = core.changes(since)
                    since = changes.revision
                    changes.accounts.forEach(::draw)
                }
            }
        println("open")
        for (line in System.`in`.bufferedReader().lineSequence()) {
            println(perform(line.substringBefore(' '), line.substringAfter(' ', "")))
        }
        follower.cancel()
    }

    private val account get() = core.accounts().single().account

    private suspend fun perform(
        command: String,
        argument: String,
    ): String =
        when (command) {
            "sign-in" -> {
                val who = Person.entries.single { it.login == argument }
                core.setDeviceId(deviceId(PHONE.kind))
                core.signIn(SignIn(url, who.login, who.password))
                untilShows { it is Shows.Content }
            }

            "make-data-key" -> {
                "${core.dataKey(account).size} bytes"
            }

            "sign-out" -> {
                core.signOut(account)
                shows()
            }

            "push" -> {
                core.pushReceivedJson(argument)
                shows()
            }

            "shows" -> {
                shows()
            }

            "shown" -> {
                synchronized(shown) { shown.joinToString("|") }
            }

            "until-signed-out" -> {
                untilShows { it is Shows.SignIn }
            }

            "until-live" -> {
                until { changes -> changes.accounts.single().link is Link.Live }
                "live"
            }

            "network-up" -> {
                core.networkChanged(NetworkPath.UP)
                untilShows { it is Shows.SignIn }
            }

            "network-down" -> {
                core.networkChanged(NetworkPath.DOWN)
                "down"
            }

            "suspend" -> {
                core.hostState(HostState.SUSPENDED)
                "suspended"
            }

            "open" -> {
                core.hostState(HostState.FOCUSED)
                "opened"
            }

            "stop-at" -> {
                keys.stopAt(argument.toInt())
                "stops"
            }

            // What the app owes, and when it has done it.
            "owes" -> {
                core.obligations().joinToString("|") { "${it.id}" }
            }

            "erased" -> {
                core.obligations().forEach { core.acknowledgeObligation(it.id) }
                "acknowledged"
            }

            "wakeups" -> {
                wakeups()
            }

            else -> {
                error(command)
            }
        }

    private fun shows(): String = said(core.accounts().single())

    private suspend fun untilShows(fits: (Shows) -> Boolean): String {
        until { changes -> fits(changes.accounts.single().shows) }
        return shows()
    }

    private suspend fun until(fits: (Changes) -> Boolean) =
        withTimeout(PATIENCE) {
            var since = 0L
            while (true) {
                val changes = core.changes(since)
                if (fits(changes)) break
                since = changes.revision
            }
        }

    /** How many threads the core has, and how often they went to sleep and woke so far. */
    private fun wakeups(): String {
        // Threads of the JVM come and go while they are looked at.
        val tasks =
            File("/proc/self/task").listFiles()!!.mapNotNull { task ->
                runCatching { File(task, "comm").readText() to File(task, "status").readLines() }.getOrNull()
            }
        val ofTheCore = tasks.filter { (name, _) -> name.startsWith("steadfast") }
        val woken =
            ofTheCore.sumOf { (_, status) ->
                val line = status.single { it.startsWith("voluntary_ctxt_switches") }
                line.substringAfter(':').trim().toLong()
            }
        return "${ofTheCore.size} $woken"
    }
}

/** A key store that, if it is told to, says so at a certain call from then on, and does not return. */
private class Stopping(
    private val inner: KeyStore,
) : KeyStore {
    private val left = AtomicInteger(Int.MAX_VALUE)

    fun stopAt(call: Int) = left.set(call)

    private fun <T> step(call: () -> T): T {
        if (left.decrementAndGet() == 0) {
            println("stopped")
            while (true) LockSupport.park()
        }
        return call()
    }

    override fun load(name: String): KeyAnswer = step { inner.load(name) }

    override fun store(
        name: String,
        key: ByteArray,
    ): KeyWritten = step { inner.store(name, key) }

    override fun delete(name: String): KeyWritten = step { inner.delete(name) }
}
