//! What generated Kotlin is given besides: docs/adr/0032-what-a-call-costs.md.

use anyhow::Context;
use std::path::Path;

/// What is written and what takes its place, once each.
const MENDS: [(&str, &str); 11] = [
    // The generator writes a comparison of the checksums that only a caller of `uniffiEnsureInitialized` gets: bindings of
    // another version than the library would call on, into whatever has the name.
    (
        "    init {\n        Native.register(UniffiLib::class.java,",
        "    init {\n        IntegrityCheckingUniffiLib.ensureInitialized()\n        Native.register(UniffiLib::class.java,",
    ),
    // Half of a surrogate pair would be a `MalformedInputException`, which no call declares, out of whatever a user typed.
    (
        "onMalformedInput(CodingErrorAction.REPORT)",
        "onMalformedInput(CodingErrorAction.REPLACE)",
    ),
    // From here on: a structure of JNA is dear, some microseconds to make and to copy field by field. A call makes one for its
    // status, and a call that answers with more than a number three more. The status becomes memory that a thread keeps, and
    // is made a structure only of a call that failed.
    (
        "callback: (UniffiRustCallStatus) -> U): U {\n    var status = UniffiRustCallStatus()\n    \
         val return_value = callback(status)\n    uniffiCheckCallStatus(errorHandler, status)\n    return return_value\n}\n",
        include_str!("kotlin/call.kt"),
    ),
    (
        "private inline fun <U> uniffiRustCall(callback: (UniffiRustCallStatus) -> U): U {",
        "private inline fun <U> uniffiRustCall(callback: (Pointer) -> U): U {",
    ),
    (
        "    completeFunc: (Long, UniffiRustCallStatus) -> F,",
        "    completeFunc: (Long, Pointer) -> F,",
    ),
    (
        "    class ByValue: UniffiRustCallStatus(), Structure.ByValue\n",
        include_str!("kotlin/status.kt"),
    ),
    // A buffer is copied without reflection, and one that the library returned has no memory of its own.
    (
        "open class RustBuffer : Structure() {\n",
        "open class RustBuffer : Structure {\n    constructor() : super()\n\n    \
         internal constructor(at: Pointer) : super(at)\n\n",
    ),
    (
        "    class ByValue: RustBuffer(), Structure.ByValue\n",
        include_str!("kotlin/buffer.kt"),
    ),
    (
        "rustbuffer_alloc(size.toLong(), status)\n        }.also {",
        "rustbuffer_alloc(size.toLong(), status)\n        }.let { create(it.capacity.toULong(), it.len.toULong(), it.data) }.also {",
    ),
    (
        "        internal fun free(buf: RustBuffer.ByValue) = uniffiRustCall() { status ->\n            \
         UniffiLib.ffi_steadfast_ffi_rustbuffer_free(buf, status)\n        }\n",
        include_str!("kotlin/free.kt"),
    ),
    // It would write to the memory at once, and not to the field.
    (
        "rbuf.writeField(\"len\", bbuf.position().toLong())",
        "rbuf.len = bbuf.position().toLong()",
    ),
];

/// How each of the library's functions takes the status, and what it takes instead.
const STATUS: (&str, &str) = (
    "uniffi_out_err: UniffiRustCallStatus",
    "uniffi_out_err: Pointer",
);

/// Puts the generated file right.
///
/// # Errors
/// If it cannot be read or written, or the generator writes something else by now.
pub(crate) fn mend(out: &Path) -> anyhow::Result<()> {
    let file = out.join("dev/steadfast/core/steadfast.kt");
    let mut text = std::fs::read_to_string(&file)?;
    for (written, better) in MENDS {
        let once = text.matches(written).count() == 1;
        once.then_some(())
            .with_context(|| format!("the generator no longer writes once: {written}"))?;
        text = text.replace(written, better);
    }
    let (written, better) = STATUS;
    let functions = text.matches("external fun ").count();
    let with_status = text.matches(written).count();
    (with_status > 0 && with_status < functions)
        .then_some(())
        .context("the generator no longer writes how a function takes the status")?;
    text = text.replace(written, better);
    std::fs::write(&file, text)?;
    Ok(())
}
