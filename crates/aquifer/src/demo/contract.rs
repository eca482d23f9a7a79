//! What an account has bought: subscriptions and their versions. Every amendment makes a new version, with rate plans
//! and charges of its own; earlier versions stay as they were.
//!
//! Everything happens on the account's bill dates, so months are numbers: `0` is the account's first bill.

use jiff::{Timestamp, civil::Date};

use super::{
    World,
    calendar::{at, days_after, seconds_after},
    place::Currency,
    products::{self, Charge, Model, PLANS, Plan},
    profile::Profile,
    random::{Random, Stream},
    table::Stamp,
    value::{Id, Money, Object, Quantity},
};

#[derive(Debug)]
pub struct Subscription {
    /// Within the account, from 0.
    pub ordinal: u32,
    /// `A-S00000042`
    pub name: String,
    pub plan: &'static Plan,
    /// The month of its first bill.
    pub start: u32,
    /// Units a month, roughly, for charges by use.
    pub appetite: u32,
    /// Oldest first, never empty.
    pub versions: Vec<Version>,
}

#[derive(Debug)]
pub struct Version {
    /// From 1.
    pub number: u32,
    pub stamp: Stamp,
    pub change: Change,
    /// The first month it holds.
    pub effective: u32,
    pub term_start: u32,
    pub plans: Vec<RatePlan>,
}

/// What a version changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Created,
    Quantity,
    AddOn,
    Renewed,
    Cancelled,
}

#[derive(Debug)]
pub struct RatePlan {
    pub stamp: Stamp,
    pub plan: &'static Plan,
    /// The month of its first bill.
    pub since: u32,
    pub charges: Vec<RatePlanCharge>,
}

#[derive(Debug)]
pub struct RatePlanCharge {
    pub stamp: Stamp,
    /// Among all charges of the account, in all versions.
    pub ordinal: u32,
    pub charge: &'static Charge,
    /// `C-00000123`; the same in every version.
    pub number: String,
    /// From 1; a new quantity begins a new segment.
    pub segment: u32,
    pub segment_start: u32,
    pub quantity: Option<Quantity>,
    pub mrr: Money,
    /// The first day that no invoice has billed yet.
    pub charged_through: Option<Date>,
}

/// Enough for the three years and the nights.
const HORIZON: u32 = 48;
const VERSIONS: u32 = 32;
const RATE_PLANS: u32 = 4;
const CHARGES: u32 = 8;

impl Subscription {
    /// The subscriptions of an account, as they are at the world's instant.
    pub fn draw_all(world: &World, profile: &Profile) -> Vec<Subscription> {
        if profile.draft {
            return Vec::new();
        }
        let mut random = Random::new(world.seed, Stream::Subscription, profile.number, 0);
        let starts = [Some(0), random.percent(30).then(|| 1 + random.below(24)), random.percent(8).then_some(6)];
        let all = starts.into_iter().flatten().zip(0..).map(|(start, ordinal)| {
            let random = Random::new(world.seed, Stream::Subscription, profile.number, 1 + ordinal);
            Subscription::draw(world, profile, random, ordinal, start)
        });
        all.flatten().collect()
    }

    /// None if it has not begun.
    fn draw(world: &World, profile: &Profile, mut random: Random, ordinal: u32, start: u32) -> Option<Subscription> {
        let plan = random.weighted(PLANS, |plan| plan.share);
        let most_use = if random.percent(20) { 9_000 } else { 1_500 };
        let appetite = 100 + random.below(most_use);
        let most_seats = if random.percent(15) { 250 } else { 25 };
        let mut course = Course {
            profile,
            plan,
            subscription: ordinal,
            start,
            quantity: Quantity::whole(1 + i64::from(random.below(most_seats))),
            segment: 1,
            segment_start: start,
            term_start: start,
            discount: random.percent(15),
            add_on: None,
        };
        let mut versions = Vec::new();
        for (month, change) in history(&mut random, plan, start) {
            let created = version_instant(profile, &mut random, month, change);
            if created >= world.as_of {
                break;
            }
            course.turn(&mut random, month, change);
            versions.push(course.version(versions.len() as u32, month, change, created));
        }
        retire_old(&mut versions);
        let name = format!("A-S{:08}", profile.number * 4 + ordinal);
        (!versions.is_empty()).then_some(Subscription { ordinal, name, plan, start, appetite, versions })
    }

    /// The version that holds in a month, as known at an instant; none before the first.
    pub fn in_force(&self, month: u32, known: Timestamp) -> Option<(usize, &Version)> {
        let mut newest_first = self.versions.iter().enumerate().rev();
        newest_first.find(|(_, version)| version.effective <= month && version.stamp.created < known)
    }

    pub fn latest(&self) -> &Version {
        &self.versions[self.versions.len() - 1]
    }

    /// The month in which it ends, if it was cancelled.
    pub fn cancelled(&self) -> Option<u32> {
        let latest = self.latest();
        (latest.change == Change::Cancelled).then_some(latest.effective)
    }

    pub fn original(&self) -> Id {
        self.versions[0].stamp.id
    }
}

/// A version and its charges change once more when the next version takes over.
fn retire_old(versions: &mut [Version]) {
    for newer in 1..versions.len() {
        let at = versions[newer].stamp.created;
        let older = &mut versions[newer - 1];
        older.stamp.touch(at);
        older.plans.iter_mut().flat_map(|plan| &mut plan.charges).for_each(|charge| charge.stamp.touch(at));
    }
}

impl Version {
    pub fn charge(&self, number: &str) -> Option<&RatePlanCharge> {
        self.plans.iter().flat_map(|plan| &plan.charges).find(|charge| charge.number == number)
    }
}

