//! The front end through its public door.

// Helpers of tests may fail like tests; Clippy knows the functions marked as tests only.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod builtin;
mod catalog;
mod corpus;
mod moments;
mod properties;
mod reach;
mod render;
