package dev.steadfast.android

import android.app.Activity
import android.app.Application
import android.content.Context
import android.content.SharedPreferences
import android.os.UserManager
import android.security.keystore.UserNotAuthenticatedException
import android.system.OsConstants
import android.util.AndroidRuntimeException
import android.webkit.CookieManager
import dev.steadfast.Account
import dev.steadfast.core.LegacyEntry
import dev.steadfast.core.LegacyErasable
import dev.steadfast.core.LegacyOutcome
import dev.steadfast.core.LegacySource
import dev.steadfast.core.PreviousInstallation
import dev.steadfast.core.Shows
import dev.steadfast.testing.SAFETY_MILLIS
import dev.steadfast.testing.TestKeystore
import dev.steadfast.testing.TestOs
import dev.steadfast.testing.TestWorld
import dev.steadfast.testing.await
import kotlinx.coroutines.flow.filterNotNull
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import org.junit.After
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Rule
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import java.io.File
import java.security.ProviderException

/** What older apps left, in the recorded shapes, over the real core and a real server. */
@RunWith(RobolectricTestRunner::class)
class OlderAppsTest {
    @get:Rule
    val world = TestWorld()

    private val server get() = world.server
    private val application: Application = RuntimeEnvironment.getApplication()
    private val older = OlderWriter(application)
    private val keychain = older.keychain
    private val jar get() = CookieManager.getInstance()
    private lateinit var android: SteadfastAndroid

    @Before
    fun start() {
        TestKeystore.install()
        unlock(true)
        open()
    }

    @After
    fun close() {
        runBlocking { android.close() }
        TestKeystore.uninstall()
        TestOs.heal()
    }

    @Test
    fun `nothing there is nothing done`() {
        assertEquals(emptyList<OlderItem>(), takeOver())
        assertEquals(emptyList<Account>(), android.core.accounts.value)
    }

    /** Q18. */
    @Test
    fun `whoever was signed in with React Native 2 is signed in, and the older app's copies are erased`() {
        val (token, _) = signInAsABrowser()
        older.keep(server.url(), token, token, OlderWriter.GCM)
        val before = sessions()
        val item = takeOver().single()
        assertEquals(server.url(), item.server)
        assertTrue((item.state as OlderItemState.HandedOver).erased)
        val alice = account()
        assertEquals("alice", await { alice.state.first { it.validatedAtMillis != null } }.username)
        assertEquals(Shows.Content, alice.state.value.shows)
        assertEquals(before, sessions())
        assertEquals(emptyMap<String, String>(), OlderDataStore(application, "RN_KEYCHAIN").read())
        assertFalse(server.url() in TestKeystore.aliases())
        assertEquals(emptyList<OlderItem>(), takeOver())
        assertEquals(listOf(alice), android.core.accounts.value)
    }

    /** Q18. */
    @Test
    fun `an item of React Native 1 whose session was revoked meanwhile leads to the sign-in page, as every other`() {
        val (token, user) = signInAsABrowser()
        older.keep(server.url(), "android_rn:abc, $user", token, OlderWriter.CBC, inPreferences = true)
        server.revokeSessionsLater("alice")
        val state = takeOver().single().state as OlderItemState.HandedOver
        val alice = android.core.account((state.outcome as LegacyOutcome.Adopted).account)!!
        val shows = await { alice.state.first { it.shows is Shows.SignIn } }.shows as Shows.SignIn
        assertEquals("session_expired", shows.message?.id)
        assertTrue(state.erased)
        assertFalse(application.getSharedPreferences("RN_KEYCHAIN", Context.MODE_PRIVATE).contains("${server.url()}:p"))
    }

    @Test
    fun `what the core has and nobody erased is not doubled with the next start`() {
        val (token, user) = signInAsABrowser()
        older.keep(server.url(), "android_rn:abc, $user", token, OlderWriter.CBC)
        val entries = ReactNativeApp(application).look().read.map { it.entry }
        handOver(entries)
        val before = account().id
        reopen()
        val state = takeOver().single().state as OlderItemState.HandedOver
        assertEquals(LegacyOutcome.Adopted(before), state.outcome)
        assertTrue(state.erased)
        assertEquals(listOf(before), android.core.accounts.value!!.map { it.id })
        assertEquals(emptyMap<String, String>(), OlderDataStore(application, "RN_KEYCHAIN").read())
    }

