package dev.steadfast.jvm

import dev.steadfast.core.CoreInterface
import dev.steadfast.core.Destination
import dev.steadfast.core.Download
import dev.steadfast.core.HostState
import dev.steadfast.core.LegacyEntry
import dev.steadfast.core.LegacySource
import dev.steadfast.core.Method
import dev.steadfast.core.NetworkPath
import dev.steadfast.core.NetworkProfile
import dev.steadfast.core.Notifications
import dev.steadfast.core.PreviousInstallation
import dev.steadfast.core.Proxy
import dev.steadfast.core.Request
import dev.steadfast.core.SignInAgain
import dev.steadfast.core.SsoMethod
import dev.steadfast.core.Standing
import dev.steadfast.core.TransferInterface
import dev.steadfast.core.Upload
import dev.steadfast.core.UserQuery
import dev.steadfast.core.WebCookie
import dev.steadfast.core.WebView
import dev.steadfast.testing.TestBrowser
import kotlinx.coroutines.withTimeout
import kotlinx.coroutines.withTimeoutOrNull
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import org.junit.runner.RunWith
import java.io.File

/**
 * A coroutine that is cancelled at any point where it waits loses nothing: what the server has done is here as well, and the
 * core goes on. Each operation is in a state in which it waits and succeeds. Hazard C05.
 */
@RunWith(AtOnce::class)
class EveryPointTest {
    @get:Rule
    val world = World()
    private val server get() = world.server

    private fun phone() = world.device(config = { it.copy(webView = WebView.COOKIES_FOR_ACCOUNTS) })

    /** Users who sign in with nothing but a password are alice, bob and the administrator. */
    private fun withOtherWays(phone: Handset) {
        server.turn(
            "settings",
            "enable_gitlab" to true,
            "enable_openid" to true,
            "enable_guest_magic_link" to true,
            "enable_guest_accounts" to true,
            "site_url" to phone.server,
        )
        for ((name, service) in mapOf("gina" to "magic_link", "dave" to "gitlab")) {
            server.turn("create_user", "name" to name, "password" to "Passw0rd!$name")
            server.turn("auth_service", "user" to name, "service" to service)
        }
    }

    /** What the core holds of a user and what the server does are one session, and it is good. */
    private suspend fun isSignedIn(
        phone: Handset,
        user: String,
        not: String? = null,
    ) {
        phone.until("$user signed in") { changes -> changes.accounts.any { it.username == user && it.standing == Standing.ACTIVE } }
        eventually("one session of $user: ${server.sessions(user)}") { server.sessions(user).let { it.size == 1 && it.single() != not } }
        val account = phone.core.accounts().single { it.username == user }.account
        // What is asked with it is answered. How often a session may be validated is limited, and this is asked often.
        eventually("its own session") { phone.core.activeSessions(account).single().current }
    }

    private suspend fun isSignedOut(
        phone: Handset,
        user: String,
    ) {
        phone.until("$user signed out") { changes -> changes.accounts.all { it.username != user || said(it).startsWith("sign in") } }
        eventually("no session of $user") { server.sessions(user).isEmpty() }
    }

    private suspend fun forgetAll(
        phone: Handset,
        user: String,
    ) {
        phone.core.accounts().forEach { phone.core.forget(it.account) }
        eventually("no session of $user") { server.sessions(user).isEmpty() }
    }

    /** Somebody who was signed in and stays it, whatever is asked for. */
    private suspend fun stays(phone: Handset) {
        withTimeout(PATIENCE) { phone.core.changes(0) }
        isSignedIn(phone, "sysadmin")
    }

    /** Until nothing has changed for a while; the revision. */
    private suspend fun quiet(phone: Handset): Long {
        var revision = phone.core.changes(0).revision
        while (true) revision = withTimeoutOrNull(300) { phone.core.changes(revision) }?.revision ?: return revision
    }

