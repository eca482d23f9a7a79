//! Runs the scenarios in `tests/wire`; their form is described there.

use std::{collections::HashMap, fs, path::Path, sync::Arc};

use aquifer::{
    access::{self, Credentials, Rights},
    clock::Clock as _,
    config::{Config, DEFAULT},
    job::JobId,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use engine::{embedded::Embedded, error::Kind};
use jiff::SignedDuration;
use serde_json::Value;

use crate::{
    gate::Gate,
    http::{Answer, Request},
    server::Server,
};

/// Runs one file and says everything in it that is not so.
pub async fn run(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire").join(name);
    let text = fs::read_to_string(&path).unwrap();
    let mut exchanges = text.split("\n### ");
    let settings = exchanges.next().unwrap();
    let (settings, first) = match settings.strip_prefix("### ") {
        Some(first) => ("", Some(first)),
        None => (settings, None),
    };
    let mut gate = None;
    let opened = |embedded: Arc<Embedded>| gate.insert(Gate::opened(embedded)).clone();
    let server = Server::on(|config| set(config, settings), opened).await;
    let gate = gate.unwrap();
    let mut known = given(&server);
    let (mut faults, mut jobs) = (Vec::new(), Vec::new());
    for exchange in first.into_iter().chain(exchanges) {
        let (title, exchange) = exchange.split_once('\n').unwrap();
        let said = play(&server, &gate, exchange, &mut known, &mut jobs).await;
        let said = said.into_iter().map(|fault| format!("{name}: {title}: {fault}"));
        // At once, for a later exchange may need what this one should have brought.
        faults.extend(said.inspect(|fault| println!("{fault}")));
    }
    gate.open();
    for job in jobs {
        server.ended(job).await;
    }
    server.stop().await;
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

fn set(config: &mut Config, settings: &str) {
    let vars =
        settings.lines().filter_map(|line| line.split_once('=')).map(|(name, value)| (name.into(), value.into()));
    let set = Config::from_vars(vars).unwrap();
    let (listen, data, threads) = (config.server.listen, config.data.clone(), config.runner.threads);
    *config = set;
    (config.server.listen, config.data, config.runner.threads) = (listen, data, threads);
}

fn given(server: &Server) -> HashMap<String, String> {
    let (id, secret) = (&server.credentials.client_id, &server.credentials.client_secret);
    let given = [
        ("token", server.token.clone()),
        ("id", id.clone()),
        ("secret", secret.clone()),
        ("basic", STANDARD.encode(format!("{id}:{secret}"))),
        ("wrong", STANDARD.encode(format!("{id}:wrong"))),
    ];
    given.map(|(name, value)| (name.to_owned(), value)).into()
}

fn know(known: &mut HashMap<String, String>, name: &str, made: &Credentials) {
    let (id, secret) = (&made.client_id, &made.client_secret);
    known.insert(format!("{name}_id"), id.clone());
    known.insert(format!("{name}_secret"), secret.clone());
    if let Some(old) = known.insert(name.to_owned(), STANDARD.encode(format!("{id}:{secret}"))) {
        known.insert(format!("{name}_old"), old);
    }
}

async fn play(
    server: &Server,
    gate: &Gate,
    exchange: &str,
    known: &mut HashMap<String, String>,
    jobs: &mut Vec<JobId>,
) -> Vec<String> {
    let (request, expected) = exchange.split_once(">>>").unwrap_or((exchange, ""));
    let request = fill_in(request, known);
    let (head, body) = head_and_body(&request);
    let (line, headers) = head.split_once('\n').unwrap_or((head, ""));
    match line.split_once(' ').unwrap() {
        ("WAIT", job) => drop(server.ended(job.parse().unwrap()).await),
        ("LEFT", job) => server.left(job.parse().unwrap()).await,
        ("TRIED", job) => drop(server.tried(job.parse().unwrap(), 1).await),
        ("CLOCK", seconds) => server.clock.advance(SignedDuration::from_secs(seconds.parse().unwrap())),
        ("LOAD", object) => server.load(object, body),
        ("FORGET", object) => server.delete(object, &body.lines().collect::<Vec<_>>()),
        ("TIDY", _) => server.running.app.tidy().await.unwrap(),
        ("READS", "wait") => gate.close(),
        ("READS", "go on") => gate.open(),
        ("READS", "fail") => gate.fail_with(Some(Kind::Corrupt)),
        ("READS", "fail for now") => gate.fail_with(Some(Kind::Storage)),
        ("READS", "succeed") => gate.fail_with(None),
        ("WAITING", reads) => gate.reached(reads.parse().unwrap()).await,
        ("OBJECTS", _) => gate.change_objects(body),
        ("CLIENT", name) => {
            let rights = serde_json::from_str(body).unwrap();
            let (store, now) = (&*server.running.app.store, server.clock.now());
            let made = access::create_client_with(store, DEFAULT, name, rights, false, now).await.unwrap();
            know(known, name, &made);
        }
        ("LIMIT", name) => {
            let rights = serde_json::from_str(body).unwrap();
            let id = &known[&format!("{name}_id")];
            assert!(server.running.app.store.set_rights(id, &rights).await.unwrap());
        }
        ("REVOKE", id) => {
            assert!(server.running.app.store.revoke_client(id, server.clock.now()).await.unwrap());
        }
        ("ROTATE", rotation) => {
            let (name, seconds) = rotation.split_once(' ').unwrap();
            let overlap = Some(seconds.parse().unwrap()).filter(|seconds| *seconds > 0).map(SignedDuration::from_secs);
            let (store, id) = (&*server.running.app.store, &known[&format!("{name}_id")]);
            let made = access::rotate(store, id, overlap, server.clock.now()).await.unwrap().unwrap();
            know(known, name, &made);
        }
        ("USER", name) => {
            let (store, now) = (&*server.running.app.store, server.clock.now());
            assert!(access::add_user(store, DEFAULT, name, body, Rights::default(), now).await.unwrap());
            known.insert("user".to_owned(), STANDARD.encode(format!("{name}:{body}")));
        }
        (method, path) => {
            let mut request = Request::new(method, path).body(body);
            for (name, value) in headers.lines().map(|line| line.split_once(": ").unwrap()) {
                request = request.header(name, value);
            }
            if !request.has("authorization") {
                request = request.header("Authorization", &format!("Bearer {}", known["token"]));
            }
            let answer = request.send(&server.running.url).await;
            jobs.extend(submitted(&answer));
            return compare(&answer, expected, known);
        }
    }
    Vec::new()
}

/// The job that an answer says has been submitted.
fn submitted(answer: &Answer) -> Option<JobId> {
    let answer: Value = serde_json::from_slice(&answer.body).ok()?;
    answer["id"].as_str().filter(|_| answer["status"] == "submitted")?.parse().ok()
}

fn head_and_body(text: &str) -> (&str, &str) {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    (head.trim(), body.trim())
}

/// Puts what is known in the place of `{{name}}`, and repeats what is to be repeated.
fn fill_in(text: &str, known: &HashMap<String, String>) -> String {
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

fn compare(answer: &Answer, expected: &str, known: &mut HashMap<String, String>) -> Vec<String> {
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
    if body.starts_with(['{', '[']) {
        match (serde_json::from_str(body), serde_json::from_slice(&answer.body)) {
            (Ok(expected), Ok(found)) => compare_json("", &expected, Some(&found), known, &mut faults),
            (Err(error), _) => faults.push(format!("what is expected is not JSON: {error}")),
            (_, Err(_)) => faults.push(format!("not JSON: {}", String::from_utf8_lossy(&answer.body))),
        }
    } else if body.starts_with(['~', '!']) {
        let text = answer.text();
        for line in fill_in(body, known).lines() {
            let (must, part) = line.split_at(2);
            if text.contains(part) != (must == "~ ") {
                faults.push(format!("{line}: not so in\n{text}"));
            }
        }
    } else if !body.is_empty() && fill_in(body, known) != answer.text().trim_end() {
        faults.push(format!("the body is\n{}", answer.text()));
    }
    faults
}

fn compare_json(
    place: &str,
    expected: &Value,
    found: Option<&Value>,
    known: &mut HashMap<String, String>,
    faults: &mut Vec<String>,
) {
    match (expected, found) {
        (Value::String(mark), None) if mark == "-" => {}
        (Value::String(mark), Some(found)) if mark == "*" && !found.is_null() => {}
        (Value::String(text), Some(Value::String(found))) if text.starts_with("{{") && text.ends_with("}}") => {
            let name = text.trim_matches(['{', '}']).to_owned();
            let known = known.entry(name).or_insert_with(|| found.clone());
            if known != found {
                faults.push(format!("{place} is {found:?}, not {known:?}"));
            }
        }
        (Value::Object(expected), Some(Value::Object(found))) => {
            for (key, expected) in expected {
                compare_json(&format!("{place}.{key}"), expected, found.get(key), known, faults);
            }
        }
        (Value::Array(expected), Some(Value::Array(found))) if expected.len() == found.len() => {
            for (at, (expected, found)) in expected.iter().zip(found).enumerate() {
                compare_json(&format!("{place}[{at}]"), expected, Some(found), known, faults);
            }
        }
        (expected, Some(found)) if expected == found => {}
        (expected, found) => {
            let found = found.map_or("not there".to_owned(), Value::to_string);
            faults.push(format!("{place} is {found}, not {expected}"));
        }
    }
}
