//! Datetimes: integer arithmetic, the date made once a day, the zone asked once per change of its offset.

use jiff::tz::TimeZone;

use super::{DatetimeStyle, room::Room};
use crate::cell::Timestamp;

const SECONDS_PER_DAY: i64 = 86_400;

const MICROS: i64 = 1_000_000;

pub(super) struct DatetimeWriter {
    zone: Offsets,
    /// Present if midnights there are written as dates.
    los_angeles: Option<Offsets>,
    /// By column of the file.
    days: Vec<Day>,
}

/// The local day written last in a column: rows that follow each other are often of one.
#[derive(Clone)]
struct Day {
    /// `from <= t < until`, in microseconds since 1970: the day, or what of it has the same offset.
    from: i64,
    until: i64,
    /// When its clock shows midnight or, where the offset changes on that day, would have shown it.
    midnight: i64,
    /// A datetime of that day and a comma, filled up.
    text: [u8; TEXT],
    len: usize,
    /// Where the time is in it.
    time: usize,
}

/// Longer than any datetime and a comma, and copied in a few instructions.
const TEXT: usize = 32;

impl DatetimeWriter {
    pub(super) fn new(style: &DatetimeStyle, columns: usize) -> DatetimeWriter {
        // Holds for no time at all.
        let never = Day { from: 0, until: 0, midnight: 0, text: [0; TEXT], len: 0, time: 0 };
        DatetimeWriter {
            zone: Offsets::new(style.zone.clone(), style.colon_in_offset),
            los_angeles: style.date_at_midnight_los_angeles.then(|| Offsets::new(los_angeles(), false)),
            days: vec![never; columns],
        }
    }

    /// With a comma behind it. The column is counted from 0.
    #[inline]
    pub(super) fn write_cell(&mut self, at: Timestamp, column: usize, out: &mut Room) {
        if self.los_angeles.is_some() && self.write_midnight(at, out) {
            return;
        }
        let day = &self.days[column];
        if at.0 < day.from || at.0 >= day.until {
            self.days[column] = self.look_up(at);
        }
        self.days[column].write_cell(at, out);
    }

    /// Writes the date if it is midnight in Los Angeles.
    fn write_midnight(&mut self, at: Timestamp, out: &mut Room) -> bool {
        let utc = at.0.div_euclid(MICROS);
        let Some(los_angeles) = &mut self.los_angeles else { return false };
        let local = utc + los_angeles.at(utc).seconds;
        let is_midnight = local.rem_euclid(SECONDS_PER_DAY) == 0;
        if is_midnight {
            out.push(CivilDate::from_day(local / SECONDS_PER_DAY).as_bytes());
            out.push_array(b",");
        }
        is_midnight
    }

    #[inline(never)]
    fn look_up(&mut self, at: Timestamp) -> Day {
        let utc = at.0.div_euclid(MICROS);
        let offset = self.zone.at(utc);
        let day = (utc + offset.seconds).div_euclid(SECONDS_PER_DAY);
        let midnight = day * SECONDS_PER_DAY - offset.seconds;

        let date = CivilDate::from_day(day);
        let (date, suffix) = (date.as_bytes(), offset.text.as_bytes());
        let time = date.len() + 1;
        let end = time + 8 + suffix.len();
        let mut text = [b','; TEXT];
        text[..date.len()].copy_from_slice(date);
        text[date.len()] = b'T';
        text[time + 8..end].copy_from_slice(suffix);

        // Saturating: at the ends of what microseconds reach a day is cut off.
        let from = midnight.max(offset.from).saturating_mul(MICROS);
        let until = (midnight + SECONDS_PER_DAY).min(offset.until).saturating_mul(MICROS);
        // Wraps, as the difference to it does.
        Day { from, until, midnight: midnight.wrapping_mul(MICROS), text, len: end + 1, time }
    }
}

