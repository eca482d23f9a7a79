//! The service through its doors.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

mod cases;
mod client;
mod crash;
mod demo;
mod gate;
mod http;
mod jobs;
mod server;
mod wire;
