//! Encodes millions of rows of 20 columns in memory, on one thread, and prints the rate.
//!
//! `cargo run --release -p export --example encode [MILLIONS] [KIND]`; `bench/cells.py` runs it under callgrind. The kind
//! of the cells is one of those of [`KINDS`], or all of them mixed as in invoice items.
#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::time::Instant;

use export::cell::{Cell, CellSink, Date, Timestamp};
use export::csv::{Column, DatetimeStyle, Encoder, Style};
use jiff::tz::TimeZone;

const COLUMNS: usize = 20;
const BLOCK: usize = 256 << 10;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let millions: f64 = std::env::args().nth(1).as_deref().unwrap_or("5").parse()?;
    let rows = (millions * 1e6) as u64;
    let columns: Vec<Column> =
        (1..=COLUMNS).map(|n| Column { header: format!("InvoiceItem.C{n}"), masked: false }).collect();
    let zone = TimeZone::get("America/Los_Angeles")?;
    let style = Style { datetimes: DatetimeStyle { zone, ..DatetimeStyle::default() }, ..Style::default() };
    let kind = std::env::args().nth(2).unwrap_or("mixed".to_owned());
    let kind = KINDS.iter().find(|(name, _)| *name == kind).ok_or_else(|| format!("no kind {kind}"))?.1;
    let samples: Vec<[Cell<'_>; COLUMNS]> = (0..SAMPLES).map(|n| row_of(kind, n)).collect();

    let started = Instant::now();
    let mut encoder = Encoder::new(&columns, &style);
    let mut bytes = 0;
    // As long as those that files are written with.
    let mut spare = Vec::with_capacity(BLOCK + (16 << 10));
    encoder.take(Vec::with_capacity(spare.capacity()));
    for row in 0..rows {
        write(&samples[(row % SAMPLES) as usize], row, black_box(&mut encoder))?;
        if encoder.as_bytes().len() >= BLOCK {
            bytes += encoder.as_bytes().len();
            spare = encoder.take(spare);
        }
    }
    bytes += encoder.as_bytes().len();
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{rows} rows, {:.0} bytes a row: {:.2} million rows/s, {:.0} MB/s",
        bytes as f64 / rows as f64,
        rows as f64 / seconds / 1e6,
        bytes as f64 / seconds / 1e6,
    );
    Ok(())
}

/// Through the door that readers have; the black box keeps the compiler from seeing what is behind it. Integers and
/// datetimes differ from row to row.
#[inline(never)]
fn write(cells: &[Cell<'_>], row: u64, sink: &mut dyn CellSink) -> Result<(), export::Stopped> {
    for cell in cells {
        sink.cell(match *cell {
            Cell::Integer(n) => Cell::Integer(n + row as i64),
            Cell::Datetime(Timestamp(at)) => Cell::Datetime(Timestamp(at + row as i64 * 1_234_567)),
            other => other,
        });
    }
    sink.end_row()
}

const SAMPLES: u64 = 64;

/// By column of [`sample`]; mixed if it has none.
const KINDS: [(&str, Option<usize>); 13] = [
    ("mixed", None),
    ("id, 32 letters", Some(0)),
    ("text, 10 letters", Some(5)),
    ("text, 4 letters", Some(10)),
    ("text, two words", Some(22)),
    ("text, a comma", Some(23)),
    ("text, two quotes", Some(20)),
    ("decimal", Some(6)),
    ("integer", Some(8)),
    ("date", Some(12)),
    ("datetime", Some(11)),
    ("boolean", Some(16)),
    ("null", Some(21)),
];

/// All columns of the row, or one of them 20 times.
fn row_of(kind: Option<usize>, n: u64) -> [Cell<'static>; COLUMNS] {
    match kind {
        None => sample(n),
        Some(20) => [Cell::Text("Platform fee, \"annual\""); COLUMNS],
        Some(21) => [Cell::Null; COLUMNS],
        Some(22) => [Cell::Text("Subscription charge"); COLUMNS],
        Some(23) => [Cell::Text("Platform fee, annual"); COLUMNS],
        Some(column) => [sample(n)[column]; COLUMNS],
    }
}

/// Leaked: the samples live as long as the program.
fn sample(n: u64) -> [Cell<'static>; COLUMNS] {
    let text = |text: String| Cell::Text(text.leak());
    let id = |kind: u64| text(format!("2c92c0f{kind}{n:08x}{:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    let date =
        Date::from_iso(format!("2026-{:02}-{:02}", n % 12 + 1, n % 28 + 1).as_bytes()).map_or(Cell::Null, Cell::Date);
    let amount = |cents: u64| Cell::Decimal(format!("{}.{:02}", cents / 100, cents % 100 / 10 * 10 + 5).leak());
    let instant = Cell::Datetime(Timestamp(1_772_000_000_000_000 + n as i64 * 61_000_000));
    [
        id(8),
        id(9),
        id(7),
        if n.is_multiple_of(3) { Cell::Null } else { id(6) },
        text(match n % 8 {
            0 => "Platform fee, annual".to_owned(),
            1 => "Übernutzung – Größe L".to_owned(),
            _ => format!("Subscription charge {n}"),
        }),
        text(format!("C-{:08}", n * 77)),
        amount(n * 7919),
        amount(n * 631),
        Cell::Integer(n as i64),
        amount(n * 97),
        text("Each".to_owned()),
        instant,
        date,
        date,
        text("Charge".to_owned()),
        if n.is_multiple_of(2) { Cell::Null } else { text("4000-Revenue".to_owned()) },
        Cell::Boolean(n.is_multiple_of(5)),
        text(format!("SKU-{:05}", n * 13)),
        instant,
        instant,
    ]
}
