#![allow(clippy::all, warnings)]
use engine::{
    Rows, Source,
    embedded::Embedded,
    load::{self, Input, Options},
};
use export::{Cell, CellSink, Stopped};
use std::{path::Path, sync::Arc, time::Instant};
struct Count(u64, u64);
impl CellSink for Count {
    fn cell(&mut self, c: Cell<'_>) {
        if let Cell::Text(t) = c {
            self.1 += t.len() as u64
        }
    }
    fn end_row(&mut self) -> Result<(), Stopped> {
        self.0 += 1;
        Ok(())
    }
}
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let db = Path::new(&args[2]);
    let source =
        Embedded::open(db, zoql::Catalog::builtin().clone(), Arc::new(|| jiff::Timestamp::UNIX_EPOCH)).unwrap();
    let t = Instant::now();
    match args[1].as_str() {
        "load" => {
            let inputs = load::directory(zoql::Catalog::builtin(), Path::new(&args[3])).unwrap();
            let mut last = String::new();
            let report = load::load(
                &source,
                &inputs,
                &Options { zone: jiff::tz::TimeZone::UTC, custom: false, whole: false, rejects: None },
                jiff::Timestamp::UNIX_EPOCH,
                &mut |s| {
                    let k = format!("{s:?}");
                    let k = k.split(&[' ', '{'][..]).next().unwrap().to_owned();
                    if k != last {
                        println!("{:?} {s:?}", t.elapsed());
                        last = k;
                    }
                },
            )
            .unwrap();
            println!("{report:?}");
        }
        _ => {
            let snap = source.begin().unwrap();
            let c = zoql::compile(
                &args[3],
                snap.catalog(),
                &zoql::Options {
                    language: zoql::Language::Export,
                    compat: zoql::Compat::Strict,
                    api_version: zoql::ApiVersion::LATEST,
                    tenant_zone: jiff::tz::TimeZone::UTC,
                },
            )
            .unwrap();
            let parts = snap.parts(&c.query, &Rows::LIVE).unwrap();
            let q = std::sync::Mutex::new(parts.into_iter());
            let n: u64 = std::thread::scope(|s| {
                let hs: Vec<_> = (0..args[4].parse::<usize>().unwrap())
                    .map(|_| {
                        s.spawn(|| {
                            let mut sink = Count(0, 0);
                            loop {
                                let p = q.lock().unwrap().next();
                                match p {
                                    Some(p) => p.read(&mut sink).unwrap(),
                                    None => break,
                                }
                            }
                            sink.0
                        })
                    })
                    .collect();
                hs.into_iter().map(|h| h.join().unwrap()).sum()
            });
            println!("{n} rows");
        }
    }
    println!("{:?}", t.elapsed());
}
