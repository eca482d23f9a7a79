//! What a session should return next, and what its client has made of it.

use std::collections::BTreeMap;

use aquifer::config::SessionPolicy;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::tables::{Line, Object, Tables};

pub const HALF_YEAR: SignedDuration = SignedDuration::from_hours(180 * 24);

/// A query, by all that makes it another one for its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Query {
    pub object: Object,
    /// The last column comes first: another text.
    pub is_turned: bool,
    /// Its deleted column, name and format.
    pub deleted: Option<(&'static str, &'static str)>,
}

impl Query {
    pub fn usual(object: Object) -> Query {
        Query { object, is_turned: false, deleted: Some(("Deleted", "Boolean")) }
    }

    /// As it is submitted, with some number of blanks in between.
    pub fn json(self, blanks: usize) -> Value {
        let mut columns = match self.object {
            Object::Account => vec!["Id", "Name"],
            Object::Contact => vec!["Id", "FirstName", "Account.Name"],
        };
        columns.rotate_right(usize::from(self.is_turned));
        let (columns, object) = (columns.join(", "), self.object.name());
        let query = format!("select{}{columns} from {object}", " ".repeat(blanks));
        let deleted = self.deleted.map(|(column, format)| json!({ "column": column, "format": format }));
        json!({ "name": object, "query": query, "deleted": deleted })
    }

    /// The rows of its file.
    pub fn read(self, csv: &str) -> BTreeMap<u64, Line> {
        let lines: Vec<_> = csv.lines().skip(1).map(|line| self.line(line)).collect();
        let rows: BTreeMap<_, _> = lines.iter().cloned().collect();
        assert_eq!(rows.len(), lines.len(), "a row came twice: {csv}");
        rows
    }

    fn line(self, line: &str) -> (u64, Line) {
        let mut cells: Vec<&str> = line.split(',').collect();
        let is_deleted = self.deleted.is_some() && ["true", "1"].contains(&cells.remove(0));
        cells.rotate_left(usize::from(self.is_turned));
        let joined = cells.get(2).map(|name| (*name).to_owned());
        (cells[0].parse().unwrap(), Line { is_deleted, name: cells[1].to_owned(), joined })
    }
}

/// What a job is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Ask {
    /// What has come since the session's last job; with an offset in seconds.
    Next { offset: u32 },
    /// An increment once more.
    Replay(u32),
    /// With a time of its own.
    Since(Timestamp),
}

/// A batch that has completed, as the status of its job says, and the rows that its file must have.
pub struct Batch {
    pub query: Query,
    pub file: String,
    pub window: Window,
    pub snapshot: i64,
    pub rows: BTreeMap<u64, Line>,
}

/// The number of a load in a position, `7@2026-11-21T20:00:00Z`.
pub fn load_of(position: &str) -> i64 {
    position.split('@').next().unwrap().parse().unwrap()
}

/// Which rows a batch has returned.
#[derive(Debug, Clone)]
pub struct Window {
    pub full: Option<String>,
    /// 0 if it is full.
    pub from: i64,
    pub to: i64,
}

impl Window {
    pub fn read(batch: &Value) -> Window {
        let end = |name| batch["window"][name]["position"].as_str().map(load_of);
        let full = batch["fullReason"].as_str().map(str::to_owned);
        Window { full, from: end("from").unwrap_or(0), to: end("to").unwrap() }
    }

    /// How it begins when it is asked for once more.
    fn again(&self) -> Start {
        match &self.full {
            Some(reason) => Start { reasons: vec![reason.clone()], window: None },
            None => Start { reasons: vec![], window: Some((self.from, i64::MAX)) },
        }
    }
}

/// How a batch may begin: full for one of these reasons, or, if there is a window, after its first number, with deletions of
/// rows that came up to its second.
struct Start {
    reasons: Vec<String>,
    window: Option<(i64, i64)>,
}

impl Start {
    fn full(reasons: &[&str]) -> Start {
        Start { reasons: reasons.iter().map(|reason| (*reason).to_owned()).collect(), window: None }
    }
}

struct Seen {
    /// Where its last window ended.
    mark: i64,
    /// Up to where the client may have seen rows through jobs that did not move the session.
    shown: i64,
    at: Timestamp,
    increment: u32,
    /// Whether that was not delivered before it was forgotten.
    is_lost: bool,
}

pub struct Increment {
    pub number: u32,
    pub windows: Vec<(Query, Window)>,
    ended_at: Timestamp,
    /// Whether the server says so.
    pub is_delivered: bool,
    /// Whether the client has all of it, or has said so.
    pub is_taken: bool,
}

impl Increment {
    fn window(&self, query: Query) -> Option<&Window> {
        self.windows.iter().find(|(one, _)| *one == query).map(|(_, window)| window)
    }
}

