//! How times, numbers and states read on a page.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use maud::{Markup, html};

use crate::job::{BatchState, FullReason, Job, State};

/// Its name, or its id.
pub fn title(job: &Job) -> String {
    job.spec.name.clone().filter(|name| !name.trim().is_empty()).unwrap_or_else(|| job.id.to_string())
}

pub fn session(job: &Job) -> Markup {
    html! {
        @if let Some(key) = job.spec.session() { (key.partner) " / " (key.project) }
    }
}

pub fn state(state: State) -> Markup {
    let class = match state {
        State::Submitted | State::Executing => "busy",
        State::Completed => "good",
        State::Aborted | State::Error => "bad",
        State::Cancelled => "faint",
    };
    html! { span class=(class) { (state.name()) } }
}

pub fn batch_state(state: BatchState) -> Markup {
    let class = match state {
        BatchState::Pending | BatchState::Executing => "busy",
        BatchState::Completed => "good",
        BatchState::Aborted | BatchState::DeletedNotAllowed | BatchState::Skipped => "bad",
        BatchState::Cancelled => "faint",
    };
    html! { span class=(class) { (state.name()) } }
}

pub fn full(reason: FullReason) -> &'static str {
    match reason {
        FullReason::First => "the first of its session",
        FullReason::NewQuery => "a new query",
        FullReason::QueryChanged => "the query has changed",
        FullReason::DeletedColumnChanged => "its deleted column has changed",
        FullReason::Expired => "the session had rested too long",
        FullReason::DataReplaced => "the data was replaced",
    }
}

pub fn zone(zone: &TimeZone) -> &str {
    zone.iana_name().unwrap_or("the tenant's zone")
}

/// To the second, in the tenant's zone; the offset is what machines read.
pub fn time(at: Timestamp, zone: &TimeZone) -> Markup {
    let zoned = at.to_zoned(zone.clone());
    html! {
        time datetime=(zoned.strftime("%Y-%m-%dT%H:%M:%S%:z")) { (zoned.strftime("%Y-%m-%d %H:%M:%S")) }
    }
}

pub fn maybe(at: Option<Timestamp>, zone: &TimeZone) -> Markup {
    html! {
        @if let Some(at) = at { (time(at, zone)) } @else { span.faint { "not yet" } }
    }
}

/// A time that is to come, or is over.
pub fn until(at: Option<Timestamp>, zone: &TimeZone, now: Timestamp) -> Markup {
    html! {
        @if let Some(at) = at {
            @if at <= now { span.faint { (time(at, zone)) " over" } } @else { (time(at, zone)) }
        }
    }
}

/// From submit to end, or until now.
pub fn took(job: &Job, now: Timestamp) -> String {
    duration(job.ended_at.unwrap_or(now).duration_since(job.submitted_at))
}

/// `0.4 s`, `59 s`, `3 min 20 s`, `2 h 5 min`.
fn duration(time: SignedDuration) -> String {
    let seconds = time.as_secs();
    match seconds {
        ..10 => format!("{:.1} s", time.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// With thin spaces between thousands.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_durations_read_well() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1\u{202f}000", "1\u{202f}234\u{202f}567"]);
        let said = |millis| duration(SignedDuration::from_millis(millis));
        assert_eq!([400, 59_900, 200_000, 7_500_000].map(said), ["0.4 s", "59 s", "3 min 20 s", "2 h 5 min"]);
    }
}
