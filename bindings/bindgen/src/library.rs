//! Building the library.

use anyhow::{Context, ensure};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Builds `bindings/library` for this machine and gives the path of the shared object.
///
/// # Errors
/// If it cannot be built.
pub fn build(release: bool) -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .args(["build", "-p", "steadfast-library", "--lib"])
        .args(["--message-format", "json-render-diagnostics"])
        .stderr(Stdio::inherit());
    if release {
        command.arg("--release");
    }
    let output = command.output().context("cargo")?;
    ensure!(output.status.success(), "the library was not built");
    let text = String::from_utf8(output.stdout)?;
    text.lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| {
            message["package_id"]
                .as_str()
                .is_some_and(|id| id.contains("steadfast-library"))
        })
        .filter_map(|message| {
            let mut files = message["filenames"].as_array()?.iter();
            files.find_map(|file| {
                let file = Path::new(file.as_str()?);
                let ending = file.extension()?.to_str()?;
                matches!(ending, "so" | "dylib" | "dll").then(|| file.to_owned())
            })
        })
        .next_back()
        .context("the build gave no shared object")
}
