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
    /** Whom it is about. */
    val account: Long,
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

    /**
     * Makes the channel, which the user then finds in the system's settings; making it again changes only its name. False if
     * the system did not: it drops without a word what is shown in a channel that is not there.
     */
    fun prepare(): Boolean =
        Build.VERSION.SDK_INT < Build.VERSION_CODES.O ||
            unlessRefused(false) {
                Channels.make(context, look.channelName())
                true
            }

    /** Whether the system lets the app show notifications at all, whatever the user thinks of this channel; null if nobody knows. */
    fun allowedToApp(): Boolean? = unlessRefused(null) { manager?.areNotificationsEnabled() }

    /** Whether the user would see one that is shown now. */
    fun allowed(): Boolean = allowedToApp() == true && channelIsOn()

    private fun channelIsOn() = Build.VERSION.SDK_INT < Build.VERSION_CODES.O || unlessRefused(false) { Channels.isOn(context) }

    /** Shows it; false if the user would not see it, or the system did not take it. */
    fun show(shown: Shown): Boolean {
        if (!allowed() || !prepare()) return false
        return unlessRefused(false) {
            checkNotNull(manager).notify(shown.tag, ID, notification(shown))
            true
        }
    }

    /** Takes it back, if it is still there; false if the system did not take that. */
    fun withdraw(tag: String): Boolean =
        unlessRefused(false) {
            manager?.cancel(tag, ID)
            true
        }

    private fun notification(shown: Shown): Notification =
        builder()
            .setSmallIcon(look.icon())
            .setContentTitle(shown.title)
            .setContentText(shown.text)
            .setStyle(Notification.BigTextStyle().bigText(shown.text))
            .setWhen(shown.atMillis)
            .setShowWhen(true)
            .setAutoCancel(true)
            // Showing it again, because it could not be written down that it was, is no news.
            .setOnlyAlertOnce(true)
            .setCategory(Notification.CATEGORY_STATUS)
            .setContentIntent(Taps.opening(context, shown.account))
            .build()

    private fun builder(): Notification.Builder =
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.O) Channels.builder(context) else olderBuilder()

    @Suppress("DEPRECATION") // Channels and their importance came with Android 8.
    private fun olderBuilder() = Notification.Builder(context).setPriority(Notification.PRIORITY_HIGH)

    internal companion object {
        const val CHANNEL = "steadfast-sessions"

        /** Beside it, the tag tells them apart. */
        const val ID = 1
    }
}

/** What a tap on a notification tells the app. */
internal object Taps {
    private const val ACCOUNT = "dev.steadfast.account"

    /** Opens the app as its icon does, and says for which account; null if the app has no page to open. */
    fun opening(
        context: Context,
        account: Long,
    ): PendingIntent? {
        val intent = unlessRefused(null) { context.packageManager.getLaunchIntentForPackage(context.packageName) } ?: return null
        intent.putExtra(ACCOUNT, account)
        // Without the last two the system shows the task as it is, and tells its page nothing.
        intent.addFlags(Intent.FLAG_ACTIVITY_NEW_TASK or Intent.FLAG_ACTIVITY_CLEAR_TOP or Intent.FLAG_ACTIVITY_SINGLE_TOP)
        // The system tells them apart by this number, and not by the extra. Data or an identifier would do that too, but then
        // the app's icon would open a second page over the one that was opened by the tap.
        val number = "$ACCOUNT-$account".hashCode()
        return PendingIntent.getActivity(context, number, intent, PendingIntent.FLAG_IMMUTABLE or PendingIntent.FLAG_UPDATE_CURRENT)
    }

    /** For which account; null if it was not opened by a tap. Any app may send anything. */
    fun accountOf(intent: Intent?): Long? {
        // From the list of recent apps the system sends the same intent again.
        if (intent == null || intent.flags and Intent.FLAG_ACTIVITY_LAUNCHED_FROM_HISTORY != 0) return null
        return unlessRefused(0L) { intent.getLongExtra(ACCOUNT, 0) }.takeIf { it > 0 }
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
