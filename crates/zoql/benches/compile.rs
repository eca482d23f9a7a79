//! How long the largest queries take to compile, and whether hostile ones take longer.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use jiff::tz::TimeZone;
use zoql::{ApiVersion, Catalog, Compat, Language, Options, compile};
use zoql_benches::{good, hostile};

fn compiled(criterion: &mut Criterion) {
    let options = Options {
        language: Language::Export,
        compat: Compat::Strict,
        api_version: ApiVersion::LATEST,
        tenant_zone: TimeZone::UTC,
        uses_masked: false,
    };
    let catalog = Catalog::builtin();
    for (name, text) in good() {
        assert!(compile(&text, catalog, &options).is_ok(), "{name}");
        criterion.bench_function(name, |bencher| bencher.iter(|| compile(black_box(&text), catalog, &options)));
    }
    for (name, text) in hostile() {
        let name = format!("hostile: {name}");
        criterion.bench_function(&name, |bencher| {
            bencher.iter(|| {
                // Whoever is told of the faults has them drawn, too.
                let faults = compile(black_box(&text), catalog, &options).err().unwrap_or_default();
                faults.iter().map(|fault| fault.draw(&text).len()).sum::<usize>()
            });
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = compiled
}
criterion_main!(benches);
