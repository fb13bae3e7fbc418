//! The `<…>` of the data: filling them in before sending, matching them
//! against what came, and remembering the ones that have a name.

use std::collections::{HashMap, HashSet};

/// Values by name (`token:alice#2`), and the request ids seen so far.
#[derive(Default)]
pub(crate) struct Values {
    named: HashMap<String, String>,
    request_ids: HashSet<String>,
    last_request_id: Option<String>,
}

enum Piece<'a> {
    Literal(&'a str),
    Hole(&'a str),
}

fn pieces(pattern: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = pattern;
    while let Some(start) = rest.find('<') {
        let Some(length) = rest[start..].find('>') else {
            break;
        };
        if start > 0 {
            pieces.push(Piece::Literal(&rest[..start]));
        }
        pieces.push(Piece::Hole(&rest[start + 1..start + length]));
        rest = &rest[start + length + 1..];
    }
    if !rest.is_empty() {
        pieces.push(Piece::Literal(rest));
    }
    pieces
}

/// 26 characters as the servers mint them, and minted by none.
pub(crate) fn never_issued(number: u32) -> String {
    format!("{number:z>26}")
}

fn is_id(text: &str) -> bool {
    text.len() == 26
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

impl Values {
    /// Gives a name its value, a new one if it had one.
    pub(crate) fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.named.insert(name.into(), value.into());
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.named.get(name).map(String::as_str)
    }

    /// Fills in a text that is to be sent.
    pub(crate) fn fill(&self, pattern: &str) -> Result<String, String> {
        let mut text = String::new();
        for piece in pieces(pattern) {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Hole(hole) => text.push_str(&self.value_of(hole)?),
            }
        }
        Ok(text)
    }

    fn value_of(&self, hole: &str) -> Result<String, String> {
        if let Some(value) = self.named.get(hole) {
            return Ok(value.clone());
        }
        if let Some((letter, count)) = hole.split_once('*') {
            let count = count.parse().map_err(|_| format!("<{hole}>"))?;
            return Ok(letter.repeat(count));
        }
        match hole {
            "id" => Ok(never_issued(1)),
            "token:unknown" => Ok(never_issued(2)),
            "session:unknown" => Ok(never_issued(3)),
            _ => Err(format!("nothing is known as <{hole}>")),
        }
    }

    /// Fills in every text of a JSON value that is to be sent.
    pub(crate) fn fill_json(&self, value: &serde_json::Value) -> Result<serde_json::Value, String> {
        use serde_json::Value;
        Ok(match value {
            Value::String(text) => self.fill(text)?.into(),
            Value::Array(items) => items
                .iter()
                .map(|item| self.fill_json(item))
                .collect::<Result<Vec<_>, _>>()?
                .into(),
            Value::Object(entries) => Value::Object(
                entries
                    .iter()
                    .map(|(key, value)| Ok((self.fill(key)?, self.fill_json(value)?)))
                    .collect::<Result<_, String>>()?,
            ),
            other => other.clone(),
        })
    }

    /// Compares a text with its pattern; a name met for the first time takes
    /// the value that stands in its place.
    pub(crate) fn match_text(&mut self, pattern: &str, actual: &str) -> Result<(), String> {
        let mismatch = || format!("expected {pattern:?}, found {actual:?}");
        let pieces = pieces(pattern);
        let mut rest = actual;
        for (index, piece) in pieces.iter().enumerate() {
            match piece {
                Piece::Literal(literal) => {
                    rest = rest.strip_prefix(literal).ok_or_else(mismatch)?;
                }
                Piece::Hole(hole) => {
                    let end = match pieces.get(index + 1) {
                        Some(Piece::Literal(next)) => rest.find(next).ok_or_else(mismatch)?,
                        _ => rest.len(),
                    };
                    let value = &rest[..end];
                    rest = &rest[end..];
                    self.match_hole(hole, value)
                        .map_err(|why| format!("{}: {why}", mismatch()))?;
                }
            }
        }
        if rest.is_empty() {
            Ok(())
        } else {
            Err(mismatch())
        }
    }

    fn match_hole(&mut self, hole: &str, value: &str) -> Result<(), String> {
        let good = match hole {
            "text" | "string" | "any" => true,
            "id" => is_id(value),
            "request_id" => return self.match_request_id(value),
            "version_id" => is_version_id(value),
            "ms" => value.len() == 13 && value.bytes().all(|byte| byte.is_ascii_digit()),
            "digits" | "length" => value.parse::<u64>().is_ok(),
            "http_date" => httpdate::parse_http_date(value).is_ok(),
            "host" | "hostname" | "ws_accept" | "signature" => !value.is_empty(),
            _ if hole.contains(':') => return self.match_named(hole, value),
            _ => return Err(format!("<{hole}> is unknown")),
        };
        if good {
            Ok(())
        } else {
            Err(format!("not a <{hole}>"))
        }
    }

    fn match_named(&mut self, name: &str, value: &str) -> Result<(), String> {
        if !is_id(value) {
            return Err(format!("not a <{name}>"));
        }
        match self.named.get(name) {
            Some(known) if known != value => Err(format!("another <{name}>")),
            Some(_) => Ok(()),
            None => {
                self.set(name, value);
                Ok(())
            }
        }
    }

    /// The header comes first and must be new, the body must repeat it.
    fn match_request_id(&mut self, value: &str) -> Result<(), String> {
        if !is_id(value) {
            return Err("not a request id".into());
        }
        match self.last_request_id.take() {
            Some(last) if last == value => Ok(()),
            Some(_) => Err("another request id than in the header".into()),
            None if self.request_ids.insert(value.into()) => {
                self.last_request_id = Some(value.into());
                Ok(())
            }
            None => Err("a request id that was used before".into()),
        }
    }

    /// Call before each answer is compared.
    pub(crate) fn next_answer(&mut self) {
        self.last_request_id = None;
    }
}

