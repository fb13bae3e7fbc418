package dev.steadfast

import dev.steadfast.core.ActiveSession
import dev.steadfast.core.Changes
import dev.steadfast.core.Confirmation
import dev.steadfast.core.Destination
import dev.steadfast.core.HostState
import dev.steadfast.core.HttpProxy
import dev.steadfast.core.NetworkPath
import dev.steadfast.core.PushReceived
import dev.steadfast.core.Request
import dev.steadfast.core.Response
import dev.steadfast.core.ServerInfo
import dev.steadfast.core.SignIn
import dev.steadfast.core.SignInAgain
import dev.steadfast.core.SsoMethod
import dev.steadfast.core.SsoStart
import dev.steadfast.core.Standing
import dev.steadfast.core.UserQuery
import dev.steadfast.core.UserSummary
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.asCoroutineDispatcher
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.filterNotNull
import kotlinx.coroutines.future.future
import kotlinx.coroutines.launch
import java.util.concurrent.CompletableFuture
import java.util.concurrent.Executor
import java.util.function.Consumer

/**
 * The core for callers in Java: what is `suspend` in [Steadfast] and [Account] gives a future here. A future that is
 * cancelled only stops waiting. One that fails completes with a [dev.steadfast.core.SteadfastException]; `join` wraps it in a
 * `CompletionException`, `get` in an `ExecutionException`.
 */
public class JavaSteadfast(
    /** What this stands before. */
    public val steadfast: Steadfast,
) {
    /** As [Steadfast.ready]. */
    public fun ready(): CompletableFuture<Void?> = done { steadfast.ready() }

    /**
     * Has the listener called on the executor with everything as it stands, now and after each change; of changes that come
     * faster than it takes them, only with the newest. Ends when the result is closed.
     */
    public fun onChanges(
        executor: Executor,
        listener: Consumer<Changes>,
    ): AutoCloseable = listen(steadfast.changes.filterNotNull(), executor, listener)

    /** Has the listener called on the executor with the realtime events of an account, as [Account.events]. */
    public fun onEvents(
        account: Account,
        executor: Executor,
        listener: Consumer<RealtimeEvent>,
    ): AutoCloseable = listen(account.events(), executor, listener)

    /** As [Steadfast.probeServer]. */
    public fun probeServer(at: Destination): CompletableFuture<ServerInfo> = future { steadfast.probeServer(at) }

    /** As [Steadfast.signIn]. */
    public fun signIn(request: SignIn): CompletableFuture<Account> = future { steadfast.signIn(request) }

    /** As [Steadfast.adoptToken]. */
    public fun adoptToken(
        at: Destination,
        token: String,
    ): CompletableFuture<Account> = future { steadfast.adoptToken(at, token) }

    /** As [Steadfast.beginSso]. */
    public fun beginSso(
        at: Destination,
        method: SsoMethod,
    ): CompletableFuture<SsoStart> = future { steadfast.beginSso(at, method) }

    /** As [Steadfast.finishSso]. */
    public fun finishSso(link: String): CompletableFuture<Account> = future { steadfast.finishSso(link) }

    /** As [Steadfast.acknowledgeNotice]. */
    public fun acknowledgeNotice(id: Long): CompletableFuture<Void?> = done { steadfast.acknowledgeNotice(id) }

    /** As [Steadfast.acknowledgeObligation]. */
    public fun acknowledgeObligation(id: Long): CompletableFuture<Void?> = done { steadfast.acknowledgeObligation(id) }

    /** As [Steadfast.hostState]. */
    public fun hostState(state: HostState): CompletableFuture<Void?> = done { steadfast.hostState(state) }

    /** As [Steadfast.networkChanged]. */
    public fun networkChanged(
        path: NetworkPath,
        proxy: HttpProxy?,
    ): CompletableFuture<Void?> = done { steadfast.networkChanged(path, proxy) }

    /** As [Steadfast.pushReceived]. */
    public fun pushReceived(values: Map<String, String>): CompletableFuture<PushReceived> = future { steadfast.pushReceived(values) }

    /** As [Steadfast.setDeviceId]. */
    public fun setDeviceId(deviceId: String?): CompletableFuture<Void?> = done { steadfast.setDeviceId(deviceId) }

    /** As [Account.signInAgain]. */
    public fun signInAgain(
        account: Account,
        request: SignInAgain,
    ): CompletableFuture<Void?> = done { account.signInAgain(request) }

    /** As [Account.continueSession]. */
    public fun continueSession(account: Account): CompletableFuture<Void?> = done { account.continueSession() }

    /** As [Account.signOut]. */
    public fun signOut(account: Account): CompletableFuture<Void?> = done { account.signOut() }

    /** As [Account.forget]. */
    public fun forget(account: Account): CompletableFuture<Void?> = done { account.forget() }

    /** As [Account.verify]. */
    public fun verify(
        account: Account,
        deadlineMillis: Long,
    ): CompletableFuture<Standing> = future { account.verify(deadlineMillis) }

    /** As [Account.activeSessions]. */
    public fun activeSessions(account: Account): CompletableFuture<List<ActiveSession>> = future { account.activeSessions() }

    /** As [Account.endSession]. */
    public fun endSession(
        account: Account,
        sessionId: String,
    ): CompletableFuture<Void?> = done { account.endSession(sessionId) }

    /** As [Account.endAllMySessions]. */
    public fun endAllMySessions(account: Account): CompletableFuture<Void?> = done { account.endAllMySessions() }

    /** As [Account.users]. */
    public fun users(
        account: Account,
        query: UserQuery,
    ): CompletableFuture<List<UserSummary>> = future { account.users(query) }

    /** As [Account.endUserSessions]. */
    public fun endUserSessions(
        account: Account,
        userId: String,
    ): CompletableFuture<Void?> = done { account.endUserSessions(userId) }

    /** As [Account.prepareEndEveryone]. */
    public fun prepareEndEveryone(account: Account): CompletableFuture<Confirmation> = future { account.prepareEndEveryone() }

    /** As [Account.confirmEndEveryone]. */
    public fun confirmEndEveryone(
        account: Account,
        confirmation: Confirmation,
    ): CompletableFuture<Void?> = done { account.confirmEndEveryone(confirmation) }

    /** As [Account.request]. */
    public fun request(
        account: Account,
        request: Request,
    ): CompletableFuture<Response> = future { account.request(request) }

    /** As [Account.dataKey]. */
    public fun dataKey(account: Account): CompletableFuture<ByteArray> = future { account.dataKey() }

    /** As [Steadfast.close]. */
    public fun close(): CompletableFuture<Void?> = done { steadfast.close() }

    /** Not the core's own scope: the call that closes it must see its end. */
    private val callers = CoroutineScope(SupervisorJob() + Dispatchers.Default)

    private fun <T> future(call: suspend () -> T): CompletableFuture<T> = callers.future { call() }

    private fun done(call: suspend () -> Unit): CompletableFuture<Void?> =
        callers.future {
            call()
            null
        }

    private fun <T> listen(
        flow: Flow<T>,
        executor: Executor,
        listener: Consumer<T>,
    ): AutoCloseable {
        val job = steadfast.scope.launch(executor.asCoroutineDispatcher()) { flow.collect(listener::accept) }
        return AutoCloseable { job.cancel() }
    }
}
