//! Texts of a file as values of a field.

use export::{Date, Timestamp};
use jiff::{
    civil::{self, DateTime},
    tz::{Offset, TimeZone},
};
use zoql::catalog::FieldType;

use crate::decimal;

/// A value, its text kept elsewhere or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    /// As it stands in the file.
    Text,
    /// As it stands in the file, canonical already.
    Decimal,
    /// In canonical form, which is not how the file writes it.
    RewrittenDecimal(String),
    Integer(i64),
    Boolean(bool),
    Date(Date),
    Datetime(Timestamp),
}

/// Reads a text as a value of the type; an empty one is a value of texts and picklists only. Datetimes without an offset
/// are in `zone`. The error says what was wanted.
pub(super) fn parse(text: &str, field_type: FieldType, zone: &TimeZone) -> Result<Value, String> {
    match field_type {
        FieldType::Text | FieldType::Picklist => Ok(Value::Text),
        _ if text.is_empty() => Ok(Value::Null),
        FieldType::Id => Ok(Value::Text),
        FieldType::Decimal if decimal::is_canonical(text) => Ok(Value::Decimal),
        FieldType::Decimal => decimal::canonical(text.trim())
            .map(Value::RewrittenDecimal)
            .map_err(|invalid| format!("not a decimal ({invalid}), which looks like -12.50")),
        FieldType::Integer => integer(text.trim()).map(Value::Integer),
        FieldType::Boolean => boolean(text.trim()).map(Value::Boolean),
        FieldType::Date => date(text.trim()).map(Value::Date),
        FieldType::Datetime => datetime(text.trim(), zone).map(Value::Datetime),
    }
}

fn integer(text: &str) -> Result<i64, String> {
    let wanted = "not an integer of at most 64 bits";
    // Some tools write every number with a fraction.
    text.parse()
        .or_else(|_| decimal::canonical(text).map_err(|_| ()).and_then(|whole| whole.parse().map_err(|_| ())))
        .map_err(|()| wanted.to_owned())
}

/// Whether a text is a boolean, in the spellings that databases and people use.
pub(super) fn boolean(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "1" => Ok(true),
        "false" | "f" | "no" | "n" | "0" => Ok(false),
        _ => Err("not a boolean: true or false, yes or no, 1 or 0".to_owned()),
    }
}

/// `2026-02-28`. A time behind it is dropped: warehouses keep dates as midnights.
fn date(text: &str) -> Result<Date, String> {
    let wanted = || "not a date, which looks like 2026-02-28".to_owned();
    let (day, rest) = split_day(text).ok_or_else(wanted)?;
    if !rest.is_empty() {
        time_of_day(rest.strip_prefix(['T', 't', ' ']).ok_or_else(wanted)?).ok_or_else(wanted)?;
    }
    Date::from_iso(&text.as_bytes()[..10]).filter(|_| day.year() > 0).ok_or_else(wanted)
}

/// `2026-02-28T05:07:32.123-08:00`, with a space for the T, without seconds, without fraction, without offset, or a day
/// alone, which is its first instant.
fn datetime(text: &str, zone: &TimeZone) -> Result<Timestamp, String> {
    let wanted = || "not a datetime, which looks like 2026-02-28T05:07:32Z".to_owned();
    let (day, rest) = split_day(text).ok_or_else(wanted)?;
    let (time, offset) = match rest.strip_prefix(['T', 't', ' ']) {
        None if rest.is_empty() => (civil::Time::midnight(), ""),
        None => return Err(wanted()),
        Some(rest) => time_of_day(rest).ok_or_else(wanted)?,
    };
    let local = DateTime::from_parts(day, time);
    let instant = match offset.trim_start() {
        "" => zone.to_timestamp(local),
        offset => parse_offset(offset).ok_or_else(wanted)?.to_timestamp(local),
    };
    instant.map(|instant| Timestamp(instant.as_microsecond())).map_err(|_| wanted())
}

/// The day a text begins with, and what follows it.
fn split_day(text: &str) -> Option<(civil::Date, &str)> {
    let bytes = text.as_bytes();
    Date::from_iso(bytes.get(..10)?)?;
    let year = i16::from(number(&bytes[..2])?) * 100 + i16::from(number(&bytes[2..4])?);
    let small = |two_digits| number(two_digits).and_then(|number| i8::try_from(number).ok());
    let day = civil::Date::new(year, small(&bytes[5..7])?, small(&bytes[8..10])?);
    Some((day.ok()?, &text[10..]))
}

