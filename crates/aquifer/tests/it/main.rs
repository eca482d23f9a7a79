//! The service through its doors.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test says what it expects"
)]

mod access;
mod callouts;
mod cancel;
mod cases;
mod client;
mod compatibility;
mod crash;
mod demo;
mod document;
mod doors;
mod downloads;
mod exactness;
mod files;
mod gate;
mod hostile;
mod http;
mod jobs;
mod masked;
mod nightly;
mod onslaught;
mod real_clients;
mod receiver;
mod replaced;
mod runners;
mod server;
mod slow;
mod strangers;
mod tenants;
mod wire;
