//! Invoices, their items, taxes and adjustments.

use crate::demo::{
    billing::{Invoice, Item, Taxation},
    customer::Customer,
    ledger::{self, Code},
    products::Model,
    settlement::Refund,
    table::{Row, row},
    value::{Money, Quantity},
};

pub fn invoice<'a>(customer: &'a Customer, invoice: &'a Invoice) -> Row<'a> {
    let profile = &customer.profile;
    let posted = (!invoice.draft).then_some(());
    let has = |wanted: fn(Model) -> bool| {
        invoice.items.iter().any(|item| wanted(customer.charge(item.charge).3.charge.model))
    };
    row!(invoice.stamp;
        InvoiceNumber: invoice.number.as_str(),
        AccountId: profile.stamp.id,
        Status: if invoice.draft { "Draft" } else { "Posted" },
        Currency: profile.country.currency.code,
        InvoiceDate: invoice.date,
        DueDate: invoice.due,
        TargetDate: invoice.date,
        PaymentTerm: Quantity::whole(profile.term.days.into()),
        PostedDate: posted.map(|()| invoice.stamp.created),
        Amount: invoice.amount(),
        AmountWithoutTax: invoice.amount_without_tax,
        TaxAmount: invoice.tax,
        TaxExemptAmount: invoice.tax_exempt,
        PaymentAmount: invoice.paid,
        RefundAmount: invoice.refunded,
        AdjustmentAmount: invoice.adjusted,
        CreditBalanceAdjustmentAmount: invoice.from_credit,
        CreditMemoAmount: Money::ZERO,
        Balance: invoice.balance(),
        AutoPay: profile.auto_pay,
        BillRunId: posted.map(|()| ledger::bill_run(invoice.date)),
        Source: if invoice.draft { "API" } else { "BillRun" },
        SourceType: "Subscription",
        IncludesOneTime: has(|model| model == Model::OneTime),
        IncludesRecurring: has(|model| matches!(model, Model::Flat | Model::PerUnit)),
        IncludesUsage: has(|model| model == Model::Tiered),
        BillToContactId: profile.bill_to().stamp.id,
        BillToContactSnapshotId: profile.bill_to().snapshot.id,
        SoldToContactId: profile.sold_to().stamp.id,
        SoldToContactSnapshotId: profile.sold_to().snapshot.id,
        ShipToContactId: profile.sold_to().stamp.id,
        ShipToContactSnapshotId: profile.sold_to().snapshot.id,
        CommunicationProfileId: ledger::communication_profile(),
        TaxStatus: "Complete",
        Reversed: false,
    )
}

pub fn item<'a>(customer: &'a Customer, invoice: &'a Invoice, item: &'a Item) -> Row<'a> {
    let profile = &customer.profile;
    let (subscription, version, plan, charge) = customer.charge(item.charge);
    let product = charge.charge;
    let is_discount = product.discount().is_some();
    row!(item.stamp;
        InvoiceId: invoice.stamp.id,
        SubscriptionId: version.stamp.id,
        SubscriptionNumber: subscription.name.as_str(),
        RatePlanChargeId: charge.stamp.id,
        ChargeId: charge.stamp.id,
        ChargeNumber: charge.number.as_str(),
        ChargeName: product.name,
        ChargeType: product.charge_type(),
        ChargeDate: item.stamp.created,
        ProductId: plan.plan.product_id(),
        ProductName: plan.plan.product().name,
        SKU: plan.plan.product().sku,
        ProductRatePlanChargeId: plan.plan.charge_id(product),
        AppliedToInvoiceItemId: item.applied_to,
        ProcessingType: if is_discount { "1" } else { "0" },
        ServiceStartDate: item.service_start,
        ServiceEndDate: item.service_end,
        Quantity: item.quantity,
        UOM: product.unit,
        UnitPrice: item.unit_price,
        ChargeAmount: item.amount,
        TaxAmount: item.taxation.as_ref().map_or(Money::ZERO, |taxation| taxation.amount),
        TaxExemptAmount: item.tax_exempt,
        Balance: item.balance,
        TaxMode: "TaxExclusive",
        TaxCode: "Standard",
        SourceItemType: "SubscriptionComponent",
        AccountingCode: product.revenue.name(),
        AccountReceivableAccountingCodeId: Code::AccountsReceivable.id(),
        DeferredRevenueAccountingCodeId: Code::DeferredRevenue.id(),
        RecognizedRevenueAccountingCodeId: product.revenue.id(),
        ItemSoldToContactId: profile.sold_to().stamp.id,
        ItemSoldToContactSnapshotId: profile.sold_to().snapshot.id,
        ItemShipToContactId: profile.sold_to().stamp.id,
        PurchaseOrderNumber: profile.purchase_order.as_deref(),
        RevRecStartDate: item.service_start,
    )
}

pub fn taxation<'a>(customer: &'a Customer, invoice: &'a Invoice, item: &'a Item, tax: &'a Taxation) -> Row<'a> {
    let profile = &customer.profile;
    row!(tax.stamp;
        InvoiceId: invoice.stamp.id,
        InvoiceItemId: item.stamp.id,
        Name: profile.country.tax_name,
        Jurisdiction: profile.city.state.unwrap_or(profile.country.name),
        LocationCode: profile.city.name,
        Country: profile.country.name,
        TaxCode: "Standard",
        TaxCodeDescription: "Standard rate",
        TaxDate: invoice.date,
        TaxMode: "TaxExclusive",
        TaxRate: profile.city.tax,
        TaxRateType: "Percentage",
        TaxRateDescription: profile.country.tax_name,
        TaxableAmount: item.amount,
        TaxAmount: tax.amount,
        ExemptAmount: item.tax_exempt,
        Balance: tax.balance,
        AccountingCode: Code::SalesTaxPayable.name(),
        AccountReceivableAccountingCodeId: Code::AccountsReceivable.id(),
        SalesTaxPayableAccountingCodeId: Code::SalesTaxPayable.id(),
    )
}

/// The credit that goes with a refund.
pub fn adjustment<'a>(customer: &'a Customer, refund: &'a Refund) -> Row<'a> {
    let part = &customer.settlement.payments[refund.payment].parts[refund.part];
    let invoice = &customer.invoices[part.invoice];
    row!(refund.adjustment;
        AdjustmentNumber: format!("IA-{}", refund.number.trim_start_matches("R-")),
        AccountId: customer.profile.stamp.id,
        InvoiceId: invoice.stamp.id,
        InvoiceNumber: invoice.number.as_str(),
        Type: "Credit",
        Status: "Processed",
        Amount: refund.amount,
        ImpactAmount: -refund.amount,
        AdjustmentDate: crate::demo::calendar::day_of(refund.adjustment.created),
        ReasonCode: "Customer satisfaction",
        AccountingCode: Code::SalesDiscounts.name(),
        AccountReceivableAccountingCodeId: Code::AccountsReceivable.id(),
        DeferredRevenueAccountingCodeId: Code::DeferredRevenue.id(),
    )
}
