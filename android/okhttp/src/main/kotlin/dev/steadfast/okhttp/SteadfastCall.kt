package dev.steadfast.okhttp

import dev.steadfast.Account
import okhttp3.Call
import okhttp3.Callback
import okhttp3.EventListener
import okhttp3.Request
import okhttp3.Response
import okio.Timeout
import java.io.File
import java.io.IOException
import java.io.InterruptedIOException
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.Executor
import java.util.concurrent.RejectedExecutionException
import java.util.concurrent.atomic.AtomicBoolean
import java.util.logging.Level
import java.util.logging.Logger
import kotlin.reflect.KClass

/** One call: sent once, cancelled at any time, also while its body is read. */
internal class SteadfastCall(
    private val account: Account,
    private val request: Request,
    private val executor: Executor,
    private val folder: File,
) : Call {
    private val executed = AtomicBoolean()
    private val waiting = Waiting()
    private val tags = ConcurrentHashMap<Class<*>, Any>()

    override fun request(): Request = request

    override fun execute(): Response {
        begin()
        return send()
    }

    override fun enqueue(responseCallback: Callback) {
        begin()
        try {
            executor.execute { callBack(responseCallback) }
        } catch (refused: RejectedExecutionException) {
            responseCallback.onFailure(this, InterruptedIOException("executor rejected").apply { initCause(refused) })
        }
    }

    override fun cancel() = waiting.cancel()

    override fun isExecuted(): Boolean = executed.get()

    override fun isCanceled(): Boolean = waiting.cancelled

    override fun timeout(): Timeout = waiting.limit

    override fun addEventListener(eventListener: EventListener) = Unit

    override fun <T : Any> tag(type: KClass<T>): T? = tag(type.java)

    override fun <T> tag(type: Class<out T>): T? = type.cast(tags[type] ?: request.tag(type))

    override fun <T : Any> tag(
        type: KClass<T>,
        computeIfAbsent: () -> T,
    ): T = tag(type.java, computeIfAbsent)

    override fun <T : Any> tag(
        type: Class<T>,
        computeIfAbsent: () -> T,
    ): T = tag(type) ?: checkNotNull(type.cast(tags.getOrPut(type, computeIfAbsent)))

    override fun clone(): Call = SteadfastCall(account, request, executor, folder)

    private fun begin() = check(executed.compareAndSet(false, true)) { "Already Executed" }

    private fun send(): Response {
        waiting.begin()
        return waiting.wait { Exchange(account, request, folder, waiting).answer() }
    }

    /** Calls back exactly once, and does with what the callback throws as OkHttp's own calls do. */
    @Suppress("TooGenericExceptionCaught") // Whatever it is, the caller waits for an answer.
    private fun callBack(to: Callback) {
        var answered = false
        try {
            val response = send()
            answered = true
            to.onResponse(this, response)
        } catch (failed: IOException) {
            if (answered) log.log(Level.INFO, "A callback failed with what was answered", failed) else to.onFailure(this, failed)
        } catch (interrupted: InterruptedException) {
            end(to.takeUnless { answered }, interrupted)
            Thread.currentThread().interrupt()
        } catch (thrown: Throwable) {
            end(to.takeUnless { answered }, thrown)
            // From here on it is the executor's, as with any task that throws.
            throw thrown
        }
    }

    private fun end(
        waiting: Callback?,
        thrown: Throwable,
    ) {
        cancel()
        waiting?.onFailure(this, IOException("canceled due to $thrown", thrown))
    }

    private companion object {
        val log: Logger = Logger.getLogger(SteadfastCallFactory::class.java.name)
    }
}
