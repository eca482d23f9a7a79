//! The demo's time: three years of business, then a week of nightly loads. It is fixed, not "until today": the same
//! seed and scale give the same data on every day.

use jiff::{
    SignedDuration, Timestamp, ToSpan,
    civil::{Date, date},
};

/// The first account signs up on this day.
pub const START: Date = date(2023, 11, 1);
/// The base load shows the data as it was when this day began, UTC.
pub const END: Date = date(2026, 11, 1);
/// The loads after the base load, one a day.
pub const NIGHTS: i32 = 7;

/// An instant of a day, UTC.
pub fn at(day: Date, second: u32) -> Timestamp {
    Timestamp::UNIX_EPOCH + day.duration_since(date(1970, 1, 1)) + SignedDuration::from_secs(second.into())
}

/// The calendar day of an instant, UTC.
pub fn day_of(instant: Timestamp) -> Date {
    let days = instant.as_second().div_euclid(86_400) as i32;
    days_after(date(1970, 1, 1), days)
}

pub fn seconds_after(instant: Timestamp, seconds: i64) -> Timestamp {
    instant + SignedDuration::from_secs(seconds)
}

pub fn days_after(day: Date, days: i32) -> Date {
    day.saturating_add(days.days())
}

pub fn months_after(day: Date, months: u32) -> Date {
    day.saturating_add((months as i32).months())
}

/// When the data of a load ends: `0` is the base load, then the nights.
pub fn load_instant(load: i32) -> Timestamp {
    at(days_after(END, load), 0)
}

/// What happened from one load to the next.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// Included.
    pub from: Timestamp,
    /// Not included; the state of everything is the state at this instant.
    pub to: Timestamp,
}

impl Window {
    pub fn of_load(load: i32) -> Window {
        let from = if load == 0 { Timestamp::MIN } else { load_instant(load - 1) };
        Window { from, to: load_instant(load) }
    }

    pub fn is_first(&self) -> bool {
        self.from == Timestamp::MIN
    }

    pub fn contains(&self, instant: Timestamp) -> bool {
        self.from <= instant && instant < self.to
    }
}
