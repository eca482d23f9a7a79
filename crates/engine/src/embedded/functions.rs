//! What SQLite lacks: decimals by value, and calendars in a zone.

use std::{borrow::Cow, sync::Arc};

use bigdecimal::{BigDecimal, RoundingMode, Zero};
use jiff::{
    Timestamp,
    civil::{Date, Weekday},
    tz::{Offset, TimeZone},
};
use rusqlite::{
    Connection, Error, Result,
    functions::{Aggregate, Context, FunctionFlags},
    types::ValueRef,
};

use crate::decimal;

pub(crate) const DECIMAL_SUM: &str = "decimal_sum";
pub(crate) const DECIMAL_AVG: &str = "decimal_avg";
pub(crate) const MIDNIGHT: &str = "midnight";
pub(crate) const LOCAL_DATE: &str = "local_date";
pub(crate) const LOCAL_YEAR: &str = "local_year";
pub(crate) const LOCAL_QUARTER: &str = "local_quarter";
pub(crate) const LOCAL_MONTH: &str = "local_month";
pub(crate) const LOCAL_WEEK: &str = "local_week";
pub(crate) const LOCAL_WEEK_OF_YEAR: &str = "local_week_of_year";

/// Digits behind the point of an average that does not come out even: as many as PostgreSQL gives at least.
const AVERAGE_DIGITS: i64 = 16;

/// Gives a connection the collation and the functions that our statements use.
pub(crate) fn register(connection: &Connection) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_collation("decimal", decimal::compare)?;
    connection.create_aggregate_function(DECIMAL_SUM, 1, flags, Sum)?;
    connection.create_aggregate_function(DECIMAL_AVG, 1, flags, Average)?;
    connection.create_scalar_function(MIDNIGHT, 2, flags, midnight)?;
    connection.create_scalar_function(LOCAL_DATE, 2, flags, |context| on_date(context, |date| date.to_string()))?;
    let number = |name, number: fn(Date) -> i64| {
        connection.create_scalar_function(name, 2, flags, move |context| on_date(context, number))
    };
    number(LOCAL_YEAR, |date| date.year().into())?;
    number(LOCAL_QUARTER, |date| ((date.month() - 1) / 3 + 1).into())?;
    number(LOCAL_MONTH, |date| date.month().into())?;
    number(LOCAL_WEEK, week)?;
    number(LOCAL_WEEK_OF_YEAR, |date| date.iso_week_date().week().into())
}

/// A zone as the functions take it: its name, or its offset in seconds with a sign.
pub(crate) fn zone_text(zone: &TimeZone) -> String {
    match zone.iana_name() {
        Some(name) => name.to_owned(),
        None => format!("{:+}", zone.to_offset(Timestamp::UNIX_EPOCH).seconds()),
    }
}

fn parse_zone(text: &str) -> Result<TimeZone, jiff::Error> {
    if !text.starts_with(['+', '-']) {
        return TimeZone::get(text);
    }
    let seconds = text.parse().map_err(|error| jiff::Error::from_args(format_args!("{text}: {error}")))?;
    Ok(Offset::from_seconds(seconds)?.to_time_zone())
}

/// Reads the first argument, a datetime in microseconds or a date as text, as a day in the zone of the second.
fn on_date<T>(context: &Context<'_>, number: impl FnOnce(Date) -> T) -> Result<Option<T>> {
    let day = match context.get_raw(0) {
        ValueRef::Integer(micros) => {
            let instant = Timestamp::from_microsecond(micros).map_err(user_error)?;
            instant.to_zoned((*zone(context)?).clone()).date()
        }
        ValueRef::Text(text) => date(text)?,
        _ => return Ok(None),
    };
    Ok(Some(number(day)))
}

/// The instant, in microseconds, at which the date of the first argument begins in the zone of the second.
fn midnight(context: &Context<'_>) -> Result<Option<i64>> {
    let ValueRef::Text(text) = context.get_raw(0) else { return Ok(None) };
    let date = date(text)?;
    // The last day is longer than time: its midnight is the end of it.
    let end = if date.year() < 0 { Timestamp::MIN } else { Timestamp::MAX };
    let start = date.to_zoned((*zone(context)?).clone()).map_or(end, |start| start.timestamp());
    Ok(Some(start.as_microsecond()))
}

/// The second argument, read once a statement.
fn zone(context: &Context<'_>) -> Result<Arc<TimeZone>> {
    context.get_or_create_aux(1, |zone| {
        let zone = zone.as_str().map_err(|error| Error::UserFunctionError(error.into()))?;
        parse_zone(zone).map_err(user_error)
    })
}

fn date(text: &[u8]) -> Result<Date> {
    String::from_utf8_lossy(text).parse().map_err(user_error)
}

fn user_error(error: jiff::Error) -> Error {
    Error::UserFunctionError(Box::new(error))
}

/// The week of the year, 0 to 53, weeks beginning on Sunday, week 0 before the first one.
fn week(date: Date) -> i64 {
    let days_since_sunday = i64::from(date.weekday().since(Weekday::Sunday));
    (i64::from(date.day_of_year()) + 6 - days_since_sunday) / 7
}

/// Decimals as text and integers as themselves; nulls do not count.
fn argument(context: &Context<'_>) -> Result<Option<BigDecimal>> {
    Ok(match context.get_raw(0) {
        ValueRef::Null => None,
        ValueRef::Integer(integer) => Some(BigDecimal::from(integer)),
        ValueRef::Text(text) => String::from_utf8_lossy(text).parse().ok(),
        ValueRef::Real(_) | ValueRef::Blob(_) => None,
    })
}

fn text_of(value: &BigDecimal) -> String {
    let plain: Cow<'_, str> = value.normalized().to_plain_string().into();
    // An exact sum may have more digits than a stored value: then it is written as it comes.
    decimal::canonical(&plain).unwrap_or_else(|_| plain.into_owned())
}

/// The exact sum; null of nothing.
struct Sum;

impl Aggregate<Option<BigDecimal>, Option<String>> for Sum {
    fn init(&self, _: &mut Context<'_>) -> Result<Option<BigDecimal>> {
        Ok(None)
    }

    fn step(&self, context: &mut Context<'_>, sum: &mut Option<BigDecimal>) -> Result<()> {
        if let Some(value) = argument(context)? {
            *sum.get_or_insert_with(BigDecimal::zero) += value;
        }
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, sum: Option<Option<BigDecimal>>) -> Result<Option<String>> {
        Ok(sum.flatten().as_ref().map(text_of))
    }
}

/// The exact sum over the count, half away from zero at [`AVERAGE_DIGITS`] behind the point, or at as many as the sum has
/// if that is more; null of nothing.
struct Average;

impl Aggregate<(BigDecimal, u64), Option<String>> for Average {
    fn init(&self, _: &mut Context<'_>) -> Result<(BigDecimal, u64)> {
        Ok((BigDecimal::zero(), 0))
    }

    fn step(&self, context: &mut Context<'_>, (sum, count): &mut (BigDecimal, u64)) -> Result<()> {
        if let Some(value) = argument(context)? {
            *sum += value;
            *count += 1;
        }
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, state: Option<(BigDecimal, u64)>) -> Result<Option<String>> {
        let Some((sum, count)) = state.filter(|(_, count)| *count > 0) else { return Ok(None) };
        let digits = AVERAGE_DIGITS.max(sum.fractional_digit_count());
        let average = sum / BigDecimal::from(count);
        Ok(Some(text_of(&average.with_scale_round(digits, RoundingMode::HalfUp))))
    }
}
