//! Usage.

use crate::demo::{
    calendar::seconds_after,
    customer::Customer,
    table::{Row, row},
    usage::Usage,
};

pub fn usage<'a>(customer: &'a Customer, usage: &'a Usage) -> Row<'a> {
    let (subscription, version, _, charge) = customer.charge(usage.charge);
    let invoice = usage.invoice.as_ref();
    row!(usage.stamp;
        AccountId: customer.profile.stamp.id,
        AccountNumber: customer.profile.account_number(),
        SubscriptionId: version.stamp.id,
        SubscriptionNumber: subscription.name.as_str(),
        ChargeId: charge.stamp.id,
        ChargeNumber: charge.number.as_str(),
        InvoiceId: invoice.map(|(id, _)| *id),
        InvoiceNumber: invoice.map(|(_, number)| number.as_str()),
        UOM: charge.charge.unit,
        Quantity: usage.quantity,
        StartDateTime: usage.start,
        EndDateTime: seconds_after(usage.start, 86_399),
        SubmissionDateTime: usage.stamp.created,
        SourceType: "API",
        RbeStatus: if invoice.is_some() { "Processed" } else { "Pending" },
    )
}
