package dev.steadfast.jvm

import org.junit.runners.BlockJUnit4ClassRunner
import org.junit.runners.model.RunnerScheduler
import java.util.concurrent.Executors
import java.util.concurrent.TimeUnit

/** How many tests of a class run at once; each has a server and proxies of its own. */
private const val AT_ONCE = 4

/** Runs the tests of a class beside one another: what takes their time is that they wait. */
class AtOnce(
    tests: Class<*>,
) : BlockJUnit4ClassRunner(tests) {
    init {
        setScheduler(
            object : RunnerScheduler {
                private val threads = Executors.newFixedThreadPool(AT_ONCE)

                override fun schedule(test: Runnable) = threads.execute(test)

                override fun finished() {
                    threads.shutdown()
                    check(threads.awaitTermination(1, TimeUnit.HOURS)) { "a test does not end" }
                }
            },
        )
    }
}