    @Test
    fun `the core that was not told of an erasing is told with the next start`() {
        val (token, user) = signInAsABrowser()
        older.keep(server.url(), "android_rn:abc, $user", token, OlderWriter.CBC)
        val find = ReactNativeApp(application).look().read.single()
        handOver(listOf(find.entry))
        assertTrue(find.erase())
        reopen()
        assertEquals(listOf(find.id), await { android.core.legacyErasable() }.map { it.id })
        assertEquals(emptyList<OlderItem>(), takeOver())
        assertEquals(emptyList<LegacyErasable>(), await { android.core.legacyErasable() })
        assertEquals(1, android.core.accounts.value!!.size)
    }

    /** Hazard B09. */
    @Test
    fun `what the Keystore cannot open now is kept, reported, and taken over later`() {
        val (token, _) = signInAsABrowser()
        older.keep(server.url(), token, token, OlderWriter.GCM)
        val before = keychain.readBytes()
        val paused = ArrayList<Long>()
        val app = ReactNativeApp(application, OlderKeystore(paused::add))
        TestKeystore.failAlways(ProviderException("Keystore operation failed"))
        assertEquals(OlderItemState.Unreadable, app.look().notRead.single().state)
        TestKeystore.failAlways(null)
        assertEquals(listOf(100L, 500L), paused)
        assertArrayEquals(before, keychain.readBytes())
        TestKeystore.failNext(ProviderException("Keystore operation failed"))
        assertEquals(token, app.look().read.single().entry.value)
        assertTrue((takeOver().single().state as OlderItemState.HandedOver).erased)
        account()
    }

    /** Hazard B07. */
    @Test
    fun `an item that a backup brought without its key is kept`() {
        older.keep(server.url(), "token", "token", OlderWriter.GCM)
        older.keep("https://other.example", "token", "token", OlderWriter.CBC)
        val before = keychain.readBytes()
        TestKeystore.replaceKeys()
        // Of the second, nothing tells whether the key is the right one; the core looks at what comes out.
        assertEquals(OlderItemState.Unreadable, takeOver().first { it.server == server.url() }.state)
        TestKeystore.lose()
        assertEquals(List(2) { OlderItemState.Unreadable }, takeOver().map { it.state })
        assertArrayEquals(before, keychain.readBytes())
    }

    @Test
    fun `as long as something cannot be read, the core is not told that it was erased`() {
        val (token, user) = signInAsABrowser()
        older.keep(server.url(), "android_rn:abc, $user", token, OlderWriter.CBC)
        val find = ReactNativeApp(application).look().read.single()
        handOver(listOf(find.entry))
        val whole = keychain.readBytes()
        keychain.writeBytes(whole.copyOf(whole.size - 3))
        assertEquals(OlderItemState.Unreadable, takeOver().single().state)
        assertEquals(listOf(find.id), await { android.core.legacyErasable() }.map { it.id })
        assertArrayEquals(whole.copyOf(whole.size - 3), keychain.readBytes())
        keychain.writeBytes(whole)
        assertTrue((takeOver().single().state as OlderItemState.HandedOver).erased)
    }

    /** Hazard B04. */
    @Test
    fun `a store that the system fails to look up is not said to be erased`() {
        val (token, user) = signInAsABrowser()
        older.keep(server.url(), "android_rn:abc, $user", token, OlderWriter.CBC)
        val find = ReactNativeApp(application).look().read.single()
        handOver(listOf(find.entry))
        val aside = File(keychain.path + ".aside")
        // To Java it looks as if there were no file.
        assertTrue(keychain.renameTo(aside))
        val preferences = File(application.applicationInfo.dataDir, "shared_prefs/RN_KEYCHAIN.xml")
        for (unfound in listOf(keychain, preferences)) {
            TestOs.fail(unfound.path, OsConstants.EIO)
            assertEquals(OlderItemState.Unreadable, takeOver().single().state)
            assertEquals(listOf(find.id), await { android.core.legacyErasable() }.map { it.id })
            TestOs.heal()
        }
        assertTrue(aside.renameTo(keychain))
        assertTrue((takeOver().single().state as OlderItemState.HandedOver).erased)
    }

    /** Hazard B09. */
    @Test
    fun `a key that the Keystore says once it has not is asked for again`() {
        val (token, _) = signInAsABrowser()
        older.keep(server.url(), token, token, OlderWriter.GCM)
        val app = ReactNativeApp(application, OlderKeystore { TestKeystore.revive() })
        TestKeystore.die()
        assertEquals(token, app.look().read.single().entry.value)
    }

