package dev.steadfast.jvm

import com.google.gson.JsonObject
import dev.steadfast.core.Changes
import dev.steadfast.core.ClientCertificates
import dev.steadfast.core.Config
import dev.steadfast.core.Core
import dev.steadfast.core.DesktopSystem
import dev.steadfast.core.Device
import dev.steadfast.core.DeviceKind
import dev.steadfast.core.HostState
import dev.steadfast.core.KeyStore
import dev.steadfast.core.Link
import dev.steadfast.core.NetworkPath
import dev.steadfast.core.Notice
import dev.steadfast.core.Reason
import dev.steadfast.core.Resolver
import dev.steadfast.core.Shows
import dev.steadfast.core.SignIn
import dev.steadfast.core.Snapshot
import dev.steadfast.core.Standing
import dev.steadfast.core.SteadfastException
import dev.steadfast.core.defaultConfig
import dev.steadfast.core.deviceIdOfPushToken
import dev.steadfast.core.fileKeyStore
import dev.steadfast.testing.TestServer
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.cancel
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeoutOrNull
import org.junit.Assert.assertEquals
import org.junit.rules.ExternalResource
import java.io.File
import java.nio.file.Files
import java.util.Collections
import java.util.UUID
import java.util.concurrent.CopyOnWriteArrayList

/** A net for what has to happen, longer than any interval of the product that a test meets. No measure. */
const val PATIENCE = 100_000L

private const val TRIES = 4

const val EXPIRED = "Your session has expired. Please log in again."

/** People of the test server, with the passwords that it documents. */
enum class Person(
    val login: String,
    val password: String,
) {
    ADMIN("sysadmin", TestServer.ADMIN),
    ALICE("alice", TestServer.ALICE),
    BOB("bob", TestServer.BOB),
}

val PHONE = Device(DeviceKind.Android, "2.43.0", "799", "15", "Pixel 9")
val IPHONE = Device(DeviceKind.IPhone, "2.43.0", "799", "18.5", "iPhone 15 Pro")
val DESKTOP = Device(DeviceKind.Desktop(DesktopSystem.LINUX), "5.9.0", "1", "1", "PC")

/** Tests block while they speak with servers, and several run at once. */
fun test(block: suspend CoroutineScope.() -> Unit) = runBlocking(Dispatchers.IO, block)

/** Waits for something that nobody tells of. */
suspend fun eventually(
    what: String,
    reached: suspend () -> Boolean,
) {
    withTimeoutOrNull(PATIENCE) {
        while (!reached()) delay(20)
        true
    } ?: error("not reached: $what")
}

/**
 * What takes at most so many milliseconds of itself: on a machine that is busy with others one of a few tries does, and of what
 * takes longer none.
 */
suspend fun within(
    limit: Long,
    took: suspend () -> Long,
) {
    val seen = mutableListOf<Long>()
    while (seen.none { it <= limit }) {
        check(seen.size < TRIES) { "more than $limit ms each time: $seen" }
        seen += took()
    }
}

/** How long it takes, in milliseconds. */
suspend fun timed(what: suspend () -> Unit): Long {
    val from = System.nanoTime()
    what()
    return (System.nanoTime() - from) / 1_000_000
}

suspend fun codeOf(call: suspend () -> Any?): String =
    try {
        "no error, but ${call()}"
    } catch (failed: SteadfastException) {
        failed.code()
    }

/** A server and the devices that a test has; all end with it. */
class World : ExternalResource() {
    val server by lazy { Server().also { parts.add(it) } }
    private val parts = CopyOnWriteArrayList<AutoCloseable>()
    private val folders = CopyOnWriteArrayList<File>()

    fun folder(): File = Files.createTempDirectory("steadfast").toFile().also { folders.add(it) }

    fun device(
        device: Device = PHONE,
        at: Server = server,
        config: (Config) -> Config = { it },
        keys: KeyStore? = null,
        resolver: Resolver? = null,
        certificates: ClientCertificates? = null,
    ): Handset {
        val network = network(at)
        val folder = folder()
        val opened = config(configured(folder, device, listOf(network.authority, at.authority)))
        val store = keys ?: fileKeyStore(File(folder, "keys").path)
        return Handset(at, network, folder, opened, store, resolver, certificates).also {
            parts.add(0, it)
            it.switchOn()
            runBlocking { it.core.setDeviceId(deviceId(device.kind)) }
        }
    }

