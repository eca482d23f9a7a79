//! Any bytes are walked over as the pages of a table, or refused: without a panic, and to an end.

#![no_main]

use libfuzzer_sys::fuzz_target;

// Only these files: the engine brings SQLite along, which is not what is fuzzed here.
#[allow(dead_code, reason = "the engine uses more of them")]
#[path = "../../crates/engine/src/embedded/scan"]
mod scan {
    pub mod page;
    pub mod record;
    pub mod tree;
}

use scan::{
    page::{Malformed, Shape},
    record::Layout,
    tree::{Pages, Walk},
};

const PAGE: usize = 512;
const COLUMNS: [usize; 4] = [1, 5, 2, 70];

#[derive(Clone, Copy)]
struct File<'a>(&'a [u8]);

impl Pages for File<'_> {
    type Error = Malformed;

    fn page(&mut self, number: u32) -> Result<&[u8], Malformed> {
        let at = (number as usize).checked_sub(1).ok_or(Malformed("page 0"))?;
        self.0.chunks(PAGE).nth(at).ok_or(Malformed("no such page"))
    }

    fn count(&self) -> u32 {
        self.0.len().div_ceil(PAGE) as u32
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some(shape) = Shape::new(PAGE, 0) else { return };
    let (mut leaves, mut chain, mut long) = (File(bytes), File(bytes), Vec::new());
    let mut layout = Layout::up_to(&COLUMNS);
    let see = |record: &[u8]| {
        layout.find(record)?;
        for column in COLUMNS {
            let (any, text) = (layout.value(record, column), layout.text(record, column));
            let integer = layout.integer(record, column);
            assert!(text.is_none_or(|text| any == scan::record::Value::Text(text)));
            assert!(integer.is_none_or(|integer| any == scan::record::Value::Integer(integer)));
        }
        Ok(())
    };
    let (first, last) = (i64::MIN, i64::MAX);
    let mut walk =
        Walk { shape, first, last, leaves: &mut leaves, chain: &mut chain, long: &mut long, see, before: None };
    let _ = walk.run(1);
});
