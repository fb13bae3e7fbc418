//! What Kotlin sees of the library, as it is generated.
#![allow(
    clippy::unwrap_used,
    reason = "in a test, what does not hold stops the test"
)]

use std::collections::BTreeSet;
use std::sync::OnceLock;
use steadfast_bindgen::{Language, generate, library};

/// Of the library that this build makes.
fn kotlin() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let library = library::build(false).unwrap();
        generate(Language::Kotlin, &library, folder.path()).unwrap();
        std::fs::read_to_string(folder.path().join("dev/steadfast/core/steadfast.kt")).unwrap()
    })
}

/// A declaration that an app sees.
fn is_seen(line: &str) -> bool {
    let line = line.trim_start();
    let starts = [
        "data class ",
        "enum class ",
        "sealed class ",
        "open class ",
        "public interface ",
        "suspend fun `",
        "fun `",
        "val `",
    ];
    starts.iter().any(|start| line.starts_with(start))
}

/// The part that describes the core, without what UniFFI needs for itself.
fn of_the_core(text: &str) -> Vec<&str> {
    let lines = text.lines();
    let lines =
        lines.skip_while(|line| !line.starts_with("public interface CancellationInterface"));
    lines.collect()
}

#[test]
fn apps_of_kotlin_and_java_can_use_what_is_generated() {
    let text = kotlin();
    assert!(text.contains("\npackage dev.steadfast.core\n"));
    assert!(
        text.contains("\"steadfast\""),
        "the name under which the library is loaded"
    );

    // Whoever loads the library compares the checksums first.
    assert_eq!(
        text.matches("IntegrityCheckingUniffiLib.ensureInitialized()")
            .count(),
        2
    );
    assert!(!text.contains("CodingErrorAction.REPORT"));

    // Android has it from API 33 on, and the other one needs a library of its own.
    assert!(!text.contains("java.lang.ref.Cleaner") && !text.contains("androidx."));
    // Times of Java's own are there from API 26 on.
    assert!(!text.contains("java.time."));

    let lines = of_the_core(text);
    assert!(lines.len() > 1_000);
    for line in lines.iter().filter(|line| is_seen(line)) {
        // Java cannot call a function whose name is mangled because of them.
        for unsigned in ["UByte", "UShort", "UInt", "ULong"] {
            assert!(!line.contains(unsigned), "{line}");
        }
        assert!(!line.contains("var `"), "{line}");
    }
}

#[test]
fn everything_that_an_app_sees_is_documented() {
    let text = kotlin();
    let lines = of_the_core(text);
    let mut documented = 0;
    for (place, line) in lines.iter().enumerate().filter(|(_, line)| is_seen(line)) {
        // Made by UniFFI beside what is written here.
        if line.contains("Interface") || line.contains("Impl") || line.contains("uniffi") {
            continue;
        }
        let before = lines[..place].iter().rev().map(|line| line.trim());
        let mut above = before.skip_while(|line| line.is_empty() || line.starts_with('@'));
        assert_eq!(above.next(), Some("*/"), "{line}");
        documented += 1;
    }
    assert!(documented > 300, "{documented}");
}

#[test]
fn every_export_is_compared_with_the_library_when_that_is_loaded() {
    let text = kotlin();
    let named = |start: &str| -> BTreeSet<String> {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let names = words.filter_map(|word| word.strip_prefix(start));
        names.map(str::to_owned).collect()
    };
    let methods = named("uniffi_steadfast_ffi_fn_method_core_");
    let checked = named("uniffi_steadfast_ffi_checksum_method_core_");
    assert!(methods.len() > 50, "{methods:?}");
    assert_eq!(methods, checked);
    assert!(text.contains("UniFFI API checksum mismatch"));
}
