package dev.steadfast.android

/**
 * Uses what only this version of Android and later ones have. Callers look at `Build.VERSION.SDK_INT` first; the check of the
 * API level leaves these classes out, and every other class may use nothing above [minimum][MINIMUM_SDK].
 */
@Retention(AnnotationRetention.BINARY)
@Target(AnnotationTarget.CLASS)
internal annotation class RequiresSdk(
    val sdk: Int,
)

/** The oldest Android that the library runs on: 7.0. */
internal const val MINIMUM_SDK = 24
