//! What belongs to nobody: the chart of accounts, periods, units, and the runs that bill and collect every day.

use jiff::{Timestamp, civil::Date};

use super::{
    calendar::{END, NIGHTS, START, at, day_of, days_after, months_after},
    table::{Row, Stamp, Tables, row},
    value::{Id, Object},
};

/// The accounting codes. Names, numbers and kinds are in [`Code::facts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    AccountsReceivable,
    Cash,
    CustomerCashOnAccount,
    DeferredRevenue,
    SalesTaxPayable,
    SubscriptionRevenue,
    UsageRevenue,
    ServicesRevenue,
    SalesDiscounts,
    BadDebt,
}

impl Code {
    const ALL: [Code; 10] = [
        Code::AccountsReceivable,
        Code::Cash,
        Code::CustomerCashOnAccount,
        Code::DeferredRevenue,
        Code::SalesTaxPayable,
        Code::SubscriptionRevenue,
        Code::UsageRevenue,
        Code::ServicesRevenue,
        Code::SalesDiscounts,
        Code::BadDebt,
    ];

    pub fn name(self) -> &'static str {
        self.facts().0
    }

    pub fn id(self) -> Id {
        self.stamp().id
    }

    fn stamp(self) -> Stamp {
        Stamp::new(Object::AccountingCode, founded(), 0, self as u32)
    }

    /// Name, number in the general ledger, type, category.
    fn facts(self) -> (&'static str, u32, &'static str, &'static str) {
        match self {
            Code::AccountsReceivable => ("Accounts Receivable", 1200, "AccountsReceivable", "Assets"),
            Code::Cash => ("Cash", 1000, "Cash", "Assets"),
            Code::CustomerCashOnAccount => ("Customer Cash on Account", 2150, "CustomerCashOnAccount", "Liabilities"),
            Code::DeferredRevenue => ("Deferred Revenue", 2400, "DeferredRevenue", "Liabilities"),
            Code::SalesTaxPayable => ("Sales Tax Payable", 2300, "SalesTaxPayable", "Liabilities"),
            Code::SubscriptionRevenue => ("Subscription Revenue", 4000, "SalesRevenue", "Revenue"),
            Code::UsageRevenue => ("Usage Revenue", 4100, "SalesRevenue", "Revenue"),
            Code::ServicesRevenue => ("Services Revenue", 4200, "OtherRevenue", "Revenue"),
            Code::SalesDiscounts => ("Sales Discounts", 4900, "SalesDiscounts", "Revenue"),
            Code::BadDebt => ("Bad Debt", 6500, "BadDebt", "Expenses"),
        }
    }
}

/// What a customer without a payment method on file pays with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExternalMethod {
    Check,
    WireTransfer,
}

impl ExternalMethod {
    pub fn id(self) -> Id {
        self.stamp().id
    }

    pub fn name(self) -> &'static str {
        match self {
            ExternalMethod::Check => "Check",
            ExternalMethod::WireTransfer => "WireTransfer",
        }
    }

    fn stamp(self) -> Stamp {
        Stamp::new(Object::PaymentMethod, founded(), 0, self as u32)
    }
}

fn founded() -> Timestamp {
    at(days_after(START, -90), 9 * 3600)
}

pub fn communication_profile() -> Id {
    Stamp::new(Object::CommunicationProfile, founded(), 0, 0).id
}

pub fn discount_class() -> Id {
    Stamp::new(Object::DiscountClass, founded(), 0, 0).id
}

/// Bills are made at two in the morning, UTC.
pub const BILL_RUN_SECOND: u32 = 2 * 3600;
/// And collected at six.
pub const PAYMENT_RUN_SECOND: u32 = 6 * 3600;

pub fn bill_run(day: Date) -> Id {
    run_stamp(Object::BillingRun, day).id
}

pub fn payment_run_number(day: Date) -> String {
    format!("PR-{:08}", day_number(day))
}

fn run_stamp(object: Object, day: Date) -> Stamp {
    let second = if object == Object::BillingRun { BILL_RUN_SECOND } else { PAYMENT_RUN_SECOND };
    Stamp::new(object, at(day, second), 0, day_number(day))
}

/// Days since the beginning, from 1.
fn day_number(day: Date) -> u32 {
    (day.duration_since(START).as_hours() / 24 + 1) as u32
}

