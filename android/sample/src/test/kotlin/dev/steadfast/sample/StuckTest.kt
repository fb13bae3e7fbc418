package dev.steadfast.sample

import dev.steadfast.core.Standing
import dev.steadfast.testing.TestServer
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test
import java.io.File

/** A session that this phone cannot open any more, and may never again. */
class StuckTest : SampleTest() {
    /** Hazard B09. */
    @Test
    fun `who cannot get at their session may log in again, beside what they still see`() {
        stuck()
        phone.see(stuckText())
        assertTrue(phone.shows("Signed in as alice"))
        phone.press("Log In")
        phone.see("Log in to your account")
        phone.back()
        phone.see(stuckText())
        phone.press("Log In")
        phone.type("Password", TestServer.ALICE)
        phone.press("Log In")
        phone.see("Signed in as alice")
        phone.see("Connected")
        assertFalse(phone.shows(stuckText()) || phone.shows("Log In"))
    }

    /** Hazard B09. */
    @Test
    fun `who sees nothing but a cover may log out`() {
        stuck(strict = true)
        phone.see(stuckText())
        assertTrue(phone.shows(CHECKING) && phone.shows("Log In"))
        phone.press("Log Out")
        phone.see("Log in to your account")
        assertEquals(Standing.ENDED, standing())
    }

    /** Alice's key is of a later version, which this one cannot read, and she starts the app again and again. */
    private fun stuck(strict: Boolean = false) {
        alice()
        phone.see("Connected")
        val key = File(app.noBackupFilesDir, "steadfast-keys").listFiles()!!.single { "account-" in it.name }
        key.writeBytes(key.readBytes().also { it[0] = Byte.MAX_VALUE })
        repeat(STARTS) {
            phone.forgetPage()
            app.restart(strict)
            phone.open()
            phone.until("the key was asked for") { standing() == Standing.LOCKED }
        }
    }

    /** Nothing while the core is being opened. */
    private fun standing(): Standing? =
        app.steadfast.core.accounts.value
            ?.single()
            ?.state
            ?.value
            ?.standing

    private companion object {
        /** So often, and a way out is offered. */
        const val STARTS = 5
    }
}
