package dev.steadfast.android

import android.app.AlarmManager
import android.app.Notification
import android.app.NotificationChannel
import android.app.NotificationManager
import android.app.PendingIntent
import android.app.job.JobInfo
import android.net.ConnectivityManager
import android.net.Network
import android.net.NetworkCapabilities
import org.robolectric.annotation.Implementation
import org.robolectric.annotation.Implements
import org.robolectric.shadows.ShadowAlarmManager
import org.robolectric.shadows.ShadowConnectivityManager
import org.robolectric.shadows.ShadowJobScheduler
import org.robolectric.shadows.ShadowNotificationManager
import java.util.concurrent.atomic.AtomicInteger

// Services of the system that throw at whoever asks, as those of some devices and of some moments do.

/** A service that can be told to throw. */
abstract class Refusal(
    private val failure: () -> RuntimeException,
) {
    private val count = AtomicInteger()

    @Volatile
    private var refuses = false

    /** How often it was asked since the last look. */
    fun asked(): Int = count.getAndSet(0)

    fun refuse(during: () -> Unit) {
        refuses = true
        try {
            during()
        } finally {
            refuses = false
        }
    }

    fun check() {
        count.incrementAndGet()
        if (refuses) throw failure()
    }
}

@Implements(AlarmManager::class)
class RefusingAlarms : ShadowAlarmManager() {
    @Implementation
    override fun setAndAllowWhileIdle(
        type: Int,
        at: Long,
        operation: PendingIntent?,
    ) {
        check()
        super.setAndAllowWhileIdle(type, at, operation)
    }

    companion object : Refusal({ IllegalStateException("Maximum limit of concurrent alarms 500 reached") })
}

@Implements(NotificationManager::class)
class RefusingNotifications : ShadowNotificationManager() {
    @Implementation
    override fun notify(
        tag: String?,
        id: Int,
        notification: Notification?,
    ) {
        check()
        super.notify(tag, id, notification)
    }

    @Implementation
    override fun cancel(
        tag: String?,
        id: Int,
    ) {
        withdrawing.check()
        super.cancel(tag, id)
    }

    companion object : Refusal({ SecurityException("not now") }) {
        val withdrawing = object : Refusal({ SecurityException("not now") }) {}
    }
}

/** Of Android 8 and later. */
@Implements(NotificationManager::class)
class RefusingChannels : ShadowNotificationManager() {
    @Implementation
    override fun createNotificationChannel(channel: NotificationChannel) {
        check()
        super.createNotificationChannel(channel)
    }

    companion object : Refusal({ IllegalStateException("Limit exceed; cannot create more channels") })
}

@Implements(className = "android.app.JobSchedulerImpl")
class RefusingJobs : ShadowJobScheduler.ShadowJobSchedulerImpl() {
    @Implementation
    override fun schedule(job: JobInfo): Int {
        check()
        if (job.isPersisted) persisted.check()
        return super.schedule(job)
    }

    @Implementation
    override fun cancel(job: Int) {
        check()
        super.cancel(job)
    }

    companion object : Refusal({ IllegalStateException("Apps may not schedule more than 100 distinct jobs") }) {
        val persisted =
            object : Refusal({ IllegalArgumentException("requested job be persisted without holding RECEIVE_BOOT_COMPLETED") }) {}
    }
}

@Implements(ConnectivityManager::class)
class RefusingNetworks : ShadowConnectivityManager() {
    @Implementation
    override fun registerDefaultNetworkCallback(callback: ConnectivityManager.NetworkCallback?) {
        check()
        super.registerDefaultNetworkCallback(callback)
        arriving?.let { callback?.it() }
    }

    @Implementation
    override fun unregisterNetworkCallback(callback: ConnectivityManager.NetworkCallback?) {
        check()
        super.unregisterNetworkCallback(callback)
    }

    @Implementation
    override fun getNetworkCapabilities(network: Network?): NetworkCapabilities? {
        capabilities.check()
        return super.getNetworkCapabilities(network)
    }

    companion object : Refusal({ SecurityException("Package android does not belong to 10123") }) {
        val capabilities = object : Refusal({ SecurityException("not now") }) {}

        /** What the system says on its own thread before whoever registers goes on. */
        var arriving: (ConnectivityManager.NetworkCallback.() -> Unit)? = null
    }
}
