package dev.steadfast.jvm

import com.sun.jna.Library
import com.sun.jna.Native
import com.sun.jna.Structure
import dev.steadfast.core.Core
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.launch
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import java.io.File

/** Handles, threads and memory of a process that opens a core and closes it again. */
class OpenCloseTest {
    @get:Rule
    val world = World()

    /**
     * The process has a Java heap of a size that is fixed, and touched at the start: a heap that grows would be most of what
     * is seen. What is compiled and loaded while it warms up is over with half of the cycles.
     *
     * Hazard C10.
     */
    @Test
    fun `opened and closed again and again, nothing grows`() {
        val cycles = Integer.getInteger("steadfast.cycles", 1_000)
        val process =
            ProcessBuilder(
                File(System.getProperty("java.home"), "bin/java").path,
                "-Xms64m",
                "-Xmx64m",
                "-XX:+AlwaysPreTouch",
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-cp",
                System.getProperty("surefire.test.class.path") ?: System.getProperty("java.class.path"),
                "dev.steadfast.jvm.CyclesMain",
                world.folder().path,
                "$WINDOWS",
                "${cycles / WINDOWS}",
            ).redirectError(ProcessBuilder.Redirect.INHERIT).start()
        val lines = process.inputStream.bufferedReader().readLines()
        assertTrue("it ended early: $lines", process.waitFor() == 0 && lines.size == WINDOWS + 1)
        val seen = lines.map { line -> line.split(' ').map { it.toLong() } }
        val names = listOf("files", "threads", "resident KiB", "Java heap KiB", "malloc KiB")
        val middle = seen.subList(WINDOWS / 2, WINDOWS / 2 + WINDOWS / 4)
        val end = seen.takeLast(WINDOWS / 4)
        val grown = names.indices.map { median(end, it) - median(middle, it) }
        println("$cycles cycles: " + names.indices.joinToString { "${names[it]} ${median(middle, it)} then ${median(end, it)}" })
        val most = listOf(2L, 2L, 4_096L, 512L, 1_024L)
        for ((name, growth) in names.zip(grown)) {
            assertTrue("$name grew by $growth: $seen", growth <= most[names.indexOf(name)])
        }
    }

    private fun median(
        windows: List<List<Long>>,
        of: Int,
    ): Long = windows.map { it[of] }.sorted()[windows.size / 2]
}

/** Spans between two looks at the process. */
private const val WINDOWS = 20

/** What a process holds. */
data class Footprint(
    val files: Int,
    val threads: Int,
    /** Of the whole process, the Java heap included, all of which is touched at the start. */
    val residentKib: Long,
    /** What lives in the Java heap. */
    val heapKib: Long,
    /** What is in use of `malloc`'s memory, that of the JVM itself included. */
    val mallocKib: Long,
) {
    companion object {
        fun now(): Footprint {
            System.gc()
            val heap = Runtime.getRuntime().run { totalMemory() - freeMemory() }
            val status = File("/proc/self/status").readLines().associate { it.substringBefore(':') to it.substringAfter(':').trim() }
            return Footprint(
                File("/proc/self/fd").list()!!.size,
                status.getValue("Threads").toInt(),
                status.getValue("VmRSS").removeSuffix(" kB").toLong(),
                heap / 1024,
                C.INSTANCE.mallinfo2().let { it.inUse + it.mapped } / 1024,
            )
        }
    }
}

/** Of the C library: what it counts of its own memory, over all its arenas. */
internal interface C : Library {
    fun mallinfo2(): Counts

    @Structure.FieldOrder("arena", "freeBlocks", "fast", "maps", "mapped", "most", "fastFree", "inUse", "free", "top")
    class Counts :
        Structure(),
        Structure.ByValue {
        @JvmField var arena = 0L

        @JvmField var freeBlocks = 0L

        @JvmField var fast = 0L

        @JvmField var maps = 0L

        @JvmField var mapped = 0L

        @JvmField var most = 0L

        @JvmField var fastFree = 0L

        @JvmField var inUse = 0L

        @JvmField var free = 0L

        @JvmField var top = 0L
    }

    companion object {
        val INSTANCE: C = Native.load("c", C::class.java)
    }
}

/** Opens a core and closes it, again and again, and says at intervals in a line what the process holds. */
object CyclesMain {
    @JvmStatic
    fun main(arguments: Array<String>) =
        test {
            val folder = File(arguments[0])
            val (rounds, cycles) = arguments.drop(1).map { it.toInt() }
            for (round in 0..rounds) {
                println(Footprint.now().run { "$files $threads $residentKib $heapKib $mallocKib" })
                if (round == rounds) break
                repeat(cycles) {
                    // Each of them an object of Kotlin that Rust holds, and lets go of.
                    val (keys, names, certificates) = Triple(Keys(File(folder, "keys")), Names(), Certificates())
                    val core = Core.open(configured(folder, PHONE, emptyList()), keys, names, certificates)
                    val waiting = launch(start = CoroutineStart.UNDISPATCHED) { codeOf { core.changes(Long.MAX_VALUE) } }
                    core.accounts()
                    core.shutDown()
                    waiting.join()
                    core.close()
                    keys.close()
                }
            }
        }
}
