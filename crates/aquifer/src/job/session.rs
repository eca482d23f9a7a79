//! Sessions: what the stateful jobs of a partner's project have returned, and so what the next one returns.
//!
//! A session moves when a job completes, in the same transaction; whatever else becomes of a job leaves it alone.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{FileId, Flag, Job, Language, Query, Reads, SnapshotMark, State};
use crate::secret;

/// What the jobs of a session have come to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Session {
    pub seen: Vec<Seen>,
    /// The last completed job, unless there was none.
    pub last: Option<Last>,
    /// How many increments there have been.
    pub increments: u32,
}

/// A query that has been answered, and where its last window ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    pub identity: Identity,
    pub name: Option<String>,
    pub mark: SnapshotMark,
    /// A position, perhaps behind the mark, whose rows the client may know, from a job that did not move the session.
    pub shown: Option<String>,
    /// When its last job completed.
    pub at: Timestamp,
    /// Whether that had not been delivered when it was purged.
    pub is_lost: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Last {
    pub queries: Vec<Query>,
    pub at: Timestamp,
}

/// What makes a query the same as an earlier one of its session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// A digest of the canonical text, the language, the restrictions of what the job reads, and whether masked fields are
    /// shown, 64 hex digits.
    pub query: String,
    /// The deleted column's name and spelling.
    pub deleted: Option<(String, Flag)>,
    /// The currencies that amounts are converted into: rows from before they were named lack these columns. Left out where
    /// there are none, as it always was before there could be any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currencies: Option<String>,
}

impl Identity {
    /// `unmasked`, if there are masked fields and their values are shown: rows from before have none. `currencies`, if any amount
    /// is converted: into which.
    pub fn new(query: &Query, canonical: &str, reads: &Reads, unmasked: bool, currencies: Option<String>) -> Identity {
        let language = match query.language {
            Language::Export => "zoqlexport",
            Language::Zoql => "zoql",
        };
        let digest = Sha256::new().chain_update(language).chain_update("\n").chain_update(canonical);
        let digest = digest.chain_update(reads.restrictions()).chain_update(if unmasked { "\nunmasked" } else { "" });
        let digest = digest.finalize();
        let deleted = query.deleted.as_ref().map(|deleted| (deleted.column.clone(), deleted.flag));
        Identity { query: secret::hex(&digest), deleted, currencies }
    }
}

/// Which rows a batch of a stateful job returns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scope {
    pub identity: Identity,
    /// Why it is all that lives; `None` if it is what changed in the window.
    pub full: Option<FullReason>,
    /// Where the window begins; all that lives has no beginning.
    pub from: Option<SnapshotMark>,
    pub to: SnapshotMark,
    /// The client may know rows that came up to this position, and must hear of their end. Rows that came later and went in
    /// the window were never there for it.
    pub known: String,
    /// Whether deletions of the window have been purged, and so may be missing.
    #[serde(default)]
    pub lacks_deletions: bool,
    /// What the client may have lost when the job began.
    #[serde(default)]
    pub undelivered: Option<Undelivered>,
}

/// An increment that was not downloaded whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undelivered {
    pub increment: u32,
    /// Whether its window is covered once more.
    pub is_held: bool,
}

/// Why a stateful batch returns everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FullReason {
    /// The session has returned nothing yet.
    First,
    NewQuery,
    QueryChanged,
    DeletedColumnChanged,
    /// Too much time has passed: the session is over, or deletions that it has not told have been purged.
    Expired,
    /// The data is not that of the session's last job any more, nor what has become of it: it was made anew or restored.
    DataReplaced,
}

/// Where a window begins.
#[derive(Debug, Clone, PartialEq)]
pub enum Start {
    /// Nowhere: all that lives.
    Full(FullReason),
    /// The client may know rows that came up to `known`, or up to the mark if that is later; `None`: any that there are.
    After { mark: SnapshotMark, known: Option<String> },
    /// At an instant that the request named.
    At(Timestamp),
}

impl Scope {
    /// The same once more.
    pub fn start_again(&self) -> Start {
        match (self.full, &self.from) {
            (None, Some(from)) => Start::After { mark: from.clone(), known: None },
            (reason, _) => Start::Full(reason.unwrap_or(FullReason::Expired)),
        }
    }
}

impl Session {
    /// Where the next window of a query begins. A session ends when nothing has completed for its `lifetime`.
    pub fn start(&self, identity: &Identity, name: Option<&str>, now: Timestamp, lifetime: SignedDuration) -> Start {
        match self.seen.iter().find(|seen| seen.identity == *identity) {
            None if self.increments == 0 => Start::Full(FullReason::First),
            // All that it had is so old that the store has forgotten it.
            None if self.seen.is_empty() => Start::Full(FullReason::Expired),
            None => Start::Full(self.why_unseen(identity, name)),
            Some(_) if self.last.as_ref().is_none_or(|last| last.at + lifetime < now) => {
                Start::Full(FullReason::Expired)
            }
            Some(seen) => {
                let known = seen.shown.as_ref().unwrap_or(&seen.mark.position);
                Start::After { mark: seen.mark.clone(), known: Some(known.clone()) }
            }
        }
    }