/// `11.6.0.dev.<64 hex digits>.false`.
fn is_version_id(value: &str) -> bool {
    let parts: Vec<&str> = value.split('.').collect();
    let [major, minor, patch, build, hash, licensed] = parts.as_slice() else {
        return false;
    };
    [major, minor, patch]
        .iter()
        .all(|part| part.parse::<u32>().is_ok())
        && !build.is_empty()
        && [32, 64].contains(&hash.len())
        && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
        && ["true", "false"].contains(licensed)
}

#[test]
fn a_name_stands_for_one_value() {
    let mut values = Values::default();
    let (first, second) = (never_issued(7), never_issued(8));
    let cookie = "MMAUTHTOKEN=<token:alice#1>; Path=/; Max-Age=15552000; HttpOnly";
    let actual = format!("MMAUTHTOKEN={first}; Path=/; Max-Age=15552000; HttpOnly");
    assert_eq!(values.match_text(cookie, &actual), Ok(()));
    assert_eq!(values.match_text("<token:alice#1>", &first), Ok(()));
    assert!(values.match_text("<token:alice#1>", &second).is_err());
    assert!(
        values
            .match_text(cookie, &format!("{actual}; Secure"))
            .is_err()
    );
    assert!(values.match_text("<token:bob#1>", "tooshort").is_err());
}

#[test]
fn a_request_id_is_fresh_and_repeated_in_the_body() {
    let mut values = Values::default();
    let (first, second) = (never_issued(7), never_issued(8));
    values.next_answer();
    assert_eq!(values.match_text("<request_id>", &first), Ok(()));
    assert_eq!(values.match_text("<request_id>", &first), Ok(()));
    values.next_answer();
    assert!(values.match_text("<request_id>", &first).is_err());
    values.next_answer();
    assert_eq!(values.match_text("<request_id>", &second), Ok(()));
    assert!(values.match_text("<request_id>", &first).is_err());
}
