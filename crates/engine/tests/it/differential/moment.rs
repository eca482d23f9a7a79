//! Dates and datetimes around the days that matter: clock changes, ends of months and years, leap days.

use jiff::{ToSpan as _, civil::Date};
use serde_json::{Value, json};

use crate::random::Random;

const DAYS: [&str; 10] = [
    "2026-03-08",
    "2026-11-01",
    "2026-03-29",
    "2026-10-25",
    "2026-04-05",
    "2026-10-04",
    "2024-02-29",
    "2015-01-04",
    "2016-01-01",
    "2025-12-31",
];

/// `2026-03-08`
pub fn date(random: &mut Random) -> String {
    let day: Date = random.pick(&DAYS).parse().expect("a date");
    (day + random.between(-1, 1).days()).to_string()
}

/// `2026-03-08T07:59:59.999999Z`
pub fn datetime(random: &mut Random) -> String {
    let second = random.pick(&["00", "59", "59.999999", "00.000001"]);
    format!("{}T{:02}:{}:{second}Z", date(random), random.below(24), random.pick(&["00", "30", "59"]))
}

/// What stands behind a moment: nothing, an offset, or a zone, by name or by city; and what it means, an offset in
/// minutes.
fn zone(random: &mut Random, relative: bool) -> (String, Value) {
    let (written, zone) = match random.below(8) {
        0 => ("Z", json!(0)),
        1 => ("+05:30", json!(330)),
        2 => ("-08:00", json!(-480)),
        3 => (" (Europe/Berlin)", json!("Europe/Berlin")),
        4 => (" (Lord Howe)", json!("Australia/Lord_Howe")),
        5 => (" (los_angeles)", json!("America/Los_Angeles")),
        _ => ("", Value::Null),
    };
    if relative && zone.is_number() { (format!(" ({written})"), zone) } else { (written.to_owned(), zone) }
}

fn shift(random: &mut Random, units: &[&str]) -> (String, Value) {
    if random.once_in(3) {
        return (String::new(), Value::Null);
    }
    let (amount, unit) = (random.between(-14, 14), random.pick(units));
    let sign = if amount < 0 { '-' } else { '+' };
    let plural = if random.once_in(2) { "s" } else { "" };
    (format!(" {sign} {} {unit}{plural}", amount.abs()), json!([amount, unit]))
}

/// A day as a query writes it, and as a tree.
pub fn day(random: &mut Random) -> (String, Value) {
    if random.once_in(3) {
        let (shift, shifted) = shift(random, &["day", "week", "month", "year"]);
        let (written, zone) = zone(random, true);
        return (format!("'today{shift}{written}'"), json!({ "day": "today", "shift": shifted, "zone": zone }));
    }
    let date = date(random);
    let (written, zone) = zone(random, false);
    (format!("'{date}{written}'"), json!({ "day": date, "zone": zone }))
}

/// An instant as a query writes it, and as a tree.
pub fn instant(random: &mut Random, bare: bool) -> (String, Value) {
    if random.once_in(3) {
        let (shift, shifted) = shift(random, &["second", "minute", "hour", "day", "week", "month", "year"]);
        let (written, zone) = zone(random, true);
        return (format!("'now{shift}{written}'"), json!({ "instant": "now", "shift": shifted, "zone": zone }));
    }
    let datetime = datetime(random);
    let local = datetime.trim_end_matches('Z');
    let (written, zone) = zone(random, false);
    let text = format!("{local}{written}");
    let quotes = if bare && !written.starts_with(' ') && random.once_in(2) { "" } else { "'" };
    (format!("{quotes}{text}{quotes}"), json!({ "instant": local, "zone": zone }))
}
