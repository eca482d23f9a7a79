//! The wire: AQuA's requests, answers, words, codes, and the quirks that clients depend on.
//!
//! Nothing outside this module knows how the protocol spells anything; nothing in it knows HTTP routes or the store.

pub mod action;
pub mod answer;
pub mod body;
pub mod callout;
pub mod currencies;
pub mod describe;
pub mod error;
pub mod export;
pub mod increments;
mod lenient;
pub mod manifest;
pub mod quirks;
pub mod request;
pub mod submit;
pub mod token;
pub mod word;

pub use error::Error;
