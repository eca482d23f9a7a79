//! The contract between whoever runs queries and wherever the data lives.

use std::{fmt, sync::Arc};

use export::CellSink;
use jiff::Timestamp;
use zoql::{Catalog, bound, catalog::ObjectId};

use crate::Result;

/// Where the data lives.
pub trait Source: Send + Sync {
    /// The object model as the data has it now: the configured catalog and the custom fields that loads have added.
    fn catalog(&self) -> Result<Arc<Catalog>>;

    fn begin(&self) -> Result<Arc<dyn Snapshot>>;

    /// Forgets rows that were deleted before an instant; answers how many: none while a load runs, for it never waits.
    /// Snapshots that are open keep what they see, later ones know by [`Snapshot::knows_deletions_since`] that something is
    /// missing.
    fn purge_deleted(&self, before: Timestamp) -> Result<u64>;

    /// The source's own upkeep, to be called now and then. Never waits for anybody.
    fn tidy(&self) -> Result<()>;
}

/// One consistent, read-only view of every table, for as long as somebody holds it.
pub trait Snapshot: Send + Sync {
    /// Where this view stands, so that a later one can be asked for what changed since.
    fn position(&self) -> &Position;

    /// The last position of the history before an instant: what changed after it, changed at that instant or later.
    fn position_before(&self, at: Timestamp) -> Result<Position>;

    /// Whether the view's history has come to a position. It has not if its data was replaced since by other data, or by
    /// an older state of itself, however far it has come by now.
    fn has_passed(&self, position: &Position) -> Result<bool>;

    /// The later one of two positions of its history.
    fn later(&self, one: Position, other: Position) -> Result<Position>;

    /// Whether every row of an object that was deleted after a position is still there to be told of.
    fn knows_deletions_since(&self, object: ObjectId, position: &Position) -> Result<bool>;

    /// The instant of the view; `now` and `today` in queries mean this. What changes behind the view changes at this instant
    /// or later.
    fn taken_at(&self) -> Timestamp;

    /// The object model of this view: queries are bound against it, and only against it.
    fn catalog(&self) -> &Arc<Catalog>;

    /// Makes everything that reads this view stop, now and later, with [`crate::error::Kind::Stopped`].
    fn cancel(&self);

    /// Splits one query into parts that can be read side by side and, put together in order, are the answer.
    fn parts(&self, query: &bound::Query, rows: &Rows) -> Result<Vec<Box<dyn Part>>>;
}

/// A piece of an answer.
pub trait Part: Send {
    /// Hands every row to the sink: first the deleted flag if one was asked for, then the query's columns in order.
    /// Stops with [`crate::error::Kind::Stopped`] when the sink wants no more.
    fn read(self: Box<Self>, sink: &mut dyn CellSink) -> Result<()>;
}

/// Which rows of the base object a query is about. Joined rows that are deleted are always absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows {
    pub which: Which,
    /// An extra first cell that says whether the row is deleted.
    pub flag: Option<Flag>,
}

impl Rows {
    pub const LIVE: Rows = Rows { which: Which::Live, flag: None };
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    Live,
    /// Live rows, and deleted ones as far back as they are kept, with their last values.
    LiveAndDeleted,
    /// What changed after `since` and, if there is an `until`, not after that. With `deleted`, rows deleted in this window
    /// too, unless they were created after that position: they came and went, and nobody has seen them.
    ///
    /// Rows that came with the very first load of their object and have not changed since did not all come into being
    /// then: of these, with `updated_since`, only those count whose UpdatedDate is null or not before it.
    Changed {
        since: Position,
        until: Option<Position>,
        deleted: Option<Position>,
        updated_since: Option<Timestamp>,
    },
}

/// How a deleted flag is spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flag {
    /// `true`, `false`
    Boolean,
    /// `1`, `0`
    Numeric,
}

/// Where a snapshot stands in the history of changes. Only the source that made it knows what the text means; it can be
/// stored and handed back.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Position(pub String);

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
