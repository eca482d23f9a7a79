//! A page of a table's tree, as <https://www.sqlite.org/fileformat2.html#b_tree_pages> has it.
//!
//! Takes any bytes: what makes no sense is [`Malformed`], never a panic. Needs nothing but the standard library, so that
//! it can be fuzzed alone.

/// Bytes that are not what the file format says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

const INTERIOR_TABLE: u8 = 5;
const LEAF_TABLE: u8 = 13;

pub enum Page<'a> {
    Interior(Interior<'a>),
    Leaf(Leaf<'a>),
}

pub struct Interior<'a> {
    cells: Cells<'a>,
    last_child: u32,
}

pub struct Leaf<'a> {
    cells: Cells<'a>,
    shape: Shape,
}

/// How much of a row stands in its leaf.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Bytes of a page without those reserved for extensions at its end. At least 480, by the format.
    usable: usize,
}

/// A row in a leaf.
pub struct Row<'a> {
    pub number: i64,
    /// The record, or as much of it as stands here.
    pub local: &'a [u8],
    /// Where it goes on.
    pub rest: Option<Rest>,
}

/// The end of a record, in a chain of pages of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rest {
    pub first_page: u32,
    pub bytes: usize,
}

impl<'a> Page<'a> {
    /// Not for the first page of a file, which begins with a header and is never a user's table.
    pub fn parse(bytes: &'a [u8], shape: Shape) -> Result<Page<'a>, Malformed> {
        let kind = bytes.first().copied().ok_or(Malformed("an empty page"))?;
        let count = usize::from(u16_at(bytes, 3)?);
        match kind {
            LEAF_TABLE => Ok(Page::Leaf(Leaf { cells: Cells::new(bytes, 8, count)?, shape })),
            INTERIOR_TABLE => {
                Ok(Page::Interior(Interior { cells: Cells::new(bytes, 12, count)?, last_child: u32_at(bytes, 8)? }))
            }
            _ => Err(Malformed("a page that belongs to no table")),
        }
    }
}

impl Interior<'_> {
    /// The pages below that may have rows of a range, in order.
    pub fn children(&self, first: i64, last: i64) -> Result<Vec<u32>, Malformed> {
        let mut children = Vec::new();
        for at in 0..self.cells.count {
            let cell = self.cells.get(at)?;
            // The highest row below the child.
            let (key, _) = varint(cell.get(4..).unwrap_or_default()).ok_or(CUT_OFF)?;
            if (key as i64) < first {
                continue;
            }
            children.push(u32_at(cell, 0)?);
            if key as i64 >= last {
                return Ok(children);
            }
        }
        children.push(self.last_child);
        Ok(children)
    }
}

impl<'a> Leaf<'a> {
    pub fn rows(&self) -> usize {
        self.cells.count
    }

    #[inline]
    pub fn row(&self, at: usize) -> Result<Row<'a>, Malformed> {
        let cell = self.cells.get(at)?;
        let (length, size) = varint(cell).ok_or(CUT_OFF)?;
        let cell = &cell[size..];
        let (number, size) = varint(cell).ok_or(CUT_OFF)?;
        let (number, cell) = (number as i64, &cell[size..]);
        if length <= self.shape.most_local() {
            let local = cell.get(..length as usize).ok_or(CUT_OFF)?;
            return Ok(Row { number, local, rest: None });
        }
        if length > LONGEST {
            return Err(Malformed("a row that is longer than any can be"));
        }
        let length = length as usize;
        let (local, rest) = cell.split_at_checked(self.shape.local(length)).ok_or(CUT_OFF)?;
        let rest = Rest { first_page: u32_at(rest, 0)?, bytes: length - local.len() };
        Ok(Row { number, local, rest: Some(rest) })
    }
}

/// No row is longer: SQLite's own limit.
const LONGEST: u64 = 1_000_000_000;

const CUT_OFF: Malformed = Malformed("a page that ends too early");

impl Shape {
    /// `None`: no file has such pages.
    pub fn new(page_bytes: usize, reserved: usize) -> Option<Shape> {
        let usable = page_bytes.checked_sub(reserved)?;
        (480..=65_536).contains(&usable).then_some(Shape { usable })
    }

    fn most_local(self) -> u64 {
        self.usable as u64 - 35
    }

    /// The bytes in the leaf of a record that is longer than [`Shape::most_local`].
    fn local(self, length: usize) -> usize {
        let least = (self.usable - 12) * 32 / 255 - 23;
        let local = least + (length - least) % self.rest_of_page();
        if local as u64 <= self.most_local() { local } else { least }
    }

    /// The bytes of a record in a page of its chain, behind the number of the next one.
    pub fn rest_of_page(self) -> usize {
        self.usable - 4
    }
}

/// The pointers to the cells of a page.
struct Cells<'a> {
    page: &'a [u8],
    pointers: &'a [[u8; 2]],
    count: usize,
}

impl<'a> Cells<'a> {
    fn new(page: &'a [u8], start: usize, count: usize) -> Result<Cells<'a>, Malformed> {
        let pointers = page.get(start..start + 2 * count).ok_or(CUT_OFF)?;
        Ok(Cells { page, pointers: pointers.as_chunks().0, count })
    }

    #[inline]
    fn get(&self, at: usize) -> Result<&'a [u8], Malformed> {
        let pointer = self.pointers.get(at).ok_or(CUT_OFF)?;
        self.page.get(usize::from(u16::from_be_bytes(*pointer))..).ok_or(CUT_OFF)
    }
}

pub fn u32_at(bytes: &[u8], at: usize) -> Result<u32, Malformed> {
    let four = bytes.get(at..).and_then(<[u8]>::first_chunk).ok_or(CUT_OFF)?;
    Ok(u32::from_be_bytes(*four))
}

fn u16_at(bytes: &[u8], at: usize) -> Result<u16, Malformed> {
    let two = bytes.get(at..).and_then(<[u8]>::first_chunk).ok_or(CUT_OFF)?;
    Ok(u16::from_be_bytes(*two))
}

/// A number of one to nine bytes at the start, and how many it has.
#[inline]
pub fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    match bytes {
        [byte @ 0..0x80, ..] => Some((u64::from(*byte), 1)),
        [high, low @ 0..0x80, ..] => Some((u64::from(high & 0x7f) << 7 | u64::from(*low), 2)),
        _ => long_varint(bytes),
    }
}

fn long_varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0;
    for (at, byte) in bytes.iter().take(8).enumerate() {
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, at + 1));
        }
    }
    // The ninth byte counts whole.
    bytes.get(8).map(|byte| (value << 8 | u64::from(*byte), 9))
}
