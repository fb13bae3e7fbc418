package dev.steadfast.testing

import dev.steadfast.core.SteadfastException

/** The failure of a call that must not succeed. */
public suspend fun failure(call: suspend () -> Any?): SteadfastException =
    try {
        error("it gave ${call()}")
    } catch (failed: SteadfastException) {
        failed
    }

/** The first number of anything in a server's answer. */
public fun firstId(json: ByteArray): String = Regex("\"id\":\"([a-z0-9]{26})\"").find(json.decodeToString())!!.groupValues[1]
