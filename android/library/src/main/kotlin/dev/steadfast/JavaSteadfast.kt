package dev.steadfast

import dev.steadfast.core.Changes
import dev.steadfast.core.ClientCertificates
import dev.steadfast.core.Config
import dev.steadfast.core.Destination
import dev.steadfast.core.HostState
import dev.steadfast.core.HttpProxy
import dev.steadfast.core.KeyStore
import dev.steadfast.core.LegacyEntry
import dev.steadfast.core.LegacyErasable
import dev.steadfast.core.LegacyResult
import dev.steadfast.core.MagicLink
import dev.steadfast.core.NetworkPath
import dev.steadfast.core.Notice
import dev.steadfast.core.Notifications
import dev.steadfast.core.Obligation
import dev.steadfast.core.PreviousInstallation
import dev.steadfast.core.PushReceived
import dev.steadfast.core.Reminder
import dev.steadfast.core.Resolver
import dev.steadfast.core.ServerInfo
import dev.steadfast.core.SignIn
import dev.steadfast.core.SsoMethod
import dev.steadfast.core.SsoStart
import dev.steadfast.core.SteadfastException
import dev.steadfast.core.WebCookie
import kotlinx.coroutines.flow.filterNotNull
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.job
import java.util.concurrent.CompletableFuture
import java.util.concurrent.Executor

/**
 * The core for callers in Java, whole: what is `suspend` in [Steadfast] gives a future here, and what is a flow there takes a
 * [Listener]. A future that is cancelled only stops waiting. One that fails completes with a
 * [dev.steadfast.core.SteadfastException]; `join` wraps it in a `CompletionException`, `get` in an `ExecutionException`.
 *
 * A listener is called with what stands now and after each change; of changes that come faster than it takes them, only with
 * the newest. It ends when the result is closed; [close] ends it too, and tells it so.
 */
