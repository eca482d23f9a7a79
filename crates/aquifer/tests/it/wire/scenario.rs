//! The form of the files in `tests/wire`.

use std::{collections::HashMap, fs};

use super::dir;

pub struct Scenario {
    /// For its server, as in the environment, one a line.
    pub settings: String,
    pub exchanges: Vec<Exchange>,
}

pub struct Exchange {
    pub title: String,
    /// Above `>>>`.
    pub request: String,
    /// Below it.
    pub expected: String,
}

impl Scenario {
    pub fn read(name: &str) -> Scenario {
        let text = fs::read_to_string(dir().join(name)).unwrap();
        let (settings, exchanges) = match text.strip_prefix("### ") {
            Some(exchanges) => ("", exchanges),
            None => text.split_once("\n### ").unwrap(),
        };
        let exchanges = exchanges.split("\n### ").map(|exchange| {
            let (title, exchange) = exchange.split_once('\n').unwrap();
            let (request, expected) = exchange.split_once(">>>").unwrap_or((exchange, ""));
            Exchange { title: title.to_owned(), request: request.to_owned(), expected: expected.to_owned() }
        });
        Scenario { settings: settings.to_owned(), exchanges: exchanges.collect() }
    }
}

pub fn head_and_body(text: &str) -> (&str, &str) {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    (head.trim(), body.trim())
}

/// What has been taken down so far, and was given from the start.
pub type Known = HashMap<String, String>;

/// Puts what is known in the place of `{{name}}`, and repeats what is to be repeated.
pub fn fill_in(text: &str, known: &Known) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").unwrap();
        filled.push_str(before);
        match name.split_once('*') {
            Some((what, times)) => filled.push_str(&what.repeat(times.parse().unwrap())),
            None => filled.push_str(known.get(name).unwrap_or_else(|| panic!("{name} is not known"))),
        }
        rest = after;
    }
    filled + rest
}