impl Day {
    /// Takes an instant of the day.
    #[inline]
    fn write_cell(&self, at: Timestamp, out: &mut Room) {
        let second = (at.0.wrapping_sub(self.midnight) as u64 / MICROS as u64) as usize;
        let [h, i] = two_digits(second / 3600 % 100);
        let [m, n] = two_digits(second / 60 % 60);
        let [s, t] = two_digits(second % 60);
        let time = [h, i, b':', m, n, b':', s, t];
        // All of the text, since that is no call. What is too much is written over by the next cell.
        match out.ahead() {
            Some(ahead) => {
                self.fill(ahead, time);
                out.advance(self.len);
            }
            None => {
                let mut text = [0; TEXT];
                self.fill(&mut text, time);
                out.push(&text[..self.len]);
            }
        }
    }

    #[inline(always)]
    fn fill(&self, ahead: &mut [u8; TEXT], time: [u8; 8]) {
        *ahead = self.text;
        ahead[self.time..][..8].copy_from_slice(&time);
    }
}

#[expect(clippy::expect_used, reason = "the time zone database is compiled in, see the features of jiff")]
fn los_angeles() -> TimeZone {
    TimeZone::get("America/Los_Angeles").expect("the database has the zone")
}

/// The offsets of a zone, as far as anybody has asked.
struct Offsets {
    zone: TimeZone,
    colon: bool,
    /// Sorted; between them there is what nobody has asked for yet.
    known: Vec<Offset>,
}

/// An offset, and for how long it holds.
#[derive(Clone, Copy)]
struct Offset {
    /// `from <= t < until`, in seconds since 1970.
    from: i64,
    until: i64,
    /// East of UTC, in whole minutes.
    seconds: i64,
    text: OffsetText,
}

impl Offsets {
    fn new(zone: TimeZone, colon: bool) -> Offsets {
        Offsets { zone, colon, known: Vec::new() }
    }

    #[inline]
    fn at(&mut self, second: i64) -> Offset {
        let place = self.known.partition_point(|known| known.until <= second);
        match self.known.get(place) {
            Some(known) if known.from <= second => *known,
            _ => {
                let found = self.look_up(second);
                self.known.insert(place, found);
                found
            }
        }
    }

    #[cold]
    fn look_up(&self, second: i64) -> Offset {
        let at = instant(second);
        // `preceding` is exclusive, and transitions are on whole seconds.
        let last = self.zone.preceding(instant(second.saturating_add(1))).next();
        let next = self.zone.following(at).next();
        let from = last.map_or(i64::MIN, |transition| transition.timestamp().as_second());
        let until = next.map_or(i64::MAX, |transition| transition.timestamp().as_second());
        let (seconds, text) = in_minutes(self.zone.to_offset(at).seconds(), self.colon);
        Offset { from, until, seconds, text }
    }
}

/// The nearest instant that jiff knows: years -9999 to 9999. Beyond them offsets do not change any more.
fn instant(second: i64) -> jiff::Timestamp {
    let nearest = if second < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
    jiff::Timestamp::from_second(second).unwrap_or(nearest)
}

/// Before zones were standardised, offsets had seconds (`-7:52:58` in Los Angeles until 1883), which the format has no
/// place for. Such an offset is rounded to minutes and the clock time follows it, so that the text still denotes the
/// instant.
fn in_minutes(seconds: i32, colon: bool) -> (i64, OffsetText) {
    let minutes = (seconds + 30).div_euclid(60);
    let [sign, hours, rest] = [i32::from(minutes < 0), minutes.abs() / 60, minutes.abs() % 60];
    let [h, i] = two_digits(hours as usize);
    let [m, n] = two_digits(rest as usize);
    let sign = if sign == 1 { b'-' } else { b'+' };
    let text = match colon {
        true => OffsetText { bytes: [sign, h, i, b':', m, n], len: 6 },
        false => OffsetText { bytes: [sign, h, i, m, n, 0], len: 5 },
    };
    (i64::from(minutes) * 60, text)
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
