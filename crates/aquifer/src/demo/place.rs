//! Where the customers are: countries with their cities, taxes, currencies and common names. The people and companies
//! are invented; mail addresses end in `.example`, which nobody can own.

mod list;

pub use list::COUNTRIES;

use super::{
    random::Random,
    value::{Fixed, Money, Price, Rate},
};

#[derive(Debug)]
pub struct Country {
    pub name: &'static str,
    /// How many of a hundred customers, roughly.
    pub share: u32,
    pub currency: Currency,
    /// What ends a company's name.
    pub legal_forms: &'static [&'static str],
    pub dial: &'static str,
    /// Prefix of VAT ids; none where there are none.
    pub vat_prefix: Option<&'static str>,
    pub tax_name: &'static str,
    pub cities: &'static [City],
    pub first_names: &'static [&'static str],
    pub last_names: &'static [&'static str],
    pub streets: &'static [&'static str],
    /// Whether the number stands before the street.
    pub number_first: bool,
}

#[derive(Debug)]
pub struct City {
    pub name: &'static str,
    pub state: Option<&'static str>,
    /// `#` is a digit, `@` a letter.
    pub postal_code: &'static str,
    pub tax: Rate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Currency {
    pub code: &'static str,
    /// What a dollar costs, for list prices; they do not follow the market.
    per_dollar: Price,
    /// The smallest amount there is, in hundredths: 100 where there are no cents.
    smallest: i64,
}

impl Currency {
    const fn new(code: &'static str, per_dollar: i64) -> Currency {
        Currency { code, per_dollar: Fixed(per_dollar), smallest: 1 }
    }

    pub fn per_dollar(self) -> Price {
        self.per_dollar
    }

    /// A list price in this currency.
    pub fn price(self, dollars: Price) -> Price {
        let exact = i128::from(dollars.0) * i128::from(self.per_dollar.0) / 10_000;
        // Prices of a cent and less keep their digits; the others end in full cents, or yen.
        let step = if dollars < Price::whole(1) { self.smallest } else { self.smallest * 100 };
        Fixed((exact as i64 / step).max(1) * step)
    }

    /// An amount that can be paid.
    pub fn round(self, amount: Money) -> Money {
        let half = self.smallest / 2 * amount.0.signum();
        Fixed((amount.0 + half) / self.smallest * self.smallest)
    }
}

pub const DOLLAR: Currency = Currency::new("USD", 10_000);
const EURO: Currency = Currency::new("EUR", 9_200);
const POUND: Currency = Currency::new("GBP", 7_900);
const CANADIAN: Currency = Currency::new("CAD", 13_500);
const AUSTRALIAN: Currency = Currency::new("AUD", 15_000);
const KRONA: Currency = Currency::new("SEK", 105_000);
const FRANC: Currency = Currency::new("CHF", 8_800);
const YEN: Currency = Currency { code: "JPY", per_dollar: Fixed(1_500_000), smallest: 100 };

/// Every currency that products have prices in, the dollar first.
pub const CURRENCIES: [Currency; 8] = [DOLLAR, EURO, POUND, CANADIAN, AUSTRALIAN, KRONA, FRANC, YEN];

/// A name such as `Kestrel Robotics GmbH`, and a domain such as `kestrel-robotics.example`.
pub fn company(random: &mut Random, country: &Country) -> (String, String) {
    let name = format!("{} {}", random.pick(list::COMPANY_FIRST), random.pick(list::COMPANY_SECOND));
    let domain = format!("{}.example", name.to_ascii_lowercase().replace(' ', "-"));
    (format!("{name} {}", random.pick(country.legal_forms)), domain)
}

/// Replaces `#` by digits and `@` by letters.
pub fn fill_pattern(random: &mut Random, pattern: &str) -> String {
    pattern
        .chars()
        .map(|sign| match sign {
            '#' => char::from(b'0' + random.below(10) as u8),
            '@' => char::from(b"ABCDEFGHJKLMNPRSTUVWXY"[random.below(22) as usize]),
            other => other,
        })
        .collect()
}

/// The letters of a name that a mail address has: `Jürgen Weiß` is `jurgen.weis`.
pub fn mail_name(first: &str, last: &str) -> String {
    let plain = |sign: char| match sign {
        'à'..='å' | 'À'..='Å' => Some('a'),
        'è'..='ë' | 'È'..='Ë' => Some('e'),
        'ì'..='ï' => Some('i'),
        'ò'..='ö' | 'Ö' => Some('o'),
        'ù'..='ü' => Some('u'),
        'ß' => Some('s'),
        'ç' => Some('c'),
        sign if sign.is_ascii_alphabetic() => Some(sign.to_ascii_lowercase()),
        _ => None,
    };
    let first: String = first.chars().filter_map(plain).collect();
    let last: String = last.chars().filter_map(plain).collect();
    format!("{first}.{last}")
}
