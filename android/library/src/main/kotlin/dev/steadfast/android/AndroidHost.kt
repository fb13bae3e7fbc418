package dev.steadfast.android

import android.app.Application
import dev.steadfast.Steadfast
import dev.steadfast.core.Changes
import dev.steadfast.core.HostState
import dev.steadfast.core.HttpProxy
import dev.steadfast.core.NetworkPath
import dev.steadfast.core.Notifications
import dev.steadfast.core.SteadfastException
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.channels.BufferOverflow
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.channels.Channel.Factory.CONFLATED
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.MutableSharedFlow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.SharedFlow
import kotlinx.coroutines.flow.asSharedFlow
import kotlinx.coroutines.flow.collectLatest
import kotlinx.coroutines.flow.filterNotNull
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import kotlinx.coroutines.withContext

/** Stands between the platform and the core: what each has to say to the other goes through here, and nowhere else. */
internal class AndroidHost(
    application: Application,
    private val core: Steadfast,
    private val options: AndroidOptions,
) {
    private val foreground = MutableStateFlow(Foreground.Suspended)

    /** Where the core knows that the app is. */
    private val told = MutableStateFlow(Foreground.Suspended)
    private val networks = Channel<Pair<Path, SystemProxy?>>(CONFLATED)
    private val lifecycle = Lifecycle(application) { foreground.value = it }
    private val connectivity = Connectivity(application) { path, proxy -> networks.trySend(path to proxy) }
    private val checks = BackgroundChecks(application)
    private val notifications = SessionNotifications(application)
    private val reminders by lazy { ExpiryReminders(application, notifications) }
    private val showing = Mutex()
    private val outcomes = MutableSharedFlow<SsoOutcome>(replay = 1, onBufferOverflow = BufferOverflow.DROP_OLDEST)

    val ssoOutcomes: SharedFlow<SsoOutcome> = outcomes.asSharedFlow()

    /** On the main thread, before any activity; what the system's services are asked for goes to the background. */
    fun start() {
        lifecycle.start()
        SsoLinks.take { link -> core.scope.launch { finishSso(link) } }
        if (options.checkInBackground) BackgroundChecks.current = BackgroundCheck(::check)
        core.scope.launch {
            connectivity.start()
            if (options.checkInBackground) checks.schedule() else checks.cancel()
        }
        core.scope.launch { foreground.collectLatest(::tell) }
        core.scope.launch { for ((path, proxy) in networks) tell(path, proxy) }
        core.scope.launch { core.changes.filterNotNull().collect { show(it) } }
    }

    fun stop() {
        lifecycle.stop()
        connectivity.stop()
        BackgroundChecks.current = null
        SsoLinks.take(null)
    }

    /** Until the core knows that the app is not off screen: before that it is suspended, and refuses. */
    suspend fun awaitFront() {
        told.first { it != Foreground.Suspended }
    }

    private suspend fun tell(state: Foreground) {
        val hostState =
            when (state) {
                Foreground.Focused -> HostState.FOCUSED
                Foreground.Running -> HostState.RUNNING
                Foreground.Suspended -> HostState.SUSPENDED
            }
        untilDone { core.hostState(hostState) }
        told.value = state
        if (state != Foreground.Suspended) {
            // Whoever comes back from the system's settings may have changed it there.
            val allowed = if (notifications.allowed()) Notifications.ALLOWED else Notifications.FORBIDDEN
            untilDone { core.setNotifications(allowed) }
        }
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
            } catch (failed: SteadfastException) {
                if (!failed.isRetryable()) return
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
        outcomes.emit(outcome)
    }

    private suspend fun check() {
        try {
            core.backgroundCheck(CHECK_MILLIS)
            // The process may end with the job, so it is shown before that does.
            core.changes.value?.let { show(it) }
        } catch (_: SteadfastException) {
            // The next hour asks again.
            return
        } catch (stopped: CancellationException) {
            if (foreground.value == Foreground.Suspended) withContext(NonCancellable) { core.hostState(HostState.SUSPENDED) }
            throw stopped
        }
    }

    private suspend fun show(now: Changes) {
        if (!options.showNotifications) return
        showing.withLock {
            try {
                withdraw(now)
                tellNotices(now)
                remind(now)
            } catch (_: SteadfastException) {
                // What was not acknowledged is told again with the next change; showing it again replaces it.
                return
            }
        }
    }

    private suspend fun withdraw(now: Changes) =
        now.withdrawnNotices.forEach {
            notifications.withdraw(tag(it))
            core.acknowledgeNotice(it)
        }

    private suspend fun tellNotices(now: Changes) =
        now.notices.forEach { notice ->
            // In front, the page itself says it, in the words of the snapshot.
            val inFront = foreground.value == Foreground.Focused
            val text = options.translate(notice.message)
            val seen = inFront || notifications.show(Shown(tag(notice.id), title(now, notice.account), text, notice.createdAtMillis))
            if (seen) core.acknowledgeNotice(notice.id)
        }

    private suspend fun remind(now: Changes) {
        val wanted = now.reminders.map { Shown(it.id, title(now, it.account), options.translate(it.message), it.atMillis) }
        reminders.apply(wanted).forEach { core.reminderSet(it.tag, it.atMillis) }
    }

    private fun title(
        now: Changes,
        account: Long,
    ): String {
        val of = now.accounts.find { it.account == account }
        return of?.serverName?.ifEmpty { of.serverUrl.substringAfter("://") }.orEmpty()
    }

    private fun tag(notice: Long) = "notice-$notice"

    private companion object {
        /** As long as the core takes at most. */
        const val CHECK_MILLIS = 15_000L

        /** How long to wait before the core is told again what it could not take. */
        const val TRY_AGAIN_MILLIS = 1_000L
    }
}