    /// Whether the last window of a query went before it had been delivered: nobody knows any more where it began.
    pub fn has_lost(&self, identity: &Identity) -> bool {
        self.seen.iter().any(|seen| seen.identity == *identity && seen.is_lost)
    }

    /// A query is taken for a new form of the one that had its name last, and without such a one, of the one that had its
    /// text.
    fn why_unseen(&self, identity: &Identity, name: Option<&str>) -> FullReason {
        let namesakes = self.seen.iter().filter(|seen| name.is_some() && seen.name.as_deref() == name);
        let is_same_query = |seen: &&Seen| seen.identity.query == identity.query;
        let others = || self.seen.iter().filter(is_same_query);
        match namesakes.max_by_key(|seen| seen.at).or_else(|| others().max_by_key(|seen| seen.at)) {
            Some(earlier) if !is_same_query(&earlier) => FullReason::QueryChanged,
            // The currencies are no part of the text, but the client has changed what it asks for.
            Some(earlier) if earlier.identity.currencies != identity.currencies => FullReason::QueryChanged,
            Some(_) => FullReason::DeletedColumnChanged,
            None => FullReason::NewQuery,
        }
    }

    /// Learns of a job that has ended; whether that was an increment. A job with a time of its own returns a window that the
    /// session has no part in, a replay one that it has had, and one that did not complete nothing that counts.
    pub fn ended(&mut self, job: &Job, at: Timestamp) -> bool {
        let is_completed = job.state == State::Completed;
        if is_completed && job.spec.replay.is_none() {
            self.last = Some(Last { queries: job.spec.queries.clone(), at });
        }
        let Some(snapshot) = &job.snapshot else { return false };
        let moves = is_completed && job.spec.replay.is_none() && job.spec.incremental_time.is_none();
        for (query, batch) in job.spec.queries.iter().zip(&job.batches) {
            let Some(scope) = batch.scope.as_ref().filter(|_| batch.output.is_some()) else { continue };
            let before = self.seen.iter().position(|seen| seen.identity == scope.identity);
            let before = before.map(|at| self.seen.swap_remove(at));
            if !moves {
                // Its files are there, and show what the session has not come to.
                self.seen.extend(before.map(|seen| Seen { shown: Some(snapshot.position.clone()), ..seen }));
                continue;
            }
            // What the snapshot has, the client has, unless an offset held something back.
            let shown = before.and_then(|seen| seen.shown).filter(|_| scope.to.position != snapshot.position);
            let (identity, mark) = (scope.identity.clone(), scope.to.clone());
            self.seen.push(Seen { identity, name: query.name.clone(), mark, shown, at, is_lost: false });
        }
        self.increments += u32::from(moves);
        moves
    }
}

/// A job that moved its session.
#[derive(Debug, Clone, PartialEq)]
pub struct Increment {
    /// From 1.
    pub number: u32,
    pub job: Job,
    /// When its files were first downloaded whole.
    pub downloads: HashMap<FileId, Timestamp>,
    pub acknowledged_at: Option<Timestamp>,
    /// When a replay of it was first downloaded whole.
    pub replayed_at: Option<Timestamp>,
}

impl Increment {
    /// Whether the client has said that it has everything, or downloaded it.
    pub fn is_delivered(&self) -> bool {
        self.acknowledged_at.or(self.replayed_at).is_some() || self.job.is_delivered(&self.downloads)
    }

    pub fn scope(&self, identity: &Identity) -> Option<&Scope> {
        self.job.batches.iter().filter_map(|batch| batch.scope.as_ref()).find(|scope| scope.identity == *identity)
    }
}

/// What the last increments have had for a query and not delivered.
#[derive(Debug, Clone, PartialEq)]
pub struct Lost {
    /// Where the next window must begin so that it covers all of it.
    pub start: Start,
    /// The last of them.
    pub increment: u32,
}

/// Looks for what was lost of a query in its session's increments, newest first. Reads no more of them than it must: up to one
/// that was delivered.
pub fn lost<E>(increments: impl Iterator<Item = Result<Increment, E>>, identity: &Identity) -> Result<Option<Lost>, E> {
    let mut lost: Option<Lost> = None;
    for increment in increments {
        let increment = increment?;
        let Some(scope) = increment.scope(identity) else { continue };
        if increment.is_delivered() {
            break;
        }
        let last = lost.map_or(increment.number, |lost| lost.increment);
        lost = Some(Lost { start: scope.start_again(), increment: last });
    }
    Ok(lost)
}

#[cfg(test)]
mod tests;
