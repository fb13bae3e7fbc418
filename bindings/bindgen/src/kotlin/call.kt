callback: (Pointer) -> U): U {
    val statuses = UniffiCallStatuses.ofThread.get()!!
    val status = statuses.enter()
    try {
        val return_value = callback(status)
        if (status.getByte(0) != UNIFFI_CALL_SUCCESS) uniffiCheckCallStatus(errorHandler, UniffiRustCallStatus().readFrom(status))
        return return_value
    } finally {
        statuses.leave()
    }
}

// Where the library writes how a call of this thread ended. A call inside a call, out of a callback, has another place: the library
// holds that of the outer one for itself until that returns.
internal class UniffiCallStatuses {
    private val size = UniffiRustCallStatus().size().toLong()
    private val places = ArrayList<Pointer>()
    private var depth = 0

    fun enter(): Pointer {
        if (depth == places.size) places.add(com.sun.jna.Memory(size))
        val place = places[depth]
        depth += 1
        // The library writes only how a call failed.
        place.clear(size)
        return place
    }

    fun leave() {
        depth -= 1
    }

    companion object {
        // `withInitial` came with Android 8.
        val ofThread =
            object : ThreadLocal<UniffiCallStatuses>() {
                override fun initialValue() = UniffiCallStatuses()
            }
    }
}
