package dev.steadfast.android

import android.app.AlarmManager
import android.app.Application
import android.app.NotificationManager
import android.app.job.JobScheduler
import android.content.Intent
import android.net.NetworkCapabilities
import android.net.ProxyInfo
import android.net.Uri
import android.os.Looper
import android.os.UserManager
import dev.steadfast.Account
import dev.steadfast.core.Link
import dev.steadfast.core.Shows
import dev.steadfast.core.SignIn
import dev.steadfast.core.SignInAgain
import dev.steadfast.core.Standing
import dev.steadfast.core.SteadfastException
import dev.steadfast.core.ToShow
import dev.steadfast.testing.SAFETY_MILLIS
import dev.steadfast.testing.TestKeystore
import dev.steadfast.testing.TestServer
import dev.steadfast.testing.TestWorld
import dev.steadfast.testing.await
import dev.steadfast.testing.eventually
import dev.steadfast.testing.failure
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.flow.filterNotNull
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import kotlinx.coroutines.withTimeoutOrNull
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Rule
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ActivityController
import org.robolectric.annotation.Config
import org.robolectric.shadows.ShadowNetwork
import java.io.File
import java.net.InetAddress
import java.net.ServerSocket
import java.net.URI
import java.time.Duration

/** Every adapter over the real core, against a real server. */
@RunWith(RobolectricTestRunner::class)
class SteadfastAndroidTest {
    @get:Rule
    val world = TestWorld()

    private val server get() = world.server
    private val application: Application = RuntimeEnvironment.getApplication()
    private val manager = application.getSystemService(NotificationManager::class.java)!!
    private lateinit var android: SteadfastAndroid

    @Before
    fun start() {
        TestKeystore.install()
        shadowOf(application.getSystemService(UserManager::class.java)).setUserUnlocked(true)
        android = open()
    }

    @After
    fun close() {
        runBlocking { android.close() }
        TestKeystore.uninstall()
    }

    @Test
    fun `in front the link is live, off screen it is gone after the grace`() {
        val page = front()
        val alice = signIn()
        await { alice.until { it.link == Link.Live } }
        assertTrue(TestKeystore.aliases().any { it.startsWith("steadfast.account-") })
        assertTrue(File(application.noBackupFilesDir, "steadfast/vault.sqlite3").exists())
        suspend(page)
        await { alice.until { it.link == Link.Paused } }
        back(front())
        await { alice.until { it.link == Link.Live } }
    }

    @Test
    fun `what a page asks as it comes to the front is not refused as if it were off screen`() {
        var page = front()
        await { android.core.setDeviceId("android_rn-v2:first") }
        val alice = signIn()
        repeat(RETURNS) {
            suspend(page)
            await { alice.until { it.link == Link.Paused } }
            page = Robolectric.buildActivity(Page::class.java).create().start()
            // On screen, and the focus overtakes what the core is being told of that.
            val asked = CoroutineScope(Dispatchers.Default).run { List(QUESTIONS) { async { android.core.legacyErasable() } } }
            page.resume().visible().windowFocusChanged(true)
            await { asked.awaitAll() }
            assertEquals(1, await { alice.activeSessions() }.count { it.current })
        }
    }

    @Test
    fun `what a page asks before it has started waits until it has`() {
        await { android.core.ready() }
        val page = Robolectric.buildActivity(Page::class.java).create()
        val asked = atOnce { android.core.legacyErasable() }
        page.start().resume().visible().windowFocusChanged(true)
        await { asked.await() }
    }

    @Test
    fun `what a page asks that ends before it has started is refused with it`() {
        await { android.core.ready() }
        val page = Robolectric.buildActivity(Page::class.java).create()
        val asked = atOnce { failure { android.core.legacyErasable() } }
        page.destroy()
        assertEquals("suspended", await { asked.await() }.code())
    }

    @Test
    fun `a page that was made and never starts holds nothing up for long`() {
        runBlocking { android.close() }
        android = open(SHORT_MILLIS)
        await { android.core.ready() }
        Robolectric.buildActivity(Page::class.java).create()
        assertEquals("suspended", await { failure { android.core.legacyErasable() } }.code())
    }

