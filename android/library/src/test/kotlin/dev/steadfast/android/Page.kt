package dev.steadfast.android

import android.app.Activity
import android.app.job.JobParameters
import android.os.Looper
import dev.steadfast.Account
import dev.steadfast.core.Snapshot
import dev.steadfast.testing.eventually
import kotlinx.coroutines.flow.first
import org.junit.Assert.assertTrue
import org.robolectric.Robolectric
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ActivityController
import org.robolectric.util.ReflectionHelpers
import java.time.Duration

// What the user of an app and the system do to it.

/** A page of the app. */
class Page : Activity()

/** The user opens the app. */
fun front(): ActivityController<Page> {
    val page = Robolectric.buildActivity(Page::class.java)
    page.create().start().resume().visible()
    page.windowFocusChanged(true)
    return page
}

/** The user leaves it. */
fun back(page: ActivityController<Page>) {
    page.pause()
    page.windowFocusChanged(false)
    page.stop()
}

/** The user leaves it, and the grace passes. */
fun suspend(page: ActivityController<Page>) {
    back(page)
    graceIsOver()
}

/** The grace passes of an app that was left. */
fun graceIsOver() = shadowOf(Looper.getMainLooper()).idleFor(Duration.ofMillis(Lifecycle.GRACE_MILLIS))

/** The system has the sessions asked about. */
fun anHourPasses() {
    val service = Robolectric.setupService(BackgroundCheckService::class.java)
    assertTrue(service.onStartJob(ReflectionHelpers.newInstance(JobParameters::class.java)))
    eventually { shadowOf(service).isJobFinished }
}

suspend fun Account.until(condition: (Snapshot) -> Boolean) = state.first(condition)
