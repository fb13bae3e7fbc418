package dev.steadfast.jvm

import com.google.gson.JsonArray
import com.google.gson.JsonElement
import com.google.gson.JsonObject
import com.google.gson.JsonParser
import java.io.File
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse
import java.util.concurrent.TimeUnit

private val http: HttpClient = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build()

/** A process of the workspace that says in one line of JSON where it listens, and is told what to do over HTTP. */
open class Part(
    name: String,
    arguments: List<String>,
) : AutoCloseable {
    private val process: Process
    private val told: JsonObject

    init {
        val program = File(System.getProperty("steadfast.target") ?: "../../target", "debug/$name").path
        process = ProcessBuilder(listOf(program) + arguments).redirectError(ProcessBuilder.Redirect.INHERIT).start()
        val line = process.inputStream.bufferedReader().readLine() ?: error("$name said nothing")
        told = JsonParser.parseString(line).asJsonObject
    }

    val url: String get() = told["url"].asString
    val authorityFile: String get() = told["ca_file"].asString
    val authority: String get() = File(authorityFile).readText()
    private val control: String get() = told["control_url"].asString

    fun get(path: String): JsonElement = ask(HttpRequest.newBuilder(URI("$control/$path")).GET())

    fun post(
        path: String,
        body: String,
    ): JsonElement = ask(HttpRequest.newBuilder(URI("$control/$path")).POST(HttpRequest.BodyPublishers.ofString(body)))

    private fun ask(request: HttpRequest.Builder): JsonElement {
        val answer = http.send(request.build(), HttpResponse.BodyHandlers.ofString())
        check(answer.statusCode() == 200) { "${answer.uri()}: ${answer.body()}" }
        return JsonParser.parseString(answer.body())
    }

    override fun close() {
        process.destroy()
        if (!process.waitFor(20, TimeUnit.SECONDS)) process.destroyForcibly()
    }
}

/** The test server. */
class Server : Part("steadfast-testserver", listOf("--tls")) {
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

    fun requests(): List<JsonObject> = get("requests").asJsonArray.map { it.asJsonObject }

    fun requests(pathEnd: String): Int = requests().count { it["path"].asString.endsWith(pathEnd) }
}

/** The fault proxy before a server, which ends TLS itself, so that it can answer in the server's place. */
class Network(
    server: Server,
) : Part(
        "steadfast-faults",
        listOf("--http", server.url, "--tls", "--upstream-ca", server.authorityFile, "--until-stdin-ends"),
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

    val accepted: Int get() = get("report").asJsonObject["accepted"].asInt
    val open: Int get() = get("report").asJsonObject["open"].asInt
}

private fun json(vararg fields: Pair<String, Any>): String =
    JsonObject().apply { fields.forEach { (name, value) -> add(name, element(value)) } }.toString()

private fun element(value: Any): JsonElement =
    when (value) {
        is List<*> -> JsonArray().apply { value.forEach { add(element(it!!)) } }
        is Map<*, *> -> JsonObject().apply { value.forEach { (name, one) -> add(name as String, element(one!!)) } }
        is Boolean -> com.google.gson.JsonPrimitive(value)
        is Number -> com.google.gson.JsonPrimitive(value)
        else -> com.google.gson.JsonPrimitive(value.toString())
    }
