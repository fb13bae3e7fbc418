package dev.steadfast.android

import android.app.AlarmManager
import android.app.PendingIntent
import android.content.BroadcastReceiver
import android.content.Context
import android.content.Intent
import android.content.SharedPreferences
import android.net.Uri
import org.json.JSONException
import org.json.JSONObject

/**
 * The reminder of a session's known expiry, handed to the system's clock, because by then nobody of ours may be running.
 * What is to be shown is written down with it, so that the moment needs no core. An alarm is lost when the device starts anew
 * or the user stops the app; it is set again from here.
 */
internal class ExpiryReminders(
    private val context: Context,
    private val notifications: SessionNotifications,
) {
    private val alarms = context.getSystemService(AlarmManager::class.java)
    private val written: SharedPreferences = context.getSharedPreferences(FILE, Context.MODE_PRIVATE)
    private var begun = false

    /**
     * Makes the system's reminders those of this list: new and moved ones are set, and an earlier one that is on display is
     * taken back; those that are no longer listed are withdrawn.
     *
     * @return those that the system has taken with this call and will show: none where the user switched notifications off,
     *   and then something else has to tell
     */
    @Synchronized
    fun apply(wanted: List<Shown>): List<Shown> {
        val before = all()
        (before.keys - wanted.mapTo(HashSet()) { it.tag }).forEach(::withdraw)
        if (!notifications.allowed()) return emptyList()
        notifications.prepare()
        val taken = wanted.filter { take(it, before[it.tag]) }
        begun = true
        return taken
    }

    private fun take(
        reminder: Shown,
        known: Reminder?,
    ): Boolean {
        val moved = known != null && known.shown.atMillis != reminder.atMillis
        if (moved) notifications.withdraw(reminder.tag)
        val told = known != null && !moved && known.told
        write(Reminder(reminder, told))
        val due = !told && (known == null || moved || !begun)
        if (due) set(reminder)
        return due
    }

    /** The device started anew: every alarm is set again, and one whose time has passed meanwhile goes off at once. */
    @Synchronized
    fun restore() = all().values.filterNot { it.told }.forEach { set(it.shown) }

    /** The system's clock came to this one. */
    @Synchronized
    fun due(tag: String) {
        val reminder = all()[tag] ?: return
        if (!reminder.told && notifications.show(reminder.shown)) write(reminder.copy(told = true))
    }

    private fun set(reminder: Shown) {
        // Inexact, and also while the device sleeps: minutes do not matter, and exact alarms need the user's leave.
        alarms?.setAndAllowWhileIdle(AlarmManager.RTC_WAKEUP, reminder.atMillis, intent(reminder.tag))
    }

    private fun withdraw(tag: String) {
        alarms?.cancel(intent(tag))
        notifications.withdraw(tag)
        written.edit().remove(tag).commit()
    }

    private fun intent(tag: String): PendingIntent {
        val name = Uri.fromParts(SCHEME, tag, null)
        val intent = Intent(ACTION_DUE, name, context, ExpiryReminderReceiver::class.java)
        return PendingIntent.getBroadcast(context, 0, intent, PendingIntent.FLAG_IMMUTABLE or PendingIntent.FLAG_UPDATE_CURRENT)
    }

    private fun write(reminder: Reminder) {
        // On the disk before the core hears that the reminder will be shown.
        written.edit().putString(reminder.shown.tag, reminder.toJson()).commit()
    }

    private fun all(): Map<String, Reminder> =
        written.all.mapNotNull { (tag, json) -> (json as? String)?.let { Reminder.fromJson(tag, it) } }.associateBy { it.shown.tag }

    internal companion object {
        const val ACTION_DUE = "dev.steadfast.android.REMINDER_DUE"
        const val FILE = "steadfast-reminders"
        private const val SCHEME = "steadfast-reminder"

        fun of(context: Context) = ExpiryReminders(context, SessionNotifications(context))
    }
}

/** A reminder as it is written down. */
private data class Reminder(
    val shown: Shown,
    /** The system has shown it. */
    val told: Boolean,
) {
    fun toJson(): String =
        JSONObject()
            .put("account", shown.account)
            .put("title", shown.title)
            .put("text", shown.text)
            .put("at", shown.atMillis)
            .put("told", told)
            .toString()

    companion object {
        fun fromJson(
            tag: String,
            text: String,
        ): Reminder? =
            try {
                val json = JSONObject(text)
                val shown = Shown(tag, json.getLong("account"), json.getString("title"), json.getString("text"), json.getLong("at"))
                Reminder(shown, json.getBoolean("told"))
            } catch (_: JSONException) {
                null
            }
    }
}

/** Where the system wakes a reminder. Declared in the library's manifest; not for the app's own use. */
internal class ExpiryReminderReceiver : BroadcastReceiver() {
    override fun onReceive(
        context: Context,
        intent: Intent,
    ) {
        val reminders = ExpiryReminders.of(context.applicationContext)
        when (intent.action) {
            ExpiryReminders.ACTION_DUE -> intent.data?.schemeSpecificPart?.let(reminders::due)
            Intent.ACTION_BOOT_COMPLETED -> reminders.restore()
        }
    }
}
