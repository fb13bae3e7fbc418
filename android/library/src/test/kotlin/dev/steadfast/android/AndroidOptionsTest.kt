package dev.steadfast.android

import android.app.AlarmManager
import android.app.Application
import android.app.NotificationManager
import android.app.job.JobScheduler
import android.os.UserManager
import dev.steadfast.core.Destination
import dev.steadfast.core.Link
import dev.steadfast.core.Message
import dev.steadfast.core.NetworkProfile
import dev.steadfast.core.Proxy
import dev.steadfast.core.Shows
import dev.steadfast.core.SignIn
import dev.steadfast.testing.Gate
import dev.steadfast.testing.Identity
import dev.steadfast.testing.Platform
import dev.steadfast.testing.SAFETY_MILLIS
import dev.steadfast.testing.TestAuthorities
import dev.steadfast.testing.TestKeystore
import dev.steadfast.testing.TestServer
import dev.steadfast.testing.TestWorld
import dev.steadfast.testing.await
import dev.steadfast.testing.eventually
import dev.steadfast.testing.failure
import kotlinx.coroutines.flow.first
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Rule
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import java.security.cert.CertificateFactory

/** Each of the options does what it says, from the start on and over the real core. */
@RunWith(RobolectricTestRunner::class)
class AndroidOptionsTest {
    @get:Rule
    val world = TestWorld()

    private val server get() = world.server
    private val application: Application = RuntimeEnvironment.getApplication()
    private val manager = application.getSystemService(NotificationManager::class.java)!!
    private var started: SteadfastAndroid? = null

    @Before
    fun install() {
        TestKeystore.install()
        shadowOf(application.getSystemService(UserManager::class.java)).setUserUnlocked(true)
    }

    @After
    fun uninstall() {
        close()
        TestKeystore.uninstall()
        TestAuthorities.uninstall()
    }

    @Test
    fun `an app that shows notifications itself has everything to show, and the library shows nothing`() {
        val android = start(AndroidOptions(showNotifications = false, configure = world::trusting))
        val page = front()
        val alice = android.signIn("alice", TestServer.ALICE)
        await { alice.until { it.link == Link.Live } }
        assertEquals(alice.id, await { android.core.reminders.first { it.isNotEmpty() } }.single().account)
        suspend(page)
        await { alice.until { it.link == Link.Paused } }
        server.revokeSessionsLater("alice")
        anHourPasses()
        val notice = await { android.core.notices.first { it.isNotEmpty() } }.single()
        assertEquals(alice.id, notice.account)
        assertEquals(0, shadowOf(manager).size())
        assertTrue(shadowOf(application.getSystemService(AlarmManager::class.java)!!).scheduledAlarms.isEmpty())
        await { android.core.acknowledgeNotice(notice.id) }
        await { android.core.notices.first { it.isEmpty() } }
    }

    @Test
    fun `an app that wants no checks has none, not even the one of an earlier version`() {
        val jobs = application.getSystemService(JobScheduler::class.java)!!
        start(AndroidOptions(configure = world::trusting))
        eventually { jobs.allPendingJobs.size == 1 }
        start(AndroidOptions(checkInBackground = false, configure = world::trusting))
        eventually { jobs.allPendingJobs.isEmpty() }
        assertNull(BackgroundChecks.current)
    }

    @Test
    fun `the system shows the app's words, and English ones where it has none`() {
        var words: (Message) -> String = { "${it.id} in other words" }
        val android = start(AndroidOptions(translate = { words(it) }, configure = world::trusting))
        back(front().also { android.signIn("alice", TestServer.ALICE) })
        endOf("alice", android)
        assertEquals(listOf("session_expired_notification in other words"), shown())
        words = { error("no word for ${it.id}") }
        front().also { android.signIn("bob", TestServer.BOB) }.let(::back)
        endOf("bob", android)
        assertTrue("${shown()}", shown().any { "Session Expired" in it })
    }

    @Test
    fun `keys lie where the app keeps them`() {
        val android = start(AndroidOptions(keyStore = world.keys(), configure = world::trusting))
        front()
        android.signIn("alice", TestServer.ALICE)
        assertTrue(
            world.folder
                .resolve("keys")
                .list()!!
                .any { it.startsWith("account-") },
        )
        assertTrue(TestKeystore.aliases().isEmpty())
    }

    @Test
    fun `an authority that the user added counts for servers only if the app says so`() {
        val authority = CertificateFactory.getInstance("X.509").generateCertificate(server.authority().byteInputStream())
        TestAuthorities.install(mapOf("user:1a2b3c.0" to authority.encoded))
        val careful = start(AndroidOptions())
        front()
        assertEquals("insecure_connection", await { failure { careful.core.probeServer(server.url()) } }.code())
        val trusting = start(AndroidOptions(trustUserAuthorities = true))
        front()
        assertEquals("11.", await { trusting.core.probeServer(server.url()) }.version.take(3))
    }

    /** Hazard E09. */
    @Test
    fun `a certificate of the app's opens a gateway`() {
        val device = Identity(world.folder, "device")
        val platform = Platform(device)
        Gate(world.folder, server.url(), server.authority(), device).use { gate ->
            val options =
                AndroidOptions(certificates = platform, configure = { it.copy(extraAuthorities = listOf(gate.authority)) })
            val android = start(options)
            front()
            val without = await { failure { android.core.probeServer(gate.url) } }
            assertEquals("client_certificate_needed", without.code())
            val with = Destination(gate.url, NetworkProfile(Proxy.System, null, "work", null))
            assertEquals("11.", await { android.core.probeServer(with) }.version.take(3))
            assertTrue(platform.asked.get() > 0)
        }
    }

    /** In place of the one before, if there is one. */
    private fun start(options: AndroidOptions): SteadfastAndroid {
        close()
        return SteadfastAndroid.start(application, options, SAFETY_MILLIS).also { started = it }
    }

    private fun close() {
        started?.let { await { it.close() } }
        started = null
    }

    private fun SteadfastAndroid.signIn(
        name: String,
        password: String,
    ) = await { core.signIn(SignIn(server.url(), name, password)) }

    private fun endOf(
        name: String,
        android: SteadfastAndroid,
    ) {
        val account =
            android.core.accounts.value!!
                .single { it.state.value.username == name }
        await { account.until { it.link == Link.Live } }
        val before = shadowOf(manager).size()
        server.revokeSessionsLater(name)
        await { account.until { it.shows is Shows.SignIn } }
        eventually { shadowOf(manager).size() == before + 1 }
    }

    private fun shown() = shadowOf(manager).allNotifications.map { it.extras.getCharSequence("android.text").toString() }
}
