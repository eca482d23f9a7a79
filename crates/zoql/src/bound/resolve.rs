//! What a literal is at one instant: calendar arithmetic in the moment's zone.

use jiff::{Span, Timestamp, Zoned, civil::Date, tz::TimeZone};

use super::{Anchor, Literal, Moment, Resolved, Shift, Unit};

impl Literal {
    /// The value at `now`, the instant of the snapshot. What leaves the calendar (the years -9999 to 9999) stops at
    /// its end.
    pub fn resolve(&self, now: Timestamp) -> Resolved {
        match self {
            Literal::Boolean(value) => Resolved::Boolean(*value),
            Literal::Number(value) => Resolved::Number(value.clone()),
            Literal::Text(value) => Resolved::Text(value.clone()),
            Literal::Date(moment) => Resolved::Date(moment.at(now).date()),
            Literal::Instant(moment) => Resolved::Instant(moment.at(now).timestamp()),
            Literal::Day(moment) => {
                let day = moment.at(now).date();
                // No day follows the last one: its end is the end of time.
                let end = day.tomorrow().map_or(Timestamp::MAX, |tomorrow| start_of(tomorrow, &moment.zone));
                Resolved::Day { start: start_of(day, &moment.zone), end }
            }
        }
    }
}

impl Moment {
    fn at(&self, now: Timestamp) -> Zoned {
        let anchor = match self.anchor {
            Anchor::Date(date) => start_of(date, &self.zone),
            Anchor::Instant(instant) => instant,
            Anchor::Today => start_of(now.to_zoned(self.zone.clone()).date(), &self.zone),
            Anchor::Now => now,
        };
        let anchor = anchor.to_zoned(self.zone.clone());
        match self.shift {
            Some(shift) => shift.apply(&anchor),
            None => anchor,
        }
    }
}

impl Shift {
    fn apply(self, from: &Zoned) -> Zoned {
        let shifted = self.span().and_then(|span| from.checked_add(span));
        shifted.unwrap_or_else(|_| {
            let end = if self.amount < 0 { Timestamp::MIN } else { Timestamp::MAX };
            end.to_zoned(from.time_zone().clone())
        })
    }

    fn span(self) -> Result<Span, jiff::Error> {
        let span = Span::new();
        match self.unit {
            Unit::Second => span.try_seconds(self.amount),
            Unit::Minute => span.try_minutes(self.amount),
            Unit::Hour => span.try_hours(self.amount),
            Unit::Day => span.try_days(self.amount),
            Unit::Week => span.try_weeks(self.amount),
            Unit::Month => span.try_months(self.amount),
            Unit::Year => span.try_years(self.amount),
        }
    }
}

/// The first instant of the day, which is not midnight where clocks change at midnight.
fn start_of(day: Date, zone: &TimeZone) -> Timestamp {
    match day.to_zoned(zone.clone()) {
        Ok(start) => start.timestamp(),
        Err(_) if day.year() < 0 => Timestamp::MIN,
        Err(_) => Timestamp::MAX,
    }
}
