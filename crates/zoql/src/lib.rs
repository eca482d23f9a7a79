//! The front end of Aquifer: the two query languages of AQuA, ZOQL and Export ZOQL.
//!
//! ```text
//! text -> lexer -> parser -> ast::Query -> binder (with a Catalog) -> bound::Query
//! ```
//!
//! [`compile`] is the whole way. It answers with a query that can be run, or with every fault it found, each with its
//! place. No I/O, no clock, no SQL, no HTTP.

pub mod ast;
pub mod bound;
pub mod catalog;
pub mod diagnostic;
pub mod span;

mod binder;
mod lexer;
mod moment;
mod parser;

use diagnostic::Diagnostics;
use jiff::tz::TimeZone;

pub use catalog::{ApiVersion, Catalog};
pub use diagnostic::{Code, Diagnostic};

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

/// What [`parse`] made of a text. With diagnostics, the query lacks what could not be read, or is missing as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    pub query: Option<ast::Query>,
    pub diagnostics: Vec<Diagnostic>,
}

/// From text to [`ast::Query`]: names and types are not looked at.
pub fn parse(text: &str, language: Language, compat: Compat) -> Parsed {
    let mut diagnostics = Diagnostics::default();
    let query = parser::parse(text, language, compat, &mut diagnostics);
    Parsed { query, diagnostics: diagnostics.finish() }
}

/// What a query is compiled for.
#[derive(Debug, Clone)]
pub struct Options {
    pub language: Language,
    pub compat: Compat,
    pub api_version: ApiVersion,
    pub tenant_zone: TimeZone,
    /// Whether conditions, groups and orders may use masked fields, whose values could be guessed from what rows come of it.
    pub uses_masked: bool,
}

impl Options {
    /// The query's default zone: the tenant's, but before API version 69 the original's own.
    pub fn zone(&self) -> TimeZone {
        if self.api_version >= ApiVersion::DATES {
            return self.tenant_zone.clone();
        }
        match TimeZone::get("America/Los_Angeles") {
            Ok(zone) => zone,
            Err(error) => unreachable!("the zone database is compiled in: {error}"),
        }
    }
}

/// A query that can be run.
#[derive(Debug, Clone, PartialEq)]
pub struct Compiled {
    pub query: bound::Query,
    /// What the query is compared by, see [`ast::Query::canonical`].
    pub canonical: String,
}

/// The whole way: a query that can be run, or everything that is wrong with it, in the order of the text.
pub fn compile(text: &str, catalog: &Catalog, options: &Options) -> Result<Compiled, Vec<Diagnostic>> {
    let mut diagnostics = Diagnostics::default();
    let parsed = parser::parse(text, options.language, options.compat, &mut diagnostics);
    let compiled = parsed.and_then(|ast| {
        let query = binder::bind(&ast, catalog, options, &mut diagnostics)?;
        Some(Compiled { query, canonical: ast.canonical() })
    });
    match compiled {
        Some(compiled) if diagnostics.is_empty() => Ok(compiled),
        _ => Err(diagnostics.finish()),
    }
}
