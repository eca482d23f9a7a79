//! Invoices: what is due on an account's bill dates, with taxes.

use jiff::{Timestamp, civil::Date};

use super::{
    World,
    calendar::{END, at, days_after, seconds_after},
    contract::{Change, Subscription, Version},
    customer::{ChargeRef, Gone},
    ledger::BILL_RUN_SECOND,
    products::Model,
    profile::Profile,
    random::{Random, Stream},
    table::Stamp,
    usage::Usage,
    value::{Fixed, Id, Money, Object, Price, Quantity},
};

#[derive(Debug)]
pub struct Invoice {
    pub stamp: Stamp,
    /// `INV-00000123`
    pub number: String,
    pub draft: bool,
    pub date: Date,
    pub due: Date,
    pub items: Vec<Item>,
    pub amount_without_tax: Money,
    pub tax: Money,
    pub tax_exempt: Money,
    pub paid: Money,
    pub refunded: Money,
    /// Negative: credits.
    pub adjusted: Money,
    /// Taken from the account's credit balance.
    pub from_credit: Money,
}

#[derive(Debug)]
pub struct Item {
    pub stamp: Stamp,
    pub taxation: Option<Taxation>,
    pub charge: ChargeRef,
    /// The item that a discount is taken off from.
    pub applied_to: Option<Id>,
    pub service_start: Date,
    pub service_end: Date,
    pub quantity: Quantity,
    pub unit_price: Price,
    pub amount: Money,
    pub tax_exempt: Money,
    /// Its share of what the invoice still asks for.
    pub balance: Money,
}

#[derive(Debug)]
pub struct Taxation {
    pub stamp: Stamp,
    pub amount: Money,
    pub balance: Money,
}

impl Invoice {
    pub fn amount(&self) -> Money {
        self.amount_without_tax + self.tax
    }

    pub fn balance(&self) -> Money {
        self.amount() + self.adjusted + self.refunded - self.paid - self.from_credit
    }

    /// What the invoice still asks for, item by item, tax by tax, until it is used up.
    pub fn spread_balance(&mut self) {
        let mut left = self.balance();
        let mut take = |amount: Money| {
            let taken = amount.min(left).max(Money::ZERO);
            left -= taken;
            taken
        };
        for item in &mut self.items {
            item.stamp.touch(self.stamp.updated);
            item.balance = take(item.amount);
            if let Some(taxation) = &mut item.taxation {
                taxation.stamp.touch(self.stamp.updated);
                taxation.balance = take(taxation.amount);
            }
        }
    }
}

/// More items than any invoice has.
const ITEMS: u32 = 64;
/// The ordinal of the draft that is thrown away.
const DRAFT: u32 = 120;

/// The invoices of an account up to the world's instant, oldest first.
pub fn bill(world: &World, profile: &Profile, subscriptions: &[Subscription], usage: &mut [Usage]) -> Vec<Invoice> {
    let mut invoices = Vec::new();
    let Some(first) = subscriptions.first() else { return invoices };
    for month in 0.. {
        let date = profile.bill_date(month);
        // Runs take a while; the account's place in it is its number.
        let run = at(date, BILL_RUN_SECOND + profile.number % 1800);
        let created = if month == 0 { run.max(seconds_after(first.versions[0].stamp.created, 1800)) } else { run };
        if created >= world.as_of {
            break;
        }
        let due = items(profile, subscriptions, usage, month, created);
        if due.is_empty() {
            continue;
        }
        let invoice = Invoice::new(profile, month, date, created, due);
        for record in usage.iter_mut().filter(|record| record.month + 1 == month) {
            record.invoice = Some((invoice.stamp.id, invoice.number.clone()));
            record.stamp.touch(created);
        }
        invoices.push(invoice);
    }
    invoices
}

/// A draft made some days before the nights, or during them, and removed unposted, for one account in twenty.
pub fn draft(world: &World, profile: &Profile, subscriptions: &[Subscription]) -> Option<(Invoice, Timestamp)> {
    let mut random = Random::new(world.seed, Stream::Mistake, profile.number, 1);
    let chosen = random.percent(5);
    let made = at(days_after(END, random.between(-4, 4)), 10 * 3600 + random.below(3600));
    let removed = seconds_after(made, i64::from(random.between(1, 4)) * 86_400);
    let started =
        subscriptions.first().is_some_and(|first| seconds_after(first.versions[0].stamp.created, 86_400) < made);
    if !chosen || !started || made >= world.as_of {
        return None;
    }
    let month = (0..).find(|month| at(profile.bill_date(*month), 0) > made)?;
    let due = items(profile, subscriptions, &[], month, made);
    let mut invoice = Invoice::new(profile, DRAFT, profile.bill_date(month), made, due);
    invoice.draft = true;
    (!invoice.items.is_empty()).then_some((invoice, removed))
}

/// Everything that goes with a draft.
pub fn gone_with(draft: &Invoice, at: Timestamp) -> Vec<Gone> {
    let items = draft.items.iter().map(|item| (Object::InvoiceItem, item.stamp.id));
    let taxes = draft.items.iter().filter_map(|item| item.taxation.as_ref());
    let taxes = taxes.map(|taxation| (Object::TaxationItem, taxation.stamp.id));
    let all = items.chain(taxes).chain([(Object::Invoice, draft.stamp.id)]);
    all.map(|(object, id)| Gone { object, id, at }).collect()
}

/// What one line of an invoice says, before it has an id and a tax.
struct Due {
    charge: ChargeRef,
    /// The line that a discount is taken off from.
    applied_to: Option<usize>,
    service: (Date, Date),
    quantity: Quantity,
    unit_price: Price,
    amount: Money,
}

