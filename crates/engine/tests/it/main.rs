//! The engine through its public door.

mod loading;
mod slt;
mod snapshots;
mod support;