    @Test
    @Config(shadows = [RefusingNotifications::class])
    fun `a session that ended while nobody looked is told by the hourly check`() {
        RefusingNotifications.asked()
        val page = front()
        val alice = signIn()
        await { alice.until { it.link == Link.Live } }
        suspend(page)
        await { alice.until { it.link == Link.Paused } }
        server.revokeSessionsLater("alice")
        eventually { application.getSystemService(JobScheduler::class.java)!!.allPendingJobs.size == 1 }
        anHourPasses()
        await { alice.until { it.shows is Shows.SignIn } }
        val shown = shadowOf(manager).allNotifications.single()
        assertTrue("Session Expired" in shown.extras.getCharSequence("android.text").toString())
        await { android.core.notices.first { it.isEmpty() } }
        // The check and whoever follows the changes both saw it.
        assertEquals(1, RefusingNotifications.asked())
    }

    @Test
    @Config(shadows = [RefusingNotifications::class])
    fun `a session that ended while nobody looked is told once by a push that the app hands over`() {
        RefusingNotifications.asked()
        val page = front()
        val alice = signIn()
        await { alice.until { it.link == Link.Live } }
        suspend(page)
        await { alice.until { it.link == Link.Paused } }
        server.revokeSessionsLater("alice")
        val push = mapOf("type" to "session", "server_id" to "", "version" to "v2", "message" to "Session Expired")
        val received = await { android.core.pushReceived(push) }
        assertTrue(received.handled)
        assertEquals(alice.id, (received.toShow as ToShow.Notices).notices.single().account)
        // What the app is not to show, the library does.
        eventually { shadowOf(manager).size() == 1 }
        await { android.core.notices.first { it.isEmpty() } }
        anHourPasses()
        assertEquals(ToShow.Nothing, await { android.core.pushReceived(push) }.toShow)
        assertEquals(1, RefusingNotifications.asked())
    }

    /** Hazard D02. */
    @Test
    fun `a wrong end is taken back from the system, and the session is taken up again without a password`() {
        val page = front()
        val alice = signIn()
        await { alice.until { it.link == Link.Live } }
        back(page)
        server.turn("clock_advance", """{"by":60000}""")
        server.turn("replica_lag", """{"lag":$AN_HOUR_MILLIS}""")
        server.turn("clear_token_cache", "{}")
        assertEquals(Standing.ENDED, await { alice.verify(SAFETY_MILLIS) })
        eventually { shadowOf(manager).size() == 1 }
        await { android.core.notices.first { it.isEmpty() } }
        assertTrue("Session Expired" in shown())
        assertFalse(alice.state.value.mayContinue)
        server.turn("replica_lag", """{"lag":0}""")
        await { alice.verify(SAFETY_MILLIS) }
        await { alice.until { it.mayContinue } }
        // The offer stands in its place.
        eventually { shadowOf(manager).size() == 1 && "Session Expired" !in shown() }
        await { android.core.withdrawnNotices.first { it.isEmpty() } }
        assertTrue(alice.state.value.shows is Shows.SignIn)
        await { alice.continueSession() }
        assertEquals(Shows.Content, alice.state.value.shows)
        eventually { shadowOf(manager).size() == 0 }
        await { android.core.withdrawnNotices.first { it.isEmpty() } }
        await { alice.until { it.link == Link.Live } }
    }

    @Test
    @Config(shadows = [RefusingNotifications::class])
    fun `an end that the system does not show now stays to be told`() {
        val page = front()
        val alice = signIn()
        await { alice.until { it.link == Link.Live } }
        back(page)
        RefusingNotifications.asked()
        RefusingNotifications.refuse {
            server.revokeSessionsLater("alice")
            await { alice.until { it.shows is Shows.SignIn } }
            eventually { RefusingNotifications.asked() > 0 }
        }
        assertEquals(1, await { android.core.notices.first() }.size)
        android.onScreen(null)
        eventually { shadowOf(manager).size() == 1 }
        await { android.core.notices.first { it.isEmpty() } }
    }

