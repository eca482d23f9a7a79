//! What a file holds, from its first byte to its last, and where it ends when the rows go on in another one.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::block::{Block, Pool};
use super::{FileSpec, Limits, Progress};
use crate::compress::{Checksum, Compressor, Frame, inflate};
use crate::csv::{Encoder, row_end};
use crate::destination::Refused;

/// The blocks of all parts, in order.
pub(super) struct Blocks<'a> {
    take: &'a mut dyn FnMut() -> Result<Option<Block>, Refused>,
    /// Taken and not used yet, in order.
    back: VecDeque<Block>,
    /// If the blocks are deflated.
    compressor: Option<Compressor>,
    pool: &'a Pool,
}

impl<'a> Blocks<'a> {
    /// `take` gives the next block, and `None` at the end.
    pub(super) fn new(
        take: &'a mut dyn FnMut() -> Result<Option<Block>, Refused>,
        spec: &FileSpec,
        pool: &'a Pool,
    ) -> Blocks<'a> {
        Blocks { take, back: VecDeque::new(), compressor: spec.compressor(), pool }
    }

    pub(super) fn are_left(&mut self) -> Result<bool, Refused> {
        match self.next()? {
            Some(block) => {
                self.back.push_front(block);
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// The next block that has rows.
    fn next(&mut self) -> Result<Option<Block>, Refused> {
        if let Some(block) = self.back.pop_front() {
            return Ok(Some(block));
        }
        loop {
            match (self.take)()? {
                Some(block) if block.rows == 0 => {}
                next => return Ok(next),
            }
        }
    }

    /// Puts a block back as two, the first of which has `rows`. Costs about as much as making the block did, and
    /// happens about once a file.
    fn put_back_split(&mut self, block: Block, rows: u64) {
        let inflated;
        let csv = match self.compressor {
            Some(_) => {
                inflated = inflate(block.bytes.as_ref(), block.csv.length);
                &inflated[..]
            }
            None => block.bytes.as_ref(),
        };
        let (first, second) = csv.split_at(row_end(csv, rows));
        for (csv, rows) in [(second, block.rows - rows), (first, rows)] {
            let mut buffer = self.pool.take();
            buffer.clear();
            buffer.extend_from_slice(csv);
            let mut half = Block::of_csv(self.pool.buffer(buffer), rows);
            if let Some(compressor) = &mut self.compressor {
                half = half.deflate(compressor);
            }
            self.back.push_front(half);
        }
    }
}

/// The header line, as each file begins with it.
pub(super) struct Header {
    bytes: Bytes,
    csv: Checksum,
}

impl Header {
    pub(super) fn new(spec: &FileSpec, pool: &Pool) -> Header {
        let mut encoder = Encoder::new(&spec.columns, &spec.style);
        encoder.header(&spec.columns);
        let mut block = Block::of_csv(pool.buffer(encoder.take(Vec::new())), 0);
        if let Some(mut compressor) = spec.compressor() {
            block = block.deflate(&mut compressor);
        }
        Header { csv: block.csv, bytes: Bytes::from_owner(block.bytes) }
    }
}

/// One file's bytes, piece by piece.
pub(super) struct Contents<'b, 'a> {
    blocks: &'b mut Blocks<'a>,
    header: &'b Header,
    frame: Frame,
    spec: &'b FileSpec,
    limits: &'b Limits,
    progress: &'b Progress,
    stage: Stage,
    rows: u64,
    /// How much has come out, all in all and without the frame.
    length: u64,
    deflated: u64,
    csv: Checksum,
}

enum Stage {
    Opening,
    Rows,
    Over,
}

/// What a file has room for.
enum Room {
    TheBlock,
    /// That many of its rows, not all of them.
    Rows(u64),
    Nothing,
}

impl<'b, 'a> Contents<'b, 'a> {
    pub(super) fn new(
        blocks: &'b mut Blocks<'a>,
        header: &'b Header,
        frame: Frame,
        spec: &'b FileSpec,
        limits: &'b Limits,
        progress: &'b Progress,
    ) -> Contents<'b, 'a> {
        let csv = header.csv;
        let deflated = header.bytes.len() as u64;
        let (stage, rows, length) = (Stage::Opening, 0, 0);
        Contents { blocks, header, frame, spec, limits, progress, stage, rows, length, deflated, csv }
    }

    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// The next piece; `None` at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, Refused> {
        let piece = match self.stage {
            Stage::Opening => {
                self.stage = Stage::Rows;
                Bytes::from([&self.frame.opening(), &self.header.bytes[..]].concat())
            }
            Stage::Rows => match self.next_block()? {
                Some(block) => self.take(block),
                None => {
                    self.stage = Stage::Over;
                    Bytes::from(self.frame.closing(self.csv, self.deflated))
                }
            },
            Stage::Over => return Ok(None),
        };
        self.length += piece.len() as u64;
        Ok(Some(piece))
    }

    /// The next block, if there is one and it belongs into this file.
    fn next_block(&mut self) -> Result<Option<Block>, Refused> {
        while let Some(block) = self.blocks.next()? {
            match self.room(&block) {
                Room::TheBlock => return Ok(Some(block)),
                Room::Rows(rows) => self.blocks.put_back_split(block, rows),
                Room::Nothing => {
                    self.blocks.back.push_front(block);
                    return Ok(None);
                }
            }
        }
        Ok(None)
    }

    fn take(&mut self, block: Block) -> Bytes {
        self.rows += block.rows;
        self.deflated += block.len();
        self.csv = self.csv.then(block.csv);
        self.progress.rows.fetch_add(block.rows, Ordering::Relaxed);
        Bytes::from_owner(block.bytes)
    }

    fn room(&self, block: &Block) -> Room {
        let rows = self.limits.rows.map_or(u64::MAX, |limit| limit.get() - self.rows);
        let bytes = self.limits.bytes.map_or(u64::MAX, |limit| limit.get());
        let length = self.spec.max_stored(self.length + block.len() + self.frame.max_closing());
        match () {
            () if rows == 0 => Room::Nothing,
            () if block.rows > rows => Room::Rows(rows),
            () if length <= bytes => Room::TheBlock,
            // Half a file is not given away for want of trying.
            () if block.rows > 1 && self.length < bytes / 2 => Room::Rows(block.rows / 2),
            () if self.rows > 0 => Room::Nothing,
            // A file has a row at least, however long.
            () if block.rows == 1 => Room::TheBlock,
            () => Room::Rows(1),
        }
    }
}
