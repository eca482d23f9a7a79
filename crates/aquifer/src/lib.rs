//! The service: the wire protocol, jobs, their store, the runner, result files, HTTP, and the command line.
//!
//! ```text
//! http -> aqua (wire) -> job (pure) -> store <- runner -> engine, export -> results
//! ```
//!
//! [`app`] puts them together. Only [`aqua`] knows wire words and quirks; only [`clock`] reads the time; [`job`] knows
//! neither HTTP nor databases; [`store`] never decides what a transition means, [`job`] does.

pub mod access;
pub mod app;
pub mod aqua;
pub mod callout;
pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod conversion;
pub mod demo;
pub mod http;
pub mod job;
pub mod past;
pub mod recipient;
pub mod results;
pub mod runner;
pub mod secret;
pub mod store;
pub mod tenant;
pub mod web;