/// What happens to a subscription, by month, from its creation to its end or the horizon.
fn history(random: &mut Random, plan: &Plan, start: u32) -> Vec<(u32, Change)> {
    let mut events = vec![(start, Change::Created)];
    let periods = HORIZON / plan.period;
    let sometime = |random: &mut Random, first: u32| start + plan.period * (first + random.below(periods));
    if random.percent(45) {
        events.push((sometime(random, 1), Change::Quantity));
        events.push((sometime(random, 2), Change::Quantity));
    }
    if random.percent(20) {
        events.push((sometime(random, 1), Change::AddOn));
    }
    let mut end = None;
    if plan.termed {
        for year in 1..=HORIZON / 12 {
            let renewed = end.is_none() && random.percent(88);
            let change = if renewed { Change::Renewed } else { Change::Cancelled };
            events.push((start + 12 * year, change));
            end = end.or((!renewed).then_some(start + 12 * year));
        }
    } else if random.percent(40) {
        let month = sometime(random, 2);
        events.push((month, Change::Cancelled));
        end = Some(month);
    }
    // One change a month: of two, the one that came up later in the list weighs more (a renewal, a cancellation).
    events.sort_by_key(|(month, _)| *month);
    events.dedup_by(|later, kept| {
        later.0 == kept.0 && later.0 != start && {
            kept.1 = later.1;
            true
        }
    });
    events.retain(|(month, change)| {
        end.is_none_or(|end| *month < end || (*month == end && *change == Change::Cancelled))
    });
    events
}

/// When a version is made: the first with the account or on its first bill date, later ones some days ahead.
fn version_instant(profile: &Profile, random: &mut Random, month: u32, change: Change) -> Timestamp {
    let day = profile.bill_date(month);
    match change {
        Change::Created => at(day, 1800).max(seconds_after(profile.stamp.created, 300)),
        _ => at(days_after(day, -random.between(1, 10)), 9 * 3600 + random.below(8 * 3600)),
    }
}

/// A subscription as it is after the changes so far.
struct Course<'a> {
    profile: &'a Profile,
    plan: &'static Plan,
    /// Its ordinal.
    subscription: u32,
    start: u32,
    quantity: Quantity,
    segment: u32,
    segment_start: u32,
    term_start: u32,
    discount: bool,
    add_on: Option<u32>,
}

impl Course<'_> {
    fn turn(&mut self, random: &mut Random, month: u32, change: Change) {
        match change {
            Change::Quantity => {
                let percent = i64::from(random.between(60, 180));
                self.quantity = Quantity::whole((self.quantity.0 * percent / 10_000).max(1) + 1);
                self.segment += 1;
                self.segment_start = month;
            }
            Change::AddOn => self.add_on = Some(month),
            Change::Renewed => self.term_start = month,
            Change::Created | Change::Cancelled => {}
        }
    }

    /// The version that a change makes, the `position`-th from 0.
    fn version(&self, position: u32, effective: u32, change: Change, created: Timestamp) -> Version {
        let ordinal = self.subscription * VERSIONS + position;
        let discount = self.discount.then(|| (products::discount(), self.start));
        let add_on = self.add_on.map(|month| (products::support(), month));
        let plans = [Some((self.plan, self.start)), discount, add_on].into_iter().zip(0..);
        let plans = plans.filter_map(|(plan, slot)| {
            let (plan, since) = plan?;
            Some(self.rate_plan(ordinal * RATE_PLANS + slot, slot, plan, since, created))
        });
        let mut version = Version {
            number: position + 1,
            stamp: Stamp::new(Object::Subscription, created, self.profile.number, ordinal),
            change,
            effective,
            term_start: self.term_start,
            plans: plans.collect(),
        };
        if change == Change::Cancelled {
            version.plans.iter_mut().flat_map(|plan| &mut plan.charges).for_each(|charge| charge.mrr = Money::ZERO);
        }
        version
    }

    fn rate_plan(&self, ordinal: u32, slot: u32, plan: &'static Plan, since: u32, created: Timestamp) -> RatePlan {
        let number = self.profile.number;
        let first_number = ((number * 4 + self.subscription) * RATE_PLANS + slot) * CHARGES;
        let charges = plan.charges.iter().map(|charge| {
            let ordinal = ordinal * CHARGES + charge.number;
            let by_seat = charge.model == Model::PerUnit;
            RatePlanCharge {
                stamp: Stamp::new(Object::RatePlanCharge, created, number, ordinal),
                ordinal,
                charge,
                number: format!("C-{:08}", first_number + charge.number),
                segment: if by_seat { self.segment } else { 1 },
                segment_start: if by_seat { self.segment_start } else { since },
                quantity: charge_quantity(charge, self.quantity),
                mrr: mrr(charge, plan, self.quantity, self.profile.country.currency),
                charged_through: None,
            }
        });
        let stamp = Stamp::new(Object::RatePlan, created, number, ordinal);
        RatePlan { stamp, plan, since, charges: charges.collect() }
    }
}

/// What a charge is billed for each period; what is used is not known beforehand.
fn charge_quantity(charge: &Charge, seats: Quantity) -> Option<Quantity> {
    match charge.model {
        Model::PerUnit => Some(seats),
        Model::Flat | Model::OneTime | Model::Discount(_) => Some(Quantity::whole(1)),
        Model::Tiered => None,
    }
}

/// Recurring revenue a month.
fn mrr(charge: &Charge, plan: &Plan, seats: Quantity, currency: Currency) -> Money {
    match charge_quantity(charge, seats) {
        Some(quantity) if charge.is_recurring() => charge.amount(quantity, currency).share(1, plan.period.into()),
        _ => Money::ZERO,
    }
}
