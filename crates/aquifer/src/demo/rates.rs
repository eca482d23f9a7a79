//! Exchange rates: one a month for every pair of currencies. They begin near those of the list prices and wander off.

use super::{
    World,
    calendar::{START, at, months_after},
    place::{CURRENCIES, Currency},
    random::{Random, Stream},
    table::{Row, Stamp, Tables, row},
    value::{ExchangeRate, Fixed, Object},
};

/// Rates are set at five in the morning, UTC, before anything is collected.
const RATE_SECOND: u32 = 5 * 3600;

/// What a currency's price may change by in a month, up or down, in ten thousandths.
const STEP: i32 = 150;

pub fn write(tables: &mut impl Tables, world: &World) -> anyhow::Result<()> {
    let months = (0..).take_while(|month| at(months_after(START, *month), RATE_SECOND) < world.as_of);
    let rates = months.zip(prices(world.seed)).flat_map(|(month, prices)| {
        let pairs = (0..CURRENCIES.len() * CURRENCIES.len()).filter_map(move |pair| {
            let (from, to) = (pair / CURRENCIES.len(), pair % CURRENCIES.len());
            (from != to).then_some((pair as u32, from, to))
        });
        pairs.map(move |(pair, from, to)| rate(month, pair, (from, to), &prices))
    });
    tables.write(Object::FXCustomRate, rates)
}

fn rate(month: u32, pair: u32, (from, to): (usize, usize), prices: &Prices) -> Row<'static> {
    let day = months_after(START, month);
    let ordinal = month * (CURRENCIES.len() * CURRENCIES.len()) as u32 + pair;
    let rate: ExchangeRate = Fixed((prices[to] * i128::from(ExchangeRate::whole(1).0) / prices[from]) as i64);
    row!(
        Stamp::new(Object::FXCustomRate, at(day, RATE_SECOND), 0, ordinal);
        CurrencyFrom: CURRENCIES[from].code,
        CurrencyTo: CURRENCIES[to].code,
        ExchangeRate: rate,
        ProviderExchangeRateDate: day,
    )
}

/// What a dollar costs, by currency, in billionths.
type Prices = [i128; CURRENCIES.len()];

/// Month after month, without end.
fn prices(seed: u64) -> impl Iterator<Item = Prices> {
    let start = CURRENCIES.map(|currency: Currency| i128::from(currency.per_dollar().0) * 100_000);
    let mut month = 0;
    std::iter::successors(Some(start), move |before| {
        let mut random = Random::new(seed, Stream::Exchange, 0, month);
        month += 1;
        // The dollar, which all are measured by, stands first.
        let mut steps = before.map(|_| i128::from(random.between(-STEP, STEP)));
        steps[0] = 0;
        let mut next = *before;
        next.iter_mut().zip(steps).for_each(|(price, step)| *price += *price * step / 10_000);
        Some(next)
    })
}
