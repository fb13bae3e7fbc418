//! Comparing JSON with its shape: same keys in the same order, same types,
//! literal values where the data has them.

use crate::values::Values;
use serde_json::Value;

/// Everything in which a value differs from its shape.
pub(crate) fn compare(values: &mut Values, shape: &Value, actual: &Value) -> Vec<String> {
    let mut differences = Vec::new();
    walk(values, shape, actual, "", &mut differences);
    differences
}

fn walk(values: &mut Values, shape: &Value, actual: &Value, at: &str, out: &mut Vec<String>) {
    match (shape, actual) {
        (Value::String(pattern), _) => {
            if let Err(why) = leaf(values, pattern, actual) {
                out.push(format!("{at}: {why}"));
            }
        }
        (Value::Object(wanted), Value::String(text)) if wanted.contains_key("<json>") => {
            match serde_json::from_str(text) {
                Ok(inner) => walk(values, &wanted["<json>"], &inner, at, out),
                Err(_) => out.push(format!("{at}: not JSON in a string")),
            }
        }
        (Value::Object(wanted), Value::Object(found)) => {
            let wanted_keys: Vec<String> = wanted
                .keys()
                .map(|key| values.fill(key).unwrap_or_else(|_| key.clone()))
                .collect();
            let found_keys: Vec<&String> = found.keys().collect();
            if !wanted_keys.iter().eq(found_keys.iter().copied()) {
                out.push(format!(
                    "{at}: expected keys {wanted_keys:?}, found {found_keys:?}"
                ));
            }
            for (key, shape) in wanted_keys.iter().zip(wanted.values()) {
                if let Some(actual) = found.get(key) {
                    walk(values, shape, actual, &format!("{at}.{key}"), out);
                }
            }
        }
        (Value::Array(wanted), Value::Array(found)) => {
            if wanted.len() != found.len() {
                out.push(format!(
                    "{at}: expected {} items, found {}",
                    wanted.len(),
                    found.len()
                ));
            }
            for (index, (shape, actual)) in wanted.iter().zip(found).enumerate() {
                walk(values, shape, actual, &format!("{at}[{index}]"), out);
            }
        }
        _ if shape == actual => {}
        _ => out.push(format!("{at}: expected {shape}, found {actual}")),
    }
}

fn leaf(values: &mut Values, pattern: &str, actual: &Value) -> Result<(), String> {
    let found = || format!("expected {pattern}, found {actual}");
    match pattern {
        "<any>" => Ok(()),
        "<ms>" => match actual.as_i64() {
            Some(ms) if ms > 1_000_000_000_000 => Ok(()),
            _ => Err(found()),
        },
        "<number>" if actual.is_number() => Ok(()),
        "<bool>" if actual.is_boolean() => Ok(()),
        "<number>" | "<bool>" => Err(found()),
        _ => {
            let text = actual.as_str().ok_or_else(found)?;
            values.match_text(pattern, text)
        }
    }
}

/// Replaces `"<seq>"` by the number expected in its place.
pub(crate) fn with_seq(shape: &Value, seq: Option<i64>) -> Value {
    match shape {
        Value::String(text) if text == "<seq>" => seq.map_or(Value::Null, Value::from),
        Value::Object(entries) => entries
            .iter()
            .map(|(key, value)| (key.clone(), with_seq(value, seq)))
            .collect(),
        other => other.clone(),
    }
}

#[test]
fn a_difference_is_noticed() {
    use serde_json::json;
    let shape = json!({"id": "<id>", "at": "<ms>", "ok": "<bool>", "list": [{"n": "<number>"}], "inner": {"<json>": {"a": ""}}});
    let id = crate::values::never_issued(7);
    let good = json!({"id": id, "at": 1_700_000_000_000_i64, "ok": true, "list": [{"n": 3}], "inner": "{\"a\":\"\"}"});
    let differs = |actual: &Value| !compare(&mut Values::default(), &shape, actual).is_empty();
    assert!(!differs(&good));
    let changes = [
        json!({"id": "short"}),
        json!({"at": "1700000000000"}),
        json!({"ok": "true"}),
        json!({"list": []}),
        json!({"list": [{"n": null}]}),
        json!({"inner": {"a": ""}}),
        json!({"inner": "{\"a\":\"x\"}"}),
        json!({"more": 1}),
    ];
    for change in changes {
        let mut other = good.clone();
        for (key, value) in change.as_object().unwrap() {
            other[key] = value.clone();
        }
        assert!(differs(&other), "{change}");
    }
    let mut reordered = json!({"at": 1_700_000_000_000_i64});
    for (key, value) in good.as_object().unwrap() {
        reordered[key] = value.clone();
    }
    assert!(differs(&reordered), "another order of keys");
}
