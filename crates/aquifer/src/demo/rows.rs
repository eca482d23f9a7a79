//! Customers to rows, object by object.

mod account;
mod contract;
mod invoice;
mod payment;
mod usage;

use super::{customer::Customer, table::Tables, value::Object};

/// Writes whatever changed, of some customers.
pub fn write(tables: &mut impl Tables, customers: &[Customer]) -> anyhow::Result<()> {
    write_accounts(tables, customers)?;
    write_contracts(tables, customers)?;
    write_invoices(tables, customers)?;
    write_payments(tables, customers)?;
    delete(tables, customers)
}

fn write_accounts(tables: &mut impl Tables, customers: &[Customer]) -> anyhow::Result<()> {
    let alive = || customers.iter().filter(|customer| customer.is_alive());
    let contacts = || {
        alive()
            .flat_map(|customer| account::contacts(&customer.profile).map(move |contact| (&customer.profile, contact)))
    };
    let methods = alive().filter_map(|customer| Some((customer, customer.profile.method.as_ref()?)));
    tables.write(Object::Account, alive().map(account::account))?;
    tables.write(Object::Contact, contacts().map(|(profile, contact)| account::contact(profile, contact)))?;
    tables.write(Object::ContactSnapshot, contacts().map(|(profile, contact)| account::snapshot(profile, contact)))?;
    tables.write(Object::PaymentMethod, methods.map(|(customer, method)| account::method(customer, method)))
}

fn write_contracts(tables: &mut impl Tables, customers: &[Customer]) -> anyhow::Result<()> {
    let versions = || customers.iter().flat_map(contract::versions);
    let plans = || versions().flat_map(|placed| placed.version.plans.iter().map(move |plan| (placed, plan)));
    let charges = || plans().flat_map(|(placed, plan)| plan.charges.iter().map(move |charge| (placed, plan, charge)));
    let histories = customers.iter().flat_map(|customer| {
        customer.subscriptions.iter().flat_map(|each| contract::status_history(&customer.profile, each))
    });
    let usage =
        customers.iter().flat_map(|customer| customer.usage.iter().map(move |usage| usage::usage(customer, usage)));
    tables.write(Object::Subscription, versions().map(contract::subscription))?;
    tables.write(Object::SubscriptionStatusHistory, histories)?;
    tables.write(Object::Order, versions().map(contract::order))?;
    tables.write(Object::OrderAction, versions().map(contract::order_action))?;
    tables.write(Object::Amendment, versions().filter_map(contract::amendment))?;
    tables.write(Object::RatePlan, plans().map(|(placed, plan)| contract::rate_plan(placed, plan)))?;
    tables.write(
        Object::RatePlanCharge,
        charges().map(|(placed, plan, charge)| contract::charge(placed, plan, charge)),
    )?;
    let tiers = charges().flat_map(|(placed, _, charge)| contract::charge_tiers(placed, charge));
    tables.write(Object::RatePlanChargeTier, tiers)?;
    tables.write(Object::Usage, usage)
}

fn write_invoices(tables: &mut impl Tables, customers: &[Customer]) -> anyhow::Result<()> {
    let invoices =
        || customers.iter().flat_map(|customer| customer.invoices.iter().map(move |invoice| (customer, invoice)));
    let items =
        || invoices().flat_map(|(customer, invoice)| invoice.items.iter().map(move |item| (customer, invoice, item)));
    let taxes = items().filter_map(|(customer, invoice, item)| {
        item.taxation.as_ref().map(|tax| invoice::taxation(customer, invoice, item, tax))
    });
    let adjustments = customers.iter().flat_map(|customer| {
        customer.settlement.refunds.iter().map(move |refund| invoice::adjustment(customer, refund))
    });
    tables.write(Object::Invoice, invoices().map(|(customer, invoice)| invoice::invoice(customer, invoice)))?;
    tables
        .write(Object::InvoiceItem, items().map(|(customer, invoice, item)| invoice::item(customer, invoice, item)))?;
    tables.write(Object::TaxationItem, taxes)?;
    tables.write(Object::InvoiceAdjustment, adjustments)
}

fn write_payments(tables: &mut impl Tables, customers: &[Customer]) -> anyhow::Result<()> {
    let payments = || {
        customers
            .iter()
            .flat_map(|customer| customer.settlement.payments.iter().map(move |payment| (customer, payment)))
    };
    let parts = payments()
        .flat_map(|(customer, payment)| payment.parts.iter().map(move |part| payment::part(customer, payment, part)));
    let refunds = || {
        customers.iter().flat_map(|customer| customer.settlement.refunds.iter().map(move |refund| (customer, refund)))
    };
    let credits = customers
        .iter()
        .flat_map(|customer| customer.settlement.credits.iter().map(move |credit| payment::credit(customer, credit)));
    tables.write(Object::Payment, payments().map(|(customer, payment)| payment::payment(customer, payment)))?;
    tables.write(Object::InvoicePayment, parts)?;
    tables.write(Object::Refund, refunds().map(|(customer, refund)| payment::refund(customer, refund)))?;
    tables.write(
        Object::RefundInvoicePayment,
        refunds().map(|(customer, refund)| payment::refund_part(customer, refund)),
    )?;
    tables.write(Object::CreditBalanceAdjustment, credits)
}

/// Objects of which rows disappear, what refers to others first.
const REMOVABLE: [Object; 7] = [
    Object::Usage,
    Object::TaxationItem,
    Object::InvoiceItem,
    Object::Invoice,
    Object::ContactSnapshot,
    Object::Contact,
    Object::Account,
];

fn delete(tables: &mut impl Tables, customers: &[Customer]) -> anyhow::Result<()> {
    for object in REMOVABLE {
        let gone = customers.iter().flat_map(|customer| &customer.gone).filter(|gone| gone.object == object);
        tables.delete(object, gone.copied())?;
    }
    Ok(())
}
