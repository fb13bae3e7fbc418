package dev.steadfast.okhttp

import dev.steadfast.Account
import dev.steadfast.Steadfast
import dev.steadfast.core.SignIn
import dev.steadfast.testing.TestServer
import dev.steadfast.testing.TestWorld
import dev.steadfast.testing.await
import dev.steadfast.testing.eventually
import okhttp3.Request
import okhttp3.RequestBody
import org.junit.rules.RuleChain
import org.junit.rules.TestRule
import org.junit.runner.Description
import org.junit.runners.model.Statement

/** Alice, signed in, and what the tests of calls ask her server for. */
internal class OneAccount : TestRule {
    val world = TestWorld()
    val server get() = world.server
    lateinit var account: Account
        private set
    val calls by lazy { SteadfastCallFactory(account) }

    override fun apply(
        base: Statement,
        description: Description,
    ): Statement = RuleChain.outerRule(world).around(::signedIn).apply(base, description)

    private fun signedIn(
        base: Statement,
        @Suppress("UNUSED_PARAMETER") description: Description,
    ) = object : Statement() {
        override fun evaluate() {
            val core = Steadfast.start(world.config(), world.keys())
            world.closeAtTheEnd(core::close)
            account = await { core.signIn(SignIn(server.url(), "alice", TestServer.ALICE)) }
            base.evaluate()
        }
    }

    fun get(path: String): Request = Request.Builder().url(server.url() + path).build()

    fun post(
        path: String,
        body: RequestBody,
    ): Request =
        Request
            .Builder()
            .url(server.url() + path)
            .post(body)
            .build()

    /** A place for files in a channel of hers. */
    val files: String by lazy {
        val team = idFrom(get("/api/v4/users/me/teams"))
        "/api/v4/files?filename=a.bin&channel_id=${idFrom(get("/api/v4/users/me/teams/$team/channels"))}"
    }

    fun upload(
        content: RequestBody,
        by: SteadfastCallFactory = calls,
    ): String = idFrom(post(files, content), by)

    /** Does something while the server keeps back its answers to a path. */
    fun heldBack(
        path: String,
        meanwhile: () -> Unit,
    ) {
        server.turn("hold_back", "{\"path\":\"$path\"}")
        try {
            meanwhile()
        } finally {
            server.turn("hold_back", "{\"path\":null}")
        }
    }

    /** Waits until so many requests of a path have reached the server. */
    fun arrived(
        path: String,
        times: Int = 1,
    ) = eventually { arrivals(path) >= times }

    fun arrivals(path: String): Int = Regex("\"path\":\"${Regex.escape(path)}\"").findAll(server.read("requests")).count()

    private fun idFrom(
        request: Request,
        by: SteadfastCallFactory = calls,
    ): String {
        val json = by.newCall(request).execute().use { it.body.string() }
        return Regex("\"id\":\"([a-z0-9]{26})\"").find(json)!!.groupValues[1]
    }
}
