package dev.steadfast.jvm

import com.sun.jna.Native
import dev.steadfast.core.Core
import dev.steadfast.core.fileKeyStore
import dev.steadfast.core.nothing
import dev.steadfast.core.uniffiEnsureInitialized
import java.io.File
import java.nio.file.Files

private const val CALLS = 2_000
private const val ROUNDS = 9

private fun millis(work: () -> Unit): Double = System.nanoTime().let { from -> work().let { (System.nanoTime() - from) / 1e6 } }

private suspend fun nanosEach(call: suspend () -> Unit): Long {
    repeat(CALLS) { call() }
    val rounds =
        (1..ROUNDS).map {
            val from = System.nanoTime()
            repeat(CALLS) { call() }
            (System.nanoTime() - from) / CALLS
        }
    return rounds.sorted()[ROUNDS / 2]
}

/** What the way over the border costs, printed: against an empty call of the same run, and what loading is made of. */
fun main() {
    // In this order: each is loaded by the first one that needs it.
    val jna = millis { Native.POINTER_SIZE.let {} }
    val uniffi = millis { uniffiEnsureInitialized() }
    val folder = Files.createTempDirectory("steadfast").toFile()
    val keys = fileKeyStore(File(folder, "keys").path)
    val opening = millis { Core.open(configured(folder, PHONE, emptyList()), keys).close() }
    println("loading: JNA %.0f ms, UniFFI %.0f ms; first open: %.0f ms".format(jna, uniffi, opening))
    val world = World()
    test {
        val phone = world.signedIn()
        val account = phone.account
        phone.stopListening()
        val empty = nanosEach { nothing() }
        val snapshot = nanosEach { phone.core.snapshot(account) }
        val changes = nanosEach { phone.core.changes(0) }
        println("empty call: $empty ns")
        println("snapshot: $snapshot ns, %.1f times an empty call".format(snapshot.toDouble() / empty))
        println("item of the stream of changes: $changes ns, %.1f times an empty call".format(changes.toDouble() / empty))
    }
    world.end()
    folder.deleteRecursively()
}
