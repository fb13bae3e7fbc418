package dev.steadfast.sample

import dev.steadfast.core.Standing
import dev.steadfast.testing.Program
import dev.steadfast.testing.TestServer
import kotlinx.coroutines.runBlocking
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test
import org.robolectric.Robolectric

/** What goes wrong around the app: the network, the system that ends it, the server, and a person with quick fingers. */
class BadDaysTest : SampleTest() {
    @Test
    fun `who logs out on a cover logs out of the account that is shown`() {
        alice()
        phone.press("Add a server")
        phone.signIn(server.url(), "bob", TestServer.BOB)
        server.turn("mfa_enforced", """{"enforced":true}""")
        // An account may learn of it by itself, and then there is nothing to press.
        accounts().forEach { runBlocking { it.verify(A_MINUTE) } }
        phone.press("Mattermost · alice")
        phone.see(MFA_NEEDED)
        phone.press("Mattermost · bob")
        phone.see(MFA_NEEDED)
        phone.press("Mattermost · alice")
        phone.press("Log Out")
        phone.see("Log In")
        assertEquals("alice", phone.typed("Email or Username"))
        phone.press("Mattermost · bob")
        phone.see(MFA_NEEDED)
        assertEquals(listOf(Standing.ENDED, Standing.NEEDS_MFA), accounts().map { it.state.value.standing })
    }

    @Test
    fun `what a process ended before it heard of it is owed by the next one`() {
        alice()
        runBlocking { accounts().single().forget() }
        // The process ends before the main thread learns that something is to be erased.
        app.end()
        phone.forgetPage()
        app.restart()
        runBlocking { app.steadfast.core.ready() }
        assertEquals(1, owed())
        phone.open()
        phone.until("it is paid") { owed() == 0 }
    }

    @Test
    fun `who was told of an end that was none goes on without a password`() {
        alice()
        phone.see("Connected")
        // What the server asks does not know the session, and its database is well.
        server.turn("clock_advance", """{"by":60000}""")
        server.turn("replica_lag", """{"lag":3600000}""")
        server.turn("clear_token_cache", "{}")
        phone.press("Reload")
        phone.see(EXPIRED)
        assertFalse(phone.shows("Continue"))
        server.turn("replica_lag", """{"lag":0}""")
        // Half a minute later the core looks by itself.
        runBlocking { accounts().single().verify(A_MINUTE) }
        phone.see("Your session is still valid. You can continue without logging in.")
        assertFalse(phone.shows("Signed in as alice"))
        phone.picture("continue")
        phone.press("Continue")
        phone.see("Signed in as alice")
        phone.see("Connected")
        assertFalse(phone.shows(EXPIRED))
    }

    @Test
    fun `a portal is named, content stays, and it goes by itself`() {
        behind { between ->
            between.post("do", """[{"do":"portal","kind":"redirect"},{"do":"reset"}]""")
            phone.see("This network asks you to sign in to it first")
            assertTrue(phone.shows("Signed in as alice"))
            phone.picture("portal")
            phone.press("Reload")
            phone.see("The server's answer cannot be shown. Try again later.")
            between.post("do", """{"do":"clear_answers"}""")
            // The person signed in to the network: the system says that it is one now.
            phone.networkUp()
            phone.see("Connected")
        }
    }

    @Test
    fun `a server that cannot be reached is being connected to`() {
        behind { between ->
            between.post("do", """[{"do":"refuse","on":true},{"do":"reset"}]""")
            phone.see("Connecting…")
            assertTrue(phone.shows("Signed in as alice"))
            between.post("do", """{"do":"refuse","on":false}""")
            phone.networkUp()
            phone.see("Connected")
        }
    }

    @Test
    fun `an answer that is no list of teams is told`() {
        behind { between ->
            between.post(
                "do",
                """{"do":"answer","status":200,"json":{"teams":[]},"mattermost_headers":true,"path":"/api/v4/users/me/teams"}""",
            )
            phone.press("Reload")
            phone.see("The server's answer cannot be shown. Try again later.")
            between.post("do", """{"do":"clear_answers"}""")
            phone.press("Reload")
            phone.seeGone("The server's answer cannot be shown. Try again later.")
        }
    }

    @Test
    fun `an account that goes while its sessions are shown leaves no page of another one's`() {
        alice()
        phone.press("Add a server")
        phone.signIn(server.url(), "bob", TestServer.BOB)
        phone.press("Active Sessions")
        phone.see("This device")
        runBlocking { accounts().last().forget() }
        phone.see("Signed in as alice")
        assertFalse(phone.shows("Active Sessions") && phone.shows("Back"))
    }

    @Test
    fun `a system that makes the page anew finds it where it was`() {
        phone.type("Server URL", server.url())
        phone.press("Connect")
        phone.type("Email or Username", "alice")
        phone.type("Password", TestServer.ALICE)
        phone.change("+land")
        assertEquals(TestServer.ALICE, phone.typed("Password"))
        phone.change("+night")
        assertEquals("alice", phone.typed("Email or Username"))
        assertEquals("nobody keeps a password", "", phone.typed("Password"))
        phone.type("Password", TestServer.ALICE)
        phone.press("Log In")
        phone.see("Signed in as alice")
        phone.change("+notnight")
        phone.see("Signed in as alice")
    }

