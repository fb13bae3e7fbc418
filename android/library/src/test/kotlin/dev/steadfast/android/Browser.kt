package dev.steadfast.android

import dev.steadfast.testing.TestServer
import org.junit.Assert.assertEquals
import java.net.HttpURLConnection
import java.net.URL
import java.security.KeyStore
import java.security.cert.CertificateFactory
import javax.net.ssl.HttpsURLConnection
import javax.net.ssl.SSLContext
import javax.net.ssl.TrustManagerFactory

/** Signs alice in, as an older app did. Gives the token, and whose it is. */
internal fun signInAsABrowser(server: TestServer): Pair<String, String> {
    val authority = CertificateFactory.getInstance("X.509").generateCertificate(server.authority().byteInputStream())
    val store = KeyStore.getInstance("PKCS12").apply { load(null) }
    store.setCertificateEntry("test", authority)
    val trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm()).apply { init(store) }
    val context = SSLContext.getInstance("TLS").apply { init(null, trust.trustManagers, null) }
    val connection = URL(server.url() + "/api/v4/users/login").openConnection() as HttpsURLConnection
    connection.sslSocketFactory = context.socketFactory
    connection.requestMethod = "POST"
    connection.doOutput = true
    connection.outputStream.write("""{"login_id":"alice","password":"${TestServer.ALICE}"}""".toByteArray())
    assertEquals(HttpURLConnection.HTTP_OK, connection.responseCode)
    val user = connection.inputStream.bufferedReader().readText()
    return connection.getHeaderField("Token") to Regex("\"id\":\"([a-z0-9]{26})\"").find(user)!!.groupValues[1]
}
