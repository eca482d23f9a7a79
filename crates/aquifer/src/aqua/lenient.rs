//! Reading what real clients send: `null` is absent, booleans may be strings, numbers may be strings and strings
//! numbers. Anything else of the wrong kind makes the whole request malformed.

use serde_json::{Map, Value};

/// Which key was wrong, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Wrong(pub String);

pub type Object = Map<String, Value>;

/// Values in one request, at most. One of 50 queries has some hundreds.
const MOST_VALUES: usize = 20_000;

/// Characters of one text, at most, where no other limit is known: names are kept with a job, said back, and shown.
pub const MOST_CHARACTERS: usize = 4096;

/// Reads a body. A value takes up to a hundred times as much memory as its text, so they are counted before; how deep they
/// may be nested is serde's own limit. A byte order mark before it, as Windows writes one, is no fault.
pub fn parse(body: &[u8]) -> Result<Value, Wrong> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    if values(body) > MOST_VALUES {
        return Err(Wrong(format!("the request has more than {MOST_VALUES} values")));
    }
    serde_json::from_slice(body).map_err(|error| Wrong(format!("the request is not JSON: {error}")))
}

/// What stands between values, outside of texts: no fewer than there are values.
fn values(body: &[u8]) -> usize {
    let (mut count, mut in_text, mut escaped) = (1, false, false);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_text,
            b'"' => in_text = !in_text,
            b',' | b':' | b'[' | b'{' if !in_text => count += 1,
            _ => {}
        }
    }
    count
}

/// A key that is there and not null.
pub fn present<'a>(object: &'a Object, key: &str) -> Option<&'a Value> {
    object.get(key).filter(|value| !value.is_null())
}

/// No longer than [`MOST_CHARACTERS`].
pub fn text(object: &Object, key: &str) -> Result<Option<String>, Wrong> {
    let text = long_text(object, key)?;
    match text.as_ref().is_some_and(|text| text.chars().nth(MOST_CHARACTERS).is_some()) {
        true => Err(Wrong(format!("`{key}` has more than {MOST_CHARACTERS} characters"))),
        false => Ok(text),
    }
}

/// Of any length: there is a rule about it elsewhere.
pub fn long_text(object: &Object, key: &str) -> Result<Option<String>, Wrong> {
    match present(object, key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(other) => Err(wrong(key, "a string", other)),
    }
}

/// Absent when empty.
pub fn non_empty(object: &Object, key: &str) -> Result<Option<String>, Wrong> {
    Ok(text(object, key)?.filter(|text| !text.is_empty()))
}

/// `true`, or `"True"` (tap-zuora, zacc and Gobblin send strings).
pub fn flag(object: &Object, key: &str) -> Result<Option<bool>, Wrong> {
    match present(object, key) {
        None => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
        Some(other) => Err(wrong(key, "a boolean", other)),
    }
}

/// A number or a numeric string, as it was written.
pub fn number(object: &Object, key: &str) -> Result<Option<String>, Wrong> {
    match present(object, key) {
        None => Ok(None),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(Value::String(digits)) if digits.trim().parse::<f64>().is_ok_and(|number| number.is_finite()) => {
            Ok(text(object, key)?.map(|digits| digits.trim().to_owned()))
        }
        Some(other) => Err(wrong(key, "a number", other)),
    }
}

/// What a [`number`] says if it is whole, in whatever spelling: zuora-sdk has `60.0` where others have `60`.
pub fn whole(number: &str) -> Option<u32> {
    let float = || number.parse::<f64>().ok().filter(|float| float.fract() == 0.0);
    // No digit is lost: all that there is in 32 bits is exact in a float.
    let exact = |float: f64| (0.0..=f64::from(u32::MAX)).contains(&float).then_some(float as u32);
    number.parse().ok().or_else(|| float().and_then(exact))
}

/// One of a list of words, in any case. The default if absent.
pub fn word<T: Copy>(object: &Object, key: &str, words: &[(&str, T)], default: T) -> Result<T, Wrong> {
    let Some(text) = text(object, key)? else { return Ok(default) };
    let found = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(&text));
    found.map(|(_, meaning)| *meaning).ok_or_else(|| Wrong(format!("`{key}` cannot be {text:?}")))
}

pub fn object<'a>(value: &'a Value, what: &str) -> Result<&'a Object, Wrong> {
    value.as_object().ok_or_else(|| wrong(what, "an object", value))
}

fn wrong(key: &str, kind: &str, found: &Value) -> Wrong {
    let found = match found {
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        plain => plain.to_string().chars().take(60).collect(),
    };
    Wrong(format!("`{key}` must be {kind}, not {found}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_but_not_those_in_texts() {
        assert_eq!(values(br#"{"a": [1, 2, "x,[{:"], "b\\\",": {}}"#), 9);
        assert!(parse(format!("[{}0]", "0,".repeat(MOST_VALUES)).as_bytes()).is_err());
        assert!(parse(format!("[\"{}\"]", ",".repeat(MOST_VALUES)).as_bytes()).is_ok());
    }

    #[test]
    fn whole_numbers_are_whole_in_any_spelling() {
        for (number, expected) in [
            ("60", Some(60)),
            ("60.0", Some(60)),
            ("6e1", Some(60)),
            ("+60", Some(60)),
            ("4294967295.0", Some(u32::MAX)),
            ("4294967296", None),
            ("60.5", None),
            ("-1.0", None),
            ("1e999", None),
            ("NaN", None),
        ] {
            assert_eq!(whole(number), expected, "{number}");
        }
    }
}
