package dev.steadfast.android

import android.app.Notification
import android.app.NotificationChannel
import android.app.NotificationManager
import android.app.PendingIntent
import android.content.Context
import android.content.Intent
import android.os.Build

/** One thing that the system shows the user about a session. */
internal data class Shown(
    /** Stable name: showing it again replaces it. */
    val tag: String,
    /** The server's name. */
    val title: String,
    /** What there is to say. */
    val text: String,
    /** Since when, in wall-clock milliseconds. */
    val atMillis: Long,
)

/**
 * The system's notifications about sessions. They have a channel of their own, so that people who switched off the app's
 * other notifications still learn that they are signed out.
 */
internal class SessionNotifications(
    private val context: Context,
    private val look: NotificationLook = NotificationLook(context),
) {
    private val manager = context.getSystemService(NotificationManager::class.java)

    /** Makes the channel, which the user then finds in the system's settings. Making it again changes only its name. */
    fun prepare() {
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.O) Channels.make(context, look.channelName())
    }

    /** Whether the user would see one that is shown now. */
    fun allowed(): Boolean {
        if (manager?.areNotificationsEnabled() != true) return false
        return Build.VERSION.SDK_INT < Build.VERSION_CODES.O || Channels.isOn(context)
    }

    /** Shows it; false if the user would not see it. */
    fun show(shown: Shown): Boolean {
        if (!allowed()) return false
        prepare()
        val builder = builder()
        builder
            .setSmallIcon(look.icon())
            .setContentTitle(shown.title)
            .setContentText(shown.text)
            .setStyle(Notification.BigTextStyle().bigText(shown.text))
            .setWhen(shown.atMillis)
            .setShowWhen(true)
            .setAutoCancel(true)
            .setCategory(Notification.CATEGORY_STATUS)
            .setContentIntent(opensTheApp())
        manager?.notify(shown.tag, ID, builder.build())
        return true
    }

    /** Takes it back, if it is still there. */
    fun withdraw(tag: String) {
        manager?.cancel(tag, ID)
    }

    private fun builder(): Notification.Builder =
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.O) Channels.builder(context) else olderBuilder()

    @Suppress("DEPRECATION") // Channels and their importance came with Android 8.
    private fun olderBuilder() = Notification.Builder(context).setPriority(Notification.PRIORITY_HIGH)

    private fun opensTheApp(): PendingIntent? {
        val intent = context.packageManager.getLaunchIntentForPackage(context.packageName) ?: return null
        intent.addFlags(Intent.FLAG_ACTIVITY_NEW_TASK)
        return PendingIntent.getActivity(context, 0, intent, PendingIntent.FLAG_IMMUTABLE or PendingIntent.FLAG_UPDATE_CURRENT)
    }

    internal companion object {
        const val CHANNEL = "steadfast-sessions"

        /** Beside it, the tag tells them apart. */
        const val ID = 1
    }
}

/** What Android 8 and later have. */
@RequiresSdk(Build.VERSION_CODES.O)
private object Channels {
    fun make(
        context: Context,
        name: CharSequence,
    ) {
        val channel = NotificationChannel(SessionNotifications.CHANNEL, name, NotificationManager.IMPORTANCE_HIGH)
        context.getSystemService(NotificationManager::class.java)?.createNotificationChannel(channel)
    }

    fun isOn(context: Context): Boolean {
        val manager = context.getSystemService(NotificationManager::class.java)
        val channel = manager?.getNotificationChannel(SessionNotifications.CHANNEL)
        return channel == null || channel.importance != NotificationManager.IMPORTANCE_NONE
    }

    fun builder(context: Context): Notification.Builder = Notification.Builder(context, SessionNotifications.CHANNEL)
}
