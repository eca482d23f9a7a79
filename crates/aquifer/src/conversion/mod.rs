//! Amounts of transactions in other currencies, by the exchange rates that the data has.
//!
//! ```text
//! bound::Query -> Plan (what is read besides, what is appended) -> Part::read -> Converter (with Rates) -> export
//! ```
//!
//! A query reads, behind its own columns, what the conversion needs to know of a transaction; the [`Converter`] keeps these
//! cells to itself and appends others. All arithmetic is exact.

mod converter;
mod convertible;
mod currency;
mod decimal;
mod plan;
mod rates;

use std::fmt;

pub use converter::Converter;
pub use currency::{Currency, Unknown};
pub use plan::{Appended, Plan};
pub use rates::Rates;

/// The currencies that a query's amounts are wanted in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Each once, in the order of their columns.
    pub others: Vec<Currency>,
    /// The tenant's own, with columns of its own kind behind those of the others.
    pub home: Option<Currency>,
}

impl Wanted {
    pub fn is_empty(&self) -> bool {
        self.others.is_empty() && self.home.is_none()
    }

    pub fn all(&self) -> impl Iterator<Item = Currency> {
        self.others.iter().copied().chain(self.home)
    }
}

/// `EUR,JPY,home=USD`: two queries have the same columns by conversion if this is the same.
impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let others = self.others.iter().map(|currency| currency.code().to_owned());
        let home = self.home.map(|currency| format!("home={}", currency.code()));
        f.write_str(&others.chain(home).collect::<Vec<_>>().join(","))
    }
}

#[cfg(test)]
mod tests;
