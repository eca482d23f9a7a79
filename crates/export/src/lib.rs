//! The writer: cells to finished result files, with counts, sizes and digests.
//!
//! ```text
//! parts --(several threads)--> csv::Encoder -> deflate -> blocks --(in order)--> encrypt -> digest -> object store
//! ```
//!
//! [`file::write`] is the whole way, [`file::write_segments`] the same into several files. Knows nothing of queries, databases and jobs.

pub mod cell;
pub mod compress;
pub mod csv;
pub mod destination;
pub mod encrypt;
pub mod file;

pub use cell::{Cell, CellSink, Date, Stopped, Timestamp};
pub use destination::Destination;
