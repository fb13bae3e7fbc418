package dev.steadfast.android

import android.app.Activity
import android.app.Application
import android.content.Context
import android.os.UserManager
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyProperties
import android.util.Base64
import android.webkit.CookieManager
import dev.steadfast.core.LegacyOutcome
import dev.steadfast.core.LegacySource
import dev.steadfast.core.Shows
import dev.steadfast.testing.TestKeystore
import dev.steadfast.testing.TestServer
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.flow.filterNotNull
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.After
import org.junit.AfterClass
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Before
import org.junit.BeforeClass
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import java.io.ByteArrayOutputStream
import java.io.File
import java.net.HttpURLConnection
import java.net.URL
import java.security.KeyStore
import java.security.cert.CertificateFactory
import javax.crypto.Cipher
import javax.crypto.KeyGenerator
import javax.crypto.SecretKey
import javax.net.ssl.HttpsURLConnection
import javax.net.ssl.SSLContext
import javax.net.ssl.TrustManagerFactory

@RunWith(RobolectricTestRunner::class)
class OlderAppsTest {
    private val application: Application = RuntimeEnvironment.getApplication()
    private val store = File(application.filesDir, "datastore/RN_KEYCHAIN.preferences_pb")
    private lateinit var android: SteadfastAndroid

    @Before
    fun start() {
        TestKeystore.install()
        shadowOf(application.getSystemService(UserManager::class.java)).setUserUnlocked(true)
        val options = AndroidOptions(configure = { it.copy(extraAuthorities = listOf(server.authority())) })
        android = SteadfastAndroid.start(application, options)
        Robolectric.buildActivity(Activity::class.java).setup()
    }

    @After
    fun close() {
        runBlocking { android.close() }
        TestKeystore.uninstall()
    }

    @Test
    fun `nothing there costs nothing`() {
        assertEquals(0, await { android.takeOverOlderApps() }.size)
    }

    @Test
    fun `a session of React Native 2 is taken over, and erased when it is safe`() {
        val token = signInAsABrowser()
        keep(server.url(), token, token, GCM)
        await { android.takeOverOlderApps() }
        val alice = await { android.core.accounts.filterNotNull().first { it.isNotEmpty() } }.single()
        assertEquals("alice", await { alice.state.first { it.validatedAtMillis != null } }.username)
        assertEquals(Shows.Content, alice.state.value.shows)
        // What the core has, it may be erased of; a second start finds nothing.
        await { android.takeOverOlderApps() }
        assertEquals(emptyMap<String, String>(), PreferencesFile(store).read())
        assertEquals(0, await { android.takeOverOlderApps() }.size)
        assertEquals(1, android.core.accounts.value?.size)
    }

    @Test
    fun `each of the apps is known by what it wrote`() {
        keep("https://two.example", "token", "token", GCM)
        keep("https://one.example", "android_rn:abc, u1", "token", CBC)
        keep("", "android_rn:abc, u2", "token,https://old.example", CBC, inPreferences = true)
        val found = ReactNativeApp(application).look().associate { it.entry.source to it.entry.server }
        val expected =
            mapOf(
                LegacySource.REACT_NATIVE2 to "https://two.example",
                LegacySource.REACT_NATIVE1_INTERNET to "https://one.example",
                LegacySource.REACT_NATIVE1_GENERIC to "",
            )
        assertEquals(expected, found)
    }

    @Test
    fun `what cannot be opened stays where it is, and so does everything of others`() {
        keep("https://two.example", "token", "token", GCM)
        keep("https://other.example", "token", "token", "FacebookConceal")
        val before = store.readBytes()
        TestKeystore.failAlways(java.security.ProviderException("Keystore operation failed"))
        assertEquals(0, ReactNativeApp(application).look().size)
        TestKeystore.failAlways(null)
        assertArrayEquals(before, store.readBytes())
        ReactNativeApp(application).look().single().erase()
        assertEquals(setOf("https://other.example"), PreferencesFile(store).read().keys.map { it.dropLast(2) }.toSet())
        store.writeBytes(before.copyOf(before.size - 3))
        assertEquals("https://two.example", ReactNativeApp(application).look().single().entry.server)
    }

