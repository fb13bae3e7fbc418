package dev.steadfast.android

import dev.steadfast.testing.TestServer
import dev.steadfast.testing.Trust
import org.junit.Assert.assertEquals
import java.net.HttpURLConnection
import java.net.URL
import javax.net.ssl.HttpsURLConnection

/** Signs alice in, as an older app did. Gives the token, and whose it is. */
internal fun signInAsABrowser(server: TestServer): Pair<String, String> {
    val connection = URL(server.url() + "/api/v4/users/login").openConnection() as HttpsURLConnection
    connection.sslSocketFactory = Trust.trusting(server.authority()).socketFactory
    connection.requestMethod = "POST"
    connection.doOutput = true
    connection.outputStream.write("""{"login_id":"alice","password":"${TestServer.ALICE}"}""".toByteArray())
    assertEquals(HttpURLConnection.HTTP_OK, connection.responseCode)
    val user = connection.inputStream.bufferedReader().readText()
    return connection.getHeaderField("Token") to Regex("\"id\":\"([a-z0-9]{26})\"").find(user)!!.groupValues[1]
}
