//! Generates what Kotlin and Swift see of the library, from the library itself.
//!
//! ```text
//! cargo run -p steadfast-bindgen -- kotlin OUT                 # builds the library, then writes OUT/dev/steadfast/core/…
//! cargo run -p steadfast-bindgen -- swift OUT --release        # of a release build
//! cargo run -p steadfast-bindgen -- kotlin OUT --library FILE  # of a library that is there already
//! ```
//!
//! The last line that it prints is the path of the library. The settings are those of `bindings/ffi/uniffi.toml`.

use clap::{Parser, ValueEnum};
use std::path::PathBuf;
use steadfast_bindgen::{Language, generate, library};

/// Generates what an app's language sees of the library.
#[derive(Parser)]
struct Arguments {
    /// For which language.
    language: Choice,
    /// Folder to write to; made if it is not there.
    out: PathBuf,
    /// Of this library, instead of one that is built first.
    #[arg(long, conflicts_with = "release")]
    library: Option<PathBuf>,
    /// Of a release build.
    #[arg(long)]
    release: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Choice {
    Kotlin,
    Swift,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let library = match arguments.library {
        Some(library) => library,
        None => library::build(arguments.release)?,
    };
    let language = match arguments.language {
        Choice::Kotlin => Language::Kotlin,
        Choice::Swift => Language::Swift,
    };
    generate(language, &library, &arguments.out)?;
    println!("{}", library.display());
    Ok(())
}
