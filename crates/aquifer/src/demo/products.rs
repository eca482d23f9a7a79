//! What is sold: products, their rate plans, charges and price tiers. The list is small and fixed; every account's
//! contracts refer to it.

mod list;

use jiff::Timestamp;

use super::{
    calendar::{END, START, at, days_after},
    ledger::Code,
    place::{CURRENCIES, Currency},
    table::{Row, Stamp, Tables, row},
    value::{Fixed, Id, Money, Object, Price, Quantity, Rate},
};

#[derive(Debug)]
pub struct Product {
    pub name: &'static str,
    pub sku: &'static str,
    category: &'static str,
    description: &'static str,
}

#[derive(Debug)]
pub struct Plan {
    /// Its place in [`PLANS`].
    pub number: u32,
    /// The place of its product in [`PRODUCTS`].
    product: usize,
    pub name: &'static str,
    /// Of a hundred new subscriptions, roughly; add-ons have none.
    pub share: u32,
    /// How many months are billed at once.
    pub period: u32,
    /// Renewed year by year; otherwise it runs until it is cancelled.
    pub termed: bool,
    pub charges: &'static [Charge],
}

#[derive(Debug)]
pub struct Charge {
    /// Its place in its plan.
    pub number: u32,
    pub name: &'static str,
    pub model: Model,
    pub unit: Option<&'static str>,
    pub revenue: Code,
    /// Prices in dollars; one tier unless the model is [`Model::Tiered`].
    tiers: &'static [Tier],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    /// Once, when the subscription starts.
    OneTime,
    /// Every period, whatever the quantity.
    Flat,
    /// Every period, per seat.
    PerUnit,
    /// What was used in a month, each unit at the price of its tier; billed afterwards.
    Tiered,
    /// A share of the recurring charges of the subscription, taken off.
    Discount(Rate),
}

#[derive(Debug)]
struct Tier {
    from: i64,
    /// Open for the last one.
    to: Option<i64>,
    price: Price,
}

pub use list::{PLANS, PRODUCTS};

pub fn support() -> &'static Plan {
    &PLANS[8]
}

pub fn discount() -> &'static Plan {
    &PLANS[9]
}

/// The catalog was made before the first account signed up.
fn made() -> Timestamp {
    at(days_after(START, -60), 9 * 3600)
}

impl Plan {
    pub fn id(&self) -> Id {
        self.stamp().id
    }

    pub fn product(&self) -> &'static Product {
        &PRODUCTS[self.product]
    }

    pub fn product_id(&self) -> Id {
        product_stamp(self.product).id
    }

    pub fn charge_id(&self, charge: &Charge) -> Id {
        self.charge_stamp(charge).id
    }

    pub fn plan_number(&self) -> String {
        format!("PRP-{:08}", self.number + 1)
    }

    pub fn charge_number(&self, charge: &Charge) -> String {
        format!("PRPC-{:08}", self.number * CHARGES + charge.number + 1)
    }

    fn stamp(&self) -> Stamp {
        Stamp::new(Object::ProductRatePlan, made(), 0, self.number)
    }

    fn charge_stamp(&self, charge: &Charge) -> Stamp {
        Stamp::new(Object::ProductRatePlanCharge, made(), 0, self.number * CHARGES + charge.number)
    }
}

/// More charges than any plan has.
const CHARGES: u32 = 8;
/// More tiers than any charge has in all currencies.
const TIERS: u32 = 64;

/// A tier in one currency.
#[derive(Debug, Clone, Copy)]
pub struct PriceTier {
    /// From 1.
    pub number: u32,
    pub from: Quantity,
    pub to: Option<Quantity>,
    pub price: Price,
}

impl Charge {
    pub fn price_tiers(&self, currency: Currency) -> impl Iterator<Item = PriceTier> {
        self.tiers.iter().zip(1..).map(move |(tier, number)| PriceTier {
            number,
            from: Fixed::whole(tier.from),
            to: tier.to.map(Fixed::whole),
            price: if tier.price == Price::ZERO { Price::ZERO } else { currency.price(tier.price) },
        })
    }

    /// The price of one unit, or of the first one.
    pub fn unit_price(&self, currency: Currency) -> Price {
        self.price_tiers(currency).next().map_or(Price::ZERO, |tier| tier.price)
    }

    /// What a quantity costs for one period.
    pub fn amount(&self, quantity: Quantity, currency: Currency) -> Money {
        let exact = match self.model {
            Model::Tiered => self
                .price_tiers(currency)
                .map(|tier| {
                    let end = tier.to.map_or(quantity, |to| to.min(quantity));
                    (end - tier.from).max(Quantity::ZERO).times(tier.price)
                })
                .sum(),
            _ => quantity.times(self.unit_price(currency)),
        };
        currency.round(exact)
    }

    pub fn is_recurring(&self) -> bool {
        matches!(self.model, Model::Flat | Model::PerUnit)
    }

    pub fn charge_type(&self) -> &'static str {
        match self.model {
            Model::OneTime => "OneTime",
            Model::Tiered => "Usage",
            Model::Flat | Model::PerUnit | Model::Discount(_) => "Recurring",
        }
    }

    pub fn charge_model(&self) -> &'static str {
        match self.model {
            Model::OneTime | Model::Flat => "Flat Fee Pricing",
            Model::PerUnit => "Per Unit Pricing",
            Model::Tiered => "Tiered Pricing",
            Model::Discount(_) => "Discount-Percentage",
        }
    }

    pub fn price_format(&self) -> &'static str {
        if matches!(self.model, Model::OneTime | Model::Flat) { "Flat Fee" } else { "Per Unit" }
    }

    pub fn billing_timing(&self) -> &'static str {
        if self.model == Model::Tiered { "In Arrears" } else { "In Advance" }
    }

    pub fn discount(&self) -> Option<Rate> {
        if let Model::Discount(rate) = self.model { Some(rate) } else { None }
    }
}

