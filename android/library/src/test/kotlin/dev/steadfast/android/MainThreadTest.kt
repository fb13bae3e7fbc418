package dev.steadfast.android

import android.app.Application
import android.content.Intent
import android.os.Looper
import android.os.UserManager
import dev.steadfast.Account
import dev.steadfast.Steadfast
import dev.steadfast.core.Download
import dev.steadfast.core.Method
import dev.steadfast.core.SignIn
import dev.steadfast.core.Upload
import dev.steadfast.testing.TestKeystore
import dev.steadfast.testing.TestServer
import dev.steadfast.testing.TestWorld
import dev.steadfast.testing.await
import dev.steadfast.testing.held
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertSame
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Rule
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import java.lang.reflect.Modifier
import kotlin.coroutines.Continuation

/** What an app may call on its main thread. */
@RunWith(RobolectricTestRunner::class)
class MainThreadTest {
    @get:Rule
    val world = TestWorld()

    private val application: Application = RuntimeEnvironment.getApplication()
    private val nanos = LinkedHashMap<String, Long>()

    @Before
    fun install() {
        TestKeystore.install()
        shadowOf(application.getSystemService(UserManager::class.java)).setUserUnlocked(true)
    }

    @After
    fun uninstall() = TestKeystore.uninstall()

    /** Hazard C07. */
    @Test
    fun `no call that does not suspend holds the main thread`() {
        assertSame(Looper.getMainLooper().thread, Thread.currentThread())
        val options = AndroidOptions(configure = world::trusting)
        measure("SteadfastAndroid.start", STARTS, { SteadfastAndroid.start(application, options) }) { await { it.close() } }
        val (config, keys) = world.config() to world.keys()
        measure("Steadfast.start", STARTS, { Steadfast.start(config, keys) }) { await { it.close() } }

        val android = SteadfastAndroid.start(application, options)
        world.closeAtTheEnd(android::close)
        front()
        val core = android.core
        val alice = await { core.signIn(SignIn(world.server.url(), "alice", TestServer.ALICE)) }
        val tap = Intent(Intent.ACTION_MAIN)
        measure("SteadfastAndroid.accountOf") { SteadfastAndroid.accountOf(tap) }
        measure("SteadfastAndroid.core") { android.core }
        measure("SteadfastAndroid.ssoOutcomes") { android.ssoOutcomes }
        measure("SteadfastAndroid.onScreen") { android.onScreen(alice.id) }
        measure("Steadfast.accounts") { core.accounts.value }
        measure("Steadfast.openingProblem") { core.openingProblem.value }
        measure("Steadfast.changes") { core.changes.value }
        measure("Steadfast.notices") { core.notices }
        measure("Steadfast.withdrawnNotices") { core.withdrawnNotices }
        measure("Steadfast.obligations") { core.obligations }
        measure("Steadfast.reminders") { core.reminders }
        measure("Steadfast.cookiesDue") { core.cookiesDue }
        measure("Steadfast.account") { core.account(alice.id) }
        measure("Account.id") { alice.id }
        measure("Account.state") { alice.state.value }
        measure("Account.events") { alice.events() }
        val file = world.folder.resolve("a").path
        measure("Account.upload") { alice.upload(Upload(Method.POST, "/api/v4/files", "text/plain", file)) }
        measure("Account.download") { alice.download(Download("/api/v4/users/me", file)) }

        val wanted = listOf(SteadfastAndroid::class.java, Steadfast::class.java, Account::class.java).flatMap(::atOnce).toSet()
        assertEquals("every call that does not suspend", wanted, nanos.keys)
        nanos.forEach { (name, median) -> println("holds the main thread: %-30s %8.1f µs".format(name, median / 1e3)) }
        val slow = nanos.filterValues { it > LIMIT_NANOS }
        assertTrue("$slow", slow.isEmpty())
    }

    private fun measure(
        name: String,
        call: () -> Any?,
    ) = measure(name, CALLS, call) {}

    /** The median, so that nothing is said of a moment in which the machine did something else. */
    private fun <T> measure(
        name: String,
        calls: Int,
        call: () -> T,
        after: (T) -> Unit,
    ) {
        val times =
            List(calls) {
                val (given, nanos) = held(call)
                nanos.also { after(given) }
            }
        nanos[name] = times.sorted()[calls / 2]
    }

    /** Calls and properties of the class, and of its companion, that do not suspend; what is internal has a mangled name. */
    private fun atOnce(of: Class<*>): List<String> =
        of.declaredMethods
            .filter { Modifier.isPublic(it.modifiers) && !it.isSynthetic && '$' !in it.name && it.name !in OBJECT }
            .filter { it.parameterTypes.lastOrNull() != Continuation::class.java }
            .map { "${of.simpleName}.${it.name.removePrefix("get").replaceFirstChar(Char::lowercase)}" }

    private companion object {
        val OBJECT = setOf("equals", "hashCode", "toString")
        const val CALLS = 101

        /** Each opens a vault, and ends. */
        const val STARTS = 9
        const val LIMIT_NANOS = 5_000_000L
    }
}
