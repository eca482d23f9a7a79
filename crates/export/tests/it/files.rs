//! What ends up in a file: everything, in order, once.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;

use export::file::{FinishedFile, Progress};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use crate::support::{Event, Fault, Place, Rows, Watched, expected, kibibyte, part, parts, row, spec};

/// Writes rows in parts that end before the rows of the given numbers.
fn write_split(place: &Place, rows: &Rows, cuts: &[usize], threads: usize) -> FinishedFile {
    let spec = spec(rows.first().map_or(1, Vec::len), threads);
    place.write(&spec, &Progress::default(), parts(rows, cuts)).unwrap()
}

#[test]
fn a_small_file() {
    let place = Place::memory();
    let progress = Progress::default();
    let parts = ["one", "two, or more", ""].map(|text| part(move |sink| Ok(row(sink, text)?)));
    let file = place.write(&spec(1, 2), &progress, parts).unwrap();

    assert_eq!(place.read().unwrap(), b"c1\none\n\"two, or more\"\n\"\"\n");
    // sha256sum of the same bytes.
    let sha256 = "222bc0956a7a43e833d185345d818d9c43d1c98987a60760f965a432255c0873";
    assert_eq!(file.sha256.map(|byte| format!("{byte:02x}")).concat(), sha256);
    assert_eq!((file.rows, file.bytes), (3, 25));
    assert_eq!(progress.rows.load(Ordering::Relaxed), 3);
    assert_eq!(progress.bytes.load(Ordering::Relaxed), 25);
}

#[test]
fn no_rows_and_no_parts_leave_the_header_line() {
    let place = Place::memory();
    let file = place.write(&spec(2, 4), &Progress::default(), []).unwrap();
    assert_eq!(place.read().unwrap(), b"c1,c2\n");
    assert_eq!((file.rows, file.bytes), (0, 6));

    let nothing = (0..10).map(|_| part(|_| Ok(())));
    let again = place.write(&spec(2, 4), &Progress::default(), nothing).unwrap();
    assert_eq!(again, file);
}

#[test]
fn progress_adds_up_over_files() {
    let place = Place::memory();
    let progress = Progress::default();
    for _ in 0..2 {
        place.write(&spec(1, 1), &progress, [part(|sink| Ok(row(sink, "x")?))]).unwrap();
    }
    assert_eq!(progress.rows.load(Ordering::Relaxed), 2);
    assert_eq!(progress.bytes.load(Ordering::Relaxed), 10);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn neither_parts_nor_threads_change_a_byte(
        rows in prop::collection::vec(prop::collection::vec(prop::option::of("[a-z,\"\n ]{0,12}"), 3), 0..60),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        threads in 1..5usize,
    ) {
        let place = Place::memory();
        let cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(rows.len() + 1)).collect();
        let file = write_split(&place, &rows, &cuts, threads);
        let written = place.read().unwrap();
        prop_assert_eq!(&written, &expected(&spec(if rows.is_empty() { 1 } else { 3 }, 1), &rows));
        prop_assert_eq!(file.rows, rows.len() as u64);
        prop_assert_eq!(file.bytes, written.len() as u64);
        prop_assert_eq!(file.sha256, <[u8; 32]>::from(Sha256::digest(&written)));
    }
}

/// 300,000 rows, 27 MiB: many blocks in a part, several chunks in an upload.
fn many_rows() -> Rows {
    (0..300_000).map(|n| vec![Some(format!("row {n}")), None, Some("some more text, quoted ".repeat(n % 7))]).collect()
}

#[test]
fn large_files_of_few_and_of_many_parts() {
    let rows = many_rows();
    let expected = expected(&spec(3, 1), &rows);
    let every = |step: usize| (step..rows.len()).step_by(step).collect::<Vec<_>>();
    for (cuts, threads) in [(vec![], 1), (vec![1, 299_000], 3), (every(10_000), 4), (every(37), 2)] {
        let place = Place::memory();
        let file = write_split(&place, &rows, &cuts, threads);
        assert!(place.read().unwrap() == expected, "{} parts, {threads} threads", cuts.len() + 1);
        assert_eq!(file.sha256, <[u8; 32]>::from(Sha256::digest(&expected)));
        assert_eq!(file.rows, 300_000);
    }
}

