package dev.steadfast.android

import android.app.Application
import dev.steadfast.Callers
import dev.steadfast.JavaSteadfast
import dev.steadfast.Listener
import kotlinx.coroutines.job
import java.util.concurrent.CompletableFuture
import java.util.concurrent.Executor

/**
 * The core in an Android app that is written in Java: as [SteadfastAndroid], with futures and listeners.
 */
public class JavaSteadfastAndroid(
    /** What this stands before. */
    public val android: SteadfastAndroid,
) {
    private val callers = Callers(android.core.scope.coroutineContext.job)

    /** As [SteadfastAndroid.core]. */
    public val core: JavaSteadfast = JavaSteadfast(android.core)

    /** As [SteadfastAndroid.ssoOutcomes]. */
    public fun onSsoOutcomes(
        executor: Executor,
        listener: Listener<SsoOutcome>,
    ): AutoCloseable = callers.listen(android.ssoOutcomes, executor, listener)

    /** As [SteadfastAndroid.takeOverOlderApps]. Cancelling the future stops it where it is; the next call goes on there. */
    public fun takeOverOlderApps(): CompletableFuture<OlderAppsResult> = callers.future { android.takeOverOlderApps() }

    /** As [SteadfastAndroid.onScreen]. */
    public fun onScreen(account: Long?): Unit = android.onScreen(account)

    /** As [SteadfastAndroid.close]. */
    public fun close(): CompletableFuture<Void?> = callers.done { android.close() }

    public companion object {
        /** As [SteadfastAndroid.start]; [AndroidOptionsBuilder] makes the options. */
        @JvmStatic
        @JvmOverloads
        public fun start(
            application: Application,
            options: AndroidOptions = AndroidOptions(),
        ): JavaSteadfastAndroid = JavaSteadfastAndroid(SteadfastAndroid.start(application, options))
    }
}
