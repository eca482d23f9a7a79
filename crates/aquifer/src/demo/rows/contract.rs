//! Subscriptions, the orders and amendments that made them, rate plans and charges.

use jiff::civil::Date;

use crate::demo::{
    calendar::{day_of, months_after},
    contract::{Change, RatePlan, RatePlanCharge, Subscription, Version},
    customer::Customer,
    ledger::{self, Code},
    products,
    profile::Profile,
    table::{Row, Stamp, row},
    value::{Id, Object, Quantity},
};

/// A version with what it belongs to.
#[derive(Clone, Copy)]
pub struct Placed<'a> {
    pub customer: &'a Customer,
    pub subscription: &'a Subscription,
    pub version: &'a Version,
}

/// Every version of every subscription.
pub fn versions(customer: &Customer) -> impl Iterator<Item = Placed<'_>> {
    let each = customer.subscriptions.iter();
    each.flat_map(move |subscription| {
        subscription.versions.iter().map(move |version| Placed { customer, subscription, version })
    })
}

impl<'a> Placed<'a> {
    fn profile(self) -> &'a Profile {
        &self.customer.profile
    }

    fn is_latest(self) -> bool {
        self.version.stamp.id == self.subscription.latest().stamp.id
    }

    fn previous(self) -> Option<&'a Version> {
        (self.version.number as usize).checked_sub(2).map(|place| &self.subscription.versions[place])
    }

    fn effective(self) -> Date {
        self.profile().bill_date(self.version.effective)
    }

    fn started(self) -> Date {
        self.profile().bill_date(self.subscription.start)
    }

    fn term_start(self) -> Date {
        self.profile().bill_date(self.version.term_start)
    }

    /// The first day after the term, for subscriptions that have one.
    fn term_end(self) -> Option<Date> {
        self.subscription.plan.termed.then(|| months_after(self.term_start(), 12))
    }

    fn cancelled(self) -> Option<Date> {
        (self.version.change == Change::Cancelled).then(|| self.effective())
    }

    /// Of the order, its action and the amendment that made this version.
    fn stamp(self, object: Object) -> Stamp {
        let ordinal = self.subscription.ordinal * 64 + self.version.number;
        Stamp::new(object, self.version.stamp.created, self.profile().number, ordinal)
    }

    fn amendment(self) -> Option<Id> {
        (self.version.change != Change::Created).then(|| self.stamp(Object::Amendment).id)
    }

    /// Unique among all orders and amendments.
    fn document_number(self) -> u32 {
        (self.profile().number * 4 + self.subscription.ordinal) * 32 + self.version.number
    }

    fn terms(self) -> (&'static str, Option<i64>) {
        if self.subscription.plan.termed { ("TERMED", Some(12)) } else { ("EVERGREEN", None) }
    }
}

