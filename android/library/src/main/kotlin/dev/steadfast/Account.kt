package dev.steadfast

import dev.steadfast.core.ActiveSession
import dev.steadfast.core.Confirmation
import dev.steadfast.core.Core
import dev.steadfast.core.Download
import dev.steadfast.core.Event
import dev.steadfast.core.Link
import dev.steadfast.core.NetworkProfile
import dev.steadfast.core.Reason
import dev.steadfast.core.Request
import dev.steadfast.core.Response
import dev.steadfast.core.Shows
import dev.steadfast.core.SignInAgain
import dev.steadfast.core.Snapshot
import dev.steadfast.core.SsoMethod
import dev.steadfast.core.SsoStart
import dev.steadfast.core.Standing
import dev.steadfast.core.Upload
import dev.steadfast.core.UserQuery
import dev.steadfast.core.UserSummary
import dev.steadfast.core.WebCookies
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.update

/**
 * One user on one server. The same object as long as the account is there; several live side by side and never affect each
 * other. Operations fail as those of [Steadfast] do, with `no_such_account` once the account is gone, and with
 * `not_signed_in`, `session_ended` or `unverifiable` where they need a session.
 */
public class Account internal constructor(
    private val steadfast: Steadfast,
    snapshot: Snapshot,
) {
    private val shown = MutableStateFlow(snapshot)
    private val stream = EventStream { after -> ask { it.events(id, after) } }

    /** Its number, never used again for another one. */
    public val id: Long = snapshot.account

    /**
     * The account as it stands. `shows` alone decides between the content, a cover and the sign-in page; `link` is for the
     * banner. When the account is gone it shows the sign-in page.
     */
    public val state: StateFlow<Snapshot> = shown.asStateFlow()

    internal fun show(snapshot: Snapshot) {
        shown.value = snapshot
    }

    /** A page that goes on following this must not go on showing what belonged to somebody. */
    internal fun gone() =
        shown.update {
            it.copy(
                standing = Standing.ENDED,
                reason = it.reason ?: Reason.SIGNED_OUT,
                shows = Shows.SignIn(null),
                cover = true,
                mayContinue = false,
                maySignInAgain = false,
                link = Link.Paused,
            )
        }

    /**
     * Realtime events: each collector gets all of them, at its own pace, from the oldest that nobody has taken yet, and one
     * that is slow delays nobody. What one missed, because it was more than 1,000 events behind or events were lost on the
     * way, is a [RealtimeEvent.Gap]. A collector that is cancelled has taken what it was given; whoever collects next goes on
     * from there. Fails with `no_such_account` when the account is gone, and with `closed`.
     */
    public fun events(): Flow<RealtimeEvent> = stream.read()

    internal fun offers(): Flow<EventStream.Offer> = stream.offers()

    /**
     * Sends an action on the socket, such as `user_typing` with a JSON object, and gives the data of the server's reply, as
     * JSON. Fails with `offline` while the socket is not live; `invalid_argument`, `too_large`, `refused`.
     */
    public suspend fun send(
        action: String,
        data: String? = null,
    ): String = ask { it.send(id, action, data) }

    /**
     * Signs in again, as this user. Fails with `another_user` if what was typed is another one's; else as [Steadfast.signIn].
     * While the account's key cannot be read that fails with `key_store_unavailable`, until `maySignInAgain` offers it.
     */
    public suspend fun signInAgain(request: SignInAgain): Unit = act { it.reauthenticate(id, request) }

    /** As [Steadfast.beginSso], for this user and nobody else. */
    public suspend fun beginSsoAgain(method: SsoMethod): SsoStart = ask { it.beginSsoAgain(id, method) }

    /** Takes the session up again that ended by a wrong verdict, without a password. Offered where `mayContinue` says so. */
    public suspend fun continueSession(): Unit = act { it.continueSession(id) }

    /**
     * Signs out: here first, at once and durably, then at the server, offline as soon as that can be reached. While the account's
     * key cannot be read that fails with `key_store_unavailable`, until `maySignInAgain` offers it: then the server cannot be
     * told. What failed so is still wanted: content is covered, and while the app runs it is done as soon as the key can be read
     * or the offer is made.
     */
    public suspend fun signOut(): Unit = act { it.signOut(id) }

    /** Removes the account from this device, its session included, which is ended as by [signOut]. */
    public suspend fun forget(): Unit = act { it.forget(id) }

    /** Asks the server now whether the session is valid, and gives the standing as it then is, after [deadlineMillis] at most. */
    public suspend fun verify(deadlineMillis: Long): Standing = act { it.verify(id, deadlineMillis) }

    /** The user's sessions, latest activity first. */
    public suspend fun activeSessions(): List<ActiveSession> = ask { it.activeSessions(id) }

    /** Ends one of the user's sessions; done when the server's list no longer holds it. Ending the current one is a sign-out. */
    public suspend fun endSession(sessionId: String): Unit = act { it.endSession(id, sessionId) }

    /** Ends every session of the user, this one included, and signs out here. */
    public suspend fun endAllMySessions(): Unit = act { it.endAllMySessions(id) }

    /** Users of the server, for an administrator. Fails with `forbidden`, `invalid_argument`. */
    public suspend fun users(query: UserQuery): List<UserSummary> = ask { it.users(id, query) }

    /** Ends every session of a user, for an administrator. Fails with `forbidden`. */
    public suspend fun endUserSessions(userId: String): Unit = ask { it.endUserSessions(id, userId) }

    /** The question before every session of the server is ended. Touches nothing. Fails with `forbidden`. */
    public suspend fun prepareEndEveryone(): Confirmation = ask { it.prepareEndEveryone(id) }

    /** Ends every session of every user, this one included. Fails with `confirmation_expired` after five minutes. */
    public suspend fun confirmEndEveryone(confirmation: Confirmation): Unit = act { it.confirmEndEveryone(confirmation) }

    /**
     * The app's own call to the server, with the account's session: the app never handles a token. Gives the answer whatever
     * its status. Fails with `foreign_origin`, `invalid_argument`, `too_large`, `session_ended`.
     */
    public suspend fun request(request: Request): Response = ask { it.request(id, request) }

    /**
     * Sends a file, when it is collected: how far it is, and at last what the server answered. Cancelling the collector ends
     * the transfer. A collector that is slow misses steps, and never the end.
     */
    public fun upload(upload: Upload): Flow<TransferState> = steadfast.transfer { it.upload(id, upload) }

    /** Fetches a file, when it is collected, as [upload] does. An earlier try is gone on with where the server allows it. */
    public fun download(download: Download): Flow<TransferState> = steadfast.transfer { it.download(id, download) }

    /**
     * The key with which an app may encrypt what it stores of this account, 32 bytes; it dies when that is to be erased. Fails
     * with `data_key_lost` if the key store has lost it.
     */
    public suspend fun dataKey(): ByteArray = ask { it.dataKey(id) }

    /** A new key in place of one that was lost: what the old one encrypted cannot be read any more. */
    public suspend fun renewDataKey(): ByteArray = ask { it.renewDataKey(id) }

    /** Changes how the server is reached, at once and durably. Fails with `invalid_argument`. */
    public suspend fun setNetworkProfile(profile: NetworkProfile): Unit = act { it.setNetworkProfile(id, profile) }

    /** The cookies that a web view is to be given, or the lines that take them away. Only where `webView` is on. */
    public suspend fun webCookies(): WebCookies = ask { it.webviewCookies(id) }

    /** The web view has the cookies of that generation, on the disk. */
    public suspend fun webCookiesWritten(generation: Long): Unit = act { it.webviewCookiesWritten(id, generation) }

    /** The web view met a 401 or the sign-in page, or lost its cookies: the session is asked about. */
    public suspend fun webViewSaw401(): Unit = ask { it.webviewSaw401(id) }

    override fun equals(other: Any?): Boolean = other is Account && other.id == id && other.steadfast === steadfast

    override fun hashCode(): Int = id.hashCode()

    override fun toString(): String = "Account($id)"

    private suspend fun <T> ask(call: suspend (Core) -> T): T = steadfast.access.ask(call)

    private suspend fun <T> act(call: suspend (Core) -> T): T = steadfast.act(call)
}

/** What comes on an account's socket. */
public sealed class RealtimeEvent {
    /** An event, as the server sent it. */
    public data class Received(
        /** The event. */
        public val event: Event,
    ) : RealtimeEvent()

    /** Events were missed here: read again what the app shows. */
    public data object Gap : RealtimeEvent()
}
