package dev.steadfast.android

import android.content.Context
import android.content.pm.PackageManager
import android.os.Build
import android.os.UserManager
import android.security.keystore.KeyPermanentlyInvalidatedException
import android.system.OsConstants
import dev.steadfast.core.KeyAnswer
import dev.steadfast.core.KeyWritten
import dev.steadfast.testing.SAFETY_MILLIS
import dev.steadfast.testing.TestKeystore
import dev.steadfast.testing.TestOs
import org.junit.After
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertSame
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import java.io.File
import java.security.ProviderException
import java.security.UnrecoverableKeyException
import java.util.concurrent.CompletableFuture
import kotlin.concurrent.thread

@RunWith(RobolectricTestRunner::class)
class KeystoreKeyStoreTest {
    private val context: Context = RuntimeEnvironment.getApplication()
    private val paused = mutableListOf<Long>()
    private val store = KeystoreKeyStore(context, paused::add)
    private val key = ByteArray(32) { it.toByte() }
    private val other = ByteArray(32) { (it + 100).toByte() }
    private val files get() = File(context.noBackupFilesDir, "steadfast-keys")
    private val flaky get() = ProviderException("Keystore operation failed")

    @Before
    fun install() {
        TestKeystore.install()
        unlock(true)
    }

    @After
    fun uninstall() {
        TestKeystore.uninstall()
        TestOs.heal()
    }

    @Test
    fun `a key survives the process, is replaced and deleted`() {
        assertEquals(KeyAnswer.Absent, store.load(NAME))
        store.store(NAME, key)
        assertKey(key, KeystoreKeyStore(context, paused::add).load(NAME))
        store.store(NAME, other)
        assertKey(other, store.load(NAME))
        store.delete(NAME)
        store.delete(NAME)
        assertEquals(KeyAnswer.Absent, store.load(NAME))
        assertTrue(TestKeystore.aliases().isEmpty())
        assertEquals(emptyList<Long>(), paused)
    }

    /** Hazard E16. */
    @Test
    fun `a wrapped key lies where no backup takes it, and holds nothing that could be read`() {
        store.store(NAME, key)
        val wrapped = files.listFiles().orEmpty().single()
        assertEquals("$NAME.key", wrapped.name)
        assertFalse(wrapped.readBytes().toList().windowed(4).contains(key.toList().subList(8, 12)))
    }

    @Test
    fun `each key is wrapped under its own, for which nobody has to authenticate`() {
        store.store(NAME, key)
        store.store("outbox", key)
        assertEquals(setOf("steadfast.$NAME", "steadfast.outbox"), TestKeystore.aliases())
        val spec = TestKeystore.spec("steadfast.$NAME")
        assertFalse(spec.isUserAuthenticationRequired)
        assertTrue(spec.isRandomizedEncryptionRequired)
        assertEquals(256, spec.keySize)
        files.resolve("$NAME.key").copyTo(files.resolve("account-2.key"))
        assertEquals(KeyAnswer.Absent, store.load("account-2"))
    }

    /** Hazard B09. */
    @Test
    fun `a Keystore that fails now and then is asked again`() {
        store.store(NAME, key)
        TestKeystore.failNext(flaky, UnrecoverableKeyException("Failed to obtain information about key"), NullPointerException())
        assertKey(key, store.load(NAME))
        assertEquals(listOf(100L, 500L, 2_000L), paused)
        TestKeystore.failNext(flaky, flaky)
        store.store(NAME, other)
        assertKey(other, store.load(NAME))
    }

    /** Hazard B09. */
    @Test
    fun `a Keystore that goes on failing is unavailable, and nothing is lost by it`() {
        store.store(NAME, key)
        TestKeystore.failAlways(flaky)
        assertEquals(KeyAnswer.Unavailable, store.load(NAME))
        assertEquals(KeyWritten.UNAVAILABLE, store.store(NAME, other))
        TestKeystore.failAlways(null)
        assertKey(key, store.load(NAME))
    }

    @Test
    fun `a key that is deleted while the Keystore fails does not come back with it`() {
        // It fails as a whole; it is dead; only its proof fails.
        val failures = listOf({ TestKeystore.failAlways(flaky) }, TestKeystore::die, { TestKeystore.garbleNewKeys(Int.MAX_VALUE) })
        for (fail in failures) {
            store.store(NAME, key)
            fail()
            assertEquals(KeyWritten.UNAVAILABLE, store.delete(NAME))
            TestKeystore.failAlways(null)
            TestKeystore.revive()
            TestKeystore.garbleNewKeys(0)
            assertEquals(KeyAnswer.Absent, store.load(NAME))
            assertTrue("steadfast.$NAME" in TestKeystore.aliases())
            assertEquals(KeyWritten.DONE, store.delete(NAME))
            assertEquals(emptySet<String>(), TestKeystore.aliases())
        }
    }

