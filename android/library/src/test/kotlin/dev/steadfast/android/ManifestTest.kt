package dev.steadfast.android

import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.w3c.dom.Element
import java.io.File
import javax.xml.parsers.DocumentBuilderFactory

/** What the library's own files tell the system, held against the classes that they name. */
class ManifestTest {
    private val manifest = parse("src/main/android/AndroidManifest.xml")

    @Test
    fun `every component is a class of the library, and other apps reach only the callback`() {
        val components = listOf("activity", "service", "receiver").flatMap { manifest.all(it) }
        val exported = components.associate { Class.forName(it.android("name")) to it.android("exported") }
        assertEquals(
            mapOf<Class<*>, String>(
                SsoCallbackActivity::class.java to "true",
                BackgroundCheckService::class.java to "false",
                ExpiryReminderReceiver::class.java to "false",
            ),
            exported,
        )
    }

    @Test
    fun `the browser comes back to the callback`() {
        val filter = manifest.all("activity").single().all("intent-filter").single()
        assertEquals("android.intent.action.VIEW", filter.all("action").single().android("name"))
        assertTrue(filter.all("category").any { it.android("name") == "android.intent.category.BROWSABLE" })
        val data = filter.all("data").single()
        assertEquals("mmauth" to "callback", data.android("scheme") to data.android("host"))
    }

    @Test
    fun `only the system may start the check`() {
        assertEquals("android.permission.BIND_JOB_SERVICE", manifest.all("service").single().android("permission"))
    }

    @Test
    fun `it asks for no more than it needs`() {
        assertEquals(
            listOf("INTERNET", "ACCESS_NETWORK_STATE", "RECEIVE_BOOT_COMPLETED", "POST_NOTIFICATIONS"),
            manifest.all("uses-permission").map { it.android("name").removePrefix("android.permission.") },
        )
        assertEquals(MINIMUM_SDK.toString(), manifest.all("uses-sdk").single().android("minSdkVersion"))
    }

    /** Hazard E16. */
    @Test
    fun `what the library writes outside of the folder without backup is left out of every backup`() {
        val file = "${ExpiryReminders.FILE}.xml"
        val rules = parse("src/main/android/res/xml/steadfast_data_extraction_rules.xml")
        for (way in listOf("cloud-backup", "device-transfer")) {
            val excluded = rules.all(way).single().all("exclude").single()
            assertEquals("sharedpref" to file, excluded.getAttribute("domain") to excluded.getAttribute("path"))
        }
        val older = parse("src/main/android/res/xml/steadfast_full_backup_content.xml").all("exclude").single()
        assertEquals("sharedpref" to file, older.getAttribute("domain") to older.getAttribute("path"))
    }

    @Test
    fun `every component that only the manifest names is kept when an app is shrunk`() {
        val rules = File("src/main/android/proguard.txt").readText()
        listOf("activity", "service", "receiver").flatMap { manifest.all(it) }.forEach {
            assertTrue("-keep class ${it.android("name")} { <init>(); }" in rules)
        }
    }

    private fun parse(path: String): Element {
        val factory = DocumentBuilderFactory.newInstance().apply { isNamespaceAware = true }
        return factory.newDocumentBuilder().parse(File(path)).documentElement
    }

    private fun Element.all(name: String): List<Element> {
        val found = getElementsByTagName(name)
        return (0 until found.length).map { found.item(it) as Element }
    }

    private fun Element.android(name: String) = getAttributeNS("http://schemas.android.com/apk/res/android", name)
}
