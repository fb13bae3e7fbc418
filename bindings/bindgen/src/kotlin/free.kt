        private val toFree =
            object : ThreadLocal<RustBuffer.ByValue>() {
                override fun initialValue() = RustBuffer.ByValue()
            }

        internal fun free(buf: RustBuffer.ByValue) = uniffiRustCall() { status ->
            val freed = toFree.get()!!
            freed.setValue(buf)
            UniffiLib.ffi_steadfast_ffi_rustbuffer_free(freed, status)
        }
