//! The engine through its public door.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

mod aliases;
mod differential;
mod limits;
mod loading;
mod random;
mod scan;
mod slt;
mod snapshots;
mod support;
