//! Pages for people: what a browser shows of a server.
//!
//! Plain HTML, made here and complete without scripts; one stylesheet, nothing from elsewhere. [`layout`] is what all pages
//! have in common.

pub mod job;
pub mod jobs;
pub mod layout;
mod words;
