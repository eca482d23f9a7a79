//! What was used: four records a month for every charge by use. The bill run of the next month rates them.

use jiff::Timestamp;

use super::{
    World,
    calendar::{END, at, days_after, seconds_after},
    contract::{Change, Subscription},
    customer::ChargeRef,
    products::Model,
    profile::Profile,
    random::{Random, Stream},
    table::Stamp,
    value::{Fixed, Id, Object, Quantity},
};

#[derive(Debug)]
pub struct Usage {
    pub stamp: Stamp,
    pub charge: ChargeRef,
    /// The month of use; it is billed in the next.
    pub month: u32,
    pub start: Timestamp,
    pub quantity: Quantity,
    /// Id and number of the invoice that billed it.
    pub invoice: Option<(Id, String)>,
}

/// A record sent twice by mistake, and removed in one of the nights.
#[derive(Debug)]
pub struct Duplicate {
    pub usage: Usage,
    pub removed: Timestamp,
}

const RECORDS_A_MONTH: u32 = 4;
/// More months than any account has.
const MONTHS: u32 = 64;
/// The ordinal of the record that came twice.
const DUPLICATE: u32 = MONTHS * 64;

/// All records of a subscription, oldest first.
pub fn draw(world: &World, profile: &Profile, position: usize, subscription: &Subscription) -> Vec<Usage> {
    let metered = subscription.plan.charges.iter().position(|charge| charge.model == Model::Tiered);
    let Some(charge) = metered else { return Vec::new() };
    let mut random = Random::new(world.seed, Stream::Usage, profile.number, subscription.ordinal);
    let mut records = Vec::new();
    for month in subscription.start..MONTHS {
        let Some((version, state)) = subscription.in_force(month, world.as_of) else { break };
        if state.change == Change::Cancelled || at(profile.bill_date(month), 0) >= world.as_of {
            break;
        }
        for week in 0..RECORDS_A_MONTH {
            let share = i64::from(random.between(60, 140));
            let day = days_after(profile.bill_date(month), 7 * week as i32 + 5);
            let created = at(day, 23 * 3600 + random.below(3000));
            if created >= world.as_of {
                break;
            }
            let ordinal = (subscription.ordinal * MONTHS + month) * 8 + week;
            records.push(Usage {
                stamp: Stamp::new(Object::Usage, created, profile.number, ordinal),
                charge: ChargeRef { subscription: position, version, plan: 0, charge },
                month,
                start: at(day, 0),
                quantity: quantity(subscription, month, share),
                invoice: None,
            });
        }
    }
    records
}

/// Growing by a twentieth of the start every month. Storage is measured in hundredths, the rest in whole units.
fn quantity(subscription: &Subscription, month: u32, share: i64) -> Quantity {
    let growth = 20 + i64::from(month - subscription.start);
    let hundredths = i64::from(subscription.appetite) * growth * share / (20 * i64::from(RECORDS_A_MONTH));
    let measured = subscription.plan.charges.iter().any(|charge| charge.unit == Some("GB"));
    if measured { Fixed(hundredths) } else { Quantity::whole(hundredths / 100) }
}

/// A record of the last week before the nights that came twice, for one metered account in ten.
pub fn duplicate(world: &World, profile: &Profile, records: &[Usage]) -> Option<Duplicate> {
    let mut random = Random::new(world.seed, Stream::Mistake, profile.number, 0);
    let mistaken = random.percent(10);
    let removed = at(days_after(END, random.between(0, 6)), 11 * 3600);
    let twice = records.iter().find(|usage| usage.stamp.created >= at(days_after(END, -7), 0))?;
    let created = seconds_after(twice.stamp.created, 240);
    let chosen = mistaken && created < world.as_of && created < removed;
    chosen.then(|| Duplicate {
        usage: Usage {
            stamp: Stamp::new(Object::Usage, created, profile.number, DUPLICATE),
            charge: twice.charge,
            month: twice.month,
            start: twice.start,
            quantity: twice.quantity,
            invoice: None,
        },
        removed,
    })
}
