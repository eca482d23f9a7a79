//! Between what a file holds and where it goes, when it is encrypted on the way. The library reads and writes; why it
//! was refused one or the other is kept aside, since it knows only that it was.

use std::cell::Cell;
use std::io::{self, Read, Write};

use bytes::{Buf, Bytes};

use super::block::BLOCK;
use super::contents::Contents;
use super::output::Output;
use crate::destination::Refused;
use crate::encrypt::Recipient;

pub(super) fn write(
    recipient: &Recipient,
    contents: &mut Contents<'_, '_>,
    output: &mut Output<'_>,
    stopped: impl Fn() -> bool,
) -> Result<(), Refused> {
    let refused = Cell::new(None);
    let plain = Plain { contents, piece: Bytes::new(), refused: &refused };
    let mut message = Message { output, buffer: Vec::with_capacity(BLOCK), stopped, refused: &refused };
    let encrypted = recipient.encrypt(plain, &mut message).and_then(|()| message.flush());
    match (encrypted, refused.take()) {
        (Ok(()), _) => Ok(()),
        (Err(_), Some(refused)) => Err(refused),
        (Err(error), None) => {
            Err(Refused::Storage(object_store::Error::Generic { store: "OpenPGP", source: Box::new(error) }))
        }
    }
}

struct Plain<'r, 'c, 'b, 'a> {
    contents: &'c mut Contents<'b, 'a>,
    piece: Bytes,
    refused: &'r Cell<Option<Refused>>,
}

impl Read for Plain<'_, '_, '_, '_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.contents.next() {
                Ok(Some(piece)) => self.piece = piece,
                Ok(None) => return Ok(0),
                Err(refused) => return Err(keep(self.refused, refused)),
            }
        }
        let length = out.len().min(self.piece.len());
        self.piece.copy_to_slice(&mut out[..length]);
        Ok(length)
    }
}

struct Message<'r, 'o, 'a, S> {
    output: &'o mut Output<'a>,
    /// Collects the small pieces that come.
    buffer: Vec<u8>,
    stopped: S,
    refused: &'r Cell<Option<Refused>>,
}

impl<S: Fn() -> bool> Write for Message<'_, '_, '_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.buffer.len() + bytes.len() > BLOCK {
            self.flush()?;
        }
        self.buffer.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let bytes = std::mem::replace(&mut self.buffer, Vec::with_capacity(BLOCK));
        self.output.write(Bytes::from(bytes), &self.stopped).map_err(|refused| keep(self.refused, refused))
    }
}

fn keep(kept: &Cell<Option<Refused>>, refused: Refused) -> io::Error {
    kept.set(Some(refused));
    io::Error::other("refused")
}
