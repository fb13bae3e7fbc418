package dev.steadfast

import dev.steadfast.android.AndroidOptions
import dev.steadfast.android.AndroidOptionsBuilder
import dev.steadfast.android.JavaSteadfastAndroid
import dev.steadfast.android.SteadfastAndroid
import dev.steadfast.core.Config
import dev.steadfast.core.CoreInterface
import dev.steadfast.core.Download
import dev.steadfast.core.NetworkProfile
import dev.steadfast.core.Request
import dev.steadfast.core.SignIn
import dev.steadfast.core.SignInAgain
import dev.steadfast.core.Upload
import dev.steadfast.core.UserQuery
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.StateFlow
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import java.lang.reflect.Method
import java.lang.reflect.Modifier
import java.util.concurrent.CompletableFuture
import java.util.concurrent.Executor
import java.util.function.Consumer
import kotlin.coroutines.Continuation

/** The faces say the same: what one offers, the others do. */
class JavaFaceTest {
    @Test
    fun `whatever the core does, the Kotlin face offers`() {
        val offered = (operations(Steadfast::class.java) + operations(Account::class.java)).map { property(it.name) }.toSet()
        val wanted = operations(CoreInterface::class.java).map { it.name }.toSet()
        assertTrue("each of $NAMED_OTHERWISE is of the core", wanted.containsAll(NAMED_OTHERWISE.keys))
        assertEquals(emptyList<String>(), wanted.filter { (NAMED_OTHERWISE[it] ?: it) !in offered })
    }

    @Test
    fun `whatever the Kotlin face offers, the Java face does`() {
        for ((kotlin, java) in FACES) {
            val offered = operations(java).map(::signature).toSet()
            val wanted = operations(kotlin).flatMap(::inJava)
            assertTrue("$kotlin has operations", wanted.size > 2)
            assertEquals("missing in $java", emptyList<String>(), wanted.filter { it !in offered })
        }
    }

    @Test
    fun `builders know each field of what they build`() {
        for ((record, builder) in BUILDERS) {
            // One may also begin with what another one built.
            val constructor = builder.constructors.single { it.parameterTypes.toList() != listOf(record) }
            val setters = operations(builder).filter { it.returnType == builder }.map { it.name }.toSet()
            val fields = record.declaredFields.filter { !Modifier.isStatic(it.modifiers) }.map { it.name }
            val unset = fields.filter { field -> setters.none { it == field || it + "s" == field } }
            assertEquals("$builder sets, besides $unset", constructor.parameterCount, unset.size)
            assertEquals(record, builder.getMethod("build").returnType)
        }
    }

    /** Public ones of the class itself; what is internal has a mangled name. */
    private fun operations(of: Class<*>): List<Method> =
        of.declaredMethods.filter {
            Modifier.isPublic(it.modifiers) && !it.isSynthetic && '$' !in it.name && it.name !in OBJECT && !Modifier.isStatic(it.modifiers)
        }

    /** How the operation is to look in Java. */
    private fun inJava(method: Method): List<String> {
        val parameters = method.parameterTypes.toList()
        val name = method.name
        val listener = listOf(Executor::class.java, Listener::class.java)
        return when {
            parameters.lastOrNull() == Continuation::class.java -> {
                listOf(signature(name, parameters.dropLast(1), CompletableFuture::class.java))
            }

            TransferState::class.java.name in method.genericReturnType.toString() -> {
                listOf(emptyList(), listOf(Executor::class.java, Consumer::class.java))
                    .map { signature(name, parameters + it, CompletableFuture::class.java) }
            }

            StateFlow::class.java.isAssignableFrom(method.returnType) -> {
                listOf(signature("on" + property(name).replaceFirstChar(Char::uppercase), listener, AutoCloseable::class.java), "$name()")
            }

            Flow::class.java.isAssignableFrom(method.returnType) -> {
                listOf(signature("on" + property(name).replaceFirstChar(Char::uppercase), listener, AutoCloseable::class.java))
            }

            else -> {
                listOf(signature(name, parameters, method.returnType))
            }
        }
    }

    private fun signature(method: Method) = signature(method.name, method.parameterTypes.toList(), method.returnType)

    private fun signature(
        name: String,
        parameters: List<Class<*>>,
        gives: Class<*>,
    ): String {
        // What the getter of a flow gives is what stands now.
        val now = name.startsWith("get") && parameters.isEmpty()
        return "$name(${parameters.joinToString { it.simpleName }})" + if (now) "" else ": ${(FACES[gives] ?: gives).simpleName}"
    }

    private fun property(name: String) = if (name.startsWith("get")) name.removePrefix("get").replaceFirstChar(Char::lowercase) else name

    private companion object {
        val OBJECT = setOf("equals", "hashCode", "toString")

        val FACES =
            mapOf(
                Steadfast::class.java to JavaSteadfast::class.java,
                Account::class.java to JavaAccount::class.java,
                SteadfastAndroid::class.java to JavaSteadfastAndroid::class.java,
            )

        /** Operations of the core that have another name in the faces, where they belong to an object. */
        val NAMED_OTHERWISE =
            mapOf(
                "snapshot" to "state",
                "shutDown" to "close",
                "reauthenticate" to "signInAgain",
                "webviewCookies" to "webCookies",
                "webviewCookiesWritten" to "webCookiesWritten",
                "webviewSaw401" to "webViewSaw401",
                "webviewSignedIn" to "webViewSignedIn",
            )

        val BUILDERS =
            mapOf(
                Config::class.java to ConfigBuilder::class.java,
                SignIn::class.java to SignInBuilder::class.java,
                SignInAgain::class.java to SignInAgainBuilder::class.java,
                NetworkProfile::class.java to NetworkProfileBuilder::class.java,
                Request::class.java to RequestBuilder::class.java,
                Upload::class.java to UploadBuilder::class.java,
                Download::class.java to DownloadBuilder::class.java,
                UserQuery::class.java to UserQueryBuilder::class.java,
                AndroidOptions::class.java to AndroidOptionsBuilder::class.java,
            )
    }
}
