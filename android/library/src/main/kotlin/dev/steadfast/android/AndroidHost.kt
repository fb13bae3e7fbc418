package dev.steadfast.android

import android.app.Application
import dev.steadfast.Steadfast
import dev.steadfast.core.Changes
import dev.steadfast.core.HostState
import dev.steadfast.core.HttpProxy
import dev.steadfast.core.Message
import dev.steadfast.core.NetworkPath
import dev.steadfast.core.Notice
import dev.steadfast.core.Notifications
import dev.steadfast.core.Reason
import dev.steadfast.core.Shows
import dev.steadfast.core.Standing
import dev.steadfast.core.SteadfastException
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.channels.Channel.Factory.CONFLATED
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.collectLatest
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.merge
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.isActive
import kotlinx.coroutines.launch
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeoutOrNull
import java.util.concurrent.atomic.AtomicReference

/** How long a page's call waits at most: longer than the core takes to close its store and to open it again. */
internal const val HEARD_MILLIS = 5_000L

/** Stands between the platform and the core: what each has to say to the other goes through here, and nowhere else. */
internal class AndroidHost(
    application: Application,
    private val core: Steadfast,
    private val options: AndroidOptions,
    /** How long a page's call waits at most until the core has heard where the app is, in milliseconds. */
    private val heardMillis: Long,
) {
    private val place = MutableStateFlow(Place(Foreground.Suspended, 0))

    /** A page was created that has yet to start. */
    private val coming = MutableStateFlow(false)

    /** Where the core knows that the app is. */
    private val told = MutableStateFlow(Foreground.Suspended)

    /** The newest place that the core was told, whether it could take it or not. */
    private val heard = MutableStateFlow(0L)
    private val networks = Channel<Pair<Path, SystemProxy?>>(CONFLATED)
    private val lifecycle = Lifecycle(application, { now -> place.update { Place(now, it.turn + 1) } }, { coming.value = it })
    private val connectivity = Connectivity(application) { path, proxy -> networks.trySend(path to proxy) }
    private val checks = BackgroundChecks(application)
    private val notifications = SessionNotifications(application)
    private val reminders by lazy { ExpiryReminders(application, notifications) }
    private val states = Mutex()
    private val showing = Mutex()

    /** Notices that the user has seen, and the core could not write down yet. Only while [showing]. */
    private val seen = HashSet<Long>()

    /** What the app says of its pages; null until it says anything. */
    private val page = AtomicReference<Page?>()
    private val outcomes = SsoOutcomes()

    val ssoOutcomes: Flow<SsoOutcome> = outcomes.flow

    /** On the main thread, before any activity; what the system's services are asked for goes to the background. */
    fun start() {
        core.access.before = ::untilHeard
        lifecycle.start()
        SsoLinks.take { link -> core.scope.launch { finishSso(link) } }
        if (options.checkInBackground) BackgroundChecks.current = BackgroundCheck(::check)
        core.scope.launch {
            connectivity.start()
            if (options.checkInBackground) checks.schedule() else checks.cancel()
        }
        core.scope.launch { place.collectLatest(::tell) }
        core.scope.launch { for ((path, proxy) in networks) tell(path, proxy) }
        core.scope.launch {
            // What an earlier version of the app left to the library.
            if (!options.showNotifications) unlessRefused(emptyList()) { reminders.apply(emptyList()) { Passed.Void } }
            core.changes.collect { show() }
        }
    }

    fun stop() {
        lifecycle.stop()
        connectivity.stop()
        BackgroundChecks.current = null
        SsoLinks.take(null)
    }

    /**
     * Until the core knows that the app is not off screen: before that it is suspended, and refuses. Or until it is closed,
     * which it says of itself with the next call.
     */
    suspend fun awaitFront() {
        told.firstOrClosed { it != Foreground.Suspended }
    }

    /**
     * Whoever asks something while the app is in front is not refused because the core has not heard of that yet. It is told
     * in the background, and a page may ask while it comes up, from its creation on. Not for long: the core serves before every
     * account has settled, and one whose key the Keystore does not give must not hold up the others; and a page that was created
     * need not start.
     */
    private suspend fun untilHeard() {
        if (isHeard() && !isComing()) return
        withTimeoutOrNull(heardMillis) {
            merge(place, coming).firstOrClosed { !isComing() }
            val now = place.value
            if (now.state != Foreground.Suspended) heard.firstOrClosed { it >= now.turn }
        }
    }

    private fun isHeard() = place.value.let { it.state == Foreground.Suspended || heard.value >= it.turn }

    private fun isComing() = coming.value && place.value.state == Foreground.Suspended

    private suspend fun <T : Any> Flow<T>.firstOrClosed(condition: (T) -> Boolean) {
        val closed = flow<T?> { core.following.join().also { emit(null) } }
        merge(this, closed).first { it == null || condition(it) }
    }

    private suspend fun tell(now: Place) {
        val hostState =
            when (now.state) {
                Foreground.Focused -> HostState.FOCUSED
                Foreground.Running -> HostState.RUNNING
                Foreground.Suspended -> HostState.SUSPENDED
            }
        untilDone {
            try {
                states.withLock { core.hostState(hostState) }
            } finally {
                // What it could not take is said again, and who asks meanwhile is refused as off screen: it may take a while. Not
                // where the next word of the platform has overtaken this one: then the core hears that.
                if (currentCoroutineContext().isActive) heard.value = now.turn
            }
        }
        told.value = now.state
        if (now.state == Foreground.Suspended) return
        // If the system refused before.
        connectivity.start()
        // Whoever comes back from the system's settings may have allowed it there; and what is in front tells by itself.
        core.scope.launch { show() }
        // Servers ask about the app, and not about the channel of this library.
        val allowed = notifications.allowedToApp() ?: return
        untilDone { core.setNotifications(if (allowed) Notifications.ALLOWED else Notifications.FORBIDDEN) }
    }

    private suspend fun tell(
        path: Path,
        proxy: SystemProxy?,
    ) {
        val networkPath =
            when (path) {
                Path.Up -> NetworkPath.UP
                Path.Down -> NetworkPath.DOWN
                Path.Unknown -> NetworkPath.UNKNOWN
            }
        untilDone { core.networkChanged(networkPath, proxy?.let { HttpProxy(it.host, it.port) }) }
    }

    /** What the platform said once it does not say again, so it is said to the core until that has taken it. */
    private suspend fun untilDone(act: suspend () -> Unit) {
        while (true) {
            try {
                return act()
            } catch (_: SteadfastException.CorrectInput) {
                // A mistake stays one, and a core that is closed stays closed.
                return
            } catch (failed: SteadfastException) {
                // Only a newer app can open that. Everything else may pass.
                if (failed.code() == STORE_NEWER) return
                delay(TRY_AGAIN_MILLIS)
            }
        }
    }

    private suspend fun finishSso(link: String) {
        awaitFront()
        val outcome =
            try {
                SsoOutcome.SignedIn(core.finishSso(link))
            } catch (failed: SteadfastException) {
                SsoOutcome.Failed(failed)
            }
        outcomes.tell(outcome)
    }

    private suspend fun check() {
        try {
            core.backgroundCheck(CHECK_MILLIS)
        } catch (_: SteadfastException) {
            // The next hour asks again; what was heard before it failed is shown below.
        } catch (stopped: CancellationException) {
            withContext(NonCancellable) { suspendAgain() }
            throw stopped
        }
        // The process may end with the job, so it is shown before that does.
        show()
    }

    /** Ends what a check has begun, unless the app came to the front meanwhile. */
    private suspend fun suspendAgain() =
        states.withLock {
            try {
                if (place.value.state == Foreground.Suspended) core.hostState(HostState.SUSPENDED)
            } catch (_: SteadfastException) {
                // It ends by itself, when its time is over.
            }
        }

    /** The app's pages are this account's now; null for none's. */
    fun onScreen(account: Long?) {
        page.set(Page(account))
        core.scope.launch { show() }
    }

    private suspend fun show() {
        if (!options.showNotifications) return
        showing.withLock {
            // What stands now: the caller may have waited while another one told it.
            val now = core.changes.value ?: return
            now.withdrawnNotices.forEach { takeBack(it) }
            val told = now.notices.filter { tell(now, it) }
            remind(now, told.mapTo(HashSet()) { it.account })
        }
    }

    private suspend fun takeBack(notice: Long) {
        // The system may be asked again with the next change.
        if (notifications.withdraw(tag(notice))) acknowledge(notice)
    }

    /** True if the user knows. */
    private suspend fun tell(
        now: Changes,
        notice: Notice,
    ): Boolean {
        // In front, the page itself says it, in the words of the snapshot.
        val seen = notice.id in seen || isOnScreen(now, notice.account) || notifications.show(shown(now, notice))
        if (seen) {
            this.seen += notice.id
            acknowledge(notice.id)
        }
        return seen
    }

    private suspend fun acknowledge(notice: Long) {
        try {
            core.acknowledgeNotice(notice)
            seen -= notice
        } catch (_: SteadfastException) {
            // It comes again with the next change.
            return
        }
    }

    private fun shown(
        now: Changes,
        notice: Notice,
    ) = Shown(tag(notice.id), notice.account, title(now, notice.account), text(notice.message), notice.createdAtMillis)

    private fun isOnScreen(
        now: Changes,
        account: Long,
    ): Boolean {
        if (place.value.state != Foreground.Focused) return false
        val said = page.get() ?: return now.accounts.singleOrNull()?.account == account
        return said.account == account
    }

    private fun text(message: Message) = unlessRefused(message.text) { options.translate(message) }

    private suspend fun remind(
        now: Changes,
        noticed: Set<Long>,
    ) {
        val wanted = now.reminders.map { Shown(it.id, it.account, title(now, it.account), text(it.message), it.atMillis) }
        for (taken in unlessRefused(emptyList()) { reminders.apply(wanted) { passed(now, noticed, it.account) } }) {
            try {
                core.reminderSet(taken.tag, taken.atMillis)
            } catch (_: SteadfastException) {
                // It is given again with the next change.
                continue
            }
            unlessRefused(Unit) { reminders.heard(taken) }
        }
    }

    private fun passed(
        now: Changes,
        noticed: Set<Long>,
        account: Long,
    ): Passed {
        val of = now.accounts.find { it.account == account } ?: return Passed.Void
        val void = if (of.standing == Standing.ENDED) of.reason !in SERVERS else of.expiresAtMillis == null
        val known = account in noticed || (of.shows is Shows.SignIn && isOnScreen(now, account))
        return when {
            void -> Passed.Void
            known -> Passed.Known
            else -> Passed.Untold
        }
    }

    private fun title(
        now: Changes,
        account: Long,
    ): String {
        val of = now.accounts.find { it.account == account }
        return of?.serverName?.ifEmpty { of.serverUrl.substringAfter("://") }.orEmpty()
    }

    private fun tag(notice: Long) = "notice-$notice"

    /** Where the app is; the platform's word is numbered, since the core may be told of one that was overtaken. */
    private data class Place(
        val state: Foreground,
        val turn: Long,
    )

    private class Page(
        val account: Long?,
    )

    private companion object {
        /** Ends that are not the user's own act. */
        val SERVERS = setOf(Reason.SESSION_ENDED, Reason.WIPED, Reason.KEY_LOST, Reason.STORAGE_LOST)

        /** As long as the core takes at most. */
        const val CHECK_MILLIS = 15_000L

        const val STORE_NEWER = "store_newer"

        /** How long to wait before the core is told again what it could not take. */
        const val TRY_AGAIN_MILLIS = 1_000L
    }
}
