//! Exports one query from embedded data, without a server: what is measured is reading, encoding, digesting and storing.
//!
//! `cargo run --release -p engine --example export -- DATA.sqlite DIR QUERY [sql] [gzip] [one]`
//!
//! `sql` scans no pages, `one` takes one reader and one thread. One line comes out: rows, bytes, seconds, CPU seconds
//! (Linux, else 0). The file is left in DIR.
#![allow(clippy::print_stdout)]

use std::{error::Error, num::NonZeroUsize, path::Path, sync::Arc, time::Instant};

use engine::{Rows, Source, embedded::Embedded};
use export::{
    CellSink,
    compress::{Format, Level},
    csv::{Column, Style},
    destination::{Destination, folder},
    file::{self, FileSpec, Progress},
};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [data, dir, text, options @ ..] = args.as_slice() else {
        return Err("DATA.sqlite DIR QUERY [sql] [gzip] [one]".into());
    };
    let is_set = |name| options.iter().any(|option| option == name);
    let threads = if is_set("one") { NonZeroUsize::MIN } else { std::thread::available_parallelism()? };

    let clock = Arc::new(|| jiff::Timestamp::UNIX_EPOCH);
    let mut source =
        Embedded::open(Path::new(data), zoql::Catalog::builtin().clone(), clock)?.with_readers(threads.get());
    if is_set("sql") {
        source = source.without_scan();
    }
    let options = zoql::Options {
        language: zoql::Language::Export,
        compat: zoql::Compat::Strict,
        api_version: zoql::ApiVersion::LATEST,
        tenant_zone: jiff::tz::TimeZone::UTC,
        uses_masked: true,
    };
    let snapshot = source.begin()?;
    let compiled = zoql::compile(text, snapshot.catalog(), &options).map_err(|faults| format!("{faults:?}"))?;
    let columns = compiled.query.columns.iter().map(|column| Column { header: column.name.clone(), masked: false });
    let format = if is_set("gzip") { Format::Gzip } else { Format::Csv };
    let spec = FileSpec {
        columns: columns.collect(),
        style: Style::default(),
        format,
        level: Level::default(),
        encrypt_to: None,
        threads,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build()?;
    let store = Arc::new(folder(dir.as_ref())?);
    let destination = Destination::new(store, "rows.csv".into(), runtime.handle().clone()).in_folder(dir.as_ref());

    let (started, cpu) = (Instant::now(), cpu_seconds());
    let parts = snapshot.parts(&compiled.query, &Rows::LIVE)?;
    let parts = parts.into_iter().map(|part| move |sink: &mut dyn CellSink| part.read(sink));
    let file = file::write(parts, &spec, &destination, &Progress::default())?;
    println!("{} {} {:.3} {:.2}", file.rows, file.bytes, started.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    Ok(())
}

/// User and system time of this process so far.
fn cpu_seconds() -> f64 {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / TICKS_PER_SECOND
}
