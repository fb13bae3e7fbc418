//! What generated Kotlin is given besides.

use anyhow::Context;
use std::path::Path;

/// What is written and what takes its place, once each.
const MENDS: [(&str, &str); 2] = [
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
];

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
    std::fs::write(&file, text)?;
    Ok(())
}