    private fun asking(phone: Handset): List<Operation> {
        val here = Destination(phone.server)
        var from = 0L

        fun of(
            name: String,
            call: suspend () -> Any?,
        ) = Operation(name, done = { stays(phone) }) { call }

        // How often a session is validated is limited in each process.
        fun validating(
            name: String,
            call: suspend () -> Any?,
        ) = Operation(name, done = { stays(phone) }) { phone.restart().let { call } }
        return listOf(
            Operation("changes", meanwhile = { phone.core.networkChanged(NetworkPath.DOWN) }, done = {
                phone.core.networkChanged(NetworkPath.UP)
                phone.untilLive()
                stays(phone)
            }) { quiet(phone).let { seen -> { phone.core.changes(seen) } } },
            Operation("events", meanwhile = { server.turn("post", "user" to "bob", "message" to "here") }, done = {
                // It comes whether somebody waited for it or not, and again to whoever has not taken it.
                val batch = phone.core.events(phone.account, from)
                assertTrue("$batch", !batch.gap && batch.events.any { it.name == "posted" })
                stays(phone)
            }) {
                phone.untilLive()
                while (true) from = withTimeoutOrNull(300) { phone.core.events(phone.account, from) }?.lastSeq ?: break
                suspend { phone.core.events(phone.account, from) }
            },
            of("probeServer") { phone.core.probeServer(here) },
            of("activeSessions") { phone.core.activeSessions(phone.account) },
            of("users") { phone.core.users(phone.account, UserQuery()) },
            of("request") { phone.core.request(phone.account, Request(Method.GET, "/api/v4/users/me")) },
            Operation("send", done = { stays(phone) }) {
                phone.untilLive()
                suspend { phone.core.send(phone.account, "get_statuses") }
            },
            validating("verify") { phone.core.verify(phone.account, PATIENCE) },
            of("beginSso") { phone.core.beginSso(here, SsoMethod.GIT_LAB) },
            of("beginSsoAgain") { phone.core.beginSsoAgain(phone.account, SsoMethod.GIT_LAB) },
            of("requestMagicLink") { phone.core.requestMagicLink(here, "gina") },
            of("prepareEndEveryone") { phone.core.prepareEndEveryone(phone.account) },
            validating("backgroundCheck") { phone.core.backgroundCheck(5_000) },
            validating("pushReceived") { phone.core.pushReceived(mapOf("type" to "session", "server_id" to "", "version" to "v2")) },
            validating("pushReceivedJson") { phone.core.pushReceivedJson("""{"type":"session","server_id":"","version":"v2"}""") },
            of("webviewCookies") { phone.core.webviewCookies(phone.account) },
            validating("webviewSaw401") { phone.core.webviewSaw401(phone.account) },
            of("importLegacy") {
                val left = LegacyEntry(LegacySource.REACT_NATIVE2, phone.server, "alice", "legacy0legacy0legacy0legac")
                phone.core.importLegacy(listOf(left), PreviousInstallation.UPDATED)
            },
            of("legacyErasable") { phone.core.legacyErasable() },
        )
    }

    private fun keeping(phone: Handset): List<Operation> {
        var number = 0
        var sent = ""
        var key = ByteArray(0)

        fun of(
            name: String,
            call: suspend () -> Any?,
        ) = Operation(name, done = { stays(phone) }) { call }
        return listOf(
            Operation("dataKey", done = {
                // The first one that was made is the one that stays, in the store too.
                val kept = phone.core.dataKey(phone.account)
                if (key.isNotEmpty()) assertTrue(kept.contentEquals(key))
                key = kept
                stays(phone)
            }) { suspend { phone.core.dataKey(phone.account) } },
            Operation("renewDataKey", done = {
                stays(phone)
                phone.restart()
                assertTrue(phone.core.dataKey(phone.account).contentEquals(phone.core.dataKey(phone.account)))
            }) { suspend { phone.core.renewDataKey(phone.account) } },
            Operation("setDeviceId", done = {
                eventually("the device id") { server.sessionRows("sysadmin").single()["device_id"].asString == sent }
                stays(phone)
            }) {
                sent = "android_rn-v2:${"%040x".format(++number)}"
                suspend { phone.core.setDeviceId(sent) }
            },
            of("setNotifications") { phone.core.setNotifications(Notifications.entries[++number % 2]) },
            of("setNetworkProfile") { phone.core.setNetworkProfile(phone.account, NetworkProfile(Proxy.Direct)) },
            of("acknowledgeNotice") { phone.core.acknowledgeNotice(1) },
            of("acknowledgeObligation") { phone.core.acknowledgeObligation(1) },
            Operation("reminderSet", done = { stays(phone) }) {
                phone.until("a reminder") { it.reminders.isNotEmpty() }
                val reminder = phone.core.reminders().single()
                suspend { phone.core.reminderSet(reminder.id, reminder.atMillis) }
            },
            Operation("webviewCookiesWritten", done = { stays(phone) }) {
                val generation = phone.core.webviewCookies(phone.account).generation
                suspend { phone.core.webviewCookiesWritten(phone.account, generation) }
            },
            of("legacyErased") { phone.core.legacyErased(phone.core.legacyErasable().map { it.id } + "another") },
            Operation("hostState", done = {
                phone.openApp()
                phone.untilLive()
                stays(phone)
            }) { suspend { phone.suspendApp() } },
        )
    }

