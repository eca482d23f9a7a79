//! Runs the scenarios in `tests/wire`; their form is described there.

mod compare;
mod elsewhere;
mod place;
mod scenario;

use std::{fs, path::PathBuf};

use aquifer::{config::Config, job::JobId};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use crate::{
    document,
    http::{Answer, Request},
};
use compare::{Times, compare};
use place::{COMMANDS, Here, Place};
pub use scenario::Scenario;
use scenario::{Exchange, Known, fill_in, head_and_body};

/// Runs one file on a server of its own and says everything in it that is not so.
pub async fn run(name: &str) {
    let scenario = Scenario::read(name);
    let place = Place::Here(Box::new(Here::with(|config| set(config, &scenario.settings)).await));
    let (_, faults) = play_file(&place, name, &scenario).await;
    if let Place::Here(here) = place {
        here.server.stop().await;
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// All scenario files.
pub fn files() -> Vec<String> {
    let names = fs::read_dir(dir()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<String> = names.filter(|name| name.ends_with(".http")).collect();
    files.sort();
    files
}

fn dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/wire")
}

/// Plays a file until its end, or until the place cannot go on: how many exchanges there were, and their faults.
async fn play_file(place: &Place, name: &str, scenario: &Scenario) -> (usize, Vec<String>) {
    let mut known = given(place);
    let (mut faults, mut jobs, mut played) = (Vec::new(), Vec::new(), 0);
    for exchange in &scenario.exchanges {
        let Some(said) = play(place, exchange, &mut known, &mut jobs).await else { break };
        let said = said.into_iter().map(|fault| format!("{name}: {}: {fault}", exchange.title));
        // At once, for a later exchange may need what this one should have brought.
        faults.extend(said.inspect(|fault| println!("{fault}")));
        played += 1;
    }
    if let Place::Here(here) = place {
        here.gate.open();
    }
    // Those that nobody has waited for.
    for job in jobs {
        place.ended(job).await;
    }
    (played, faults)
}

fn set(config: &mut Config, settings: &str) {
    let vars =
        settings.lines().filter_map(|line| line.split_once('=')).map(|(name, value)| (name.into(), value.into()));
    let set = Config::from_vars(vars).unwrap();
    let (listen, data, threads) = (config.server.listen, config.data.clone(), config.runner.threads);
    *config = set;
    (config.server.listen, config.data, config.runner.threads) = (listen, data, threads);
}

fn given(place: &Place) -> Known {
    let credentials = place.credentials();
    let (id, secret) = (&credentials.client_id, &credentials.client_secret);
    let given = [
        ("token", place.token().to_owned()),
        ("id", id.clone()),
        ("secret", secret.clone()),
        ("basic", STANDARD.encode(format!("{id}:{secret}"))),
        ("wrong", STANDARD.encode(format!("{id}:wrong"))),
    ];
    given.map(|(name, value)| (name.to_owned(), value)).into()
}

/// One exchange, and its faults. `None` if it needs a hand on the server's clock or data, and there is none.
async fn play(place: &Place, exchange: &Exchange, known: &mut Known, jobs: &mut Vec<JobId>) -> Option<Vec<String>> {
    let request = fill_in(&exchange.request, known);
    let (head, body) = head_and_body(&request);
    let (line, headers) = head.split_once('\n').unwrap_or((head, ""));
    let (command, argument) = line.split_once(' ').unwrap();
    match (command, place) {
        ("WAIT", place) => {
            let job = argument.parse().unwrap();
            place.ended(job).await;
            jobs.retain(|other| *other != job);
        }
        (command, Place::Here(here)) if COMMANDS.contains(&command) => here.obey(command, argument, body, known).await,
        (command, Place::Elsewhere(_)) if COMMANDS.contains(&command) => return None,
        (method, place) => {
            let mut request = Request::new(method, argument).body(body);
            for (name, value) in headers.lines().map(|line| line.split_once(": ").unwrap()) {
                request = request.header(name, value);
            }
            if !request.has("authorization") {
                request = request.header("Authorization", &format!("Bearer {}", known["token"]));
            }
            let answer = place.send(request).await;
            jobs.extend(submitted(&answer));
            let times = if matches!(place, Place::Here(_)) { Times::Exact } else { Times::Form };
            let mut faults = document::faults(method, argument, &answer);
            faults.extend(compare(&answer, &exchange.expected, times, known));
            return Some(faults);
        }
    }
    Some(Vec::new())
}

/// The job that an answer says has been submitted.
fn submitted(answer: &Answer) -> Option<JobId> {
    let answer: Value = serde_json::from_slice(&answer.body).ok()?;
    answer["id"].as_str().filter(|_| answer["status"] == "submitted")?.parse().ok()
}