    @Test
    fun `in front the sign-in page tells it, and nothing else`() {
        front()
        val alice = signIn()
        await { alice.until { it.link == Link.Live } }
        server.revokeSessionsLater("alice")
        val ended = await { alice.until { it.shows is Shows.SignIn } }
        assertEquals("session_expired", (ended.shows as Shows.SignIn).message?.id)
        await { android.core.notices.first { it.isEmpty() } }
        assertEquals(0, shadowOf(manager).size())
    }

    @Test
    fun `in front the end of an account that is not on screen is told by a notification`() {
        front()
        val alice = signIn()
        val bob = await { android.core.signIn(SignIn(server.url(), "bob", TestServer.BOB)) }
        listOf(alice, bob).forEach { account -> await { account.until { it.link == Link.Live } } }
        android.onScreen(alice.id)
        server.revokeSessionsLater("bob")
        eventually { shadowOf(manager).size() == 1 }
        await { android.core.notices.first { it.isEmpty() } }
        assertTrue(bob.state.value.shows is Shows.SignIn)
        server.revokeSessionsLater("alice")
        await { alice.until { it.shows is Shows.SignIn } }
        await { android.core.notices.first { it.isEmpty() } }
        // The page on screen told that one.
        assertEquals(1, shadowOf(manager).size())
    }

    @Test
    fun `of several accounts the app may not say which is on screen, and then each end is told`() {
        front()
        val alice = signIn()
        await { android.core.signIn(SignIn(server.url(), "bob", TestServer.BOB)) }
        await { alice.until { it.link == Link.Live } }
        server.revokeSessionsLater("alice")
        await { alice.until { it.shows is Shows.SignIn } }
        eventually { shadowOf(manager).size() == 1 }
    }

    @Test
    fun `the reminder of the expiry is handed to the system, and taken back by signing out`() {
        front()
        val alice = signIn()
        val alarms = shadowOf(application.getSystemService(AlarmManager::class.java)!!)
        eventually { alarms.scheduledAlarms.size == 1 }
        assertEquals(alice.state.value.expiresAtMillis!!, alarms.scheduledAlarms.single().triggerAtMs)
        await { alice.signOut() }
        eventually { alarms.scheduledAlarms.isEmpty() }
    }

    /** MM-T1015, MM-T1016. */
    @Test
    @Suppress("DEPRECATION") // What it replaced the fields of ScheduledAlarm with is not visible to Kotlin.
    fun `an expiry that comes while nobody looks is told once, by the system's clock`() {
        val page = front()
        val alice = signIn()
        await { alice.until { it.link == Link.Live } }
        val alarms = shadowOf(application.getSystemService(AlarmManager::class.java)!!)
        eventually { alarms.scheduledAlarms.size == 1 }
        // Off screen and in its grace: a page in front would tell it.
        back(page)
        val left = alice.state.value.expiresAtMillis!! - System.currentTimeMillis()
        server.turn("clock_advance", """{"by":${left - SOON_MILLIS}}""")
        await { alice.verify(SAFETY_MILLIS) }
        val due = { alarms.scheduledAlarms.singleOrNull()?.triggerAtMs ?: Long.MAX_VALUE }
        eventually { due() < System.currentTimeMillis() + 2 * SOON_MILLIS }
        graceIsOver()
        await { alice.until { it.link == Link.Paused } }
        eventually { due() < System.currentTimeMillis() }
        // The server is asked before the system's clock, which is late, comes to it.
        anHourPasses()
        await { alice.until { it.shows is Shows.SignIn } }
        assertEquals(0, shadowOf(manager).size())
        val alarm = alarms.scheduledAlarms.single()
        ExpiryReminderReceiver().onReceive(application, shadowOf(alarm.operation).savedIntent)
        anHourPasses()
        val shown = shadowOf(manager).allNotifications.single()
        assertTrue("may have expired" in shown.extras.getCharSequence("android.text").toString())
        // The page says the rest.
        front()
        eventually { shadowOf(manager).size() == 0 }
    }

    @Test
    fun `what the user allows in the system's settings holds with the return to the app`() =
        allowedMeanwhile(
            leave = { page, alice ->
                suspend(page)
                await { alice.until { it.link != Link.Live } }
            },
            comeBack = { page -> page.restart().start().resume() },
        )

