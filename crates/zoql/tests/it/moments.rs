//! Literals at an instant: calendar arithmetic where clocks change, where months end and where the calendar does.

use jiff::{Timestamp, tz::TimeZone};
use zoql::{
    Language, Options,
    bound::{Condition, Literal, Operand, Resolved},
    compile,
};

use crate::corpus::{CATALOG, options};

/// The literal that a text is beside a datetime field.
fn literal(field: &str, text: &str, zone: &str) -> Literal {
    let options = Options { tenant_zone: TimeZone::get(zone).unwrap(), language: Language::Export, ..options() };
    let query = format!("select Id from Invoice where {field} = '{text}'");
    match compile(&query, &CATALOG, &options).unwrap().query.filter {
        Some(Condition::Compare { right: Operand::Literal(literal), .. }) => literal,
        other => panic!("{other:?}"),
    }
}

fn at(now: &str) -> Timestamp {
    now.parse().unwrap()
}

#[track_caller]
fn instant(text: &str, zone: &str, now: &str, expected: &str) {
    let resolved = literal("CreatedDate", text, zone).resolve(at(now));
    assert_eq!(resolved, Resolved::Instant(at(expected)), "{text}");
}

#[track_caller]
fn day(text: &str, zone: &str, now: &str, start: &str, end: &str) {
    let resolved = literal("CreatedDate", text, zone).resolve(at(now));
    assert_eq!(resolved, Resolved::Day { start: at(start), end: at(end) }, "{text}");
}

#[track_caller]
fn date(text: &str, zone: &str, now: &str, expected: &str) {
    let resolved = literal("DueDate", text, zone).resolve(at(now));
    assert_eq!(resolved, Resolved::Date(expected.parse().unwrap()), "{text}");
}

const LA: &str = "America/Los_Angeles";
const BERLIN: &str = "Europe/Berlin";
const LORD_HOWE: &str = "Australia/Lord_Howe";

#[test]
fn a_day_has_23_hours_when_clocks_go_forward_and_25_when_they_go_back() {
    let now = "2026-06-01T12:00:00Z";
    day("2026-03-08", LA, now, "2026-03-08T08:00:00Z", "2026-03-09T07:00:00Z");
    day("2026-11-01", LA, now, "2026-11-01T07:00:00Z", "2026-11-02T08:00:00Z");
    day("2026-03-29", BERLIN, now, "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z");
    day("2026-10-25", BERLIN, now, "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z");
    // Half an hour each way: 23.5 and 24.5 hours.
    day("2026-10-04", LORD_HOWE, now, "2026-10-03T13:30:00Z", "2026-10-04T13:00:00Z");
    day("2026-04-05", LORD_HOWE, now, "2026-04-04T13:00:00Z", "2026-04-05T13:30:00Z");
}

#[test]
fn a_day_begins_later_where_clocks_change_at_midnight() {
    day("2018-11-04", "America/Sao_Paulo", "2026-01-01T00:00:00Z", "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z");
}

#[test]
fn a_day_back_is_a_calendar_day_and_24_hours_are_24_hours() {
    // One hour after the clocks went forward in Los Angeles, and in Berlin.
    let now = "2026-03-08T11:00:00Z";
    instant("now - 1 day", LA, now, "2026-03-07T12:00:00Z");
    instant("now - 24 hours", LA, now, "2026-03-07T11:00:00Z");
    instant("now - 1 day (Berlin)", LA, now, "2026-03-07T11:00:00Z");
    let now = "2026-03-29T02:00:00Z";
    instant("now - 1 day", BERLIN, now, "2026-03-28T03:00:00Z");
    instant("now - 1 week", BERLIN, now, "2026-03-22T03:00:00Z");
    instant("now + 1440 minutes", BERLIN, now, "2026-03-30T02:00:00Z");
    instant("now - 1 day (+01:00)", BERLIN, now, "2026-03-28T02:00:00Z");
}

