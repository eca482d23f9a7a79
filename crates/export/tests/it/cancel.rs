//! What happens when a file is not to be finished: a part fails or panics, or somebody cancels.

use std::sync::Arc;
use std::sync::mpsc::channel;

use export::file::{Error, Progress};

use crate::support::{BoxedPart, Broken, Event, Fault, Place, Watched, kibibyte, part, row, spec};

/// Writes rows until it is told to stop.
fn endless() -> BoxedPart {
    part(|sink| {
        let text = kibibyte();
        loop {
            row(sink, &text)?;
        }
    })
}

fn failing(why: &'static str) -> BoxedPart {
    part(move |_| Err(Broken::Because(why)))
}

#[test]
fn a_failed_part_stops_the_others_and_leaves_no_file() {
    for threads in [1, 2, 5] {
        let place = Place::memory();
        let parts = vec![failing("table gone"), endless(), endless(), endless(), endless()];
        let error = place.write(&spec(1, threads), &Progress::default(), parts).unwrap_err();
        assert!(matches!(error, Error::Source(Broken::Because("table gone"))), "{error:?}");
        assert_eq!(error.to_string(), "table gone");
        assert_eq!(place.read(), None);
    }
}

#[test]
fn a_part_that_fails_late_stops_those_before_it() {
    let (store, events) = Watched::new(Fault::None);
    let place = Place::new(store);
    // Fails when the first part, whose turn it is, is already being stored.
    let late = part(move |sink| {
        row(sink, "ahead")?;
        while !matches!(events.recv().unwrap(), Event::Chunk(_)) {}
        Err(Broken::Because("table gone"))
    });
    let error = place.write(&spec(1, 2), &Progress::default(), [endless(), late]).unwrap_err();
    assert!(matches!(error, Error::Source(Broken::Because("table gone"))), "{error:?}");
    assert_eq!(place.read(), None);
}

#[test]
fn of_several_failures_the_earliest_in_the_file_counts() {
    let place = Place::memory();
    let (about_to_fail, other_fails) = channel();
    let first = part(move |_| {
        other_fails.recv().unwrap();
        Err(Broken::Because("first"))
    });
    let second = part(move |_| {
        about_to_fail.send(()).unwrap();
        Err(Broken::Because("second"))
    });
    let error = place.write(&spec(1, 2), &Progress::default(), [first, second]).unwrap_err();
    assert!(matches!(error, Error::Source(Broken::Because("first"))), "{error:?}");
}

#[test]
fn a_reader_that_was_told_to_stop_is_not_the_cause() {
    let place = Place::memory();
    let (told, other_told) = channel();
    // It makes an error of its own of being stopped, and is the earlier one.
    let first = part(move |sink| {
        let stopped = (0..).map(|_| row(sink, "x")).find_map(Result::err);
        told.send(stopped).unwrap();
        Err(Broken::Because("could not write"))
    });
    let error = place.write(&spec(1, 2), &Progress::default(), [first, failing("the cause")]).unwrap_err();
    assert!(matches!(error, Error::Source(Broken::Because("the cause"))), "{error:?}");
    assert!(other_told.recv().unwrap().is_some());
}

#[test]
fn a_panic_is_an_error() {
    let cases: [(BoxedPart, &str); 3] = [
        (part(|_| panic!("index {} out of range", 7)), "index 7 out of range"),
        (part(|_| panic!("plain")), "plain"),
        (part(|_| std::panic::panic_any(7)), "no message"),
    ];
    for (bad, message) in cases {
        let place = Place::memory();
        let parts = [endless(), bad, endless()];
        let error = place.write(&spec(1, 2), &Progress::default(), parts).unwrap_err();
        assert!(matches!(&error, Error::Panicked(text) if text == message), "{error:?}");
        assert_eq!(place.read(), None);
    }
}

#[test]
fn a_panic_in_the_list_of_parts_is_an_error() {
    let place = Place::memory();
    let parts = (0..).map(|n| if n < 10 { part(|sink| Ok(row(sink, "x")?)) } else { panic!("no more key ranges") });
    let error = place.write(&spec(1, 3), &Progress::default(), parts).unwrap_err();
    assert!(matches!(&error, Error::Panicked(text) if text == "no more key ranges"), "{error:?}");
}