    @Test
    fun `what the user allows in a dialog over the page holds as soon as that is gone`() =
        allowedMeanwhile(
            leave = { page, _ ->
                page.windowFocusChanged(false)
                shadowOf(Looper.getMainLooper()).idleFor(Duration.ofMillis(Lifecycle.SETTLE_MILLIS))
            },
            comeBack = {},
        )

    private fun allowedMeanwhile(
        leave: (ActivityController<Page>, Account) -> Unit,
        comeBack: (ActivityController<Page>) -> Unit,
    ) {
        shadowOf(manager).setNotificationsEnabled(false)
        val page = front()
        val alice = signIn()
        await { alice.until { it.link == Link.Live && it.expiresAtMillis != null } }
        leave(page, alice)
        val alarms = shadowOf(application.getSystemService(AlarmManager::class.java)!!)
        assertTrue(alarms.scheduledAlarms.isEmpty())
        shadowOf(manager).setNotificationsEnabled(true)
        comeBack(page)
        page.windowFocusChanged(true)
        eventually { alarms.scheduledAlarms.size == 1 }
    }

    @Test
    fun `what the system says of the network is what the core goes by`() {
        front()
        val alice = signIn()
        await { alice.until { it.link == Link.Live } }
        val wifi = ShadowNetwork.newInstance(100)
        appears(wifi, setOf(NetworkCapabilities.NET_CAPABILITY_VALIDATED))
        lost(wifi)
        await { alice.until { it.link == Link.Offline } }
        // Whether there is a way out behind a portal nobody knows, so it is tried.
        appears(wifi, setOf(NetworkCapabilities.NET_CAPABILITY_CAPTIVE_PORTAL))
        await { alice.until { it.link == Link.Live } }
        ServerSocket(0, 1, InetAddress.getLoopbackAddress()).use { proxy ->
            proxy.soTimeout = SAFETY_MILLIS.toInt()
            links(wifi, link("192.0.2.7").apply { httpProxy = ProxyInfo.buildDirectProxy("127.0.0.1", proxy.localPort) })
            val asked =
                proxy.accept().use {
                    it.soTimeout = SAFETY_MILLIS.toInt()
                    it.getInputStream().bufferedReader().readLine()
                }
            assertTrue(asked, asked.startsWith("CONNECT ${URI(server.url()).authority} "))
        }
    }

    @Test
    fun `a link that no sign-in waits for is refused, in front`() {
        val link = Intent(Intent.ACTION_VIEW, Uri.parse("mmauth://callback?MMAUTHTOKEN=stolen"))
        Robolectric.buildActivity(SsoCallbackActivity::class.java, link).create()
        front()
        val outcome = await { android.ssoOutcomes.first() } as SsoOutcome.Failed
        assertEquals("callback_refused", (outcome.reason as SteadfastException).code())
        // A page that comes up later is not told again.
        assertNull(await { withTimeoutOrNull(SHORT_MILLIS) { android.ssoOutcomes.first() } })
    }

    /** Hazards B12, B23. */
    @Test
    fun `another process of the app opens nothing and takes nothing from the pages`() {
        runBlocking { android.close() }
        application.applicationInfo.processName += ":push"
        try {
            android = open()
            val refused = assertThrows(SteadfastException::class.java) { await { android.core.ready() } }
            assertEquals("closed", refused.code())
            val notThere = assertThrows(SteadfastException::class.java) { await { android.takeOverOlderApps() } }
            assertEquals("closed", notThere.code())
            front()
            assertNull(BackgroundChecks.current)
            assertNull(android.core.openingProblem.value)
        } finally {
            application.applicationInfo.processName = application.applicationInfo.processName.removeSuffix(":push")
        }
    }

    @Test
    fun `who waits for the front to take over older apps is told when the core is closed`() {
        runBlocking {
            val waiting = async(Dispatchers.Default) { runCatching { android.takeOverOlderApps() } }
            android.core.ready()
            android.close()
            val failed = withTimeout(SAFETY_MILLIS) { waiting.await() }.exceptionOrNull()
            assertEquals("closed", (failed as SteadfastException).code())
        }
        val late = assertThrows(SteadfastException::class.java) { await { android.takeOverOlderApps() } }
        assertEquals("closed", late.code())
    }

