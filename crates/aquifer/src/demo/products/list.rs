//! The price list.

use super::{Charge, Model, Plan, Product, Tier};
use crate::demo::{ledger::Code, value::Fixed};

const fn one(price: i64) -> Tier {
    Tier { from: 0, to: None, price: Fixed(price) }
}

const fn tier(from: i64, to: Option<i64>, price: i64) -> Tier {
    Tier { from, to, price: Fixed(price) }
}

pub static PRODUCTS: &[Product] = &[
    Product {
        name: "Atlas Workspace",
        sku: "SKU-00000001",
        category: "Base Products",
        description: "Documents, calendars and tasks for a team, per seat",
    },
    Product {
        name: "Beacon Analytics",
        sku: "SKU-00000002",
        category: "Base Products",
        description: "Dashboards over the events of a product",
    },
    Product {
        name: "Courier Messaging",
        sku: "SKU-00000003",
        category: "Base Products",
        description: "Text messages by API, paid as they are sent",
    },
    Product {
        name: "Depot Storage",
        sku: "SKU-00000004",
        category: "Base Products",
        description: "Object storage in three regions",
    },
    Product {
        name: "Premium Support",
        sku: "SKU-00000005",
        category: "Add On Services",
        description: "Answers within the hour, \"round the clock\", weekends included",
    },
    Product {
        name: "Loyalty",
        sku: "SKU-00000006",
        category: "Miscellaneous Products",
        description: "Discounts for customers who stay",
    },
];

const MESSAGES: &[Tier] = &[tier(0, Some(1_000), 500), tier(1_000, Some(10_000), 400), tier(10_000, None, 250)];
const EVENTS: &[Tier] = &[tier(0, Some(500), 1_200), tier(500, None, 900)];
const GIGABYTES: &[Tier] = &[tier(0, Some(250), 0), tier(250, Some(2_000), 2_300), tier(2_000, None, 1_900)];

const fn charge(
    number: u32,
    name: &'static str,
    model: Model,
    unit: Option<&'static str>,
    revenue: Code,
    tiers: &'static [Tier],
) -> Charge {
    Charge { number, name, model, unit, revenue, tiers }
}

const SETUP: &str = "Setup fee";

pub static PLANS: &[Plan] = &[
    Plan {
        number: 0,
        product: 0,
        name: "Team, monthly",
        share: 26,
        period: 1,
        termed: false,
        charges: &[charge(0, "Seats", Model::PerUnit, Some("Each"), Code::SubscriptionRevenue, &[one(180_000)])],
    },
    Plan {
        number: 1,
        product: 0,
        name: "Team, annual",
        share: 10,
        period: 12,
        termed: true,
        charges: &[charge(0, "Seats", Model::PerUnit, Some("Each"), Code::SubscriptionRevenue, &[one(1_800_000)])],
    },
    Plan {
        number: 2,
        product: 0,
        name: "Business, annual",
        share: 6,
        period: 12,
        termed: true,
        charges: &[
            charge(0, "Seats", Model::PerUnit, Some("Each"), Code::SubscriptionRevenue, &[one(3_000_000)]),
            charge(1, SETUP, Model::OneTime, None, Code::ServicesRevenue, &[one(5_000_000)]),
        ],
    },
    Plan {
        number: 3,
        product: 1,
        name: "Starter",
        share: 14,
        period: 1,
        termed: true,
        charges: &[charge(0, "Platform fee", Model::Flat, None, Code::SubscriptionRevenue, &[one(490_000)])],
    },
    Plan {
        number: 4,
        product: 1,
        name: "Growth",
        share: 14,
        period: 1,
        termed: true,
        charges: &[
            charge(0, "Platform fee", Model::Flat, None, Code::SubscriptionRevenue, &[one(1_990_000)]),
            charge(1, "Events, thousands", Model::Tiered, Some("Thousand Events"), Code::UsageRevenue, EVENTS),
        ],
    },
    Plan {
        number: 5,
        product: 1,
        name: "Enterprise, quarterly",
        share: 5,
        period: 3,
        termed: true,
        charges: &[
            charge(0, "Platform fee", Model::Flat, None, Code::SubscriptionRevenue, &[one(24_000_000)]),
            charge(1, "Analysts", Model::PerUnit, Some("Each"), Code::SubscriptionRevenue, &[one(450_000)]),
            charge(2, "Events, thousands", Model::Tiered, Some("Thousand Events"), Code::UsageRevenue, EVENTS),
            charge(3, SETUP, Model::OneTime, None, Code::ServicesRevenue, &[one(15_000_000)]),
        ],
    },
    Plan {
        number: 6,
        product: 2,
        name: "Pay as you go",
        share: 15,
        period: 1,
        termed: false,
        charges: &[
            charge(0, "Phone number", Model::Flat, None, Code::SubscriptionRevenue, &[one(100_000)]),
            charge(1, "Messages", Model::Tiered, Some("Message"), Code::UsageRevenue, MESSAGES),
        ],
    },
    Plan {
        number: 7,
        product: 3,
        name: "Standard",
        share: 10,
        period: 1,
        termed: false,
        charges: &[
            charge(0, "Base fee", Model::Flat, None, Code::SubscriptionRevenue, &[one(250_000)]),
            charge(1, "Storage", Model::Tiered, Some("GB"), Code::UsageRevenue, GIGABYTES),
        ],
    },
    Plan {
        number: 8,
        product: 4,
        name: "Support, monthly",
        share: 0,
        period: 1,
        termed: false,
        charges: &[charge(0, "Support fee", Model::Flat, None, Code::ServicesRevenue, &[one(900_000)])],
    },
    Plan {
        number: 9,
        product: 5,
        name: "Ten percent off",
        share: 0,
        period: 1,
        termed: false,
        charges: &[charge(
            0,
            "Loyalty discount",
            Model::Discount(Fixed(10_000)),
            None,
            Code::SalesDiscounts,
            &[one(0)],
        )],
    },
];
