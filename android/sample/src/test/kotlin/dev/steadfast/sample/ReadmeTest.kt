package dev.steadfast.sample

import com.example.chat.App
import dev.steadfast.testing.TestServer
import kotlinx.coroutines.runBlocking
import org.junit.After
import org.junit.AfterClass
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.BeforeClass
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Config
import java.io.File

/**
 * The page for newcomers holds word for word: its code is what `com/example/chat` holds, its manifest installs that app, and
 * a person signs in with it. To take over a change of the code: `-Dsteadfast.regenerate=true`.
 */
@RunWith(RobolectricTestRunner::class)
@Config(application = App::class)
class ReadmeTest {
    private val file = File("../README.md")
    private val page = file.readText()

    @After
    fun endTheApp() = runBlocking { (RuntimeEnvironment.getApplication() as App).steadfast.close() }

    @Test
    fun `the page shows the code that is compiled`() {
        val wanted =
            listOf("App.kt", "MainActivity.kt").fold(page) { text, name ->
                val place = Regex("(<!-- $name -->\n```kotlin\n)[\\s\\S]*?(```\n)")
                assertEquals(name, 1, place.findAll(text).count())
                val code = File("src/test/kotlin/com/example/chat/$name").readText()
                place.replace(text) { it.groupValues[1] + code + it.groupValues[2] }
            }
        if (System.getProperty("steadfast.regenerate") == "true") file.writeText(wanted)
        assertEquals(wanted, page)
    }

    @Test
    fun `the app of the page signs in, and is told when that ends`() =
        Phone(manifest()).let { phone ->
            phone.open()
            phone.networkUp()
            phone.type("Server, such as chat.example.com", server.url())
            phone.type("Email or username", "alice")
            phone.type("Password", "wrong")
            phone.press("Log in")
            phone.see("This is not possible (invalid_credentials).")
            phone.type("Password", TestServer.ALICE)
            phone.press("Log in")
            phone.see("Signed in as alice")
            phone.press("Log out")
            phone.see("You are logged out")
            phone.type("Email or username", "alice")
            phone.type("Password", TestServer.ALICE)
            phone.press("Log in")
            phone.see("Signed in as alice")
            server.revokeSessionsLater("alice")
            phone.see(SampleTest.EXPIRED)
        }

    @Test
    fun `who comes after somebody else sees content, as the app of the page pays what it owes`() =
        Phone(manifest()).let { phone ->
            phone.open()
            phone.networkUp()
            phone.logIn("alice", TestServer.ALICE)
            val core = (RuntimeEnvironment.getApplication() as App).steadfast.core
            runBlocking { core.accounts.value!!.single().forget() }
            phone.see("Welcome")
            phone.logIn("bob", TestServer.BOB)
        }

    @Test
    fun `every resource that the page names is the library's, the system's, or called the app's own`() {
        val named = Regex("\"@(\\w+:)?(\\w+)/([\\w.]+)\"").findAll(page).map { it.groupValues.drop(1) }.toList()
        assertTrue(named.size >= MANY)
        named.forEach { (of, kind, name) ->
            val ours = File("../library/src/main/android/res/$kind/$name.xml").exists()
            assertTrue("@$of$kind/$name", of == "android:" || ours || name.startsWith("your_"))
        }
        val said = File("../library/src/main/kotlin/dev/steadfast/android/NotificationLook.kt").readText()
        Regex("<meta-data android:name=\"([^\"]*)\"").findAll(page).forEach { assertTrue(it.value, "\"${it.groupValues[1]}\"" in said) }
    }

    @Test
    fun `every name that the page names is there`() {
        val sources =
            listOf("library/src/main", "okhttp/src/main", "sample/src", "testing/src/main", "bindings/target/generated").map {
                File("..", it)
            }
        val files = File("..").walk().onEnter { it.name !in setOf("target", ".git") }.map { it.name }.toSet()
        val defined =
            sources.flatMapTo(HashSet()) { folder ->
                val texts = folder.walk().filter { it.extension in setOf("kt", "java") }.map { it.readText() }
                texts.flatMap { DEFINITION.findAll(it) }.map { it.groupValues[1] }.toList()
            }
        val codes = File("../../docs/errors.md").readText()
        val prose = page.replace(Regex("```[\\s\\S]*?```"), "")
        val names = Regex("`([^`\n]+)`").findAll(prose).map { it.groupValues[1] }.toSet()

        fun isCode(name: String) = "| `$name` |" in codes

        fun isPackage(name: String) = File("../library/src/main/kotlin", name.replace('.', '/')).isDirectory

        // What a build leaves is named by where its module is.
        fun isPlace(name: String) = listOf("..", "../..").any { File(it, name.substringBefore("/target/")).exists() }

        val unknown =
            names.filterNot { name ->
                when {
                    name in OF_THE_PLATFORM || name.startsWith("mvn ") || name.startsWith("-") -> true
                    "/" in name -> isPlace(name)
                    name.endsWith(".kt") -> name in files
                    else -> name.substringBefore("(") in defined || isCode(name) || isPackage(name)
                }
            }
        assertEquals(emptyList<String>(), unknown)
        Regex("\\]\\(([^)#]+)\\)").findAll(page).forEach { assertTrue(it.value, File("..", it.groupValues[1]).exists()) }
    }

