//! Dates and datetimes as queries write them: `2026-02-28`, `2026-02-28T05:07:32-08:00`, `now - 1 day (Los Angeles)`.

use std::{collections::BTreeMap, sync::LazyLock};

use jiff::{
    Timestamp,
    civil::{Date, DateTime, Time},
    tz::{self, Offset, TimeZone},
};

use crate::{
    bound::{Anchor, Moment, Shift, Unit},
    catalog::nearest,
};

/// Why a text is not a [`Moment`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fault {
    /// Neither a date, nor a datetime, nor `now` or `today`.
    Shape,
    /// A zone that does not exist.
    Zone { name: String },
}

/// Whether the moment is a whole day, or one instant.
pub(crate) fn is_day(moment: &Moment) -> bool {
    matches!(moment.anchor, Anchor::Date(_) | Anchor::Today)
}

/// Reads a text. Where it names no zone, its calendar is read in `default`.
///
/// Clients also write a blank for the `T`, fractions of a second, an offset without its colon (as result files do), and
/// a zone in parentheses behind a date or datetime: all of it is read.
pub(crate) fn read(text: &str, default: &TimeZone) -> Result<Moment, Fault> {
    let (text, zone) = split_zone(text.trim());
    let zone = match zone {
        Some("") => return Err(Fault::Shape),
        zone => zone.map(read_zone).transpose()?,
    };
    if let Some((anchor, rest)) = split_anchor(text) {
        let shift = read_shift(rest).ok_or(Fault::Shape)?;
        return Ok(Moment { anchor, shift, zone: zone.unwrap_or_else(|| default.clone()) });
    }
    let mut scan = Scan(text);
    let moment = read_absolute(&mut scan, zone, default).ok_or(Fault::Shape)?;
    if scan.0.is_empty() { Ok(moment) } else { Err(Fault::Shape) }
}

/// `now (Berlin)` is `now` and `Berlin`.
fn split_zone(text: &str) -> (&str, Option<&str>) {
    match text.strip_suffix(')').and_then(|text| text.rsplit_once('(')) {
        Some((text, zone)) => (text.trim_end(), Some(zone.trim())),
        None => (text, None),
    }
}

fn split_anchor(text: &str) -> Option<(Anchor, &str)> {
    let starts = |word: &str| text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    match () {
        () if starts("now") => Some((Anchor::Now, &text["now".len()..])),
        () if starts("today") => Some((Anchor::Today, &text["today".len()..])),
        () => None,
    }
}

/// What follows `now` or `today`: nothing, or `- 30 days`.
fn read_shift(text: &str) -> Option<Option<Shift>> {
    let text = text.trim();
    if text.is_empty() {
        return Some(None);
    }
    let (sign, text) = match text.strip_prefix('-') {
        Some(text) => (-1, text),
        None => (1, text.strip_prefix('+')?),
    };
    let text = text.trim_start();
    let (digits, unit) = text.split_at(text.find(|letter: char| !letter.is_ascii_digit())?);
    if digits.is_empty() {
        return None;
    }
    // Too many of any unit end at the end of the calendar, however many they are.
    let amount = digits.parse::<i64>().unwrap_or(i64::MAX) * sign;
    let unit = unit.trim().to_ascii_lowercase();
    let unit = match unit.strip_suffix('s').unwrap_or(&unit) {
        "second" => Unit::Second,
        "minute" => Unit::Minute,
        "hour" => Unit::Hour,
        "day" => Unit::Day,
        "week" => Unit::Week,
        "month" => Unit::Month,
        "year" => Unit::Year,
        _ => return None,
    };
    Some(Some(Shift { amount, unit }))
}

fn read_absolute(scan: &mut Scan<'_>, zone: Option<TimeZone>, default: &TimeZone) -> Option<Moment> {
    let date = scan.date()?;
    let time = if scan.eat(&['T', 't', ' ']) { Some(scan.time()?) } else { None };
    let offset = scan.offset()?;
    // An offset and a zone besides could disagree.
    if offset.is_some() && zone.is_some() {
        return None;
    }
    let offset = offset.map(TimeZone::fixed);
    match time {
        None => {
            let zone = offset.or(zone).unwrap_or_else(|| default.clone());
            Some(Moment { anchor: Anchor::Date(date), shift: None, zone })
        }
        Some(time) => {
            let zone = zone.unwrap_or_else(|| default.clone());
            let written_in = offset.unwrap_or_else(|| zone.clone());
            // `9999-12-31T23:59:59` means for ever, and the last instants of that year cannot be counted.
            let zoned = DateTime::from_parts(date, time).to_zoned(written_in);
            let instant = zoned.map_or(Timestamp::MAX, |zoned| zoned.timestamp());
            Some(Moment { anchor: Anchor::Instant(instant), shift: None, zone })
        }
    }
}

