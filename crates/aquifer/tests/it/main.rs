//! The service through its doors.

mod cases;
mod client;
mod crash;
mod demo;
mod gate;
mod http;
mod jobs;
mod server;
mod wire;
