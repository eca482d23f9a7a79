//! Several things at one time, and not too many.

use std::{
    num::NonZeroUsize,
    panic,
    sync::{Condvar, Mutex, PoisonError},
    thread,
};

use crate::client::Result;

/// Does the work on every item, on so many threads. After a fault, what has begun goes on to its end and nothing else
/// begins; one of the faults is returned.
pub fn side_by_side<Items>(threads: usize, items: Items, work: impl Fn(Items::Item) -> Result<()> + Sync) -> Result<()>
where
    Items: IntoIterator<Item: Send, IntoIter: Send>,
{
    let items = Mutex::new(Some(items.into_iter()));
    let next = || items.lock().unwrap_or_else(PoisonError::into_inner).as_mut()?.next();
    let stop = || *items.lock().unwrap_or_else(PoisonError::into_inner) = None;
    let work_on = || {
        while let Some(item) = next() {
            work(item).inspect_err(|_| stop())?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work_on)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|fault| panic::resume_unwind(fault)))
    })
}

/// How many connections there may be, and how many are free.
pub struct Connections {
    all: usize,
    free: Mutex<usize>,
    freed: Condvar,
}

impl Connections {
    pub fn new(all: NonZeroUsize) -> Connections {
        Connections { all: all.get(), free: Mutex::new(all.get()), freed: Condvar::new() }
    }

    pub fn all(&self) -> usize {
        self.all
    }

    /// Waits until one is free.
    pub fn take(&self) -> Connection<'_> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = self.freed.wait_while(free, |free| *free == 0).unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Connection(self)
    }
}

/// One that is in use until it is dropped.
pub struct Connection<'a>(&'a Connections);

impl Drop for Connection<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.freed.notify_one();
    }
}