    private fun carrying(phone: Handset): List<Operation> {
        val file = File(phone.folder, "file").apply { writeText("content") }
        val fetched = File(phone.folder, "down")

        suspend fun fetching() = phone.core.download(phone.account, Download("/api/v4/users/me", fetched.path))

        suspend fun slow(each: Int) {
            phone.network.act("latency", "each_way_ms" to each)
        }
        return listOf(
            Operation("download", done = {
                // It was begun, so it goes on, or another one gets there.
                fetching().finished()
                assertTrue("sysadmin" in fetched.readText())
                fetched.delete()
                stays(phone)
            }) { suspend { fetching() } },
            // It is at hand at once: what takes its time is the transfer.
            Operation("upload", waits = false, done = { stays(phone) }) {
                suspend { phone.core.upload(phone.account, Upload(Method.POST, "/api/v4/files", "text/plain", file.path)) }
            },
            Operation("Transfer.finished", done = {
                slow(0)
                stays(phone)
            }) {
                slow(50)
                val transfer = fetching()
                suspend { transfer.finished() }
            },
            Operation("Transfer.progressAfter", done = {
                slow(0)
                stays(phone)
            }) {
                slow(50)
                val transfer = fetching()
                val seen = transfer.progress()
                suspend { transfer.progressAfter(seen) }
            },
        )
    }

    /** A user signs in, in each way, who was not before; whoever stops waiting finds the account there. */
    private fun arriving(phone: Handset): List<Operation> {
        val here = Destination(phone.server)

        fun of(
            name: String,
            user: String,
            prepare: suspend () -> suspend () -> Any?,
        ) = Operation(name, done = { isSignedIn(phone, user) }) {
            forgetAll(phone, user)
            prepare()
        }
        return listOf(
            of("signIn", "alice") { suspend { phone.core.signIn(phone.typed(Person.ALICE)) } },
            of("finishSso", "dave") {
                val link = browse(phone, phone.core.beginSso(here, SsoMethod.GIT_LAB).url, "dave")
                suspend { phone.core.finishSso(link) }
            },
            of("signInWithMagicLink", "gina") {
                phone.core.requestMagicLink(here, "gina")
                val link = server.turn("mailed_links", "user" to "gina").asJsonArray.last().asString
                suspend { phone.core.signInWithMagicLink(here, link) }
            },
            of("adoptToken", "bob") {
                val elsewhere = server.signedInElsewhere(Person.BOB)
                suspend { phone.core.adoptToken(here, elsewhere.token) }
            },
            of("webviewSignedIn", "bob") {
                val elsewhere = server.signedInElsewhere(Person.BOB)
                suspend { phone.core.webviewSignedIn(here, "${phone.server}/", listOf(WebCookie("MMAUTHTOKEN", elsewhere.token))) }
            },
        )
    }

    /** What replaces or ends a session of alice. */
    private fun leaving(phone: Handset): List<Operation> {
        var before = ""

        fun of(
            name: String,
            done: suspend () -> Unit,
            prepare: suspend () -> suspend () -> Any?,
        ) = Operation(name, done = done) {
            if (phone.core.accounts().none { it.standing == Standing.ACTIVE }) phone.signIn(Person.ALICE)
            isSignedIn(phone, "alice")
            before = server.sessions("alice").single()
            prepare()
        }
        val signedOut = suspend { isSignedOut(phone, "alice") }
        return listOf(
            of("reauthenticate", { isSignedIn(phone, "alice", not = before) }) {
                suspend { phone.core.reauthenticate(phone.account, SignInAgain(Person.ALICE.password)) }
            },
            of("endSession", { isSignedIn(phone, "alice") }) {
                server.signedInElsewhere()
                val other = server.sessions("alice").single { it != before }
                suspend { phone.core.endSession(phone.account, other) }
            },
            of("continueSession", { isSignedIn(phone, "alice") }) {
                phone.restart()
                wrongVerdict(phone)
                suspend { phone.core.continueSession(phone.account) }
            },
            of("endAllMySessions", signedOut) { suspend { phone.core.endAllMySessions(phone.account) } },
            of("signOut", signedOut) { suspend { phone.core.signOut(phone.account) } },
            of("forget", {
                phone.until("no account") { it.accounts.isEmpty() }
                signedOut()
            }) { phone.account.let { account -> { phone.core.forget(account) } } },
            of("shutDown", {
                eventually("closed") { codeOf { phone.core.hostState(HostState.FOCUSED) } == "closed" }
                phone.restart()
                isSignedIn(phone, "alice")
            }) { suspend { phone.core.shutDown() } },
        )
    }

