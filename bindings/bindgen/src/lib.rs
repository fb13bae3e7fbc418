//! What the generator does, for its command and its test.

mod kotlin;
pub mod library;

use anyhow::Context;
use camino::Utf8PathBuf;
use std::path::Path;
use uniffi_bindgen::bindings::{GenerateOptions, TargetLanguage, generate_with_bindgen_paths};
use uniffi_bindgen::{BindgenPaths, BindgenPathsLayer};

/// A language that has bindings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Kotlin.
    Kotlin,
    /// Swift.
    Swift,
}

/// Writes the bindings of a library.
///
/// # Errors
/// If the library holds no bindings, or the folder cannot be written.
pub fn generate(language: Language, library: &Path, out: &Path) -> anyhow::Result<()> {
    let utf8 = |path: &Path| Utf8PathBuf::try_from(path.to_owned());
    let options = GenerateOptions {
        languages: vec![match language {
            Language::Kotlin => TargetLanguage::Kotlin,
            Language::Swift => TargetLanguage::Swift,
        }],
        source: utf8(library)?,
        out_dir: utf8(out)?,
        ..GenerateOptions::default()
    };
    let mut paths = BindgenPaths::default();
    paths.add_layer(Exports);
    generate_with_bindgen_paths(options, paths).context("no bindings were generated")?;
    match language {
        Language::Kotlin => kotlin::mend(out),
        Language::Swift => Ok(()),
    }
}

/// Where the exports lie, and their settings.
struct Exports;

impl BindgenPathsLayer for Exports {
    fn get_crate_root(&self, crate_name: &str) -> Option<Utf8PathBuf> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../ffi");
        (crate_name == "steadfast_ffi").then(|| Utf8PathBuf::from(folder))
    }
}
