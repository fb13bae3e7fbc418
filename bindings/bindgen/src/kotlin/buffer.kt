    // Two numbers of 64 bits and an address, on every machine. As JNA does it by itself, only without reflection.
    override fun read() {
        val memory = pointer
        capacity = memory.getLong(0)
        len = memory.getLong(8)
        data = memory.getPointer(16)
    }

    override fun write() {
        val memory = pointer
        memory.setLong(0, capacity)
        memory.setLong(8, len)
        memory.setPointer(16, data)
    }

    class ByValue: RustBuffer, Structure.ByValue {
        private val isLent: Boolean

        constructor() : super() {
            isLent = false
        }

        // JNA makes those that the library returns or calls back with by this: the memory is gone after the call, the fields stay.
        constructor(at: Pointer) : super(at) {
            isLent = true
        }

        // Called before it is handed to the library.
        override fun write() {
            check(!isLent) { "what the library returned cannot be handed to it" }
            super.write()
        }
    }
