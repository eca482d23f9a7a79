//! A billing data set to try things with: accounts in ten countries, their contracts, invoices, payments and usage over
//! three years, then a week of nightly loads with changes and deletions.
//!
//! ```text
//! (seed, accounts) -> World -> Customer::draw(number) -> rows -> engine::embedded::Load
//! ```
//!
//! Every account is a function of the seed and its number, so the data is drawn in batches, written and forgotten:
//! memory does not grow with the scale. The same seed and scale give the same rows.

mod billing;
mod calendar;
mod contract;
mod customer;
mod ledger;
mod place;
mod products;
mod profile;
mod random;
mod rates;
mod rows;
mod settlement;
mod table;
#[cfg(test)]
mod tests;
mod usage;
mod value;

use engine::embedded::Embedded;
use jiff::Timestamp;

use calendar::{NIGHTS, Window, load_instant};
use customer::Customer;
use table::{LoadTables, Tables};

/// How much data, and which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recipe {
    /// At least 1. A thousand of them have some 28,000 invoice items.
    pub accounts: u32,
    pub seed: u64,
}

/// Accounts at scale 1.
pub const ACCOUNTS: u32 = 3_000;

/// What everything is drawn from.
#[derive(Debug, Clone, Copy)]
struct World {
    seed: u64,
    accounts: u32,
    /// The state of everything is the state just before this instant.
    as_of: Timestamp,
}

/// Accounts that are in memory at a time.
const BATCH: u32 = 500;

/// Fills an empty source: the base load, then one load for every night. `progress` hears how many account states of
/// how many are written.
pub fn fill(data: &Embedded, recipe: Recipe, progress: impl Fn(u64, u64)) -> anyhow::Result<()> {
    let all = u64::from(recipe.accounts) * (1 + NIGHTS as u64);
    for number in 0..=NIGHTS {
        let before = u64::from(recipe.accounts) * number as u64;
        let mut load = data.begin_load(load_instant(number))?;
        let window = Window::of_load(number);
        write(&mut LoadTables::new(&mut load, window), recipe, window, |accounts| progress(before + accounts, all))?;
        load.commit()?;
    }
    Ok(())
}

/// Everything that changed within a window.
fn write(tables: &mut impl Tables, recipe: Recipe, window: Window, progress: impl Fn(u64)) -> anyhow::Result<()> {
    let world = World { seed: recipe.seed, accounts: recipe.accounts.max(1), as_of: window.to };
    for first in (1..=world.accounts).step_by(BATCH as usize) {
        let last = first.saturating_add(BATCH - 1).min(world.accounts);
        let customers: Vec<Customer> = (first..=last)
            .filter_map(|number| Customer::draw(&world, number))
            .filter(|customer| customer.changed_since(window.from))
            .collect();
        rows::write(tables, &customers)?;
        progress(last.into());
    }
    ledger::write(tables, world.as_of)?;
    products::write(tables, world.as_of)?;
    rates::write(tables, &world)
}
