//! Holds an answer against what a scenario expects of it.

use std::io::Read as _;

use serde_json::Value;

use super::scenario::{Known, fill_in, head_and_body};
use crate::http::Answer;

/// Whether what a clock says is compared, or only its form: another server has another clock.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Times {
    Exact,
    Form,
}

pub fn compare(answer: &Answer, expected: &str, times: Times, known: &mut Known) -> Vec<String> {
    let mut faults = Vec::new();
    let (head, body) = head_and_body(expected);
    let (status, headers) = head.split_once('\n').unwrap_or((head, ""));
    if status.trim() != answer.status.to_string() {
        faults.push(format!("status {}, not {status}: {}", answer.status, String::from_utf8_lossy(&answer.body)));
    }
    for (name, value) in headers.lines().map(|line| line.split_once(": ").unwrap()) {
        let found = answer.header(name);
        let is_right = match value {
            "-" => found.is_none(),
            "*" => found.is_some(),
            value => found == Some(&fill_in(value, known)),
        };
        if !is_right {
            faults.push(format!("{name} is {found:?}, not {value}"));
        }
    }
    let found = unpacked(answer);
    if body.starts_with(['{', '[']) {
        match (serde_json::from_str(body), serde_json::from_slice(&found)) {
            (Ok(expected), Ok(found)) => compare_json("", &expected, Some(&found), times, known, &mut faults),
            (Err(error), _) => faults.push(format!("what is expected is not JSON: {error}")),
            (_, Err(_)) => faults.push(format!("not JSON: {}", String::from_utf8_lossy(&answer.body))),
        }
    } else if body.starts_with(['~', '!']) {
        let text = String::from_utf8_lossy(&found);
        for line in fill_in(body, known).lines() {
            let (must, part) = line.split_at(2);
            if text.contains(part) != (must == "~ ") {
                faults.push(format!("{line}: not so in\n{text}"));
            }
        }
    } else if !body.is_empty() && fill_in(body, known) != String::from_utf8_lossy(&found).trim_end() {
        faults.push(format!("the body is\n{}", String::from_utf8_lossy(&found)));
    }
    faults
}

/// The body as it was before it was compressed for the way.
fn unpacked(answer: &Answer) -> Vec<u8> {
    if answer.header("content-encoding") != Some("gzip") {
        return answer.body.clone();
    }
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(&*answer.body).read_to_end(&mut plain).unwrap();
    plain
}

/// Whether both are times, one of them by the clock of the tests, in the same notation.
fn is_same_form(expected: &str, found: &str) -> bool {
    let form =
        |text: &str| text.replace(|letter: char| letter.is_ascii_digit(), "0").replace("T00:00:00-", "T00:00:00+");
    expected.starts_with("2026-11-2") && form(expected) == form(found)
}

fn compare_json(
    place: &str,
    expected: &Value,
    found: Option<&Value>,
    times: Times,
    known: &mut Known,
    faults: &mut Vec<String>,
) {
    match (expected, found) {
        (Value::String(mark), None) if mark == "-" => {}
        (Value::String(mark), Some(found)) if mark == "*" && !found.is_null() => {}
        (Value::String(text), Some(Value::String(found)))
            if text.strip_suffix('*').is_some_and(|beginning| found.starts_with(beginning)) => {}
        (Value::String(text), Some(Value::String(found))) if text.starts_with("{{") && text.ends_with("}}") => {
            let name = text.trim_matches(['{', '}']).to_owned();
            let known = known.entry(name).or_insert_with(|| found.clone());
            if known != found {
                faults.push(format!("{place} is {found:?}, not {known:?}"));
            }
        }
        (Value::Object(expected), Some(Value::Object(found))) => {
            for (key, expected) in expected {
                compare_json(&format!("{place}.{key}"), expected, found.get(key), times, known, faults);
            }
        }
        (Value::Array(expected), Some(Value::Array(found))) if expected.len() == found.len() => {
            for (at, (expected, found)) in expected.iter().zip(found).enumerate() {
                compare_json(&format!("{place}[{at}]"), expected, Some(found), times, known, faults);
            }
        }
        (expected, Some(found)) if expected == found => {}
        (Value::String(expected), Some(Value::String(found)))
            if times == Times::Form && is_same_form(expected, found) => {}
        (expected, found) => {
            let found = found.map_or("not there".to_owned(), Value::to_string);
            faults.push(format!("{place} is {found}, not {expected}"));
        }
    }
}
