//! Tenants: whose data it is, and what is particular about each.

use jiff::tz::TimeZone;
use serde::Deserialize;

use super::{Files, Limits, Owners, Receiver, Zoql, callout};
use crate::{
    aqua::quirks::{Profile, Quirks},
    callout::signature::Secret,
    conversion::Currency,
};

/// The tenant that there is without being named.
pub const DEFAULT: &str = "default";

/// What is particular about a tenant. What its own `zoql`, `limits`, `files` and `quirks` leave out is as the sections of that name
/// outside of all tenants say.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tenant {
    /// Which data centre of the original to resemble. It decides the default zone.
    pub profile: Profile,
    /// The zone of datetimes in files and of values without an offset, as in `Europe/Berlin`. Default: America/Los_Angeles
    /// with `profile = "us"`, UTC with `"eu"`.
    pub zone: Option<Zone>,
    /// The partner ids that jobs may name; others are refused with 90019. Absent: any.
    pub partners: Option<Vec<String>>,
    /// Seconds by which the windows of stateful jobs end before their snapshot, if the request does not say. At most 3,600.
    /// There is no need for it: no change is missed without.
    pub stateful_offset_seconds: u32,
    /// What becomes of a window whose files were not all downloaded, when the session's next job comes. Downloaded means sent
    /// to the last byte; that the client has stored the files, only its acknowledgement proves.
    pub session_policy: SessionPolicy,
    /// Whether full loads of stateful jobs come in segments, see `files.segment_rows`.
    pub segmentation: bool,
    /// Whether queries may have amounts converted (`convertToCurrencies`), by the rates in the object FXCustomRate.
    pub currency_conversion: bool,
    /// The currency of the tenant's books, a code of ISO 4217.
    pub home_currency: Option<Currency>,
    /// Adds the amounts in the home currency to every query that selects some, without being asked.
    pub include_home_currency: bool,
    pub owners: Owners,
    /// What callouts are signed with, as Standard Webhooks has it: `whsec_` and base64. Several, while one takes the place
    /// of another; none: they are not signed.
    pub callout_secrets: Vec<Secret>,
    /// Who is told of its jobs' ends.
    pub callouts: Vec<Receiver>,
    pub zoql: Zoql,
    pub limits: Limits,
    pub files: Files,
    pub quirks: Quirks,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum SessionPolicy {
    /// The session goes on, as the original's.
    Advance,
    /// It goes on, and the next job's `warnings` say so.
    #[default]
    Warn,
    /// The next job covers that window once more.
    Hold,
}

/// A zone that exists: an unknown name is a fault of the config, found when it is read.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Zone(pub TimeZone);

impl TryFrom<String> for Zone {
    type Error = jiff::Error;

    fn try_from(name: String) -> Result<Zone, jiff::Error> {
        TimeZone::get(&name).map(Zone)
    }
}

impl Tenant {
    pub fn zone(&self) -> TimeZone {
        self.zone.as_ref().map_or_else(|| self.profile.zone(), |zone| zone.0.clone())
    }

    pub(super) fn check(&self) -> anyhow::Result<()> {
        let offset = self.stateful_offset_seconds;
        anyhow::ensure!(offset <= MOST_OFFSET, "stateful_offset_seconds must be at most {MOST_OFFSET}");
        let Limits { queue, concurrent_jobs, .. } = self.limits;
        anyhow::ensure!(!queue || concurrent_jobs > 0, "with limits.queue, limits.concurrent_jobs must be at least 1");
        let is_complete = self.home_currency.is_some() || !self.include_home_currency;
        anyhow::ensure!(is_complete, "include_home_currency needs a home_currency");
        callout::check(&self.callouts)
    }

    /// Who is told of the ends of a partner's jobs: its own receiver, or else that of all.
    pub fn receiver(&self, partner: Option<&str>) -> Option<&Receiver> {
        let own =
            self.callouts.iter().find(|receiver| receiver.partner.is_some() && receiver.partner.as_deref() == partner);
        own.or_else(|| self.callouts.iter().find(|receiver| receiver.partner.is_none()))
    }

    pub fn knows_partner(&self, partner: &str) -> bool {
        self.partners.as_ref().is_none_or(|partners| partners.iter().any(|known| known == partner))
    }
}

/// The longest offset of a stateful job, in seconds.
pub const MOST_OFFSET: u32 = 3600;

/// A tenant's name is a folder's as well.
pub(super) fn check_name(name: &str) -> anyhow::Result<()> {
    const MOST: usize = 40;
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
    anyhow::ensure!(
        (1..=MOST).contains(&name.len()) && name.bytes().all(is_plain),
        "a tenant's name has 1 to {MOST} small letters, digits, - and _"
    );
    anyhow::ensure!(name != DEFAULT, "the settings of the tenant {DEFAULT} are those of [tenant]");
    Ok(())
}
