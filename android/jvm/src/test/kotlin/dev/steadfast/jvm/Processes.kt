package dev.steadfast.jvm

import com.google.gson.JsonArray
import com.google.gson.JsonElement
import com.google.gson.JsonObject
import com.google.gson.JsonParser
import com.google.gson.JsonPrimitive
import dev.steadfast.testing.Program
import dev.steadfast.testing.Trust
import java.net.URL
import javax.net.ssl.HttpsURLConnection

/** One of the project's programs, told what to do in JSON. */
open class Part(
    name: String,
    vararg arguments: String,
) : AutoCloseable {
    private val program = Program.start(name, arguments.asList())

    val url: String get() = program.url()
    val authorityFile: String get() = program.authorityFile().path
    val authority: String get() = program.authority()

    fun get(path: String): JsonElement = JsonParser.parseString(program.get(path))

    fun post(
        path: String,
        body: String,
    ): JsonElement = JsonParser.parseString(program.post(path, body))

    override fun close() = program.close()
}

/** The test server. */
class Server : Part("steadfast-testserver", "--tls") {
    fun turn(
        name: String,
        vararg fields: Pair<String, Any>,
    ): JsonElement = post(name, json(*fields))

    fun sessions(user: String): List<String> = turn("sessions", "user" to user).asJsonArray.map { it.asJsonObject["id"].asString }

    fun sessionRows(user: String): List<JsonObject> = turn("sessions", "user" to user).asJsonArray.map { it.asJsonObject }

    /** As an administrator does, or the user elsewhere: rows, caches and sockets learn of it. */
    fun revoke(user: String) = sessions(user).forEach { turn("revoke_session", "session" to it) }

    /** So that no session is so young that its end does not count at the first look. */
    fun sessionsGrowUp() {
        turn("clock_advance", "by" to 60_000)
    }

    /** Somebody signs in as an older app does, and keeps what the server gave. */
    fun signedInElsewhere(who: Person = Person.ALICE): Elsewhere {
        val connection = URL("$url/api/v4/users/login").openConnection() as HttpsURLConnection
        connection.sslSocketFactory = Trust.trusting(authority).socketFactory
        connection.doOutput = true
        connection.outputStream.write(json("login_id" to who.login, "password" to who.password).toByteArray())
        val user = JsonParser.parseString(connection.inputStream.bufferedReader().readText()).asJsonObject["id"].asString
        return Elsewhere(connection.getHeaderField("Token"), user, sessions(who.login).first())
    }

    fun requests(): List<JsonObject> = get("requests").asJsonArray.map { it.asJsonObject }

    fun requests(pathEnd: String): Int = requests().count { it["path"].asString.endsWith(pathEnd) }
}

/** A session that the core does not know of. */
class Elsewhere(
    val token: String,
    val user: String,
    val session: String,
)

/** The fault proxy before a server, which ends TLS itself, so that it can answer in the server's place. */
class Network(
    server: Server,
) : Part(
        "steadfast-faults",
        "--http",
        server.url,
        "--tls",
        "--upstream-ca",
        server.authorityFile,
    ) {
    fun act(
        name: String,
        vararg fields: Pair<String, Any>,
    ) {
        post("do", json("do" to name, *fields))
    }

    fun answer(
        status: Int,
        vararg fields: Pair<String, Any>,
    ) = act("answer", "status" to status, *fields)

    private val report: JsonObject get() = get("report").asJsonObject
    val accepted: Int get() = report["accepted"].asInt
    val open: Int get() = report["open"].asInt

    /** Requests seen, oldest first. */
    val requests: List<JsonObject> get() = report["requests"].asJsonArray.map { it.asJsonObject }

    /** The number of the newest request; they count from 1. */
    val lastRequest: Int get() = requests.size

    /** Waits for a request of this path after that one. */
    fun untilRequest(
        path: String,
        after: Int,
    ) {
        get("wait?path=$path&after=$after&timeout_ms=$PATIENCE")
    }

    /** Waits until so many connections have been accepted in all. */
    fun untilAccepted(count: Int) {
        get("wait?accepted=$count&timeout_ms=$PATIENCE")
    }
}

private fun json(vararg fields: Pair<String, Any>): String =
    JsonObject().apply { fields.forEach { (name, value) -> add(name, element(value)) } }.toString()

private fun element(value: Any): JsonElement =
    when (value) {
        is List<*> -> JsonArray().apply { value.forEach { add(element(it!!)) } }
        is Map<*, *> -> JsonObject().apply { value.forEach { (name, one) -> add(name as String, element(one!!)) } }
        is Boolean -> JsonPrimitive(value)
        is Number -> JsonPrimitive(value)
        else -> JsonPrimitive(value.toString())
    }
