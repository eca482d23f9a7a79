//! The writer: cells to finished result files, with counts, sizes and digests.
//!
//! Knows nothing of queries, databases and jobs.

pub mod cell;

pub use cell::{Cell, CellSink, Date, Stopped, Timestamp};
