//! Random queries over random data, answered by us and by DuckDB.
//!
//! A round is a zone, an instant, data and many queries, all of them made from one seed. Every query is made twice: as
//! text for us, and as a tree for `tests/differential/check.py`, which writes the SQL that a person would write, runs it
//! and compares. `SEED=… cargo test -p engine differential` repeats a round.

mod data;
mod moment;
mod query;

use std::{env, fs, path::PathBuf, process::Command};

use engine::{Rows, Snapshot, Source};
use export::{Cell, CellSink, Stopped};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};
use zoql::ApiVersion;

use super::{
    random::Random,
    support::{Data, Question},
};
use query::Query;

const ROUNDS: u64 = 20;
const QUERIES: usize = 200;

const ZONES: [&str; 5] =
    ["America/Los_Angeles", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Kiritimati"];

#[test]
fn duckdb_answers_the_same() {
    let seed = env::var("SEED").ok().map(|seed| seed.parse::<u64>().expect("SEED is a number"));
    let rounds: Vec<Value> = match seed {
        Some(seed) => vec![round(seed)],
        None => (1..=ROUNDS).map(round).collect(),
    };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("rounds.json");
    fs::write(&file, json!(rounds).to_string()).expect("written");

    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let python =
        env::var_os("TEST_PYTHON").map_or_else(|| root.join("../../target/test-tools/bin/python"), PathBuf::from);
    let checked = Command::new(&python).arg(root.join("tests/differential/check.py")).arg(&file).output();
    let checked = checked.unwrap_or_else(|error| {
        panic!(
            "{}: {error}\nrun scripts/test, which installs it; TEST_PYTHON is another one with DuckDB",
            python.display()
        )
    });
    let said = String::from_utf8_lossy(&checked.stdout);
    assert!(checked.status.success(), "{said}{}", String::from_utf8_lossy(&checked.stderr));
    assert_eq!(said.trim(), format!("{} queries, 0 differences", rounds.len() * QUERIES));
}

fn round(seed: u64) -> Value {
    let mut random = Random::new(seed);
    let mut data = Data::new();
    let zone = random.pick(&ZONES);
    data.zone = TimeZone::get(zone).expect("a zone");
    let now: Timestamp = moment::datetime(&mut random).parse().expect("an instant");
    *data.now.lock().expect("a clock") = now;
    let tables = data::fill(&mut random, &data);

    // What can be scanned is scanned in every other round.
    if seed.is_multiple_of(2) {
        data.source = data.reopen(zoql::Catalog::builtin().clone()).expect("opens").without_scan();
    }
    let snapshot = data.source.begin().expect("a snapshot");
    let queries: Vec<Value> = (0..QUERIES)
        .map(|_| {
            let query = Query::random(&mut random);
            let answer = answer(&*snapshot, &query, &data.zone);
            json!({ "text": query.text, "tree": query.tree, "answer": answer })
        })
        .collect();
    json!({ "seed": seed, "zone": zone, "now": now.to_string(), "tables": tables, "queries": queries })
}

fn answer(snapshot: &dyn Snapshot, query: &Query, zone: &TimeZone) -> Vec<Vec<Value>> {
    let mut question = Question::new(&query.text, zone);
    question.options.language = query.language;
    question.options.compat = zoql::Compat::Extended;
    question.options.api_version = if query.before_69 { ApiVersion(68) } else { ApiVersion::LATEST };
    let compiled = zoql::compile(&query.text, snapshot.catalog(), &question.options).unwrap_or_else(|faults| {
        let drawn: Vec<String> = faults.iter().map(|fault| fault.draw(&query.text)).collect();
        panic!("{}\n{}", query.text, drawn.join("\n"))
    });
    let mut sink = Cells::default();
    for part in snapshot.parts(&compiled.query, &Rows::LIVE).expect("parts") {
        part.read(&mut sink).unwrap_or_else(|error| panic!("{}\n{error}", query.text));
    }
    sink.rows
}

/// Cells as texts, each type in one form; null is null.
#[derive(Default)]
struct Cells {
    rows: Vec<Vec<Value>>,
    row: Vec<Value>,
}

impl CellSink for Cells {
    fn cell(&mut self, cell: Cell<'_>) {
        self.row.push(match cell {
            Cell::Null => Value::Null,
            Cell::Text(text) | Cell::Decimal(text) => json!(text),
            Cell::Integer(integer) => json!(integer.to_string()),
            Cell::Boolean(boolean) => json!(boolean.to_string()),
            Cell::Date(date) => json!(date.to_string()),
            Cell::Datetime(at) => json!(Timestamp::from_microsecond(at.0).expect("in range").to_string()),
        });
    }

    fn end_row(&mut self) -> Result<(), Stopped> {
        self.rows.push(std::mem::take(&mut self.row));
        Ok(())
    }
}
