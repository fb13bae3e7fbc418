//! Looks for secrets where they must not be: in the log at its finest and what panics say, in error texts and debug output, and in
//! the files of a device.
//!
//! The core runs on threads of its own, so the log can't be told apart by case: there is one for the run, and it is
//! searched at the end for the secrets of all cases. Everything else is searched when its case ends.

use std::{
    collections::HashSet,
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use tracing_subscriber::{
    Layer, filter::filter_fn, fmt::MakeWriter, layer::SubscriberExt, util::SubscriberInitExt,
};

/// The shortest part of a token that counts as a leak.
const PART: usize = 8;

/// The folder of a device that stands for the system's key store.
pub(crate) const KEY_STORE: &str = "keys";

/// Every secret of the run, for the log.
static SECRETS: Mutex<Vec<Secret>> = Mutex::new(Vec::new());
static LOG: OnceLock<Log> = OnceLock::new();

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Something that must not be found.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    name: String,
    value: Vec<u8>,
    in_parts: bool,
    /// It is kept in the key store, whose files here are no more than that.
    in_key_store: bool,
}

impl Secret {
    /// Something random that a machine made, a token for one: no eight characters of it may be found. The name says what it
    /// is.
    pub fn random(name: &str, value: &str) -> Self {
        Self {
            name: format!("{name}, or a part of it"),
            value: value.as_bytes().to_vec(),
            in_parts: true,
            in_key_store: false,
        }
    }

    /// A key that an app got: no eight bytes of it may be found but in the key store, nor in hexadecimal.
    pub fn key(value: &[u8]) -> Self {
        Self {
            name: "a data key, or a part of it".to_owned(),
            value: value.to_vec(),
            in_parts: true,
            in_key_store: true,
        }
    }

    /// A password: it may not be found as a whole.
    pub fn password(value: &str) -> Self {
        Self {
            name: "a password".to_owned(),
            value: value.as_bytes().to_vec(),
            in_parts: false,
            in_key_store: false,
        }
    }

    /// What betrays the secret: parts of it or the whole, and its base64 wherever it may begin in an encoded text.
    fn traces(&self) -> Vec<Vec<u8>> {
        let value = self.value.as_slice();
        let mut traces: Vec<Vec<u8>> = if self.in_parts {
            value.windows(PART).map(<[u8]>::to_vec).collect()
        } else {
            vec![value.to_vec()]
        };
        if self.in_key_store {
            let hex: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
            traces.push(hex.into_bytes());
        }
        for shift in 0..3 {
            let mut shifted = vec![0; shift];
            shifted.extend(value);
            let encoded = STANDARD_NO_PAD.encode(&shifted);
            // The first characters hold bits of what stands before, the last of what follows.
            let inner = &encoded.as_bytes()[(shift * 8).div_ceil(6)..encoded.len() - 1];
            traces.push(inner.to_vec());
            let url_safe = inner.iter().map(|byte| match byte {
                b'+' => b'-',
                b'/' => b'_',
                other => *other,
            });
            traces.push(url_safe.collect());
        }
        traces
    }
}

/// Traces of many secrets, to be looked for in one go.
struct Search {
    /// First bytes of the traces, by which a place is worth a closer look.
    starts: HashSet<[u8; PART]>,
    traces: Vec<(Vec<u8>, String)>,
}

impl Search {
    fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let traces: Vec<(Vec<u8>, String)> = secrets
            .into_iter()
            .flat_map(|secret| {
                let name = secret.name.clone();
                secret
                    .traces()
                    .into_iter()
                    .map(move |trace| (trace, name.clone()))
            })
            .collect();
        let starts = traces
            .iter()
            .map(|(trace, _)| trace[..PART].try_into().expect("a trace of eight bytes"))
            .collect();
        Self { starts, traces }
    }

    /// Names of the secrets that betray themselves in there.
    fn find(&self, haystack: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        for (place, window) in haystack.windows(PART).enumerate() {
            if !self.starts.contains(window) {
                continue;
            }
            let betrayed = self
                .traces
                .iter()
                .filter(|(trace, _)| haystack[place..].starts_with(trace));
            found.extend(betrayed.map(|(_, name)| format!("{name}, at byte {place}")));
        }
        found.dedup();
        found
    }
}

/// Where a case collects what must be free of secrets.
#[derive(Default)]
pub struct Canary {
    said: Mutex<String>,
    kept: Mutex<Vec<Secret>>,
}

impl Canary {
    /// Keeps a text that the core gave out.
    pub fn note(&self, text: &str) {
        let mut said = lock(&self.said);
        said.push_str(text);
        said.push('\n');
    }

    /// Keeps a secret that no server knows, to look for it too.
    pub fn keep(&self, secret: Secret) {
        lock(&self.kept).push(secret);
    }

