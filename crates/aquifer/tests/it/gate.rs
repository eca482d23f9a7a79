//! Data that waits to be read until it is told to go on, so that a test can look at a job in the middle.

use std::sync::{
    Arc, Condvar, Mutex,
    atomic::{AtomicBool, Ordering},
};

use engine::{Error, Part, Position, Result, Rows, Snapshot, Source, error::Kind};
use export::CellSink;
use jiff::Timestamp;
use tokio::sync::watch;
use zoql::{Catalog, bound};

/// Lets the reading of a part begin only when it is open.
pub struct Gate {
    source: Arc<dyn Source>,
    state: Arc<State>,
}

struct State {
    open: Mutex<bool>,
    moved: Condvar,
    /// How many parts have come to the gate.
    waiting: watch::Sender<usize>,
    /// What parts fail with instead of being read.
    failing: AtomicBool,
}

impl Gate {
    pub fn closed(source: Arc<dyn Source>) -> Arc<Gate> {
        let state = State {
            open: Mutex::new(false),
            moved: Condvar::new(),
            waiting: watch::Sender::new(0),
            failing: AtomicBool::new(false),
        };
        Arc::new(Gate { source, state: Arc::new(state) })
    }

    pub fn open(&self) {
        *self.state.open.lock().unwrap() = true;
        self.state.moved.notify_all();
    }

    pub fn fail(&self) {
        self.state.failing.store(true, Ordering::Relaxed);
        self.open();
    }

    /// Waits until as many parts as that have come to the gate.
    pub async fn reached(&self, parts: usize) {
        self.state.waiting.subscribe().wait_for(|waiting| *waiting >= parts).await.unwrap();
    }
}

impl Source for Gate {
    fn catalog(&self) -> Result<Arc<Catalog>> {
        self.source.catalog()
    }

    fn begin(&self) -> Result<Arc<dyn Snapshot>> {
        let view = self.source.begin()?;
        Ok(Arc::new(Gated { view, state: self.state.clone(), cancelled: Arc::default() }))
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

    fn later(&self, one: Position, other: Position) -> Result<Position> {
        self.view.later(one, other)
    }

    fn knows_deletions_since(&self, position: &Position) -> Result<bool> {
        self.view.knows_deletions_since(position)
    }

    fn taken_at(&self) -> Timestamp {
        self.view.taken_at()
    }

    fn catalog(&self) -> &Arc<Catalog> {
        self.view.catalog()
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
        let gated = |part| -> Box<dyn Part> {
            Box::new(GatedPart { part, state: self.state.clone(), cancelled: self.cancelled.clone() })
        };
        Ok(parts.into_iter().map(gated).collect())
    }
}

struct GatedPart {
    part: Box<dyn Part>,
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
        if self.state.failing.load(Ordering::Relaxed) {
            return Err(Error::new(Kind::Storage, "the disk is broken"));
        }
        self.part.read(sink)
    }
}
