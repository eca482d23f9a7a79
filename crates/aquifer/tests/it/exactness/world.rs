//! A server, its data and two clients, and what happens to them.

use std::{path::Path, sync::Arc};

use aquifer::{
    clock::{Clock as _, Manual},
    config::{Config, SessionPolicy},
    job::{JobId, State},
};
use engine::{
    Source as _,
    embedded::{Embedded, Load},
    error::Kind,
};
use export::Cell;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    copy, folder, open,
    server::Server,
    session::{Ask, Batch, HALF_YEAR, Query, Session, Window, load_of},
    settings,
    tables::{Object, Row, Tables},
};
use crate::{crash::Random, gate::Gate, server::epoch};

const STEPS: usize = 16;
/// Few rows, so that much happens to each.
const IDS: u64 = 6;
/// As often as the server purges what is over, or more often.
const UPKEEP: SignedDuration = SignedDuration::from_mins(10);

pub struct World {
    random: Random,
    config: Config,
    clock: Manual,
    source: Arc<Embedded>,
    gate: Arc<Gate>,
    tables: Tables,
    sessions: [Session; 2],
    server: Option<Server>,
    /// Whether half a year has passed without a job.
    has_rested: bool,
    purged_at: Timestamp,
    /// Last, for the server writes until it is gone.
    _dir: TempDir,
}

/// A job that has been submitted.
struct Asked {
    job: JobId,
    session: usize,
    queries: Vec<Query>,
    ask: Ask,
}

/// A job that has ended, with what it has published.
struct Ended {
    session: usize,
    state: State,
    batches: Vec<Batch>,
    /// The increment that it is, or has returned once more.
    increment: Option<u32>,
}

/// What a client downloads.
#[derive(Clone, Copy, PartialEq)]
enum Take {
    Whole,
    /// All but the last byte, which tells nothing; then it says that it has all.
    AllButTheEnd,
    /// Some files and not others.
    Some,
    Nothing,
}

impl World {
    pub fn new(seed: u64, template: &Path) -> World {
        let dir = folder();
        copy(template, dir.path());
        let mut random = Random(seed);
        let policies = [SessionPolicy::Advance, SessionPolicy::Warn, SessionPolicy::Hold];
        let mut config = settings(dir.path());
        config.tenant.session_policy = policies[random.below(3) as usize];
        config.runner.batch_parallelism = 1 + random.below(2) as usize;
        let clock = Manual::at(epoch());
        let source = open(&config, &clock);
        // Half of the histories are read by SQL only.
        let source = Arc::new(if random.below(2) == 0 { source } else { source.without_scan() });
        let gate = Gate::opened(source.clone());
        let sessions = ["nightly", "hourly"].map(|project| Session::new(project, config.tenant.session_policy));
        let mut world = World {
            random,
            _dir: dir,
            config,
            clock,
            source,
            gate,
            tables: Tables::default(),
            sessions,
            server: None,
            has_rested: false,
            purged_at: epoch(),
        };
        world.start();
        world
    }

    pub fn run(&mut self) {
        for _ in 0..STEPS {
            let session = self.random.below(2) as usize;
            match self.random.below(28) {
                0..8 => self.load(),
                8..15 => self.job(session),
                15..17 => self.replay(session),
                17..19 => self.since(session),
                19 => self.cancel(session),
                20 => self.fail(session),
                21..23 => self.queue(),
                23 => self.crash(),
                24 if self.random.below(4) == 0 => self.rest(),
                _ => {
                    let hours = self.random.below(30) as i64;
                    self.later(SignedDuration::from_hours(hours));
                }
            }
        }
        for session in 0..2 {
            self.catch_up(session);
        }
        self.crash();
    }

    fn load(&mut self) {
        let seconds = self.random.below(90) as i64;
        self.later(SignedDuration::from_secs(seconds));
        self.load_now();
    }

    fn load_now(&mut self) {
        let mut load = self.source.begin_load(self.clock.now()).unwrap();
        let mut changes = Vec::new();
        for _ in 0..=self.random.below(5) {
            let object = Object::ALL[self.random.below(2) as usize];
            let (id, row) = (self.random.below(IDS), self.row(object));
            write(&mut load, object, id, row.as_ref());
            changes.push((object, id, row));
        }
        if self.random.below(8) == 0 {
            // Never was.
            return;
        }
        let number = load_of(&load.commit().unwrap().0);
        self.tables.loaded(number, self.clock.now());
        for (object, id, row) in changes {
            self.tables.change(object, number, id, row);
        }
    }

    /// Values repeat, so some rows are written and do not change.
    fn row(&mut self, object: Object) -> Option<Row> {
        let name = format!("name {}", self.random.below(3));
        let account = (object == Object::Contact).then(|| self.random.below(IDS));
        (self.random.below(3) > 0).then_some(Row { name, account })
    }

