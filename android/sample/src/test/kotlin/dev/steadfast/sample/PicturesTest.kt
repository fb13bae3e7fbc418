package dev.steadfast.sample

import dev.steadfast.testing.TestServer
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.robolectric.annotation.Config

/**
 * What the pages look like, by day and by night, upright and on their side, and with text twice as large: kept as pictures for
 * a person to look at, and no text is cut off in any of them. Robolectric draws from Android 8 on.
 */
@Config(sdk = [35])
class PicturesTest : SampleTest() {
    @Test
    fun `every page can be read, however the phone is held and set`() {
        looks("add-server") { phone.see("Add a server") }
        server.turn("settings", """{"enable_gitlab":true}""")
        phone.type("Server URL", server.url())
        phone.press("Connect")
        looks("sign-in") { phone.see("GitLab") }
        phone.type("Email or Username", "alice")
        phone.type("Password", TestServer.ALICE)
        phone.press("Log In")
        phone.see("Connected")
        looks("home") { phone.see("Connected") }
        phone.press("Active Sessions")
        looks("active-sessions") {
            phone.see("This device")
            if (phone.shows("More info")) phone.press("More info", "This device")
        }
        sessionsGrowUp()
        server.revokeSessionsLater("alice")
        looks("sign-in-with-message") { phone.see(EXPIRED) }
    }

    @Test
    fun `the cover can be read, however the phone is held and set`() {
        alice()
        switchOff()
        app.restart(strict = true)
        phone.networkDown()
        phone.open()
        looks("cover") { phone.see(CHECKING) }
    }

    @Test
    fun `what is written stands out from what it is written on`() {
        val inks = listOf(Tone.INK, Tone.QUIET, Tone.ACCENT, Tone.GOOD, Tone.BAD).flatMap { listOf(it to Tone.PAPER, it to Tone.CARD) }
        val banners = listOf(Tone.QUIET, Tone.WARNING, Tone.GOOD, Tone.ACCENT).map { Tone.PAPER to it }
        val faint =
            (inks + banners + (Tone.INK to Tone.NOTE)).filter { (ink, paper) ->
                contrast(ink.day, paper.day) < READABLE || contrast(ink.night, paper.night) < READABLE
            }
        assertEquals(emptyList<Pair<Tone, Tone>>(), faint)
    }

    private fun looks(
        name: String,
        wait: () -> Unit,
    ) {
        val held = listOf("+port" to "", "+land" to "-land")
        val lit = listOf("+notnight" to "", "+night" to "-night")
        val sizes = listOf(1f to "", 2f to "-large")
        for ((night, dark) in lit) {
            phone.change(night)
            for ((orientation, side) in held) {
                phone.change(orientation)
                for ((factor, large) in sizes) {
                    phone.enlargeText(factor)
                    wait()
                    phone.picture("$name$dark$side$large")
                    assertEquals("$name$dark$side$large", emptyList<String>(), phone.cutOff())
                }
            }
        }
        phone.enlargeText(1f)
        phone.change("+port")
        phone.change("+notnight")
        wait()
    }

    private companion object {
        /** What accessibility asks of text of this size (WCAG 2.2, 1.4.3). */
        const val READABLE = 4.5

        fun contrast(
            one: Int,
            other: Int,
        ): Double {
            val (light, dark) = listOf(luminance(one), luminance(other)).sortedDescending()
            return (light + 0.05) / (dark + 0.05)
        }

        fun luminance(color: Int): Double {
            assertTrue("opaque", color ushr 24 == 0xFF)

            fun part(shift: Int): Double {
                val value = (color shr shift and 0xFF) / 255.0
                return if (value <= 0.04045) value / 12.92 else Math.pow((value + 0.055) / 1.055, 2.4)
            }
            return 0.2126 * part(16) + 0.7152 * part(8) + 0.0722 * part(0)
        }
    }
}
