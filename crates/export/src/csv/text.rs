//! Texts: scanned, cleaned, guarded, quoted.
//!
//! Dropped are the control characters that break readers: the bytes below 0x20, NUL among them, except TAB, CR and LF.
//! DEL and the C1 block (U+0080 to U+009F) stay: in practice a C1 character is text that somebody decoded wrongly, which its
//! owner can still repair as long as nobody drops it. Readers of CSV take them for characters like any other; only programs
//! that cut a file into lines themselves may cut at more than LF, as Python's `str.splitlines` does at U+0085.

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
            append(text, out);
        } else {
            self.write_any(text, self.guard, out);
        }
    }

    /// For header lines and null replacements, which are not data.
    pub(super) fn write_unguarded(&mut self, text: &str, out: &mut Vec<u8>) {
        self.write_any(text.as_bytes(), false, out);
    }

    #[inline(never)]
    fn write_any(&mut self, text: &[u8], guard: bool, out: &mut Vec<u8>) {
        let specials = Specials::of(text);
        if guard || specials.controls {
            self.clean(text, guard);
            write_clean(&self.clean, Specials::of(&self.clean), self.empty, out);
        } else {
            write_clean(text, specials, self.empty, out);
        }
    }

    /// Puts together what is left of the text.
    fn clean(&mut self, text: &[u8], guard: bool) {
        self.clean.clear();
        for byte in text.iter().copied().filter(|byte| !is_dropped(*byte)) {
            if guard && opens_formula(self.clean.last().copied(), byte) {
                self.clean.push(b'\'');
            }
            self.clean.push(byte);
        }
    }
}

/// Writes a text without characters that are dropped.
#[inline]
fn write_clean(text: &[u8], specials: Specials, empty: &[u8], out: &mut Vec<u8>) {
    let (Some(first), Some(last)) = (text.first(), text.last()) else { return out.extend_from_slice(empty) };
    let line_ends = || text.iter().any(|byte| matches!(byte, b'\n' | b'\r'));
    if specials.quotes {
        quote(text, out);
    } else if specials.commas || *first == b' ' || *last == b' ' || (specials.controls && line_ends()) {
        out.push(b'"');
        append(text, out);
        out.push(b'"');
    } else {
        append(text, out);
    }
}

fn is_dropped(byte: u8) -> bool {
    byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r')
}

/// Takes a text with quotes in it.
fn quote(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let mut start = 0;
    for at in memchr::memchr_iter(b'"', text) {
        // The quote ends this piece and begins the next.
        out.extend_from_slice(&text[start..=at]);
        start = at;
    }
    out.extend_from_slice(&text[start..]);
    out.push(b'"');
}

/// Whether a text is written as it is, unless formulas are guarded against. Errs on the side of no: what has a byte up
/// to the comma, and spaces are among them, is looked at again. Ids, numbers and single words have none.
#[inline]
fn is_plain(text: &[u8]) -> bool {
    let mut found = 0;
    each_word(text, |word| found |= below(word, b',' + 1));
    !text.is_empty() && !is_marked(found)
}

/// What is in a text.
#[derive(Clone, Copy)]
struct Specials {
    /// Bytes below 0x20.
    controls: bool,
    commas: bool,
    quotes: bool,
}

impl Specials {
    #[inline]
    fn of(text: &[u8]) -> Specials {
        let (mut controls, mut commas, mut quotes) = (0, 0, 0);
        each_word(text, |word| {
            controls |= below(word, b' ');
            commas |= equals(word, b',');
            quotes |= equals(word, b'"');
        });
        Specials { controls: is_marked(controls), commas: is_marked(commas), quotes: is_marked(quotes) }
    }
}

/// Shows the words of eight bytes that cover the text.
///
/// The last word overlaps the one before, so that no byte is looked at alone.
#[inline(always)]
fn each_word(text: &[u8], mut see: impl FnMut(u64)) {
    if let Some(last) = text.last_chunk::<8>() {
        let (words, _) = text.as_chunks::<8>();
        words.iter().for_each(|word| see(u64::from_le_bytes(*word)));
        see(u64::from_le_bytes(*last));
    } else if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        see(u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last)));
    } else if let (Some(first), Some(last)) = (text.first(), text.last()) {
        // Three bytes at most. The rest is filled with one that nobody looks for.
        let middle = text[text.len() / 2];
        see(u64::from_le_bytes([*first, middle, *last, b'a', b'a', b'a', b'a', b'a']));
    }
}

const ONES: u64 = 0x0101_0101_0101_0101;

/// Marks, in its highest bit, each byte of the word that is below the limit, which is at most 0x80; and maybe bytes
/// above one that is, never without one.
#[inline(always)]
fn below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(ONES * u64::from(limit)) & !word
}

/// Marks the bytes that are this one, as [`below`] does.
#[inline(always)]
fn equals(word: u64, byte: u8) -> u64 {
    below(word ^ (ONES * u64::from(byte)), 1)
}

/// Whether a byte of some words was marked.
#[inline(always)]
fn is_marked(found: u64) -> bool {
    found & (ONES * 0x80) != 0
}

/// Appends a text. Up to 32 bytes it is two copies of a known length, which may overlap: that is less than a call.
#[inline(always)]
pub(super) fn append(text: &[u8], out: &mut Vec<u8>) {
    match text.len() {
        16..=32 => append_twice::<16>(text, out),
        8..16 => append_twice::<8>(text, out),
        4..8 => append_twice::<4>(text, out),
        2..4 => append_twice::<2>(text, out),
        _ => out.extend_from_slice(text),
    }
}

/// Takes N to 2 N bytes.
#[inline(always)]
fn append_twice<const N: usize>(text: &[u8], out: &mut Vec<u8>) {
    if let (Some(first), Some(last)) = (text.first_chunk::<N>(), text.last_chunk::<N>()) {
        out.extend_from_slice(first);
        out.truncate(out.len() - (2 * N - text.len()));
        out.extend_from_slice(last);
    }
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
