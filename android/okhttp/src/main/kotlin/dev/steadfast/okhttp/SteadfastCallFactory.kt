package dev.steadfast.okhttp

import dev.steadfast.Account
import dev.steadfast.core.SteadfastException
import okhttp3.Call
import okhttp3.Request
import java.io.File
import java.io.IOException
import java.util.concurrent.Executor

/**
 * OkHttp calls of one account, sent by the core: for the app's own traffic, and for image and video loaders that take a
 * [Call.Factory]. The session goes along without ever being shown; the core's rules hold for these calls as for its own.
 *
 * - Only the account's own server is reached, `https://host/sub-path/…`; any other address fails.
 * - A `GET` is fetched in pieces where the server does ranges, each when the reader comes to it, so that a film needs no more
 *   memory than a piece; also one with a `Range` from some byte on, as players send it to seek. What the server sends whole,
 *   and what a range that counts from the end or several ranges name, may have up to 16 MiB.
 * - The body of a request is written once, before anything is sent. Above 1 MiB that of a `POST` or `PUT` lies in a file,
 *   which is gone as soon as the sending has begun; of any size it costs no memory. That of a `PATCH` or `DELETE` is held, and
 *   fails above 16 MiB with `too_large`.
 * - A call takes as long as the core's own deadlines let it, unless its `timeout()` says less, which counts until the body was
 *   read.
 * - Headers that belong to the core or to the connection are left out. Interceptors, caches and connection pools of an
 *   `OkHttpClient` have no part in it; redirects are not followed, and come as they are.
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
        /**
         * Where a large body lies while it is written: a folder of the app's own, on Android its cache, if the app names none.
         * A process that is killed at that moment leaves it there, under a name that begins with `steadfast-body-`.
         */
        private val folder: File = File(System.getProperty("java.io.tmpdir").orEmpty()),
    ) : Call.Factory {
        override fun newCall(request: Request): Call = SteadfastCall(account, request, executor, folder)
    }

/** A call that the core could not carry out. */
public class SteadfastCallException internal constructor(
    /** Why; its kind says how to react. */
    public val reason: SteadfastException,
) : IOException(reason.toString(), reason)
