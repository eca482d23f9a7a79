//! The writer: cells to finished result files, with counts, sizes and digests.
//!
//! ```text
//! parts --(several threads)--> csv::Encoder -> blocks --(in order)--> digest -> object store
//! ```
//!
//! [`file::write`] is the whole way. Knows nothing of queries, databases and jobs.

pub mod cell;
pub mod csv;
pub mod destination;
pub mod file;

pub use cell::{Cell, CellSink, Date, Stopped, Timestamp};
pub use destination::Destination;
