//! Currencies by their codes.

use serde::Deserialize;

/// A currency of ISO 4217 that has amounts: one of some digits behind the point, which gold is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Currency(iso_currency::Currency);

/// The text is no code of such a currency.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not the code of a currency")]
pub struct Unknown(pub String);

impl Currency {
    /// By its code of three letters, in any case. Those that were withdrawn of late are known too: transactions are older.
    pub fn find(code: &str) -> Result<Currency, Unknown> {
        let currency = iso_currency::Currency::from_code(&code.to_ascii_uppercase());
        let currency = currency.filter(|currency| currency.exponent().is_some());
        currency.map(Currency).ok_or_else(|| Unknown(code.to_owned()))
    }

    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// Digits behind the point of an amount.
    pub fn decimals(self) -> usize {
        self.0.exponent().unwrap_or_default().into()
    }
}

impl TryFrom<String> for Currency {
    type Error = Unknown;

    fn try_from(code: String) -> Result<Currency, Unknown> {
        Currency::find(&code)
    }
}
