//! Writes rows of a CSV file as result files again and again and prints the best run.
//!
//! `cargo run --release -p export --example write -- INPUT.csv DIR csv|gzip|zip LEVEL THREADS PARTS RUNS`
//!
//! With `--features openpgp`, the environment variable KEY may name a public key to encrypt to.
//!
//! The rows are parsed into typed cells before the clock starts: what is measured is encoding, compressing, digesting
//! and storing. One line comes out: rows, bytes of CSV, bytes stored, seconds, CPU seconds (Linux, else 0). The file of
//! the last run is left in DIR as `rows.csv`, `rows.csv.gz` or `rows.csv.zip`.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use export::cell::{Cell, CellSink, Date, Stopped, Timestamp};
use export::compress::{Format, Level};
use export::csv::{Column, Style};
use export::destination::{Destination, folder};
use export::encrypt::Recipient;
use export::file::{self, FileSpec, Progress};

type Row = Vec<Cell<'static>>;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [input, dir, format, level, threads, parts, runs] = &args[..] else {
        return Err("INPUT.csv DIR csv|gzip|zip LEVEL THREADS PARTS RUNS".into());
    };
    let (format, name) = match format.as_str() {
        "csv" => (Format::Csv, "rows.csv"),
        "gzip" => (Format::Gzip, "rows.csv.gz"),
        "zip" => (Format::Zip, "rows.csv.zip"),
        _ => return Err("csv, gzip or zip".into()),
    };
    let mut reader = csv::Reader::from_path(input)?;
    let columns = reader.headers()?.iter().map(|name| Column { header: name.to_owned(), masked: false }).collect();
    let rows: Vec<Row> = reader.records().map(|record| Ok(cells(&record?))).collect::<csv::Result<_>>()?;
    let encrypt_to = match std::env::var_os("KEY") {
        // Whatever the time is: 2026-01-01.
        Some(path) => Some(Recipient::parse(&std::fs::read(path)?, Timestamp(1_767_225_600_000_000))?),
        None => None,
    };
    let spec = FileSpec {
        columns,
        style: Style::default(),
        format,
        level: Level::new(level.parse()?).ok_or("a level of 1 to 9")?,
        encrypt_to,
        threads: threads.parse::<NonZeroUsize>()?,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build()?;
    let store = Arc::new(folder(dir.as_ref())?);
    let destination = Destination::new(store, name.into(), runtime.handle().clone()).in_folder(dir.as_ref());

    let mut best = (f64::MAX, 0.0, 0);
    for _ in 0..runs.parse()? {
        let (started, cpu) = (Instant::now(), cpu_seconds());
        let chunks = rows.chunks(rows.len().div_ceil(parts.parse()?).max(1));
        let parts = chunks.map(|rows| move |sink: &mut dyn CellSink| read(rows, sink));
        let file = file::write(parts, &spec, &destination, &Progress::default())?;
        let seconds = started.elapsed().as_secs_f64();
        if seconds < best.0 {
            best = (seconds, cpu_seconds() - cpu, file.bytes);
        }
    }
    let csv = std::fs::metadata(input)?.len();
    println!("{} {csv} {} {:.3} {:.2}", rows.len(), best.2, best.0, best.1);
    Ok(())
}

fn read(rows: &[Row], sink: &mut dyn CellSink) -> Result<(), Stopped> {
    for row in rows {
        row.iter().for_each(|cell| sink.cell(*cell));
        sink.end_row()?;
    }
    Ok(())
}

/// As databases have them. Leaked: they live as long as the program.
fn cells(record: &csv::StringRecord) -> Row {
    record.iter().map(|text| cell(text.to_owned().leak())).collect()
}

fn cell(text: &'static str) -> Cell<'static> {
    let digits = text.trim_start_matches('-').starts_with(|c: char| c.is_ascii_digit());
    if text.is_empty() {
        Cell::Null
    } else if let Some(date) = Date::from_iso(text.as_bytes()) {
        Cell::Date(date)
    } else if let Ok(at) = text.parse::<jiff::Timestamp>() {
        Cell::Datetime(Timestamp(at.as_microsecond()))
    } else if digits && text.len() < 10 && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-')) {
        Cell::Decimal(text)
    } else {
        Cell::Text(text)
    }
}

/// User and system time of this process so far.
fn cpu_seconds() -> f64 {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / TICKS_PER_SECOND
}
