//! The wire: AQuA's requests, answers, words, codes, and the quirks that clients depend on.
//!
//! Nothing outside this module knows how the protocol spells anything; nothing in it knows HTTP routes or the store.

pub mod answer;
pub mod error;
mod lenient;
pub mod submit;

pub use error::Error;
