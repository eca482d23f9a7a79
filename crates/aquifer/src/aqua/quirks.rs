//! What the original says differently by data centre or age, and clients of it depend on. Here is what there is to choose
//! and who needs it; without a choice, the server speaks as the newest recordings do.

use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    error::{self, TokenError},
    word::Time,
};

/// Which data centre of the original to resemble.
#[derive(Debug, Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    #[default]
    Us,
    Eu,
}

impl Profile {
    /// The zone of a tenant that has not chosen one, and the one in which `incrementalTime` is read when it has no offset:
    /// tap-zuora sends Pacific time, Guardian's jobs for the European data centre UTC.
    pub fn zone(self) -> TimeZone {
        match self {
            Profile::Eu => TimeZone::UTC,
            // The bundled database has this zone; UTC is only what the types ask for.
            Profile::Us => TimeZone::get("America/Los_Angeles").unwrap_or(TimeZone::UTC),
        }
    }
}

/// Each is off unless it is wanted.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quirks {
    /// 90005 without the reason in parentheses. Guardian's recordings have it so, and tap-zuora compares the bare text.
    pub bare_90005: bool,
    /// `version` in answers is a number. The newest samples of the documentation have one, and so do models made from them;
    /// every recording, and zuora-sdk, has a string.
    pub numeric_version: bool,
    /// `incrementalTime` is said back as text, as it is sent, and to every question about the job. Guardian's reader of job
    /// statuses has an optional string there; the others know the number that a submit is answered.
    pub incremental_time_text: bool,
    /// `startTime` as `2014-09-03 08:20:07`, as up to 2015, for readers of that age.
    pub old_start_time: bool,
    /// 400 instead of 401 if a token is asked for by an unknown client, as one client's recorded tests have it. tap-zuora
    /// needs 401 to go on to its next address. A client that is not known is no tenant's: that of the default tenant counts.
    pub unknown_client_400: bool,
    /// `related-objects` in describe only with `showRelationships=true`, as documented. zacc and tap-zuora need it always.
    pub related_objects_on_request: bool,
}

impl Quirks {
    /// The message of a submit that is refused with a code.
    pub fn refusal(self, code: &str, message: String) -> String {
        if self.bare_90005 && code == error::WRONG_QUERY { error::SYNTAX_ERROR.to_owned() } else { message }
    }

    pub fn version(self, sent: &str) -> Version<'_> {
        // `1.0` is said as `1`.
        let number = || sent.strip_suffix(".0").unwrap_or(sent).parse().ok();
        match number().filter(|_| self.numeric_version) {
            Some(number) => Version::Number(number),
            None => Version::Text(sent),
        }
    }

    /// In the answer to a submit.
    pub fn incremental_time(self, time: Timestamp, profile: Profile) -> IncrementalTime {
        self.incremental_time_later(time, profile).unwrap_or(IncrementalTime::Milliseconds(time.as_millisecond()))
    }

    /// In any other answer: the recordings lack it there.
    pub fn incremental_time_later(self, time: Timestamp, profile: Profile) -> Option<IncrementalTime> {
        self.incremental_time_text.then(|| IncrementalTime::Text(old_time(time, profile.zone())))
    }

    pub fn start_time(self, at: Timestamp, zone: &TimeZone) -> StartTime {
        if self.old_start_time {
            StartTime::Old(OldTime(old_time(at, zone.clone())))
        } else {
            StartTime::Time(Time::new(at, zone))
        }
    }

    pub fn unknown_client(self) -> TokenError {
        TokenError::UnknownClient { status: if self.unknown_client_400 { 400 } else { 401 } }
    }
}

fn old_time(at: Timestamp, zone: TimeZone) -> String {
    at.to_zoned(zone).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A string; a number with the quirk `numeric_version`.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Version<'a> {
    Text(&'a str),
    #[schema(value_type = f64)]
    Number(serde_json::Number),
}

/// In milliseconds since 1970; as text with the quirk `incremental_time_text`.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum IncrementalTime {
    Milliseconds(i64),
    Text(String),
}

/// When the job's snapshot was taken; in the old form with the quirk `old_start_time`.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum StartTime {
    Time(Time),
    Old(OldTime),
}

#[derive(Debug, PartialEq, Serialize, ToSchema)]
#[schema(pattern = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$", example = "2014-09-03 08:20:07")]
pub struct OldTime(String);