/// The word for a number of months.
pub fn period_name(months: u32) -> &'static str {
    match months {
        1 => "Month",
        3 => "Quarter",
        _ => "Annual",
    }
}

/// One product is described anew during the nightly loads.
fn product_stamp(number: usize) -> Stamp {
    Stamp::new(Object::Product, made(), 0, number as u32)
}

fn description(number: usize, as_of: Timestamp) -> (&'static str, Option<Timestamp>) {
    let renamed = at(days_after(END, 2), 15 * 3600);
    if number == 3 && renamed < as_of {
        return ("Object storage in four regions", Some(renamed));
    }
    (PRODUCTS[number].description, None)
}

pub fn write(tables: &mut impl Tables, as_of: Timestamp) -> anyhow::Result<()> {
    let every_charge = || PLANS.iter().flat_map(|plan| plan.charges.iter().map(move |charge| (plan, charge)));
    tables.write(Object::Product, (0..PRODUCTS.len()).map(|number| product_row(number, as_of)))?;
    tables.write(Object::ProductRatePlan, PLANS.iter().map(plan_row))?;
    tables.write(Object::ProductRatePlanCharge, every_charge().map(|(plan, charge)| charge_row(plan, charge)))?;
    let tiers = every_charge().flat_map(|(plan, charge)| tier_rows(plan, charge));
    tables.write(Object::ProductRatePlanChargeTier, tiers)
}

fn product_row(number: usize, as_of: Timestamp) -> Row<'static> {
    let product = &PRODUCTS[number];
    let (description, renamed) = description(number, as_of);
    let mut stamp = product_stamp(number);
    stamp.updated = renamed.unwrap_or(stamp.updated);
    row!(stamp;
        Name: product.name,
        SKU: product.sku,
        ProductNumber: format!("PC-{:08}", number + 1),
        Category: product.category,
        Description: description,
        AllowFeatureChanges: false,
        EffectiveStartDate: days_after(START, -60),
        EffectiveEndDate: days_after(START, 20 * 365),
    )
}

fn plan_row(plan: &Plan) -> Row<'_> {
    row!(plan.stamp();
        ProductId: plan.product_id(),
        Name: plan.name,
        ProductRatePlanNumber: plan.plan_number(),
        Description: format!("{} of {}", plan.name, plan.product().name),
        Grade: Quantity::whole(plan.number.into()),
        ActiveCurrencies: CURRENCIES.map(|currency| currency.code).join(","),
        EffectiveStartDate: days_after(START, -60),
        EffectiveEndDate: days_after(START, 20 * 365),
    )
}

fn charge_row<'a>(plan: &'a Plan, charge: &'a Charge) -> Row<'a> {
    let recurring = charge.is_recurring().then_some(());
    row!(plan.charge_stamp(charge);
        ProductRatePlanId: plan.id(),
        ProductRatePlanChargeNumber: plan.charge_number(charge),
        Name: charge.name,
        ChargeModel: charge.charge_model(),
        ChargeType: charge.charge_type(),
        UOM: charge.unit,
        DefaultQuantity: charge.is_recurring().then(|| Quantity::whole(1)),
        BillCycleType: "DefaultFromCustomer",
        BillingPeriod: period_name(plan.period),
        BillingPeriodAlignment: "AlignToCharge",
        BillingTiming: charge.billing_timing(),
        ListPriceBase: recurring.map(|()| "Per Billing Period"),
        TriggerEvent: "ContractEffective",
        EndDateCondition: if charge.model == Model::OneTime { "OneTime" } else { "SubscriptionEnd" },
        RatingGroup: (charge.model == Model::Tiered).then_some("ByBillingPeriod"),
        ApplyDiscountTo: charge.discount().map(|_| "RECURRING"),
        DiscountLevel: charge.discount().map(|_| "subscription"),
        DiscountClassId: charge.discount().map(|_| super::ledger::discount_class()),
        Taxable: charge.discount().is_none(),
        TaxCode: "Standard",
        TaxMode: "TaxExclusive",
        AccountingCode: charge.revenue.name(),
        DeferredRevenueAccount: Code::DeferredRevenue.name(),
        RecognizedRevenueAccount: charge.revenue.name(),
        AccountReceivableAccountingCodeId: Code::AccountsReceivable.id(),
        DeferredRevenueAccountingCodeId: Code::DeferredRevenue.id(),
        RecognizedRevenueAccountingCodeId: charge.revenue.id(),
        RevRecTriggerCondition: "ContractEffectiveDate",
        RevenueRecognitionRuleName: "Recognize daily over time",
        IsPrepaid: false,
        IsUnbilled: false,
    )
}

fn tier_rows<'a>(plan: &'a Plan, charge: &'a Charge) -> impl Iterator<Item = Row<'a>> {
    CURRENCIES.into_iter().zip(0..).flat_map(move |(currency, position)| {
        charge.price_tiers(currency).map(move |tier| {
            let ordinal = (plan.number * CHARGES + charge.number) * TIERS + position * 8 + tier.number;
            row!(Stamp::new(Object::ProductRatePlanChargeTier, made(), 0, ordinal);
                ProductRatePlanChargeId: plan.charge_id(charge),
                Active: true,
                Currency: currency.code,
                Tier: tier.number,
                StartingUnit: tier.from,
                EndingUnit: tier.to,
                Price: charge.discount().is_none().then_some(tier.price),
                DiscountPercentage: charge.discount().map(|rate| rate.times(Quantity::whole(100))),
                PriceFormat: charge.price_format(),
                IsOveragePrice: false,
            )
        })
    })
}