    fn queries(&mut self) -> Vec<Query> {
        let which = self.random.below(3);
        let objects = Object::ALL.into_iter().filter(|object| which == 2 || *object as u64 == which);
        objects.collect::<Vec<_>>().into_iter().map(|object| self.query(object)).collect()
    }

    /// Mostly the same one, so that there are increments.
    fn query(&mut self, object: Object) -> Query {
        let usual = Query::usual(object);
        match self.random.below(12) {
            0 => Query { is_turned: true, ..usual },
            1 => Query { deleted: None, ..usual },
            2 => Query { deleted: Some(("Gone", "Boolean")), ..usual },
            3 => Query { deleted: Some(("Deleted", "Numeric")), ..usual },
            _ => usual,
        }
    }

    fn job(&mut self, session: usize) {
        let offset = if self.random.below(4) == 0 { self.random.below(120) as u32 } else { 0 };
        let ask = Ask::Next { offset };
        let is_deadly = self.may_die(8);
        let asked = match self.random.below(5) {
            0 => self.ask_as_last(session, ask),
            1 => self.ask_with_last(session, ask),
            _ => {
                let queries = self.queries();
                Some(self.ask(session, queries, ask))
            }
        };
        let Some(asked) = asked else { return };
        if is_deadly {
            self.some_steps();
            self.crash();
        }
        let ended = self.ended(asked);
        assert_eq!(ended.state, State::Completed);
        self.take_some(&ended);
    }

    /// Whether the server is to die over what comes, once in so many times. The next one purges when it starts, so it must
    /// find nothing: what has been answered before would not know of it.
    fn may_die(&mut self, times: u64) -> bool {
        let is_deadly = self.random.below(times) == 0;
        if is_deadly {
            self.purge();
        }
        is_deadly
    }

    /// A job without queries has the last ones, if there are any.
    fn ask_as_last(&mut self, session: usize, ask: Ask) -> Option<Asked> {
        let answer = self.submit(session, &[], ask, false);
        let Some((queries, _)) = self.sessions[session].last.clone() else {
            assert_eq!(answer["errorCode"], "90016");
            return None;
        };
        Some(Asked { job: id(&answer), session, queries, ask })
    }

    fn ask_with_last(&mut self, session: usize, ask: Ask) -> Option<Asked> {
        let given = self.queries();
        let queries = self.sessions[session].with_last(&given);
        let answer = self.submit(session, &given, ask, true);
        Some(Asked { job: id(&answer), session, queries, ask })
    }

    fn ask(&mut self, session: usize, queries: Vec<Query>, ask: Ask) -> Asked {
        let answer = self.submit(session, &queries, ask, false);
        Asked { job: id(&answer), session, queries, ask }
    }

    fn replay(&mut self, session: usize) {
        let increments = self.sessions[session].increments.len() as u64;
        if increments > 0 {
            let at = self.random.below(increments) as usize;
            let number = self.sessions[session].increments[at].number;
            let ended = self.replay_of(session, number);
            self.take_some(&ended);
        }
    }

    fn replay_of(&mut self, session: usize, number: u32) -> Ended {
        let Session { project, increments, .. } = &self.sessions[session];
        let increment = increments.iter().find(|increment| increment.number == number).unwrap();
        let queries = increment.windows.iter().map(|(query, _)| *query).collect();
        let answer = self.server().post(&format!("/sessions/acme/{project}/increments/{number}/replay"), &Value::Null);
        let ended = self.ended(Asked { job: id(&answer), session, queries, ask: Ask::Replay(number) });
        assert_eq!(ended.state, State::Completed);
        ended
    }

    /// A job with a time of its own: the instant of a load, or about that.
    fn since(&mut self, session: usize) {
        let load = self.random.below(8) as usize;
        let seconds = self.random.below(3) as i64 - 1;
        let at = self.tables.instant(load).unwrap_or(epoch()) + SignedDuration::from_secs(seconds);
        let queries = self.queries();
        let asked = self.ask(session, queries, Ask::Since(at));
        let ended = self.ended(asked);
        assert_eq!(ended.state, State::Completed);
        self.take_some(&ended);
    }

    /// What had finished before may be downloaded.
    fn cancel(&mut self, session: usize) {
        let queries = self.queries();
        let asked = self.ask(session, queries, Ask::Next { offset: 0 });
        self.some_steps();
        self.server().delete(&format!("/jobs/{}", asked.job));
        let ended = self.ended(asked);
        self.take_some(&ended);
    }

    /// A job that fails, unless there is nothing to read.
    fn fail(&mut self, session: usize) {
        self.gate.fail_with(Some(Kind::Corrupt));
        let queries = self.queries();
        let asked = self.ask(session, queries, Ask::Next { offset: 0 });
        let ended = self.ended(asked);
        self.gate.fail_with(None);
        self.take_some(&ended);
    }

