//! Snapshots: one view for all readers, whatever happens meanwhile.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use engine::{Position, Rows, Snapshot, Source, Which, embedded::Embedded, error::Kind};
use export::{Cell, CellSink, Stopped};
use zoql::{Catalog, catalog::FieldId};

use super::support::{Data, Lines, Question, answer, instant, upsert_accounts};

fn name_all(data: &Data, name: &str) {
    upsert_accounts(data, (0..50).map(|at| (format!("a{at:04}"), name.to_owned())));
}

#[test]
fn an_old_snapshot_stays_as_it_was() {
    let data = Data::new();
    name_all(&data, "old");
    let snapshot = data.source.begin().expect("a snapshot");
    name_all(&data, "new");
    let question = Question::new("select Name from Account where Name = 'old'", &data.zone);
    assert_eq!(answer(&*snapshot, &question, &Rows::LIVE).expect("an answer").len(), 51);
    assert_eq!(data.query("select Name from Account where Name = 'old'").len(), 1);
}

#[test]
fn all_readers_of_a_snapshot_see_one_load_while_loads_are_committed() {
    let data = Data::new();
    name_all(&data, "0");
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 1..60 {
                name_all(&data, &round.to_string());
            }
            done.store(true, Ordering::Relaxed);
        });
        let source = data.reopen(Catalog::builtin().clone()).expect("opens").with_readers(4);
        let question = Question::new("select Name from Account limit 1", &data.zone);
        while !done.load(Ordering::Relaxed) {
            let snapshot = source.begin().expect("a snapshot");
            // Each reader holds its connection until all four have read.
            let names = Mutex::new(Vec::new());
            let barrier = std::sync::Barrier::new(4);
            thread::scope(|readers| {
                for _ in 0..4 {
                    readers.spawn(|| {
                        let compiled = zoql::compile(&question.text, snapshot.catalog(), &question.options);
                        let query = compiled.expect("compiles").query;
                        for part in snapshot.parts(&query, &Rows::LIVE).expect("parts") {
                            let mut sink = Waiting { barrier: &barrier, name: String::new() };
                            part.read(&mut sink).expect("read");
                            names.lock().expect("a list").push(sink.name);
                        }
                    });
                }
            });
            let names = names.into_inner().expect("a list");
            assert!(names.iter().all(|name| *name == names[0]), "{names:?}");
        }
    });
}

struct Waiting<'a> {
    barrier: &'a std::sync::Barrier,
    name: String,
}

impl CellSink for Waiting<'_> {
    fn cell(&mut self, cell: Cell<'_>) {
        if let Cell::Text(name) = cell {
            self.name = name.to_owned();
        }
    }

    fn end_row(&mut self) -> Result<(), Stopped> {
        self.barrier.wait();
        Ok(())
    }
}

#[test]
fn an_instant_finds_its_place_in_the_history() {
    let data = Data::new();
    for at in ["2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"] {
        *data.now.lock().expect("a clock") = instant(at);
        name_all(&data, at);
    }
    let snapshot = data.source.begin().expect("a snapshot");
    for (at, position) in [
        ("2026-02-01T00:00:00Z", "0"),
        ("2026-03-01T00:00:00Z", "0"),
        ("2026-03-01T00:00:00.000001Z", "1@2026-03-01T00:00:00Z"),
        ("2026-03-02T00:00:00Z", "1@2026-03-01T00:00:00Z"),
        ("2027-01-01T00:00:00Z", "2@2026-03-02T00:00:00Z"),
    ] {
        assert_eq!(snapshot.position_before(instant(at)).expect("found").0, position, "{at}");
    }
    let later = |one: &str, other: &str| snapshot.later(Position(one.to_owned()), Position(other.to_owned()));
    assert_eq!(later("9", "10").expect("an answer").0, "10");
    assert_eq!(later("10@2026-03-01T00:00:00Z", "9").expect("an answer").0, "10@2026-03-01T00:00:00Z");
    for wrong in ["", "x", "1@", "1@yesterday", "@2026-03-01T00:00:00Z"] {
        assert!(later(wrong, "1").is_err(), "{wrong}");
    }
}

