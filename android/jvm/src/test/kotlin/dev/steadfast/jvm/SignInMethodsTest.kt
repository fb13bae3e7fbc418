package dev.steadfast.jvm

import dev.steadfast.core.Destination
import dev.steadfast.core.MagicLink
import dev.steadfast.core.Shows
import dev.steadfast.core.SignIn
import dev.steadfast.core.SignInMethod
import dev.steadfast.core.SsoMethod
import dev.steadfast.core.SsoStart
import dev.steadfast.core.Standing
import dev.steadfast.core.WebCookie
import dev.steadfast.core.WebView
import dev.steadfast.testing.TestBrowser
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import org.junit.runner.RunWith

/** Every way to sign in, from what the server offers to a session that it knows. */
@RunWith(AtOnce::class)
class SignInMethodsTest {
    @get:Rule
    val world = World()
    private val server get() = world.server

    private val services =
        mapOf(
            SsoMethod.GIT_LAB to "gitlab",
            SsoMethod.GOOGLE to "google",
            SsoMethod.OFFICE365 to "office365",
            SsoMethod.OPEN_ID to "openid",
            SsoMethod.SAML to "saml",
        )

    private fun phone() =
        world.device(config = { it.copy(webView = WebView.COOKIES_FOR_ACCOUNTS) }).also {
            val offered = (services.values + "ldap").map { service -> "enable_$service" to true }
            val guests = listOf("enable_guest_magic_link" to true, "enable_guest_accounts" to true)
            server.turn("settings", *(offered + guests + ("site_url" to it.server)).toTypedArray())
        }

    /** A user whom that service vouches for. */
    private fun user(
        name: String,
        service: String,
    ) {
        server.turn("create_user", "name" to name, "password" to "Passw0rd!$name")
        server.turn("auth_service", "user" to name, "service" to service)
    }

    private fun browse(
        phone: Handset,
        begun: SsoStart,
        user: String,
    ) = TestBrowser.signIn(phone.network.authority, begun.url, user)

    private suspend fun isIn(
        phone: Handset,
        account: Long,
        user: String,
        method: SignInMethod,
    ) {
        val changes = phone.until("content") { changes -> changes.accounts.any { it.account == account && it.shows is Shows.Content } }
        val snapshot = changes.accounts.single { it.account == account }
        assertEquals(user, snapshot.username)
        assertEquals(method, snapshot.signInMethod)
        assertEquals(Standing.ACTIVE, phone.core.verify(account, PATIENCE))
        eventually("one session of $user") { server.sessions(user).size == 1 }
        // The server does not list the session of an access token.
        if (method != SignInMethod.ACCESS_TOKEN) assertTrue(phone.core.activeSessions(account).single().current)
    }

    @Test
    fun `through the browser, and again as the same user`() =
        test {
            val phone = phone()
            val here = Destination(phone.server)
            val offered = phone.core.probeServer(here).methods
            assertTrue("$offered", offered.run { ldap && saml && gitlab && google && office365 && openid })
            for (exchange in listOf("off", "on")) {
                server.turn("settings", "code_exchange" to exchange)
                for ((method, service) in services) {
                    val name = "$service-$exchange"
                    user(name, service)
                    val link = browse(phone, phone.core.beginSso(here, method), name)
                    assertEquals(link, exchange == "on", "login_code=" in link)
                    val account = phone.core.finishSso(link)
                    isIn(phone, account, name, SignInMethod.SSO)

                    val before = server.sessions(name).single()
                    val again = browse(phone, phone.core.beginSsoAgain(account, method), name)
                    assertEquals(account, phone.core.finishSso(again))
                    eventually("the new session alone") { server.sessions(name).let { it.size == 1 && it.single() != before } }
                    isIn(phone, account, name, SignInMethod.SSO)
                }
            }
            val first = phone.core.accounts().first { it.username == "saml-off" }.account
            val other = browse(phone, phone.core.beginSsoAgain(first, SsoMethod.SAML), "saml-on")
            assertEquals("another_user", codeOf { phone.core.finishSso(other) })
            assertEquals("callback_refused", codeOf { phone.core.finishSso(other) })
        }

    @Test
    fun `with the directory`() =
        test {
            val phone = phone()
            user("lena", "ldap")
            val typed = SignIn(phone.server, "lena", "Passw0rd!lena", ldapOnly = true)
            assertEquals("invalid_credentials", codeOf { phone.core.signIn(typed.copy(password = "wrong")) })
            isIn(phone, phone.core.signIn(typed), "lena", SignInMethod.PASSWORD)
        }

    @Test
    fun `with a link in a mail, once`() =
        test {
            val phone = phone()
            val here = Destination(phone.server)
            user("gina", "magic_link")
            assertEquals(MagicLink.MAILED, phone.core.requestMagicLink(here, "gina"))
            val link = server.turn("mailed_links", "user" to "gina").asJsonArray.single().asString
            isIn(phone, phone.core.signInWithMagicLink(here, link), "gina", SignInMethod.MAGIC_LINK)
            assertEquals("token_refused", codeOf { phone.core.signInWithMagicLink(here, link) })
        }

    @Test
    fun `with an access token, and with a session that began elsewhere`() =
        test {
            val phone = phone()
            val here = Destination(phone.server)
            val token = server.turn("create_access_token", "user" to "alice").asJsonObject["token"].asString
            isIn(phone, phone.core.adoptToken(here, token), "alice", SignInMethod.ACCESS_TOKEN)
            val elsewhere = server.signedInElsewhere(Person.BOB)
            isIn(phone, phone.core.adoptToken(here, elsewhere.token), "bob", SignInMethod.ADOPTED)
            assertEquals(elsewhere.session, server.sessions("bob").single())
            assertEquals("token_refused", codeOf { phone.core.adoptToken(here, "unknown0unknown0unknown0un") })
        }

    @Test
    fun `inside a web view`() =
        test {
            val phone = phone()
            val here = Destination(phone.server)
            val elsewhere = server.signedInElsewhere(Person.BOB)
            val cookies = listOf(WebCookie("MMAUTHTOKEN", elsewhere.token))
            assertEquals("foreign_origin", codeOf { phone.core.webviewSignedIn(here, "https://evil.example.com/", cookies) })
            val account = phone.core.webviewSignedIn(here, "${phone.server}/team/channels/town-square", cookies)
            isIn(phone, account, "bob", SignInMethod.ADOPTED)
            assertEquals(elsewhere.session, server.sessions("bob").single())
        }
}