    @Test
    fun `a session of the classic app is its cookie`() {
        val token = signInAsABrowser()
        val own = application.getSharedPreferences("App", Context.MODE_PRIVATE)
        own.edit().putString("baseUrl", server.url()).putString("LastPath", "/town").commit()
        CookieManager.getInstance().setCookie(server.url(), "MMAUTHTOKEN=$token")
        val results = await { android.takeOverOlderApps() }
        assertEquals(1, results.count { it.outcome == LegacyOutcome.Pending || it.outcome is LegacyOutcome.Adopted })
        await { android.core.accounts.filterNotNull().first { it.isNotEmpty() } }
        await { android.takeOverOlderApps() }
        assertFalse(CookieManager.getInstance().getCookie(server.url()).orEmpty().contains(token))
    }

    @Test
    fun `the classic app that was signed out left nothing`() {
        CookieManager.getInstance().setCookie(server.url(), "MMAUTHTOKEN=token")
        assertEquals(0, ClassicApp(application).look().size)
    }

    /** As react-native-keychain writes an item. */
    private fun keep(
        service: String,
        name: String,
        password: String,
        cipher: String,
        inPreferences: Boolean = false,
    ) {
        val key = key(service.ifEmpty { "RN_KEYCHAIN_DEFAULT_ALIAS" })
        val values = mapOf("$service:u" to seal(key, cipher, name), "$service:p" to seal(key, cipher, password), "$service:c" to cipher)
        if (inPreferences) {
            val edit = application.getSharedPreferences("RN_KEYCHAIN", Context.MODE_PRIVATE).edit()
            values.forEach(edit::putString)
            edit.commit()
        } else {
            store.parentFile!!.mkdirs()
            store.appendBytes(
                values.map { (name, value) ->
                    field(1, field(1, name.toByteArray()) + field(2, field(5, value.toByteArray())))
                }.reduce(ByteArray::plus),
            )
        }
    }

    private fun key(alias: String): SecretKey {
        KeyStore.getInstance("AndroidKeyStore").apply { load(null) }.getKey(alias, null)?.let { return it as SecretKey }
        val generator = KeyGenerator.getInstance("AES", "AndroidKeyStore")
        generator.init(KeyGenParameterSpec.Builder(alias, KeyProperties.PURPOSE_ENCRYPT or KeyProperties.PURPOSE_DECRYPT).build())
        return generator.generateKey()
    }

    private fun seal(
        key: SecretKey,
        kind: String,
        text: String,
    ): String {
        val cipher = Cipher.getInstance(if (kind == GCM) "AES/GCM/NoPadding" else "AES/CBC/PKCS5Padding")
        cipher.init(Cipher.ENCRYPT_MODE, key)
        return Base64.encodeToString(cipher.iv + cipher.doFinal(text.toByteArray()), Base64.DEFAULT)
    }

    private fun field(
        number: Int,
        content: ByteArray,
    ): ByteArray {
        val bytes = ByteArrayOutputStream()
        bytes.write((number shl 3) or 2)
        var length = content.size
        while (length >= 128) {
            bytes.write((length and 127) or 128)
            length = length shr 7
        }
        bytes.write(length)
        bytes.write(content)
        return bytes.toByteArray()
    }

    private fun signInAsABrowser(): String {
        val authority = CertificateFactory.getInstance("X.509").generateCertificate(server.authority().byteInputStream())
        val store = KeyStore.getInstance("PKCS12").apply { load(null) }
        store.setCertificateEntry("test", authority)
        val trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm()).apply { init(store) }
        val context = SSLContext.getInstance("TLS").apply { init(null, trust.trustManagers, null) }
        val connection = URL(server.url() + "/api/v4/users/login").openConnection() as HttpsURLConnection
        connection.sslSocketFactory = context.socketFactory
        connection.requestMethod = "POST"
        connection.doOutput = true
        connection.outputStream.write("""{"login_id":"alice","password":"${TestServer.ALICE}"}""".toByteArray())
        assertEquals(HttpURLConnection.HTTP_OK, connection.responseCode)
        return connection.getHeaderField("Token")
    }

    private fun <T> await(what: suspend () -> T): T = runBlocking(Dispatchers.Default) { withTimeout(SAFETY) { what() } }

    private companion object {
        const val SAFETY = 60_000L
        const val GCM = "KeystoreAESGCM_NoAuth"
        const val CBC = "KeystoreAESCBC"

        lateinit var server: TestServer

        @BeforeClass
        @JvmStatic
        fun startServer() {
            server = TestServer.start()
        }

        @AfterClass
        @JvmStatic
        fun stopServer() = server.close()
    }
}
