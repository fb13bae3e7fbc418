package dev.steadfast.android

import android.app.Activity
import android.content.Intent
import android.os.Bundle

/**
 * Where the browser comes back to after a sign-in: takes the link, shows the app as it was, and is gone. Shows nothing of its
 * own. The library's manifest declares it for `mmauth://callback`; an app with a scheme of its own declares it again with that.
 *
 * Any app on the device may start it with any link: the link goes to the core, which accepts the one that it waits for and
 * nothing else.
 */
public class SsoCallbackActivity : Activity() {
    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        take(intent)
        finish()
    }

    private fun take(intent: Intent?) {
        val link = intent?.data?.takeIf { intent.action == Intent.ACTION_VIEW && it.host == HOST } ?: return
        SsoLinks.offer(link.toString())
        unlessRefused(Unit) {
            // As the launcher does it: the task comes to the front with the page that the user left.
            val flags = Intent.FLAG_ACTIVITY_NEW_TASK or Intent.FLAG_ACTIVITY_RESET_TASK_IF_NEEDED
            packageManager.getLaunchIntentForPackage(packageName)?.let { startActivity(it.addFlags(flags)) }
        }
    }

    private companion object {
        const val HOST = "callback"
    }
}

/** Hands links from the browser to the core of this process. */
internal object SsoLinks {
    private var taker: ((String) -> Unit)? = null
    private var waiting: String? = null

    /** A link came. If nobody takes links yet, the newest one waits. */
    @Synchronized
    fun offer(link: String) {
        val now = taker
        if (now == null) waiting = link else now(link)
    }

    /** From here on links go to [taker], one that waits included; null for nobody. It must return at once. */
    @Synchronized
    fun take(taker: ((String) -> Unit)?) {
        this.taker = taker
        val link = waiting ?: return
        if (taker != null) {
            waiting = null
            taker(link)
        }
    }
}
