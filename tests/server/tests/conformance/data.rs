//! The conformance data as it lies under `tests/server/conformance`; the
//! README there explains every key. Reading only, no judgement.

use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    #[serde(default)]
    pub(crate) each_alone: bool,
    #[serde(default = "one")]
    pub(crate) scale: u64,
    #[serde(default)]
    pub(crate) settings: BTreeMap<String, Value>,
    #[serde(rename = "server")]
    pub(crate) _server: String,
    pub(crate) exchanges: Vec<Exchange>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exchange {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) before: Vec<Value>,
    pub(crate) request: Option<Request>,
    pub(crate) expect: Option<Expected>,
    pub(crate) upgrade: Option<Expected>,
    pub(crate) first_token: Option<String>,
    pub(crate) first: Option<Vec<Step>>,
    #[serde(default)]
    pub(crate) between: Vec<Value>,
    #[serde(default)]
    pub(crate) steps: Vec<Step>,
    pub(crate) control_token: Option<String>,
    #[serde(default)]
    pub(crate) control: Vec<Step>,
    #[serde(default = "yes")]
    pub(crate) answers_pings: bool,
    #[serde(default = "one")]
    pub(crate) tries: u64,
    pub(crate) user_agent: Option<String>,
    pub(crate) row_before: Option<Row>,
    pub(crate) row_after: Option<Row>,
    pub(crate) expiry_moved_hours: Option<f64>,
    pub(crate) pushes: Option<Vec<Value>>,
    pub(crate) expired_notify_after: Option<BTreeMap<String, bool>>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) bearer: Option<String>,
    #[serde(default)]
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) json: Option<Value>,
    pub(crate) text: Option<String>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    pub(crate) status: Option<u16>,
    pub(crate) headers: Option<Value>,
    pub(crate) body: Option<Value>,
    pub(crate) took_ms: Option<u64>,
    pub(crate) transport: Option<String>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    pub(crate) recv: Option<Value>,
    pub(crate) seq: Option<i64>,
    pub(crate) send: Option<Value>,
    pub(crate) send_ws_ping: Option<String>,
    pub(crate) recv_ws_pong: Option<String>,
    pub(crate) recv_ws_ping: Option<usize>,
    pub(crate) send_close: Option<u16>,
    pub(crate) close: Option<Close>,
    pub(crate) tcp: Option<String>,
    #[serde(default)]
    pub(crate) drop_tcp: bool,
    pub(crate) silence_ms: Option<u64>,
    pub(crate) r#do: Option<Vec<Value>>,
    pub(crate) after_ms: Option<u64>,
    pub(crate) at_ms: Option<u64>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Close {
    pub(crate) code: u16,
    pub(crate) reason: String,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    pub(crate) device_id: Option<String>,
    pub(crate) length_hours: Option<i64>,
    pub(crate) props: Option<BTreeMap<String, String>>,
}

/// Header lists and bodies that occur more than once, by name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shapes {
    pub(crate) headers: BTreeMap<String, Value>,
    pub(crate) bodies: BTreeMap<String, Value>,
}

impl Shapes {
    /// The header list that a value stands for.
    pub(crate) fn headers(&self, value: &Value) -> Value {
        resolve(value, &self.headers)
    }

    /// The body or message that a value stands for.
    pub(crate) fn body(&self, value: &Value) -> Value {
        resolve(value, &self.bodies)
    }
}

/// `"@name [who]"` becomes the value of that name, `$` replaced by `who`.
fn resolve(value: &Value, named: &BTreeMap<String, Value>) -> Value {
    let Some(reference) = value.as_str().and_then(|text| text.strip_prefix('@')) else {
        return value.clone();
    };
    let (name, who) = match reference
        .strip_suffix(']')
        .and_then(|rest| rest.split_once(" ["))
    {
        Some((name, who)) => (name, Some(who)),
        None => (reference, None),
    };
    let shape = named
        .get(name)
        .unwrap_or_else(|| panic!("no shape is called {name}"));
    match who {
        None => shape.clone(),
        Some(who) => with(shape, who),
    }
}

fn with(shape: &Value, who: &str) -> Value {
    match shape {
        // A user id belongs to the person, whichever session is spoken of.
        Value::String(text) => {
            let person = who.split('#').next().unwrap_or(who);
            text.replace("<user:$>", &format!("<user:{person}>"))
                .replace('$', who)
                .into()
        }
        Value::Array(items) => items.iter().map(|item| with(item, who)).collect(),
        Value::Object(entries) => entries
            .iter()
            .map(|(key, value)| (key.clone(), with(value, who)))
            .collect(),
        other => other.clone(),
    }
}

/// What the embedded server does not do yet.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Postponed {
    pub(crate) exchanges: Vec<PostponedExchange>,
}

/// One exchange of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PostponedExchange {
    pub(crate) file: String,
    pub(crate) name: String,
    pub(crate) reason: String,
}

fn one() -> u64 {
    1
}

fn yes() -> bool {
    true
}

/// The folder of all conformance data.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance")
}

/// Reads one JSON file of it.
pub(crate) fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> T {
    let text = std::fs::read_to_string(path).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every scenario of a server version, by file name, in order.
pub(crate) fn scenarios(version: &str) -> Vec<(String, Scenario)> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder().join(version))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "json"))
        .filter(|path| path.file_stem().is_some_and(|stem| stem != "shapes"))
        .collect();
    files.sort();
    files
        .into_iter()
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, read(&path))
        })
        .collect()
}