#[test]
fn a_position_of_another_history_was_never_passed() {
    let data = Data::new();
    let load_at = |source: &Embedded, at: &str| {
        let mut load = source.begin_load(instant(at)).expect("a load");
        let account = load.catalog().find("Account").expect("an object");
        load.rows(account, &[FieldId(0)]).expect("a writer").upsert(&[Cell::Text(at)]).expect("written");
        load.commit().expect("committed")
    };
    let file = |name: &str| data.folder.path().join(name);
    let first = load_at(&data.source, "2026-03-01T00:00:00Z");
    // The log of a load is in the file when nobody reads.
    std::fs::copy(file("data.sqlite"), file("backup")).expect("a copy");
    let second = load_at(&data.source, "2026-03-02T00:00:00.123456789Z");
    let has_passed = |source: &Embedded, position: &Position| {
        source.begin().expect("a snapshot").has_passed(position).expect("an answer")
    };
    let (none, old) = (Position("0".to_owned()), Position("1".to_owned()));
    for position in [&none, &old, &first, &second] {
        assert!(has_passed(&data.source, position), "{position}");
    }
    // Restored, it has not come so far; later it comes to other loads of these numbers.
    let restored =
        Embedded::open(&file("backup"), Arc::clone(Catalog::builtin()), Arc::new(|| instant("2026-03-03T00:00:00Z")));
    let restored = restored.expect("opens");
    assert!(has_passed(&restored, &first) && !has_passed(&restored, &second));
    let third = load_at(&restored, "2026-03-03T00:00:00Z");
    assert!(has_passed(&restored, &third) && !has_passed(&restored, &second) && !has_passed(&data.source, &third));
}

#[test]
fn a_load_that_was_under_way_is_later_than_who_did_not_see_it() {
    let data = Data::new();
    let turn_to = |at: &str| *data.now.lock().expect("a clock") = instant(at);
    turn_to("2026-03-01T01:00:00Z");
    let mut load = data.source.begin_load_now().expect("a load");
    let account = load.catalog().find("Account").expect("an object");
    load.rows(account, &[FieldId(0)]).expect("a writer").upsert(&[Cell::Text("a1")]).expect("written");
    turn_to("2026-03-01T02:00:00Z");
    let seen = data.source.begin().expect("a snapshot").taken_at();
    turn_to("2026-03-01T03:00:00Z");
    load.commit().expect("committed");

    let after = data.source.begin().expect("a snapshot");
    let since = after.position_before(seen).expect("found");
    let rows =
        Rows { which: Which::Changed { since, until: None, deleted: None, updated_since: Some(seen) }, flag: None };
    let question = Question::new("select Id from Account", &data.zone);
    assert_eq!(answer(&*after, &question, &rows).expect("an answer")[1..], ["a1"]);
}

#[test]
fn a_load_behind_one_of_the_future_says_so() {
    let data = Data::new();
    let ahead = |at: &str| {
        *data.now.lock().expect("a clock") = instant(at);
        let load = data.source.begin_load_now().expect("a load");
        let ahead = load.ahead_of_the_clock();
        load.commit().expect("committed");
        ahead
    };
    let future = "2036-03-01T00:00:00Z";
    assert_eq!(ahead(future), None);
    assert_eq!(ahead("2036-02-29T23:59:30Z"), None, "clocks differ");
    assert_eq!(ahead("2026-03-01T00:00:00Z"), Some(instant(future)));
    let snapshot = data.source.begin().expect("a snapshot");
    assert_eq!(snapshot.position_before(instant(future)).expect("found").0, "0");
}

#[test]
fn deleted_rows_are_forgotten_in_time_and_open_snapshots_keep_them() {
    let data = Data::new();
    let delete = |at: &str, id: &str| {
        *data.now.lock().expect("a clock") = instant(at);
        let mut load = data.source.begin_load_now().expect("a load");
        let account = load.catalog().find("Account").expect("an object");
        load.deleter(account).expect("a deleter").delete(id).expect("deleted");
        load.commit().expect("committed");
    };
    name_all(&data, "x");
    delete("2026-03-01T00:00:00Z", "a0001");
    upsert_accounts(&data, [("a0003".to_owned(), "y".to_owned())]);
    delete("2026-03-02T00:00:00Z", "a0002");
    let all = Rows { which: Which::LiveAndDeleted, flag: None };
    let count = |snapshot: &dyn Snapshot| {
        answer(snapshot, &Question::new("select Id from Account", &data.zone), &all).expect("an answer").len() - 1
    };
    let before = data.source.begin().expect("a snapshot");
    let load = data.source.begin_load_now().expect("a load");
    let cutoff = instant("2026-03-01T12:00:00Z");
    assert_eq!(data.source.purge_deleted(cutoff).expect("no wait"), 0, "while a load runs");
    drop(load);
    assert_eq!(data.source.purge_deleted(instant("2026-03-01T00:00:00Z")).expect("purged"), 0);
    assert_eq!(data.source.purge_deleted(cutoff).expect("purged"), 1);
    let after = data.source.begin().expect("a snapshot");
    assert_eq!((count(&*before), count(&*after)), (50, 49));
    let knows = |snapshot: &dyn Snapshot, object: &str, load: &str| {
        let object = snapshot.catalog().find(object).expect("an object");
        snapshot.knows_deletions_since(object, &Position(load.to_owned())).expect("an answer")
    };
    assert!(knows(&*before, "Account", "1"));
    assert!(
        !knows(&*after, "Account", "1") && knows(&*after, "Contact", "1"),
        "what other objects have lost is nothing"
    );
    assert!(knows(&*after, "Account", "2"), "nothing was deleted between the last of them and the cut-off");
    data.source.tidy().expect("tidied while a snapshot is open");
}

