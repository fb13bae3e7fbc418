package dev.steadfast.android

import android.app.Application
import android.os.UserManager
import dev.steadfast.Steadfast
import dev.steadfast.core.Device
import dev.steadfast.core.DeviceKind
import dev.steadfast.core.defaultConfig
import dev.steadfast.testing.TestKeystore
import dev.steadfast.testing.await
import kotlinx.coroutines.flow.filterNotNull
import kotlinx.coroutines.flow.first
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import java.io.File
import java.io.IOException
import java.nio.file.Files

/**
 * What [OlderAppsKillTest] runs in processes of their own, one after the other: the app, with its data and its keys in a folder
 * that outlives it. Stands still at the step that it is told, to be killed there. No test by itself.
 */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35])
class KillableOlderApps {
    private val application: Application = RuntimeEnvironment.getApplication()
    private val kept = File(System.getProperty("steadfast.kept"))
    private val step = System.getProperty("steadfast.step")

    @Test
    fun takeOver() {
        keepData()
        TestKeystore.install(kept.resolve("keystore").toPath())
        shadowOf(application.getSystemService(UserManager::class.java)).setUserUnlocked(true)
        writeOnce()
        val core = Steadfast.start(config(), KeystoreKeyStore(application))
        say("found ${await { core.accounts.filterNotNull().first() }.map { it.id }}")
        TestKeystore.beforeDeleting { if (it.startsWith("https:")) at("deleting the key") }
        val items = await { OlderApps(application, core, listOf(Watched(ReactNativeApp(application)))) {}.takeOver() }
        at("told")
        val accounts = core.accounts.value!!.map { it.id }
        say("left ${(items as OlderAppsResult.Done).items.size} ${await { core.legacyErasable() }.size} $accounts")
    }

    private fun config() =
        defaultConfig(File(application.noBackupFilesDir, "steadfast").path, Device(DeviceKind.Android, "2.43.0", "799", "15", "Pixel"))
            .copy(extraAuthorities = listOf(kept.resolve("authorities").readText()))

    /** What the older app left, while nothing was taken over. */
    private fun writeOnce() {
        val sessions = kept.resolve("sessions")
        if (!sessions.exists()) return
        for (line in sessions.readLines()) {
            val (server, token, user) = line.split(' ')
            OlderWriter(application).keep(server, "android_rn:abc, $user", token, OlderWriter.CBC)
        }
        sessions.delete()
    }

    /** The folders of the app's data are those that outlive it. */
    private fun keepData() {
        for (name in listOf("files", "no_backup", "shared_prefs")) {
            val link = File(application.applicationInfo.dataDir, name)
            link.deleteRecursively()
            Files.createSymbolicLink(link.toPath(), kept.resolve(name).apply { mkdirs() }.toPath())
        }
    }

    private fun at(reached: String) {
        if (reached != step) return
        say("at $reached")
        while (true) Thread.sleep(Long.MAX_VALUE)
    }

    private fun say(line: String) = println("$SAYS$line")

    private inner class Watched(
        private val app: OlderApp,
    ) : OlderApp {
        override val sources get() = app.sources

        override fun look(): OlderFinds {
            val found = app.look()
            at("looked")
            return OlderFinds().apply { found.read.mapTo(read, ::watched) }.apply { notRead += found.notRead }
        }

        private fun watched(find: OlderFind) =
            OlderFind(find.entry, find.isLast) {
                at("taking out")
                if (!find.erase()) throw IOException("it stays")
                at("taken out")
            }
    }

    companion object {
        /** What its own lines begin with, among those of others. */
        const val SAYS = "killable: "
    }
}
