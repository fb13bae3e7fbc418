package dev.steadfast.jvm

import dev.steadfast.core.EraseReason
import dev.steadfast.core.LegacyEntry
import dev.steadfast.core.LegacyOutcome
import dev.steadfast.core.LegacySource
import dev.steadfast.core.NetworkPath
import dev.steadfast.core.PreviousInstallation
import dev.steadfast.core.Reason
import dev.steadfast.core.Standing
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotEquals
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import org.junit.runner.RunWith
import java.io.File
import java.util.concurrent.atomic.AtomicBoolean
import java.util.concurrent.locks.LockSupport

/** What a user sees of what the device keeps: of a session, of what is owed, of keys, and of an older app. */
@RunWith(AtOnce::class)
class KeptTest {
    @get:Rule
    val world = World()
    private val server get() = world.server

    private suspend fun untilNoSession() = eventually("no session") { server.sessions("alice").isEmpty() }

    /** Q8. */
    @Test
    fun `q08 a sign-out in airplane mode is done here at once, and at the server when the network is back`() =
        test {
            within(10_000) {
                val phone = world.signedIn()
                phone.airplaneOn()
                phone.core.signOut(phone.account)
                assertEquals("sign in: null", phone.shows())
                assertEquals(Reason.SIGNED_OUT, phone.snapshot.reason)
                assertEquals(1, server.sessions("alice").size)
                val took =
                    timed {
                        phone.airplaneOff()
                        untilNoSession()
                    }
                assertTrue("${phone.told}", phone.told.isEmpty())
                took
            }
        }

    /** The core is not told that the network is back: its process starts when it is. Hazards D05, B15. Q8. */
    @Test
    fun `q08 what is owed to the server survives a kill`() =
        test {
            val network = world.network()
            val phone = world.killable(network)
            phone.start()
            assertEquals("content", phone.ask("sign-in alice"))
            network.act("cut")
            phone.ask("network-down")
            assertEquals("sign in: null", phone.ask("sign-out"))
            phone.kill()
            assertEquals(1, server.sessions("alice").size)

            val since = server.requests().size
            network.act("restore")
            phone.start()
            assertEquals("sign in: null", phone.ask("shows"))
            untilNoSession()
            // Nothing is waited for: what is owed is among the first things that the server hears.
            val heard = server.requests().drop(since)
            val place = heard.indexOfFirst { it["path"].asString.endsWith("/logout") }
            assertTrue("$heard", place in 0..3)
        }

    /**
     * The administrator's order reaches a phone that is killed at each call into its key store, before and after the keys of
     * the token and of the data are deleted, and between the app's own erasing and its word for it. Not shown here: the steps
     * between two writes of the store itself, each of which `core/tests/vault_kills.rs` stops.
     *
     * Q9.
     */
    @Test
    fun `q09 killed at every step of a wipe, nothing is left after the next start`() =
        test {
            server.turn("settings", "push_notifications" to true, "mobile_ephemeral_mode" to true)
            val network = world.network()
            val signedIn = world.killable(network)
            signedIn.start()
            assertEquals("content", signedIn.ask("sign-in alice"))
            signedIn.ask("until-live")
            signedIn.ask("make-data-key")
            signedIn.ask("suspend")
            signedIn.kill()
            server.turn("clock_advance", "by" to 150_000)
            server.revoke("alice")
            val order = wipeOrder()
            assertEquals("the token's and the data's", 2, keysOf(File(signedIn.folder, "keys")).size)

            val left = mutableListOf<Int>()
            do {
                val step = left.size + 1
                val phone = world.killable(network, folder = world.folder())
                signedIn.folder.copyRecursively(phone.folder, overwrite = true)
                phone.start()
                phone.ask("stop-at $step")
                val said = phone.ask("push $order")
                phone.kill()
                left += keysOf(File(phone.folder, "keys")).size
                assertFinished(phone, order)
            } while (said == "stopped")
            println("keys left when killed at each step of a wipe, and at its end: $left")
            assertEquals("killed before, between and after the two", setOf(0, 1, 2), left.toSet())
        }