    @Test
    fun `what cannot be erased now is erased with the next start`() {
        val (token, user) = signInAsABrowser()
        older.keep(server.url(), "android_rn:abc, $user", token, OlderWriter.CBC)
        val inTheWay = File(keychain.path + ".tmp")
        assertTrue(inTheWay.mkdir())
        assertFalse((takeOver().single().state as OlderItemState.HandedOver).erased)
        assertTrue(server.url() in TestKeystore.aliases())
        assertTrue(inTheWay.delete())
        assertTrue((takeOver().single().state as OlderItemState.HandedOver).erased)
        assertEquals(1, android.core.accounts.value!!.size)
    }

    @Test
    fun `what asks for the user's finger, or is of an unknown form, is left alone and reported`() {
        older.keep("https://finger.example", "token", "token", "KeystoreAESGCM")
        older.keep("https://face.example", "token", "token", "KeystoreRSAECB")
        older.keep("https://conceal.example", "token", "token", "FacebookConceal")
        val before = keychain.readBytes()
        val states = takeOver().associate { it.server to it.state }
        assertEquals(OlderItemState.BoundToUser, states["https://finger.example"])
        assertEquals(OlderItemState.BoundToUser, states["https://face.example"])
        assertEquals(OlderItemState.UnknownForm, states["https://conceal.example"])
        assertArrayEquals(before, keychain.readBytes())
        assertTrue("https://finger.example" in TestKeystore.aliases())
    }

    @Test
    fun `a key that wants to see the user first is left alone and reported`() {
        older.keep("https://one.example", "token", "token", OlderWriter.CBC)
        TestKeystore.failNextKey(UserNotAuthenticatedException())
        assertEquals(OlderItemState.BoundToUser, ReactNativeApp(application).look().notRead.single().state)
    }

    @Test
    fun `preferences that are damaged are reported, and not written over`() {
        val file = File(application.applicationInfo.dataDir, "shared_prefs/RN_KEYCHAIN.xml")
        file.parentFile!!.mkdirs()
        file.writeText("<map><string name=")
        assertEquals(OlderItemState.Unreadable, takeOver().single().state)
        assertEquals("<map><string name=", file.readText())
    }

    /** Hazard B04. */
    @Test
    fun `before the first unlock nothing is looked at`() {
        val (token, user) = signInAsABrowser()
        older.keep(server.url(), "android_rn:abc, $user", token, OlderWriter.CBC)
        val before = keychain.readBytes()
        unlock(false)
        assertEquals(OlderAppsResult.Locked, await { android.takeOverOlderApps() })
        assertArrayEquals(before, keychain.readBytes())
        unlock(true)
        assertTrue((takeOver().single().state as OlderItemState.HandedOver).erased)
        account()
    }

    @Test
    fun `the network client's copy of a token counts where the keychain has none, and is erased with it where it has`() {
        val (token, _) = signInAsABrowser()
        older.copy(server.url(), token)
        older.copy("client-certificate", "its password")
        assertEquals(token, ReactNativeApp(application).look().read.single().entry.value)
        older.keep(server.url(), token, token, OlderWriter.GCM)
        assertTrue((takeOver().single().state as OlderItemState.HandedOver).erased)
        account()
        assertEquals(setOf("client-certificate"), OlderDataStore(application, "APIClientDataStore").read().keys)
        assertEquals(emptySet<String>(), OlderDataStore(application, "RN_KEYCHAIN").read().keys)
        assertTrue("NetworkClientAndroidKeyStore" in TestKeystore.aliases())
    }

    @Test
    fun `each of the apps is known by what it wrote`() {
        older.keep("https://two.example", "token", "token", OlderWriter.GCM)
        older.keep("https://one.example", "android_rn:abc, u1", "token", OlderWriter.CBC)
        older.keep("", "preshared_secret", "secret", OlderWriter.GCM)
        older.keep("", "android_rn:abc, u2", "token,https://old.example", OlderWriter.CBC, inPreferences = true)
        val found = ReactNativeApp(application).look().read.associate { it.entry.source to it.entry.server }
        val expected =
            mapOf(
                LegacySource.REACT_NATIVE2 to "https://two.example",
                LegacySource.REACT_NATIVE1_INTERNET to "https://one.example",
                LegacySource.REACT_NATIVE2_PRE_SHARED_SECRET to "",
                LegacySource.REACT_NATIVE1_GENERIC to "",
            )
        assertEquals(expected, found)
    }