    /** Hazard B09. */
    @Test
    fun `a key that seems gone between failures is not believed to be gone`() {
        store.store(NAME, key)
        TestKeystore.lose()
        TestKeystore.failNext(flaky)
        assertEquals(KeyAnswer.Unavailable, store.load(NAME))
        assertEquals(KeyAnswer.Absent, store.load(NAME))
    }

    /** Hazard B09. */
    @Test
    fun `no new key is made beside an old one that cannot be read now`() {
        store.store(NAME, key)
        val wrapped = files.resolve("$NAME.key").readBytes()
        TestKeystore.failNext(flaky, flaky, flaky, flaky)
        assertEquals(KeyWritten.UNAVAILABLE, store.store(NAME, other))
        assertArrayEquals(wrapped, files.resolve("$NAME.key").readBytes())
        assertEquals(setOf("steadfast.$NAME"), TestKeystore.aliases())
        assertKey(key, store.load(NAME))
    }

    /** Hazard B07. */
    @Test
    fun `a backup that was restored without its keys is absent`() {
        store.store(NAME, key)
        TestKeystore.lose()
        assertEquals(KeyAnswer.Absent, store.load(NAME))
        assertEquals(KeyAnswer.Absent, store.load(NAME))
        store.store(NAME, other)
        assertKey(other, store.load(NAME))
    }

    /** Hazard B07. */
    @Test
    fun `a key of another device is absent`() {
        store.store(NAME, key)
        TestKeystore.replaceKeys()
        assertEquals(KeyAnswer.Absent, store.load(NAME))
        store.store(NAME, other)
        assertKey(other, store.load(NAME))
    }

    /** Hazard B09. */
    @Test
    fun `a Keystore that has died says of every key that there is none, and is not believed`() {
        store.store(NAME, key)
        TestKeystore.die()
        assertEquals(KeyAnswer.Unavailable, store.load(NAME))
        assertEquals(KeyWritten.UNAVAILABLE, store.store(NAME, other))
        assertEquals(KeyWritten.UNAVAILABLE, store.store("outbox", other))
        TestKeystore.revive()
        assertKey(key, store.load(NAME))
        assertEquals(setOf("steadfast.$NAME"), TestKeystore.aliases())
        assertEquals(KeyWritten.DONE, store.delete(NAME))
        assertEquals(KeyAnswer.Absent, store.load(NAME))
    }

    /** Hazard B09. */
    @Test
    fun `a Keystore that dies while it is asked whether it lives is not believed`() {
        store.store(NAME, key)
        TestKeystore.lose()
        // Each of the four tries opens the Keystore and asks; the proof generates, opens, reads, and fails to open once more.
        repeat(4) { TestKeystore.failNext(null, null) }
        TestKeystore.failNext(null, null, null, flaky)
        assertEquals(KeyAnswer.Unavailable, store.load(NAME))
        assertEquals(KeyAnswer.Absent, store.load(NAME))
    }

    @Test
    fun `a proof is no other one's, so several threads may ask at once`() {
        store.store(NAME, key)
        store.store("outbox", other)
        TestKeystore.lose()
        val meanwhile = CompletableFuture<KeyAnswer>()
        TestKeystore.beforeGiving { alias ->
            // Between the two halves of one proof a whole other one comes and goes.
            if (alias == "steadfast.$NAME" && TestKeystore.aliases().any { it.startsWith("steadfast-proof") }) {
                val beside = thread(isDaemon = true) { meanwhile.complete(store.load("outbox")) }
                beside.join(SAFETY_MILLIS)
                assertFalse("it waits for the other one", beside.isAlive)
            }
        }
        assertEquals(KeyAnswer.Absent, store.load(NAME))
        assertEquals(KeyAnswer.Absent, meanwhile.getNow(null))
        assertEquals(emptySet<String>(), TestKeystore.aliases())
    }