public class JavaSteadfast(
    /** What this stands before. */
    public val steadfast: Steadfast,
) {
    private val callers = Callers(steadfast.scope.coroutineContext.job)

    /** As [Steadfast.accounts]: null until the vault is open. */
    public val accounts: List<JavaAccount>? get() = steadfast.accounts.value?.map(::java)

    /** As [Steadfast.changes]: null until the vault is open. */
    public val changes: Changes? get() = steadfast.changes.value

    /** As [Steadfast.openingProblem]: null if there is none. */
    public val openingProblem: SteadfastException? get() = steadfast.openingProblem.value

    /** As [Steadfast.account]: null if there is none of that number. */
    public fun account(id: Long): JavaAccount? = steadfast.account(id)?.let(::java)

    /** As [Steadfast.accounts]. */
    public fun onAccounts(
        executor: Executor,
        listener: Listener<List<JavaAccount>>,
    ): AutoCloseable = callers.listen(steadfast.accounts.filterNotNull().map { it.map(::java) }, executor, listener)

    /** As [Steadfast.changes]. */
    public fun onChanges(
        executor: Executor,
        listener: Listener<Changes>,
    ): AutoCloseable = callers.listen(steadfast.changes.filterNotNull(), executor, listener)

    /** As [Steadfast.openingProblem]: called with null if there is none. */
    public fun onOpeningProblem(
        executor: Executor,
        listener: Listener<SteadfastException?>,
    ): AutoCloseable = callers.listen(steadfast.openingProblem, executor, listener)

    /** As [Steadfast.notices]. */
    public fun onNotices(
        executor: Executor,
        listener: Listener<List<Notice>>,
    ): AutoCloseable = callers.listen(steadfast.notices, executor, listener)

    /** As [Steadfast.withdrawnNotices]. */
    public fun onWithdrawnNotices(
        executor: Executor,
        listener: Listener<List<Long>>,
    ): AutoCloseable = callers.listen(steadfast.withdrawnNotices, executor, listener)

    /** As [Steadfast.obligations]. */
    public fun onObligations(
        executor: Executor,
        listener: Listener<List<Obligation>>,
    ): AutoCloseable = callers.listen(steadfast.obligations, executor, listener)

    /** As [Steadfast.reminders]. */
    public fun onReminders(
        executor: Executor,
        listener: Listener<List<Reminder>>,
    ): AutoCloseable = callers.listen(steadfast.reminders, executor, listener)

    /** As [Steadfast.cookiesDue]. */
    public fun onCookiesDue(
        executor: Executor,
        listener: Listener<List<Long>>,
    ): AutoCloseable = callers.listen(steadfast.cookiesDue, executor, listener)

    /** As [Steadfast.ready]. */
    public fun ready(): CompletableFuture<Void?> = callers.done { steadfast.ready() }

    /** As [Steadfast.probeServer]. */
    public fun probeServer(server: String): CompletableFuture<ServerInfo> = callers.future { steadfast.probeServer(server) }

    /** As [Steadfast.probeServer]. */
    public fun probeServer(at: Destination): CompletableFuture<ServerInfo> = callers.future { steadfast.probeServer(at) }

    /** As [Steadfast.signIn]; [SignInBuilder] makes the request. */
    public fun signIn(request: SignIn): CompletableFuture<JavaAccount> = account { steadfast.signIn(request) }

    /** As [Steadfast.adoptToken]. */
    public fun adoptToken(
        at: Destination,
        token: String,
    ): CompletableFuture<JavaAccount> = account { steadfast.adoptToken(at, token) }

    /** As [Steadfast.beginSso]. */
    public fun beginSso(
        at: Destination,
        method: SsoMethod,
    ): CompletableFuture<SsoStart> = callers.future { steadfast.beginSso(at, method) }

    /** As [Steadfast.finishSso]. */
    public fun finishSso(link: String): CompletableFuture<JavaAccount> = account { steadfast.finishSso(link) }

    /** As [Steadfast.requestMagicLink]. */
    public fun requestMagicLink(
        at: Destination,
        loginId: String,
    ): CompletableFuture<MagicLink> = callers.future { steadfast.requestMagicLink(at, loginId) }

    /** As [Steadfast.signInWithMagicLink]. */
    public fun signInWithMagicLink(
        at: Destination,
        linkToken: String,
    ): CompletableFuture<JavaAccount> = account { steadfast.signInWithMagicLink(at, linkToken) }

    /** As [Steadfast.webViewSignedIn]. */
    public fun webViewSignedIn(
        at: Destination,
        page: String,
        cookies: List<WebCookie>,
    ): CompletableFuture<JavaAccount> = account { steadfast.webViewSignedIn(at, page, cookies) }

    /** As [Steadfast.acknowledgeNotice]. */
    public fun acknowledgeNotice(id: Long): CompletableFuture<Void?> = callers.done { steadfast.acknowledgeNotice(id) }

    /** As [Steadfast.acknowledgeObligation]. */
    public fun acknowledgeObligation(id: Long): CompletableFuture<Void?> = callers.done { steadfast.acknowledgeObligation(id) }

    /** As [Steadfast.reminderSet]. */
    public fun reminderSet(
        id: String,
        atMillis: Long,
    ): CompletableFuture<Void?> = callers.done { steadfast.reminderSet(id, atMillis) }

    /** As [Steadfast.hostState]. */
    public fun hostState(state: HostState): CompletableFuture<Void?> = callers.done { steadfast.hostState(state) }

    /** As [Steadfast.networkChanged]. */
    @JvmOverloads
    public fun networkChanged(
        path: NetworkPath,
        proxy: HttpProxy? = null,
    ): CompletableFuture<Void?> = callers.done { steadfast.networkChanged(path, proxy) }

    /** As [Steadfast.pushReceived]. */
    public fun pushReceived(values: Map<String, String>): CompletableFuture<PushReceived> =
        callers.future { steadfast.pushReceived(values) }

    /** As [Steadfast.pushReceivedJson]. */
    public fun pushReceivedJson(json: String): CompletableFuture<PushReceived> = callers.future { steadfast.pushReceivedJson(json) }

    /** As [Steadfast.backgroundCheck]. */
    public fun backgroundCheck(deadlineMillis: Long): CompletableFuture<List<Notice>> =
        callers.future { steadfast.backgroundCheck(deadlineMillis) }

    /** As [Steadfast.setDeviceId]. */
    public fun setDeviceId(deviceId: String?): CompletableFuture<Void?> = callers.done { steadfast.setDeviceId(deviceId) }

    /** As [Steadfast.setNotifications]. */
    public fun setNotifications(notifications: Notifications): CompletableFuture<Void?> =
        callers.done { steadfast.setNotifications(notifications) }

    /** As [Steadfast.importLegacy]. */
    public fun importLegacy(
        entries: List<LegacyEntry>,
        previous: PreviousInstallation,
    ): CompletableFuture<List<LegacyResult>> = callers.future { steadfast.importLegacy(entries, previous) }

    /** As [Steadfast.legacyErasable]. */
    public fun legacyErasable(): CompletableFuture<List<LegacyErasable>> = callers.future { steadfast.legacyErasable() }

    /** As [Steadfast.legacyErased]. */
    public fun legacyErased(ids: List<String>): CompletableFuture<Void?> = callers.done { steadfast.legacyErased(ids) }

    /** As [Steadfast.close]. */
    public fun close(): CompletableFuture<Void?> = callers.done { steadfast.close() }

    private fun account(call: suspend () -> Account) = callers.future { java(call()) }

    private fun java(account: Account) = JavaAccount(account, callers)

    public companion object {
        /** As [Steadfast.start]; [ConfigBuilder] makes the configuration. Android apps have `SteadfastAndroid.start`. */
        @JvmStatic
        @JvmOverloads
        public fun start(
            config: Config,
            keyStore: KeyStore,
            resolver: Resolver? = null,
            certificates: ClientCertificates? = null,
        ): JavaSteadfast = JavaSteadfast(Steadfast.start(config, keyStore, resolver, certificates))
    }
}