    @Test
    fun `erasing takes out one item, and leaves every byte of the rest`() {
        val other = older.field(1, older.field(1, "a flag".toByteArray()) + older.field(2, byteArrayOf(8, 1)))
        keychain.parentFile!!.mkdirs()
        keychain.writeBytes(other)
        older.keep("https://one.example", "android_rn:abc, u1", "token", OlderWriter.CBC)
        older.keep("https://two.example", "token", "token", OlderWriter.GCM)
        assertTrue(ReactNativeApp(application).look().read.first { it.entry.server == "https://one.example" }.erase())
        assertEquals("https://two.example", ReactNativeApp(application).look().read.single().entry.server)
        assertArrayEquals(other, keychain.readBytes().copyOf(other.size))
    }

    @Test
    fun `an item that was written anew since it was read is not erased`() {
        older.keep("https://one.example", "android_rn:abc, u1", "token", OlderWriter.CBC)
        val find = ReactNativeApp(application).look().read.single()
        keychain.delete()
        older.keep("https://one.example", "android_rn:abc, u1", "another", OlderWriter.CBC)
        assertFalse(find.erase())
        assertEquals("another", ReactNativeApp(application).look().read.single().entry.value)
    }

    /** Q18. */
    @Test
    fun `a session of the classic app is its cookie, and nothing of others is touched`() {
        val (token, user) = signInAsABrowser()
        val own = classic()
        val default = application.getSharedPreferences("${application.packageName}_preferences", Context.MODE_PRIVATE)
        default.edit().putString("device_id", "gcm").putString("theme", "dark").commit()
        val jar = TestCookieJar()
        jar.setCookie(server.url(), "MMAUTHTOKEN=$token; Path=/; Secure; HttpOnly")
        jar.setCookie(server.url(), "MMUSERID=$user; Path=/; Secure")
        jar.setCookie(server.url(), "IDP=stays; Path=/")
        jar.setCookie("https://other.example", "MMAUTHTOKEN=stays; Path=/")
        val apps = OlderApps(application, android.core, listOf(ClassicApp(application) { jar })) {}
        val states = items(await { apps.takeOver() }).map { it.state as OlderItemState.HandedOver }
        assertEquals(1, states.count { it.outcome is LegacyOutcome.Adopted })
        assertEquals(4, states.count { it.erased })
        assertEquals("alice", await { account().state.first { it.validatedAtMillis != null } }.username)
        assertEquals("IDP=stays", jar.getCookie(server.url()))
        assertEquals("MMAUTHTOKEN=stays", jar.getCookie("https://other.example"))
        assertTrue(jar.flushes > 0)
        assertEquals(setOf("Team"), own.all.keys)
        assertEquals(setOf("theme"), default.all.keys)
        assertEquals(emptyList<OlderItem>(), items(await { apps.takeOver() }))
    }

    @Test
    fun `a cookie that the jar does not let go of is not said to be erased, nor is what it is found by`() {
        val (token, user) = signInAsABrowser()
        val own = classic()
        // Robolectric's jar never forgets one.
        jar.setCookie(server.url(), "MMAUTHTOKEN=$token; Path=/")
        jar.setCookie(server.url(), "MMUSERID=$user; Path=/")
        repeat(2) {
            val states = takeOver().map { it.state as OlderItemState.HandedOver }
            assertEquals(1, states.count { it.outcome is LegacyOutcome.Adopted })
            assertEquals(0, states.count { it.erased })
        }
        assertEquals(setOf("baseUrl", "Team"), own.all.keys)
        assertEquals(3, await { android.core.legacyErasable() }.size)
        account()
    }

    @Test
    fun `a session that the core leaves alone can be found again`() {
        // Its server has no TLS, and the app does not allow that.
        val own = application.getSharedPreferences("App", Context.MODE_PRIVATE)
        own.edit().putString("baseUrl", "http://plain.example").commit()
        val jar = TestCookieJar()
        jar.setCookie("http://plain.example", "MMAUTHTOKEN=abcdefghijklmnopqrstuvwxyz; Path=/")
        jar.setCookie("http://plain.example", "MMUSERID=; Path=/")
        val apps = OlderApps(application, android.core, listOf(ClassicApp(application) { jar })) {}
        repeat(2) {
            val states = items(await { apps.takeOver() }).map { it.state as OlderItemState.HandedOver }
            assertEquals(listOf(LegacyOutcome.Insecure, LegacyOutcome.Noted), states.map { it.outcome })
            assertEquals(listOf(false, false), states.map { it.erased })
        }
        assertTrue(own.contains("baseUrl"))
    }