#[test]
fn cancelled_before_it_began() {
    let (store, events) = Watched::new(Fault::None);
    let place = Place::new(store);
    let progress = Progress::default();
    progress.cancel();
    let never = part(|_| panic!("was read"));
    let error = place.write(&spec(1, 2), &progress, [never]).unwrap_err();
    assert!(matches!(error, Error::Cancelled), "{error:?}");
    assert_eq!(place.read(), None);
    assert_eq!(events.try_iter().count(), 0);
}

#[test]
fn a_cancellation_takes_effect_at_the_next_row() {
    let place = Place::memory();
    let progress = Arc::new(Progress::default());
    let cancelling = part({
        let progress = progress.clone();
        move |sink| {
            row(sink, "before")?;
            progress.cancel();
            assert!(row(sink, "after").is_err());
            Ok(())
        }
    });
    let error = place.write(&spec(1, 1), &progress, [cancelling, endless()]).unwrap_err();
    assert!(matches!(error, Error::Cancelled), "{error:?}");
    assert_eq!(place.read(), None);
}

#[test]
fn a_cancellation_reaches_those_who_wait_for_room() {
    let place = Place::memory();
    let progress = Arc::new(Progress::default());
    let (begun, other_begun) = channel();
    let (stopped, other_stopped) = channel();
    // Its turn has come and it writes nothing, so that the others can only wait.
    let first = part({
        let progress = progress.clone();
        move |_| {
            other_begun.recv().unwrap();
            progress.cancel();
            other_stopped.recv().unwrap();
            Ok(())
        }
    });
    let second = part(move |sink| {
        let text = kibibyte();
        row(sink, &text)?;
        begun.send(()).unwrap();
        let refusal = (0..).find_map(|_| row(sink, &text).err());
        stopped.send(refusal).unwrap();
        Ok(())
    });
    let error = place.write(&spec(1, 2), &progress, [first, second]).unwrap_err();
    assert!(matches!(error, Error::Cancelled), "{error:?}");
}

#[test]
fn a_cancellation_ends_an_endless_list_of_parts() {
    let place = Place::memory();
    let progress = Arc::new(Progress::default());
    let parts = (0..).map({
        let progress = progress.clone();
        move |n| {
            if n == 5000 {
                progress.cancel();
            }
            part(|sink| Ok(row(sink, "x")?))
        }
    });
    let error = place.write(&spec(1, 3), &progress, parts).unwrap_err();
    assert!(matches!(error, Error::Cancelled), "{error:?}");
    assert_eq!(place.read(), None);
}

#[test]
fn a_cancellation_reaches_a_writer_that_waits_for_its_store() {
    let (store, events) = Watched::new(Fault::Hang);
    let place = Place::new(store);
    let progress = Progress::default();
    let error = std::thread::scope(|scope| {
        let writing = scope.spawn(|| place.write(&spec(1, 2), &progress, [endless()]));
        // When as many chunks are on their way as may be, the writer waits for ever.
        let mut chunks = 0;
        while chunks < 3 {
            chunks += usize::from(matches!(events.recv().unwrap(), Event::Chunk(_)));
        }
        progress.cancel();
        writing.join().unwrap().unwrap_err()
    });
    assert!(matches!(error, Error::Cancelled), "{error:?}");
    assert_eq!(events.try_iter().last(), Some(Event::Abort));
}

#[test]
fn a_cancellation_reaches_a_file_that_only_waits_for_its_last_chunks() {
    let (store, events) = Watched::new(Fault::Hang);
    let place = Place::new(store);
    let progress = Progress::default();
    let ten_mebibytes = part(|sink| {
        let text = kibibyte();
        Ok((0..10 << 10).try_for_each(|_| row(sink, &text))?)
    });
    let error = std::thread::scope(|scope| {
        let writing = scope.spawn(|| place.write(&spec(1, 2), &progress, [ten_mebibytes]));
        while !matches!(events.recv().unwrap(), Event::Chunk(_)) {}
        progress.cancel();
        writing.join().unwrap().unwrap_err()
    });
    assert!(matches!(error, Error::Cancelled), "{error:?}");
    assert_eq!(events.try_iter().last(), Some(Event::Abort));
}
