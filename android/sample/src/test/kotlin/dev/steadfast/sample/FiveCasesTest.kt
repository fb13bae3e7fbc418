package dev.steadfast.sample

import dev.steadfast.testing.TestServer
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test
import org.robolectric.annotation.Config

/** The five cases as a person plays them on this phone; the other devices speak the server's own API. */
class FiveCasesTest : SampleTest() {
    @Test
    fun `MM-T297 view and log out of active sessions`() {
        val others = Elsewhere.KINDS.keys.associateWith { Elsewhere.signIn(server, it, "alice", TestServer.ALICE) }
        app.pushesArrive()
        alice()
        phone.press("Active Sessions")
        phone.see("Active Sessions")
        for (kind in others.keys) assertFalse("This device" in phone.card(kind))
        assertTrue("This device" in phone.card("Android Native App"))
        phone.press("More info", "Android Native App")
        val info = phone.card("Android Native App").joinToString("\n")
        for (part in listOf("Last activity: ", "First time active: ", "OS: Android", "Browser: ", "Session ID: ")) {
            assertTrue("$part in $info", part in info)
        }
        phone.picture("active-sessions")
        others.forEach { (kind, device) ->
            assertTrue(device.isSignedIn)
            phone.press("Log Out", kind)
            phone.seeGone(kind)
            assertFalse(kind, device.isSignedIn)
        }
        phone.press("Log Out", "Android Native App")
        phone.see("Log In")
        assertFalse(phone.shows(EXPIRED))
        assertEquals(emptyList<String>(), phone.notifications())
        phone.type("Password", TestServer.ALICE)
        phone.press("Log In")
        phone.see("Signed in as alice")
    }

    @Test
    fun `MM-T418 the session ends while nobody looks`() {
        alice()
        phone.see("Connected")
        phone.putAway()
        phone.seeGone("Connected")
        val desktop = Elsewhere.signIn(server, "Native Desktop App", "alice", TestServer.ALICE)
        desktop.endSession(desktop.sessionsOfTheApp().single())
        phone.anHourPasses()
        assertEquals(listOf(NOTIFICATION), phone.notifications())
        phone.picture("notification", phone.drawnNotification())
        phone.anHourPasses()
        phone.takeOut()
        phone.see(EXPIRED)
        assertEquals(listOf(NOTIFICATION), phone.notifications())
        phone.forgetPage()
        app.restart()
        phone.open()
        phone.see(EXPIRED)
        assertEquals(listOf(NOTIFICATION), phone.notifications())
    }

    @Test
    @Config(sdk = [35])
    fun `MM-T418 in its grace the phone tells it by itself`() {
        alice()
        phone.see("Connected")
        phone.leave()
        admin().revokeSessionsOf("alice")
        phone.until("a notification") { phone.notifications() == listOf(NOTIFICATION) }
        phone.takeOut()
        phone.see(EXPIRED)
    }

    @Test
    fun `MM-T938 revoke one user's sessions, seen by who uses the app`() {
        alice()
        phone.press("Add a server")
        phone.signIn(server.url(), "bob", TestServer.BOB)
        sessionsGrowUp()
        phone.press("Mattermost · alice")
        phone.see("Signed in as alice")
        admin().revokeSessionsOf("alice")
        // The app may have heard of it before, and then there is nothing to press.
        phone.pressIfThere("Reload")
        phone.see(EXPIRED)
        phone.picture("sign-in-with-message")
        phone.press("Mattermost · bob")
        phone.see("Signed in as bob")
        phone.press("Reload")
        phone.see("Connected")
        phone.press("Mattermost · alice")
        phone.type("Password", TestServer.ALICE)
        phone.press("Log In")
        phone.see("Signed in as alice")
    }

    @Test
    @Config(sdk = [35])
    fun `MM-T938 revoke one user's sessions, seen without a touch`() {
        alice()
        phone.see("Connected")
        admin().revokeSessionsOf("alice")
        phone.see(EXPIRED)
        assertEquals(emptyList<String>(), phone.notifications())
    }

    @Test
    fun `MM-T940 revoke all sessions`() {
        alice()
        phone.press("Add a server")
        phone.signIn(server.url(), "bob", TestServer.BOB)
        sessionsGrowUp()
        phone.see("Connected")
        phone.putAway()
        val admin = admin()
        admin.revokeEverySession()
        assertFalse(admin.isSignedIn)
        phone.takeOut()
        phone.see(EXPIRED)
        phone.press("Mattermost · alice")
        phone.see(EXPIRED)
    }

    @Test
    fun `MM-T941 revoked while the phone is off, opened before the network is back`() {
        alice()
        switchOff()
        admin().revokeEverySession()
        app.restart()
        phone.networkDown()
        phone.open()
        // The default: what was stored may be seen until the server's first answer.
        phone.see("No internet connection")
        assertTrue(phone.shows("Signed in as alice"))
        phone.networkUp()
        phone.see(EXPIRED)
    }

    @Test
    fun `MM-T941 revoked while the phone is off, a strict app shows no content`() {
        alice()
        switchOff()
        admin().revokeEverySession()
        app.restart(strict = true)
        phone.networkDown()
        phone.open()
        assertFalse(phone.shows("Signed in as alice"))
        phone.until("the cover") {
            assertFalse(phone.shows("Signed in as alice"))
            phone.shows(CHECKING)
        }
        phone.picture("cover")
        phone.networkUp()
        phone.until("the verdict") {
            assertFalse(phone.shows("Signed in as alice"))
            phone.shows(EXPIRED)
        }
    }

    @Test
    fun `MM-T941 revoked while the phone is off, the network is back first`() {
        alice()
        switchOff()
        admin().revokeEverySession()
        app.restart()
        phone.networkUp()
        phone.open()
        phone.see(EXPIRED)
        assertFalse(phone.shows("Signed in as alice"))
    }

    @Test
    fun `MM-T941 revoked in airplane mode, the network is back first`() {
        alice()
        phone.networkDown()
        phone.see("No internet connection")
        phone.putAway()
        admin().revokeEverySession()
        phone.networkUp()
        phone.takeOut()
        phone.see(EXPIRED)
    }

    @Test
    fun `MM-T941 revoked in the background with a network`() {
        alice()
        phone.see("Connected")
        phone.putAway()
        admin().revokeEverySession()
        phone.takeOut()
        phone.see(EXPIRED)
    }

    private companion object {
        const val NOTIFICATION = "Session Expired: Please log in to continue receiving notifications."
    }
}
