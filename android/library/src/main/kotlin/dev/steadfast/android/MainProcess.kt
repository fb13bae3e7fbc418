package dev.steadfast.android

import android.app.ActivityManager
import android.app.Application
import android.content.Context
import android.os.Build
import android.os.Process

/**
 * The process of the app's pages. The system makes the `Application` in every other one too (a service with `android:process`,
 * an isolated one, a library's own), and whichever of them opened the vault first would keep it from the pages.
 */
internal object MainProcess {
    /** Whether this is it; if the system does not say, it is taken to be. */
    fun isThis(context: Context): Boolean {
        val name = unlessRefused(null) { if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.P) ProcessName.own() else olderName(context) }
        return name == null || name == context.applicationInfo.processName
    }

    private fun olderName(context: Context): String? {
        val processes = context.getSystemService(ActivityManager::class.java)?.runningAppProcesses.orEmpty()
        return processes.find { it.pid == Process.myPid() }?.processName
    }
}

/** What Android 9 and later say of themselves. */
@RequiresSdk(Build.VERSION_CODES.P)
private object ProcessName {
    fun own(): String? = Application.getProcessName()
}
