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
            Literal::Date(moment) => Resolved::Date(moment.day(now)),
            Literal::Instant(moment) => Resolved::Instant(moment.instant(now)),
            Literal::Day(moment) => {
                let day = moment.day(now);
                // No day follows the last one: its end is the end of time.
                let end = day.tomorrow().map_or(Timestamp::MAX, |tomorrow| start_of(tomorrow, &moment.zone));
                Resolved::Day { start: start_of(day, &moment.zone), end }
            }
        }
    }
}

impl Moment {
    fn day(&self, now: Timestamp) -> Date {
        let day = match self.anchor {
            Anchor::Date(day) => day,
            Anchor::Today => now.to_zoned(self.zone.clone()).date(),
            Anchor::Instant(_) | Anchor::Now => return self.instant(now).to_zoned(self.zone.clone()).date(),
        };
        match self.shift {
            None => day,
            // Days and longer are counted on the calendar, which knows more days than there are instants for.
            Some(shift) if !shift.is_clock() => shift.of_day(day),
            Some(shift) => shift.of_instant(&start_of(day, &self.zone).to_zoned(self.zone.clone())).date(),
        }
    }

    fn instant(&self, now: Timestamp) -> Timestamp {
        let instant = match self.anchor {
            Anchor::Date(_) | Anchor::Today => return start_of(self.day(now), &self.zone),
            Anchor::Instant(instant) => instant,
            Anchor::Now => now,
        };
        match self.shift {
            None => instant,
            Some(shift) => shift.of_instant(&instant.to_zoned(self.zone.clone())).timestamp(),
        }
    }
}

impl Shift {
    fn is_clock(self) -> bool {
        matches!(self.unit, Unit::Second | Unit::Minute | Unit::Hour)
    }

    fn of_day(self, day: Date) -> Date {
        let end = if self.amount < 0 { Date::MIN } else { Date::MAX };
        self.span().map_or(end, |span| day.saturating_add(span))
    }

    fn of_instant(self, from: &Zoned) -> Zoned {
        let end = if self.amount < 0 { Timestamp::MIN } else { Timestamp::MAX };
        let shifted = self.span().and_then(|span| from.checked_add(span));
        shifted.unwrap_or_else(|_| end.to_zoned(from.time_zone().clone()))
    }

    /// An error if no span is so long.
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