#[test]
fn what_older_data_have_forgotten_is_not_told_by_object() {
    let data = Data::new();
    let file = rusqlite::Connection::open(data.folder.path().join("data.sqlite")).expect("opens");
    file.execute_batch("DROP TABLE _forgotten; INSERT INTO _purged (load) VALUES (2)").expect("as it was");
    let source = data.reopen(Arc::clone(Catalog::builtin())).expect("opens");
    let snapshot = source.begin().expect("a snapshot");
    let contact = snapshot.catalog().find("Contact").expect("an object");
    let knows = |load: &str| snapshot.knows_deletions_since(contact, &Position(load.to_owned())).expect("an answer");
    assert!(!knows("1") && knows("2"));
}

#[test]
fn many_parts_put_together_are_the_answer() {
    let data = Data::new();
    let ids: Vec<String> = (0..25_000).map(|at| format!("a{at:06}")).collect();
    upsert_accounts(&data, ids.iter().map(|id| (id.clone(), format!("Name of {id}"))));
    let snapshot = data.source.begin().expect("a snapshot");
    let question = Question::new("select Id from Account", &data.zone);
    let query = zoql::compile(&question.text, snapshot.catalog(), &question.options).expect("compiles").query;
    let parts = snapshot.parts(&query, &Rows::LIVE).expect("parts");
    assert_eq!(parts.len(), 3);
    // Read out of order, put together in order.
    let mut read: Vec<(usize, Vec<String>)> = Vec::new();
    for (at, part) in parts.into_iter().enumerate().rev() {
        let mut sink = Lines::default();
        part.read(&mut sink).expect("read");
        read.push((at, sink.lines));
    }
    read.sort_by_key(|(at, _)| *at);
    assert_eq!(read.into_iter().flat_map(|(_, lines)| lines).collect::<Vec<_>>(), ids);
}

struct StopAfter(usize);

impl CellSink for StopAfter {
    fn cell(&mut self, _: Cell<'_>) {}

    fn end_row(&mut self) -> Result<(), Stopped> {
        self.0 = self.0.checked_sub(1).ok_or(Stopped)?;
        Ok(())
    }
}

fn only_part(snapshot: &dyn Snapshot, text: &str, data: &Data) -> Box<dyn engine::Part> {
    let question = Question::new(text, &data.zone);
    let query = zoql::compile(text, snapshot.catalog(), &question.options).expect("compiles").query;
    let mut parts = snapshot.parts(&query, &Rows::LIVE).expect("parts");
    assert_eq!(parts.len(), 1);
    parts.remove(0)
}

#[test]
fn a_sink_that_wants_no_more_stops_the_reader() {
    let data = Data::new();
    name_all(&data, "x");
    let snapshot = data.source.begin().expect("a snapshot");
    let fault = only_part(&*snapshot, "select Id from Account", &data).read(&mut StopAfter(10)).expect_err("stopped");
    assert_eq!(fault.kind, Kind::Stopped);
}

#[test]
fn a_cancelled_snapshot_stops_a_statement_that_has_no_row_to_show() {
    let data = Data::new();
    upsert_accounts(&data, (0..5_000).map(|at| (format!("a{at}"), "x".to_owned())));
    let snapshot = data.source.begin().expect("a snapshot");
    snapshot.cancel();
    let part = only_part(&*snapshot, "select Name, count(Id) from Account group by Name", &data);
    assert_eq!(part.read(&mut StopAfter(10)).expect_err("stopped").kind, Kind::Stopped);
    // Its connections serve others again.
    drop(snapshot);
    assert_eq!(data.query("select count(Id) from Account")[1..], ["5000"]);
}

/// What a server keeps open for each of its tenants must not grow with what they once asked for at one time.
#[cfg(target_os = "linux")]
#[test]
fn no_reader_rests_after_upkeep() {
    let data = Data::new();
    let source = data.reopen(Arc::clone(Catalog::builtin())).expect("opens").with_readers(3);
    let path = data.folder.path().join("data.sqlite").canonicalize().expect("it is there");
    let open = || {
        let files = std::fs::read_dir("/proc/self/fd").expect("a list");
        files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok()).filter(|file| *file == path).count()
    };
    let before = open();
    let snapshots: Vec<_> = (0..5).map(|_| source.begin().expect("a snapshot")).collect();
    assert_eq!(open(), before + 15);
    drop(snapshots);
    source.tidy().expect("tidied");
    assert_eq!(open(), before);
}
