package dev.steadfast.android

import android.app.Application
import android.content.Context
import android.content.Intent
import android.content.pm.PackageManager
import android.os.Build
import dev.steadfast.Account
import dev.steadfast.Steadfast
import dev.steadfast.core.ClientCertificates
import dev.steadfast.core.Config
import dev.steadfast.core.Core
import dev.steadfast.core.Device
import dev.steadfast.core.DeviceKind
import dev.steadfast.core.HostState
import dev.steadfast.core.KeyStore
import dev.steadfast.core.Message
import dev.steadfast.core.Roots
import dev.steadfast.core.SteadfastException
import dev.steadfast.core.defaultConfig
import kotlinx.coroutines.flow.Flow
import java.io.File

/**
 * What an Android app decides. Everything has a default.
 */
public class AndroidOptions
    @JvmOverloads
    constructor(
        /** Where keys live: the Android Keystore, unless the app has another place. */
        public val keyStore: KeyStore? = null,
        /** Whether authorities that the user or a company's administrator added to the device count for servers. */
        public val trustUserAuthorities: Boolean = false,
        /** The app's translation of a text that the system's notifications show; by its id, the English text if it has none. */
        public val translate: (Message) -> String = Message::text,
        /**
         * The library shows the system's notifications of ended sessions, and reminds of their expiry. If not, the app does
         * both, from `notices`, `withdrawnNotices` and `reminders`.
         */
        public val showNotifications: Boolean = true,
        /** Sessions are asked about once an hour while nobody looks. */
        public val checkInBackground: Boolean = true,
        /** Certificates that network profiles name. */
        public val certificates: ClientCertificates? = null,
        /** The last word on the core's configuration: how long a token is kept, limits of strict employers, and so on. */
        public val configure: (Config) -> Config = { it },
    )

/** What became of a link that the browser came back with. */
public sealed class SsoOutcome {
    /** Somebody is signed in. */
    public class SignedIn(
        /** Whom it is about. */
        public val account: Account,
    ) : SsoOutcome()

    /** Nobody is; the exception is a [dev.steadfast.core.SteadfastException]. */
    public class Failed(
        /** Why. */
        public val reason: Exception,
    ) : SsoOutcome()
}

/**
 * The core in an Android app, with everything of the platform that it needs to be told: where the app is, the network, the
 * background check, notifications, reminders, and the link that ends a sign-in through the browser.
 *
 * ```
 * class App : Application() {
 *     lateinit var steadfast: SteadfastAndroid
 *     override fun onCreate() {
 *         super.onCreate()
 *         steadfast = SteadfastAndroid.start(this)
 *     }
 * }
 * ```
 */
public class SteadfastAndroid private constructor(
    application: Application,
    options: AndroidOptions,
    heardMillis: Long,
) {
    /**
     * The core. What is asked of it while the app is in front waits until it has heard of that, up to five seconds, so a page may
     * ask as it comes up, from `super.onCreate` on; off screen it refuses with `suspended` what needs the store or the network.
     */
    public val core: Steadfast = Steadfast { open(application, options) }

    private val host = AndroidHost(application, core, options, heardMillis)
    private val olderApps =
        OlderApps(application, core, listOf(ReactNativeApp(application), ClassicApp(application)), host::awaitFront)

    /**
     * What became of the links that the browser came back with. One that nobody has handled waits for the first collector,
     * since the page that cares may come up later than the link, also in a process that the link started; one that a
     * collector is done with comes to no later one. Whoever collects at the same time gets it too.
     */
    public val ssoOutcomes: Flow<SsoOutcome> = host.ssoOutcomes

    /**
     * Takes over the sessions that older Mattermost apps left on the device under this app's name: React Native ones and the
     * classic one. To be called at every start of an app that took the place of one: what was interrupted goes on, what could
     * not be read is tried again, and with nothing there it costs a look at a few files. Waits until the app is in front, and
     * works away from the caller's thread; while the device is locked since it started it does nothing, and says so at once.
     *
     * Gives what became of each thing that was found. An account whose user the older app did not write down appears in
     * `accounts` once its server was heard. Nothing is erased before the core has it for good, and then only what the core
     * took over. Fails as [Steadfast.importLegacy] does; then nothing is lost, and it is called again.
     */
    public suspend fun takeOverOlderApps(): OlderAppsResult = olderApps.takeOver()

    /**
     * Says of which account the app shows the pages now, by its number; null for none's. While the app is in front, the end of
     * that account's session is told by its page, and every other by the system's notification. An app that never says it is
     * taken to show the only account that there is, and none of several. May be called on any thread; returns at once.
     */
    public fun onScreen(account: Long?): Unit = host.onScreen(account)

    /** Stops listening to the platform, and closes the core. Of use in tests; an app's process just ends. */
    public suspend fun close() {
        host.stop()
        core.close()
    }

    public companion object {
        /**
         * Starts the core. To be called in `Application.onCreate`, once, on the main thread, before any activity: returns in a
         * few milliseconds and opens the vault in the background, in a folder that no backup takes. In any other process of the
         * app than the one of its pages it opens nothing, and every call fails with `closed`.
         */
        @JvmStatic
        @JvmOverloads
        public fun start(
            application: Application,
            options: AndroidOptions = AndroidOptions(),
        ): SteadfastAndroid = start(application, options, HEARD_MILLIS)

        /** As the other one, with what [SteadfastAndroid.core] says of five seconds. */
        internal fun start(
            application: Application,
            options: AndroidOptions,
            heardMillis: Long,
        ): SteadfastAndroid =
            SteadfastAndroid(application, options, heardMillis).also { if (MainProcess.isThis(application)) it.host.start() }

        /**
         * Of which account the app is to show the pages, because the user tapped a notification of the library's; null for any
         * other intent. The tap opens what the app's icon opens: ask in that activity's `onCreate`, where its saved state is
         * null, and in its `onNewIntent`. The account may be gone by then.
         */
        @JvmStatic
        public fun accountOf(intent: Intent?): Long? = Taps.accountOf(intent)

        private fun open(
            context: Context,
            options: AndroidOptions,
        ): Core {
            if (!MainProcess.isThis(context)) {
                throw SteadfastException.CorrectInput("closed", "the core is open in the process of the app's pages only", null)
            }
            val folder = File(context.noBackupFilesDir, "steadfast")
            val authorities = PlatformRoots.certificates(options.trustUserAuthorities)
            val config =
                defaultConfig(folder.path, device(context)).copy(
                    roots = if (authorities.isEmpty()) Roots.Mozilla else Roots.Platform(authorities),
                    // The lifecycle says otherwise as soon as an activity starts.
                    hostState = HostState.SUSPENDED,
                )
            val keyStore = options.keyStore ?: KeystoreKeyStore(context)
            return Core.open(options.configure(config), keyStore, null, options.certificates)
        }

        private fun device(context: Context): Device {
            val info =
                try {
                    context.packageManager.getPackageInfo(context.packageName, 0)
                } catch (_: PackageManager.NameNotFoundException) {
                    null
                }

            @Suppress("DEPRECATION") // The longer one came with Android 9, and says the same of every app there is.
            val build = info?.versionCode ?: 0
            return Device(DeviceKind.Android, info?.versionName ?: "0", build.toString(), Build.VERSION.RELEASE, Build.MODEL)
        }
    }
}
