package dev.steadfast.android

import org.junit.Assert.assertEquals
import org.junit.Test
import java.io.File

/** The page for newcomers shows code that compiles. To take over a change of the code: `-Dsteadfast.regenerate=true`. */
class ReadmeTest {
    private val page = File("../README.md")
    private val code = File("src/test/kotlin/dev/steadfast/android/Readme.kt").readText()

    @Test
    fun `the page shows the code that is compiled`() {
        val snippets = Regex("// snippet: (.+)\n([\\s\\S]*?)// end\n").findAll(code).map { it.groupValues[1] to it.groupValues[2] }
        assertEquals(3, snippets.count())
        val wanted =
            snippets.fold(page.readText()) { text, (name, snippet) ->
                val place = Regex("(<!-- $name -->\n```kotlin\n)[\\s\\S]*?(```\n)")
                assertEquals(name, 1, place.findAll(text).count())
                place.replace(text) { it.groupValues[1] + snippet + it.groupValues[2] }
            }
        if (System.getProperty("steadfast.regenerate") == "true") page.writeText(wanted)
        assertEquals(wanted, page.readText())
    }
}