    @Test
    fun `the key of a proof that was cut off goes with the next proof`() {
        store.store(NAME, key)
        TestKeystore.beforeDeleting { alias -> if (alias != "steadfast.$NAME") throw ProviderException("the process ends") }
        assertEquals(KeyWritten.DONE, store.delete(NAME))
        assertEquals(1, TestKeystore.aliases().size)
        TestKeystore.beforeDeleting {}
        assertEquals(KeyWritten.DONE, store.delete(NAME))
        assertEquals(emptySet<String>(), TestKeystore.aliases())
    }

    /** Hazards B09, B10. */
    @Test
    fun `a key that is said to be invalid once is asked for again`() {
        store.store(NAME, key)
        TestKeystore.failNextKey(KeyPermanentlyInvalidatedException())
        assertKey(key, store.load(NAME))
        assertEquals(listOf(100L), paused)
        TestKeystore.failNextKey(KeyPermanentlyInvalidatedException())
        assertEquals(KeyWritten.DONE, store.store(NAME, other))
        assertKey(other, store.load(NAME))
        val wrapping = TestKeystore.spec("steadfast.$NAME")
        TestKeystore.failNextKey(KeyPermanentlyInvalidatedException())
        store.store(NAME, key)
        assertSame(wrapping, TestKeystore.spec("steadfast.$NAME"))
    }

    /** Hazard B10. */
    @Test
    fun `a key that the system invalidated for good is absent, and can be replaced`() {
        store.store(NAME, key)
        TestKeystore.invalidate()
        assertEquals(KeyAnswer.Absent, store.load(NAME))
        assertEquals(KeyWritten.DONE, store.store(NAME, other))
        assertKey(other, store.load(NAME))
        assertEquals(setOf("steadfast.$NAME"), TestKeystore.aliases())
    }

    /** Hazard B09. */
    @Test
    fun `a first key is stored by a Keystore that fails now and then`() {
        TestKeystore.failNext(flaky, null, flaky)
        assertEquals(KeyWritten.DONE, store.store(NAME, key))
        assertKey(key, store.load(NAME))
        TestKeystore.failAlways(flaky)
        assertEquals(KeyWritten.UNAVAILABLE, store.store("outbox", key))
    }

    @Test
    fun `a new key that garbles is thrown away, and another one made`() {
        TestKeystore.garbleNewKeys(1)
        assertEquals(KeyWritten.DONE, store.store(NAME, key))
        assertKey(key, store.load(NAME))
        TestKeystore.garbleNewKeys(4)
        assertEquals(KeyWritten.UNAVAILABLE, store.store("outbox", key))
        assertEquals(setOf("steadfast.$NAME"), TestKeystore.aliases())
        assertEquals(KeyAnswer.Absent, store.load("outbox"))
    }

    /** Hazard B04. */
    @Test
    fun `a file that the system fails to look up is not absent`() {
        store.store(NAME, key)
        val file = files.resolve("$NAME.key")
        val aside = files.resolve("aside")
        for (unfound in listOf(file, files)) {
            // To Java all of these look as if there were no file.
            file.renameTo(aside)
            for (errno in listOf(OsConstants.EIO, OsConstants.EACCES, OsConstants.ENOMEM)) {
                TestOs.fail(unfound.path, errno)
                assertEquals(KeyAnswer.Unavailable, store.load(NAME))
                assertEquals(KeyWritten.UNAVAILABLE, store.store(NAME, other))
            }
            TestOs.heal()
            assertEquals(KeyAnswer.Absent, store.load(NAME))
            aside.renameTo(file)
            assertKey(key, store.load(NAME))
        }
        assertEquals(setOf("steadfast.$NAME"), TestKeystore.aliases())
    }

    @Test
    fun `a file that stays is not said to be deleted`() {
        store.store(NAME, key)
        val file = files.resolve("$NAME.key")
        file.delete()
        file.resolve("in the way").mkdirs()
        assertEquals(KeyWritten.UNAVAILABLE, store.delete(NAME))
        assertEquals(emptySet<String>(), TestKeystore.aliases())
        file.deleteRecursively()
        assertEquals(KeyWritten.DONE, store.delete(NAME))
    }

    /** Hazard B04. */
    @Test
    fun `before the first unlock nothing can be said, also where the file looks absent`() {
        store.store(NAME, key)
        unlock(false)
        val calls = TestKeystore.calls()
        assertEquals(KeyAnswer.Unavailable, store.load(NAME))
        assertEquals(KeyAnswer.Unavailable, store.load("never-stored"))
        assertEquals(KeyWritten.UNAVAILABLE, store.store(NAME, other))
        assertEquals(KeyWritten.UNAVAILABLE, store.delete(NAME))
        assertEquals(calls, TestKeystore.calls())
        unlock(true)
        assertKey(key, store.load(NAME))
    }

