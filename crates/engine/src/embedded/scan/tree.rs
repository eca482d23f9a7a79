//! The rows of a table, in the order of their numbers.
//!
//! As [`super::page`], takes any pages and needs only the standard library.

use super::page::{Leaf, Malformed, Page, Rest, Shape, u32_at};

/// Where pages come from.
pub trait Pages {
    type Error: From<Malformed>;

    /// The bytes of a page. Pages are numbered from 1.
    fn page(&mut self, number: u32) -> Result<&[u8], Self::Error>;

    /// No page has a higher number.
    fn count(&self) -> u32;
}

/// As deep as a tree can be: SQLite goes no deeper either.
pub(super) const MOST_LEVELS: usize = 20;

/// A walk over a range of a table's rows.
///
/// It ends whatever the pages say: rows have to go up from one to the next, leaves below others are never empty, and no
/// branch is deeper than [`MOST_LEVELS`]. So a page that was seen already is a fault.
pub struct Walk<'a, P, F> {
    pub shape: Shape,
    pub first: i64,
    pub last: i64,
    pub leaves: &'a mut P,
    /// Other pages while a leaf is being read.
    pub chain: &'a mut P,
    /// A record that is longer than a page, put together.
    pub long: &'a mut Vec<u8>,
    /// Takes each record.
    pub see: F,
    pub before: Option<i64>,
}

impl<P: Pages, F: FnMut(&[u8]) -> Result<(), P::Error>> Walk<'_, P, F> {
    pub fn run(&mut self, root: u32) -> Result<(), P::Error> {
        self.branch(root, 1)
    }

    fn branch(&mut self, number: u32, level: usize) -> Result<(), P::Error> {
        if level > MOST_LEVELS {
            return Err(Malformed("a tree that is too deep").into());
        }
        let interior = match Page::parse(self.leaves.page(number)?, self.shape)? {
            Page::Interior(interior) => interior,
            Page::Leaf(leaf) if leaf.rows() == 0 && level > 1 => return Err(Malformed("an empty leaf").into()),
            Page::Leaf(leaf) => {
                return rows(leaf, self.first, self.last, &mut self.before, |rest, local| match rest {
                    None => (self.see)(local),
                    Some(rest) => {
                        put_together(self.long, local, rest, self.shape, self.chain)?;
                        (self.see)(self.long)
                    }
                });
            }
        };
        for child in interior.children(self.first, self.last)? {
            self.branch(child, level + 1)?;
        }
        Ok(())
    }
}

/// Shows the records of the rows from `first` to `last`.
#[inline(always)]
fn rows<E: From<Malformed>>(
    leaf: Leaf<'_>,
    first: i64,
    last: i64,
    before: &mut Option<i64>,
    mut see: impl FnMut(Option<Rest>, &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    for at in 0..leaf.rows() {
        let row = leaf.row(at)?;
        if before.is_some_and(|before| row.number <= before) {
            return Err(Malformed("rows out of order").into());
        }
        *before = Some(row.number);
        if row.number < first {
            continue;
        }
        if row.number > last {
            break;
        }
        see(row.rest, row.local)?;
    }
    Ok(())
}

fn put_together<P: Pages>(
    record: &mut Vec<u8>,
    local: &[u8],
    rest: Rest,
    shape: Shape,
    pages: &mut P,
) -> Result<(), P::Error> {
    if rest.bytes / shape.rest_of_page() > pages.count() as usize {
        return Err(Malformed("a row that is longer than the file").into());
    }
    record.clear();
    record.extend_from_slice(local);
    let (mut number, mut left) = (rest.first_page, rest.bytes);
    while left > 0 {
        let page = pages.page(number)?;
        let here = left.min(shape.rest_of_page());
        let bytes = page.get(4..4 + here).ok_or(Malformed("a page that ends too early"))?;
        record.extend_from_slice(bytes);
        number = u32_at(page, 0)?;
        left -= here;
    }
    Ok(())
}
