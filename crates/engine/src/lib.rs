//! The back end of Aquifer: bound queries become SQL, SQL becomes cells.
//!
//! ```text
//! Source::begin() -> Snapshot -> parts(bound::Query, Rows) -> Part::read -> export::CellSink
//! ```
//!
//! [`source`] is the contract; [`embedded`] keeps it with SQLite. [`sql`] alone writes SQL for queries. [`load`] brings data in.
//! Knows nothing of HTTP and jobs.

mod decimal;
pub mod embedded;
pub mod error;
pub mod load;
pub mod source;
pub mod sql;

pub use error::{Error, Result};
pub use source::{Flag, Part, Position, Rows, Snapshot, Source, Which};
