package dev.steadfast.sample

import dev.steadfast.testing.TestServer
import org.junit.After
import org.junit.Before
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Config

/** What every test of the sample has for itself: the phone, the app on it, and a server with alice, bob and sysadmin. */
@RunWith(RobolectricTestRunner::class)
@Config(application = TestApp::class)
abstract class SampleTest {
    internal val phone = Phone()
    internal val app = RuntimeEnvironment.getApplication() as TestApp
    internal val server get() = app.server

    @Before
    fun openTheApp() {
        phone.open()
        phone.networkUp()
    }

    @After
    fun endTheApp() = app.end()

    internal fun alice() {
        phone.signIn(server.url(), "alice", TestServer.ALICE)
        sessionsGrowUp()
    }

    /** Time passes at the server: no session is so young that its end does not count at the first look. */
    internal fun sessionsGrowUp() {
        server.turn("clock_advance", """{"by":20000}""")
    }

    internal fun admin() = Elsewhere.signIn(server, "Macintosh", "sysadmin", TestServer.ADMIN)

    /** The phone is switched off. */
    internal fun switchOff() {
        phone.forgetPage()
        app.end()
    }

    internal companion object {
        const val EXPIRED = "Your session has expired. Please log in again."
        const val CHECKING = "Checking your session…"
    }
}
