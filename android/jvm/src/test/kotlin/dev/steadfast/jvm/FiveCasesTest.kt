package dev.steadfast.jvm

import dev.steadfast.core.ActiveSession
import dev.steadfast.core.Device
import dev.steadfast.core.DeviceKind
import dev.steadfast.core.NoticeKind
import dev.steadfast.core.Reason
import dev.steadfast.core.Standing
import dev.steadfast.core.UserQuery
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotEquals
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import org.junit.runner.RunWith

/** The five cases that must work, as an app on the JVM plays them. */
@RunWith(AtOnce::class)
class FiveCasesTest {
    @get:Rule
    val world = World()
    private val server get() = world.server

    /** MM-T297. */
    @Test
    fun `every device that is logged out goes to the sign-in page, the current one last`() =
        test {
            val classic = Device(DeviceKind.ClassicAndroid, "1.41.0", "1", "9", "Nexus 5")
            val classicIPhone = Device(DeviceKind.ClassicIPhone, "1.41.0", "1", "12.5", "iPhone 5s")
            val devices = listOf(PHONE, IPHONE, classic, classicIPhone, DESKTOP).map { world.device(it) }
            devices.forEach { it.signInAndConnect(Person.ALICE) }
            server.sessionsGrowUp()
            val phone = devices[0]
            val rows = phone.core.activeSessions(phone.account)
            assertEquals(
                listOf(
                    "Android Native App",
                    "Android Native Classic App",
                    "Native Desktop App",
                    "iPhone Native App",
                    "iPhone Native Classic App",
                ),
                rows.map { it.label }.sorted(),
            )
            assertEquals(listOf("Android Native App"), rows.filter { it.current }.map { it.label })
            rows.forEach(::assertSaysMore)

            for (row in rows.filterNot { it.current }) {
                phone.core.endSession(phone.account, row.id)
                assertTrue(phone.core.activeSessions(phone.account).none { it.id == row.id })
            }
            devices.drop(1).forEach { it.untilExpired() }
            assertEquals("content", phone.shows())

            phone.core.endSession(phone.account, phone.ownSession())
            assertEquals("sign in: null", phone.shows())
            assertEquals(Reason.SIGNED_OUT, phone.snapshot.reason)
            assertTrue(phone.told.isEmpty())
            eventually("no session") { server.sessions("alice").isEmpty() }
            devices.forEach { it.signIn(Person.ALICE) }
        }

    private fun assertSaysMore(row: ActiveSession) {
        assertTrue("$row", row.firstActiveAtMillis > 0 && row.lastActivityAtMillis >= row.firstActiveAtMillis)
        assertTrue("$row", row.os.isNotEmpty() && row.browser.isNotEmpty() && row.id.length == 26)
    }

    /** MM-T940. */
    @Test
    fun `revoking everybody's sessions touches nothing until it is confirmed, and then reaches every device`() =
        test {
            val phone = world.signedIn()
            val asleep = world.signedIn(IPHONE, Person.BOB, config = ::strict)
            val admin = world.signedIn(DESKTOP, Person.ADMIN)
            asleep.suspendApp()

            val question = admin.core.prepareEndEveryone(admin.account)
            assertEquals(
                "This action revokes all sessions in the system. All users will be logged out from all devices. " +
                    "Are you sure you want to revoke all sessions?",
                question.message().text,
            )
            // Cancel is to leave it alone.
            question.close()
            assertEquals(Standing.ACTIVE, phone.verify())
            assertEquals(listOf(1, 1, 1), Person.entries.map { server.sessions(it.login).size })

            admin.endEveryone()
            listOf(admin, phone).forEach { it.untilExpired() }
            asleep.forgetShown()
            asleep.openApp()
            asleep.untilExpired()
            assertFalse("${asleep.shown}", asleep.shown.drop(1).contains("content"))
            assertEquals("forbidden", codeOf { phone.apply { signIn(Person.ALICE) }.core.prepareEndEveryone(phone.account) })
        }

    /** MM-T938. */
    @Test
    fun `an administrator ends one user's sessions, and nobody else's`() =
        test {
            val idle = world.signedIn()
            val busy = world.signedIn(IPHONE)
            val other = world.signedIn(PHONE, Person.BOB)
            val admin = world.signedIn(DESKTOP, Person.ADMIN)
            val found = admin.core.users(admin.account, UserQuery("alice"))
            val alice = found.single { it.username == "alice" }
            admin.core.endUserSessions(admin.account, alice.id)

            assertEquals(Standing.ENDED, busy.verify())
            idle.untilExpired()
            busy.untilExpired()
            assertEquals(Standing.ACTIVE, other.verify())
            assertEquals("content", other.shows())
            assertEquals("content", admin.shows())
            idle.signIn(Person.ALICE)
            assertEquals("content", idle.shows())
        }

    private suspend fun revokedInAirplaneMode(
        isStrict: Boolean,
        networkFirst: Boolean,
    ) {
        val phone = world.signedIn(config = if (isStrict) ::strict else ({ it }))
        phone.airplaneOn()
        phone.suspendApp()
        world.signedIn(DESKTOP, Person.ADMIN).endEveryone()
        phone.forgetShown()
        if (networkFirst) phone.airplaneOff()
        phone.openApp()
        if (!networkFirst) {
            assertEquals(if (isStrict) "cover" else "content", phone.shows())
            assertEquals(Standing.ACTIVE, phone.snapshot.standing)
            phone.airplaneOff()
        }
        phone.untilExpired()
        phone.untilTold()
        val afterFirst = phone.shown.drop(1)
        if (isStrict) assertFalse("${phone.shown}", afterFirst.contains("content"))
        // Once it no longer was content, it never was again.
        val first = phone.shown.indexOfFirst { it != "content" }
        assertFalse("${phone.shown}", phone.shown.drop(first).contains("content"))
        assertEquals(1, phone.told.size)
    }

