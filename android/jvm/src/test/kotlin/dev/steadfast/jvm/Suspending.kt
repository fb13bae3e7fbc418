package dev.steadfast.jvm

import dev.steadfast.core.Body
import dev.steadfast.core.Destination
import dev.steadfast.core.Download
import dev.steadfast.core.HostState
import dev.steadfast.core.LegacyEntry
import dev.steadfast.core.LegacySource
import dev.steadfast.core.Method
import dev.steadfast.core.NetworkProfile
import dev.steadfast.core.Notifications
import dev.steadfast.core.PreviousInstallation
import dev.steadfast.core.Proxy
import dev.steadfast.core.Request
import dev.steadfast.core.SignIn
import dev.steadfast.core.SignInAgain
import dev.steadfast.core.SsoMethod
import dev.steadfast.core.Upload
import dev.steadfast.core.UserQuery
import dev.steadfast.core.WebCookie
import java.io.File

/** Every operation that waits, by its name; a test compares the names with the interface. */
fun suspending(phone: Handset): Map<String, suspend () -> Any?> {
    val core = phone.core
    val account = phone.account
    val at = Destination(phone.server)
    val alice = SignIn(phone.server, Person.ALICE.login, Person.ALICE.password)
    val file = File(phone.folder, "file").apply { writeText("content") }
    val post = Body("application/json", "{}".toByteArray())
    val legacy = LegacyEntry(LegacySource.REACT_NATIVE2, phone.server, "alice", "legacy0legacy0legacy0legac")
    return mapOf(
        "changes" to { core.changes(Long.MAX_VALUE) },
        "events" to { core.events(account, Long.MAX_VALUE) },
        "probeServer" to { core.probeServer(at) },
        "activeSessions" to { core.activeSessions(account) },
        "users" to { core.users(account, UserQuery()) },
        "request" to { core.request(account, Request(Method.POST, "/api/v4/posts", body = post)) },
        "send" to { core.send(account, "user_typing", """{"channel_id":"x"}""") },
        "verify" to { core.verify(account, 30_000) },
        "dataKey" to { core.dataKey(account) },
        "renewDataKey" to { core.renewDataKey(account) },
        "download" to { core.download(account, Download("/api/v4/users/me", File(phone.folder, "down").path)) },
        "upload" to { core.upload(account, Upload(Method.POST, "/api/v4/files", "text/plain", file.path)) },
        "beginSso" to { core.beginSso(at, SsoMethod.OPEN_ID) },
        "beginSsoAgain" to { core.beginSsoAgain(account, SsoMethod.OPEN_ID) },
        "finishSso" to { core.finishSso("mmauth://callback?login_code=x") },
        "requestMagicLink" to { core.requestMagicLink(at, "alice") },
        "signInWithMagicLink" to { core.signInWithMagicLink(at, "magic0magic0magic0magic0ma") },
        "adoptToken" to { core.adoptToken(at, "adopt0adopt0adopt0adopt0ad") },
        "webviewCookies" to { core.webviewCookies(account) },
        "webviewCookiesWritten" to { core.webviewCookiesWritten(account, 1) },
        "webviewSaw401" to { core.webviewSaw401(account) },
        "webviewSignedIn" to { core.webviewSignedIn(at, phone.server, listOf(WebCookie("MMAUTHTOKEN", "x".repeat(26)))) },
        "importLegacy" to { core.importLegacy(listOf(legacy), PreviousInstallation.UPDATED) },
        "legacyErasable" to { core.legacyErasable() },
        "legacyErased" to { core.legacyErased(listOf("x")) },
        "acknowledgeNotice" to { core.acknowledgeNotice(1) },
        "acknowledgeObligation" to { core.acknowledgeObligation(1) },
        "reminderSet" to { core.reminderSet("session-expiry-1-1", 1) },
        "setDeviceId" to { core.setDeviceId("android_rn-v2:${"d".repeat(40)}") },
        "setNotifications" to { core.setNotifications(Notifications.ALLOWED) },
        "setNetworkProfile" to { core.setNetworkProfile(account, NetworkProfile(Proxy.Direct)) },
        "pushReceived" to { core.pushReceived(mapOf("type" to "session", "server_id" to "x")) },
        "pushReceivedJson" to { core.pushReceivedJson("""{"type":"session","server_id":"x"}""") },
        "backgroundCheck" to { core.backgroundCheck(5_000) },
        "hostState" to { core.hostState(HostState.RUNNING) },
        "prepareEndEveryone" to { core.prepareEndEveryone(account) },
        "confirmEndEveryone" to { core.confirmEndEveryone(core.prepareEndEveryone(account)) },
        "endUserSessions" to { core.endUserSessions(account, "u".repeat(26)) },
        "endSession" to { core.endSession(account, "s".repeat(26)) },
        "continueSession" to { core.continueSession(account) },
        "signIn" to { core.signIn(alice) },
        "reauthenticate" to { core.reauthenticate(account, SignInAgain(Person.ALICE.password)) },
        "endAllMySessions" to { core.endAllMySessions(account) },
        "signOut" to { core.signOut(account) },
        "forget" to { core.forget(account) },
        "shutDown" to { core.shutDown() },
    )
}
