//! Bytes that grow at their end, with room ahead of them.

/// What is short is written in its place at once: it costs a comparison, and no call.
#[derive(Default)]
pub(super) struct Room {
    /// What is written, and behind it bytes of no meaning.
    bytes: Vec<u8>,
    written: usize,
}

/// A buffer that is full grows by this much at least.
const GROWTH: usize = 16 << 10;

impl Room {
    pub(super) fn len(&self) -> usize {
        self.written
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.written]
    }

    /// The next N bytes, if there are as many. [`Room::advance`] says how many of them are written.
    #[inline(always)]
    pub(super) fn ahead<const N: usize>(&mut self) -> Option<&mut [u8; N]> {
        self.bytes.get_mut(self.written..)?.first_chunk_mut()
    }

    /// Takes at most as many as were found ahead.
    #[inline(always)]
    pub(super) fn advance(&mut self, by: usize) {
        self.written += by;
    }

    #[inline(always)]
    pub(super) fn push_array<const N: usize>(&mut self, bytes: &[u8; N]) {
        match self.ahead() {
            Some(ahead) => {
                *ahead = *bytes;
                self.advance(N);
            }
            None => self.push(bytes),
        }
    }

    #[inline(never)]
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.bytes.len() - self.written < bytes.len() {
            self.grow(bytes.len());
        }
        self.bytes[self.written..][..bytes.len()].copy_from_slice(bytes);
        self.written += bytes.len();
    }

    /// Takes back what was written last, up to there.
    pub(super) fn truncate(&mut self, to: usize) {
        self.written = self.written.min(to);
    }

    /// The byte that was written last.
    #[inline(always)]
    pub(super) fn last_mut(&mut self) -> Option<&mut u8> {
        self.bytes[..self.written].last_mut()
    }

    /// Hands over what is written, and goes on in `next`, whose bytes mean nothing.
    pub(super) fn take(&mut self, mut next: Vec<u8>) -> Vec<u8> {
        // What it has counts as written to, so that it is not all of it filled again.
        next.resize(next.capacity(), 0);
        let mut bytes = std::mem::replace(&mut self.bytes, next);
        bytes.truncate(std::mem::take(&mut self.written));
        bytes
    }

    #[cold]
    fn grow(&mut self, by: usize) {
        let wanted = self.written + by.max(GROWTH).max(self.bytes.len());
        self.bytes.resize(wanted, 0);
    }
}
