    class ByValue: UniffiRustCallStatus(), Structure.ByValue

    internal fun readFrom(memory: Pointer): UniffiRustCallStatus {
        useMemory(memory)
        read()
        return this
    }
