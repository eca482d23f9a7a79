//! Puts what several workers write at the same time in order, holding little of it.
//!
//! Workers take parts in order. Each part taken has a lane, a short queue of blocks. The writer empties the first lane
//! and goes on to the next when that part has ended. A part that is ahead of its turn waits when its lane is full, and
//! parts are taken only while few lanes are open. The first lane is always being emptied and its part is always being
//! read, so somebody always gets on.

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
}

struct State<E> {
    /// The part whose turn it is, which has the first lane.
    turn: usize,
    lanes: VecDeque<Lane>,
    /// There are no more parts to take.
    exhausted: bool,
    failure: Option<(usize, Error<E>)>,
}

#[derive(Default)]
struct Lane {
    blocks: VecDeque<Block>,
    ended: bool,
}

impl<'a, I, E> Window<'a, I, E> {
    pub(super) fn new(parts: I, threads: usize, progress: &'a Progress) -> Window<'a, I, E> {
        Window {
            parts: Mutex::new(parts),
            max_lanes: threads + SPARE_LANES,
            progress,
            stopped: AtomicBool::new(false),
            state: Mutex::new(State { turn: 0, lanes: VecDeque::new(), exhausted: false, failure: None }),
            room: Condvar::new(),
            ready: Condvar::new(),
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
        state.lane(part).blocks.push_back(block);
        self.wake_writer(&state, part);
        Ok(())
    }

    /// Queues the last block of a part. It finds room always, so that its worker can read on.
    pub(super) fn end(&self, part: usize, block: Block) {
        let mut state = lock(&self.state);
        let lane = state.lane(part);
        lane.blocks.push_back(block);
        lane.ended = true;
        self.wake_writer(&state, part);
    }

    /// The next block of the file, when it is there; `None` at the end.
    pub(super) fn next_block(&self) -> Result<Option<Block>, Refused> {
        let mut state = lock(&self.state);
        loop {
            if self.is_stopped() {
                return Err(Refused::Stopped);
            }
            if let Some(lane) = state.lanes.front_mut() {
                if let Some(block) = lane.blocks.pop_front() {
                    self.room.notify_all();
                    return Ok(Some(block));
                }
                if lane.ended {
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
}

/// A panic under one of our locks leaves nothing half done: they guard single pushes and pops.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wait<'a, T>(condition: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condition.wait_timeout(guard, LOOK_UP).unwrap_or_else(PoisonError::into_inner).0
}
