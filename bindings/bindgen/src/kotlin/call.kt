callback: (Pointer) -> U): U {
    val status = UniffiCallStatus.ofThread.get()!!
    // What a call left whose caller did not come to read it is not this one's.
    status.setByte(0, UNIFFI_CALL_SUCCESS)
    val return_value = callback(status)
    if (status.getByte(0) != UNIFFI_CALL_SUCCESS) {
        val failed = UniffiRustCallStatus().readFrom(status)
        // Whoever waits for the call around this one, on the same thread, must not find it.
        status.setByte(0, UNIFFI_CALL_SUCCESS)
        uniffiCheckCallStatus(errorHandler, failed)
    }
    return return_value
}

// Where the library writes how a call ended; a thread has one, since it waits for one call at a time. A call inside a call, out of
// a callback or for an argument, is over and has been read before the outer one writes.
internal object UniffiCallStatus {
    private val size = UniffiRustCallStatus().size().toLong()

    // `withInitial` came with Android 8.
    val ofThread =
        object : ThreadLocal<Pointer>() {
            override fun initialValue(): Pointer = com.sun.jna.Memory(size).also { it.clear() }
        }
}
