package dev.steadfast.android

import android.content.Context
import android.net.ConnectivityManager
import android.net.NetworkCapabilities
import android.net.ProxyInfo
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.shadows.ShadowNetwork

@RunWith(RobolectricTestRunner::class)
class ConnectivityTest {
    private val context: Context = RuntimeEnvironment.getApplication()
    private val manager = context.getSystemService(ConnectivityManager::class.java)
    private val reports = mutableListOf<Pair<Path, SystemProxy?>>()
    private val connectivity = Connectivity(context) { path, proxy -> reports += path to proxy }
    private val wifi = ShadowNetwork.newInstance(100)
    private val mobile = ShadowNetwork.newInstance(101)
    private val validated = NetworkCapabilities.NET_CAPABILITY_VALIDATED
    private val portal = NetworkCapabilities.NET_CAPABILITY_CAPTIVE_PORTAL

    @Test
    fun `no network at all is down`() {
        shadowOf(manager).setDefaultNetworkActive(false)
        shadowOf(manager).setActiveNetworkInfo(null)
        connectivity.start()
        assertEquals(listOf(Path.Down to null), reports)
    }

    /** Or the app would be offline on a network that works. */
    @Test
    @Config(shadows = [RefusingNetworks::class])
    fun `a network that comes while it starts is not taken for gone`() {
        shadowOf(manager).setDefaultNetworkActive(false)
        shadowOf(manager).setActiveNetworkInfo(null)
        RefusingNetworks.arriving = {
            shadowOf(manager).setNetworkCapabilities(wifi, capabilities(setOf(validated)))
            onAvailable(wifi)
            onCapabilitiesChanged(wifi, capabilities(setOf(validated)))
            onLinkPropertiesChanged(wifi, link("192.0.2.7"))
        }
        try {
            connectivity.start()
        } finally {
            RefusingNetworks.arriving = null
        }
        assertEquals(listOf(Path.Up to null), reports)
    }

    @Test
    @Config(shadows = [RefusingNetworks::class])
    fun `where the system refuses, nobody knows, until it does not`() {
        RefusingNetworks.refuse {
            connectivity.start()
            connectivity.start()
        }
        assertEquals(listOf(Path.Unknown to null), reports)
        connectivity.start()
        appears(wifi, setOf(validated))
        assertEquals(Path.Up to null, reports.last())
        RefusingNetworks.refuse { connectivity.stop() }
        lost(wifi)
        connectivity.start()
        assertEquals(Path.Up to null, reports.last())
    }

    @Test
    @Config(sdk = [24], shadows = [RefusingNetworks::class])
    fun `a network that the system does not describe is not down`() {
        start()
        RefusingNetworks.capabilities.refuse { callbacks { it.onAvailable(wifi) } }
        assertEquals(listOf(Path.Unknown to null), reports)
    }

    @Test
    fun `a network counts once it is known whole`() {
        start()
        appears(wifi, setOf(validated))
        assertEquals(listOf(Path.Up to null), reports)
        lost(wifi)
        assertEquals(listOf(Path.Up to null, Path.Down to null), reports)
    }

    @Test
    fun `another network is told though both are up`() {
        start()
        appears(wifi, setOf(validated))
        appears(mobile, setOf(validated))
        assertEquals(listOf(Path.Up to null, Path.Up to null), reports)
        // The old one goes away behind the new one.
        lost(wifi)
        assertEquals(2, reports.size)
    }

    /** The core tries at once when the user has passed the portal. */
    @Test
    fun `a portal is no way out until it is passed`() {
        start()
        appears(wifi, setOf(portal))
        has(wifi, setOf(portal, validated))
        has(wifi, setOf(validated))
        assertEquals(listOf(Path.Unknown to null, Path.Up to null), reports)
    }

    @Test
    fun `a closed network that the system cannot check is not down`() {
        start()
        appears(wifi, setOf())
        assertEquals(listOf(Path.Unknown to null), reports)
    }

    @Test
    fun `what changes nothing for sockets is not told`() {
        start()
        appears(wifi, setOf(validated))
        has(wifi, setOf(validated, NetworkCapabilities.NET_CAPABILITY_NOT_METERED))
        links(wifi, link("192.0.2.7", "2001:db8::7"))
        links(wifi, link("192.0.2.7", "2001:db8::7", "2001:db8::8"))
        assertEquals(1, reports.size)
    }

    @Test
    fun `an address that is gone is told`() {
        start()
        appears(wifi, setOf(validated))
        links(wifi, link("192.0.2.7", "2001:db8::8"))
        links(wifi, link("192.0.2.7"))
        assertEquals(listOf(Path.Up to null, Path.Up to null), reports)
    }

    @Test
    fun `the proxy of a network comes with it`() {
        start()
        appears(wifi, setOf(validated), link("192.0.2.7").apply { httpProxy = ProxyInfo.buildDirectProxy("proxy.example", 3128) })
        links(wifi, link("192.0.2.7"))
        assertEquals(listOf(Path.Up to SystemProxy("proxy.example", 3128), Path.Up to null), reports)
    }

    @Test
    @Config(sdk = [35])
    fun `a network that the app may not use is down`() {
        start()
        appears(wifi, setOf(validated))
        callbacks { it.onBlockedStatusChanged(wifi, true) }
        callbacks { it.onBlockedStatusChanged(wifi, false) }
        assertEquals(listOf(Path.Up to null, Path.Down to null, Path.Up to null), reports)
    }

    @Test
    fun `nothing is told after the stop, and the system forgets it`() {
        start()
        appears(wifi, setOf(validated))
        val callbacks = shadowOf(manager).networkCallbacks.toList()
        connectivity.stop()
        connectivity.stop()
        callbacks.forEach { it.onLost(wifi) }
        assertEquals(1, reports.size)
        assertTrue(shadowOf(manager).networkCallbacks.isEmpty())
    }

    private fun start() {
        connectivity.start()
        reports.clear()
    }
}