    /** Signed in, connected, and its session is no longer new. */
    suspend fun signedIn(
        device: Device = PHONE,
        who: Person = Person.ALICE,
        keys: KeyStore? = null,
        config: (Config) -> Config = { it },
    ): Handset = device(device, config = config, keys = keys).also { it.signInAndConnect(who) }.also { server.sessionsGrowUp() }

    fun network(at: Server = server): Network = Network(at).also { parts.add(it) }

    /** A phone in a process of its own, behind that network, with its vault in that folder. */
    fun killable(
        network: Network = network(),
        folder: File = folder(),
        isStrict: Boolean = false,
    ): Killable = Killable(folder, network, isStrict).also { parts.add(0, it) }

    fun another(): Server = Server().also { parts.add(it) }

    override fun after() = end()

    fun end() {
        parts.forEach { it.close() }
        folders.forEach { it.deleteRecursively() }
    }
}

/** What the platform's push service gives a phone; a desktop has none. */
fun deviceId(kind: DeviceKind): String? =
    if (kind is DeviceKind.Desktop) null else deviceIdOfPushToken(kind, UUID.randomUUID().toString().replace("-", "").repeat(2))

fun configured(
    folder: File,
    device: Device,
    authorities: List<String>,
): Config = defaultConfig(File(folder, "vault").path, device).copy(extraAuthorities = authorities)

/** Content is covered from resume until the server has answered. */
fun strict(config: Config): Config = config.copy(coverUntilValidatedAfterMillis = 0)

/** What the app shows for an account, with the text of the sign-in page. */
fun said(snapshot: Snapshot): String =
    when (val shows = snapshot.shows) {
        is Shows.Content -> "content"
        is Shows.Cover -> "cover"
        is Shows.SignIn -> "sign in: ${shows.message?.text}"
    }

