package dev.steadfast.android

import android.app.Activity
import android.app.AlertDialog
import android.app.Application
import android.app.Dialog
import android.os.Bundle
import android.os.Looper
import org.junit.Assert.assertEquals
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ActivityController
import org.robolectric.annotation.Config
import org.robolectric.util.ReflectionHelpers
import java.time.Duration

@RunWith(RobolectricTestRunner::class)
class LifecycleTest {
    private val application: Application = RuntimeEnvironment.getApplication()
    private val reports = mutableListOf<Foreground>()
    private val coming = mutableListOf<Boolean>()
    private val lifecycle = Lifecycle(application, reports::add, coming::add).also { it.start() }

    class Page : Activity()

    class Gone : Activity() {
        override fun onCreate(state: Bundle?) {
            super.onCreate(state)
            finish()
        }
    }

    @Test
    fun `an app that the system started in the background says nothing`() {
        after(Duration.ofMinutes(1))
        assertEquals(emptyList<Foreground>(), reports)
    }

    @Test
    fun `an app comes to the front, and is suspended 15 seconds after it left`() {
        val page = front()
        assertEquals(listOf(Foreground.Running, Foreground.Focused), reports)
        back(page)
        assertEquals(Foreground.Running, reports.last())
        after(Duration.ofMillis(Lifecycle.GRACE_MILLIS - 1))
        assertEquals(Foreground.Running, reports.last())
        after(Duration.ofMillis(1))
        assertEquals(listOf(Foreground.Running, Foreground.Focused, Foreground.Running, Foreground.Suspended), reports)
    }

    @Test
    fun `a page is coming from when it is created until it starts, or ends without`() {
        val first = Robolectric.buildActivity(Page::class.java).create()
        assertEquals(listOf(true), coming)
        val second = Robolectric.buildActivity(Page::class.java).create()
        first.start()
        assertEquals(listOf(true, true, true), coming)
        second.destroy()
        assertEquals(listOf(true, true, true, false), coming)
        first.resume().pause().stop().restart().start()
        assertEquals(listOf(true, true, true, false), coming)
    }

    @Test
    fun `a short look at another app suspends nothing`() {
        val page = front()
        back(page)
        after(Duration.ofSeconds(14))
        page.restart().start().resume().visible()
        page.windowFocusChanged(true)
        after(Duration.ofMinutes(1))
        assertEquals(listOf(Foreground.Running, Foreground.Focused, Foreground.Running, Foreground.Focused), reports)
    }

    @Test
    fun `turning the device is no leaving`() {
        val page = front()
        page.recreate()
        page.windowFocusChanged(true)
        after(Duration.ofMinutes(1))
        assertEquals(Foreground.Focused, reports.last())
        assertEquals(false, Foreground.Suspended in reports)
    }

    @Test
    fun `from one page to the next is no leaving`() {
        val first = front()
        first.pause()
        val second = front()
        first.windowFocusChanged(false)
        first.stop()
        after(Duration.ofMinutes(1))
        assertEquals(listOf(Foreground.Running, Foreground.Focused), reports)
        back(second)
        assertEquals(Foreground.Running, reports.last())
    }

    @Test
    fun `beside another app in a split screen it runs, and is focused when it is touched`() {
        val page = front()
        page.windowFocusChanged(false)
        after(Duration.ofMinutes(10))
        assertEquals(listOf(Foreground.Running, Foreground.Focused, Foreground.Running), reports)
        page.windowFocusChanged(true)
        assertEquals(Foreground.Focused, reports.last())
    }

    @Test
    fun `a focus that is back in a moment was never gone`() {
        val page = front()
        page.windowFocusChanged(false)
        after(Duration.ofMillis(Lifecycle.SETTLE_MILLIS - 1))
        page.windowFocusChanged(true)
        after(Duration.ofMinutes(1))
        assertEquals(listOf(Foreground.Running, Foreground.Focused), reports)
    }

    @Test
    @Config(sdk = [35])
    fun `a dialog of the app has the focus for it`() {
        val page = front()
        val dialog = AlertDialog.Builder(page.get()).setMessage("sure?").show()
        shadowOf(Looper.getMainLooper()).idle()
        focus(dialog, true)
        page.windowFocusChanged(false)
        after(Duration.ofMinutes(1))
        assertEquals(listOf(Foreground.Running, Foreground.Focused), reports)
        focus(dialog, false)
        after(Duration.ofMinutes(1))
        assertEquals(Foreground.Running, reports.last())
        focus(dialog, true)
        assertEquals(Foreground.Focused, reports.last())
    }

    @Test
    fun `a page that ends before it is shown leaves nothing behind`() {
        Robolectric.buildActivity(Gone::class.java).create().destroy()
        after(Duration.ofMinutes(1))
        assertEquals(emptyList<Foreground>(), reports)
        front()
        assertEquals(Foreground.Focused, reports.last())
    }

    @Test
    fun `nothing is told after the stop`() {
        val page = front()
        back(page)
        lifecycle.stop()
        after(Duration.ofMinutes(1))
        assertEquals(Foreground.Running, reports.last())
    }

    private fun front(): ActivityController<Page> {
        val page = Robolectric.buildActivity(Page::class.java)
        page.create().start().resume().visible()
        page.windowFocusChanged(true)
        return page
    }

    /** As the window manager does it to the window of a dialog. */
    private fun focus(
        dialog: Dialog,
        focused: Boolean,
    ) {
        val root = ReflectionHelpers.callInstanceMethod<Any>(dialog.window!!.decorView, "getViewRootImpl")
        val argument = ReflectionHelpers.ClassParameter.from(Boolean::class.java, focused)
        ReflectionHelpers.callInstanceMethod<Unit>(root, "windowFocusChanged", argument)
        shadowOf(Looper.getMainLooper()).idle()
    }

    private fun back(page: ActivityController<Page>) {
        page.pause()
        page.windowFocusChanged(false)
        page.stop()
    }

    private fun after(time: Duration) = shadowOf(Looper.getMainLooper()).idleFor(time)
}
