package dev.steadfast.android

import android.app.job.JobInfo
import android.app.job.JobParameters
import android.app.job.JobScheduler
import android.app.job.JobService
import android.content.ComponentName
import android.content.Context
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.launch

/** Asks every server whether its session still holds, and tells the user what came of it. Cancellable at any point. */
internal fun interface BackgroundCheck {
    suspend fun run()
}

/** Schedules the check that finds out about ended sessions while nobody looks at the app. */
internal class BackgroundChecks(
    private val context: Context,
) {
    private val scheduler by lazy { context.getSystemService(JobScheduler::class.java) }

    /** Has [current] run every hour or so from here on, also in a process that the system starts for it. */
    fun schedule() {
        // An app that may not ask to be started with the device has its check until then.
        unlessRefused(false) { schedule(persisted = true) } || unlessRefused(false) { schedule(persisted = false) }
    }

    private fun schedule(persisted: Boolean): Boolean {
        val job =
            JobInfo
                .Builder(JOB, ComponentName(context, BackgroundCheckService::class.java))
                .setPeriodic(PERIOD_MILLIS)
                .setRequiredNetworkType(JobInfo.NETWORK_TYPE_ANY)
                .setPersisted(persisted)
                .build()
        // Scheduling again what is there already would begin the hour anew at each start of the app.
        val isThere = scheduler?.allPendingJobs?.any { it.id == JOB && it.intervalMillis == job.intervalMillis } == true
        return isThere || scheduler?.schedule(job) == JobScheduler.RESULT_SUCCESS
    }

    /** The system runs none from here on. */
    fun cancel(): Unit = unlessRefused(Unit) { scheduler?.cancel(JOB) }

    internal companion object {
        /** Its number among the app's jobs: `steadfast` on a telephone's keys, shortened. */
        const val JOB = 783_233_278

        /** A server that ended a session is a matter of an hour at worst; more often would cost the battery. */
        const val PERIOD_MILLIS = 60 * 60 * 1_000L

        /** The check of this process; `null` if nobody opened the core here. */
        @Volatile
        var current: BackgroundCheck? = null
    }
}

/** Where the system starts the check. Declared in the library's manifest; not for the app's own use. */
internal class BackgroundCheckService : JobService() {
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)
    private var running: Job? = null

    override fun onStartJob(parameters: JobParameters): Boolean {
        // The app did not open the core in this process: there is nothing to ask with.
        val check = BackgroundChecks.current ?: return false
        running =
            scope.launch {
                try {
                    check.run()
                } catch (stopped: CancellationException) {
                    throw stopped
                } catch (_: Exception) {
                    // No check is worth the app's process; the next hour asks again.
                    return@launch
                } finally {
                    unlessRefused(Unit) { jobFinished(parameters, false) }
                }
            }
        return true
    }

    override fun onStopJob(parameters: JobParameters): Boolean {
        running?.cancel()
        // The next hour comes by itself.
        return false
    }

    override fun onDestroy() {
        scope.cancel()
        super.onDestroy()
    }
}
