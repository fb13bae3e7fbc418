package dev.steadfast.okhttp

import dev.steadfast.Account
import dev.steadfast.core.SteadfastException
import okhttp3.Call
import okhttp3.Request
import java.io.IOException
import java.util.concurrent.Executor

/**
 * OkHttp calls of one account, sent by the core: for the app's own traffic, and for image and video loaders that take a
 * [Call.Factory]. The session goes along without ever being shown; the core's rules hold for these calls as for its own.
 *
 * - Only the account's own server is reached, `https://host/sub-path/…`; any other address fails.
 * - A `GET` without a range of its own is fetched in pieces where the server does ranges, each when the reader comes to it,
 *   so that a film needs no more memory than a piece. What the server sends whole may have up to 16 MiB.
 * - Headers that belong to the core or to the connection are left out. Interceptors, caches and connection pools of an
 *   `OkHttpClient` have no part in it; redirects are not followed.
 * - Five enqueued calls are under way at once, as with OkHttp's own, and the others wait for their turn. Each calls back once.
 *   What a callback throws is treated as OkHttp treats it: an `IOException` is logged, anything else is the executor's.
 * - A failure is a [SteadfastCallException], whose `reason` is the core's; a cancelled call and an interrupted thread fail as
 *   with OkHttp.
 */
public class SteadfastCallFactory
    @JvmOverloads
    constructor(
        private val account: Account,
        /** Where enqueued calls wait for their answers and call back: threads of the factory, if the app names none. */
        private val executor: Executor = CallThreads.pool(),
    ) : Call.Factory {
        override fun newCall(request: Request): Call = SteadfastCall(account, request, executor)
    }

/** A call that the core could not carry out. */
public class SteadfastCallException internal constructor(
    /** Why; its kind says how to react. */
    public val reason: SteadfastException,
) : IOException(reason.toString(), reason)
