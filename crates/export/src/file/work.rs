//! What a worker does: read parts, encode and deflate them.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::block::{BLOCK, Block, Pool};
use super::window::Window;
use super::{Error, FileSpec};
use crate::cell::{Cell, CellSink, Stopped};
use crate::compress::Compressor;
use crate::csv::Encoder;

/// Reads parts until there are no more, or no more are wanted.
pub(super) fn work<I, P, E>(window: &Window<'_, I, E>, spec: &FileSpec, pool: &Pool)
where
    I: Iterator<Item = P>,
    P: FnOnce(&mut dyn CellSink) -> Result<(), E>,
{
    let mut sink = Sink {
        window,
        pool,
        encoder: Encoder::new(&spec.columns, &spec.style),
        compressor: spec.compressor(),
        part: 0,
        rows: 0,
        told_to_stop: false,
    };
    sink.encoder.take(pool.take());
    // Unwind safe: after a panic the sink is not used any more.
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        while let Some((part, read)) = window.take_part() {
            sink.part = part;
            read(&mut sink).map_err(Error::Source)?;
            sink.end_part();
        }
        sink.help();
        Ok(())
    }));
    match outcome {
        Ok(Ok(())) => {}
        // Only the echo of the sink's own refusal, whatever the part made of it.
        Ok(Err(_)) if sink.told_to_stop => {}
        Ok(Err(error)) => window.fail(sink.part, error),
        Err(panic) => window.fail(sink.part, Error::Panicked(message(panic.as_ref()))),
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}

/// Where a worker's parts write their rows.
pub(super) struct Sink<'a, I, E> {
    window: &'a Window<'a, I, E>,
    pool: &'a Pool,
    encoder: Encoder,
    /// If the file is deflated.
    compressor: Option<Compressor>,
    part: usize,
    /// In the encoder now.
    rows: u64,
    told_to_stop: bool,
}

impl<I, E> Sink<'_, I, E> {
    fn hand_over(&mut self) -> Result<(), Stopped> {
        let mut block = self.take_block();
        if let Some(compressor) = &mut self.compressor {
            match self.window.offer(self.part, block)? {
                Some(ours) => block = ours.deflate(compressor),
                None => return Ok(()),
            }
        }
        self.window.push(self.part, block)
    }

    fn end_part(&mut self) {
        let mut block = self.take_block();
        if let Some(compressor) = &mut self.compressor {
            block = block.deflate(compressor);
        }
        self.window.end(self.part, block);
    }

    /// Deflates for others, until all have read their parts.
    fn help(&mut self) {
        if let Some(compressor) = &mut self.compressor {
            self.window.begin_to_help();
            while let Some((place, block)) = self.window.take_offered() {
                self.window.give_back(place, block.deflate(compressor));
            }
        }
    }

    fn take_block(&mut self) -> Block {
        let bytes = self.pool.buffer(self.encoder.take(self.pool.take()));
        Block::of_csv(bytes, std::mem::take(&mut self.rows))
    }
}

impl<I, E> CellSink for Sink<'_, I, E> {
    #[inline]
    fn cell(&mut self, cell: Cell<'_>) {
        self.encoder.cell(cell);
    }

    #[inline]
    fn begin_run(&mut self) {
        self.encoder.begin_run();
    }

    #[inline]
    fn end_run(&mut self, run: usize) {
        self.encoder.end_run(run);
    }

    #[inline]
    fn repeat_run(&mut self, run: usize) -> bool {
        self.encoder.repeat_run(run)
    }

    fn end_row(&mut self) -> Result<(), Stopped> {
        self.encoder.end_row()?;
        self.rows += 1;
        let taken = match self.window.is_stopped() {
            true => Err(Stopped),
            false if self.encoder.as_bytes().len() >= BLOCK => self.hand_over(),
            false => Ok(()),
        };
        self.told_to_stop |= taken.is_err();
        taken
    }
}
