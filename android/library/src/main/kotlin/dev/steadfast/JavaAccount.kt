package dev.steadfast

import dev.steadfast.core.ActiveSession
import dev.steadfast.core.Confirmation
import dev.steadfast.core.Download
import dev.steadfast.core.NetworkProfile
import dev.steadfast.core.Progress
import dev.steadfast.core.Request
import dev.steadfast.core.Response
import dev.steadfast.core.SignInAgain
import dev.steadfast.core.Snapshot
import dev.steadfast.core.SsoMethod
import dev.steadfast.core.SsoStart
import dev.steadfast.core.Standing
import dev.steadfast.core.SteadfastException
import dev.steadfast.core.Upload
import dev.steadfast.core.UserQuery
import dev.steadfast.core.UserSummary
import dev.steadfast.core.WebCookies
import kotlinx.coroutines.Job
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.channels.Channel.Factory.CONFLATED
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.filterIsInstance
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.onEach
import kotlinx.coroutines.launch
import java.util.concurrent.CompletableFuture
import java.util.concurrent.Executor
import java.util.concurrent.RejectedExecutionException
import java.util.function.Consumer

/** An [Account] for callers in Java, as [JavaSteadfast] gives it. Two of the same account are equal. */
public class JavaAccount internal constructor(
    /** What this stands before; what takes an account, such as `SteadfastCallFactory`, takes this. */
    public val account: Account,
    private val callers: Callers,
) {
    /** As [Account.id]. */
    public val id: Long get() = account.id

    /** As [Account.state], at this moment. */
    public val state: Snapshot get() = account.state.value

    /** As [Account.state]. */
    public fun onState(
        executor: Executor,
        listener: Listener<Snapshot>,
    ): AutoCloseable = callers.listen(account.state, executor, listener)

    /**
     * As [Account.events]; the listener's `ended` says when the account is gone or the core is closed. It has taken what its
     * `next` was called with; what still waited for the executor when it was closed goes to the next listener.
     */
    public fun onEvents(
        executor: Executor,
        listener: Listener<RealtimeEvent>,
    ): AutoCloseable = callers.tell(account.offers(), executor, listener) { listener.next(it.take()) }

    /** As [Account.send], without data. */
    public fun send(action: String): CompletableFuture<String> = send(action, null)

    /** As [Account.send]. */
    public fun send(
        action: String,
        data: String?,
    ): CompletableFuture<String> = callers.future { account.send(action, data) }

    /** As [Account.signInAgain]; [SignInAgainBuilder] makes the request. */
    public fun signInAgain(request: SignInAgain): CompletableFuture<Void?> = callers.done { account.signInAgain(request) }

    /** As [Account.beginSsoAgain]. */
    public fun beginSsoAgain(method: SsoMethod): CompletableFuture<SsoStart> = callers.future { account.beginSsoAgain(method) }

    /** As [Account.continueSession]. */
    public fun continueSession(): CompletableFuture<Void?> = callers.done { account.continueSession() }

    /** As [Account.signOut]. */
    public fun signOut(): CompletableFuture<Void?> = callers.done { account.signOut() }

    /** As [Account.forget]. */
    public fun forget(): CompletableFuture<Void?> = callers.done { account.forget() }

    /** As [Account.verify]. */
    public fun verify(deadlineMillis: Long): CompletableFuture<Standing> = callers.future { account.verify(deadlineMillis) }

    /** As [Account.activeSessions]. */
    public fun activeSessions(): CompletableFuture<List<ActiveSession>> = callers.future { account.activeSessions() }

    /** As [Account.endSession]. */
    public fun endSession(sessionId: String): CompletableFuture<Void?> = callers.done { account.endSession(sessionId) }

    /** As [Account.endAllMySessions]. */
    public fun endAllMySessions(): CompletableFuture<Void?> = callers.done { account.endAllMySessions() }

    /** As [Account.users]; [UserQueryBuilder] makes the query. */
    public fun users(query: UserQuery): CompletableFuture<List<UserSummary>> = callers.future { account.users(query) }

    /** As [Account.endUserSessions]. */
    public fun endUserSessions(userId: String): CompletableFuture<Void?> = callers.done { account.endUserSessions(userId) }

    /** As [Account.prepareEndEveryone]. */
    public fun prepareEndEveryone(): CompletableFuture<Confirmation> = callers.future { account.prepareEndEveryone() }

    /** As [Account.confirmEndEveryone]. */
    public fun confirmEndEveryone(confirmation: Confirmation): CompletableFuture<Void?> =
        callers.done { account.confirmEndEveryone(confirmation) }

    /** As [Account.request]; [RequestBuilder] makes the request. */
    public fun request(request: Request): CompletableFuture<Response> = callers.future { account.request(request) }

    /** As [Account.upload]; [UploadBuilder] says which. Cancelling the future ends the transfer. */
    public fun upload(upload: Upload): CompletableFuture<Response> = callers.future { account.upload(upload).response() }

    /**
     * As the other one, with the progress told on the executor, and nothing any more once the future is complete: a step that
     * still waits for the executor when the transfer ends is not told. What the consumer throws ends the transfer and is what
     * the future fails with; an executor that takes no more, as one that was shut down, ends one that is under way with
     * `invalid_argument`.
     */
    public fun upload(
        upload: Upload,
        executor: Executor,
        progress: Consumer<Progress>,
    ): CompletableFuture<Response> = callers.future { account.upload(upload).telling(executor, progress) }

    /** As [Account.download]; [DownloadBuilder] says which. Cancelling the future ends the transfer. */
    public fun download(download: Download): CompletableFuture<Response> = callers.future { account.download(download).response() }

    /** As the other one, with the progress told on the executor as [upload] tells it. */
    public fun download(
        download: Download,
        executor: Executor,
        progress: Consumer<Progress>,
    ): CompletableFuture<Response> = callers.future { account.download(download).telling(executor, progress) }

    /** As [Account.dataKey]. */
    public fun dataKey(): CompletableFuture<ByteArray> = callers.future { account.dataKey() }

    /** As [Account.renewDataKey]. */
    public fun renewDataKey(): CompletableFuture<ByteArray> = callers.future { account.renewDataKey() }

    /** As [Account.setNetworkProfile]; [NetworkProfileBuilder] makes one. */
    public fun setNetworkProfile(profile: NetworkProfile): CompletableFuture<Void?> = callers.done { account.setNetworkProfile(profile) }

    /** As [Account.webCookies]. */
    public fun webCookies(): CompletableFuture<WebCookies> = callers.future { account.webCookies() }

    /** As [Account.webCookiesWritten]. */
    public fun webCookiesWritten(generation: Long): CompletableFuture<Void?> = callers.done { account.webCookiesWritten(generation) }

    /** As [Account.webViewSaw401]. */
    public fun webViewSaw401(): CompletableFuture<Void?> = callers.done { account.webViewSaw401() }

    override fun equals(other: Any?): Boolean = other is JavaAccount && other.account == account

    override fun hashCode(): Int = account.hashCode()

    override fun toString(): String = account.toString()

    /** Beside the transfer, which ends as it ends, also where the executor never runs what it was given. */
    private suspend fun Flow<TransferState>.telling(
        executor: Executor,
        progress: Consumer<Progress>,
    ): Response =
        coroutineScope {
            val steps = Channel<Progress>(CONFLATED)
            val over = Job()
            launch {
                for (step in steps) {
                    callers.call(executor, { _, rejected -> refuse(rejected) }, over) { progress.accept(step) }
                }
            }
            onEach { if (it is TransferState.Running) steps.send(it.progress) }.response().also {
                over.complete()
                steps.close()
            }
        }

    private fun refuse(rejected: RejectedExecutionException): Nothing =
        throw SteadfastException.CorrectInput("invalid_argument", "the executor takes no more", null).apply { initCause(rejected) }

    private suspend fun Flow<TransferState>.response() = filterIsInstance<TransferState.Finished>().first().response
}