    /// Several jobs before the first has ended, and loads in between; perhaps the server dies over it. Nobody downloads
    /// anything before they have all ended.
    fn queue(&mut self) {
        let is_deadly = self.may_die(4);
        let mut asked = Vec::new();
        for _ in 0..2 + self.random.below(3) {
            let (session, queries) = (self.random.below(2) as usize, self.queries());
            asked.push(self.ask(session, queries, Ask::Next { offset: 0 }));
            if self.random.below(2) == 0 {
                self.some_steps();
                self.load_now();
            }
        }
        if is_deadly {
            self.crash();
        }
        let ended: Vec<Ended> = asked.into_iter().map(|asked| self.ended(asked)).collect();
        for ended in ended {
            assert_eq!(ended.state, State::Completed);
            self.take_some(&ended);
        }
    }

    /// Half a year without a job.
    fn rest(&mut self) {
        self.has_rested = true;
        self.later(HALF_YEAR + SignedDuration::from_secs(1));
    }

    /// One more job, and a client that lacks nothing then: by itself if its session waited for it.
    fn catch_up(&mut self, session: usize) {
        let usual = Object::ALL.map(Query::usual);
        let asked = self.ask(session, usual.to_vec(), Ask::Next { offset: 0 });
        let ended = self.ended(asked);
        self.take(&ended, Take::Whole);
        for query in usual {
            let (view, position) = (&self.sessions[session].views[&query], self.sessions[session].position(query));
            if view.sure < position {
                assert!(self.config.tenant.session_policy != SessionPolicy::Hold, "{query:?} was lost");
                let remedy = self.sessions[session].remedy(query);
                assert!(remedy.is_some() || self.has_rested, "{query:?} is lost");
                let Some(number) = remedy else { continue };
                let ended = self.replay_of(session, number);
                self.take(&ended, Take::Whole);
            }
            let view = &self.sessions[session].views[&query];
            assert_eq!(*view.names(), self.tables.names(query.object));
        }
    }

    /// What a job has come to, which is held against the model.
    fn ended(&mut self, asked: Asked) -> Ended {
        let Asked { job, session, queries, ask } = asked;
        let state = self.server().end_of(job);
        let status = self.server().get(&format!("/jobs/{job}"));
        let now = self.clock.now();
        let mut batches = Vec::new();
        for (number, query) in (1..).zip(&queries) {
            let batch = &status["batches"][number - 1];
            if batch["status"] != "completed" {
                assert_ne!(state, State::Completed);
                continue;
            }
            let window = Window::read(batch);
            // With an offset nothing is said of it, but then nothing was loaded meanwhile.
            let snapshot = if matches!(ask, Ask::Next { offset: 1.. }) { self.tables.last() } else { window.to };
            let rows = self.sessions[session].check(&self.tables, now, ask, *query, &window, snapshot);
            assert_eq!(batch["recordCount"], rows.len(), "{query:?} {window:?} {rows:?}");
            assert_eq!(batch["full"], window.full.is_some());
            if matches!(ask, Ask::Since(_)) {
                self.check_warning(*query, &window, &status["warnings"], number);
            }
            let file = batch["fileId"].as_str().unwrap().to_owned();
            batches.push(Batch { query: *query, file, window, snapshot, rows });
        }
        assert_eq!(status["batches"].as_array().unwrap().len(), queries.len());
        let own = self.sessions[session].ended(ask, &queries, state == State::Completed, &batches, now);
        let increment = if let Ask::Replay(number) = ask { Some(number) } else { own };
        Ended { session, state, batches, increment }
    }

    /// Who asks for deletions that are forgotten is told so; perhaps also who might have.
    fn check_warning(&self, query: Query, window: &Window, warnings: &Value, number: usize) {
        let text = format!("query {number} may lack some");
        let warnings = warnings.as_array().unwrap();
        let is_warned = warnings.iter().any(|warning| warning.as_str().unwrap().ends_with(&text));
        let asks = query.deleted.is_some();
        assert!(is_warned || !asks || window.from >= self.tables.forgotten(query.object), "{window:?}");
        assert!(!is_warned || (asks && window.from < self.tables.purged), "{window:?}");
    }

    fn take_some(&mut self, ended: &Ended) {
        let take = match self.random.below(8) {
            0..5 => Take::Whole,
            5 => Take::AllButTheEnd,
            6 => Take::Some,
            _ => Take::Nothing,
        };
        self.take(ended, take);
    }