/// The time a text begins with, to the microsecond, and what follows it.
fn time_of_day(text: &str) -> Option<(civil::Time, &str)> {
    let bytes = text.as_bytes();
    let two = |at: usize| bytes.get(at..at + 2).and_then(number);
    if bytes.get(2) != Some(&b':') {
        return None;
    }
    let (hour, minute) = (two(0)?, two(3)?);
    let (mut second, mut nanos, mut end) = (0, 0, 5);
    if bytes.get(5) == Some(&b':') {
        second = two(6)?;
        end = 8;
        if bytes.get(8) == Some(&b'.') {
            let digits = bytes[9..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 {
                return None;
            }
            nanos = (0..9).fold(0, |nanos: i32, at| {
                let digit = if at < digits { i32::from(bytes[9 + at] - b'0') } else { 0 };
                nanos * 10 + digit
            });
            end = 9 + digits;
        }
    }
    let small = |number: u8| i8::try_from(number).ok();
    let time = civil::Time::new(small(hour)?, small(minute)?, small(second)?, nanos).ok()?;
    Some((time, &text[end..]))
}

/// `Z`, `UTC`, `+01`, `+0100`, `+01:00`
fn parse_offset(text: &str) -> Option<Offset> {
    if matches!(text, "Z" | "z" | "UTC") {
        return Some(Offset::UTC);
    }
    let bytes = text.as_bytes();
    let sign = match bytes.first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = match bytes.len() {
        3 => (number(&bytes[1..3])?, 0),
        5 => (number(&bytes[1..3])?, number(&bytes[3..5])?),
        6 if bytes[3] == b':' => (number(&bytes[1..3])?, number(&bytes[4..6])?),
        _ => return None,
    };
    if minutes > 59 {
        return None;
    }
    Offset::from_seconds(sign * (i32::from(hours) * 3600 + i32::from(minutes) * 60)).ok()
}

fn number(two_digits: &[u8]) -> Option<u8> {
    match two_digits {
        [tens @ b'0'..=b'9', units @ b'0'..=b'9'] => Some((tens - b'0') * 10 + (units - b'0')),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use proptest::prelude::{any, proptest};
    use zoql::catalog::FieldType;

    use super::{Value, parse};

    fn shown(text: &str, field_type: FieldType) -> String {
        let zone = TimeZone::get("America/Los_Angeles").expect("a zone");
        match parse(text, field_type, &zone) {
            Ok(Value::Datetime(at)) => jiff::Timestamp::from_microsecond(at.0).expect("in range").to_string(),
            Ok(Value::Date(date)) => date.to_string(),
            Ok(value) => format!("{value:?}"),
            Err(why) => why.split(',').next().unwrap_or_default().to_owned(),
        }
    }

    #[test]
    fn datetimes_have_many_forms() {
        for (text, instant) in [
            ("2026-02-28T05:07:32Z", "2026-02-28T05:07:32Z"),
            ("2026-02-28 05:07:32.123456 UTC", "2026-02-28T05:07:32.123456Z"),
            ("2026-02-28T05:07:32.1234567890+0100", "2026-02-28T04:07:32.123456Z"),
            ("2026-02-28T05:07+05:30", "2026-02-27T23:37:00Z"),
            ("2026-02-28T05:07:32-08", "2026-02-28T13:07:32Z"),
            ("2026-02-28 05:07:32", "2026-02-28T13:07:32Z"),
            ("2026-07-01", "2026-07-01T07:00:00Z"),
            ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.5Z"),
            ("2026-02-30", "not a datetime"),
            ("2026-02-28T25:00", "not a datetime"),
            ("2026-02-28T05:07:32.", "not a datetime"),
            ("2026-02-28T05:07:32 PST", "not a datetime"),
            ("02/28/2026", "not a datetime"),
        ] {
            assert_eq!(shown(text, FieldType::Datetime), instant, "{text}");
        }
    }

    #[test]
    fn dates_drop_a_time_of_day() {
        for (text, date) in [
            ("2026-02-28", "2026-02-28"),
            ("2015-01-15 00:00:00.000000", "2015-01-15"),
            ("2024-02-29", "2024-02-29"),
            ("2023-02-29", "not a date"),
            ("2026-2-28", "not a date"),
            ("2026-02-28x", "not a date"),
        ] {
            assert_eq!(shown(text, FieldType::Date), date, "{text}");
        }
    }

    #[test]
    fn numbers_and_booleans() {
        for (text, field_type, value) in [
            ("12", FieldType::Integer, "Integer(12)"),
            ("12.00", FieldType::Integer, "Integer(12)"),
            ("-9223372036854775808", FieldType::Integer, "Integer(-9223372036854775808)"),
            ("12.5", FieldType::Integer, "not an integer of at most 64 bits"),
            ("9223372036854775808", FieldType::Integer, "not an integer of at most 64 bits"),
            ("77.86", FieldType::Decimal, "Decimal"),
            ("77.860", FieldType::Decimal, "RewrittenDecimal(\"77.86\")"),
            ("12,5", FieldType::Decimal, "not a decimal (not a number)"),
            ("FALSE", FieldType::Boolean, "Boolean(false)"),
            ("Yes", FieldType::Boolean, "Boolean(true)"),
            ("maybe", FieldType::Boolean, "not a boolean: true or false"),
            ("", FieldType::Boolean, "Null"),
            ("", FieldType::Id, "Null"),
            ("", FieldType::Text, "Text"),
            ("", FieldType::Picklist, "Text"),
            (" ", FieldType::Text, "Text"),
        ] {
            assert_eq!(shown(text, field_type), value, "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in any::<String>()) {
            for field_type in FieldType::ALL {
                shown(&text, field_type);
            }
        }
    }
}