    @Test
    fun `a file of a newer version is left for it, a damaged one is absent`() {
        store.store(NAME, key)
        val file = files.resolve("$NAME.key")
        val wrapped = file.readBytes()
        file.writeBytes(wrapped.clone().also { it[0] = 2 })
        assertEquals(KeyAnswer.Unavailable, store.load(NAME))
        assertEquals(KeyWritten.UNAVAILABLE, store.store(NAME, other))
        assertEquals(2.toByte(), file.readBytes()[0])
        for (damaged in listOf(byteArrayOf(), byteArrayOf(1), wrapped.copyOf(5), wrapped.copyOf(wrapped.size - 1), byteArrayOf(1, -1, 0))) {
            file.writeBytes(damaged)
            assertEquals(KeyAnswer.Absent, store.load(NAME))
        }
    }

    @Test
    fun `a write that was cut off leaves the key that was there`() {
        store.store(NAME, key)
        files.resolve("$NAME.key.new").writeBytes(byteArrayOf(1, 2))
        assertKey(key, store.load(NAME))
        files.resolve("$NAME.new").writeBytes(byteArrayOf(1, 2))
        store.store(NAME, other)
        assertKey(other, store.load(NAME))
        assertEquals(false, files.resolve("$NAME.new").exists())
    }

    @Test
    fun `a folder that cannot be written is unavailable`() {
        files.parentFile!!.mkdirs()
        files.writeBytes(byteArrayOf())
        assertEquals(KeyWritten.UNAVAILABLE, store.store(NAME, key))
    }

    @Test
    fun `a name cannot leave the folder`() {
        for (name in listOf("", "../outside", "a/b", "a.b", "ümlaut")) {
            assertEquals(KeyWritten.UNAVAILABLE, store.store(name, key))
            assertEquals(KeyAnswer.Absent, store.load(name))
            store.delete(name)
        }
    }

    @Test
    @Config(sdk = [35])
    fun `the chip of its own is used where there is one`() {
        shadowOf(context.packageManager).setSystemFeature(PackageManager.FEATURE_STRONGBOX_KEYSTORE, true)
        TestKeystore.addStrongBox()
        store.store(NAME, key)
        assertTrue(TestKeystore.spec("steadfast.$NAME").isStrongBoxBacked)
        assertKey(key, store.load(NAME))
    }

    @Test
    @Config(sdk = [35])
    fun `a chip that takes no key is done without`() {
        shadowOf(context.packageManager).setSystemFeature(PackageManager.FEATURE_STRONGBOX_KEYSTORE, true)
        store.store(NAME, key)
        assertFalse(TestKeystore.spec("steadfast.$NAME").isStrongBoxBacked)
        assertKey(key, store.load(NAME))
    }

    @Test
    @Config(sdk = [35])
    fun `a chip that fails, or garbles, is done without`() {
        shadowOf(context.packageManager).setSystemFeature(PackageManager.FEATURE_STRONGBOX_KEYSTORE, true)
        TestKeystore.failStrongBox(ProviderException("Failed to generate key"))
        assertEquals(KeyWritten.DONE, store.store(NAME, key))
        assertFalse(TestKeystore.spec("steadfast.$NAME").isStrongBoxBacked)
        assertKey(key, store.load(NAME))
        TestKeystore.addStrongBox()
        TestKeystore.garbleNewKeys(1)
        assertEquals(KeyWritten.DONE, store.store("outbox", key))
        assertFalse(TestKeystore.spec("steadfast.outbox").isStrongBoxBacked)
        assertKey(key, store.load("outbox"))
    }

    @Test
    @Config(sdk = [24])
    fun `Android 7 is never asked for such a chip`() {
        store.store(NAME, key)
        assertNull(TestKeystore.spec("steadfast.$NAME").attestationChallenge)
        assertEquals(24, Build.VERSION.SDK_INT)
    }

    private fun assertKey(
        expected: ByteArray,
        answer: KeyAnswer,
    ) = assertArrayEquals(expected, (answer as KeyAnswer.Value).key)

    private fun unlock(unlocked: Boolean) = shadowOf(context.getSystemService(UserManager::class.java)).setUserUnlocked(unlocked)

    private companion object {
        const val NAME = "account-1-5f0c2a9e41d7b386"
    }
}