    @Test
    fun `every command and every version of the page is that of the build`() {
        val poms =
            File("..").walk().onEnter { it.name != "target" }.filter { it.name == "pom.xml" }.associate {
                it.parentFile.name to
                    it.readText()
            }
        val main = File("../pom.xml").readText()
        val all = poms.values.joinToString("\n")
        val release = File("../../.github/workflows/release.yml").readText()
        val commands =
            Regex("```sh\n([\\s\\S]*?)```").findAll(page).flatMap { it.groupValues[1].trim().lines() } +
                Regex("`(mvn [^`]*)`").findAll(page).map { it.groupValues[1] }
        commands.map { it.substringBefore(" #").trim() }.forEach { command ->
            val words = command.split(Regex(" +"))
            when {
                words[0] == "mvn" -> {
                    assertEquals("android/pom.xml", words[words.indexOf("-f") + 1])
                    words.getOrNull(words.indexOf("-pl") + 1).takeIf { "-pl" in words }?.split(",")?.forEach { assertTrue(it, it in poms) }
                    words.filter { it.startsWith("-P") }.forEach { assertTrue(it, "<id>${it.removePrefix("-P")}</id>" in all) }
                    words.filter { it.startsWith("-D") && it != "-DskipTests" }.forEach {
                        assertTrue(
                            it,
                            it.removePrefix("-D").substringBefore("=") in all,
                        )
                    }
                }

                // What a release does.
                words[0] in setOf("cargo", "rustup") -> {
                    assertTrue(command, command in release.replace(Regex(" --version [\\d.]+"), ""))
                }

                words[0].startsWith("tests/") -> {
                    assertTrue(command, File("../..", words[0]).canExecute())
                }

                else -> {
                    throw AssertionError("who knows $command?")
                }
            }
        }
        assertTrue(File("../sample/package").canExecute())

        fun property(name: String) = Regex("<$name>(.*)</$name>").find(main)!!.groupValues[1]
        val ours = Regex("<version>(.*)</version>").find(main)!!.groupValues[1]
        val versions = mapOf("kotlinx-coroutines-android" to property("coroutines.version"), "steadfast-android" to ours)
        Regex("\"[\\w.]+:([\\w-]+):([\\d.]+)[\"@]").findAll(page).forEach {
            val (artifact, version) = it.destructured
            assertEquals(artifact, versions.getValue(artifact), version)
        }
        assertTrue(
            "<published>\${project.build.directory}/published</published>" in all && "steadfast/android/publish/target/published\"" in page,
        )
        listOf("steadfast-okhttp", "steadfast-desktop").forEach {
            assertTrue(
                it,
                File("../publish/src/main/poms/$it.pom").exists() && "`$it`" in page,
            )
        }
        assertTrue("Android 7.0 (API ${property("minSdk")})" in page)
        assertTrue("OkHttp ${property("okhttp.version").substringBefore(".")}" in page)
    }

    /** From the first word to a running sign-in, at 200 words a minute, code included. */
    @Test
    fun `a newcomer is there in less than ten minutes`() {
        val way = page.substringBefore("## What an app adds")
        assertTrue(way.split(Regex("\\s+")).size < TEN_MINUTES)
    }

    private fun Phone.logIn(
        user: String,
        password: String,
    ) {
        type("Server, such as chat.example.com", server.url())
        type("Email or username", user)
        type("Password", password)
        press("Log in")
        see("Signed in as $user")
    }

    /** The page's manifest, and the library's merged into it. */
    private fun manifest(): File {
        val merged = File("target/readme/AndroidManifest.xml").also { it.parentFile.mkdirs() }
        val own = File("target/readme/own.xml")
        own.writeText(Regex("<!-- manifest -->\n```xml\n([\\s\\S]*?)```").find(page)!!.groupValues[1])
        ManifestMerge.main(arrayOf(own.path, "../library/src/main/android/AndroidManifest.xml", merged.path))
        return merged
    }

    companion object {
        private lateinit var server: TestServer

        @BeforeClass
        @JvmStatic
        fun startServer() {
            server = TestServer.start()
            Phone.setUp(server.authority())
        }

        @AfterClass
        @JvmStatic
        fun stopServer() = server.close()

        private const val MANY = 5
        private const val TEN_MINUTES = 2_000
        private val DEFINITION = Regex("\\b(?:class|object|interface|fun|val|const val|enum class) `?(\\w+)")

        /** What is neither the library's nor the sample's. */
        private val OF_THE_PLATFORM =
            setOf(
                "ACTION_VIEW",
                "ANDROID_NDK_HOME",
                "AndroidKeyStore",
                "Call.Factory",
                "Flow",
                "MAVEN_GPG_KEY",
                "NOT RUN",
                "POST_NOTIFICATIONS",
                "UnsatisfiedLinkError",
                "<application>",
                "android:allowBackup=\"false\"",
                "android:process",
                "com.example.chat",
                "steadfast-desktop",
                "steadfast-okhttp",
                "dev.steadfast.core",
                "mmauth://callback",
                "noBackupFilesDir",
                "onCreate",
                "suspend",
            )
    }
}
