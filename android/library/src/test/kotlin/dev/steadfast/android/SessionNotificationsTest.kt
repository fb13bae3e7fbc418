package dev.steadfast.android

import android.app.Notification
import android.app.NotificationChannel
import android.app.NotificationManager
import android.content.ComponentName
import android.content.Context
import android.content.Intent
import android.content.IntentFilter
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config

@RunWith(RobolectricTestRunner::class)
class SessionNotificationsTest {
    private val context: Context = RuntimeEnvironment.getApplication()
    private val manager = context.getSystemService(NotificationManager::class.java)!!
    private val notifications = SessionNotifications(context)
    private val ended = Shown("notice-7", 7, "Example Chat", "Session Expired: Please log in to continue receiving notifications.", 1_000)

    @Test
    fun `it shows what there is to say, and opens the app`() {
        val launcher = launcher()
        assertTrue(notifications.show(ended))
        val shown = shadowOf(manager).getNotification("notice-7", SessionNotifications.ID)
        assertEquals("Example Chat", shown.extras.getCharSequence(Notification.EXTRA_TITLE).toString())
        assertEquals(ended.text, shown.extras.getCharSequence(Notification.EXTRA_TEXT).toString())
        assertEquals(ended.text, shown.extras.getCharSequence(Notification.EXTRA_BIG_TEXT).toString())
        assertEquals(1_000, shown.`when`)
        assertEquals(launcher, shadowOf(shown.contentIntent).savedIntent.component)
        assertTrue(shadowOf(shown.contentIntent).isImmutable)
    }

    @Test
    fun `a tap opens the account that it is about, whichever was shown last`() {
        launcher()
        notifications.show(ended)
        notifications.show(ended.copy(tag = "notice-8", account = 8))
        assertEquals(listOf(7L, 8L), listOf("notice-7", "notice-8").map { SteadfastAndroid.accountOf(tapped(it)) })
        // Or an app that is open would come to the front with the page that it had, and be told nothing.
        val told = Intent.FLAG_ACTIVITY_NEW_TASK or Intent.FLAG_ACTIVITY_CLEAR_TOP or Intent.FLAG_ACTIVITY_SINGLE_TOP
        assertEquals(told, tapped("notice-7").flags and told)
        // Or the app's icon would open a second page over the one that the tap opened.
        val icon = context.packageManager.getLaunchIntentForPackage(context.packageName)!!
        assertTrue(tapped("notice-7").filterEquals(icon))
    }

    @Test
    fun `what is no tap of now is of no account`() {
        launcher()
        notifications.show(ended)
        val again = tapped("notice-7").addFlags(Intent.FLAG_ACTIVITY_LAUNCHED_FROM_HISTORY)
        val nonsense = Intent().putExtra("dev.steadfast.account", "seven")
        val negative = Intent().putExtra("dev.steadfast.account", -1L)
        for (other in listOf(null, Intent(Intent.ACTION_MAIN), again, nonsense, negative)) assertNull(SteadfastAndroid.accountOf(other))
    }

    @Test
    fun `the same one is not shown twice, and can be taken back`() {
        notifications.show(ended)
        notifications.show(ended)
        val flags = shadowOf(manager).getNotification("notice-7", SessionNotifications.ID).flags
        assertTrue(flags and Notification.FLAG_ONLY_ALERT_ONCE != 0)
        notifications.show(ended.copy(tag = "notice-8"))
        assertEquals(2, shadowOf(manager).size())
        notifications.withdraw("notice-7")
        notifications.withdraw("notice-7")
        assertEquals(1, shadowOf(manager).size())
    }

    @Test
    fun `where the user switched notifications off, nothing counts as shown`() {
        shadowOf(manager).setNotificationsEnabled(false)
        assertFalse(notifications.show(ended))
        assertEquals(0, shadowOf(manager).size())
    }

    @Test
    @Config(shadows = [RefusingNotifications::class])
    fun `what the system does not take counts neither as shown nor as taken back`() {
        RefusingNotifications.refuse { assertFalse(notifications.show(ended)) }
        assertTrue(notifications.show(ended))
        RefusingNotifications.withdrawing.refuse { assertFalse(notifications.withdraw(ended.tag)) }
        assertTrue(notifications.withdraw(ended.tag))
    }

    @Test
    @Config(sdk = [35])
    fun `it has a channel of its own, so that it shows although others are off`() {
        manager.createNotificationChannel(NotificationChannel("messages", "Messages", NotificationManager.IMPORTANCE_NONE))
        assertTrue(notifications.show(ended))
        val shown = shadowOf(manager).getNotification("notice-7", SessionNotifications.ID)
        assertEquals("steadfast-sessions", shown.channelId)
        assertEquals(NotificationManager.IMPORTANCE_HIGH, manager.getNotificationChannel("steadfast-sessions").importance)
    }

    @Test
    @Config(sdk = [35], shadows = [RefusingChannels::class])
    fun `without its channel nothing counts as shown`() {
        // The system takes such a one, and shows nothing.
        RefusingChannels.refuse { assertFalse(notifications.show(ended)) }
        assertTrue(notifications.show(ended))
    }

    @Test
    @Config(sdk = [35])
    fun `where the user switched this channel off, nothing counts as shown`() {
        manager.createNotificationChannel(NotificationChannel("steadfast-sessions", "Sessions", NotificationManager.IMPORTANCE_NONE))
        assertFalse(notifications.show(ended))
    }

    @Test
    @Config(sdk = [24])
    @Suppress("DEPRECATION")
    fun `Android 7 has importance in place of channels`() {
        notifications.show(ended)
        assertEquals(Notification.PRIORITY_HIGH, shadowOf(manager).getNotification("notice-7", SessionNotifications.ID).priority)
    }

    private fun launcher(): ComponentName {
        val launcher = ComponentName(context, "dev.steadfast.android.Launcher")
        shadowOf(context.packageManager).addActivityIfNotPresent(launcher)
        shadowOf(context.packageManager).addIntentFilterForActivity(
            launcher,
            IntentFilter(Intent.ACTION_MAIN).apply { addCategory(Intent.CATEGORY_LAUNCHER) },
        )
        return launcher
    }

    private fun tapped(tag: String) = shadowOf(shadowOf(manager).getNotification(tag, SessionNotifications.ID).contentIntent).savedIntent

    @Test
    fun `the icon is the app's, if its manifest names one`() {
        assertEquals(android.R.drawable.stat_sys_warning, NotificationLook(context).icon())
        val information = shadowOf(context.packageManager).getInternalMutablePackageInfo(context.packageName).applicationInfo!!
        information.metaData =
            android.os.Bundle().apply {
                putInt("dev.steadfast.notification_icon", 42)
                putInt("dev.steadfast.channel_name", android.R.string.ok)
            }
        assertEquals(42, NotificationLook(context).icon())
        assertEquals(context.getString(android.R.string.ok), NotificationLook(context).channelName())
        information.metaData.putInt("dev.steadfast.channel_name", 42)
        assertEquals("Signed-in sessions", NotificationLook(context).channelName())
    }
}
