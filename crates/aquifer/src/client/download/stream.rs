//! A file to somebody who reads along, such as standard output.

use std::io::{self, Write};

use sha2::{Digest as _, Sha256};

use super::{ATTEMPTS, Downloads, whole::Whole};
use crate::{
    client::{Error, Result},
    secret::hex,
};

impl Downloads<'_> {
    /// Writes a file as it comes, and makes sure at the end that it was what the server says.
    pub fn stream(&self, file: &str, target: &mut dyn Write) -> Result<u64> {
        let response = self.client.file(file)?;
        let whole = Whole::of(&response);
        let bar = self.bar("", whole.length());
        let (mut hash, mut written, mut failures) = (Sha256::new(), 0, 0);
        let mut response = Ok(response);
        loop {
            let before = written;
            let copied = response.and_then(|response| {
                self.copy(response, None, |bytes| {
                    target.write_all(bytes).map_err(Error::Output)?;
                    hash.update(bytes);
                    written += bytes.len() as u64;
                    bar.set_position(written);
                    Ok(())
                })
            });
            let broke = match (copied, whole.version()) {
                (Err(error), Some(version)) if error.is_retryable() => (error, version),
                (Ok(_), Some(version)) if written < version.length => (Error::Broken("it ended".to_owned()), version),
                (copied, _) => break copied.map(drop)?,
            };
            let (error, version) = broke;
            failures = if written > before { 1 } else { failures + 1 };
            if failures == ATTEMPTS || written == version.length {
                return Err(error);
            }
            self.pause(failures, &error)?;
            response = self.range(file, &(written..version.length), &version);
        }
        whole.check(written, || Ok(hex(&hash.finalize())))?;
        Ok(written)
    }
}

/// Writes all of some CSV but its header line, which may have line ends in quotes.
pub struct SkipHeader<'a> {
    target: &'a mut dyn Write,
    skipped: bool,
    in_quotes: bool,
}

impl<'a> SkipHeader<'a> {
    pub fn new(target: &'a mut dyn Write) -> Self {
        SkipHeader { target, skipped: false, in_quotes: false }
    }

    /// Whether a byte ends the line. A doubled quote ends a quotation and begins the next.
    fn ends(&mut self, byte: u8) -> bool {
        self.in_quotes ^= byte == b'"';
        byte == b'\n' && !self.in_quotes
    }
}

impl Write for SkipHeader<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = bytes;
        if !self.skipped {
            let end = bytes.iter().position(|byte| self.ends(*byte));
            self.skipped = end.is_some();
            rest = end.map_or(&[], |end| &bytes[end + 1..]);
        }
        self.target.write_all(rest)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.target.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_ends_outside_of_quotes_wherever_it_is_cut() {
        let csv = b"a,\"b\n\"\"c\"\"\n\",\"d\"\n1,\"2\n\",3\n";
        for cut in 0..=csv.len() {
            let mut rows = Vec::new();
            let mut skip = SkipHeader::new(&mut rows);
            skip.write_all(&csv[..cut]).unwrap();
            skip.write_all(&csv[cut..]).unwrap();
            assert_eq!(rows, b"1,\"2\n\",3\n", "cut at {cut}");
        }
    }
}