    @Test
    fun `a process that the system ended comes back at the place where it was`() {
        alice()
        phone.press("Active Sessions")
        phone.see("This device")
        endAndReturn()
        phone.see("This device")
        phone.press("Add a server")
        phone.type("Server URL", server.url())
        phone.press("Connect")
        phone.see("Log in to your account")
        endAndReturn()
        phone.type("Email or Username", "bob")
        phone.type("Password", TestServer.BOB)
        phone.press("Log In")
        phone.see("Signed in as bob")
    }

    @Test
    fun `back leads from page to page, and at last out of the app`() {
        alice()
        phone.press("Active Sessions")
        phone.see("This device")
        phone.back()
        phone.see("Signed in as alice")
        phone.press("Add a server")
        phone.type("Server URL", server.url())
        phone.press("Connect")
        phone.see("Log in to your account")
        phone.back()
        assertEquals(server.url(), phone.typed("Server URL"))
        phone.back()
        phone.see("Signed in as alice")
        phone.back()
        assertTrue(phone.isLeft)
    }

    @Test
    fun `a phone without a browser is told so`() {
        server.turn("settings", """{"enable_gitlab":true}""")
        phone.removeBrowsers()
        phone.type("Server URL", server.url())
        phone.press("Connect")
        phone.press("GitLab")
        phone.see("This device has no browser.")
    }

    @Test
    fun `what went wrong while a cover was shown waits for the page that follows`() {
        alice()
        val activity = Robolectric.buildActivity(MainActivity::class.java).get()
        assertFalse(CoverPage(activity, "Opening…").tell("The sign-in was refused."))
        // With a button of its own it stays until that is pressed.
        assertTrue(CoverPage(activity, MFA_NEEDED, accounts().single()).tell("This did not work."))
    }

    @Test
    fun `two presses sign in once`() {
        phone.type("Server URL", server.url())
        phone.press("Connect")
        phone.type("Email or Username", "alice")
        phone.type("Password", TestServer.ALICE)
        val before = signIns()
        phone.pressTwice("Log In")
        phone.see("Signed in as alice")
        phone.see("Connected")
        assertEquals(before + 1, signIns())
    }

    @Test
    fun `a store that cannot be opened is told, and opened as soon as it can be`() {
        alice()
        phone.forgetPage()
        val first = app.startAgain()
        phone.open()
        phone.see("This app is open a second time.")
        runBlocking { first.close() }
        phone.see("Signed in as alice")
    }

    @Test
    fun `a tap on a notification opens the account that it is about`() {
        alice()
        phone.press("Add a server")
        phone.signIn(server.url(), "bob", TestServer.BOB)
        sessionsGrowUp()
        phone.putAway()
        admin().revokeSessionsOf("alice")
        phone.anHourPasses()
        assertEquals(1, phone.notifications().size)
        phone.tapNotification()
        phone.see(EXPIRED)
        assertEquals("alice", phone.typed("Email or Username"))
        phone.press("Mattermost · bob")
        phone.leave()
        phone.endProcess()
        app.restart()
        phone.openByNotification()
        phone.see(EXPIRED)
        assertEquals("alice", phone.typed("Email or Username"))
    }

    @Test
    fun `in front, the end of an account that is not on screen is told by a notification`() {
        alice()
        phone.press("Add a server")
        phone.signIn(server.url(), "bob", TestServer.BOB)
        sessionsGrowUp()
        phone.see("Connected")
        admin().revokeSessionsOf("alice")
        phone.until("a notification") { phone.notifications().size == 1 }
        assertTrue(phone.shows("Signed in as bob"))
        admin().revokeSessionsOf("bob")
        phone.see(EXPIRED)
        assertEquals(1, phone.notifications().size)
    }

    /** Alice, whose server is behind something. */
    private fun behind(what: (Program) -> Unit) =
        Program.start("steadfast-faults", proxyBefore(server)).use { between ->
            Phone.setUp(server.authority(), between.authority())
            phone.forgetPage()
            app.restart()
            phone.open()
            phone.networkUp()
            phone.signIn(between.url(), "alice", TestServer.ALICE)
            phone.see("Connected")
            what(between)
        }

    private fun proxyBefore(server: TestServer) = listOf("--http", server.url(), "--tls", "--upstream-ca", server.authorityFile().path)

    private fun endAndReturn() {
        phone.leave()
        val saved = phone.endProcess()
        app.restart()
        phone.openAgain(saved)
    }

    private fun accounts() = checkNotNull(app.steadfast.core.accounts.value)

    private fun owed() =
        app.steadfast.core.changes.value
            ?.obligations
            ?.size

    private fun signIns() = Regex("/api/v4/users/login\"").findAll(server.read("requests")).count()

    private companion object {
        const val A_MINUTE = 60_000L
        const val MFA_NEEDED = "Multi-factor authentication is required on this server."
    }
}
