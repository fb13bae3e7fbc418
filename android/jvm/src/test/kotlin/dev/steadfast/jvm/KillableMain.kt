package dev.steadfast.jvm

import dev.steadfast.core.Core
import dev.steadfast.core.NetworkPath
import dev.steadfast.core.Shows
import dev.steadfast.core.SignIn
import dev.steadfast.core.Snapshot
import dev.steadfast.core.fileKeyStore
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeout
import java.io.File

/** What [Killable] runs: takes a command in a line, and answers in one. */
object KillableMain {
    @JvmStatic
    fun main(arguments: Array<String>) =
        test {
            val (folder, url, authority, isStrict) = arguments
            val config = configured(File(folder), PHONE, listOf(File(authority).readText()))
            val core = Core.open(if (isStrict.toBoolean()) strict(config) else config, fileKeyStore("$folder/keys"))
            val shown = mutableListOf<String>()

            fun draw(snapshot: Snapshot) =
                synchronized(shown) {
                    val now = said(snapshot)
                    if (shown.lastOrNull() != now) shown.add(now)
                }
            core.accounts().forEach(::draw)
            launch {
                var since = 0L
                while (true) {
                    val changes = core.changes(since)
                    since = changes.revision
                    changes.accounts.forEach(::draw)
                }
            }
            println("open")
            for (line in System.`in`.bufferedReader().lineSequence()) {
                val answer =
                    when (line.substringBefore(' ')) {
                        "sign-in" -> {
                            val who = Person.entries.single { it.login == line.substringAfter(' ') }
                            core.signIn(SignIn(url, who.login, who.password))
                            untilShows(core) { it is Shows.Content }
                        }

                        "shows" -> {
                            said(core.accounts().single())
                        }

                        "shown" -> {
                            synchronized(shown) { shown.joinToString("|") }
                        }

                        "network-up" -> {
                            core.networkChanged(NetworkPath.UP)
                            untilShows(core) { it is Shows.SignIn }
                        }

                        else -> {
                            error(line)
                        }
                    }
                println(answer)
            }
        }

    private suspend fun untilShows(
        core: Core,
        fits: (Shows) -> Boolean,
    ): String =
        withTimeout(PATIENCE) {
            var since = 0L
            while (!fits(core.accounts().single().shows)) since = core.changes(since).revision
            said(core.accounts().single())
        }
}