    /// Downloads files, each of which must have the rows that it should, and merges them.
    fn take(&mut self, ended: &Ended, take: Take) {
        let session = ended.session;
        let mut has_all = true;
        for batch in &ended.batches {
            let is_left = take == Take::Nothing || (take == Take::Some && self.random.below(2) == 0);
            // Nobody needs to download a file without rows.
            if is_left && !batch.rows.is_empty() {
                has_all = false;
                continue;
            }
            if !is_left {
                let csv = self.server().download(&batch.file, take == Take::AllButTheEnd);
                assert_eq!(batch.query.read(&csv), batch.rows, "{:?} {:?}", batch.query, batch.window);
            }
            let view = self.sessions[session].views.entry(batch.query).or_default();
            view.merge(batch, &self.tables);
        }
        let Some(number) = ended.increment.filter(|_| has_all) else { return };
        self.sessions[session].took(number);
        if take == Take::AllButTheEnd {
            let project = self.sessions[session].project;
            let done = self.server().post(&format!("/sessions/acme/{project}/increments/{number}/ack"), &Value::Null);
            assert_eq!(done["success"], true);
        }
        if self.config.tenant.session_policy == SessionPolicy::Hold {
            // A job without rows has nothing that could be downloaded.
            let is_noted = take != Take::Nothing && ended.batches.iter().any(|batch| !batch.rows.is_empty());
            while !self.is_delivered(session, number) && is_noted {}
        }
    }

    /// Whether the server takes an increment for delivered; never one that its client does not have.
    fn is_delivered(&mut self, session: usize, number: u32) -> bool {
        let project = self.sessions[session].project;
        let told = self.server().get(&format!("/sessions/acme/{project}"));
        let told = told["increments"].as_array().unwrap();
        for increment in &mut self.sessions[session].increments {
            let told = told.iter().find(|one| one["number"] == increment.number).unwrap();
            increment.is_delivered = told["delivered"].as_bool().unwrap();
            assert!(increment.is_taken || !increment.is_delivered, "{told}");
        }
        self.sessions[session].increments.iter().any(|one| one.number == number && one.is_delivered)
    }

    /// Moves the clock, and purges when the server would do so by itself.
    fn later(&mut self, by: SignedDuration) {
        self.clock.advance(by);
        if self.clock.now() >= self.purged_at + UPKEEP {
            self.purge();
        }
    }

    fn purge(&mut self) {
        self.server().tidy();
        let now = self.clock.now();
        self.purged_at = now;
        if self.tables.purge(now - SignedDuration::from_hours(24)) {
            let position = load_of(&self.source.begin().unwrap().position().0);
            self.tables.loaded(position, now);
        }
        self.sessions.iter_mut().for_each(|session| session.purge(now));
    }

    fn submit(&mut self, session: usize, queries: &[Query], ask: Ask, with_last: bool) -> Value {
        let queries = queries.iter().map(|query| query.json(1 + self.random.below(3) as usize));
        let mut body = json!({
            "version": "1.1", "partner": "acme", "project": self.sessions[session].project, "useQueryLabels": true,
            "queries": queries.collect::<Vec<_>>(), "useLastCompletedJobQueries": with_last,
        });
        match ask {
            Ask::Next { offset } => body["offset"] = offset.into(),
            Ask::Since(at) => {
                let local = at.to_zoned(TimeZone::get("America/Los_Angeles").unwrap()).datetime();
                let text = if self.random.below(2) == 0 { at.to_string() } else { local.to_string().replace('T', " ") };
                body["incrementalTime"] = text.into();
            }
            Ask::Replay(_) => panic!("a replay is asked for in other words"),
        }
        self.server().post("", &body)
    }

    fn start(&mut self) {
        self.server = Some(Server::start(&self.config, &self.clock, &self.gate));
        // It tidies up when it starts.
        self.purge();
    }

    /// Lets the server work for a moment, which may end anywhere in a job.
    fn some_steps(&mut self) {
        let steps = self.random.below(60);
        self.server().work(steps);
    }

    /// Stops the server between two steps, with nothing put in order, and starts another.
    fn crash(&mut self) {
        if let Some(server) = self.server.take() {
            server.die();
        }
        self.start();
    }

    fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }
}

fn id(answer: &Value) -> JobId {
    answer["id"].as_str().unwrap_or_else(|| panic!("{answer}")).parse().unwrap()
}

/// A row of a load; `None` deletes it.
fn write(load: &mut Load, object: Object, id: u64, row: Option<&Row>) {
    let found = load.catalog().find(object.name()).unwrap();
    let id = id.to_string();
    let Some(row) = row else {
        load.deleter(found).unwrap().delete(&id).unwrap();
        return;
    };
    let described = load.catalog().object(found);
    let fields: Vec<_> = object.fields().iter().map(|field| described.find_field(field).unwrap()).collect();
    let account = row.account.map(|account| account.to_string());
    let cells = [Some(id.as_str()), Some(&row.name), account.as_deref()];
    let cells: Vec<_> = cells.into_iter().flatten().map(Cell::Text).collect();
    load.rows(found, &fields).unwrap().upsert(&cells).unwrap();
}