    /** What an administrator ends: the sessions of one, and of everybody. */
    private fun ending(phone: Handset): List<Operation> {
        suspend fun back() {
            if (phone.core.accounts().none { it.standing == Standing.ACTIVE }) phone.signIn(Person.ADMIN)
            isSignedIn(phone, "sysadmin")
        }
        return listOf(
            Operation("endUserSessions", done = {
                eventually("no session of bob") { server.sessions("bob").isEmpty() }
                stays(phone)
            }) {
                back()
                val bob = server.signedInElsewhere(Person.BOB).user
                suspend { phone.core.endUserSessions(phone.account, bob) }
            },
            Operation("confirmEndEveryone", done = {
                eventually("no session of bob") { server.sessions("bob").isEmpty() }
                isSignedOut(phone, "sysadmin")
            }) {
                back()
                server.signedInElsewhere(Person.BOB)
                server.sessionsGrowUp()
                val asked = phone.core.prepareEndEveryone(phone.account)
                suspend { phone.core.confirmEndEveryone(asked) }
            },
        )
    }

    private fun browse(
        phone: Handset,
        page: String,
        user: String,
    ) = TestBrowser.signIn(phone.network.authority, page, user)

    /** A replica that lags makes the server say that the session is gone, and then it says that it is there. */
    private suspend fun wrongVerdict(phone: Handset) {
        server.sessionsGrowUp()
        server.turn("replica_lag", "lag" to 3_600_000)
        server.turn("clear_token_cache")
        phone.verify()
        phone.until("ended") { it.accounts.single().standing == Standing.ENDED }
        server.turn("replica_lag", "lag" to 0)
        phone.verify()
        phone.until("it may continue") { it.accounts.single().mayContinue }
    }

    private suspend fun abandon(operations: List<Operation>) {
        for (operation in operations) {
            val from = System.nanoTime()
            val points = runCatching { operation.abandonEverywhere() }.onFailure { println("${operation.name}: $it") }.getOrThrow()
            println("%-22s abandoned at %d points in %d ms".format(operation.name, points, (System.nanoTime() - from) / 1_000_000))
        }
    }

    private suspend fun administrator() = phone().also { it.signInAndConnect(Person.ADMIN) }.also(::withOtherWays)

    @Test
    fun `every operation that waits is here`() {
        val phone = world.device()
        val here = listOf(::asking, ::keeping, ::carrying, ::arriving, ::leaving, ::ending).flatMap { it(phone) }.map { it.name }
        val ofCore = CoreInterface::class.java.methods.filter { it.isSuspend }.map { it.name }
        val ofTransfer = TransferInterface::class.java.methods.filter { it.isSuspend }.map { "Transfer.${it.name}" }
        assertEquals((ofCore + ofTransfer).sorted(), here.sorted())
    }

    @Test
    fun `asking, abandoned at every point`() = test { abandon(asking(administrator())) }

    @Test
    fun `keeping something, abandoned at every point`() = test { abandon(keeping(administrator())) }

    @Test
    fun `carrying files, abandoned at every point`() = test { abandon(carrying(administrator())) }

    @Test
    fun `signing in, abandoned at every point`() = test { abandon(arriving(phone().also(::withOtherWays))) }

    @Test
    fun `signing in again and leaving, abandoned at every point`() = test { abandon(leaving(phone())) }

    @Test
    fun `ending sessions of others, abandoned at every point`() = test { abandon(ending(administrator())) }
}
