//! Datetimes against jiff's own arithmetic.

use export::cell::{Cell, CellSink, Timestamp};
use export::csv::{DatetimeStyle, Encoder, Style};
use jiff::tz::TimeZone;
use proptest::prelude::*;

use crate::support::columns;

const ZONES: [&str; 7] = [
    "America/Los_Angeles",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "UTC",
    // Daylight saving the other way round, and an offset that moves with Ramadan.
    "Europe/Dublin",
    "Africa/Casablanca",
];

/// Lines written by one encoder, so that its memory of the last day and offset is used.
fn write(zone: &TimeZone, colon: bool, instants: &[i64]) -> Vec<String> {
    let datetimes = DatetimeStyle { zone: zone.clone(), colon_in_offset: colon, ..DatetimeStyle::default() };
    let mut encoder = Encoder::new(&columns(1), &Style { datetimes, ..Style::default() });
    for instant in instants {
        encoder.cell(Cell::Datetime(Timestamp(*instant)));
        encoder.end_row().unwrap();
    }
    String::from_utf8(encoder.take(Vec::new())).unwrap().lines().map(str::to_owned).collect()
}

fn floored(micros: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(micros.div_euclid(1_000_000)).unwrap()
}

/// In the order of a table, that is, near each other, or anywhere from year 0 to year 9999.
fn any_instants() -> impl Strategy<Value = Vec<i64>> {
    const YEAR: i64 = 31_557_600_000_000;
    prop_oneof![
        (0..80 * YEAR, prop::collection::vec(-YEAR..YEAR, 1..50))
            .prop_map(|(around, offsets)| offsets.iter().map(|offset| around + offset).collect()),
        prop::collection::vec(-1969 * YEAR..8028 * YEAR, 1..50),
        prop::collection::vec(-100 * YEAR..100 * YEAR, 1..50),
    ]
}

proptest! {
    #[test]
    fn datetimes_are_what_jiff_writes(zone in prop::sample::select(&ZONES[..]), colon: bool, instants in any_instants()) {
        let zone = TimeZone::get(zone).unwrap();
        for (written, instant) in write(&zone, colon, &instants).iter().zip(&instants) {
            let instant = floored(*instant);
            let local = instant.to_zoned(zone.clone());
            let format = if colon { "%Y-%m-%dT%H:%M:%S%:z" } else { "%Y-%m-%dT%H:%M:%S%z" };
            // Offsets with seconds, which the format cannot show, still have to denote the instant.
            if local.offset().seconds() % 60 == 0 {
                prop_assert_eq!(written, &local.strftime(format).to_string());
            }
            prop_assert_eq!(jiff::Timestamp::strptime(format, written).unwrap(), instant);
        }
    }

    #[test]
    fn no_instant_panics(zone in prop::sample::select(&ZONES[..]), instants in prop::collection::vec(any::<i64>(), 1..20)) {
        let zone = TimeZone::get(zone).unwrap();
        prop_assert_eq!(write(&zone, false, &instants).len(), instants.len());
    }
}

#[test]
fn both_sides_of_every_change_of_an_offset() {
    for name in ZONES {
        let zone = TimeZone::get(name).unwrap();
        let changes = zone.following(jiff::Timestamp::from_second(0).unwrap()).take(400);
        let instants: Vec<i64> = changes
            .flat_map(|change| [-1, 0, 1].map(|second| (change.timestamp().as_second() + second) * 1_000_000))
            .collect();
        for (written, instant) in write(&zone, false, &instants).iter().zip(&instants) {
            let expected = floored(*instant).to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%z").to_string();
            assert_eq!(*written, expected, "{name}");
        }
    }
}
