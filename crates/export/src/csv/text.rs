//! Texts: scanned, cleaned, guarded, quoted.
//!
//! Dropped are the control characters that break readers: the bytes below 0x20, NUL among them, except TAB, CR and LF.
//! DEL and the C1 block (U+0080 to U+009F) stay: no reader of CSV minds them, and in practice a C1 character is text
//! that somebody decoded wrongly, which its owner can still repair as long as nobody drops it.

use super::Style;

pub(super) struct Texts {
    /// What an empty text looks like.
    empty: &'static [u8],
    guard: bool,
    /// Where a text that loses or gains characters is put together; kept from cell to cell.
    clean: Vec<u8>,
}

impl Texts {
    pub(super) fn new(style: &Style) -> Texts {
        Texts {
            empty: if style.distinguish_empty { b"\"\"" } else { b"" },
            guard: style.injection_guard,
            clean: Vec::new(),
        }
    }

    #[inline]
    pub(super) fn write(&mut self, text: &str, out: &mut Vec<u8>) {
        let text = text.as_bytes();
        if is_plain(text) && !(self.guard && may_be_formula(text)) {
            out.extend_from_slice(text);
        } else {
            self.write_slowly(text, self.guard, out);
        }
    }

    /// For header lines and null replacements, which are not data.
    pub(super) fn write_unguarded(&mut self, text: &str, out: &mut Vec<u8>) {
        self.write_slowly(text.as_bytes(), false, out);
    }

    #[inline(never)]
    fn write_slowly(&mut self, text: &[u8], guard: bool, out: &mut Vec<u8>) {
        let text = match guard || text.iter().any(|byte| is_dropped(*byte)) {
            true => self.clean(text, guard),
            false => text,
        };
        if text.is_empty() {
            out.extend_from_slice(self.empty);
        } else if needs_quotes(text) {
            quote(text, out);
        } else {
            out.extend_from_slice(text);
        }
    }

    fn clean(&mut self, text: &[u8], guard: bool) -> &[u8] {
        self.clean.clear();
        for byte in text.iter().copied().filter(|byte| !is_dropped(*byte)) {
            if guard && opens_formula(self.clean.last().copied(), byte) {
                self.clean.push(b'\'');
            }
            self.clean.push(byte);
        }
        &self.clean
    }
}

/// Whether a text is written as it is, unless formulas are guarded against. Errs on the side of no.
#[inline]
fn is_plain(text: &[u8]) -> bool {
    let (Some(first), Some(last)) = (text.first(), text.last()) else { return false };
    *first != b' ' && *last != b' ' && !has_special(text)
}

/// Whether a comma, a quote or a byte below 0x20 is in the text.
///
/// Whole words of eight bytes; the last one overlaps the one before, so that no byte is looked at alone in a text of
/// eight or more.
#[inline]
fn has_special(text: &[u8]) -> bool {
    if let Some(last) = text.last_chunk::<8>() {
        let (words, _) = text.as_chunks::<8>();
        let found = words.iter().fold(0, |found, word| found | special_bytes(u64::from_le_bytes(*word)));
        (found | special_bytes(u64::from_le_bytes(*last))) != 0
    } else if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        let word = u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last));
        special_bytes(word) != 0
    } else {
        text.iter().any(|byte| *byte < b' ' || matches!(byte, b',' | b'"'))
    }
}

/// Not zero if a byte of the word is special. The bit tricks may mark a byte above a special one as well, never
/// without one.
#[inline]
fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word;
    let equals = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    (below(word, b' ') | equals(b'"') | equals(b',')) & HIGH
}

fn is_dropped(byte: u8) -> bool {
    byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r')
}

fn needs_quotes(text: &[u8]) -> bool {
    text.first() == Some(&b' ')
        || text.last() == Some(&b' ')
        || text.iter().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r'))
}

fn quote(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'"', rest) {
        out.extend_from_slice(&rest[..=at]);
        out.push(b'"');
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// Whether an apostrophe belongs between two bytes of a text (`None` is its start): before a leading `= + - @ ;`, and
/// between a `;` and one of `= + - @`, since some spreadsheets take a semicolon for the end of a cell.
fn opens_formula(before: Option<u8>, byte: u8) -> bool {
    match before {
        None => matches!(byte, b'=' | b'+' | b'-' | b'@' | b';'),
        Some(b';') => matches!(byte, b'=' | b'+' | b'-' | b'@'),
        Some(_) => false,
    }
}

/// Errs on the side of yes.
fn may_be_formula(text: &[u8]) -> bool {
    text.first().is_some_and(|first| opens_formula(None, *first)) || memchr::memchr(b';', text).is_some()
}