#[test]
fn small_objects_are_put_at_once_and_large_ones_in_equal_chunks() {
    let (store, events) = Watched::new(Fault::None);
    let place = Place::new(store);
    let kibibytes = |count: usize| {
        part(move |sink| {
            let text = kibibyte();
            Ok((0..count).try_for_each(|_| row(sink, &text))?)
        })
    };
    place.write(&spec(1, 1), &Progress::default(), [kibibytes(8000)]).unwrap();
    assert_eq!(events.try_iter().collect::<Vec<_>>(), [Event::Put]);

    place.write(&spec(1, 1), &Progress::default(), [kibibytes(20_000)]).unwrap();
    let chunks = [8 << 20, 8 << 20, 20_000 * 1024 - (16 << 20) + "c1\n".len()].map(Event::Chunk);
    let expected = [&[Event::Begin], &chunks[..], &[Event::Complete]].concat();
    assert_eq!(events.try_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn parts_that_end_in_reverse_order_are_put_right() {
    const PARTS: usize = 6;
    let place = Place::memory();
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..PARTS).map(|_| channel::<()>()).unzip();
    let mut receivers: Vec<_> = receivers.into_iter().map(Some).collect();
    let parts: Vec<_> = (0..PARTS)
        .map(|n| {
            // Each waits for the one behind it to have written its rows.
            let behind = receivers.get_mut(n + 1).and_then(Option::take);
            let done = senders[n].clone();
            part(move |sink| {
                if let Some(behind) = behind {
                    behind.recv().unwrap();
                }
                (0..3).try_for_each(|line| row(sink, &format!("{n}.{line}")))?;
                // Whoever is first has nobody waiting.
                let _ = done.send(());
                Ok(())
            })
        })
        .collect();
    place.write(&spec(1, PARTS), &Progress::default(), parts).unwrap();
    let lines: String = (0..PARTS).flat_map(|n| (0..3).map(move |line| format!("{n}.{line}\n"))).collect();
    assert_eq!(String::from_utf8(place.read().unwrap()).unwrap(), format!("c1\n{lines}"));
}

#[test]
fn parts_are_made_when_they_are_needed() {
    let place = Place::memory();
    let made = Arc::new(AtomicU64::new(0));
    let read = Arc::new(AtomicU64::new(0));
    let ahead = Arc::new(AtomicU64::new(0));
    let parts = (0..1000).map({
        let (made, read, ahead) = (made.clone(), read.clone(), ahead.clone());
        move |_| {
            let outstanding = made.fetch_add(1, Ordering::SeqCst) + 1 - read.load(Ordering::SeqCst);
            ahead.fetch_max(outstanding, Ordering::SeqCst);
            let read = read.clone();
            part(move |sink| {
                read.fetch_add(1, Ordering::SeqCst);
                Ok(row(sink, "x")?)
            })
        }
    });
    assert_eq!(place.write(&spec(1, 3), &Progress::default(), parts).unwrap().rows, 1000);
    assert!(ahead.load(Ordering::SeqCst) <= 3, "one part a thread");
}

#[test]
fn a_long_part_streams() {
    let (store, events) = Watched::new(Fault::None);
    let place = Place::new(store);
    let streaming = part(move |sink| {
        let text = kibibyte();
        // 1 GiB, unless the store sees some of it before that.
        for _ in 0..1 << 20 {
            row(sink, &text)?;
            if events.try_iter().any(|event| matches!(event, Event::Chunk(_))) {
                return Ok(());
            }
        }
        Err(crate::support::Broken::Because("nothing was stored while the part was read"))
    });
    place.write(&spec(1, 2), &Progress::default(), [streaming]).unwrap();
}

#[test]
fn a_part_ahead_of_its_turn_waits_when_it_is_far_ahead() {
    const TOTAL: u64 = 256 << 10;
    let place = Place::memory();
    let written = Arc::new(AtomicU64::new(0));
    let over = Arc::new(AtomicBool::new(false));
    let ahead = Arc::new(Mutex::new(0));
    let first = part({
        let (written, over, ahead) = (written.clone(), over.clone(), ahead.clone());
        move |sink| {
            // Until the other one does not move any more, and it must have moved.
            let mut still = 0;
            let mut seen = 0;
            while still < 10_000 {
                thread::yield_now();
                let now = written.load(Ordering::SeqCst);
                still = if now == seen && now > 0 { still + 1 } else { 0 };
                seen = now;
            }
            assert!(!over.load(Ordering::SeqCst), "the other part was held whole");
            *ahead.lock().unwrap() = seen;
            Ok(row(sink, "first")?)
        }
    });
    let second = part({
        move |sink| {
            let text = kibibyte();
            for _ in 0..TOTAL {
                row(sink, &text)?;
                written.fetch_add(1, Ordering::SeqCst);
            }
            over.store(true, Ordering::SeqCst);
            Ok(())
        }
    });
    let file = place.write(&spec(1, 2), &Progress::default(), [first, second]).unwrap();
    assert_eq!(file.rows, TOTAL + 1);
    assert!(place.read().unwrap().starts_with(b"c1\nfirst\nxxx"));
    let mebibytes = *ahead.lock().unwrap() >> 10;
    assert!(mebibytes <= 9, "{mebibytes} MiB ahead");
}
