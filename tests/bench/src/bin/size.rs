//! How large the library is that an app would ship, and which crates it is made of.
//!
//! ```text
//! cargo run -p steadfast-bench --bin size               # builds it, compares with docs/size.md; fails above +2 %
//! cargo run -p steadfast-bench --bin size -- --record   # writes docs/size.md anew
//! ```
#![allow(
    clippy::expect_used,
    reason = "a size that cannot be taken should stop the run"
)]

use clap::Parser;
use object::{Object, ObjectSymbol, SymbolKind};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The library may grow by this much before somebody has to look at it, in percent.
const TOLERANCE_PERCENT: f64 = 2.0;
/// Crates below this share are summed up, in percent.
const SMALLEST_SHARE: f64 = 1.0;

/// Measures the library that an app would ship.
#[derive(Parser)]
struct Arguments {
    /// Writes the record anew instead of comparing with it.
    #[arg(long)]
    record: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let record = root.join("docs/size.md");
    let library = build(&root);
    let stripped = stripped(&library);
    let page = page(stripped, &by_crate(&library));
    if arguments.record {
        // What other measurements recorded, below their own headings, stays.
        let before = std::fs::read_to_string(&record).unwrap_or_default();
        let others = before.find("\n## ").map_or("", |at| &before[at..]);
        std::fs::write(&record, format!("{page}{others}")).expect("the record written");
        println!("{page}");
        return ExitCode::SUCCESS;
    }
    println!("{page}");
    let recorded = std::fs::read_to_string(&record).expect("docs/size.md");
    let recorded = recorded
        .lines()
        .find_map(|line| line.strip_prefix("Stripped: "))
        .and_then(|line| line.split(' ').next())
        .and_then(|number| number.replace(',', "").parse::<u64>().ok())
        .expect("a recorded size");
    let growth = (stripped as f64 / recorded as f64 - 1.0) * 100.0;
    println!(
        "{stripped} bytes against the recorded {recorded}: {growth:+.2} % (limit +{TOLERANCE_PERCENT} %)"
    );
    if growth > TOLERANCE_PERCENT {
        println!("if that is worth it: cargo run -p steadfast-bench --bin size -- --record");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Builds the library as a release, and gives its path.
fn build(root: &Path) -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(root)
        .args(["build", "--release", "-p", "steadfast-library", "--lib"])
        .args(["--message-format", "json-render-diagnostics"])
        .output()
        .expect("cargo");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).expect("JSON");
    text.lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| {
            let package = message["package_id"].as_str();
            package.is_some_and(|id| id.contains("steadfast-library"))
        })
        .filter_map(|message| {
            let mut files = message["filenames"].as_array()?.iter();
            let shared =
                files.find_map(|file| file.as_str().filter(|file| file.ends_with(".so")))?;
            Some(PathBuf::from(shared))
        })
        .next_back()
        .expect("a library")
}

/// Size of the library without symbols, in bytes.
fn stripped(library: &Path) -> u64 {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("stripped");
    let status = Command::new("strip")
        .arg("-o")
        .arg(&copy)
        .arg(library)
        .status()
        .expect("strip, of binutils");
    assert!(status.success());
    std::fs::metadata(copy).expect("a library").len()
}

/// Bytes of code and data by crate, as the symbols say; `C` is what has no crate.
fn by_crate(library: &Path) -> Vec<(String, u64)> {
    let bytes = std::fs::read(library).expect("a library");
    let file = object::File::parse(bytes.as_slice()).expect("an object file");
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    for symbol in file.symbols() {
        if !matches!(symbol.kind(), SymbolKind::Text | SymbolKind::Data) {
            continue;
        }
        let name = symbol.name().unwrap_or_default();
        *sums.entry(crate_of(name)).or_default() += symbol.size();
    }
    let mut sorted: Vec<_> = sums.into_iter().collect();
    sorted.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    sorted
}

/// `tokio` of `<tokio::runtime::Handle as core::clone::Clone>::clone`.
fn crate_of(symbol: &str) -> String {
    let Ok(demangled) = rustc_demangle::try_demangle(symbol) else {
        return of_c(symbol).to_owned();
    };
    let text = format!("{demangled:#}");
    let start = text.trim_start_matches(['<', '&', '*', '(', '[']);
    let start = start.strip_prefix("mut ").unwrap_or(start);
    let start = start.strip_prefix("dyn ").unwrap_or(start);
    let name: String = start
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect();
    match name.as_str() {
        "core" | "alloc" | "std" | "std_detect" | "hashbrown" | "gimli" | "addr2line"
        | "miniz_oxide" | "rustc_demangle" | "object" => "std".to_owned(),
        _ => name,
    }
}

/// What has a name of C: UniFFI's functions and descriptions, and the libraries that are written in it.
fn of_c(symbol: &str) -> &'static str {
    let of_the_border = ["uniffi_", "UNIFFI_", "ffi_steadfast_"];
    if of_the_border.iter().any(|start| symbol.starts_with(start)) {
        return "steadfast_ffi";
    }
    if symbol.starts_with("sqlite3") || symbol.starts_with("fts") || symbol.starts_with("rtree") {
        "SQLite"
    } else if symbol.starts_with("ring_core") {
        "ring"
    } else {
        "C, mostly SQLite"
    }
}

fn page(stripped: u64, crates: &[(String, u64)]) -> String {
    let all: u64 = crates.iter().map(|(_, size)| size).sum();
    let share = |size: u64| size as f64 * 100.0 / all as f64;
    let mut text = format!(
        "# Size\n\n\
         The library that an app ships (`bindings/library`), for x86-64 Linux, in the release profile. The gate fails when it\n\
         grows by more than {TOLERANCE_PERCENT} %; then look at what did it, and if it is worth it, record it:\n\
         `cargo run -p steadfast-bench --bin size -- --record`.\n\n\
         Stripped: {} bytes\n\n\
         By crate, as the symbols of the unstripped library say (code and data, without unwind tables and relocations):\n\n\
         | crate | bytes | share |\n|---|---:|---:|\n",
        grouped(stripped)
    );
    let mut rest = 0;
    for (name, size) in crates {
        if share(*size) < SMALLEST_SHARE {
            rest += size;
            continue;
        }
        let _ = writeln!(
            text,
            "| {name} | {} | {:.1} % |",
            grouped(*size),
            share(*size)
        );
    }
    let _ = writeln!(
        text,
        "| all others | {} | {:.1} % |",
        grouped(rest),
        share(rest)
    );
    text
}

/// `4,050,224`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
