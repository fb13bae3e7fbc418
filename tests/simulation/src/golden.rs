//! Generated texts that are committed and compared.

use std::path::Path;

/// Compares a generated text with the committed one. With `STEADFAST_REGENERATE=1` in the environment it is written instead.
///
/// # Panics
///
/// If they differ.
pub fn compare(path_from_root: &str, generated: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path_from_root);
    if std::env::var_os("STEADFAST_REGENERATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, generated).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == generated,
        "{path_from_root} is not what the code says; run the test with STEADFAST_REGENERATE=1 and read the difference"
    );
}
