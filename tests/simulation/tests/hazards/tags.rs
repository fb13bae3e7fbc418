//! The tags: what the documentation of a test says that the test shows. In Rust they stand in the documentation of a test
//! or, for all tests of a file, in that of the file; in the tests of other languages in the comment before a function.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Where sources are looked for, from the root of the repository.
const ROOTS: [&str; 5] = ["core", "tests", "bindings", "android", "ios"];
const NOT_SOURCES: [&str; 5] = ["target", "build", ".build", "node_modules", ".gradle"];

/// Everything that the sources say.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Rows and the places that name them, in order.
    pub(crate) tags: BTreeSet<(String, String)>,
    /// Places that name hazards and are no test.
    pub(crate) on_no_test: Vec<String>,
    /// Files read.
    pub(crate) places: usize,
}

pub(crate) fn in_the_sources() -> Found {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut found = Found::default();
    for folder in ROOTS {
        for path in files(&root.join(folder)) {
            let name = path.strip_prefix(&root).expect("below the root");
            let name = name.to_string_lossy().replace('\\', "/");
            // This index's own examples are no tags.
            if name.starts_with("tests/simulation/tests/hazards/") {
                continue;
            }
            let Some(language) = Language::of(&name) else {
                continue;
            };
            let text = fs::read_to_string(&path).unwrap_or_default();
            found.places += 1;
            match language {
                Language::Rust => rust(&name, &text, &mut found),
                Language::Other => other(&name, &text, &mut found),
            }
        }
    }
    found
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths
        .into_iter()
        .flat_map(|path| {
            let skipped = path
                .file_name()
                .is_some_and(|name| NOT_SOURCES.iter().any(|skipped| name == *skipped));
            match path.is_dir() {
                true if skipped => Vec::new(),
                true => files(&path),
                false => vec![path],
            }
        })
        .collect()
}

enum Language {
    Rust,
    Other,
}

impl Language {
    fn of(name: &str) -> Option<Self> {
        let (_, ending) = name.rsplit_once('.')?;
        match ending {
            "rs" => Some(Self::Rust),
            "kt" | "java" | "swift" | "py" | "c" | "cpp" | "sh"
                if name.to_lowercase().contains("test") =>
            {
                Some(Self::Other)
            }
            _ => None,
        }
    }
}

/// A file whose cases are functions of a world, and a chapter of the lab, are tests as a whole.
fn is_all_tests(name: &str) -> bool {
    name.contains("/tests/") || name.starts_with("tests/lab/src/story/")
}

fn rust(name: &str, text: &str, found: &mut Found) {
    let of_the_file: String = text
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .flat_map(|line| [line, "\n"])
        .collect();
    if is_all_tests(name) {
        for id in ids(&of_the_file) {
            found.tags.insert((id, name.to_owned()));
        }
    }
    let is_case =
        |line: &str| name.starts_with("tests/acceptance/tests/") && line.contains("world: &World");
    let mut documentation = String::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim_start) {
        if let Some(more) = line.strip_prefix("///") {
            documentation.push_str(more);
            documentation.push('\n');
        } else if line.starts_with("#[") {
            is_test |= line.contains("test");
        } else if let Some(function) = function(line) {
            if is_test || is_case(line) {
                for id in ids(&documentation) {
                    found.tags.insert((id, format!("{name}::{function}")));
                }
            } else if documentation.contains("Hazard") && !ids(&documentation).is_empty() {
                found
                    .on_no_test
                    .push(format!("{name}::{function} names hazards and is no test"));
            }
            (documentation, is_test) = (String::new(), false);
        } else if !line.starts_with("//") {
            (documentation, is_test) = (String::new(), false);
        }
    }
}