fn items(profile: &Profile, subscriptions: &[Subscription], usage: &[Usage], month: u32, known: Timestamp) -> Vec<Due> {
    let mut due = Vec::new();
    for (position, subscription) in subscriptions.iter().enumerate() {
        let Some((version, state)) = subscription.in_force(month, known) else { continue };
        if state.change != Change::Cancelled {
            let first_line = due.len();
            in_advance(profile, month, (position, version, state), &mut due);
            discounts(profile, (position, version, state), first_line, &mut due);
        }
        in_arrears(profile, subscription, position, usage, month, &mut due);
    }
    due
}

/// A version, and where it stands: its subscription's place and its own.
type Placed<'a> = (usize, usize, &'a Version);

fn in_advance(profile: &Profile, month: u32, (subscription, version, state): Placed<'_>, due: &mut Vec<Due>) {
    let currency = profile.country.currency;
    for (plan_position, plan) in state.plans.iter().enumerate() {
        if month < plan.since || !(month - plan.since).is_multiple_of(plan.plan.period) {
            continue;
        }
        for (position, charge) in plan.charges.iter().enumerate() {
            let once = charge.charge.model == Model::OneTime && month == plan.since;
            let (Some(quantity), true) = (charge.quantity, once || charge.charge.is_recurring()) else { continue };
            let months = if once { 1 } else { plan.plan.period };
            due.push(Due {
                charge: ChargeRef { subscription, version, plan: plan_position, charge: position },
                applied_to: None,
                service: (profile.bill_date(month), days_after(profile.bill_date(month + months), -1)),
                quantity,
                unit_price: charge.charge.unit_price(currency),
                amount: charge.charge.amount(quantity, currency),
            });
        }
    }
}

/// A line with less than nothing for every recurring one from `first_line` on, if the version has a discount.
fn discounts(profile: &Profile, (subscription, version, state): Placed<'_>, first_line: usize, due: &mut Vec<Due>) {
    let found = state.plans.iter().enumerate().find_map(|(plan, rate_plan)| {
        let rate = rate_plan.charges.first()?.charge.discount()?;
        Some((rate, ChargeRef { subscription, version, plan, charge: 0 }))
    });
    let Some((rate, charge)) = found else { return };
    for line in first_line..due.len() {
        let Due { charge: reduced, service, amount, .. } = due[line];
        if !state.plans[reduced.plan].charges[reduced.charge].charge.is_recurring() {
            continue;
        }
        let amount = profile.country.currency.round(-amount.times(rate));
        due.push(Due {
            charge,
            applied_to: Some(line),
            service,
            quantity: Quantity::whole(1),
            unit_price: Fixed(amount.0 * 100),
            amount,
        });
    }
}

/// The use of the month before.
fn in_arrears(
    profile: &Profile,
    subscription: &Subscription,
    position: usize,
    usage: &[Usage],
    month: u32,
    due: &mut Vec<Due>,
) {
    let mut records = usage.iter().filter(|usage| usage.charge.subscription == position && usage.month + 1 == month);
    let Some(first) = records.next() else { return };
    let quantity = first.quantity + records.map(|usage| usage.quantity).sum();
    let version = &subscription.versions[first.charge.version];
    let charge = version.plans[first.charge.plan].charges[first.charge.charge].charge;
    let currency = profile.country.currency;
    let amount = charge.amount(quantity, currency);
    let average = if quantity == Quantity::ZERO { 0 } else { amount.0 * 10_000 / quantity.0 };
    due.push(Due {
        charge: first.charge,
        applied_to: None,
        service: (profile.bill_date(month - 1), days_after(profile.bill_date(month), -1)),
        quantity,
        unit_price: Fixed(average),
        amount,
    });
}

impl Invoice {
    fn new(profile: &Profile, ordinal: u32, date: Date, created: Timestamp, due: Vec<Due>) -> Invoice {
        let stamp = |object, ordinal| Stamp::new(object, created, profile.number, ordinal);
        let item_id = |position: usize| ordinal * ITEMS + position as u32;
        let items: Vec<Item> = due
            .into_iter()
            .enumerate()
            .map(|(position, due)| {
                let tax = profile.country.currency.round(due.amount.times(profile.city.tax));
                let (tax, tax_exempt) = if profile.tax_exempt { (Money::ZERO, tax) } else { (tax, Money::ZERO) };
                let taxation = (tax != Money::ZERO).then(|| Taxation {
                    stamp: stamp(Object::TaxationItem, item_id(position)),
                    amount: tax,
                    balance: Money::ZERO,
                });
                Item {
                    stamp: stamp(Object::InvoiceItem, item_id(position)),
                    taxation,
                    charge: due.charge,
                    applied_to: due.applied_to.map(|line| stamp(Object::InvoiceItem, item_id(line)).id),
                    service_start: due.service.0,
                    service_end: due.service.1,
                    quantity: due.quantity,
                    unit_price: due.unit_price,
                    amount: due.amount,
                    tax_exempt,
                    balance: Money::ZERO,
                }
            })
            .collect();
        Invoice {
            stamp: stamp(Object::Invoice, ordinal),
            number: format!("INV-{:08}", profile.number * 128 + ordinal),
            draft: false,
            date,
            due: days_after(date, profile.term.days),
            amount_without_tax: items.iter().map(|item| item.amount).sum(),
            tax: items.iter().filter_map(|item| item.taxation.as_ref()).map(|taxation| taxation.amount).sum(),
            tax_exempt: items.iter().map(|item| item.tax_exempt).sum(),
            paid: Money::ZERO,
            refunded: Money::ZERO,
            adjusted: Money::ZERO,
            from_credit: Money::ZERO,
            items,
        }
    }
}