/// One session, and its client.
pub struct Session {
    pub project: &'static str,
    policy: SessionPolicy,
    seen: BTreeMap<Query, Seen>,
    /// The queries of the last job, and when it ended.
    pub last: Option<(Vec<Query>, Timestamp)>,
    pub increments: Vec<Increment>,
    count: u32,
    pub views: BTreeMap<Query, View>,
}

impl Session {
    pub fn new(project: &'static str, policy: SessionPolicy) -> Session {
        let (seen, views) = (BTreeMap::new(), BTreeMap::new());
        Session { project, policy, seen, last: None, increments: Vec::new(), count: 0, views }
    }

    /// Which queries a job has that gives these, and wants the last ones too.
    pub fn with_last(&self, given: &[Query]) -> Vec<Query> {
        let last = self.last.iter().flat_map(|(queries, _)| queries).copied();
        let kept = last.filter(|query| given.iter().all(|one| one.object != query.object));
        kept.chain(given.iter().copied()).collect()
    }

    /// Checks that a batch has returned the window that it should, and finds the rows that its file must have.
    pub fn check(
        &self,
        tables: &Tables,
        now: Timestamp,
        ask: Ask,
        query: Query,
        window: &Window,
        snapshot: i64,
    ) -> BTreeMap<u64, Line> {
        let mut start = self.start(tables, now, ask, query);
        if let (Some((from, _)), Ask::Next { .. } | Ask::Replay(_), Some(_)) = (start.window, ask, query.deleted) {
            // A deletion that nobody can tell any more: it must begin anew, and may if one of another object is gone.
            if from < tables.purged {
                start.reasons.push("expired".to_owned());
            }
            start.window = start.window.filter(|_| from >= tables.forgotten(query.object));
        }
        if let Some(reason) = &window.full {
            assert!(
                start.reasons.contains(reason),
                "full: {reason}, instead of {:?} or {:?}",
                start.reasons,
                start.window
            );
            assert_eq!(window.to, snapshot);
            return tables.live(query.object, snapshot);
        }
        let (from, known) = start.window.unwrap_or_else(|| panic!("it should be full: {:?}", start.reasons));
        let until = match ask {
            Ask::Next { offset } if offset > 0 => tables.before(now - SignedDuration::from_secs(offset.into())),
            _ => snapshot,
        };
        assert_eq!(window.from, from, "windows without a gap or overlap");
        assert_eq!(window.to, until.max(from), "the window's end");
        let known = if query.deleted.is_some() { known } else { -1 };
        tables.changed(query.object, window.from, window.to, known, snapshot)
    }

    fn start(&self, tables: &Tables, now: Timestamp, ask: Ask, query: Query) -> Start {
        match ask {
            Ask::Since(at) => Start { reasons: vec![], window: Some((tables.before(at), i64::MAX)) },
            Ask::Replay(number) => {
                let increment = self.increments.iter().find(|increment| increment.number == number).unwrap();
                increment.window(query).unwrap().again()
            }
            Ask::Next { .. } => {
                let start = self.next(query, now);
                if start.window.is_some() && self.policy == SessionPolicy::Hold && self.seen[&query].is_lost {
                    return Start::full(&["expired"]);
                }
                self.held(query).filter(|_| start.window.is_some()).map_or(start, Window::again)
            }
        }
    }

    fn next(&self, query: Query, now: Timestamp) -> Start {
        match self.seen.get(&query) {
            None if self.count == 0 => Start::full(&["first"]),
            None if self.seen.is_empty() => Start::full(&["expired"]),
            None => self.why_unseen(query),
            Some(_) if self.last.as_ref().unwrap().1 + HALF_YEAR < now => Start::full(&["expired"]),
            Some(seen) => Start { reasons: vec![], window: Some((seen.mark, seen.mark.max(seen.shown))) },
        }
    }

    /// By the query that has had its name last. Of several at one time it may be any.
    fn why_unseen(&self, query: Query) -> Start {
        let namesakes = || self.seen.iter().filter(|(one, _)| one.object == query.object);
        let Some(last_at) = namesakes().map(|(_, seen)| seen.at).max() else { return Start::full(&["new-query"]) };
        let why = |(one, _): (&Query, &Seen)| match one.is_turned == query.is_turned {
            true => "deleted-column-changed",
            false => "query-changed",
        };
        let reasons: Vec<_> = namesakes().filter(|(_, seen)| seen.at == last_at).map(why).collect();
        Start::full(&reasons)
    }

