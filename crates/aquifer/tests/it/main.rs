//! The service through its doors.

mod cases;
mod gate;
mod http;
mod jobs;
mod server;
mod wire;
