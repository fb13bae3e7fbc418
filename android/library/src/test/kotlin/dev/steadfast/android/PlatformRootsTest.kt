package dev.steadfast.android

import dev.steadfast.testing.TestAuthorities
import org.junit.After
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner

@RunWith(RobolectricTestRunner::class)
class PlatformRootsTest {
    private val system = byteArrayOf(0x30, 1)
    private val user = byteArrayOf(0x30, 2)

    @After
    fun uninstall() = TestAuthorities.uninstall()

    @Test
    fun `those that the user added count only if the app says so`() {
        TestAuthorities.install(mapOf("system:00673b5b.0" to system, "user:1a2b3c.0" to user))
        assertArrayEquals(system, PlatformRoots.certificates(includingUserAdded = false).single())
        val all = PlatformRoots.certificates(includingUserAdded = true).map { it.toList() }
        assertEquals(setOf(system.toList(), user.toList()), all.toSet())
    }

    @Test
    fun `one that cannot be read does not take the others with it`() {
        val withBadOnes =
            mapOf("system:0" to TestAuthorities.WITHOUT_DER, "system:1" to TestAuthorities.UNREADABLE, "system:2" to system)
        TestAuthorities.install(withBadOnes)
        assertArrayEquals(system, PlatformRoots.certificates(includingUserAdded = false).single())
    }

    @Test
    fun `a system that does not say leaves the list empty`() {
        assertEquals(0, PlatformRoots.certificates(includingUserAdded = true).size)
        TestAuthorities.install(emptyMap())
        assertEquals(0, PlatformRoots.certificates(includingUserAdded = true).size)
    }
}
