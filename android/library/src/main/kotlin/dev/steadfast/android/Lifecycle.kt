package dev.steadfast.android

import android.app.Activity
import android.app.Application
import android.os.Build
import android.os.Bundle
import android.os.Handler
import android.os.Looper
import android.view.View
import android.view.ViewTreeObserver
import android.view.inspector.WindowInspector

/** Where the app is, for the core. */
internal enum class Foreground {
    /** A window of the app has the focus. */
    Focused,

    /** Visible without the focus, or off screen for less than [Lifecycle.GRACE_MILLIS]. */
    Running,

    /** Off screen: the system may freeze or kill the process at any moment. */
    Suspended,
}

/**
 * Tells where the app is, from the life of its activities and the focus of its windows. To be started in
 * `Application.onCreate`, before the first activity: until one starts, the app counts as suspended.
 *
 * Lives on the main thread, and calls [report] and [coming] there.
 */
internal class Lifecycle(
    private val application: Application,
    private val report: (Foreground) -> Unit,
    /** Is told whether a page was created that has yet to start: then the app comes to the front, as a rule. */
    private val coming: (Boolean) -> Unit,
) {
    private val handler = Handler(Looper.getMainLooper())
    private val created = HashSet<Activity>()
    private val started = HashSet<Activity>()
    private val windows = Windows(::look)
    private val settle = Runnable { tell(Foreground.Running) }
    private val suspend = Runnable { tell(Foreground.Suspended) }
    private var reported = Foreground.Suspended
    private var leaving = false

    fun start() = application.registerActivityLifecycleCallbacks(callbacks)

    /** On any thread; what is under way on the main one comes first. */
    fun stop() {
        application.unregisterActivityLifecycleCallbacks(callbacks)
        val end = {
            stay()
            windows.forgetAll()
            created.clear()
            started.clear()
        }
        if (Looper.myLooper() == Looper.getMainLooper()) end() else handler.post(end)
    }

    private val callbacks =
        object : Application.ActivityLifecycleCallbacks {
            override fun onActivityCreated(
                activity: Activity,
                state: Bundle?,
            ) {
                created += activity
                coming(true)
            }

            override fun onActivityStarted(activity: Activity) {
                started += activity
                windows.watch(activity)
                look()
                arrived(activity)
            }

            override fun onActivityResumed(activity: Activity) = look()

            override fun onActivityPaused(activity: Activity) = look()

            override fun onActivityStopped(activity: Activity) {
                started -= activity
                look()
            }

            override fun onActivitySaveInstanceState(
                activity: Activity,
                state: Bundle,
            ) = Unit

            override fun onActivityDestroyed(activity: Activity) {
                windows.forget(activity)
                // One that ended before it was shown never stops.
                onActivityStopped(activity)
                arrived(activity)
            }
        }

    /** Where it is now was told before. */
    private fun arrived(activity: Activity) {
        if (created.remove(activity)) coming(created.isNotEmpty())
    }

    private fun look() {
        if (started.isEmpty()) {
            leave()
        } else {
            stay()
            when {
                windows.anyHasFocus() -> tell(Foreground.Focused)

                // The focus is on its way from one window of the app to another, or gone.
                reported == Foreground.Focused -> handler.postDelayed(settle, SETTLE_MILLIS)

                else -> tell(Foreground.Running)
            }
        }
    }

    private fun leave() {
        windows.forgetOthers()
        if (reported == Foreground.Suspended || leaving) return
        handler.removeCallbacks(settle)
        tell(Foreground.Running)
        leaving = true
        handler.postDelayed(suspend, GRACE_MILLIS)
    }

    private fun stay() {
        leaving = false
        handler.removeCallbacks(settle)
        handler.removeCallbacks(suspend)
    }

    private fun tell(state: Foreground) {
        if (state == Foreground.Suspended) leaving = false
        if (state == reported) return
        reported = state
        report(state)
    }

    internal companion object {
        /** How long the app counts as running after it left the screen: enough to come back from another app's page. */
        const val GRACE_MILLIS = 15_000L

        /** How long the focus may be on its way between two windows, as when a dialog opens. */
        const val SETTLE_MILLIS = 250L
    }
}

/** The windows of the app and which has the focus. Dialogs and menus are windows of their own. */
private class Windows(
    changed: () -> Unit,
) {
    private val listener = ViewTreeObserver.OnWindowFocusChangeListener { changed() }
    private val ofActivities = HashSet<View>()
    private val others = HashSet<View>()

    fun watch(activity: Activity) {
        val root = activity.window.decorView
        if (ofActivities.add(root)) listen(root)
    }

    fun forget(activity: Activity) {
        val root = activity.window.peekDecorView()
        if (ofActivities.remove(root)) ignore(root)
    }

    fun anyHasFocus(): Boolean {
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.Q) {
            val present = AllWindows.roots() - ofActivities
            others.retainAll(present)
            present.filter(others::add).forEach(::listen)
        }
        return ofActivities.any { it.hasWindowFocus() } || others.any { it.hasWindowFocus() }
    }

    /** A dialog that is gone holds on to its page. */
    fun forgetOthers() {
        others.forEach(::ignore)
        others.clear()
    }

    fun forgetAll() {
        forgetOthers()
        ofActivities.forEach(::ignore)
        ofActivities.clear()
    }

    private fun listen(root: View) = root.viewTreeObserver.addOnWindowFocusChangeListener(listener)

    private fun ignore(root: View) = root.viewTreeObserver.removeOnWindowFocusChangeListener(listener)
}

/** Every window of the process, which Android 10 and later can name. */
@RequiresSdk(Build.VERSION_CODES.Q)
private object AllWindows {
    fun roots(): Set<View> = WindowInspector.getGlobalWindowViews().toSet()
}
