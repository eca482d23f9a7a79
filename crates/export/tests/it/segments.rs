//! Several files of one result.

use std::num::NonZeroU64;
use std::sync::Arc;

use export::cell::Cell;
use export::compress::Format;
use export::file::{Error, FileSpec, Limits, Progress};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use crate::support::{
    Broken, Event, FORMATS, Fault, Place, Rows, Watched, expected, kibibyte, part, parts, row, spec, unpacked,
};

fn limits(rows: u64, bytes: u64) -> Limits {
    Limits { rows: NonZeroU64::new(rows), bytes: NonZeroU64::new(bytes) }
}

/// Writes, and checks what is true of segments whatever the limits. Returns the rows of each.
fn check(spec: &FileSpec, limits: Limits, rows: &Rows, cuts: &[usize]) -> Vec<u64> {
    let place = Place::memory();
    let files = place.write_segments(spec, &limits, &Progress::default(), parts(rows, cuts)).unwrap();
    let mut seen = Vec::new();
    let header = expected(spec, &[]);
    for (number, file) in files.iter().enumerate() {
        let stored = place.read_segment(number).unwrap();
        assert_eq!(file.bytes, stored.len() as u64);
        assert_eq!(file.sha256, <[u8; 32]>::from(Sha256::digest(&stored)));
        let csv = unpacked(spec.format, &stored);
        let first = usize::try_from(files[..number].iter().map(|file| file.rows).sum::<u64>()).unwrap();
        let its_rows = &rows[first..first + file.rows as usize];
        assert!(csv == expected(spec, its_rows), "segment {number} of {limits:?}");
        assert!(limits.rows.is_none_or(|limit| file.rows <= limit.get()));
        assert!(limits.bytes.is_none_or(|limit| file.bytes <= limit.get()) || file.rows <= 1);
        assert!(file.rows > 0 || files.len() == 1);
        seen.extend_from_slice(csv.strip_prefix(&header[..]).unwrap());
    }
    assert!(place.read_segment(files.len()).is_none());
    assert!([header, seen].concat() == expected(spec, rows));
    files.iter().map(|file| file.rows).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn rows_over_segments_are_those_of_the_whole(
        rows in prop::collection::vec(prop::collection::vec(prop::option::of("[a-z,\"\n\r 😀]{0,12}"), 2), 0..80),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        format in prop::sample::select(&FORMATS[..]),
        most_rows in prop_oneof![Just(0u64), 1..40u64],
        most_bytes in prop_oneof![Just(0u64), 1..600u64],
        threads in 1..4usize,
    ) {
        let cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(rows.len() + 1)).collect();
        let spec = FileSpec { format, ..spec(2, threads) };
        let counts = check(&spec, limits(most_rows, most_bytes), &rows, &cuts);
        if most_rows > 0 && most_bytes == 0 {
            // All but the last are full.
            let files = rows.len().div_ceil(most_rows as usize).max(1);
            prop_assert_eq!(counts.len(), files);
            prop_assert!(counts[..files - 1].iter().all(|count| *count == most_rows));
        }
    }
}

/// 30,000 rows with line ends and quotes in them, 3 MiB.
fn many_rows() -> Rows {
    let text = |n: usize| "a \"line\"\nand, another ".repeat(n % 8);
    (0..30_000).map(|n| vec![Some(format!("{n}")), Some(text(n))]).collect()
}

#[test]
fn large_results_are_cut_at_rows_and_at_bytes() {
    let rows = many_rows();
    let cuts: Vec<usize> = (3000..rows.len()).step_by(3000).collect();
    for format in FORMATS {
        let spec = FileSpec { format, ..spec(2, 3) };
        assert_eq!(check(&spec, limits(8000, 0), &rows, &cuts), [8000, 8000, 8000, 6000]);
        // One part, so that blocks are deflated by helpers.
        assert_eq!(check(&spec, limits(15_000, 0), &rows, &[]), [15_000, 15_000]);
        assert_eq!(check(&spec, limits(30_000, 0), &rows, &cuts).len(), 1);
        let place = Place::memory();
        let whole = place.write(&spec, &Progress::default(), parts(&rows, &cuts)).unwrap().bytes;
        let by_bytes = check(&spec, limits(0, whole / 4), &rows, &cuts);
        assert!((5..=6).contains(&by_bytes.len()), "{format:?}: {by_bytes:?}");
    }
}

