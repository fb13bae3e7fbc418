package dev.steadfast.android

import android.content.Context
import android.net.ConnectivityManager
import android.net.LinkProperties
import android.net.Network
import android.net.NetworkCapabilities
import android.os.Build
import java.net.InetAddress

/** Whether there is a way out, as the system sees it. */
internal enum class Path {
    /** The system reached the internet. */
    Up,

    /** There is no network, or the app may not use it now. */
    Down,

    /** There is one, and the system did not reach the internet: a portal, a closed company network, or not tried yet. */
    Unknown,
}

/** The HTTP proxy that the system has for a network. */
internal data class SystemProxy(
    val host: String,
    val port: Int,
)

/**
 * Watches the default network and tells when anything about it changed that sockets would not survive, or that makes another
 * try worth while: another network, an address that is gone, the portal passed, another proxy, blocked or allowed.
 *
 * Calls [report] in the order of events, on a thread of the system's or of whoever starts, once the new network is known whole.
 * It must return at once.
 */
internal class Connectivity(
    context: Context,
    private val report: (Path, SystemProxy?) -> Unit,
) {
    private val manager = context.getSystemService(ConnectivityManager::class.java)
    private val lock = Any()
    private var seen: Seen? = null
    private var reported: Seen? = null
    private var watching = false
    private var stopped = false

    /** Starts to watch, and reports what there is. To be called again where the system may have refused before. */
    fun start() {
        synchronized(lock) {
            if (watching || stopped) return
            watching = true
        }
        val registered =
            unlessRefused(false) {
                checkNotNull(manager).registerDefaultNetworkCallback(callback)
                true
            }
        val isThere = unlessRefused(true) { manager?.activeNetwork != null }
        synchronized(lock) {
            if (stopped) {
                if (registered) unregister()
            } else if (!registered) {
                // Some Android 11 devices refuse, and any app may have too many callbacks: then nobody knows.
                watching = false
                if (reported != Seen.UNKNOWN) tell(Seen.UNKNOWN)
            } else if (!isThere && seen == null) {
                // The system says nothing of a network that is not there; one that came meanwhile has been told.
                tell(Seen.NONE)
            }
        }
    }

    /** Stops for good; nothing is reported afterwards. */
    fun stop() {
        synchronized(lock) {
            stopped = true
            if (watching) unregister()
            watching = false
        }
    }

    private fun unregister(): Unit = unlessRefused(Unit) { manager?.unregisterNetworkCallback(callback) }

    private val callback =
        object : ConnectivityManager.NetworkCallback() {
            override fun onAvailable(network: Network) {
                // From Android 8 on the system tells the rest by itself, right after this.
                if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.O) {
                    change { Seen(network) }
                } else {
                    val capabilities = unlessRefused(null) { manager?.getNetworkCapabilities(network) }
                    val link = unlessRefused(null) { manager?.getLinkProperties(network) }
                    change { Seen(network, Way.of(capabilities), Link.of(link)) }
                }
            }

            override fun onCapabilitiesChanged(
                network: Network,
                capabilities: NetworkCapabilities,
            ) = change(network) { it.copy(way = Way.of(capabilities)) }

            override fun onLinkPropertiesChanged(
                network: Network,
                link: LinkProperties,
            ) = change(network) { it.copy(link = Link.of(link)) }

            override fun onBlockedStatusChanged(
                network: Network,
                blocked: Boolean,
            ) = change(network) { it.copy(blocked = blocked) }

            override fun onLost(network: Network) = change(network) { Seen.NONE }
        }

    private fun change(
        network: Network,
        change: (Seen) -> Seen,
    ) = change { seen -> if (seen?.network == network) change(seen) else seen }

    private fun change(change: (Seen?) -> Seen?) {
        synchronized(lock) {
            val now = change(seen)
            seen = now
            if (now != null && now.isWhole) tell(now)
        }
    }

    /** Only with the lock, so that what is said last is what came last. */
    private fun tell(now: Seen) {
        if (stopped) return
        val differs = now.differsFrom(reported)
        reported = now
        if (differs) report(now.path, now.link?.proxy)
    }
}

/** What is known of the default network. */
private data class Seen(
    val network: Network?,
    val way: Way? = null,
    val link: Link? = null,
    val blocked: Boolean = false,
) {
    val isWhole get() = network == null || (way != null && link != null)

    val path
        get() =
            when {
                this === UNKNOWN -> Path.Unknown
                network == null || blocked -> Path.Down
                way == Way.Validated -> Path.Up
                else -> Path.Unknown
            }

    fun differsFrom(before: Seen?) =
        before == null ||
            network != before.network ||
            way != before.way ||
            blocked != before.blocked ||
            link?.proxy != before.link?.proxy ||
            link?.lacksOf(before.link) == true

    companion object {
        val NONE = Seen(null)

        /** Nobody knows. */
        val UNKNOWN = Seen(null, Way.Untried)
    }
}

/** How far the system itself came on this network. */
private enum class Way {
    Validated,
    Portal,
    Untried,
    ;

    companion object {
        fun of(capabilities: NetworkCapabilities?) =
            when {
                capabilities == null -> Untried
                capabilities.hasCapability(NetworkCapabilities.NET_CAPABILITY_CAPTIVE_PORTAL) -> Portal
                capabilities.hasCapability(NetworkCapabilities.NET_CAPABILITY_VALIDATED) -> Validated
                else -> Untried
            }
    }
}

/** The addresses and the proxy of a network. */
private data class Link(
    val addresses: Set<InetAddress>,
    val proxy: SystemProxy?,
) {
    /** An address that is gone takes its sockets with it; one that came takes none. */
    fun lacksOf(before: Link?) = before != null && !addresses.containsAll(before.addresses)

    companion object {
        fun of(properties: LinkProperties?) =
            Link(
                properties?.linkAddresses.orEmpty().mapTo(HashSet()) { it.address },
                properties?.httpProxy?.takeIf { !it.host.isNullOrEmpty() && it.port in PORTS }?.let { SystemProxy(it.host, it.port) },
            )

        private val PORTS = 1..65_535
    }
}
