//! Texts: scanned, cleaned, guarded, quoted.
//!
//! Dropped are the control characters that break readers: the bytes below 0x20, NUL among them, except TAB, CR and LF.
//! DEL and the C1 block (U+0080 to U+009F) stay: in practice a C1 character is text that somebody decoded wrongly, which its
//! owner can still repair as long as nobody drops it. Readers of CSV take them for characters like any other; only programs
//! that cut a file into lines themselves may cut at more than LF, as Python's `str.splitlines` does at U+0085.

use super::{Style, room::Room};

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

    /// Writes a text and a comma, if that is done at once, as it is with most; says whether. Calls nothing.
    #[inline(always)]
    pub(super) fn put_at_once(&self, text: &[u8], out: &mut Room) -> bool {
        // Ends that are spaces are quoted, and control characters are looked at closely in any case.
        let (Some(b'!'..), Some(b'!'..), false) = (text.first(), text.last(), self.guard) else { return false };
        let Some(ahead) = out.ahead().filter(|_| text.len() <= SHORT) else { return false };
        let mut found = 0;
        place(text, ahead, |word| found |= below(word, b',' + 1));
        // Ids, numbers and single words have nothing up to the comma. If others are there now, nobody sees them.
        let is_plain = !is_marked(found);
        out.advance(if is_plain { text.len() + 1 } else { 0 });
        is_plain
    }

    /// The same for all others.
    #[inline(never)]
    pub(super) fn put(&mut self, text: &[u8], out: &mut Room) {
        if text.len() > SHORT && !self.guard && is_plain(text) {
            out.push(text);
        } else {
            self.write_any(text, self.guard, out);
        }
        out.push_array(b",");
    }

    /// For header lines and null replacements, which are not data.
    pub(super) fn write_unguarded(&mut self, text: &str, out: &mut Room) {
        self.write_any(text.as_bytes(), false, out);
    }

    fn write_any(&mut self, text: &[u8], guard: bool, out: &mut Room) {
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
fn write_clean(text: &[u8], specials: Specials, empty: &[u8], out: &mut Room) {
    let (Some(first), Some(last)) = (text.first(), text.last()) else { return out.push(empty) };
    let line_ends = || text.iter().any(|byte| matches!(byte, b'\n' | b'\r'));
    if specials.quotes {
        quote(text, out);
    } else if specials.commas || *first == b' ' || *last == b' ' || (specials.controls && line_ends()) {
        out.push(b"\"");
        out.push(text);
        out.push(b"\"");
    } else {
        out.push(text);
    }
}

fn is_dropped(byte: u8) -> bool {
    byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r')
}

/// Takes a text with quotes in it.
fn quote(text: &[u8], out: &mut Room) {
    out.push(b"\"");
    let mut start = 0;
    for at in memchr::memchr_iter(b'"', text) {
        // The quote ends this piece and begins the next.
        out.push(&text[start..=at]);
        start = at;
    }
    out.push(&text[start..]);
    out.push(b"\"");
}

/// Whether a text is written as it is. Errs on the side of no: what has a byte up to the comma, and spaces are among them, is
/// looked at closely.
fn is_plain(text: &[u8]) -> bool {
    let mut found = 0;
    each_word(text, |word| found |= below(word, b',' + 1));
    !is_marked(found)
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

/// Longest text that is written in its place. Most are.
const SHORT: usize = 32;

/// Writes what needs no looking at, and a comma.
#[inline(always)]
pub(super) fn put_cell(text: &[u8], out: &mut Room) {
    match out.ahead().filter(|_| text.len() <= SHORT) {
        Some(ahead) => {
            place(text, ahead, |_| {});
            out.advance(text.len() + 1);
        }
        None => put_long(text, out),
    }
}

#[inline(never)]
fn put_long(text: &[u8], out: &mut Room) {
    out.push(text);
    out.push_array(b",");
}

/// Copies a text of at most [`SHORT`] bytes, and a comma. It is two copies of a known length, which may overlap: that is less
/// than a call. Shows words of eight bytes that are all of the text, and perhaps some `a`.
#[inline(always)]
fn place(text: &[u8], ahead: &mut [u8; SHORT + 1], mut see: impl FnMut(u64)) {
    let length = text.len();
    if let (Some(first), Some(last)) = (text.first_chunk::<16>(), text.last_chunk::<16>()) {
        ahead[..16].copy_from_slice(first);
        ahead[length - 16..length].copy_from_slice(last);
        let ([a, b], [c, d]) = (halves(first), halves(last));
        [a, b, c, d].into_iter().for_each(see);
    } else if let (Some(first), Some(last)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        ahead[..8].copy_from_slice(first);
        ahead[length - 8..length].copy_from_slice(last);
        see(u64::from_le_bytes(*first));
        see(u64::from_le_bytes(*last));
    } else if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        ahead[..4].copy_from_slice(first);
        ahead[length - 4..length].copy_from_slice(last);
        see(u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last)));
    } else if let (Some(first), Some(last)) = (text.first(), text.last()) {
        let middle = text[length / 2];
        ahead[0] = *first;
        ahead[length / 2] = middle;
        ahead[length - 1] = *last;
        see(u64::from_le_bytes([*first, middle, *last, b'a', b'a', b'a', b'a', b'a']));
    }
    ahead[length] = b',';
}

#[inline(always)]
fn halves(sixteen: &[u8; 16]) -> [u64; 2] {
    let sixteen = u128::from_le_bytes(*sixteen);
    [sixteen as u64, (sixteen >> 64) as u64]
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
