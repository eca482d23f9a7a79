//! Puts what several workers write at the same time in order, holding little of it.
//!
//! Workers take parts in order. Each part taken has a lane, a short queue of blocks. The writer empties the first lane
//! and goes on to the next when that part has ended. A part that is ahead of its turn waits when its lane is full, and
//! parts are taken only while few lanes are open. The first lane is always being emptied and its part is always being
//! read, so somebody always gets on.
//!
//! When there are no more parts to take, workers that have read theirs help those that still read, if there is anything
//! to help with: a block of CSV that is to be deflated is offered to them, and its place is kept. So a file of one part
//! is compressed on all cores as well.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::block::Block;
use super::{Error, Progress};
use crate::cell::Stopped;
use crate::destination::Refused;

/// Blocks that a part may be ahead: 8 MiB.
const LANE: usize = 32;

/// Lanes that may be open beyond those being read: parts that ended before their turn came.
const SPARE_LANES: usize = 2;

/// Blocks that may wait for each helper. With none waiting it would be idle for as long as the next one takes to read.
const OFFERS: usize = 2;

/// How often those who wait look whether the file was cancelled, which rings no bell.
const LOOK_UP: Duration = Duration::from_millis(5);

pub(super) struct Window<'a, I, E> {
    parts: Mutex<I>,
    max_lanes: usize,
    progress: &'a Progress,
    stopped: AtomicBool,
    state: Mutex<State<E>>,
    /// For workers: a lane got shorter, or was closed.
    room: Condvar,
    /// For the writer: the first lane got a block, or was ended.
    ready: Condvar,
    /// For helpers: a block was offered, or a part has ended.
    help: Condvar,
}

struct State<E> {
    /// The part whose turn it is, which has the first lane.
    turn: usize,
    lanes: VecDeque<Lane>,
    /// There are no more parts to take.
    exhausted: bool,
    /// Workers that read no part any more.
    helpers: usize,
    /// Blocks that wait for one of them.
    offered: usize,
    failure: Option<(usize, Error<E>)>,
}

#[derive(Default)]
struct Lane {
    blocks: VecDeque<Slot>,
    /// How many blocks have left it.
    gone: usize,
    ended: bool,
}

enum Slot {
    Ready(Block),
    /// Waits for a helper.
    Offered(Block),
    /// A helper is at it.
    Away,
}

/// The place of a block that a helper is at.
pub(super) struct Place {
    part: usize,
    /// In the part, from 0.
    block: usize,
}

