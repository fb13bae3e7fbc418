package dev.steadfast.android

import android.content.ComponentName
import android.content.Context
import android.content.Intent
import android.content.IntentFilter
import android.net.Uri
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf

@RunWith(RobolectricTestRunner::class)
class SsoCallbackActivityTest {
    private val context: Context = RuntimeEnvironment.getApplication()
    private val taken = mutableListOf<String>()

    @After
    fun nobodyTakes() {
        SsoLinks.take(null)
        SsoLinks.take {}
        SsoLinks.take(null)
    }

    @Test
    fun `the link is handed over whole, the app comes back, and nothing of it stays`() {
        val launcher = ComponentName(context, "dev.steadfast.android.Launcher")
        shadowOf(context.packageManager).addActivityIfNotPresent(launcher)
        shadowOf(context.packageManager).addIntentFilterForActivity(
            launcher,
            IntentFilter(Intent.ACTION_MAIN).apply { addCategory(Intent.CATEGORY_LAUNCHER) },
        )
        SsoLinks.take(taken::add)
        val activity = comesBack(LINK)
        assertEquals(listOf(LINK), taken)
        assertTrue(activity.isFinishing)
        assertEquals(launcher, shadowOf(activity).nextStartedActivity.component)
    }

    @Test
    fun `a link that comes before the core is open waits, the newest one`() {
        comesBack("mmauth://callback?login_code=old")
        comesBack(LINK)
        SsoLinks.take(taken::add)
        SsoLinks.take(taken::add)
        assertEquals(listOf(LINK), taken)
    }

    @Test
    fun `what is no link of the browser's is dropped`() {
        SsoLinks.take(taken::add)
        val activity = comesBack("mmauth://elsewhere?x=1")
        Robolectric.buildActivity(SsoCallbackActivity::class.java, Intent()).create()
        Robolectric.buildActivity(SsoCallbackActivity::class.java, Intent(Intent.ACTION_MAIN, Uri.parse(LINK))).create()
        assertEquals(emptyList<String>(), taken)
        assertTrue(activity.isFinishing)
        assertNull(shadowOf(activity).nextStartedActivity)
    }

    private fun comesBack(link: String) =
        Robolectric.buildActivity(SsoCallbackActivity::class.java, Intent(Intent.ACTION_VIEW, Uri.parse(link))).create().get()

    private companion object {
        const val LINK = "mmauth://callback?srv=https%3A%2F%2Fchat.example.com&login_code=abc"
    }
}