    @Test
    fun `a web view that fails while it is asked, or erases, loses nothing`() {
        val (token, user) = signInAsABrowser()
        val own = classic()
        val jar = TestCookieJar()
        jar.setCookie(server.url(), "MMAUTHTOKEN=$token; Path=/")
        jar.setCookie(server.url(), "MMUSERID=$user; Path=/")
        val apps = OlderApps(application, android.core, listOf(ClassicApp(application) { jar })) {}
        jar.failure = AndroidRuntimeException("the web view is being replaced")
        assertEquals(listOf(OlderItemState.Unreadable), items(await { apps.takeOver() }).map { it.state })
        jar.failure = null
        jar.failsToWrite = true
        val states = items(await { apps.takeOver() }).map { it.state as OlderItemState.HandedOver }
        assertEquals(listOf(false, false, false), states.map { it.erased })
        assertTrue(own.contains("baseUrl"))
        jar.failsToWrite = false
        assertEquals(3, items(await { apps.takeOver() }).count { (it.state as OlderItemState.HandedOver).erased })
        assertFalse(own.contains("baseUrl"))
    }

    @Test
    fun `a cookie that is still there is not said to be erased, though its server is gone from the preferences`() {
        val (token, user) = signInAsABrowser()
        val own = classic()
        val jar = TestCookieJar()
        jar.setCookie(server.url(), "MMAUTHTOKEN=$token; Path=/")
        jar.setCookie(server.url(), "MMUSERID=$user; Path=/")
        val apps = OlderApps(application, android.core, listOf(ClassicApp(application) { jar })) {}
        handOver(ClassicApp(application) { jar }.look().read.map { it.entry })
        own.edit().remove("baseUrl").commit()
        assertEquals(emptyList<OlderItem>(), items(await { apps.takeOver() }))
        val left = { await { android.core.legacyErasable() }.map { it.source }.toSet() }
        assertEquals(setOf(LegacySource.CLASSIC_ANDROID_COOKIE), left())
        jar.failure = AndroidRuntimeException("the web view is being replaced")
        await { apps.takeOver() }
        assertEquals(setOf(LegacySource.CLASSIC_ANDROID_COOKIE), left())
        jar.failure = null
        for (name in listOf("MMAUTHTOKEN", "MMUSERID")) jar.setCookie(server.url(), "$name=; Path=/; Max-Age=0")
        await { apps.takeOver() }
        assertEquals(emptySet<LegacySource>(), left())
    }

    @Test
    fun `the classic app that was signed out left nothing`() {
        jar.setCookie(server.url(), "MMAUTHTOKEN=token")
        assertEquals(emptyList<OlderItem>(), takeOver())
        assertEquals("MMAUTHTOKEN=token", jar.getCookie(server.url()))
    }

    @Test
    fun `a device without a web view keeps the classic app's things`() {
        val own = classic()
        val found = ClassicApp(application) { throw AndroidRuntimeException("no web view") }.look()
        assertEquals(OlderItemState.Unreadable, found.notRead.single().state)
        assertEquals(emptyList<OlderFind>(), found.read)
        assertTrue(own.contains("baseUrl"))
    }

    private fun handOver(entries: List<LegacyEntry>) = await { android.core.importLegacy(entries, PreviousInstallation.UPDATED) }

    private fun takeOver(): List<OlderItem> = items(await { android.takeOverOlderApps() })

    private fun items(result: OlderAppsResult) = (result as OlderAppsResult.Done).items

    /** The classic app's preferences, as it leaves them while somebody is signed in. */
    private fun classic(): SharedPreferences {
        val own = application.getSharedPreferences("App", Context.MODE_PRIVATE)
        own.edit().putString("baseUrl", server.url()).putString("Team", "town").commit()
        return own
    }

    private fun open() {
        android = SteadfastAndroid.start(application, AndroidOptions(configure = world::trusting), SAFETY_MILLIS)
        Robolectric.buildActivity(Activity::class.java).setup()
    }

    private fun reopen() {
        runBlocking { android.close() }
        open()
    }

    private fun account(): Account = await { android.core.accounts.filterNotNull().first { it.isNotEmpty() } }.single()

    private fun sessions() = server.turn("sessions", """{"user":"alice"}""").split("\"id\"").size

    private fun unlock(unlocked: Boolean) = shadowOf(application.getSystemService(UserManager::class.java)).setUserUnlocked(unlocked)

    private fun signInAsABrowser() = signInAsABrowser(server)
}
