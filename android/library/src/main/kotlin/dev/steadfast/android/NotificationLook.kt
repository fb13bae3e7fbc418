package dev.steadfast.android

import android.content.Context
import android.content.pm.PackageManager
import android.os.Bundle

/**
 * How the library's notifications look, as the app says in its manifest, so that a process that was started for a reminder
 * alone knows it too:
 * ```xml
 * <meta-data android:name="dev.steadfast.notification_icon" android:resource="@drawable/notification" />
 * <meta-data android:name="dev.steadfast.channel_name" android:resource="@string/session_channel" />
 * ```
 */
internal class NotificationLook(
    private val context: Context,
) {
    private val said: Bundle? by lazy { read() }

    /** A drawable; the system's warning sign unless the app names one. */
    fun icon(): Int = said?.getInt(ICON, 0)?.takeIf { it != 0 } ?: android.R.drawable.stat_sys_warning

    /** What the channel is called in the system's settings. */
    fun channelName(): String {
        val resource = said?.getInt(CHANNEL_NAME, 0) ?: 0
        // A name that cannot be found is no reason to show nothing.
        return unlessRefused(null) { if (resource != 0) context.getString(resource) else null } ?: "Signed-in sessions"
    }

    private fun read(): Bundle? =
        try {
            context.packageManager.getApplicationInfo(context.packageName, PackageManager.GET_META_DATA).metaData
        } catch (_: PackageManager.NameNotFoundException) {
            null
        }

    private companion object {
        const val ICON = "dev.steadfast.notification_icon"
        const val CHANNEL_NAME = "dev.steadfast.channel_name"
    }
}
