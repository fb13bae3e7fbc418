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

/** What is to be said of an expiry that has passed. */
internal enum class Passed {
    /** Nothing: the account is gone, the user signed out, or another session took its place. */
    Void,

    /** Nothing more: the user knows, from the page on screen or from a notice. */
    Known,

    /** What the reminder says. */
    Untold,
}

/**
 * The reminder of a session's known expiry, handed to the system's clock, because by then nobody of ours may be running.
 * What is to be shown is written down with it, so that the moment needs no core. An alarm is lost when the device starts anew
 * or the user stops the app; it is set again from here.
 *
 * The core lists no reminder whose time has come, and counts on the system to show it. The system's clock is late by minutes,
 * so such a one stays until it was told, and then until the session is over: it must not be told again.
 */
internal class ExpiryReminders(
    private val context: Context,
    private val notifications: SessionNotifications,
    private val clock: () -> Long = System::currentTimeMillis,
) {
    private val alarms = context.getSystemService(AlarmManager::class.java)

    // The system refuses it while the device is locked since it started.
    private val written: SharedPreferences by lazy { context.getSharedPreferences(FILE, Context.MODE_PRIVATE) }
    private var begun = false

    /**
     * Makes the system's reminders those of this list: new and moved ones are set, and an earlier one that is on display is
     * taken back. Those that are no longer listed are withdrawn, unless their time has come and something is to be said yet.
     *
     * @return those that the system will show and of which the core is to hear: none where the user switched notifications
     *   off, and then something else has to tell. They are given again until it has [heard][heard]
     */
    fun apply(
        wanted: List<Shown>,
        passed: (Shown) -> Passed,
    ): List<Shown> =
        synchronized(LOCK) {
            val before = all()
            val listed = wanted.mapTo(HashSet()) { it.tag }
            val anew = wanted.mapTo(HashSet()) { it.account }
            val (kept, over) =
                before.values.filter { it.shown.tag !in listed }.partition {
                    // What the core never heard of, it tells by a notice.
                    it.hasPassed() && (it.heard || it.told) && it.shown.account !in anew && passed(it.shown) != Passed.Void
                }
            over.forEach { withdraw(it.shown.tag) }
            val all = wanted.map { now(it, before[it.tag]) } + kept
            val taken = all.filter { take(it, before[it.shown.tag], passed) }
            begun = true
            taken.map { it.shown }
        }

    /** The core counts on this reminder from here on. */
    fun heard(reminder: Shown) {
        synchronized(LOCK) {
            val known = all()[reminder.tag]
            if (known != null && known.shown.atMillis == reminder.atMillis) write(known.copy(heard = true))
        }
    }

    /** The reminder as it is to be from here on, before anything is done about it. */
    private fun now(
        reminder: Shown,
        before: Reminder?,
    ): Reminder {
        val same = before != null && before.shown.atMillis == reminder.atMillis
        // One that a clock told which was put back since has said what is not so yet, and is to be told at its time.
        val told = same && before.told && before.hasPassed()
        if (before != null && (!same || before.told != told)) notifications.withdraw(reminder.tag)
        return Reminder(reminder, told, same && before.heard)
    }

    /** True if the system will show it, or has, and the core is to hear of that. */
    private fun take(
        reminder: Reminder,
        before: Reminder?,
        passed: (Shown) -> Passed,
    ): Boolean =
        when {
            reminder.hasPassed() && passed(reminder.shown) == Passed.Known -> {
                forget(reminder.shown.tag)
                stored(reminder.copy(told = true), before) && !reminder.heard
            }

            reminder.told -> {
                stored(reminder, before) && !reminder.heard
            }

            // It is with the system already.
            begun && reminder == before && reminder.heard && !reminder.hasPassed() -> {
                false
            }

            // One that the core counts on is kept though it would not be seen now: the user may allow it later.
            before == null && !notifications.allowed() -> {
                false
            }

            else -> {
                hand(reminder, before)
            }
        }

    private fun hand(
        reminder: Reminder,
        before: Reminder?,
    ): Boolean {
        // Now, so that the user finds the channel before anything shows.
        notifications.prepare()
        val taken = set(reminder.shown)
        if (!taken && before == null) return false
        // On the disk before the core hears that it will be shown.
        val stored = stored(reminder.copy(heard = reminder.heard && taken), before)
        val knows = begun && reminder.heard
        return taken && stored && !knows && notifications.allowed()
    }

    /** The device started anew: every alarm is set again, and one whose time has passed meanwhile goes off at once. */
    fun restore(): Unit = synchronized(LOCK) { all().values.filterNot { it.told }.forEach { set(it.shown) } }

    /** The system's clock came to this one. */
    fun due(tag: String) {
        synchronized(LOCK) {
            val reminder = all()[tag]
            when {
                reminder == null || reminder.told -> return

                // Somebody set the clock back, or the alarm is of an earlier time.
                !reminder.hasPassed() -> set(reminder.shown)

                notifications.show(reminder.shown) -> write(reminder.copy(told = true))
            }
        }
    }

    private fun Reminder.hasPassed() = shown.atMillis <= clock()

    private fun set(reminder: Shown): Boolean =
        unlessRefused(false) {
            // Inexact, and also while the device sleeps: minutes do not matter, and exact alarms need the user's leave.
            checkNotNull(alarms).setAndAllowWhileIdle(AlarmManager.RTC_WAKEUP, reminder.atMillis, intent(reminder.tag))
            true
        }

    private fun withdraw(tag: String) {
        forget(tag)
        written.edit().remove(tag).commit()
    }

    /** The system shows it no more, and will not. */
    private fun forget(tag: String) {
        // An alarm that stays finds nothing to tell.
        unlessRefused(Unit) { alarms?.cancel(intent(tag)) }
        notifications.withdraw(tag)
    }

    private fun intent(tag: String): PendingIntent {
        val name = Uri.fromParts(SCHEME, tag, null)
        val intent = Intent(ACTION_DUE, name, context, ExpiryReminderReceiver::class.java)
        return PendingIntent.getBroadcast(context, 0, intent, PendingIntent.FLAG_IMMUTABLE or PendingIntent.FLAG_UPDATE_CURRENT)
    }

    private fun stored(
        reminder: Reminder,
        before: Reminder?,
    ) = reminder == before || write(reminder)

    private fun write(reminder: Reminder): Boolean = written.edit().putString(reminder.shown.tag, reminder.toJson()).commit()

    private fun all(): Map<String, Reminder> =
        written.all.mapNotNull { (tag, json) -> (json as? String)?.let { Reminder.fromJson(tag, it) } }.associateBy { it.shown.tag }

    internal companion object {
        /** The clock's receiver and the core's side each have one of these, over the same file. */
        private val LOCK = Any()

        const val ACTION_DUE = "dev.steadfast.android.REMINDER_DUE"
        const val FILE = "steadfast-reminders"
        private const val SCHEME = "steadfast-reminder"

        fun of(context: Context) = ExpiryReminders(context, SessionNotifications(context))
    }
}

/** A reminder as it is written down. */
private data class Reminder(
    val shown: Shown,
    /** The system has shown it, or the user knows otherwise. */
    val told: Boolean,
    /** The core counts on it. */
    val heard: Boolean,
) {
    fun toJson(): String =
        JSONObject()
            .put("account", shown.account)
            .put("title", shown.title)
            .put("text", shown.text)
            .put("at", shown.atMillis)
            .put("told", told)
            .put("heard", heard)
            .toString()

    companion object {
        fun fromJson(
            tag: String,
            text: String,
        ): Reminder? =
            try {
                val json = JSONObject(text)
                val shown = Shown(tag, json.getLong("account"), json.getString("title"), json.getString("text"), json.getLong("at"))
                Reminder(shown, json.getBoolean("told"), json.getBoolean("heard"))
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
        unlessRefused(Unit) {
            val reminders = ExpiryReminders.of(context.applicationContext)
            when (intent.action) {
                ExpiryReminders.ACTION_DUE -> intent.data?.schemeSpecificPart?.let(reminders::due)
                Intent.ACTION_BOOT_COMPLETED, Intent.ACTION_MY_PACKAGE_REPLACED -> reminders.restore()
            }
        }
    }
}
