//! Generated texts that are committed and compared.

use std::path::{Path, PathBuf};

fn from_root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}

/// Compares a generated text with the committed one. With `STEADFAST_REGENERATE=1` in the environment it is written instead.
///
/// # Panics
///
/// If they differ.
pub fn compare(path_from_root: &str, generated: &str) {
    let path = from_root(path_from_root);
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

/// The same for a part of a page that is otherwise written by hand: what stands between `<!-- generated: NAME -->` and the
/// next `<!-- end -->`.
///
/// # Panics
///
/// If they differ, or the page has no such part.
pub fn compare_part(path_from_root: &str, name: &str, generated: &str) {
    let page = std::fs::read_to_string(from_root(path_from_root)).unwrap_or_default();
    let begin = format!("<!-- generated: {name} -->\n");
    let parts = page.split_once(&begin).and_then(|(before, rest)| {
        let (_, after) = rest.split_once("<!-- end -->")?;
        Some((before, after))
    });
    let Some((before, after)) = parts else {
        panic!("{path_from_root} has no part `{name}`");
    };
    let whole = format!("{before}{begin}{generated}<!-- end -->{after}");
    compare(path_from_root, &whole);
}
