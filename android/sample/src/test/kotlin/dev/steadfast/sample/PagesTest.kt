package dev.steadfast.sample

import dev.steadfast.testing.TestBrowser
import dev.steadfast.testing.TestServer
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test
import java.io.File

/** The pages themselves: what they ask, what they say, and where they lead. */
class PagesTest : SampleTest() {
    @Test
    fun `what is no server is told, and nothing is lost`() {
        phone.type("Server URL", "not a server")
        phone.press("Connect")
        phone.see("This is not the address of a server.")
        phone.picture("add-server")
        alice()
    }

    @Test
    fun `a wrong password is told`() {
        toSignIn("alice", "wrong")
        phone.press("Log In")
        phone.see("The email, username or password is not right.")
        phone.type("Password", TestServer.ALICE)
        phone.press("Log In")
        phone.see("Signed in as alice")
    }

    @Test
    fun `a code is asked for where the user has set one up`() {
        server.turn("create_user", """{"name":"carol","password":"Passw0rd!carol"}""")
        server.turn("enable_mfa", """{"user":"carol"}""")
        toSignIn("carol", "Passw0rd!carol")
        assertFalse(phone.asksFor("MFA Token"))
        phone.press("Log In")
        phone.see("Please enter the code of your authenticator.")
        val code = Regex("\"code\":\"?(\\d+)").find(server.turn("totp", """{"user":"carol"}"""))!!.groupValues[1]
        phone.type("MFA Token", code)
        phone.press("Log In")
        phone.see("Signed in as carol")
    }

    @Test
    fun `the browser signs in, and leads back to the app`() {
        server.turn("settings", """{"enable_gitlab":true}""")
        server.turn("create_user", """{"name":"dave","password":"Passw0rd!dave"}""")
        server.turn("auth_service", """{"user":"dave","service":"gitlab"}""")
        phone.type("Server URL", server.url())
        phone.press("Connect")
        phone.see("GitLab")
        phone.picture("sign-in")
        phone.press("GitLab")
        val link = TestBrowser.signIn(server.authority(), phone.sentBrowserTo(), "dave")
        phone.followLink(link)
        phone.see("Signed in as dave")
        phone.followLink(link)
        assertTrue(phone.shows("Signed in as dave"))
    }

    @Test
    fun `the banner says how the server is reached`() {
        alice()
        phone.see("Connected")
        phone.picture("home")
        phone.networkDown()
        phone.see("No internet connection")
        phone.networkUp()
        phone.see("Connected")
    }

    @Test
    fun `who logs out sees no word of an expiry`() {
        alice()
        phone.press("Log Out")
        phone.see("Log In")
        assertFalse(phone.shows(EXPIRED))
        phone.forgetPage()
        app.restart()
        phone.open()
        phone.see("Log In")
        assertFalse(phone.shows(EXPIRED))
    }

    @Test
    fun `every failure with words of its own is one that there is`() {
        val words = File("src/main/kotlin/dev/steadfast/sample/Words.kt").readText()
        val codes = Regex("\"(\\w+)\" to \"").findAll(words).map { it.groupValues[1] }.toList()
        val errors = File("../../docs/errors.md").readText()
        assertTrue(codes.isNotEmpty())
        assertEquals(emptyList<String>(), codes.filterNot { "| `$it` |" in errors })
    }

    private fun toSignIn(
        user: String,
        password: String,
    ) {
        phone.type("Server URL", server.url())
        phone.press("Connect")
        phone.type("Email or Username", user)
        phone.type("Password", password)
    }
}