#[test]
fn a_time_that_the_clock_leaves_out_is_read_as_if_it_had_not() {
    instant("2026-03-08T02:30:00", LA, "2026-01-01T00:00:00Z", "2026-03-08T10:30:00Z");
    // A day later the clock skips 02:30.
    instant("now + 1 day", LA, "2026-03-07T10:30:00Z", "2026-03-08T10:30:00Z");
    // 01:30 comes twice: the first one.
    instant("2026-11-01T01:30:00", LA, "2026-01-01T00:00:00Z", "2026-11-01T08:30:00Z");
}

#[test]
fn today_is_the_day_in_the_zone() {
    let now = "2026-03-01T04:30:00Z";
    date("today", LA, now, "2026-02-28");
    date("today", BERLIN, now, "2026-03-01");
    date("today (UTC)", LA, now, "2026-03-01");
    date("today (-05:00)", BERLIN, now, "2026-02-28");
    day("today", LA, now, "2026-02-28T08:00:00Z", "2026-03-01T08:00:00Z");
    day("today (Tokyo)", LA, now, "2026-02-28T15:00:00Z", "2026-03-01T15:00:00Z");
    day("2026-02-28Z", LA, now, "2026-02-28T00:00:00Z", "2026-03-01T00:00:00Z");
}

#[test]
fn a_month_past_the_end_of_a_shorter_one_takes_its_last_day() {
    let now = "2026-03-31T12:00:00Z";
    date("today - 1 month", "UTC", now, "2026-02-28");
    date("today + 1 month", "UTC", now, "2026-04-30");
    date("today - 13 months", "UTC", now, "2025-02-28");
    date("today - 25 months", "UTC", now, "2024-02-29");
    date("today - 1 year", "UTC", "2024-02-29T12:00:00Z", "2023-02-28");
    date("today + 4 years", "UTC", "2024-02-29T12:00:00Z", "2028-02-29");
    date("today - 30 days", "UTC", "2024-03-30T12:00:00Z", "2024-02-29");
    date("today + 2 weeks", "UTC", "2026-12-25T12:00:00Z", "2027-01-08");
    instant("now - 1 month", "UTC", "2026-05-31T12:34:56Z", "2026-04-30T12:34:56Z");
}

#[test]
fn hours_move_today_only_across_midnight() {
    let now = "2026-03-08T20:00:00Z";
    date("today + 3 hours", LA, now, "2026-03-08");
    date("today - 1 second", LA, now, "2026-03-07");
    // That day has 23 hours.
    date("today + 23 hours", LA, now, "2026-03-09");
}

#[test]
fn the_calendar_ends_and_nothing_panics() {
    let now = "2026-03-08T20:00:00Z";
    date("9999-12-31", LA, now, "9999-12-31");
    date("today + 9000 years", LA, now, "9999-12-31");
    date("today - 99999999999999999999 months", LA, now, "-009999-01-01");
    date("today + 99999999999999999999 seconds", "UTC", now, "9999-12-30");
    for unit in ["second", "minute", "hour", "day", "week", "month", "year"] {
        for amount in ["- 99999999999999999999", "+ 9223372036854775807"] {
            let text = format!("now {amount} {unit}s");
            let end = if amount.starts_with('-') { Timestamp::MIN } else { Timestamp::MAX };
            let resolved = literal("CreatedDate", &text, LA).resolve(at(now));
            assert_eq!(resolved, Resolved::Instant(end), "{text}");
        }
    }
    let resolved = literal("CreatedDate", "9999-12-31T23:59:59", LA).resolve(at(now));
    assert_eq!(resolved, Resolved::Instant(Timestamp::MAX));
    let resolved = literal("CreatedDate", "9999-12-31", LA).resolve(at(now));
    assert_eq!(resolved, Resolved::Day { start: Timestamp::MAX, end: Timestamp::MAX });
}
