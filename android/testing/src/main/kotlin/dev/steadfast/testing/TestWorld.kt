package dev.steadfast.testing

import dev.steadfast.core.Config
import dev.steadfast.core.Device
import dev.steadfast.core.DeviceKind
import dev.steadfast.core.KeyStore
import dev.steadfast.core.defaultConfig
import dev.steadfast.core.fileKeyStore
import kotlinx.coroutines.runBlocking
import org.junit.rules.ExternalResource
import org.junit.rules.TemporaryFolder
import java.io.File

/**
 * What a test of the core stands on: a server and a folder of its own, and an end that leaves neither. A rule of each test, or
 * of a class; Robolectric knows only rules of tests.
 */
public class TestWorld : ExternalResource() {
    private val temporary = TemporaryFolder()
    private val toClose = ArrayList<suspend () -> Unit>()

    /** The server, with alice, bob and sysadmin. */
    public lateinit var server: TestServer
        private set

    /** Where the test may write. */
    public val folder: File get() = temporary.root

    /** A core with its vault in this part of the folder, on an Android phone, that trusts the server's certificate. */
    public fun config(vault: String = "vault"): Config =
        trusting(defaultConfig(folder.resolve(vault).path, Device(DeviceKind.Android, "2.43.0", "799", "15", "Pixel")))

    /** The same, and the server's certificate is trusted. */
    public fun trusting(config: Config): Config = config.copy(extraAuthorities = listOf(server.authority()))

    /** Keys in the folder: the same ones whenever it is asked. */
    public fun keys(): KeyStore = fileKeyStore(folder.resolve("keys").path)

    /** Is done at the end, before the server stops; what was said last comes first. */
    public fun closeAtTheEnd(close: suspend () -> Unit) {
        toClose += close
    }

    override fun before() {
        temporary.create()
        server = TestServer.start()
    }

    override fun after() {
        try {
            runBlocking { toClose.asReversed().forEach { it() } }
        } finally {
            server.close()
            temporary.delete()
        }
    }
}
