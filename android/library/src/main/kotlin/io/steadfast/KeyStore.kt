package io.steadfast

/** What a [KeyStore] answers when it is asked for a key. */
public sealed class KeyAnswer {
    /** The key. */
    public class Value(
        /** Its bytes, 32 of them. */
        public val key: ByteArray,
    ) : KeyAnswer() {
        override fun toString(): String = "Value(…)"
    }

    /** There is no such key, and the store is sure of it: the session that it sealed is lost, and sign-in is offered. */
    public data object Absent : KeyAnswer()

    /** The store cannot answer now. Nothing changes, nothing is deleted, nobody is signed out. */
    public data object Unavailable : KeyAnswer()
}

/** A [KeyStore] could not carry out a write or a deletion; what it held before is unchanged. */
public class KeyStoreUnavailableException(
    cause: Throwable? = null,
) : Exception("the key store is not available", cause)

/**
 * Where the keys live that seal the sessions. On Android it is [io.steadfast.android.KeystoreKeyStore].
 *
 * Calls come from one thread of the core, one at a time, never from the main thread. A call may block; after 10 seconds the
 * core goes on as if the answer were [KeyAnswer.Unavailable]. Whatever else a call throws counts as unavailable too.
 */
public interface KeyStore {
    /** Reads the key of that name. Names are short ASCII texts made by the core; they hold no secret. */
    public fun load(name: String): KeyAnswer

    /**
     * Stores a key durably under that name, replacing one that is there.
     *
     * @throws KeyStoreUnavailableException if it cannot be written now
     */
    @Throws(KeyStoreUnavailableException::class)
    public fun store(
        name: String,
        key: ByteArray,
    )

    /**
     * Deletes the key of that name; a name that is not there is no error.
     *
     * @throws KeyStoreUnavailableException if it cannot be deleted now
     */
    @Throws(KeyStoreUnavailableException::class)
    public fun delete(name: String)
}
