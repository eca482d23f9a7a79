//! Exchange rates, as the object `FXCustomRate` has them.

use std::collections::{BTreeSet, HashMap};

use engine::{Error, Result, Rows, Snapshot};
use export::{Cell, CellSink, Date, Stopped};
use jiff::tz::TimeZone;

use super::Currency;

/// Rates by the currencies that they lead from and to, those of a pair by their days: one of a day.
#[derive(Debug, Default)]
pub struct Rates(HashMap<(Code, Code), Vec<Rate>>);

/// Three bytes of no sure case: what is no currency has no rate.
type Code = [u8; 3];

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rate {
    /// From this day on.
    pub(super) since: Date,
    /// A canonical decimal.
    pub(super) value: Box<str>,
}

impl Rates {
    /// Reads all rates into some currencies: which others and which days the rows have is known when they are read. That is
    /// less than 100 bytes a rate; 150 currencies with a rate a day for ten years into one are 50 MB. Blocks.
    pub fn read(snapshot: &dyn Snapshot, currencies: impl Iterator<Item = Currency>) -> Result<Rates> {
        let options = zoql::Options {
            language: zoql::Language::Export,
            compat: zoql::Compat::Strict,
            api_version: zoql::ApiVersion::LATEST,
            tenant_zone: TimeZone::UTC,
            uses_masked: false,
        };
        let compiled = zoql::compile(&query(currencies), snapshot.catalog(), &options).map_err(|faults| {
            let faults: Vec<&str> = faults.iter().map(|fault| &*fault.message).collect();
            Error::input(format!("the exchange rates cannot be read: {}", faults.join("; ")))
        })?;
        let mut reader = Reader::default();
        for part in snapshot.parts(&compiled.query, &Rows::LIVE)? {
            part.read(&mut reader)?;
        }
        Ok(reader.rates)
    }

    /// The latest rate of a day or before it.
    pub(super) fn on(&self, day: Date, from: &str, to: Currency) -> Option<&Rate> {
        let rates = self.0.get(&(code(from)?, code(to.code())?))?;
        let later = rates.partition_point(|rate| rate.since <= day);
        rates[..later].last()
    }

    /// Adds a rate that is not of an earlier day than any before. Of one day, the last counts.
    fn push(&mut self, from: Code, to: Code, rate: Rate) {
        let rates = self.0.entry((from, to)).or_default();
        match rates.last_mut() {
            Some(last) if last.since == rate.since => *last = rate,
            _ => rates.push(rate),
        }
    }
}

fn code(text: &str) -> Option<Code> {
    text.as_bytes().try_into().ok()
}

/// Of several rates for one day, from several rate sets, the one that was changed last comes last.
fn query(currencies: impl Iterator<Item = Currency>) -> String {
    let codes: BTreeSet<&str> = currencies.map(Currency::code).collect();
    let into: Vec<String> = codes.iter().map(|code| format!("CurrencyTo = '{code}'")).collect();
    format!(
        "select CurrencyFrom, CurrencyTo, ProviderExchangeRateDate, ExchangeRate from FXCustomRate \
         where ProviderExchangeRateDate is not null and ExchangeRate is not null and ({}) \
         order by ProviderExchangeRateDate, UpdatedDate, Id",
        into.join(" or ")
    )
}

/// Takes the rows of the query.
#[derive(Default)]
struct Reader {
    rates: Rates,
    column: usize,
    from: Option<Code>,
    to: Option<Code>,
    since: Option<Date>,
    value: Option<Box<str>>,
}

impl CellSink for Reader {
    fn cell(&mut self, cell: Cell<'_>) {
        match (self.column, cell) {
            (0, Cell::Text(text)) => self.from = code(text),
            (1, Cell::Text(text)) => self.to = code(text),
            (2, Cell::Date(date)) => self.since = Some(date),
            (3, Cell::Decimal(text)) => self.value = Some(text.into()),
            (3, Cell::Integer(value)) => self.value = Some(value.to_string().into()),
            _ => {}
        }
        self.column += 1;
    }

    fn end_row(&mut self) -> Result<(), Stopped> {
        self.column = 0;
        let row = (self.from.take(), self.to.take(), self.since.take(), self.value.take());
        if let (Some(from), Some(to), Some(since), Some(value)) = row {
            self.rates.push(from, to, Rate { since, value });
        }
        Ok(())
    }
}
