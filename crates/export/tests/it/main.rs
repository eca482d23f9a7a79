//! The crate through its public door.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers are tests too, clippy knows it of test functions only")]

mod cancel;
mod encryption;
mod files;
mod formats;
mod readers;

mod rows;
mod segments;
mod storage;
mod support;
mod zones;