    /** After the next start, and the push that the service delivers again, the wipe is done whatever was done before. */
    private suspend fun assertFinished(
        phone: Killable,
        order: String,
    ) {
        phone.start()
        phone.ask("push $order")
        assertTrue(phone.ask("until-signed-out"), phone.ask("shows").startsWith("sign in"))
        // What an earlier process showed as ended is shown so at once, and its keys are deleted meanwhile.
        eventually("neither the token's nor the data's") { keysOf(File(phone.folder, "keys")).isEmpty() }
        // The app is killed before it erases, and again before it says so; it owes it until then, and no longer.
        val owed = phone.ask("owes")
        assertTrue(owed, owed.matches(Regex("\\d+")))
        phone.kill()
        phone.start()
        assertEquals(owed, phone.ask("owes"))
        assertEquals("acknowledged", phone.ask("erased"))
        phone.kill()
        phone.start()
        assertEquals("", phone.ask("owes"))
        assertTrue(phone.ask("shows").startsWith("sign in"))
        phone.kill()
    }

    private suspend fun wipeOrder(): String {
        var order: String? = null
        eventually("the order") {
            val bodies = server.get("pushes").asJsonArray.map { it.asJsonObject["body"].asJsonObject }
            val sent = bodies.firstOrNull { it["type"].asString == "session" && (it["message"]?.isJsonNull ?: true) }
            // What the push service hands to the phone: the device's own address stays behind.
            sent?.remove("device_id")
            sent?.remove("platform")
            order = sent?.toString()
            order != null
        }
        return order!!
    }

    private suspend fun lockedUntilItWorks(hinders: (stillSo: () -> Boolean) -> Unit) {
        val keys = Keys(world.folder())
        val phone = world.signedIn(keys = keys)
        phone.switchOff()
        val written = keys.written.get()
        val isHindered = AtomicBoolean(true)
        keys.before = { if (isHindered.get()) hinders(isHindered::get) }
        phone.switchOn()
        phone.until("locked") { it.accounts.single().standing == Standing.LOCKED }
        assertFalse(phone.shows().startsWith("sign in"))
        assertEquals("nothing is written", written, keys.written.get())
        // When it works again, nothing else has to happen.
        isHindered.set(false)
        phone.untilLive()
        assertEquals(Standing.ACTIVE, phone.verify())
        assertTrue("${phone.shown}", phone.shown.dropWhile { it != "content" }.none { it.startsWith("sign in") })
        assertTrue("${phone.told}", phone.told.isEmpty())
        assertEquals(written, keys.written.get())
    }

    /** Q10. */
    @Test
    fun `q10 a key store that cannot be used at the start signs nobody out, and the account comes back by itself`() =
        test {
            listOf<(() -> Boolean) -> Unit>(
                { error("the device is locked") },
                // Longer than the core waits for it; ends with the hindrance.
                { stillSo -> while (stillSo()) LockSupport.parkNanos(50_000_000) },
            ).map { async { lockedUntilItWorks(it) } }.awaitAll()
        }

    /** Q12. */
    @Test
    fun `q12 a push token that changed while the server was away is there within ten seconds`() =
        test {
            val phone = world.signedIn()

            fun attached() = server.sessionRows("alice").single()["device_id"].asString
            var letter = 'a'
            within(10_000) {
                val first = attached()
                assertTrue(first, first.startsWith("android_rn-v2:"))
                server.turn("database", "state" to "stopped")
                val since = server.requests().size
                val rotated = "android_rn-v2:${"${letter++}".repeat(40)}"
                phone.core.setDeviceId(rotated)
                eventually("a try in vain") {
                    server.requests().drop(since).any { it["path"].asString.endsWith("/users/sessions/device") && !it["status"].isJsonNull }
                }
                assertEquals("it could not be stored", first, attached())
                server.turn("database", "state" to "healthy")
                timed {
                    phone.core.networkChanged(NetworkPath.UP)
                    eventually("the new one") { attached() == rotated }
                }
            }
        }

    /** Q14. */
    @Test
    fun `q14 the same user finds everything again, and another user only after it is erased`() =
        test {
            val phone = world.signedIn()
            val alice = phone.account
            val key = phone.core.dataKey(alice)
            server.revoke("alice")
            phone.untilExpired()
            assertEquals("the same account", alice, phone.signIn(Person.ALICE))
            assertArrayEquals("what was stored can be read", key, phone.core.dataKey(alice))
            assertTrue(phone.erased.isEmpty() && phone.core.obligations().isEmpty())

            phone.core.signOut(alice)
            phone.stopListening()
            val bob = phone.core.signIn(phone.typed(Person.BOB))
            assertNotEquals(alice, bob)
            val owed = phone.core.obligations().single()
            assertEquals(alice, owed.account)
            assertEquals(listOf(bob), owed.blocks)
            assertTrue(phone.core.snapshot(bob).waitsForErasing)
            assertNotEquals("content", said(phone.core.snapshot(bob)))
            phone.core.acknowledgeObligation(owed.id)
            phone.until("bob sees content") { changes -> changes.accounts.any { it.account == bob && said(it) == "content" } }
            assertEquals("sign in: null", said(phone.core.snapshot(alice)))
            assertFalse("${owed.reason}", owed.reason == EraseReason.WIPED)
            assertFalse(key.contentEquals(phone.core.dataKey(bob)))
        }