    /// The first of the windows that have not arrived, if the session waits for them.
    fn held(&self, query: Query) -> Option<&Window> {
        let increments = self.increments.iter().rev().filter(|_| self.policy == SessionPolicy::Hold);
        let windows = increments.filter_map(|increment| Some((increment.is_delivered, increment.window(query)?)));
        windows.take_while(|(is_delivered, _)| !is_delivered).last().map(|(_, window)| window)
    }

    /// Learns of a job that has ended; answers which increment it is, if any.
    pub fn ended(
        &mut self,
        ask: Ask,
        queries: &[Query],
        is_completed: bool,
        batches: &[Batch],
        now: Timestamp,
    ) -> Option<u32> {
        if is_completed && !matches!(ask, Ask::Replay(_)) {
            self.last = Some((queries.to_vec(), now));
        }
        if !is_completed || !matches!(ask, Ask::Next { .. }) {
            for batch in batches {
                // Its file is there, and shows what the session has not come to.
                self.seen.entry(batch.query).and_modify(|seen| seen.shown = batch.snapshot);
            }
            return None;
        }
        self.count += 1;
        for batch in batches {
            let shown = self.seen.get(&batch.query).map_or(0, |seen| seen.shown);
            let seen = Seen { mark: batch.window.to, shown, at: now, increment: self.count, is_lost: false };
            self.seen.insert(batch.query, seen);
        }
        self.increments.push(Increment {
            number: self.count,
            windows: batches.iter().map(|batch| (batch.query, batch.window.clone())).collect(),
            ended_at: now,
            // Nobody needs to download a file without rows.
            is_delivered: batches.iter().all(|batch| batch.rows.is_empty()),
            is_taken: batches.iter().all(|batch| batch.rows.is_empty()),
        });
        Some(self.count)
    }

    /// What the server forgets with time.
    pub fn purge(&mut self, now: Timestamp) {
        let is_over = |increment: &Increment| increment.ended_at <= now - HALF_YEAR;
        let lost = self.increments.extract_if(.., |increment| is_over(increment)).filter(|one| !one.is_delivered);
        let lost: Vec<u32> = lost.map(|one| one.number).collect();
        for seen in self.seen.values_mut() {
            seen.is_lost |= lost.contains(&seen.increment);
        }
        self.seen.retain(|_, seen| seen.at > now - HALF_YEAR * 2);
        if self.last.as_ref().is_some_and(|(_, at)| *at <= now - HALF_YEAR * 2) {
            (self.last, self.count) = (None, 0);
        }
    }

    /// The client has the whole of an increment.
    pub fn took(&mut self, number: u32) {
        let increment = self.increments.iter_mut().find(|increment| increment.number == number);
        increment.unwrap().is_taken = true;
    }

    /// An increment that returns what a client lacks if it is replayed.
    pub fn remedy(&self, query: Query) -> Option<u32> {
        let sure = self.views[&query].sure;
        let reaches = |window: &Window| window.full.is_some() || window.from <= sure;
        let increments = self.increments.iter().rev();
        increments.filter(|one| one.window(query).is_some_and(reaches)).map(|one| one.number).next()
    }

    pub fn position(&self, query: Query) -> i64 {
        self.seen[&query].mark
    }
}

/// What a client has merged of a query, by Id: the names.
#[derive(Default)]
pub struct View {
    rows: BTreeMap<u64, String>,
    /// Up to which position nothing is missing.
    pub sure: i64,
}

impl View {
    pub fn merge(&mut self, batch: &Batch, tables: &Tables) {
        let Batch { query, window, rows, .. } = batch;
        if window.full.is_some() {
            (self.rows, self.sure) = (BTreeMap::new(), window.to);
        }
        for (id, line) in rows {
            match line.is_deleted {
                true => drop(self.rows.remove(id)),
                false => drop(self.rows.insert(*id, line.name.clone())),
            }
        }
        let lacks_deletions = query.deleted.is_some() && window.from < tables.forgotten(query.object);
        if window.from <= self.sure && (!lacks_deletions || self.sure >= tables.forgotten(query.object)) {
            self.sure = self.sure.max(window.to);
        }
        self.check(*query, tables);
    }

    pub fn names(&self) -> &BTreeMap<u64, String> {
        &self.rows
    }

    /// That it is the table, as far as it has come. Who does not ask for deletions does not know of them.
    pub fn check(&self, query: Query, tables: &Tables) {
        for (id, name) in tables.settled(query.object, self.sure) {
            if name.is_some() || query.deleted.is_some() {
                assert_eq!(self.rows.get(&id).map(String::as_str), name, "row {id}, up to {}", self.sure);
            }
        }
        let is_right = |id: &u64| tables.has(query.object, *id) || tables.forgotten(query.object) > self.sure;
        let is_right = |id: &u64| query.deleted.is_none() || is_right(id);
        assert!(self.rows.keys().all(is_right), "more than the table up to {}", self.sure);
    }
}
