package dev.steadfast

import dev.steadfast.core.Changes
import dev.steadfast.core.ClientCertificates
import dev.steadfast.core.Config
import dev.steadfast.core.Core
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
import dev.steadfast.core.Snapshot
import dev.steadfast.core.SsoMethod
import dev.steadfast.core.SsoStart
import dev.steadfast.core.SteadfastException
import dev.steadfast.core.WebCookie
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.distinctUntilChanged
import kotlinx.coroutines.flow.filterNotNull
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.launch

/**
 * The session core of an app: open one, keep it as long as the process lives, and do what it says.
 *
 * Everything here may be called from any thread, the main thread included: what is a property is at hand, what is `suspend`
 * never blocks its thread. A coroutine that is cancelled only stops waiting: what the server has done is stored, and shows.
 *
 * Every operation fails with a [SteadfastException], whose kind says how to react and whose `code()` says what happened. The
 * codes named at each operation are beside those of the way to the server (`offline`, `timeout`, `unknown_host`,
 * `insecure_connection`, `intercepted`, `server_problem`, …), of the store (`disk_full`, `store_unavailable`,
 * `key_store_unavailable`) and of the app's own state (`suspended`, `closed`).
 */
public class Steadfast internal constructor(
    open: () -> Core,
) {
    internal val access = CoreAccess(open)
    internal val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)
    private val lock = Any()

    /** By their numbers, in their order; replaced as a whole, so that whoever asks for one never waits. */
    @Volatile
    private var known: Map<Long, Account> = emptyMap()
    private val latest = MutableStateFlow<Changes?>(null)
    private val all = MutableStateFlow<List<Account>?>(null)
    private val problem = MutableStateFlow<SteadfastException?>(null)

    /** Ends when the core is closed, or was refused to this process: then every call fails with `closed`. */
    internal val following: Job = scope.launch { follow() }

    /** Every account, in the order in which they were added; `null` until the vault is open, which takes some milliseconds. */
    public val accounts: StateFlow<List<Account>?> = all.asStateFlow()

    /**
     * Why the vault cannot be opened; `null` if it can. `store_newer` asks for an update of the app; most others pass, and
     * it is tried again by itself.
     */
    public val openingProblem: StateFlow<SteadfastException?> = problem.asStateFlow()

    /** Everything as it stands at one revision; `null` until the vault is open. The other properties are parts of it. */
    public val changes: StateFlow<Changes?> = latest.asStateFlow()

    /** What the user is to be told, oldest first, until [acknowledgeNotice]. On Android the library shows it by itself. */
    public val notices: Flow<List<Notice>> = part { it.notices }

    /** Notices that no longer hold: what the system shows of them is to be taken back, and they are to be acknowledged. */
    public val withdrawnNotices: Flow<List<Long>> = part { it.withdrawnNotices }

    /** What the app owes, oldest first, until [acknowledgeObligation]: to erase what it stored of an account. */
    public val obligations: Flow<List<Obligation>> = part { it.obligations }

    /** What the system is to remind the user of. On Android the library sees to it by itself. */
    public val reminders: Flow<List<Reminder>> = part { it.reminders }

    /** Accounts whose cookies the app's web view is to be given or to lose; see [Account.webCookies]. */
    public val cookiesDue: Flow<List<Long>> = part { it.cookiesDue }

    /** The account of that number; `null` if there is none, or the vault is not open yet. Never waits. */
    public fun account(id: Long): Account? = known[id]

    /** Waits until the vault is open. Fails if it cannot be opened: `store_newer`, `store_in_use`, `store_unavailable`. */
    public suspend fun ready(): Unit = publish(access.askAtOnce { it.changes(0) })

    /** Asks a server who it is and how one signs in there. [server] is what the user typed, such as `chat.example.com`. */
    public suspend fun probeServer(server: String): ServerInfo = probeServer(Destination(server))

    /** As the other one, for a server that is reached through a proxy, with a client certificate and so on. */
    public suspend fun probeServer(at: Destination): ServerInfo = access.ask { it.probeServer(at) }

    /**
     * Signs in with name and password. `mfa_code_required` means: ask for the code, and call again with it. Fails with
     * `invalid_credentials`, `blank_password`, `mfa_code_required`, `mfa_code_wrong`, `deactivated`, `locked_out`,
     * `email_not_verified`, `not_offered` and others of `docs/errors.md`.
     */
    public suspend fun signIn(request: SignIn): Account = signsIn { it.signIn(request) }

    /**
     * Signs in with a personal access token, or takes over a session that began elsewhere. Fails with `token_refused`,
     * `invalid_argument`.
     */
    public suspend fun adoptToken(
        at: Destination,
        token: String,
    ): Account = signsIn { it.adoptToken(at, token) }

    /**
     * Begins a sign-in through the browser, and gives the page to open there, never in a web view. It can be finished within
     * ten minutes, once, also by another process of this app. On Android the library takes the link that comes back.
     */
    public suspend fun beginSso(
        at: Destination,
        method: SsoMethod,
    ): SsoStart = access.ask { it.beginSso(at, method) }

    /**
     * Finishes a sign-in with the link by which the browser came back, whole. Fails with `callback_refused` for a link that no
     * sign-in waits for; `another_user`, `token_refused`, `refused`.
     */
    public suspend fun finishSso(link: String): Account = signsIn { it.finishSso(link) }

    /** Asks a server to mail a magic link to a guest. Fails with `not_offered`, `deactivated`. */
    public suspend fun requestMagicLink(
        at: Destination,
        loginId: String,
    ): MagicLink = access.ask { it.requestMagicLink(at, loginId) }

    /** Signs a guest in with the token of a magic link. Fails with `token_refused`, `not_offered`. */
    public suspend fun signInWithMagicLink(
        at: Destination,
        linkToken: String,
    ): Account = signsIn { it.signInWithMagicLink(at, linkToken) }

    /**
     * Takes over the session of somebody who signed in inside a web view. [page] is the page that it showed when the cookies
     * were read. Fails with `foreign_origin` if that is not of this server, `invalid_argument`; else as [adoptToken].
     */
    public suspend fun webViewSignedIn(
        at: Destination,
        page: String,
        cookies: List<WebCookie>,
    ): Account = signsIn { it.webviewSignedIn(at, page, cookies) }

    /** The user has seen a notice: it goes. One that is gone is no error. */
    public suspend fun acknowledgeNotice(id: Long): Unit = act { it.acknowledgeNotice(id) }

    /** The app has erased what an obligation asked for: it goes, and what it blocked may be shown. */
    public suspend fun acknowledgeObligation(id: Long): Unit = act { it.acknowledgeObligation(id) }

    /** The system has taken a reminder and will show it: from then on that end is told by it. Android's library says it. */
    public suspend fun reminderSet(
        id: String,
        atMillis: Long,
    ): Unit = access.ask { it.reminderSet(id, atMillis) }

    /** Where the app is. On Android the library says it. With `SUSPENDED` it returns when no socket and no file is open. */
    public suspend fun hostState(state: HostState): Unit = actAtOnce { it.hostState(state) }

    /** The network changed, or came or went. On Android the library says it. */
    public suspend fun networkChanged(
        path: NetworkPath,
        proxy: HttpProxy? = null,
    ): Unit = access.askAtOnce { it.networkChanged(path, proxy) }

    /**
     * A push arrived: any that the app does not know belongs here first. Takes at most 15 seconds, also in a process that was
     * started for it, and says what the user is to see. No push by itself signs anybody out.
     */
    public suspend fun pushReceived(values: Map<String, String>): PushReceived = actAtOnce { it.pushReceived(values) }

    /** As the other one, with the values as a JSON object, for apps whose push service hands over such a text. */
    public suspend fun pushReceivedJson(json: String): PushReceived = actAtOnce { it.pushReceivedJson(json) }

    /**
     * Asks about every session and pays what is owed to servers, within [deadlineMillis], at most 15 seconds; gives what the
     * user is to be told. Android's library calls it once an hour.
     */
    public suspend fun backgroundCheck(deadlineMillis: Long): List<Notice> = actAtOnce { it.backgroundCheck(deadlineMillis) }

    /**
     * The id under which the platform delivers pushes to this device, as `deviceIdOfPushToken` makes it; `null` for none.
     * It is attached to every session, now and after each sign-in. Fails with `invalid_argument`.
     */
    public suspend fun setDeviceId(deviceId: String?): Unit = access.ask { it.setDeviceId(deviceId) }

    /** Whether the system lets the app show notifications; servers are told. On Android the library says it. */
    public suspend fun setNotifications(notifications: Notifications): Unit = access.ask { it.setNotifications(notifications) }

    /**
     * Takes over sessions that older apps left on the device. The same entries may be handed over any number of times; nothing
     * is to be erased before [legacyErasable] names it.
     */
    public suspend fun importLegacy(
        entries: List<LegacyEntry>,
        previous: PreviousInstallation,
    ): List<LegacyResult> = act { it.importLegacy(entries, previous) }

    /** Entries of older apps that may be erased now, in this order. */
    public suspend fun legacyErasable(): List<LegacyErasable> = access.ask { it.legacyErasable() }

    /** The app has erased these entries. */
    public suspend fun legacyErased(ids: List<String>): Unit = access.ask { it.legacyErased(ids) }

    /**
     * Closes the core within about a second: sockets end, files are closed, and every call after it fails with `closed`. The
     * properties go on showing what stood last. Closing again is no error.
     */
    public suspend fun close() {
        try {
            access.close()
        } finally {
            scope.cancel()
        }
    }

    /** An operation after which what the properties show is what it did. */
    internal suspend fun <T> act(call: suspend (Core) -> T): T = access.ask(call).also { showWhatWasDone() }

    /** As [act], for what the core does wherever the app is. */
    private suspend fun <T> actAtOnce(call: suspend (Core) -> T): T = access.askAtOnce(call).also { showWhatWasDone() }

    private suspend fun showWhatWasDone() =
        try {
            ready()
        } catch (_: SteadfastException) {
            // It was done all the same. Either the core was closed meanwhile, or `follow` will show it.
        }

    internal suspend fun signsIn(call: suspend (Core) -> Long): Account {
        val id = access.ask(call)
        ready()
        // Somebody may have forgotten it already.
        return account(id) ?: throw SteadfastException.CorrectInput("no_such_account", "the account is gone again", null)
    }

    private suspend fun follow() {
        var since = 0L
        while (true) {
            try {
                val now = access.askAtOnce { it.changes(since) }
                since = now.revision
                problem.value = null
                publish(now)
            } catch (failed: SteadfastException) {
                if (failed.code() == "closed") return
                problem.value = failed
                delay(TRY_AGAIN_MILLIS)
            }
        }
    }

    private fun publish(now: Changes) {
        synchronized(lock) {
            val before = latest.value
            if (before != null && now.revision <= before.revision) return
            val present = now.accounts.associate { it.account to shown(it) }
            val gone = known.values - present.values.toSet()
            known = present
            gone.forEach(Account::gone)
            latest.value = now
            // A list of the same accounts is the same list, whatever became of each.
            val list = present.values.toList()
            if (all.value != list) all.value = list
        }
    }

    private fun shown(snapshot: Snapshot) = known[snapshot.account]?.also { it.show(snapshot) } ?: Account(this, snapshot)

    private fun <T> part(of: (Changes) -> T): Flow<T> = latest.filterNotNull().map { of(it) }.distinctUntilChanged()

    public companion object {
        /** How long to wait before a vault that could not be opened is tried again. */
        private const val TRY_AGAIN_MILLIS = 2_000L

        /**
         * The core of a desktop app, a command-line client or a test; Android apps have `SteadfastAndroid.start`. Returns at
         * once and opens the vault in the background. The caller says by [hostState] and [networkChanged] what an Android app
         * need not. Without a [resolver] the operating system's is asked; [certificates] are those that a network profile
         * names.
         */
        @JvmStatic
        @JvmOverloads
        public fun start(
            config: Config,
            keyStore: KeyStore,
            resolver: Resolver? = null,
            certificates: ClientCertificates? = null,
        ): Steadfast = Steadfast { Core.open(config, keyStore, resolver, certificates) }
    }
}
