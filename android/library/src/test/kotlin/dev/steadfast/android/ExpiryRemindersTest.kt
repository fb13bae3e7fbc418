package dev.steadfast.android

import android.app.AlarmManager
import android.app.NotificationManager
import android.content.Context
import android.content.Intent
import android.net.Uri
import dev.steadfast.testing.eventually
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import kotlin.concurrent.thread

@RunWith(RobolectricTestRunner::class)
@Suppress("DEPRECATION") // What it replaced the fields of ScheduledAlarm with is not visible to Kotlin.
class ExpiryRemindersTest {
    private val context: Context = RuntimeEnvironment.getApplication()
    private val alarms = shadowOf(context.getSystemService(AlarmManager::class.java))
    private val manager = context.getSystemService(NotificationManager::class.java)!!
    private var time = 0L
    private var passed = Passed.Untold
    private val first = Shown("session-expiry-1-3", 1, "Example Chat", "Your session may have expired.", 10_000_000)
    private val second = Shown("session-expiry-2-1", 2, "Other Chat", "Your session may have expired.", 20_000_000)

    @Test
    fun `a reminder is handed to the system, once`() {
        val reminders = reminders()
        assertEquals(listOf(first, second), reminders.tell(listOf(first, second)))
        assertEquals(emptyList<Shown>(), reminders.tell(listOf(first, second)))
        assertEquals(listOf(10_000_000L, 20_000_000L), times())
        assertTrue(alarms.scheduledAlarms.all { it.type == AlarmManager.RTC_WAKEUP && it.isAllowWhileIdle })
    }

    @Test
    fun `it goes off with nobody running, is told once, and is withdrawn`() {
        reminders().tell(listOf(first))
        goesOff()
        goesOff()
        assertEquals(1, shadowOf(manager).size())
        assertNotNull(shown(first))
        manager.cancelAll()
        time = first.atMillis
        // The next process knows that it was told.
        assertEquals(emptyList<Shown>(), reminders().tell(listOf(first)))
        goesOff()
        assertNull(shown(first))
        passed = Passed.Void
        reminders().tell(emptyList())
        assertEquals(emptyList<Long>(), times())
        goesOff(first.tag)
        assertNull(shown(first))
    }

    @Test
    fun `a moved one takes the place of the earlier one, also on display`() {
        val reminders = reminders()
        reminders.tell(listOf(first))
        goesOff()
        val moved = first.copy(atMillis = 30_000_000)
        assertEquals(listOf(moved), reminders.tell(listOf(moved)))
        assertNull(shown(first))
        assertEquals(listOf(30_000_000L), times())
        goesOff()
        assertNotNull(shown(first))
    }

    @Test
    fun `one that is no longer listed is withdrawn`() {
        val reminders = reminders()
        reminders.tell(listOf(first, second))
        goesOff(first.tag)
        reminders.tell(listOf(second))
        assertNull(shown(first))
        assertEquals(listOf(20_000_000L), times())
    }

    @Test
    fun `the system forgot its alarms, and gets them again`() {
        reminders().tell(listOf(first, second))
        goesOff(second.tag)
        time = second.atMillis
        forgetAlarms()
        ExpiryReminderReceiver().onReceive(context, Intent(Intent.ACTION_BOOT_COMPLETED))
        assertEquals(listOf(10_000_000L), times())
        forgetAlarms()
        assertEquals(listOf(first), reminders().tell(listOf(first, second)))
        assertEquals(listOf(10_000_000L), times())
    }

    @Test
    fun `where the user switched notifications off, none counts as taken`() {
        shadowOf(manager).setNotificationsEnabled(false)
        val reminders = reminders()
        assertEquals(emptyList<Shown>(), reminders.tell(listOf(first)))
        assertEquals(emptyList<Long>(), times())
        shadowOf(manager).setNotificationsEnabled(true)
        assertEquals(listOf(first), reminders.tell(listOf(first)))
    }

    @Test
    fun `nonsense in the file and from other apps is nothing`() {
        context.getSharedPreferences("steadfast-reminders", Context.MODE_PRIVATE).edit().putString("x", "{").putInt("y", 1).commit()
        ExpiryReminderReceiver().onReceive(context, Intent(ExpiryReminders.ACTION_DUE))
        ExpiryReminderReceiver().onReceive(context, Intent("other"))
        ExpiryReminderReceiver().onReceive(context, Intent(Intent.ACTION_BOOT_COMPLETED))
        assertEquals(listOf(first), reminders().tell(listOf(first)))
    }

    /** Hazards B14; MM-T1015. */
    @Test
    fun `one whose time has come stays, though the core lists it no more`() {
        val reminders = reminders()
        reminders.tell(listOf(first))
        time = first.atMillis
        // The system's clock is late: whatever changes in between, it tells, and the core counts on it.
        assertEquals(emptyList<Shown>(), reminders.tell(emptyList()))
        assertEquals(listOf(first.atMillis), times())
        goesOff()
        reminders.tell(emptyList())
        assertNotNull(shown(first))
        forgetAlarms()
        ExpiryReminderReceiver().onReceive(context, Intent(Intent.ACTION_MY_PACKAGE_REPLACED))
        assertEquals(emptyList<Long>(), times())
    }