#[test]
fn a_limit_in_bytes_is_used_up_to_a_block_or_two() {
    let place = Place::memory();
    let parts = (0..10).map(|_| {
        part(|sink| {
            let text = kibibyte();
            Ok((0..5000).try_for_each(|_| row(sink, &text))?)
        })
    });
    let files = place.write_segments(&spec(1, 2), &limits(0, 10 << 20), &Progress::default(), parts).unwrap();
    for file in &files[..files.len() - 1] {
        assert!((9 << 20..=10 << 20).contains(&file.bytes), "{file:?}");
    }
}

#[test]
fn no_rows_are_one_segment() {
    for format in FORMATS {
        let spec = FileSpec { format, ..spec(2, 2) };
        assert_eq!(check(&spec, limits(1, 1), &Vec::new(), &[]), [0]);
    }
}

#[test]
fn a_row_larger_than_the_limit_is_a_file() {
    let large = || vec![Some("x".repeat(1000))];
    let small = || vec![Some("y".to_owned())];
    let rows = vec![small(), large(), small(), small(), large()];
    assert_eq!(check(&spec(1, 1), limits(0, 100), &rows, &[]), [1, 1, 2, 1]);
    // Of what a frame alone would need.
    assert_eq!(check(&FileSpec { format: Format::Zip, ..spec(1, 1) }, limits(0, 1), &rows, &[]), [1; 5]);
}

#[test]
fn where_files_are_cut_does_not_depend_on_threads() {
    let rows = many_rows();
    let spec = |threads| FileSpec { format: Format::Gzip, ..spec(2, threads) };
    let counts = [1, 2, 4].map(|threads| check(&spec(threads), limits(0, 20_000), &rows, &[10_000, 25_000]));
    assert!(counts[0].len() > 2 && counts[0] == counts[1] && counts[0] == counts[2], "{counts:?}");
}

#[test]
fn segments_that_are_finished_are_removed_when_a_later_part_fails() {
    let (store, events) = Watched::new(Fault::None);
    let place = Place::new(store);
    let rows = part(|sink| Ok((0..100).try_for_each(|_| row(sink, "x"))?));
    let failing = part(move |_| {
        // The first segments are there.
        (0..3).for_each(|_| assert_eq!(events.recv().unwrap(), Event::Put));
        Err(Broken::Because("table gone"))
    });
    let error = place.write_segments(&spec(1, 1), &limits(10, 0), &Progress::default(), [rows, failing]).unwrap_err();
    assert!(matches!(error, Error::Source(Broken::Because("table gone"))), "{error:?}");
    for number in 0..11 {
        assert!(place.read_segment(number).is_none(), "segment {number}");
    }
}

#[test]
fn segments_that_are_finished_are_removed_when_a_later_one_cannot_be_stored() {
    for (fault, kibibytes) in [(Fault::Put, 1), (Fault::Complete, 10_000), (Fault::Chunk(1), 20_000)] {
        let (store, events) = Watched::new(fault);
        let place = Place::new(store);
        let rows = part(move |sink| {
            let text = Arc::new(kibibyte());
            Ok((0..3 * kibibytes).try_for_each(|_| row(sink, &text))?)
        });
        let error = place.write_segments(&spec(1, 2), &limits(kibibytes, 0), &Progress::default(), [rows]).unwrap_err();
        assert!(matches!(error, Error::Storage(_)), "{fault:?}: {error:?}");
        assert!((0..4).all(|number| place.read_segment(number).is_none()), "{fault:?}");
        let events: Vec<Event> = events.try_iter().collect();
        let count = |event| events.iter().filter(|seen| **seen == event).count();
        assert_eq!(count(Event::Begin), count(Event::Abort), "{fault:?}: {events:?}");
    }
}

#[test]
fn progress_is_of_all_segments() {
    let place = Place::memory();
    let progress = Progress::default();
    let parts = [part(|sink| {
        for n in 0..10 {
            sink.cell(Cell::Integer(n));
            sink.end_row()?;
        }
        Ok(())
    })];
    let files = place.write_segments(&spec(1, 1), &limits(4, 0), &progress, parts).unwrap();
    assert_eq!(files.iter().map(|file| file.bytes).collect::<Vec<_>>(), [11, 11, 7]);
    assert_eq!((progress.rows.into_inner(), progress.bytes.into_inner()), (10, 29));
}
