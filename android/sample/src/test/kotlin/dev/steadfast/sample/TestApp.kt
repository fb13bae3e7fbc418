package dev.steadfast.sample

import dev.steadfast.android.AndroidOptions
import dev.steadfast.android.SteadfastAndroid
import dev.steadfast.testing.TestServer
import kotlinx.coroutines.runBlocking

/** The sample, with what a test has to decide about it: made for each test, and so is the server that its phone trusts. */
class TestApp : SampleApp() {
    private var strict = false

    /** The server, with alice, bob and sysadmin. */
    lateinit var server: TestServer
        private set

    override fun onCreate() {
        server = TestServer.start()
        Phone.setUp(server.authority())
        super.onCreate()
    }

    override fun onTerminate() {
        super.onTerminate()
        server.close()
    }

    override fun options() =
        // For strict employers: content stays covered until the server was asked.
        AndroidOptions(configure = { if (strict) it.copy(coverUntilValidatedAfterMillis = 0) else it })

    /** The process ends, and begins anew when the app is opened the next time. */
    fun restart(strict: Boolean = false) {
        end()
        this.strict = strict
        start()
    }

    /** A second one starts while the first one is open. Gives the first. */
    fun startAgain(): SteadfastAndroid = steadfast.also { start() }

    /** The platform gave the app an id for pushes: with it servers know a session for that of a native app. */
    fun pushesArrive() = runBlocking { steadfast.core.setDeviceId("android_rn-v2:0a1b2c3d") }

    /** The process ends. */
    fun end() = runBlocking { steadfast.close() }
}
