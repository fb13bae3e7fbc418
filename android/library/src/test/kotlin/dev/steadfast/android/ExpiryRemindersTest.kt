package dev.steadfast.android

import android.app.AlarmManager
import android.app.NotificationManager
import android.content.Context
import android.content.Intent
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf

@RunWith(RobolectricTestRunner::class)
@Suppress("DEPRECATION") // What it replaced the fields of ScheduledAlarm with is not visible to Kotlin.
class ExpiryRemindersTest {
    private val context: Context = RuntimeEnvironment.getApplication()
    private val alarms = shadowOf(context.getSystemService(AlarmManager::class.java))
    private val manager = context.getSystemService(NotificationManager::class.java)!!
    private val first = Shown("session-expiry-1-3", 1, "Example Chat", "Your session may have expired.", 10_000_000)
    private val second = Shown("session-expiry-2-1", 2, "Other Chat", "Your session may have expired.", 20_000_000)

    @Test
    fun `a reminder is handed to the system, once`() {
        val reminders = reminders()
        assertEquals(listOf(first, second), reminders.apply(listOf(first, second)))
        assertEquals(emptyList<Shown>(), reminders.apply(listOf(first, second)))
        assertEquals(listOf(10_000_000L, 20_000_000L), times())
        assertTrue(alarms.scheduledAlarms.all { it.type == AlarmManager.RTC_WAKEUP && it.isAllowWhileIdle })
    }

    @Test
    fun `it goes off with nobody running, is told once, and is withdrawn`() {
        reminders().apply(listOf(first))
        goesOff()
        goesOff()
        assertEquals(1, shadowOf(manager).size())
        assertNotNull(shown(first))
        manager.cancelAll()
        // The next process knows that it was told.
        assertEquals(emptyList<Shown>(), reminders().apply(listOf(first)))
        goesOff()
        assertNull(shown(first))
        reminders().apply(emptyList())
        assertEquals(emptyList<Long>(), times())
        goesOff(first.tag)
        assertNull(shown(first))
    }

    @Test
    fun `a moved one takes the place of the earlier one, also on display`() {
        val reminders = reminders()
        reminders.apply(listOf(first))
        goesOff()
        val moved = first.copy(atMillis = 30_000_000)
        assertEquals(listOf(moved), reminders.apply(listOf(moved)))
        assertNull(shown(first))
        assertEquals(listOf(30_000_000L), times())
        goesOff()
        assertNotNull(shown(first))
    }

    @Test
    fun `one that is no longer listed is withdrawn`() {
        val reminders = reminders()
        reminders.apply(listOf(first, second))
        goesOff(first.tag)
        reminders.apply(listOf(second))
        assertNull(shown(first))
        assertEquals(listOf(20_000_000L), times())
    }

    @Test
    fun `the system forgot its alarms, and gets them again`() {
        reminders().apply(listOf(first, second))
        goesOff(second.tag)
        forgetAlarms()
        ExpiryReminderReceiver().onReceive(context, Intent(Intent.ACTION_BOOT_COMPLETED))
        assertEquals(listOf(10_000_000L), times())
        forgetAlarms()
        assertEquals(listOf(first), reminders().apply(listOf(first, second)))
        assertEquals(listOf(10_000_000L), times())
    }

    @Test
    fun `where the user switched notifications off, none counts as taken`() {
        shadowOf(manager).setNotificationsEnabled(false)
        val reminders = reminders()
        assertEquals(emptyList<Shown>(), reminders.apply(listOf(first)))
        assertEquals(emptyList<Long>(), times())
        shadowOf(manager).setNotificationsEnabled(true)
        assertEquals(listOf(first), reminders.apply(listOf(first)))
    }

    @Test
    fun `nonsense in the file and from other apps is nothing`() {
        context.getSharedPreferences("steadfast-reminders", Context.MODE_PRIVATE).edit().putString("x", "{").putInt("y", 1).commit()
        ExpiryReminderReceiver().onReceive(context, Intent(ExpiryReminders.ACTION_DUE))
        ExpiryReminderReceiver().onReceive(context, Intent("other"))
        ExpiryReminderReceiver().onReceive(context, Intent(Intent.ACTION_BOOT_COMPLETED))
        assertEquals(listOf(first), reminders().apply(listOf(first)))
    }

    private fun reminders() = ExpiryReminders.of(context)

    private fun times() = alarms.scheduledAlarms.map { it.triggerAtMs }.sorted()

    private fun shown(reminder: Shown) = shadowOf(manager).getNotification(reminder.tag, SessionNotifications.ID)

    private fun goesOff(tag: String? = null) {
        val due = alarms.scheduledAlarms.mapNotNull { it.operation }.map { shadowOf(it).savedIntent }
        due
            .filter { tag == null || it.data?.schemeSpecificPart == tag }
            .forEach { ExpiryReminderReceiver().onReceive(context, it) }
    }

    private fun forgetAlarms() =
        alarms.scheduledAlarms.toList().forEach {
            context.getSystemService(AlarmManager::class.java)!!.cancel(it.operation!!)
        }
}