/** A device: the core behind a network of its own, and a host that does what a good app does. */
class Handset(
    /** The server that it reaches. */
    val behind: Server,
    val network: Network,
    val folder: File,
    val config: Config,
    private val keys: KeyStore,
    private val resolver: Resolver?,
    private val certificates: ClientCertificates?,
) : AutoCloseable {
    private var running: Core? = null
    private var host: Job? = null
    private val scope = CoroutineScope(Dispatchers.Default)

    /** What it showed, each change once; the message of a sign-in page is the text. */
    val shown: MutableList<String> = Collections.synchronizedList(mutableListOf())
    val told: MutableList<Notice> = Collections.synchronizedList(mutableListOf())
    val erased: MutableList<Long> = Collections.synchronizedList(mutableListOf())

    /** How the way to its server was told, each change once; of all its accounts. */
    val links: MutableList<Link> = CopyOnWriteArrayList()

    /** How long each wait for the next dial was to be, in milliseconds from when it was told. */
    val waits: MutableList<Long> = CopyOnWriteArrayList()

    /** Up to which revision of the core that runs now it has drawn what is shown and done what it owes. */
    private val followed = MutableStateFlow(0L)

    val core: Core get() = running ?: error("the device is off")
    val account: Long get() = core.accounts().single().account
    val snapshot: Snapshot get() = core.snapshot(account)
    val server: String get() = network.url

    fun switchOn() {
        val core = Core.open(config, keys, resolver, certificates)
        running = core
        core.accounts().forEach(::draw)
        followed.value = 0
        host = scope.launch { follow(core) }
    }

    fun switchOff() =
        runBlocking {
            running?.shutDown()
            host?.cancelAndJoin()
            running?.close()
            running = null
        }

    /** The app hangs: nobody follows the core, until the next start. */
    suspend fun stopListening() = host!!.cancelAndJoin()

    fun restart() {
        switchOff()
        switchOn()
    }

    override fun close() {
        switchOff()
        scope.cancel()
    }

    private suspend fun follow(core: Core) {
        val seen = HashSet<Long>()
        var since = 0L
        try {
            while (true) {
                val changes = core.changes(since)
                since = changes.revision
                changes.accounts.forEach(::draw)
                for (notice in changes.notices) {
                    if (seen.add(notice.id)) told.add(notice)
                    // One that cannot be acknowledged now comes again.
                    runCatchingCore { core.acknowledgeNotice(notice.id) }
                }
                for (owed in changes.obligations) {
                    erased.add(owed.account)
                    runCatchingCore { core.acknowledgeObligation(owed.id) }
                }
                followed.value = changes.revision
            }
        } catch (closed: SteadfastException) {
            check(closed.code() == "closed") { closed }
        }
    }

    private suspend fun runCatchingCore(call: suspend () -> Unit) {
        try {
            call()
        } catch (failed: SteadfastException) {
            check(failed.code() != "internal") { failed }
        }
    }

    private fun draw(snapshot: Snapshot) =
        synchronized(shown) {
            val now = said(snapshot)
            if (shown.lastOrNull() != now) shown.add(now)
            val link = snapshot.link
            if (links.lastOrNull() == link) return@synchronized
            links.add(link)
            if (link is Link.Waiting) waits.add(link.untilMillis - System.currentTimeMillis())
        }

    fun shows(): String = said(snapshot)

    /** Begins what it [shown] anew, with what it shows now. */
    fun forgetShown() =
        synchronized(shown) {
            shown.clear()
            draw(snapshot)
        }

    fun typed(who: Person) = SignIn(server, who.login, who.password)

    suspend fun signIn(who: Person): Long {
        val account = core.signIn(typed(who))
        until("content") { changes -> changes.accounts.any { it.account == account && it.shows is Shows.Content } }
        return account
    }

    suspend fun signInAndConnect(who: Person): Long = signIn(who).also { untilLive(it) }

    suspend fun untilLive(account: Long = this.account) =
        until("a live link") { changes -> changes.accounts.any { it.account == account && it.link is Link.Live } }

    /** Until the core says so, and the app, if it listens, has come to it. */
    suspend fun until(
        what: String,
        fits: (Changes) -> Boolean,
    ): Changes =
        withTimeoutOrNull(PATIENCE) {
            var changes = core.changes(0)
            while (!fits(changes)) changes = core.changes(changes.revision)
            if (host?.isActive == true) followed.first { it >= changes.revision }
            changes
        } ?: error("not reached: $what; it stands at ${core.accounts()}")

    suspend fun untilShows(wanted: String) = until(wanted) { said(it.accounts.single()) == wanted }

    /** Until the sign-in page says that the session has expired, and nothing else of it is left. */
    suspend fun untilExpired() {
        untilShows("sign in: $EXPIRED")
        assertEquals(Standing.ENDED, snapshot.standing)
        assertEquals(Reason.SESSION_ENDED, snapshot.reason)
    }

    /** Waits until what it was told of its way since then fits. */
    suspend fun untilLinks(
        what: String,
        since: Int = 0,
        fits: (List<Link>) -> Boolean,
    ) = eventually("$what, but ${links.drop(since)}") { fits(links.drop(since)) }

    /**
     * Until the id of the device is attached, which gives the session the length of a phone's, and the core has read when it
     * expires from then on: nothing of the sign-in moves the expiry any more.
     */
    suspend fun untilAttached() {
        val answered = { requests: List<JsonObject>, path: String ->
            requests.dropWhile { !(it["path"].asString.endsWith(path) && it["status"]?.isJsonNull == false) }
        }
        eventually("the device's id, and the list that is read after it") {
            answered(answered(behind.requests(), "/users/sessions/device"), "/users/me/sessions").isNotEmpty()
        }
        val expires = behind.sessionRows(snapshot.username).single()["expires_at"].asLong
        until("the expiry as the server has it") { changes -> changes.accounts.single().expiresAtMillis == expires }
    }

    suspend fun untilTold(count: Int = 1) = eventually("$count notices, but $told") { told.size >= count }

    suspend fun ownSession(): String = core.activeSessions(account).single { it.current }.id

    suspend fun suspendApp() = core.hostState(HostState.SUSPENDED)

    suspend fun openApp() = core.hostState(HostState.FOCUSED)

    /** Without focus, and not frozen yet. */
    suspend fun leaveApp() = core.hostState(HostState.RUNNING)

    suspend fun verify(): Standing = core.verify(account, 30_000)

    fun airplaneOn() {
        network.act("cut")
        core.networkChanged(NetworkPath.DOWN)
    }

    fun airplaneOff() {
        network.act("restore")
        core.networkChanged(NetworkPath.UP)
    }
}

suspend fun Handset.endEveryone() {
    val asked = core.prepareEndEveryone(account)
    core.confirmEndEveryone(asked)
}