fn other(name: &str, text: &str, found: &mut Found) {
    let mut comment = String::new();
    for line in text.lines().map(str::trim) {
        let is_comment = ["//", "/*", "*", "#"]
            .iter()
            .any(|mark| line.starts_with(mark));
        if is_comment {
            comment.push_str(line.trim_start_matches(['/', '*', '#']));
            comment.push('\n');
        } else if let Some(function) = function(line) {
            for id in ids(&comment) {
                found.tags.insert((id, format!("{name}::{function}")));
            }
            comment.clear();
        } else if !line.starts_with('@') && !line.is_empty() {
            for id in ids(&comment) {
                found.tags.insert((id, name.to_owned()));
            }
            comment.clear();
        }
    }
}

/// The name of the function that is declared here.
fn function(line: &str) -> Option<&str> {
    let after = ["fn ", "fun ", "func ", "def ", "void "]
        .iter()
        .find_map(|word| {
            let (before, after) = line.split_once(word)?;
            let is_declaration = before.split_whitespace().all(|word| {
                word.chars()
                    .all(|c| c.is_alphanumeric() || "()_@".contains(c))
            });
            is_declaration.then_some(after)
        })?;
    let quoted = after
        .strip_prefix('`')
        .and_then(|rest| rest.split_once('`'));
    let name = quoted.map_or_else(
        || {
            after
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .next()
        },
        |(name, _)| Some(name),
    )?;
    (!name.is_empty()).then_some(name)
}

/// The rows that a text names: what follows "Hazard" or "Hazards" up to the end of the sentence, `Q1` to `Q18`, and keys
/// of manual cases.
fn ids(text: &str) -> Vec<String> {
    let mut ids = Vec::new();
    let mut of_hazards = false;
    for word in text.split_whitespace() {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        let (letter, number) = bare.split_at(bare.len().min(1));
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        if matches!(bare, "Hazard" | "Hazards") {
            of_hazards = true;
            continue;
        }
        let is_manual = bare
            .strip_prefix("MM-T")
            .is_some_and(|key| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit()));
        let is_hazard = of_hazards && is_number && number.len() == 2 && letter < "F";
        let is_seen = letter == "Q" && is_number && number.len() < 3;
        if is_manual || is_hazard || is_seen {
            ids.push(bare.to_owned());
        } else if bare != "and" {
            of_hazards = false;
        }
        of_hazards &= !word.ends_with('.');
    }
    ids
}

#[test]
fn a_text_names_its_rows() {
    let text = "What it shows.\n Hazards A02, B14 and C05. A10 is not. Q8, MM-T417: two servers.";
    assert_eq!(ids(text), ["A02", "B14", "C05", "Q8", "MM-T417"]);
    assert_eq!(ids("Hazard Z99."), [""; 0]);
    assert_eq!(ids("Hazard E99."), ["E99"]);
}

#[test]
fn tags_belong_to_the_test_below_them() {
    let text = "//! Of the file: Q3.\n\n/// One. Hazard A01.\n#[test]\nfn one() {}\n\n\
                /// Hazard A02.\nfn helper() {}\n\n    /// Hazards A03,\n    /// A04.\n    #[tokio::test]\n    async fn two() {}\n";
    let mut found = Found::default();
    rust("core/tests/x.rs", text, &mut found);
    let tags: Vec<_> = found
        .tags
        .iter()
        .map(|(id, place)| format!("{id} {place}"))
        .collect();
    assert_eq!(
        tags,
        [
            "A01 core/tests/x.rs::one",
            "A03 core/tests/x.rs::two",
            "A04 core/tests/x.rs::two",
            "Q3 core/tests/x.rs"
        ]
    );
    assert_eq!(found.on_no_test.len(), 1);

    let mut found = Found::default();
    let text =
        "/** Hazard C02. */\n@Test\nfun `it throws`() {\n}\n# Hazard C03.\ndef test_order(self):\n";
    other("bindings/python/test_x.py", text, &mut found);
    let places: Vec<_> = found.tags.iter().map(|(_, place)| place.as_str()).collect();
    assert_eq!(
        places,
        [
            "bindings/python/test_x.py::it throws",
            "bindings/python/test_x.py::test_order"
        ]
    );
}