    @Test
    fun `one whose time has come goes with its session`() {
        passed = Passed.Void
        displayed()
        reminders().tell(emptyList())
        assertNull(shown(first))
    }

    @Test
    fun `one whose time has come gives way to the next session's`() {
        displayed()
        val next = first.copy(tag = "session-expiry-1-4", atMillis = 30_000_000)
        reminders().tell(listOf(next))
        assertNull(shown(first))
        assertEquals(listOf(next.atMillis), times())
    }

    @Test
    fun `one whose time has come says nothing more when the user knows`() {
        reminders().tell(listOf(first))
        time = first.atMillis
        passed = Passed.Known
        reminders().tell(emptyList())
        assertEquals(emptyList<Long>(), times())
        goesOff(first.tag)
        passed = Passed.Untold
        reminders().tell(emptyList())
        assertEquals(emptyList<Long>(), times())
        displayed(second)
        passed = Passed.Known
        reminders().tell(emptyList())
        assertNull(shown(second))
    }

    @Test
    fun `what the core did not hear of is given again, and is told by a notice once its time has come`() {
        val reminders = reminders()
        assertEquals(listOf(first), reminders.apply(listOf(first)) { passed })
        assertEquals(listOf(first), reminders.apply(listOf(first)) { passed })
        time = first.atMillis
        assertEquals(emptyList<Shown>(), reminders.apply(emptyList()) { passed })
        assertEquals(emptyList<Long>(), times())
    }

    @Test
    fun `what was told before the core heard of it is given again, also by the next process`() {
        reminders().apply(listOf(first)) { passed }
        time = first.atMillis
        goesOff()
        assertEquals(listOf(first), reminders().apply(emptyList()) { passed })
        assertEquals(listOf(first), reminders().tell(emptyList()))
        assertEquals(emptyList<Shown>(), reminders().apply(emptyList()) { passed })
        assertNotNull(shown(first))
    }

    @Test
    fun `an alarm that comes before its time waits for it`() {
        val reminders = reminders()
        reminders.tell(listOf(first))
        reminders.due(first.tag)
        assertEquals(0, shadowOf(manager).size())
        assertEquals(listOf(first.atMillis), times())
        time = first.atMillis
        reminders.due(first.tag)
        assertNotNull(shown(first))
    }

    @Test
    fun `one that was told by a clock that is put back is taken back, and told at its time`() {
        displayed()
        time = 0
        val reminders = reminders()
        reminders.tell(listOf(first))
        assertNull(shown(first))
        assertEquals(listOf(first.atMillis), times())
        time = first.atMillis
        reminders.due(first.tag)
        assertNotNull(shown(first))
    }

    @Test
    fun `one that came while notifications were off is told when they are on again`() {
        val reminders = reminders()
        reminders.tell(listOf(first))
        shadowOf(manager).setNotificationsEnabled(false)
        time = first.atMillis
        goesOff()
        forgetAlarms()
        reminders.tell(emptyList())
        assertEquals(0, shadowOf(manager).size())
        shadowOf(manager).setNotificationsEnabled(true)
        forgetAlarms()
        reminders.tell(emptyList())
        goesOff()
        assertNotNull(shown(first))
    }

    @Test
    @Config(shadows = [RefusingAlarms::class])
    fun `what the system's clock refuses does not count as taken, and is tried again`() {
        RefusingAlarms.refuse {
            assertEquals(emptyList<Shown>(), reminders().tell(listOf(first)))
            ExpiryReminderReceiver().onReceive(context, Intent(Intent.ACTION_BOOT_COMPLETED))
        }
        val reminders = reminders()
        assertEquals(listOf(first), reminders.tell(listOf(first)))
        val moved = first.copy(atMillis = 30_000_000)
        RefusingAlarms.refuse { assertEquals(emptyList<Shown>(), reminders.tell(listOf(moved))) }
        assertEquals(listOf(moved), reminders.tell(listOf(moved)))
        assertEquals(listOf(30_000_000L), times())
    }

    @Test
    fun `what the system's clock tells meanwhile is not told again`() {
        reminders().tell(listOf(first))
        var clock: Thread? = null
        val inBetween =
            ExpiryReminders(context, SessionNotifications(context)) {
                val ticking = clock ?: thread { ExpiryReminderReceiver().onReceive(context, due(first)) }.also { clock = it }
                eventually { ticking.state == Thread.State.BLOCKED || !ticking.isAlive }
                first.atMillis
            }
        inBetween.tell(listOf(first.copy(title = "Renamed Chat")))
        clock!!.join()
        assertNotNull(shown(first))
        manager.cancelAll()
        ExpiryReminderReceiver().onReceive(context, due(first))
        assertNull(shown(first))
    }

    private fun reminders() = ExpiryReminders(context, SessionNotifications(context)) { time }

    /** As the host does it, with a core that hears what it is told. */
    private fun ExpiryReminders.tell(wanted: List<Shown>) = apply(wanted) { passed }.onEach(::heard)

    private fun displayed(reminder: Shown = first) {
        reminders().tell(listOf(reminder))
        time = reminder.atMillis
        goesOff()
        assertNotNull(shown(reminder))
    }

    private fun due(reminder: Shown) = Intent(ExpiryReminders.ACTION_DUE, Uri.fromParts("steadfast-reminder", reminder.tag, null))

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
