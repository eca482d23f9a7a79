//! Stores that fail, and folders.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use export::destination::folder;
use export::file::{Error, Progress};

use crate::support::{BoxedPart, Broken, Event, Fault, Place, Watched, kibibyte, part, row, spec};

fn mebibytes(count: usize) -> BoxedPart {
    part(move |sink| {
        let text = kibibyte();
        Ok((0..count << 10).try_for_each(|_| row(sink, &text))?)
    })
}

#[test]
fn a_store_that_fails_leaves_nothing_behind() {
    for (fault, size, aborted) in [
        (Fault::Put, 1, false),
        (Fault::Begin, 100, false),
        (Fault::Chunk(0), 100, true),
        (Fault::Chunk(2), 100, true),
        (Fault::Complete, 100, true),
    ] {
        let (store, events) = Watched::new(fault);
        let place = Place::new(store);
        let parts = (0..4).map(|_| mebibytes(size));
        let error = place.write(&spec(1, 2), &Progress::default(), parts).unwrap_err();
        let Error::Storage(cause) = error else { panic!("{fault:?}: {error:?}") };
        assert!(cause.to_string().contains("disk full"), "{cause}");
        assert_eq!(place.read(), None);
        let events: Vec<_> = events.try_iter().collect();
        assert_eq!(events.contains(&Event::Abort), aborted, "{fault:?}: {events:?}");
        assert_eq!(events.contains(&Event::Complete), fault == Fault::Complete, "{fault:?}: {events:?}");
    }
}

#[test]
fn a_panic_of_the_store_aborts_the_upload_and_hangs_nobody() {
    let (store, events) = Watched::new(Fault::Panic);
    let place = Place::new(store);
    let parts = (0..4).map(|_| mebibytes(100));
    let outcome = catch_unwind(AssertUnwindSafe(|| place.write(&spec(1, 2), &Progress::default(), parts)));
    assert!(outcome.is_err());
    while events.recv_timeout(Duration::from_secs(60)).unwrap() != Event::Abort {}
}

#[test]
fn a_folder_shows_whole_files_only() {
    let home = tempfile::tempdir().unwrap();
    let results = home.path().join("new/results");
    let place = Place::new(folder(&results).unwrap());
    let names = || -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(results.join("attempt")) else { return Vec::new() };
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };

    for size in [1, 20] {
        let file = place.write(&spec(1, 2), &Progress::default(), [mebibytes(size), mebibytes(size)]).unwrap();
        assert_eq!(names(), ["file.csv"]);
        assert_eq!(std::fs::metadata(results.join("attempt/file.csv")).unwrap().len(), file.bytes);
        std::fs::remove_file(results.join("attempt/file.csv")).unwrap();
    }

    let broken = part(|_| Err(Broken::Because("table gone")));
    // The first part is far into its upload when the second one is taken.
    let error = place.write(&spec(1, 1), &Progress::default(), [mebibytes(40), broken]).unwrap_err();
    assert!(matches!(error, Error::Source(_)), "{error:?}");
    assert_eq!(names(), [""; 0]);
}

#[test]
fn a_folder_that_cannot_be_is_an_error() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("file");
    std::fs::write(&file, "in the way").unwrap();
    assert!(folder(&file.join("results")).is_err());

    let place = Place::new(folder(home.path()).unwrap());
    std::fs::write(home.path().join("attempt"), "in the way").unwrap();
    for size in [1, 20] {
        let error = place.write(&spec(1, 2), &Progress::default(), [mebibytes(size)]).unwrap_err();
        assert!(matches!(error, Error::Storage(_)), "{error:?}");
    }
}