    private suspend fun import(
        phone: Handset,
        entry: LegacyEntry,
    ): LegacyOutcome = phone.core.importLegacy(listOf(entry), PreviousInstallation.UPDATED).single().outcome

    private fun assertNowhere(
        phone: Handset,
        secret: String,
    ) = File(phone.folder, "vault").walk().filter { it.isFile }.forEach { file ->
        assertFalse("$file", String(file.readBytes(), Charsets.ISO_8859_1).contains(secret))
    }

    /** Of the files and items of the older apps themselves `android/library` is the test. Q18. */
    @Test
    fun `q18 the session of an older app is taken over, used offline, and confirmed when the server is heard`() =
        test {
            val older = server.signedInElsewhere()
            val phone = world.device()
            phone.network.act("refuse", "on" to true)
            phone.core.networkChanged(NetworkPath.DOWN)
            val name = "android_rn:old, ${older.user}"
            val entry = LegacyEntry(LegacySource.REACT_NATIVE1_INTERNET, phone.server, name, older.token)
            val adopted = import(phone, entry)
            assertEquals(LegacyOutcome.Adopted(phone.account), adopted)
            assertEquals("content", phone.shows())
            assertNull("the app can tell", phone.snapshot.validatedAtMillis)
            phone.restart()
            assertEquals("content", phone.shows())
            assertNull(phone.snapshot.validatedAtMillis)
            assertEquals(adopted, import(phone, entry))
            phone.network.act("refuse", "on" to false)
            phone.core.networkChanged(NetworkPath.UP)
            phone.untilLive()
            assertEquals(Standing.ACTIVE, phone.verify())
            assertNotNull(phone.snapshot.validatedAtMillis)
            assertEquals("the session itself, no other", listOf(older.session), server.sessions("alice"))
            assertEquals(listOf(entry.source), phone.core.legacyErasable().map { it.source })
            assertNowhere(phone, older.token)
        }

    /** Q18. */
    @Test
    fun `q18 no answer but the server's own verdict gives the session of an older app up`() =
        test {
            val older = server.signedInElsewhere()
            val gone = mapOf("id" to "api.context.session_expired.app_error", "message" to "", "request_id" to "", "status_code" to 401)
            val useless =
                mapOf<String, (Network) -> Unit>(
                    "nobody there" to { it.act("refuse", "on" to true) },
                    "500" to { it.answer(500, "html" to "<h1>500</h1>") },
                    "a portal" to { it.act("portal", "kind" to "page") },
                    "a stranger's 401" to { it.answer(401, "json" to gone) },
                    "a stranger" to { it.act("present", "certificate" to "stranger") },
                )
            useless
                .map { (what, begin) ->
                    async {
                        val phone = world.device()
                        begin(phone.network)
                        val entry = LegacyEntry(LegacySource.REACT_NATIVE2, phone.server, older.token, older.token)
                        assertEquals(what, LegacyOutcome.Pending, import(phone, entry))
                        phone.core.networkChanged(NetworkPath.UP)
                        if (what != "nobody there") phone.network.untilAccepted(1)
                        assertEquals(what, LegacyOutcome.Pending, import(phone, entry))
                        phone.restart()
                        assertTrue(what, phone.core.accounts().isEmpty())
                        phone.network.act("clear")
                        phone.core.networkChanged(NetworkPath.UP)
                        phone.until("$what is over") { changes -> changes.accounts.any { it.username == "alice" } }
                        phone.untilLive()
                        assertEquals(what, LegacyOutcome.Adopted(phone.account), import(phone, entry))
                        assertNowhere(phone, older.token)
                    }
                }.awaitAll()
            assertEquals("the session itself, no other", listOf(older.session), server.sessions("alice"))
        }
}
