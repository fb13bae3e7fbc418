package dev.steadfast.android

import android.app.job.JobInfo
import android.app.job.JobScheduler
import android.content.ComponentName
import android.content.Context
import dev.steadfast.testing.await
import dev.steadfast.testing.eventually
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.awaitCancellation
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertSame
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit

@RunWith(RobolectricTestRunner::class)
class BackgroundChecksTest {
    private val context: Context = RuntimeEnvironment.getApplication()
    private val scheduler = context.getSystemService(JobScheduler::class.java)!!
    private val checks = BackgroundChecks(context)

    @After
    fun forget() {
        BackgroundChecks.current = null
    }

    @Test
    @Suppress("DEPRECATION") // What took its place came with Android 9.
    fun `it is scheduled by the hour, with a network, beyond a restart of the device`() {
        checks.schedule()
        val job = scheduler.allPendingJobs.single()
        assertEquals(ComponentName(context, BackgroundCheckService::class.java), job.service)
        assertTrue(job.isPeriodic && job.isPersisted)
        assertEquals(JobInfo.NETWORK_TYPE_ANY, job.networkType)
        assertEquals(60 * 60 * 1_000L, job.intervalMillis)
    }

    @Test
    fun `an app that starts again does not put the next check off`() {
        checks.schedule()
        val first = scheduler.allPendingJobs.single()
        BackgroundChecks(context).schedule()
        assertSame(first, scheduler.allPendingJobs.single())
        checks.cancel()
        assertEquals(0, scheduler.allPendingJobs.size)
    }

    @Test
    @Config(shadows = [RefusingJobs::class])
    fun `a system that takes no more jobs ends nothing, and is asked again by the next start`() {
        RefusingJobs.refuse {
            checks.schedule()
            checks.cancel()
        }
        assertEquals(0, scheduler.allPendingJobs.size)
        checks.schedule()
        assertTrue(scheduler.allPendingJobs.single().isPersisted)
    }

    @Test
    @Config(shadows = [RefusingJobs::class])
    fun `an app that may not start with the device has its check until then`() {
        RefusingJobs.persisted.refuse { checks.schedule() }
        assertFalse(scheduler.allPendingJobs.single().isPersisted)
    }

    @Test
    fun `a check that fails is no end of the app, and the system hears that it is done`() {
        val escaped = LinkedBlockingQueue<Throwable>()
        val before = Thread.getDefaultUncaughtExceptionHandler()
        Thread.setDefaultUncaughtExceptionHandler { _, failure -> escaped += failure }
        try {
            BackgroundChecks.current = BackgroundCheck { error("of its own") }
            val service = Robolectric.setupService(BackgroundCheckService::class.java)
            assertTrue(service.onStartJob(parameters()))
            finished(service)
            assertNull(escaped.poll(100, TimeUnit.MILLISECONDS))
        } finally {
            Thread.setDefaultUncaughtExceptionHandler(before)
        }
    }

    @Test
    fun `the system runs it, and hears when it is done`() {
        val asked = CompletableDeferred<Unit>()
        val go = CompletableDeferred<Unit>()
        BackgroundChecks.current =
            BackgroundCheck {
                asked.complete(Unit)
                go.await()
            }
        val service = Robolectric.setupService(BackgroundCheckService::class.java)
        assertTrue(service.onStartJob(parameters()))
        await { asked.await() }
        assertFalse(shadowOf(service).isJobFinished)
        go.complete(Unit)
        finished(service)
        assertFalse(shadowOf(service).isRescheduleNeeded)
    }

    @Test
    fun `the system takes it back, and it ends at once`() {
        val asked = CompletableDeferred<Unit>()
        val cancelled = CompletableDeferred<Unit>()
        BackgroundChecks.current =
            BackgroundCheck {
                asked.complete(Unit)
                try {
                    awaitCancellation()
                } finally {
                    cancelled.complete(Unit)
                }
            }
        val service = Robolectric.setupService(BackgroundCheckService::class.java)
        service.onStartJob(parameters())
        await { asked.await() }
        assertFalse(service.onStopJob(parameters()))
        await { cancelled.await() }
    }

    @Test
    fun `a process in which nobody opened the core has nothing to do`() {
        val service = Robolectric.setupService(BackgroundCheckService::class.java)
        assertFalse(service.onStartJob(parameters()))
    }

    private fun parameters() = org.robolectric.util.ReflectionHelpers.newInstance(android.app.job.JobParameters::class.java)

    private fun finished(service: BackgroundCheckService) = eventually { shadowOf(service).isJobFinished }
}
