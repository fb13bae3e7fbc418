package dev.steadfast.okhttp

import dev.steadfast.Steadfast
import dev.steadfast.core.Destination
import dev.steadfast.testing.TestWorld
import dev.steadfast.testing.await
import okhttp3.Request
import okhttp3.Response
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import java.io.PrintWriter
import java.io.StringWriter

/** The session of a call is seen nowhere but at the server. */
class NothingShownTest {
    @get:Rule
    val world = TestWorld()

    @Test
    fun `no request, answer or exception of a call holds the token, and a redirect is given as it is`() {
        val token = Regex("\"token\":\"(\\w+)\"").find(world.server.turn("create_access_token", "{\"user\":\"alice\"}"))!!.groupValues[1]
        val core = Steadfast.start(world.config(), world.keys())
        world.closeAtTheEnd(core::close)
        val account = await { core.adoptToken(Destination(world.server.url()), token) }
        val calls = SteadfastCallFactory(account)
        val codes =
            listOf(
                "/api/v4/users/me",
                "/api/v4/users/me/sessions",
                "/api/v4/posts/x",
                "/oauth/gitlab/mobile_login?redirect_to=x",
                "/elsewhere",
            )
                .map { path ->
                    calls.newCall(get(path)).execute().use { answer ->
                        assertFalse(path, token in shown(answer))
                        answer.code
                    }
                }
        assertEquals(200, codes.first())
        val refused = listOf(get("/a/../../b"), get("/x").newBuilder().header("Authorization", "Bearer $token").build())
        world.server.close()
        for (request in refused + get("/api/v4/users/me")) {
            val failed = runCatching { calls.newCall(request).execute() }.exceptionOrNull()
            val trace = StringWriter().also { failed!!.printStackTrace(PrintWriter(it)) }.toString()
            assertTrue(trace, "SteadfastCallException" in trace || "IOException" in trace)
            assertFalse(trace, token in trace)
        }
    }

    private fun get(path: String) = Request.Builder().url(world.server.url() + path).build()

    private fun shown(answer: Response) =
        listOf(answer, answer.headers, answer.request, answer.request.headers, answer.networkResponse, answer.body.string()).joinToString()
}
