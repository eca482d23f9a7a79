//! What the tests share: data in a temporary folder, a clock that stands still, rows as text.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use engine::{
    Flag, Position, Rows, Snapshot, Source, Which,
    embedded::{Change, Embedded},
    load::{self, Counts, Input, Options},
};
use export::{Cell, CellSink, Stopped};
use jiff::{Timestamp, tz::TimeZone};
use tempfile::TempDir;
use zoql::{Catalog, Compat, Language};

pub struct Data {
    pub source: Embedded,
    pub folder: TempDir,
    pub now: Arc<Mutex<Timestamp>>,
    pub zone: TimeZone,
}

pub fn instant(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

impl Data {
    pub fn new() -> Data {
        Data::with_catalog(Arc::clone(Catalog::builtin()))
    }

    pub fn with_catalog(catalog: Arc<Catalog>) -> Data {
        let folder = tempfile::tempdir().expect("a folder");
        let now = Arc::new(Mutex::new(instant("2026-02-28T12:00:00Z")));
        let source = open(&folder, catalog, &now).expect("opens");
        Data { source, folder, now, zone: TimeZone::get("America/Los_Angeles").expect("a zone") }
    }

    /// The same data, opened once more, as another process would.
    pub fn reopen(&self, catalog: Arc<Catalog>) -> engine::Result<Embedded> {
        open(&self.folder, catalog, &self.now)
    }

    pub fn options(&self) -> Options {
        Options { zone: self.zone.clone(), custom: false, whole: false, rejects: None }
    }

    /// Writes a file next to the data.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> std::path::PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).expect("written");
        path
    }

    pub fn load(&self, object: &str, csv: &str, options: &Options) -> engine::Result<Counts> {
        let path = self.file("load.csv", csv);
        let input = Input { object: object.to_owned(), path };
        let report = load::load(self.source.begin_load_now()?, &[input], options, &mut |_| {})?;
        let name = &self.catalog_name(object);
        Ok(report.objects[name])
    }

    fn catalog_name(&self, object: &str) -> String {
        let catalog = Catalog::builtin();
        catalog.find(object).map_or(object.to_owned(), |id| catalog.object(id).name.clone())
    }

    /// Rows of a fresh snapshot, as lines.
    pub fn query(&self, text: &str) -> Vec<String> {
        let snapshot = self.source.begin().expect("a snapshot");
        answer(&*snapshot, &Question::new(text, &self.zone), &Rows::LIVE).expect("an answer")
    }
}

fn open(folder: &TempDir, catalog: Arc<Catalog>, now: &Arc<Mutex<Timestamp>>) -> engine::Result<Embedded> {
    let now = Arc::clone(now);
    let clock = Arc::new(move || *now.lock().expect("a clock"));
    Embedded::open(&folder.path().join("data.sqlite"), catalog, clock)
}

pub struct Question {
    pub text: String,
    pub options: zoql::Options,
}

impl Question {
    pub fn new(text: &str, zone: &TimeZone) -> Question {
        let options = zoql::Options {
            language: Language::Export,
            compat: Compat::Strict,
            api_version: zoql::ApiVersion::LATEST,
            tenant_zone: zone.clone(),
            uses_masked: true,
        };
        Question { text: text.to_owned(), options }
    }
}

/// The header and the rows, cells separated by bars; or what is wrong.
pub fn answer(snapshot: &dyn Snapshot, question: &Question, rows: &Rows) -> Result<Vec<String>, String> {
    let compiled = zoql::compile(&question.text, snapshot.catalog(), &question.options).map_err(|faults| {
        faults.iter().map(|fault| format!("error: {}", fault.message)).collect::<Vec<_>>().join("\n")
    })?;
    let flag = rows.flag.map(|_| "(deleted)".to_owned());
    let names = compiled.query.columns.iter().map(|column| column.name.clone());
    let mut lines = vec![flag.into_iter().chain(names).collect::<Vec<_>>().join("|")];
    let mut sink = Lines::default();
    for part in snapshot.parts(&compiled.query, rows).map_err(|error| format!("error: {error}"))? {
        part.read(&mut sink).map_err(|error| format!("error: {error}"))?;
    }
    lines.extend(sink.lines);
    Ok(lines)
}

#[derive(Default)]
pub struct Lines {
    pub lines: Vec<String>,
    row: Vec<String>,
    runs: HashMap<usize, Vec<String>>,
    /// Where in the row a run has begun.
    start: usize,
}

impl CellSink for Lines {
    fn cell(&mut self, cell: Cell<'_>) {
        self.row.push(match cell {
            Cell::Null => "NULL".to_owned(),
            Cell::Text("") => "(empty)".to_owned(),
            Cell::Text(text) | Cell::Decimal(text) => text.to_owned(),
            Cell::Integer(integer) => integer.to_string(),
            Cell::Boolean(boolean) => boolean.to_string(),
            Cell::Date(date) => date.to_string(),
            Cell::Datetime(at) => Timestamp::from_microsecond(at.0).expect("in range").to_string(),
        });
    }

    fn begin_run(&mut self) {
        self.start = self.row.len();
    }

    fn end_run(&mut self, run: usize) {
        self.runs.insert(run, self.row[self.start..].to_vec());
    }

    fn repeat_run(&mut self, run: usize) -> bool {
        let kept = self.runs.get(&run).inspect(|cells| self.row.extend_from_slice(cells));
        kept.is_some()
    }

    fn end_row(&mut self) -> Result<(), Stopped> {
        self.lines.push(std::mem::take(&mut self.row).join("|"));
        Ok(())
    }
}

pub fn changed(since: &Position, until: Option<&Position>, deleted: bool) -> Rows {
    let seen = deleted.then(|| since.clone());
    let which = Which::Changed { since: since.clone(), until: until.cloned(), deleted: seen, updated_since: None };
    Rows { which, flag: deleted.then_some(Flag::Boolean) }
}

/// Writes accounts with these Ids and names through the programming interface.
pub fn upsert_accounts(data: &Data, rows: impl IntoIterator<Item = (String, String)>) -> Vec<Change> {
    let mut load = data.source.begin_load_now().expect("a load");
    let account = load.catalog().find("Account").expect("an object");
    let name = load.catalog().object(account).find_field("Name").expect("a field");
    let mut writer = load.rows(account, &[zoql::catalog::FieldId(0), name]).expect("a writer");
    let rows = rows.into_iter();
    let changes = rows.map(|(id, name)| writer.upsert(&[Cell::Text(&id), Cell::Text(&name)]).expect("written"));
    let changes = changes.collect();
    drop(writer);
    load.commit().expect("committed");
    changes
}
