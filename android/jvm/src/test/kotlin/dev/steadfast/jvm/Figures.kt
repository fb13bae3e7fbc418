package dev.steadfast.jvm

import com.sun.jna.Library
import com.sun.jna.Native
import com.sun.jna.NativeLibrary
import com.sun.jna.Pointer
import com.sun.jna.Structure
import dev.steadfast.Steadfast
import dev.steadfast.core.Cancellation
import dev.steadfast.core.Core
import dev.steadfast.core.fileKeyStore
import dev.steadfast.core.libraryVersion
import dev.steadfast.core.nothing
import dev.steadfast.core.uniffiEnsureInitialized
import kotlinx.coroutines.flow.filterNotNull
import kotlinx.coroutines.flow.first
import java.io.File
import java.nio.file.Files
import java.util.Locale

private const val CALLS = 3_000
private const val ROUNDS = 15
private const val FRESH_MACHINES = 9
private const val LOAD = "load"

/** A buffer as UniFFI writes it, for [PlainStatus]. */
@Structure.FieldOrder("capacity", "len", "data")
open class PlainBuffer : Structure() {
    @JvmField var capacity: Long = 0

    @JvmField var len: Long = 0

    @JvmField var data: Pointer? = null

    class ByValue :
        PlainBuffer(),
        Structure.ByValue
}

/** The status of a call as UniFFI writes it: a structure made for each call. The bindings have done away with it. */
@Structure.FieldOrder("code", "buffer")
class PlainStatus : Structure() {
    @JvmField var code: Byte = 0

    @JvmField var buffer: PlainBuffer.ByValue = PlainBuffer.ByValue()
}

/** The empty call as UniFFI writes it. */
private object Plain {
    init {
        Native.register(Plain::class.java, NATIVE)
    }

    @Suppress("ktlint:standard:function-naming", "FunctionNaming")
    external fun uniffi_steadfast_ffi_fn_func_nothing(status: PlainStatus)
}

private const val NATIVE = "steadfast"

private fun millis(work: () -> Unit): Double = System.nanoTime().let { from -> work().let { (System.nanoTime() - from) / 1e6 } }

private fun median(values: List<Double>): Double = values.sorted()[values.size / 2]

/** What a call takes, in nanoseconds: the median of rounds, after it has been compiled. */
private suspend fun nanos(call: suspend () -> Unit): Double {
    repeat(2 * CALLS) { call() }
    return median(
        List(ROUNDS) {
            val from = System.nanoTime()
            repeat(CALLS) { call() }
            (System.nanoTime() - from).toDouble() / CALLS
        },
    )
}

/** In a machine of its own: what the first app in it waits for. In this order: each is loaded by the first one that needs it. */
private fun load() {
    val folder = Files.createTempDirectory("steadfast").toFile()
    val jna = millis { Native.POINTER_SIZE.let {} }
    val options = mapOf(Library.OPTION_CLASSLOADER to Core::class.java.classLoader)
    val library = millis { NativeLibrary.getInstance(NATIVE, options) }
    val uniffi = millis { uniffiEnsureInitialized() }
    // The first one also loads the classes of what it is given; another vault shows the core's own part.
    val opens =
        List(2) { number ->
            val at = File(folder, "$number").also { it.mkdirs() }
            millis { Core.open(configured(at, PHONE, emptyList()), fileKeyStore(File(at, "keys").path)).close() }
        }
    folder.deleteRecursively()
    println((listOf(jna, library, uniffi) + opens).joinToString(" "))
}

private fun loading() {
    val java = File(System.getProperty("java.home"), "bin/java").path
    val command = listOf(java, "-cp", System.getProperty("java.class.path"), "dev.steadfast.jvm.FiguresKt", LOAD)
    val runs =
        List(FRESH_MACHINES) {
            val process = ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start()
            val said = process.inputReader().readText()
            check(process.waitFor() == 0) { said }
            said.trim().split(' ').map { it.toDouble() }
        }
    val (jna, library, uniffi) = List(3) { part -> median(runs.map { it[part] }) }
    val (first, second) = List(2) { part -> median(runs.map { it[part + 3] }) }
    println("Loading and opening, each in a fresh virtual machine, median of $FRESH_MACHINES:")
    println("  JNA                                 %7.1f ms".format(jna))
    println("  the library: unpacked, linked       %7.1f ms".format(library))
    println("  UniFFI: names, checksums, classes   %7.1f ms".format(uniffi))
    println("  first open                          %7.1f ms, of these the core %.1f ms (another vault, opened next)".format(first, second))
    println("  altogether                          %7.1f ms".format(median(runs.map { it[0] + it[1] + it[2] + it[3] })))
}

private suspend fun calls(world: World) {
    val phone = world.signedIn()
    val account = phone.account
    phone.stopListening()
    val before = lastEvent(phone, "posted") { world.server.turn("post", "user" to "alice", "message" to "figures") } - 1
    val cancellation = Cancellation()
    val folder = world.folder()
    val face = Steadfast.start(phone.config.copy(folder = File(folder, "vault").path), fileKeyStore(File(folder, "keys").path))
    face.signIn(phone.typed(Person.ALICE))
    val shown = face.accounts.filterNotNull().first { it.isNotEmpty() }.single()

    val asUniffi =
        nanos {
            val status = PlainStatus()
            Plain.uniffi_steadfast_ffi_fn_func_nothing(status)
            check(status.code == 0.toByte())
        }
    val empty = nanos { nothing() }
    println("Calls, median of $ROUNDS rounds of $CALLS, in nanoseconds, and how many empty calls that is:")
    println("  %-44s %8s  %12s  %12s".format("", "ns", "UniFFI's own", "these"))
    val line = { name: String, taken: Double ->
        println("  %-44s %8.0f  %12.2f  %12.1f".format(Locale.ROOT, name, taken, taken / asUniffi, taken / empty))
    }
    line("empty call, as UniFFI writes it by itself", asUniffi)
    line("empty call, as the bindings make it", empty)
    line("a call that answers with a number", nanos { cancellation.isCancelled() })
    line("a call that answers with a text of 5 bytes", nanos { libraryVersion() })
    line("a call that answers with an empty list", nanos { phone.core.obligations() })
    line("snapshot", nanos { phone.core.snapshot(account) })
    line("item of the stream of changes", nanos { phone.core.changes(0) })
    line("item of the stream of events", nanos { check(phone.core.events(account, before).events.size == 1) })
    line("the face's state.value (crosses nothing)", nanos { shown.state.value.shows })
    face.close()
}

/** The place of the last event of that name, after something that brings one. */
private suspend fun lastEvent(
    phone: Handset,
    name: String,
    happens: () -> Unit,
): Long {
    happens()
    var seen = 0L
    while (true) {
        val batch = phone.core.events(phone.account, seen)
        val found = batch.events.lastOrNull()
        if (found?.name == name) return found.seq
        seen = batch.lastSeq
    }
}

/** What the way over the border costs, printed: what loading is made of, and calls against an empty one of the same run. */
fun main(arguments: Array<String>) {
    if (arguments.contentEquals(arrayOf(LOAD))) return load()
    val build = if (System.getProperty("steadfast.build").orEmpty().contains("--release")) "release" else "debug"
    println("A $build build of the library, ${System.getProperty("os.arch")}, Java ${Runtime.version().feature()}")
    loading()
    val world = World()
    test { calls(world) }
    world.end()
}