pub fn write(tables: &mut impl Tables, as_of: Timestamp) -> anyhow::Result<()> {
    let days = || (0..).map(|day| days_after(START, day)).take_while(|day| *day < day_of(as_of));
    tables.write(Object::AccountingCode, Code::ALL.into_iter().map(code_row))?;
    tables.write(Object::AccountingPeriod, (0..).map_while(|month| period_row(month, as_of)))?;
    tables.write(Object::UnitOfMeasure, UNITS.iter().zip(0..).map(|(unit, ordinal)| unit_row(unit, ordinal)))?;
    tables.write(Object::CommunicationProfile, [profile_row()].into_iter())?;
    tables.write(Object::DiscountClass, [discount_class_row()].into_iter())?;
    let methods = [ExternalMethod::Check, ExternalMethod::WireTransfer];
    tables.write(Object::PaymentMethod, methods.into_iter().map(method_row))?;
    tables.write(Object::BillingRun, days().map(billing_run_row))?;
    tables.write(Object::PaymentRun, days().map(payment_run_row))
}

fn code_row(code: Code) -> Row<'static> {
    let (name, number, kind, category) = code.facts();
    row!(code.stamp();
        Name: name,
        Type: kind,
        Category: category,
        GLAccountName: name,
        GLAccountNumber: number.to_string(),
        Status: "Active",
    )
}

/// A month; it is closed five days after its end. The last one is that of the last load.
fn period_row(month: u32, as_of: Timestamp) -> Option<Row<'static>> {
    let start = months_after(START, month);
    if start > days_after(END, NIGHTS) {
        return None;
    }
    let end = days_after(months_after(start, 1), -1);
    let closed = at(days_after(end, 5), 17 * 3600);
    let mut stamp = Stamp::new(Object::AccountingPeriod, founded(), 0, month);
    if closed < as_of {
        stamp.touch(closed);
    }
    Some(row!(stamp;
        Name: start.strftime("%b %Y").to_string(),
        StartDate: start,
        EndDate: end,
        FiscalYear: start.year(),
        FiscalQuarter: (start.month() - 1) / 3 + 1,
        Status: if closed < as_of { "Closed" } else { "Open" },
    ))
}

/// Name, digits after the point.
const UNITS: &[(&str, u32)] = &[("Each", 0), ("Message", 0), ("Thousand Events", 2), ("GB", 2)];

fn unit_row(&(name, digits): &'static (&'static str, u32), ordinal: u32) -> Row<'static> {
    row!(Stamp::new(Object::UnitOfMeasure, founded(), 0, ordinal);
        UomName: name,
        DisplayedAs: name,
        DecimalPlaces: digits,
        RoundingMode: "Up",
        Active: true,
    )
}

fn profile_row() -> Row<'static> {
    row!(Stamp::new(Object::CommunicationProfile, founded(), 0, 0);
        ProfileName: "Default",
        ProfileNumber: "CP-00000001",
        Description: "What every customer hears from us",
        IsDefault: true,
        Muted: false,
    )
}

fn discount_class_row() -> Row<'static> {
    row!(Stamp::new(Object::DiscountClass, founded(), 0, 0); Name: "Loyalty", Active: true)
}

fn method_row(method: ExternalMethod) -> Row<'static> {
    row!(method.stamp();
        Type: method.name(),
        Name: method.name(),
        Active: true,
        PaymentMethodStatus: "Active",
    )
}

fn billing_run_row(day: Date) -> Row<'static> {
    row!(run_stamp(Object::BillingRun, day);
        BillingRunNumber: format!("BR-{:08}", day_number(day)),
        BillingRunType: "Regular",
        Name: format!("Daily bill run {day}"),
        Status: "Posted",
        InvoiceDate: day,
        TargetDate: day,
        StartDate: at(day, BILL_RUN_SECOND),
        ExecutedDate: at(day, BILL_RUN_SECOND),
        PostedDate: at(day, BILL_RUN_SECOND),
        EndDate: at(day, BILL_RUN_SECOND + 1800),
        IncludeSubscriptions: true,
        IncludeOrderLineItems: false,
    )
}

fn payment_run_row(day: Date) -> Row<'static> {
    row!(run_stamp(Object::PaymentRun, day);
        PaymentRunNumber: payment_run_number(day),
        Status: "Completed",
        TargetDate: day,
        ExecutedDate: at(day, PAYMENT_RUN_SECOND),
        EndDate: at(day, PAYMENT_RUN_SECOND + 900),
    )
}
