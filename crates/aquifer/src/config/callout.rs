//! Callouts: how they are sent, and whom a tenant has told of its jobs' ends.

use std::{collections::BTreeMap, fmt};

use anyhow::{Context as _, ensure};
use jiff::SignedDuration;
use serde::Deserialize;

use crate::{
    aqua::callout::Template,
    callout::{
        address::{self, Allowed},
        signature::Secret,
    },
    job::Schedule,
};

/// How callouts are sent.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Callout {
    /// Tries of one callout, at most 5.
    pub max_attempts: u32,
    /// From one try to the next. At most 1,440, a day.
    pub min_interval_minutes: u32,
    /// Time for a connection.
    pub connect_seconds: u32,
    /// Time for a whole try. At most 60.
    pub timeout_seconds: u32,
    /// Hosts, addresses and networks that may be called although they are not on the public internet. Everybody who may
    /// submit jobs can have them called.
    pub allow: Vec<Allowed>,
}

impl Default for Callout {
    fn default() -> Callout {
        Callout {
            max_attempts: 3,
            min_interval_minutes: 30,
            connect_seconds: 10,
            timeout_seconds: 15,
            allow: Vec::new(),
        }
    }
}

impl Callout {
    pub(super) fn check(&self) -> anyhow::Result<()> {
        for (name, value, most) in [
            ("max_attempts", self.max_attempts, 5),
            ("min_interval_minutes", self.min_interval_minutes, 1440),
            ("timeout_seconds", self.timeout_seconds, 60),
            ("connect_seconds", self.connect_seconds, self.timeout_seconds),
        ] {
            ensure!((1..=most).contains(&value), "callout.{name} must be from 1 to {most}");
        }
        Ok(())
    }

    pub fn schedule(&self) -> Schedule {
        let interval = SignedDuration::from_mins(i64::from(self.min_interval_minutes));
        Schedule { max_attempts: self.max_attempts, interval }
    }
}

/// Who is told of the ends of a tenant's jobs, in the place of the jobs' own `notifyUrl`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receiver {
    /// Whose jobs. Absent: of all partners that have no receiver of their own, and of jobs without partner.
    pub partner: Option<String>,
    #[serde(default)]
    pub method: Method,
    pub url: Template,
    /// The keys and values of a JSON object. Absent: all merge fields, for the methods that have a body.
    pub body: Option<BTreeMap<String, Template>>,
    /// For Basic authentication.
    pub user: Option<String>,
    pub password: Option<Password>,
    /// What is signed with in the place of the tenant's.
    #[serde(default)]
    pub secrets: Vec<Secret>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    Get,
    #[default]
    Post,
    Put,
    Delete,
}

impl Method {
    pub fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
        }
    }

    pub fn has_body(self) -> bool {
        matches!(self, Method::Post | Method::Put)
    }
}

#[derive(Clone, Deserialize)]
pub struct Password(String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

impl Receiver {
    /// User and password, if it wants them.
    pub fn credentials(&self) -> Option<(String, String)> {
        self.user.clone().zip(self.password.as_ref().map(|Password(password)| password.clone()))
    }

    fn check(&self) -> anyhow::Result<()> {
        address::target(&self.url.sample()).map_err(anyhow::Error::msg).with_context(|| self.url.to_string())?;
        let method = self.method.name();
        ensure!(self.body.is_none() || self.method.has_body(), "a callout by {method} has no body");
        ensure!(self.user.is_some() == self.password.is_some(), "a user and a password belong together");
        ensure!(self.user.as_ref().is_none_or(|user| !user.contains(':')), "a user has no colon");
        Ok(())
    }
}

pub(super) fn check(receivers: &[Receiver]) -> anyhow::Result<()> {
    for (number, receiver) in receivers.iter().enumerate() {
        let place = || match &receiver.partner {
            Some(partner) => format!("the callout for {partner}"),
            None => "the callout for all partners".to_owned(),
        };
        receiver.check().with_context(place)?;
        let is_first = receivers[..number].iter().all(|before| before.partner != receiver.partner);
        ensure!(is_first, "{} is there twice", place());
    }
    Ok(())
}