/// What is left of the text.
struct Scan<'a>(&'a str);

impl Scan<'_> {
    fn eat(&mut self, any: &[char]) -> bool {
        match self.0.strip_prefix(any) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    /// Exactly so many digits.
    fn digits(&mut self, count: usize) -> Option<i16> {
        let digits = self.0.get(..count).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
        self.0 = &self.0[count..];
        digits.parse().ok()
    }

    fn two(&mut self) -> Option<i8> {
        self.digits(2).map(|digits| digits as i8)
    }

    fn date(&mut self) -> Option<Date> {
        let year = self.digits(4)?;
        let month = self.eat(&['-']).then(|| self.two())??;
        let day = self.eat(&['-']).then(|| self.two())??;
        Date::new(year, month, day).ok()
    }

    /// `05:07`, `05:07:32`, `05:07:32.123456`
    fn time(&mut self) -> Option<Time> {
        let hour = self.two()?;
        let minute = self.eat(&[':']).then(|| self.two())??;
        let second = if self.eat(&[':']) { self.two()? } else { 0 };
        let nanosecond = if self.eat(&['.']) { self.fraction()? } else { 0 };
        Time::new(hour, minute, second, nanosecond).ok()
    }

    /// A fraction of a second, in nanoseconds; what is finer is dropped.
    fn fraction(&mut self) -> Option<i32> {
        let len = self.0.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(self.0.len());
        let (digits, rest) = self.0.split_at(len);
        self.0 = rest;
        let nine = format!("{digits:0<9}");
        if digits.is_empty() { None } else { nine[..9].parse().ok() }
    }

    /// `Z`, `-08:00`, `-0800`, or nothing.
    fn offset(&mut self) -> Option<Option<Offset>> {
        if self.eat(&['Z', 'z']) {
            return Some(Some(Offset::UTC));
        }
        let sign = match self.0.as_bytes().first() {
            Some(b'+') => 1,
            Some(b'-') => -1,
            _ => return Some(None),
        };
        self.eat(&['+', '-']);
        let hours = self.two()?;
        self.eat(&[':']);
        let minutes = self.two()?;
        if hours > 23 || minutes > 59 {
            return None;
        }
        Offset::from_seconds(sign * (i32::from(hours) * 3600 + i32::from(minutes) * 60)).ok().map(Some)
    }
}

/// An offset, a name of the zone database, or the city part of one.
fn read_zone(text: &str) -> Result<TimeZone, Fault> {
    let mut scan = Scan(text);
    if let Some(Some(offset)) = scan.offset()
        && scan.0.is_empty()
    {
        return Ok(TimeZone::fixed(offset));
    }
    let name = zone_key(text);
    let name = CITIES.get(&name).map_or(name.as_str(), String::as_str);
    TimeZone::get(name).map_err(|_| Fault::Zone { name: text.to_owned() })
}

/// The zone, or the city of one, that may have been meant.
pub(crate) fn near_zone(name: &str) -> Option<&'static str> {
    let names = CITIES.values().map(|zone| match name.contains('/') {
        true => zone.as_str(),
        false => zone.rsplit('/').next().unwrap_or(zone),
    });
    nearest(names, &zone_key(name)).first().copied()
}

/// How a zone is looked up: with underscores, in lower case.
fn zone_key(text: &str) -> String {
    text.replace(' ', "_").to_ascii_lowercase()
}

/// The last part of every name that has several, in lower case, to the name. Not of `Etc/GMT+8`: that one is eight
/// hours behind, and who writes `GMT+8` means ahead.
static CITIES: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    let mut cities = BTreeMap::new();
    for name in tz::db().available() {
        if let Some((area, city)) = name.as_str().rsplit_once('/')
            && area != "Etc"
        {
            cities.entry(city.to_ascii_lowercase()).or_insert_with(|| name.as_str().to_owned());
        }
    }
    cities
});
