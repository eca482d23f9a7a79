//! The callout that tells of a job's end: what it has come to, try by try.

use jiff::{SignedDuration, Timestamp};

use super::Job;

/// A job has one at most, recorded with its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Callout {
    pub job: Job,
    pub state: CalloutState,
    /// Tries since the end of the job, or since somebody wanted it sent again.
    pub attempts: u32,
    /// When the next try is due, if there is to be one.
    pub due_at: Option<Timestamp>,
    /// All of them, oldest first.
    pub tries: Vec<Try>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CalloutState {
    /// There is a try to come.
    Waiting,
    Delivered,
    /// Nobody took it, and it is not tried again.
    Failed,
}

impl CalloutState {
    pub const ALL: [CalloutState; 3] = [CalloutState::Waiting, CalloutState::Delivered, CalloutState::Failed];

    /// How stores spell it.
    pub fn name(self) -> &'static str {
        match self {
            CalloutState::Waiting => "waiting",
            CalloutState::Delivered => "delivered",
            CalloutState::Failed => "failed",
        }
    }
}

/// One request, and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Try {
    pub at: Timestamp,
    /// Empty, as the URL is, if there was nothing to call.
    pub method: String,
    pub url: String,
    pub milliseconds: u64,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// With the beginning of the answer's body.
    Answered { status: u16, body: String },
    /// It came to no answer, and why.
    Unanswered(String),
    /// It was not sent, nor would it be next time, and why.
    Refused(String),
}

impl Outcome {
    pub fn status(&self) -> Option<u16> {
        if let Outcome::Answered { status, .. } = self { Some(*status) } else { None }
    }

    pub fn body(&self) -> Option<&str> {
        if let Outcome::Answered { body, .. } = self { Some(body) } else { None }
    }

    /// Why there is no answer.
    pub fn error(&self) -> Option<&str> {
        if let Outcome::Unanswered(why) | Outcome::Refused(why) = self { Some(why) } else { None }
    }

    pub fn is_delivered(&self) -> bool {
        matches!(self, Outcome::Answered { status: 200..=299, .. })
    }

    /// Whether the same request may do later: the original's list.
    pub fn is_retryable(&self) -> bool {
        match self {
            Outcome::Answered { status, .. } => matches!(status, 100..=199 | 403 | 408 | 429 | 500..=599),
            Outcome::Unanswered(_) => true,
            Outcome::Refused(_) => false,
        }
    }
}

/// How often to try, and how long to wait in between.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    pub max_attempts: u32,
    pub interval: SignedDuration,
}

impl Callout {
    /// What there is from the end of the job on.
    pub fn new(job: Job, now: Timestamp) -> Callout {
        Callout { job, state: CalloutState::Waiting, attempts: 0, due_at: Some(now), tries: Vec::new() }
    }

    pub fn tried(&mut self, one: Try, schedule: Schedule) {
        self.attempts += 1;
        let again = one.outcome.is_retryable() && self.attempts < schedule.max_attempts;
        self.due_at = again.then(|| one.at + schedule.interval);
        self.state = match self.due_at {
            _ if one.outcome.is_delivered() => CalloutState::Delivered,
            Some(_) => CalloutState::Waiting,
            None => CalloutState::Failed,
        };
        self.tries.push(one);
    }

    /// Is sent once more, as if it had never been.
    pub fn redeliver(&mut self, now: Timestamp) {
        self.state = CalloutState::Waiting;
        self.attempts = 0;
        self.due_at = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_do_later_is_tried_again() {
        let answered = |status| Outcome::Answered { status, body: String::new() };
        for status in [101, 403, 408, 429, 500, 503, 599] {
            assert!(answered(status).is_retryable() && !answered(status).is_delivered(), "{status}");
        }
        for status in [200, 204, 301, 302, 304, 400, 401, 404, 410, 422] {
            assert!(!answered(status).is_retryable(), "{status}");
            assert_eq!(answered(status).is_delivered(), status < 300, "{status}");
        }
        assert!(Outcome::Unanswered("timeout".into()).is_retryable());
        assert!(!Outcome::Refused("private".into()).is_retryable());
    }
}
