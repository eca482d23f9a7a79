//! Everything about one account as it is at one instant. Drawn again at a later instant it has the same past: what is
//! random is random by account and event, never by when one looks.

use jiff::Timestamp;

use super::{
    World,
    billing::{self, Invoice},
    calendar::days_after,
    contract::{RatePlan, RatePlanCharge, Subscription, Version},
    profile::Profile,
    settlement::{self, Settlement},
    table::Stamp,
    usage::{self, Usage},
    value::{Id, Money, Object},
};

#[derive(Debug)]
pub struct Customer {
    pub profile: Profile,
    /// Of the account row: it changes with every invoice and payment.
    pub stamp: Stamp,
    pub subscriptions: Vec<Subscription>,
    pub usage: Vec<Usage>,
    /// Posted ones, oldest first; then the draft, if there is one.
    pub invoices: Vec<Invoice>,
    pub settlement: Settlement,
    /// What was there once and was removed.
    pub gone: Vec<Gone>,
}

/// A row that was removed.
#[derive(Debug, Clone, Copy)]
pub struct Gone {
    pub object: Object,
    pub id: Id,
    pub at: Timestamp,
}

/// A charge of an account, by the places that lead to it.
#[derive(Debug, Clone, Copy)]
pub struct ChargeRef {
    pub subscription: usize,
    pub version: usize,
    pub plan: usize,
    pub charge: usize,
}

impl Customer {
    /// None if the account is not there at the world's instant.
    pub fn draw(world: &World, number: u32) -> Option<Customer> {
        let mut profile = Profile::draw(world, number);
        if profile.stamp.created >= world.as_of {
            return None;
        }
        let mut gone = remove_contacts(world, &mut profile);
        let mut subscriptions = Subscription::draw_all(world, &profile);
        let places = subscriptions.iter().enumerate();
        let mut usage: Vec<Usage> =
            places.flat_map(|(place, each)| usage::draw(world, &profile, place, each)).collect();
        let mut invoices = billing::bill(world, &profile, &subscriptions, &mut usage);
        note_billing(&mut subscriptions, &invoices);
        let settlement = settlement::settle(world, &profile, &mut invoices);
        invoices.iter_mut().for_each(Invoice::spread_balance);
        let stamp = account_stamp(&profile, &subscriptions, &invoices, &settlement);

        if let Some(twice) = usage::duplicate(world, &profile, &usage) {
            if twice.removed < world.as_of {
                gone.push(Gone { object: Object::Usage, id: twice.usage.stamp.id, at: twice.removed });
            } else {
                usage.push(twice.usage);
            }
        }
        if let Some((mut draft, removed)) = billing::draft(world, &profile, &subscriptions) {
            if removed < world.as_of {
                gone.extend(billing::gone_with(&draft, removed));
            } else {
                draft.spread_balance();
                invoices.push(draft);
            }
        }
        Some(Customer { profile, stamp, subscriptions, usage, invoices, settlement, gone })
    }

    /// Whether anything of it may have changed from that instant on.
    pub fn changed_since(&self, from: Timestamp) -> bool {
        let usage = self.usage.iter().map(|usage| usage.stamp.updated);
        let drafts = self.invoices.iter().filter(|invoice| invoice.draft).map(|draft| draft.stamp.updated);
        let gone = self.gone.iter().map(|gone| gone.at);
        self.stamp.updated >= from || usage.chain(drafts).chain(gone).any(|at| at >= from)
    }

    /// Whether the account itself is still there.
    pub fn is_alive(&self) -> bool {
        !self.gone.iter().any(|gone| gone.object == Object::Account)
    }

    pub fn charge(&self, at: ChargeRef) -> (&Subscription, &Version, &RatePlan, &RatePlanCharge) {
        let subscription = &self.subscriptions[at.subscription];
        let version = &subscription.versions[at.version];
        let plan = &version.plans[at.plan];
        (subscription, version, plan, &plan.charges[at.charge])
    }

    pub fn posted(&self) -> impl Iterator<Item = &Invoice> {
        self.invoices.iter().filter(|invoice| !invoice.draft)
    }

    /// What all posted invoices still ask for.
    pub fn invoice_balance(&self) -> Money {
        self.posted().map(Invoice::balance).sum()
    }

    /// Recurring revenue a month, of all subscriptions.
    pub fn mrr(&self) -> Money {
        let latest = self.subscriptions.iter().flat_map(|subscription| &subscription.latest().plans);
        latest.flat_map(|plan| &plan.charges).map(|charge| charge.mrr).sum()
    }
}

/// Prospects that came to nothing go with all their contacts; former contacts go alone.
fn remove_contacts(world: &World, profile: &mut Profile) -> Vec<Gone> {
    let mut gone = Vec::new();
    if let Some(at) = profile.removed.filter(|at| *at < world.as_of && profile.stamp.created < *at) {
        for contact in profile.contacts.drain(..).chain(profile.former_contact.take().map(|former| former.contact)) {
            gone.push(Gone { object: Object::Contact, id: contact.stamp.id, at });
            gone.push(Gone { object: Object::ContactSnapshot, id: contact.snapshot.id, at });
        }
        gone.push(Gone { object: Object::Account, id: profile.stamp.id, at });
    }
    if let Some(former) = profile.former_contact.take_if(|former| former.removed < world.as_of) {
        gone.push(Gone { object: Object::Contact, id: former.contact.stamp.id, at: former.removed });
        gone.push(Gone { object: Object::ContactSnapshot, id: former.contact.snapshot.id, at: former.removed });
    }
    gone
}

/// Billing moves the date that a charge is billed through.
fn note_billing(subscriptions: &mut [Subscription], invoices: &[Invoice]) {
    for invoice in invoices {
        for item in &invoice.items {
            let ChargeRef { subscription, version, plan, charge } = item.charge;
            let charge = &mut subscriptions[subscription].versions[version].plans[plan].charges[charge];
            charge.charged_through = Some(days_after(item.service_end, 1));
            charge.stamp.touch(invoice.stamp.created);
        }
    }
}

fn account_stamp(
    profile: &Profile,
    subscriptions: &[Subscription],
    invoices: &[Invoice],
    settlement: &Settlement,
) -> Stamp {
    let versions = subscriptions.iter().flat_map(|each| &each.versions).map(|version| version.stamp.updated);
    let posted = invoices.iter().filter(|invoice| !invoice.draft).map(|invoice| invoice.stamp.updated);
    let paid = settlement.payments.iter().map(|payment| payment.stamp.updated);
    versions.chain(posted).chain(paid).fold(profile.stamp, Stamp::touched)
}