    @Test
    fun `keys that are gone offer sign-in, a locked device does not`() {
        front()
        signIn()
        runBlocking { android.close() }
        shadowOf(application.getSystemService(UserManager::class.java)).setUserUnlocked(false)
        android = open()
        front()
        val locked = await { android.core.accounts.filterNotNull().first { it.isNotEmpty() } }.single()
        await { locked.until { it.standing == Standing.LOCKED } }
        assertNull(locked.state.value.reason)
        runBlocking { android.close() }
        shadowOf(application.getSystemService(UserManager::class.java)).setUserUnlocked(true)
        TestKeystore.lose()
        android = open()
        front()
        val lost = await { android.core.accounts.filterNotNull().first { it.isNotEmpty() } }.single()
        val shows = await { lost.until { it.shows is Shows.SignIn } }.shows as Shows.SignIn
        assertEquals("key_lost", shows.message?.id)
    }

    /** Hazard B09. */
    @Test
    fun `a key that no start can open offers a way out, and is given up only when the user takes it`() {
        front()
        val first = signIn()
        await { first.until { it.link == Link.Live } }
        // As a later version may leave it: this one cannot say what is in it, and everything else goes on.
        val key = File(application.noBackupFilesDir, "steadfast-keys").listFiles()!!.single { "account-" in it.name }
        val kept = key.readBytes()
        key.writeBytes(kept.clone().also { it[0] = Byte.MAX_VALUE })
        repeat(STARTS - 1) { assertFalse(startedAgain().state.value.maySignInAgain) }
        val waiting = android.core.accounts.value!!.single()
        val refused = assertThrows(SteadfastException::class.java) { await { waiting.signInAgain(SignInAgain(TestServer.ALICE)) } }
        assertEquals("key_store_unavailable", refused.code())
        val stuck = startedAgain()
        await { stuck.until { it.maySignInAgain } }
        assertEquals(Shows.Content, stuck.state.value.shows)
        // It comes back before the user chose, and all is as it was.
        key.writeBytes(kept)
        assertEquals(Standing.ACTIVE, await { stuck.verify(SAFETY_MILLIS) })
        assertFalse(stuck.state.value.maySignInAgain)

        key.writeBytes(kept.clone().also { it[0] = Byte.MAX_VALUE })
        repeat(STARTS - 1) { assertFalse(startedAgain().state.value.maySignInAgain) }
        val again = startedAgain()
        await { again.until { it.maySignInAgain } }
        await { again.signInAgain(SignInAgain(TestServer.ALICE)) }
        await { again.until { it.link == Link.Live } }
        assertFalse(again.state.value.maySignInAgain)
        eventually { !key.exists() }
        assertFalse(TestKeystore.aliases().contains("steadfast." + key.name.removeSuffix(".key")))
    }

    /** The process is another one, in front, and the account's key was asked for. */
    private fun startedAgain(): Account {
        runBlocking { android.close() }
        android = open()
        front()
        val alice = await { android.core.accounts.filterNotNull().first { it.isNotEmpty() } }.single()
        await { alice.until { it.standing == Standing.LOCKED } }
        return alice
    }

    /** Begun when this returns. */
    private fun <T> atOnce(ask: suspend () -> T) = CoroutineScope(Dispatchers.Default).async(start = CoroutineStart.UNDISPATCHED) { ask() }

    private fun open(heardMillis: Long = SAFETY_MILLIS) =
        SteadfastAndroid.start(application, AndroidOptions(configure = world::trusting), heardMillis)

    private fun signIn(): Account = await { android.core.signIn(SignIn(server.url(), "alice", TestServer.ALICE)) }

    private fun shown() = shadowOf(manager).allNotifications.single().extras.getCharSequence("android.text").toString()

    private companion object {
        /** Long enough for what is at hand. */
        const val SHORT_MILLIS = 200L

        /** How much a page asks while it comes up. */
        const val QUESTIONS = 20

        /** How often the user comes back. */
        const val RETURNS = 10

        /** How long the session has left while its user puts the phone away. */
        const val SOON_MILLIS = 5_000L

        /** Starts in which the user saw it so, before a way out is offered. */
        const val STARTS = 5

        /** Longer than the test takes. */
        const val AN_HOUR_MILLIS = 3_600_000L
    }
}
