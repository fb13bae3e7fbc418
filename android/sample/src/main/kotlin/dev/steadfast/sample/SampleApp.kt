package dev.steadfast.sample

import android.app.Application
import dev.steadfast.android.AndroidOptions
import dev.steadfast.android.SteadfastAndroid
import dev.steadfast.core.SteadfastException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.MainScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.collectLatest
import kotlinx.coroutines.launch

/** Opens the core, once, for as long as the process lives. */
open class SampleApp : Application() {
    /** The core and what connects it to Android. */
    lateinit var steadfast: SteadfastAndroid
        private set

    private val scope: CoroutineScope = MainScope()

    override fun onCreate() {
        super.onCreate()
        start()
    }

    /** What this app decides; everything has a default. */
    protected open fun options(): AndroidOptions = AndroidOptions()

    /** Starts the core, and does what it asks of the app. */
    protected fun start() {
        steadfast = SteadfastAndroid.start(this, options())
        val core = steadfast.core
        // "Erase what you stored of this account." This app stores nothing, so that is done already.
        scope.launch { core.obligations.collectLatest { owed -> owed.forEach { erased(it.id) } } }
    }

    /** Said until the core has taken it: a full disk takes nothing, and content may wait for it. */
    private suspend fun erased(obligation: Long) {
        while (true) {
            try {
                return steadfast.core.acknowledgeObligation(obligation)
            } catch (failed: SteadfastException) {
                if (failed.code() == "closed") return
                delay(TRY_AGAIN_MILLIS)
            }
        }
    }

    private companion object {
        const val TRY_AGAIN_MILLIS = 1_000L
    }
}
