//! Gzip and zip: one member, one entry, the same CSV whatever the parts, the threads and the level.

use std::sync::Arc;

use export::compress::{Format, Level};
use export::destination::Destination;
use export::file::{self, Error, FileSpec, Progress};
use proptest::prelude::*;

use crate::support::{Broken, FORMATS, Place, Rows, expected, kibibyte, part, parts, row, spec, unpacked};

fn with(format: Format, level: u8, spec: FileSpec) -> FileSpec {
    FileSpec { format, level: Level::new(level).unwrap(), ..spec }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_format_holds_the_same_csv(
        rows in prop::collection::vec(prop::collection::vec(prop::option::of("[a-z,\"\n 😀]{0,12}"), 3), 1..60),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        format in prop::sample::select(&FORMATS[..]),
        level in 1..=9u8,
        threads in 1..5usize,
    ) {
        let place = Place::memory();
        let cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(rows.len() + 1)).collect();
        let spec = with(format, level, spec(3, threads));
        let file = place.write(&spec, &Progress::default(), parts(&rows, &cuts)).unwrap();
        let stored = place.read().unwrap();
        prop_assert_eq!(file.bytes, stored.len() as u64);
        prop_assert_eq!(unpacked(format, &stored), expected(&spec, &rows));
    }
}

/// 40,000 rows of 4 MiB, some of which deflate hardly at all.
fn many_rows() -> Rows {
    let mut random = 1u64;
    let mut noise = || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        random >> 33
    };
    let mut text = |n: usize| match n / 10_000 {
        1 => (0..12).map(|_| format!("{:08x}", noise())).collect(),
        _ => "some more text, quoted \"".repeat(n % 9),
    };
    (0..40_000).map(|n| vec![Some(format!("row {n}")), Some(text(n))]).collect()
}

#[test]
fn large_files_of_few_and_of_many_parts() {
    let rows = many_rows();
    let every = |step: usize| (step..rows.len()).step_by(step).collect::<Vec<_>>();
    let expected = expected(&spec(2, 1), &rows);
    // Of few parts some threads have none and help.
    for (cuts, threads, level) in [(vec![], 1, 1), (vec![], 4, 2), (vec![1, 3], 3, 6), (every(3000), 4, 1)] {
        let mut stored = Vec::new();
        for format in [Format::Gzip, Format::Zip] {
            let place = Place::memory();
            place.write(&with(format, level, spec(2, threads)), &Progress::default(), parts(&rows, &cuts)).unwrap();
            stored.push(place.read().unwrap());
            let csv = unpacked(format, stored.last().unwrap());
            assert!(csv == expected, "{} parts, {threads} threads, level {level}", cuts.len() + 1);
        }
        // The same pieces in another frame.
        assert!(stored[0].len() * 3 / 2 < expected.len() && stored[0].len().abs_diff(stored[1].len()) < 200);
    }
}

#[test]
fn neither_threads_nor_time_change_a_byte() {
    let rows: Rows = many_rows().into_iter().take(20_000).collect();
    for format in FORMATS {
        let stored = [1, 2, 4].map(|threads| {
            let place = Place::memory();
            let cuts = [8000, 8001, 15_000];
            place.write(&with(format, 2, spec(2, threads)), &Progress::default(), parts(&rows, &cuts)).unwrap();
            place.read().unwrap()
        });
        assert!(stored[0] == stored[1] && stored[0] == stored[2], "{format:?}");
    }
}

/// One part, so that all threads but one have nothing to read and help.
#[test]
fn helpers_stop_with_the_reader() {
    for (fails, format) in [(true, Format::Gzip), (false, Format::Gzip), (false, Format::Zip)] {
        let place = Place::memory();
        let progress = Arc::new(Progress::default());
        let reader = part({
            let progress = progress.clone();
            move |sink| {
                let text = kibibyte();
                for n in 0.. {
                    row(sink, &text)?;
                    match n {
                        5000 if fails => return Err(Broken::Because("table gone")),
                        5000 => progress.cancel(),
                        _ => {}
                    }
                }
                Ok(())
            }
        });
        let error = place.write(&with(format, 2, spec(1, 4)), &progress, [reader]).unwrap_err();
        match fails {
            true => assert!(matches!(error, Error::Source(Broken::Because("table gone"))), "{error:?}"),
            false => assert!(matches!(error, Error::Cancelled), "{error:?}"),
        }
        assert_eq!(place.read(), None);
    }
}

#[test]
fn no_rows_leave_the_header_line_in_every_format() {
    for format in FORMATS {
        let place = Place::memory();
        let file = place.write(&with(format, 2, spec(2, 2)), &Progress::default(), []).unwrap();
        let stored = place.read().unwrap();
        assert_eq!(unpacked(format, &stored), b"c1,c2\n");
        assert_eq!((file.rows, file.bytes), (0, stored.len() as u64));
    }
}

#[test]
fn levels_are_one_to_nine() {
    assert_eq!((0..=10).filter_map(Level::new).count(), 9);
    assert_eq!(Some(Level::default()), Level::new(2));
}

/// The name of the entry in the local header.
fn entry_of(destination: impl FnOnce(Destination) -> Destination) -> String {
    let place = Place::memory();
    let to = destination(place.destination());
    let parts = [part(|sink| Ok(row(sink, "x")?))];
    file::write(parts, &with(Format::Zip, 2, spec(1, 1)), &to, &Progress::default()).unwrap();
    let stored = place.read().unwrap();
    let length = usize::from(u16::from_le_bytes([stored[26], stored[27]]));
    String::from_utf8(stored[30..30 + length].to_vec()).unwrap()
}

#[test]
fn an_entry_has_a_name_that_unpacks_where_it_should() {
    assert_eq!(entry_of(|to| to), "file.csv");
    let long = "ü".repeat(300);
    let cut = format!("{}.csv", "ü".repeat(100));
    for (name, entry) in [
        ("Invoices", "Invoices.csv"),
        ("Invoices.csv", "Invoices.csv"),
        ("Rechnungen 2026 – Größe.csv", "Rechnungen 2026 – Größe.csv"),
        ("../../etc/passwd", "_.._etc_passwd.csv"),
        ("C:\\a\\b.csv", "C__a_b.csv"),
        ("a\nb\0c", "a_b_c.csv"),
        ("...", "rows.csv"),
        ("", "rows.csv"),
        (" .csv", "rows.csv"),
        (&long, &cut),
    ] {
        assert_eq!(entry_of(|to| to.entry(name, 1)), entry, "{name:?}");
    }
}

#[test]
fn segments_have_entries_of_different_names() {
    let long = "ü".repeat(300);
    let cut = format!("{}.12.csv", "ü".repeat(100));
    for (name, entry) in [("Invoices", "Invoices.12.csv"), ("x.csv", "x.12.csv"), ("", "rows.12.csv"), (&long, &cut)] {
        assert_eq!(entry_of(|to| to.entry(name, 12)), entry, "{name:?}");
    }
}
