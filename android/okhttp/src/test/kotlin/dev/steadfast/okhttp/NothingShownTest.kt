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
        world.server.turn("settings", "{\"enable_gitlab\":true}")
        val answers = listOf("/api/v4/users/me" to 200, "/api/v4/users/me/sessions" to 200, "/api/v4/posts/x" to 404, REDIRECTED to 302)
        for ((path, code) in answers) {
            calls.newCall(get(path)).execute().use { answer ->
                assertEquals(path, code, answer.code)
                assertEquals(path, code == 302, "/provider/gitlab/authorize" in answer.header("location").orEmpty())
                assertFalse(path, token in shown(answer))
            }
        }
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

    private companion object {
        const val REDIRECTED = "/oauth/gitlab/mobile_login?redirect_to=mmauth://callback"
    }
}
