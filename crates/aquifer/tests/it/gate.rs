//! Data that waits to be read until it is told to go on, so that a test can look at a job in the middle; that cannot be read
//! at all for a while; and whose object model changes behind a job's back.

use std::sync::{
    Arc, Condvar, Mutex,
    atomic::{AtomicBool, Ordering},
};

use engine::{Error, Part, Position, Result, Rows, Snapshot, Source, error::Kind};
use export::CellSink;
use jiff::Timestamp;
use tokio::sync::watch;
use zoql::{
    Catalog, bound,
    catalog::{CatalogFiles, ObjectId},
};

/// Lets the reading of a part begin only when it is open.
pub struct Gate {
    source: Arc<dyn Source>,
    state: Arc<State>,
}

struct State {
    open: Mutex<bool>,
    moved: Condvar,
    /// How many parts stand at the gate.
    waiting: watch::Sender<usize>,
    /// What parts fail with instead of being read.
    failing: Mutex<Option<Kind>>,
    /// Whether tables have no end.
    endless: AtomicBool,
    /// What is told in the place of the data's own.
    catalog: Mutex<Option<Arc<Catalog>>>,
}

impl Gate {
    pub fn closed(source: Arc<dyn Source>) -> Arc<Gate> {
        let gate = Gate::opened(source);
        gate.close();
        gate
    }

    pub fn opened(source: Arc<dyn Source>) -> Arc<Gate> {
        let state = State {
            open: Mutex::new(true),
            moved: Condvar::new(),
            waiting: watch::Sender::new(0),
            failing: Mutex::default(),
            endless: AtomicBool::new(false),
            catalog: Mutex::default(),
        };
        Arc::new(Gate { source, state: Arc::new(state) })
    }

    pub fn close(&self) {
        *self.state.open.lock().unwrap() = false;
    }

    pub fn open(&self) {
        *self.state.open.lock().unwrap() = true;
        self.state.moved.notify_all();
    }

    /// Opens, but for nothing good, and for ever.
    pub fn fail(&self) {
        self.fail_with(Some(Kind::Corrupt));
        self.open();
    }

    /// Whoever passes fails with this from now on.
    pub fn fail_with(&self, kind: Option<Kind>) {
        *self.state.failing.lock().unwrap() = kind;
    }

    /// Reads what there is again and again, for ever.
    pub fn read_for_ever(&self) {
        self.state.endless.store(true, Ordering::Relaxed);
    }

    /// Waits until as many parts as that stand at the gate.
    pub async fn reached(&self, parts: usize) {
        self.state.waiting.subscribe().wait_for(|waiting| *waiting >= parts).await.unwrap();
    }

    /// Changes the object model, by lines as `objects.csv` has them.
    pub fn change_objects(&self, objects: &str) {
        let files = CatalogFiles { objects, fields: "", joins: "", date_changes: "" };
        let changed = self.source.catalog().unwrap().extended(&files).unwrap();
        *self.state.catalog.lock().unwrap() = Some(Arc::new(changed));
    }
}

impl State {
    fn catalog_or(&self, own: &Arc<Catalog>) -> Arc<Catalog> {
        self.catalog.lock().unwrap().as_ref().unwrap_or(own).clone()
    }
}

impl Source for Gate {
    fn catalog(&self) -> Result<Arc<Catalog>> {
        Ok(self.state.catalog_or(&self.source.catalog()?))
    }

    fn begin(&self) -> Result<Arc<dyn Snapshot>> {
        let view = self.source.begin()?;
        let catalog = self.state.catalog_or(view.catalog());
        Ok(Arc::new(Gated { view, catalog, state: self.state.clone(), cancelled: Arc::default() }))
    }

    fn purge_deleted(&self, before: Timestamp) -> Result<u64> {
        self.source.purge_deleted(before)
    }

    fn tidy(&self) -> Result<()> {
        self.source.tidy()
    }
}

struct Gated {
    view: Arc<dyn Snapshot>,
    catalog: Arc<Catalog>,
    state: Arc<State>,
    cancelled: Arc<AtomicBool>,
}

impl Snapshot for Gated {
    fn position(&self) -> &Position {
        self.view.position()
    }

    fn position_before(&self, at: Timestamp) -> Result<Position> {
        self.view.position_before(at)
    }

    fn has_passed(&self, position: &Position) -> Result<bool> {
        self.view.has_passed(position)
    }

    fn later(&self, one: Position, other: Position) -> Result<Position> {
        self.view.later(one, other)
    }

    fn knows_deletions_since(&self, object: ObjectId, position: &Position) -> Result<bool> {
        self.view.knows_deletions_since(object, position)
    }

    fn taken_at(&self) -> Timestamp {
        self.view.taken_at()
    }

    fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    fn cancel(&self) {
        self.view.cancel();
        // Under the lock: who is about to wait must not miss it.
        let _open = self.state.open.lock().unwrap();
        self.cancelled.store(true, Ordering::Relaxed);
        self.state.moved.notify_all();
    }

    fn parts(&self, query: &bound::Query, rows: &Rows) -> Result<Vec<Box<dyn Part>>> {
        let parts = self.view.parts(query, rows)?;
        let endless = self.state.endless.load(Ordering::Relaxed);
        let again = endless.then(|| (self.view.clone(), query.clone(), rows.clone()));
        let gated = |part| -> Box<dyn Part> {
            let (state, cancelled) = (self.state.clone(), self.cancelled.clone());
            Box::new(GatedPart { part, again: again.clone(), state, cancelled })
        };
        Ok(parts.into_iter().map(gated).collect())
    }
}

struct GatedPart {
    part: Box<dyn Part>,
    /// What to read once it is read.
    again: Option<(Arc<dyn Snapshot>, bound::Query, Rows)>,
    state: Arc<State>,
    cancelled: Arc<AtomicBool>,
}

impl Part for GatedPart {
    fn read(self: Box<Self>, sink: &mut dyn CellSink) -> Result<()> {
        self.state.waiting.send_modify(|waiting| *waiting += 1);
        let mut open = self.state.open.lock().unwrap();
        while !*open && !self.cancelled.load(Ordering::Relaxed) {
            open = self.state.moved.wait(open).unwrap();
        }
        drop(open);
        self.state.waiting.send_modify(|waiting| *waiting -= 1);
        // Not held while it reads: a reader may wait for its client, and others must go on.
        let failing = *self.state.failing.lock().unwrap();
        match failing {
            Some(kind) => return Err(Error::new(kind, "the disk is broken")),
            None => self.part.read(sink)?,
        }
        while let Some((view, query, rows)) = &self.again {
            for part in view.parts(query, rows)? {
                part.read(sink)?;
            }
        }
        Ok(())
    }
}
