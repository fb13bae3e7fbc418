package dev.steadfast.android

import android.net.ConnectivityManager
import android.net.LinkAddress
import android.net.LinkProperties
import android.net.Network
import android.net.NetworkCapabilities
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.shadows.ShadowNetworkCapabilities
import java.net.InetAddress

// What the system says of networks to whoever listens.

private val manager get() = RuntimeEnvironment.getApplication().getSystemService(ConnectivityManager::class.java)!!

internal fun appears(
    network: Network,
    capabilities: Set<Int>,
    link: LinkProperties = link("192.0.2.7"),
) {
    shadowOf(manager).setNetworkCapabilities(network, capabilities(capabilities))
    shadowOf(manager).setLinkProperties(network, link)
    callbacks { it.onAvailable(network) }
    has(network, capabilities)
    links(network, link)
}

internal fun has(
    network: Network,
    capabilities: Set<Int>,
) = callbacks { it.onCapabilitiesChanged(network, capabilities(capabilities)) }

internal fun links(
    network: Network,
    link: LinkProperties,
) = callbacks { it.onLinkPropertiesChanged(network, link) }

internal fun lost(network: Network) = callbacks { it.onLost(network) }

internal fun callbacks(call: (ConnectivityManager.NetworkCallback) -> Unit) = shadowOf(manager).networkCallbacks.toList().forEach(call)

internal fun capabilities(wanted: Set<Int>): NetworkCapabilities {
    val capabilities = ShadowNetworkCapabilities.newInstance()
    wanted.forEach { shadowOf(capabilities).addCapability(it) }
    return capabilities
}

internal fun link(vararg addresses: String) =
    LinkProperties().apply {
        addresses.forEach { address ->
            val parsed = InetAddress.getByName(address)
            addLinkAddress(LinkAddress(parsed, if (parsed.address.size == 4) 24 else 64))
        }
    }
