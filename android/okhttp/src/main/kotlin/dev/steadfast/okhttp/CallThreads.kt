package dev.steadfast.okhttp

import java.util.concurrent.ExecutorService
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.ThreadPoolExecutor
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicInteger

/**
 * Where enqueued calls wait for their answers: threads of their own, since such a call holds its thread, and those that
 * coroutines share are not for that. Further calls wait for their turn in order.
 */
internal object CallThreads {
    /** As many calls to one server as OkHttp's own dispatcher has under way. */
    const val AT_ONCE = 5

    private const val IDLE_SECONDS = 60L
    private val count = AtomicInteger()

    fun pool(): ExecutorService =
        ThreadPoolExecutor(AT_ONCE, AT_ONCE, IDLE_SECONDS, TimeUnit.SECONDS, LinkedBlockingQueue()) { task ->
            Thread(task, "Steadfast call ${count.incrementAndGet()}").apply { isDaemon = true }
        }.apply { allowCoreThreadTimeOut(true) }
}
