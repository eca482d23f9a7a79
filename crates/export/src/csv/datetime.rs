//! Datetimes: integer arithmetic, the zone asked once per change of its offset.

use jiff::tz::TimeZone;

use super::DatetimeStyle;
use crate::cell::Timestamp;

const SECONDS_PER_DAY: i64 = 86_400;

pub(super) struct DatetimeWriter {
    zone: Offsets,
    /// Present if midnights there are written as dates.
    los_angeles: Option<Offsets>,
    /// The day written last, and its date: rows that follow each other are often of one day.
    day: i64,
    date: CivilDate,
}

impl DatetimeWriter {
    pub(super) fn new(style: &DatetimeStyle) -> DatetimeWriter {
        DatetimeWriter {
            zone: Offsets::new(style.zone.clone(), style.colon_in_offset),
            los_angeles: style.date_at_midnight_los_angeles.then(|| Offsets::new(los_angeles(), false)),
            day: 0,
            date: CivilDate::from_day(0),
        }
    }

    #[inline]
    pub(super) fn write(&mut self, at: Timestamp, out: &mut Vec<u8>) {
        let utc = at.0.div_euclid(1_000_000);
        if let Some(los_angeles) = &mut self.los_angeles {
            let local = utc + los_angeles.at(utc).seconds;
            if local.rem_euclid(SECONDS_PER_DAY) == 0 {
                return self.write_date(local / SECONDS_PER_DAY, out);
            }
        }
        let offset = self.zone.at(utc);
        let local = utc + offset.seconds;
        let (second, suffix) = (local.rem_euclid(SECONDS_PER_DAY) as usize, offset.text);
        self.write_date(local.div_euclid(SECONDS_PER_DAY), out);

        let [h, i] = two_digits(second / 3600);
        let [m, n] = two_digits(second / 60 % 60);
        let [s, t] = two_digits(second % 60);
        out.extend_from_slice(&[b'T', h, i, b':', m, n, b':', s, t]);
        out.extend_from_slice(suffix.as_bytes());
    }

    fn write_date(&mut self, day: i64, out: &mut Vec<u8>) {
        if day != self.day {
            self.day = day;
            self.date = CivilDate::from_day(day);
        }
        out.extend_from_slice(self.date.as_bytes());
    }
}

#[expect(clippy::expect_used, reason = "the time zone database is compiled in, see the features of jiff")]
fn los_angeles() -> TimeZone {
    TimeZone::get("America/Los_Angeles").expect("the database has the zone")
}

/// The offsets of a zone, with the one used last and the time it holds for.
struct Offsets {
    zone: TimeZone,
    colon: bool,
    /// `from <= t < until`, in seconds since 1970.
    from: i64,
    until: i64,
    offset: Offset,
}

#[derive(Clone, Copy)]
struct Offset {
    /// East of UTC, in whole minutes.
    seconds: i64,
    text: OffsetText,
}

impl Offsets {
    fn new(zone: TimeZone, colon: bool) -> Offsets {
        // Holds for no time at all, so that the first look-up asks the zone.
        Offsets { zone, colon, from: 0, until: 0, offset: Offset::new(0, colon) }
    }

    #[inline]
    fn at(&mut self, second: i64) -> Offset {
        if second < self.from || second >= self.until {
            self.look_up(second);
        }
        self.offset
    }

    #[cold]
    fn look_up(&mut self, second: i64) {
        let at = instant(second);
        // `preceding` is exclusive, and transitions are on whole seconds.
        let last = self.zone.preceding(instant(second.saturating_add(1))).next();
        let next = self.zone.following(at).next();
        self.from = last.map_or(i64::MIN, |transition| transition.timestamp().as_second());
        self.until = next.map_or(i64::MAX, |transition| transition.timestamp().as_second());
        self.offset = Offset::new(self.zone.to_offset(at).seconds(), self.colon);
    }
}

/// The nearest instant that jiff knows: years -9999 to 9999. Beyond them offsets do not change any more.
fn instant(second: i64) -> jiff::Timestamp {
    let nearest = if second < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
    jiff::Timestamp::from_second(second).unwrap_or(nearest)
}

impl Offset {
    /// Before zones were standardised, offsets had seconds (`-7:52:58` in Los Angeles until 1883), which the format
    /// has no place for. Such an offset is rounded to minutes and the clock time follows it, so that the text still
    /// denotes the instant.
    fn new(seconds: i32, colon: bool) -> Offset {
        let minutes = (seconds + 30).div_euclid(60);
        let [sign, hours, rest] = [i32::from(minutes < 0), minutes.abs() / 60, minutes.abs() % 60];
        let [h, i] = two_digits(hours as usize);
        let [m, n] = two_digits(rest as usize);
        let sign = if sign == 1 { b'-' } else { b'+' };
        let text = match colon {
            true => OffsetText { bytes: [sign, h, i, b':', m, n], len: 6 },
            false => OffsetText { bytes: [sign, h, i, m, n, 0], len: 5 },
        };
        Offset { seconds: i64::from(minutes) * 60, text }
    }
}

#[derive(Clone, Copy)]
struct OffsetText {
    bytes: [u8; 6],
    len: usize,
}

impl OffsetText {
    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// `2026-02-28`; outside of the years 0 to 9999 with a sign and six digits, `+010000-01-01`, as ISO 8601 has it.
struct CivilDate {
    bytes: [u8; 13],
    from: usize,
}

impl CivilDate {
    /// Takes days since 1970-01-01.
    ///
    /// Howard Hinnant's `civil_from_days`: years begin in March, so that the leap day is the last one, and come in
    /// eras of 400, which all have the same number of days.
    fn from_day(day: i64) -> CivilDate {
        const DAYS_PER_ERA: i64 = 146_097;
        let day = day + 719_468;
        let era = day.div_euclid(DAYS_PER_ERA);
        let of_era = day.rem_euclid(DAYS_PER_ERA);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * of_year + 2) / 153;
        let day_of_month = of_year - (153 * from_march + 2) / 5 + 1;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let year = era * 400 + year_of_era + i64::from(month <= 2);

        let sign = if year < 0 { b'-' } else { b'+' };
        let positive = year.unsigned_abs() as usize;
        let [a, b] = two_digits(positive / 10_000 % 100);
        let [c, d] = two_digits(positive / 100 % 100);
        let [e, f] = two_digits(positive % 100);
        let [m, n] = two_digits(month as usize);
        let [x, y] = two_digits(day_of_month as usize);
        CivilDate {
            bytes: [sign, a, b, c, d, e, f, b'-', m, n, b'-', x, y],
            from: if (0..=9999).contains(&year) { 3 } else { 0 },
        }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[self.from..]
    }
}

/// Takes 0 to 99.
#[inline]
fn two_digits(number: usize) -> [u8; 2] {
    const PAIRS: [[u8; 2]; 100] = {
        let mut pairs = [[b'0'; 2]; 100];
        let mut number = 0;
        while number < 100 {
            pairs[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
            number += 1;
        }
        pairs
    };
    PAIRS[number]
}
