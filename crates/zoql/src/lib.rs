//! The front end of Aquifer: the two query languages of AQuA, ZOQL and Export ZOQL.
//!
//! ```text
//! text -> lexer -> parser -> ast::Query -> binder (with a Catalog) -> bound::Query
//! ```
//!
//! [`compile`] is the whole way. It answers with a query that can be run, or with every fault it found, each with its place.
//! No I/O, no clock, no SQL, no HTTP.

pub mod bound;
pub mod catalog;

pub use catalog::{ApiVersion, Catalog};

/// What a query is written in: the `type` of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// `zoql`
    Zoql,
    /// `zoqlexport`
    Export,
}

/// How strictly the page of the language is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Compat {
    /// What the original accepts.
    #[default]
    Strict,
    /// And what it refuses without need: `<>`, `in`, any `like` pattern, bare aliases, doubled quotes in ZOQL.
    Extended,
}