impl<'a, I, E> Window<'a, I, E> {
    pub(super) fn new(parts: I, threads: usize, progress: &'a Progress) -> Window<'a, I, E> {
        Window {
            parts: Mutex::new(parts),
            max_lanes: threads + SPARE_LANES,
            progress,
            stopped: AtomicBool::new(false),
            state: Mutex::new(State {
                turn: 0,
                lanes: VecDeque::new(),
                exhausted: false,
                helpers: 0,
                offered: 0,
                failure: None,
            }),
            room: Condvar::new(),
            ready: Condvar::new(),
            help: Condvar::new(),
        }
    }

    /// Takes the next part with its number, when there is room for it. `None`: no more of them are wanted.
    pub(super) fn take_part(&self) -> Option<(usize, I::Item)>
    where
        I: Iterator,
    {
        // Held while waiting for room, so that parts get their lanes in order.
        let mut parts = lock(&self.parts);
        let state = self.wait_for_room(|state| state.lanes.len() < self.max_lanes).ok()?;
        drop(state);
        // Not under the lock of the state: an iterator may take its time.
        let part = parts.next();
        let mut state = lock(&self.state);
        match part {
            Some(part) => {
                state.lanes.push_back(Lane::default());
                Some((state.turn + state.lanes.len() - 1, part))
            }
            None => {
                state.exhausted = true;
                self.ready.notify_one();
                None
            }
        }
    }

    /// Queues a block of a part that goes on. Blocks while the part is too far ahead.
    pub(super) fn push(&self, part: usize, block: Block) -> Result<(), Stopped> {
        let mut state = self.wait_for_room(|state| state.lane(part).blocks.len() < LANE)?;
        state.lane(part).blocks.push_back(Slot::Ready(block));
        self.wake_writer(&state, part);
        Ok(())
    }

    /// Leaves a block of CSV to a helper, if there is one that will soon have time; else it comes back. Blocks while the
    /// part is too far ahead.
    pub(super) fn offer(&self, part: usize, block: Block) -> Result<Option<Block>, Stopped> {
        let mut state = self.wait_for_room(|state| state.lane(part).blocks.len() < LANE)?;
        if state.offered >= OFFERS * state.helpers {
            return Ok(Some(block));
        }
        state.lane(part).blocks.push_back(Slot::Offered(block));
        state.offered += 1;
        self.help.notify_one();
        Ok(None)
    }

    /// Becomes a helper, of which there is no way back.
    pub(super) fn begin_to_help(&self) {
        lock(&self.state).helpers += 1;
    }

    /// The next block to help with, to be given back in its place. `None`: there will be no more.
    pub(super) fn take_offered(&self) -> Option<(Place, Block)> {
        let mut state = lock(&self.state);
        loop {
            if self.is_stopped() {
                return None;
            }
            if let Some(taken) = state.take_offered() {
                return Some(taken);
            }
            if state.lanes.iter().all(|lane| lane.ended) {
                return None;
            }
            state = wait(&self.help, state);
        }
    }

    pub(super) fn give_back(&self, place: Place, block: Block) {
        let mut state = lock(&self.state);
        let lane = state.lane(place.part);
        let at = place.block - lane.gone;
        lane.blocks[at] = Slot::Ready(block);
        self.wake_writer(&state, place.part);
    }

    /// Queues the last block of a part. It finds room always, so that its worker can read on.
    pub(super) fn end(&self, part: usize, block: Block) {
        let mut state = lock(&self.state);
        let lane = state.lane(part);
        lane.blocks.push_back(Slot::Ready(block));
        lane.ended = true;
        self.wake_writer(&state, part);
        self.help.notify_all();
    }

    /// The next block of the file, when it is there; `None` at the end.
    pub(super) fn next_block(&self) -> Result<Option<Block>, Refused> {
        let mut state = lock(&self.state);
        loop {
            if self.is_stopped() {
                return Err(Refused::Stopped);
            }
            if let Some(lane) = state.lanes.front_mut() {
                if let Some(block) = lane.pop_ready() {
                    self.room.notify_all();
                    return Ok(Some(block));
                }
                if lane.ended && lane.blocks.is_empty() {
                    state.lanes.pop_front();
                    state.turn += 1;
                    self.room.notify_all();
                    continue;
                }
            } else if state.exhausted {
                return Ok(None);
            }
            state = wait(&self.ready, state);
        }
    }

    /// Stops everybody. Of several failures that of the earliest part is kept.
    pub(super) fn fail(&self, part: usize, error: Error<E>) {
        let mut state = lock(&self.state);
        if state.failure.as_ref().is_none_or(|(earlier, _)| part < *earlier) {
            state.failure = Some((part, error));
        }
        drop(state);
        self.stop();
    }

    /// Whether nobody needs any more rows.
    #[inline]
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed) || self.progress.is_cancelled()
    }

    /// Stops the workers when the writer is through, be it by an error or a panic: nobody would empty the lanes.
    pub(super) fn stop_at_the_end(&self) -> impl Drop {
        struct Guard<F: Fn()>(F);
        impl<F: Fn()> Drop for Guard<F> {
            fn drop(&mut self) {
                (self.0)();
            }
        }
        Guard(|| self.stop())
    }

    pub(super) fn into_failure(self) -> Option<Error<E>> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        state.failure.map(|(_, error)| error)
    }

    fn stop(&self) {
        // Under the lock, so that nobody goes to sleep between looking and waiting.
        let _state = lock(&self.state);
        self.stopped.store(true, Ordering::Relaxed);
        self.room.notify_all();
        self.ready.notify_all();
        self.help.notify_all();
    }

    fn wait_for_room(&self, is_room: impl Fn(&mut State<E>) -> bool) -> Result<MutexGuard<'_, State<E>>, Stopped> {
        let mut state = lock(&self.state);
        loop {
            if self.is_stopped() {
                return Err(Stopped);
            }
            if is_room(&mut state) {
                return Ok(state);
            }
            state = wait(&self.room, state);
        }
    }

    fn wake_writer(&self, state: &State<E>, part: usize) {
        if part == state.turn {
            self.ready.notify_one();
        }
    }
}

impl<E> State<E> {
    /// The lane of a part that was taken and has not ended.
    fn lane(&mut self, part: usize) -> &mut Lane {
        &mut self.lanes[part - self.turn]
    }

    /// The earliest block that was offered.
    fn take_offered(&mut self) -> Option<(Place, Block)> {
        for (ahead, lane) in self.lanes.iter_mut().enumerate() {
            if let Some(at) = lane.blocks.iter().position(|slot| matches!(slot, Slot::Offered(_)))
                && let Slot::Offered(block) = std::mem::replace(&mut lane.blocks[at], Slot::Away)
            {
                self.offered -= 1;
                return Some((Place { part: self.turn + ahead, block: lane.gone + at }, block));
            }
        }
        None
    }
}

impl Lane {
    /// The next block of the part, if it is there and nobody is at it.
    fn pop_ready(&mut self) -> Option<Block> {
        match self.blocks.pop_front() {
            Some(Slot::Ready(block)) => {
                self.gone += 1;
                Some(block)
            }
            Some(slot) => {
                self.blocks.push_front(slot);
                None
            }
            None => None,
        }
    }
}

/// A panic under one of our locks leaves nothing half done: they guard single pushes and pops.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wait<'a, T>(condition: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condition.wait_timeout(guard, LOOK_UP).unwrap_or_else(PoisonError::into_inner).0
}
