package dev.steadfast.okhttp

import dev.steadfast.Account
import dev.steadfast.core.SteadfastException
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import okhttp3.Call
import okhttp3.Callback
import okhttp3.EventListener
import okhttp3.Request
import okhttp3.Response
import okio.Timeout
import java.io.IOException
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.atomic.AtomicBoolean
import kotlin.reflect.KClass

/** One call: sent once, cancelled at any time, also while its body is read. */
internal class SteadfastCall(
    private val account: Account,
    private val request: Request,
) : Call {
    private val executed = AtomicBoolean()
    private val job = SupervisorJob()
    private val tags = ConcurrentHashMap<Class<*>, Any>()

    override fun request(): Request = request

    override fun execute(): Response {
        begin()
        return send()
    }

    override fun enqueue(responseCallback: Callback) {
        begin()
        CoroutineScope(Dispatchers.IO).launch {
            val response =
                try {
                    send()
                } catch (failed: IOException) {
                    responseCallback.onFailure(this@SteadfastCall, failed)
                    return@launch
                }
            responseCallback.onResponse(this@SteadfastCall, response)
        }
    }

    override fun cancel() = job.cancel()

    override fun isExecuted(): Boolean = executed.get()

    override fun isCanceled(): Boolean = job.isCancelled

    /** The core has deadlines of its own; what is set here is not looked at. */
    override fun timeout(): Timeout = Timeout.NONE

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

    override fun clone(): Call = SteadfastCall(account, request)

    private fun begin() = check(executed.compareAndSet(false, true)) { "Already Executed" }

    private fun send(): Response = blocking { Exchange(account, request, ::blocking).answer() }

    /** Runs on the caller's thread, as OkHttp's callers expect, until it is done or the call is cancelled. */
    private fun <T> blocking(work: suspend () -> T): T =
        try {
            runBlocking(job) { work() }
        } catch (failed: SteadfastException) {
            throw SteadfastCallException(failed)
        } catch (gone: CancellationException) {
            throw IOException("Canceled", gone)
        }
}