pub fn subscription(placed: Placed<'_>) -> Row<'_> {
    let Placed { customer, subscription, version } = placed;
    let profile = &customer.profile;
    let (term_type, term) = placed.terms();
    let status = match version.change {
        _ if !placed.is_latest() => "Expired",
        Change::Cancelled => "Cancelled",
        _ => "Active",
    };
    row!(version.stamp;
        Name: subscription.name.as_str(),
        AccountId: profile.stamp.id,
        InvoiceOwnerId: profile.stamp.id,
        CreatorAccountId: profile.stamp.id,
        CreatorInvoiceOwnerId: profile.stamp.id,
        OrderId: placed.stamp(Object::Order).id,
        OriginalId: subscription.original(),
        PreviousSubscriptionId: placed.previous().map(|previous| previous.stamp.id),
        OriginalCreatedDate: subscription.versions[0].stamp.created,
        Version: version.number,
        IsLatestVersion: placed.is_latest(),
        SubscriptionVersionAmendmentId: placed.amendment(),
        SubscriptionBillToId: profile.bill_to().stamp.id,
        SubscriptionBillToSnapshotId: profile.bill_to().snapshot.id,
        SubscriptionSoldToId: profile.sold_to().stamp.id,
        SubscriptionSoldToSnapshotId: profile.sold_to().snapshot.id,
        SubscriptionShipToId: profile.sold_to().stamp.id,
        SubscriptionShipToSnapshotId: profile.sold_to().snapshot.id,
        CommunicationProfileId: ledger::communication_profile(),
        Currency: profile.country.currency.code,
        PaymentTerm: profile.term.name,
        Status: status,
        TermType: term_type,
        InitialTerm: term,
        InitialTermPeriodType: term.map(|_| "Month"),
        CurrentTerm: term,
        CurrentTermPeriodType: term.map(|_| "Month"),
        RenewalTerm: term,
        RenewalTermPeriodType: term.map(|_| "Month"),
        RenewalSetting: term.map(|_| "RENEW_WITH_SPECIFIC_TERM"),
        AutoRenew: term.is_some(),
        TermStartDate: placed.term_start(),
        TermEndDate: placed.term_end(),
        SubscriptionStartDate: placed.started(),
        SubscriptionEndDate: placed.cancelled().or(placed.term_end()),
        ContractEffectiveDate: placed.started(),
        ServiceActivationDate: placed.started(),
        ContractAcceptanceDate: placed.started(),
        CancelledDate: placed.cancelled(),
        CancelReason: placed.cancelled().map(|_| "No longer needed"),
        LastBookingDate: day_of(version.stamp.created),
        IsInvoiceSeparate: false,
    )
}

/// One row while it runs, one more when it has ended.
pub fn status_history<'a>(profile: &'a Profile, subscription: &'a Subscription) -> impl Iterator<Item = Row<'a>> {
    let end = subscription.cancelled().map(|month| profile.bill_date(month));
    let stamp = |sort_order: u32, version: &Version| {
        let ordinal = subscription.ordinal * 4 + sort_order;
        Stamp::new(Object::SubscriptionStatusHistory, version.stamp.created, profile.number, ordinal)
    };
    let running = stamp(1, &subscription.versions[0]);
    let running = if end.is_some() { running.touched(subscription.latest().stamp.created) } else { running };
    let active = row!(running;
        SubscriptionNumber: subscription.name.as_str(),
        SortOrder: 1,
        Status: "Active",
        StartDate: profile.bill_date(subscription.start),
        EndDate: end,
    );
    let ended = end.map(|end| {
        row!(stamp(2, subscription.latest());
            SubscriptionNumber: subscription.name.as_str(),
            SortOrder: 2,
            Status: "Cancelled",
            StartDate: end,
            EndDate: None::<Date>,
        )
    });
    [active].into_iter().chain(ended)
}

pub fn order(placed: Placed<'_>) -> Row<'_> {
    row!(placed.stamp(Object::Order);
        AccountId: placed.profile().stamp.id,
        OrderNumber: format!("O-{:08}", placed.document_number()),
        OrderDate: day_of(placed.version.stamp.created),
        Category: "NewSales",
        State: "Complete",
        Status: "Completed",
        IsScheduled: false,
        CreatedByMigration: false,
        ReversionOrder: false,
    )
}

pub fn order_action(placed: Placed<'_>) -> Row<'_> {
    let profile = placed.profile();
    let add_on = placed.version.plans.iter().rev().find(|plan| plan.plan.number == products::support().number);
    let (term_type, term) = placed.terms();
    row!(placed.stamp(Object::OrderAction);
        OrderId: placed.stamp(Object::Order).id,
        Sequence: 0,
        Type: placed.version.change.order_action(),
        Status: "Completed",
        SubscriptionId: placed.version.stamp.id,
        SubscriptionNumber: placed.subscription.name.as_str(),
        SubscriptionVersionAmendmentId: placed.amendment(),
        SubscriptionOwnerAccountId: profile.stamp.id,
        SubscriptionOwnerAccountBillToId: profile.bill_to().stamp.id,
        SubscriptionOwnerAccountSoldToId: profile.sold_to().stamp.id,
        SubscriptionOwnerAccountShipToId: profile.sold_to().stamp.id,
        SubscriptionBillToId: profile.bill_to().stamp.id,
        SubscriptionBillToSnapshotId: profile.bill_to().snapshot.id,
        SubscriptionSoldToId: profile.sold_to().stamp.id,
        SubscriptionSoldToSnapshotId: profile.sold_to().snapshot.id,
        SubscriptionShipToId: profile.sold_to().stamp.id,
        SubscriptionShipToSnapshotId: profile.sold_to().snapshot.id,
        BillToContactId: profile.bill_to().stamp.id,
        SoldToContactId: profile.sold_to().stamp.id,
        ShipToContactId: profile.sold_to().stamp.id,
        AddRatePlanId: add_on.filter(|_| placed.version.change == Change::AddOn).map(|plan| plan.stamp.id),
        UpdateRatePlanId: (placed.version.change == Change::Quantity).then(|| placed.version.plans[0].stamp.id),
        ContractEffectiveDate: placed.effective(),
        ServiceActivationDate: placed.effective(),
        CustomerAcceptanceDate: placed.effective(),
        CancellationEffectiveDate: placed.cancelled(),
        CancellationPolicy: placed.cancelled().map(|_| "SpecificDate"),
        TermType: term_type,
        CurrentTerm: term,
        CurrentTermPeriodType: term.map(|_| "Month"),
        TermStartDate: placed.term_start(),
        AutoGenerated: false,
    )
}

/// None for the first version: nothing was amended.
pub fn amendment(placed: Placed<'_>) -> Option<Row<'_>> {
    let previous = placed.previous()?;
    let add_on = placed.version.plans.last().filter(|_| placed.version.change == Change::AddOn);
    let (term_type, term) = placed.terms();
    Some(row!(placed.stamp(Object::Amendment);
        Code: format!("A-AM{:08}", placed.document_number()),
        Name: placed.version.change.title(),
        Type: placed.version.change.amendment(),
        Status: "Completed",
        SubscriptionId: previous.stamp.id,
        NewRatePlanId: add_on.map(|plan| plan.stamp.id),
        BookingDate: day_of(placed.version.stamp.created),
        ContractEffectiveDate: placed.effective(),
        CustomerAcceptanceDate: placed.effective(),
        ServiceActivationDate: placed.effective(),
        EffectiveDate: placed.effective(),
        EffectivePolicy: placed.cancelled().map(|_| "Specific Date"),
        TermType: term_type,
        TermStartDate: placed.term_start(),
        CurrentTerm: term,
        CurrentTermPeriodType: term.map(|_| "Month"),
        RenewalTerm: term,
        RenewalTermPeriodType: term.map(|_| "Month"),
        AutoRenew: term.is_some(),
    ))
}

impl Change {
    fn title(self) -> &'static str {
        match self {
            Change::Created => "New subscription",
            Change::Quantity => "Other quantity",
            Change::AddOn => "Support added",
            Change::Renewed => "Renewed for a year",
            Change::Cancelled => "Cancelled",
        }
    }

    /// The type of the amendment; the first version has none.
    fn amendment(self) -> Option<&'static str> {
        match self {
            Change::Created => None,
            Change::Quantity => Some("UpdateProduct"),
            Change::AddOn => Some("NewProduct"),
            Change::Renewed => Some("Renewal"),
            Change::Cancelled => Some("Cancellation"),
        }
    }

    fn order_action(self) -> &'static str {
        match self {
            Change::Created => "CreateSubscription",
            Change::Quantity => "UpdateProduct",
            Change::AddOn => "AddProduct",
            Change::Renewed => "RenewSubscription",
            Change::Cancelled => "CancelSubscription",
        }
    }
}

pub fn rate_plan<'a>(placed: Placed<'a>, plan: &'a RatePlan) -> Row<'a> {
    let changed = match placed.version.change {
        Change::Quantity => plan.plan.number == placed.subscription.plan.number,
        Change::AddOn => plan.plan.number == products::support().number,
        Change::Created | Change::Renewed | Change::Cancelled => false,
    };
    let mut all = placed.subscription.versions.iter().flat_map(|version| &version.plans);
    let original = all.find(|other| other.plan.number == plan.plan.number).unwrap_or(plan);
    row!(plan.stamp;
        SubscriptionId: placed.version.stamp.id,
        ProductRatePlanId: plan.plan.id(),
        ProductRatePlanNumber: plan.plan.plan_number(),
        ProductRatePlanType: "Standalone",
        Name: plan.plan.name,
        AmendmentId: placed.amendment().filter(|_| changed),
        AmendmentType: placed.version.change.amendment().filter(|_| changed),
        InvoiceOwnerId: placed.profile().stamp.id,
        SubscriptionOwnerId: placed.profile().stamp.id,
        OriginalRatePlanId: original.stamp.id,
        IsFromExternalCatalog: false,
        Reverted: false,
    )
}

pub fn charge<'a>(placed: Placed<'a>, plan: &'a RatePlan, charge: &'a RatePlanCharge) -> Row<'a> {
    let profile = placed.profile();
    let product = charge.charge;
    let original =
        placed.subscription.versions.iter().find_map(|version| version.charge(&charge.number)).unwrap_or(charge);
    // As it stood when the next version took over.
    let next = placed.subscription.versions.get(placed.version.number as usize);
    let next_segment = next.and_then(|next| next.charge(&charge.number)).map(|next| next.segment);
    let start = profile.bill_date(charge.segment_start);
    let end = placed.cancelled().or(placed.term_end());
    row!(charge.stamp;
        ChargeNumber: charge.number.as_str(),
        Name: product.name,
        RatePlanId: plan.stamp.id,
        SubscriptionId: placed.version.stamp.id,
        SubscriptionOwnerId: profile.stamp.id,
        AccountId: profile.stamp.id,
        InvoiceOwnerId: profile.stamp.id,
        ProductRatePlanChargeId: plan.plan.charge_id(product),
        ProductRatePlanChargeNumber: plan.plan.charge_number(product),
        OriginalId: original.stamp.id,
        ChargeModel: product.charge_model(),
        ChargeType: product.charge_type(),
        Segment: charge.segment,
        IsLastSegment: next_segment.is_none_or(|segment| segment == charge.segment),
        Version: placed.version.number,
        Status: "Active",
        Quantity: charge.quantity,
        Price: product.is_recurring().then(|| product.unit_price(profile.country.currency)),
        DiscountPercentage: product.discount().map(|rate| rate.times(Quantity::whole(100))),
        DiscountLevel: product.discount().map(|_| "subscription"),
        ApplyDiscountTo: product.discount().map(|_| "RECURRING"),
        UOM: product.unit,
        MRR: charge.mrr,
        TCV: charge.mrr.times(Quantity::whole(if placed.subscription.plan.termed { 12 } else { 1 })),
        BillCycleDay: profile.first_bill.day(),
        BillCycleType: "DefaultFromCustomer",
        BillingPeriod: products::period_name(plan.plan.period),
        BillingPeriodAlignment: "AlignToCharge",
        BillingTiming: product.billing_timing(),
        ListPriceBase: product.is_recurring().then_some("Per Billing Period"),
        TriggerEvent: "ContractEffective",
        TriggerDate: start,
        EndDateCondition: "SubscriptionEnd",
        EffectiveStartDate: start,
        EffectiveEndDate: end,
        ChargedThroughDate: charge.charged_through,
        ProcessedThroughDate: charge.charged_through,
        OriginalOrderDate: day_of(original.stamp.created),
        RatingGroup: (product.charge_type() == "Usage").then_some("ByBillingPeriod"),
        AccountingCode: product.revenue.name(),
        AccountReceivableAccountingCodeId: Code::AccountsReceivable.id(),
        DeferredRevenueAccountingCodeId: Code::DeferredRevenue.id(),
        RecognizedRevenueAccountingCodeId: product.revenue.id(),
        BillToContactSnapshotId: profile.bill_to().snapshot.id,
        SoldToContactSnapshotId: profile.sold_to().snapshot.id,
        ShipToContactSnapshotId: profile.sold_to().snapshot.id,
        RevenueRecognitionRuleName: "Recognize daily over time",
        RevRecTriggerCondition: "ContractEffectiveDate",
        Taxable: product.discount().is_none(),
        TaxModeOption: "TaxExclusive",
        IsPrepaid: false,
        IsProcessed: charge.charged_through.is_some(),
    )
}

pub fn charge_tiers<'a>(placed: Placed<'a>, charge: &'a RatePlanCharge) -> impl Iterator<Item = Row<'a>> {
    let currency = placed.profile().country.currency;
    charge.charge.price_tiers(currency).map(move |tier| {
        let ordinal = charge.ordinal * 8 + tier.number;
        let stamp = Stamp::new(Object::RatePlanChargeTier, charge.stamp.created, placed.profile().number, ordinal);
        row!(stamp;
            RatePlanChargeId: charge.stamp.id,
            Currency: currency.code,
            Tier: tier.number,
            StartingUnit: tier.from,
            EndingUnit: tier.to,
            Price: charge.charge.discount().is_none().then_some(tier.price),
            DiscountPercentage: charge.charge.discount().map(|rate| rate.times(Quantity::whole(100))),
            PriceFormat: charge.charge.price_format(),
            IsOveragePrice: false,
        )
    })
}
