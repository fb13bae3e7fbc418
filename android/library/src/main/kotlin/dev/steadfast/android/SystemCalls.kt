package dev.steadfast.android

/**
 * What a service of the system answers, or [otherwise]: one that died, that has too many callers or that this device's maker
 * changed throws at whoever asks. That is no reason for the app to end, nor for anybody's session. Not for suspending calls:
 * it would take their cancellation for a refusal.
 */
internal fun <T> unlessRefused(
    otherwise: T,
    ask: () -> T,
): T =
    try {
        ask()
    } catch (_: RuntimeException) {
        otherwise
    }