    /** MM-T941. Q2. */
    @Test
    fun `airplane mode, and the app is opened before the network is back`() =
        test { revokedInAirplaneMode(isStrict = false, networkFirst = false) }

    /** MM-T941. */
    @Test
    fun `airplane mode, and the network is back before the app is opened`() =
        test { revokedInAirplaneMode(isStrict = false, networkFirst = true) }

    /** MM-T941. */
    @Test
    fun `strict, airplane mode, and the app is opened before the network is back`() =
        test { revokedInAirplaneMode(isStrict = true, networkFirst = false) }

    /** MM-T941. */
    @Test
    fun `strict, airplane mode, and the network is back before the app is opened`() =
        test { revokedInAirplaneMode(isStrict = true, networkFirst = true) }

    private suspend fun revokedWhileKilled(
        isStrict: Boolean,
        networkFirst: Boolean,
    ) {
        val network = world.network()
        val phone = world.killable(network, isStrict = isStrict)
        phone.start()
        assertEquals("content", phone.ask("sign-in alice"))
        server.sessionsGrowUp()
        phone.kill()
        network.act("cut")
        world.signedIn(DESKTOP, Person.ADMIN).endEveryone()

        if (networkFirst) network.act("restore")
        phone.start()
        if (networkFirst) {
            // The system tells of changes, and there is none.
            assertEquals("sign in: $EXPIRED", phone.ask("until-signed-out"))
        } else {
            assertEquals(if (isStrict) "cover" else "content", phone.ask("shows"))
            network.act("restore")
            assertEquals("sign in: $EXPIRED", phone.ask("network-up"))
        }
        val shown = phone.ask("shown").split("|")
        assertFalse("$shown", shown.dropWhile { it == "content" }.contains("content"))
        if (isStrict) assertFalse("$shown", shown.contains("content"))
    }

    /** MM-T941. */
    @Test
    fun `switched off, and the network comes back with the app open`() = test { revokedWhileKilled(isStrict = false, networkFirst = false) }

    /** MM-T941. */
    @Test
    fun `switched off, and the network is back before the app is opened`() =
        test { revokedWhileKilled(isStrict = false, networkFirst = true) }

    /** MM-T941. */
    @Test
    fun `strict, switched off, and the network comes back with the app open`() =
        test { revokedWhileKilled(isStrict = true, networkFirst = false) }

    /** MM-T941. */
    @Test
    fun `strict, switched off, and the network is back before the app is opened`() =
        test { revokedWhileKilled(isStrict = true, networkFirst = true) }

    /** MM-T941. Q3. */
    @Test
    fun `revoked in the background`() =
        test {
            val phone = world.signedIn(IPHONE)
            phone.suspendApp()
            world.signedIn(DESKTOP, Person.ADMIN).endEveryone()
            phone.openApp()
            phone.untilExpired()
        }

    /** MM-T418. */
    @Test
    fun `a session that ends while nobody looks is told once, and the text is there after a restart`() =
        test {
            val phone = world.signedIn()
            val own = phone.ownSession()
            val other = world.signedIn(DESKTOP)
            phone.leaveApp()
            other.core.endSession(other.account, own)
            phone.untilTold()
            assertEquals(NoticeKind.SESSION_ENDED, phone.told[0].kind)
            assertEquals("Session Expired: Please log in to continue receiving notifications.", phone.told[0].message.text)
            phone.openApp()
            phone.untilExpired()
            phone.until("acknowledged") { it.notices.isEmpty() }
            phone.restart()
            assertEquals("sign in: $EXPIRED", phone.shows())
            assertEquals(1, phone.told.size)
            assertTrue(phone.core.notices().isEmpty())
        }

    /** MM-T418. */
    @Test
    fun `a suspended phone hears of it by its background check, before it is opened`() =
        test {
            val phone = world.signedIn()
            val own = phone.ownSession()
            val other = world.signedIn(DESKTOP)
            phone.stopListening()
            phone.suspendApp()
            other.core.endSession(other.account, own)
            val notices = phone.core.backgroundCheck(15_000)
            assertEquals(listOf(NoticeKind.SESSION_ENDED), notices.map { it.kind })
            assertEquals("sign in: $EXPIRED", phone.shows())
            phone.openApp()
            assertEquals("sign in: $EXPIRED", phone.shows())
            // Once, whichever way it is heard.
            assertEquals(notices.map { it.id }, phone.core.notices().map { it.id })
        }

    /** MM-T420. */
    @Test
    fun `a notice that was not acknowledged comes again after a restart`() =
        test {
            val phone = world.signedIn()
            phone.stopListening()
            server.revoke("alice")
            phone.untilExpired()
            assertEquals(1, phone.core.notices().size)
            phone.restart()
            assertNotEquals("content", phone.shows())
            phone.untilTold()
            assertEquals(1, phone.told.size)
        }
}