    /// Looks through everything that was noted and every file in the folder, for these secrets and those that were kept.
    /// Says what was found where, a line each.
    pub fn inspect(&self, mut secrets: Vec<Secret>, folder: &Path) -> Vec<String> {
        secrets.extend(lock(&self.kept).iter().cloned());
        lock(&SECRETS).extend_from_slice(&secrets);
        let search = Search::new(&secrets);
        let of_key_stores = Search::new(secrets.iter().filter(|secret| !secret.in_key_store));
        let leaks = search.find(lock(&self.said).as_bytes());
        let mut found: Vec<String> = leaks
            .iter()
            .map(|leak| format!("errors or debug output hold {leak}"))
            .collect();
        for file in files(folder) {
            // A journal may be gone between the listing and the reading.
            let Ok(bytes) = fs::read(&file) else {
                continue;
            };
            let name = file.strip_prefix(folder).unwrap_or(&file);
            let in_key_store = name.iter().any(|part| part == KEY_STORE);
            let search = if in_key_store {
                &of_key_stores
            } else {
                &search
            };
            let leaks = search.find(&bytes);
            found.extend(
                leaks
                    .iter()
                    .map(|leak| format!("{} holds {leak}", name.display())),
            );
        }
        found
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return vec![folder.to_owned()];
    };
    entries
        .filter_map(Result::ok)
        .flat_map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => files(&entry.path()),
            _ => vec![entry.path()],
        })
        .collect()
}

struct Log {
    path: PathBuf,
    file: Mutex<BufWriter<File>>,
}

impl Write for &Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        lock(&self.file).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        lock(&self.file).flush()
    }
}

impl<'a> MakeWriter<'a> for &'static Log {
    type Writer = &'static Log;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

/// Writes everything that is logged in this process into a file, except what the server and the proxies say: they know the
/// tokens and are not what is tested. What a panic says goes there too, wherever it happens.
///
/// # Panics
/// If the file cannot be made.
pub fn listen() {
    let path =
        std::env::temp_dir().join(format!("steadfast-acceptance-{}.log", std::process::id()));
    let file = File::create(&path).expect("a file for the log");
    let log = LOG.get_or_init(|| Log {
        path,
        file: Mutex::new(BufWriter::new(file)),
    });
    let of_the_core = filter_fn(|metadata| {
        let target = metadata.target();
        !target.starts_with("steadfast_testserver") && !target.starts_with("steadfast_faults")
    });
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let mut log = log;
        let _ = writeln!(log, "{panic}");
        before(panic);
    }));
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(log)
        .with_filter(of_the_core);
    tracing_subscriber::registry().with(layer).init();
}

/// Secrets of any case that the log of the run holds. The log is kept if there are some, or if it is wanted.
///
/// # Panics
/// If nothing was listened to, or nothing was heard: then the search would prove nothing.
pub fn leaks_in_the_log(keep: bool) -> Vec<String> {
    let log = LOG.get().expect("a log");
    lock(&log.file).flush().expect("the log written out");
    let text = fs::read(&log.path).expect("the log");
    let secrets = lock(&SECRETS);
    assert!(
        secrets.is_empty() || text.windows(9).any(|window| window == b"steadfast"),
        "the core logged nothing"
    );
    let leaks = Search::new(secrets.iter()).find(&text);
    if keep || !leaks.is_empty() {
        eprintln!("the log is in {}", log.path.display());
    } else {
        let _ = fs::remove_file(&log.path);
    }
    leaks
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "y7xp4bqk3mzt9w1hd8fnc6rjua";

    fn found(text: &str) -> bool {
        let secrets = [
            Secret::random("a token", TOKEN),
            Secret::password("Correct?Horse1"),
        ];
        !Search::new(&secrets).find(text.as_bytes()).is_empty()
    }

    #[test]
    fn a_part_of_a_token_is_found_and_a_shorter_one_is_not() {
        assert!(found(&format!("x {} x", &TOKEN[5..13])));
        assert!(!found(&format!("x {} x", &TOKEN[5..12])));
    }

    #[test]
    fn base64_is_found_wherever_the_secret_begins() {
        for before in ["", "a", "ab", "abc"] {
            for secret in [TOKEN, "Correct?Horse1"] {
                let text = STANDARD_NO_PAD.encode(format!("{before}{secret}xyz"));
                assert!(found(&text), "{secret} after {before:?}");
            }
        }
    }

    #[test]
    fn a_key_is_found_everywhere_but_in_the_key_store() {
        let key: Vec<u8> = (100..132).collect();
        let folder = tempfile::tempdir().unwrap();
        let look = || {
            let canary = Canary::default();
            canary.keep(Secret::key(&key));
            canary.inspect(Vec::new(), folder.path())
        };
        fs::create_dir(folder.path().join(KEY_STORE)).unwrap();
        fs::write(folder.path().join(KEY_STORE).join("data"), &key).unwrap();
        assert_eq!(look(), [""; 0]);
        fs::write(folder.path().join("vault"), &key[..PART]).unwrap();
        assert!(look()[0].starts_with("vault holds a data key"));
        let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        fs::write(folder.path().join("vault"), hex).unwrap();
        assert!(look()[0].starts_with("vault holds a data key"));
    }

    #[test]
    fn a_password_is_found_as_a_whole() {
        assert!(found("password=Correct?Horse1&"));
        assert!(!found("password=Correct&"));
    }
}
