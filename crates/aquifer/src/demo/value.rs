//! What rows are made of: ids, exact amounts, and the one type that holds any cell.

use std::{
    borrow::Cow,
    fmt,
    iter::Sum,
    ops::{Add, AddAssign, Neg, Sub, SubAssign},
};

use export::Cell;
use jiff::{Timestamp, civil::Date};

use super::random::scramble;

/// A list of objects: an enum and the API names.
macro_rules! objects {
    ($($name:ident,)*) => {
        /// The objects that the demo fills.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Object { $($name,)* }

        impl Object {
            /// The API name.
            pub fn name(self) -> &'static str {
                match self { $(Object::$name => stringify!($name),)* }
            }
        }
    };
}

objects! {
    User,
    AccountingCode, AccountingPeriod, BillingRun, CommunicationProfile, DiscountClass, PaymentRun, UnitOfMeasure,
    Product, ProductRatePlan, ProductRatePlanCharge, ProductRatePlanChargeTier,
    Account, Contact, ContactSnapshot, PaymentMethod,
    Subscription, SubscriptionStatusHistory, Amendment, Order, OrderAction, RatePlan, RatePlanCharge, RatePlanChargeTier,
    Usage,
    Invoice, InvoiceItem, TaxationItem, InvoiceAdjustment,
    Payment, InvoicePayment, Refund, RefundInvoicePayment, CreditBalanceAdjustment,
    FXCustomRate,
}

/// 32 lower-case hex digits: a prefix that all share, the millisecond of creation, and what makes it unique. Sorted by
/// id, rows of one object are sorted by creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(u128);

impl Id {
    /// The `ordinal`-th row of `object` that belongs to `account`; rows of nobody have account 0.
    pub fn new(object: Object, created: Timestamp, account: u32, ordinal: u32) -> Id {
        debug_assert!(ordinal < 1 << 24);
        let unique = scramble((object as u64) << 56 | u64::from(account) << 24 | u64::from(ordinal));
        let millis = created.as_millisecond() as u128 & 0xffff_ffff_ffff;
        Id(0x8ad0 << 112 | millis << 64 | u128::from(unique))
    }

    /// For choices that must stay the same for a row.
    pub fn hash(self) -> u64 {
        self.0 as u64
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// An exact number with `SCALE` digits after the point.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fixed<const SCALE: u32>(pub i64);

pub type Money = Fixed<2>;
pub type Quantity = Fixed<2>;
/// A price of one unit.
pub type Price = Fixed<4>;
/// A share of one: `Fixed(20_000)` is 20 %.
pub type Rate = Fixed<5>;
/// What one of a currency costs in another.
pub type ExchangeRate = Fixed<8>;

impl<const SCALE: u32> Fixed<SCALE> {
    pub const ZERO: Self = Fixed(0);

    pub const fn whole(number: i64) -> Self {
        Fixed(number * 10_i64.pow(SCALE))
    }

    /// The product in hundredths, halves away from zero.
    pub fn times<const OTHER: u32>(self, other: Fixed<OTHER>) -> Money {
        let exact = i128::from(self.0) * i128::from(other.0);
        let unit = 10_i128.pow(SCALE + OTHER - 2);
        let half = unit / 2 * exact.signum();
        Fixed(((exact + half) / unit) as i64)
    }

    /// Parts of it, rounded down.
    pub fn share(self, part: i64, of: i64) -> Self {
        Fixed((i128::from(self.0) * i128::from(part) / i128::from(of)) as i64)
    }
}

impl<const SCALE: u32> Add for Fixed<SCALE> {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Fixed(self.0 + other.0)
    }
}

impl<const SCALE: u32> Sub for Fixed<SCALE> {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Fixed(self.0 - other.0)
    }
}

impl<const SCALE: u32> Neg for Fixed<SCALE> {
    type Output = Self;
    fn neg(self) -> Self {
        Fixed(-self.0)
    }
}

impl<const SCALE: u32> AddAssign for Fixed<SCALE> {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl<const SCALE: u32> SubAssign for Fixed<SCALE> {
    fn sub_assign(&mut self, other: Self) {
        self.0 -= other.0;
    }
}

impl<const SCALE: u32> Sum for Fixed<SCALE> {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::ZERO, Add::add)
    }
}

/// The canonical form of decimals: `77.86`, `0`, `-0.5`.
impl<const SCALE: u32> fmt::Display for Fixed<SCALE> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = 10_u64.pow(SCALE);
        let (whole, mut rest, mut digits) =
            (self.0.unsigned_abs() / unit, self.0.unsigned_abs() % unit, SCALE as usize);
        if self.0 < 0 {
            f.write_str("-")?;
        }
        if rest == 0 {
            return write!(f, "{whole}");
        }
        while rest % 10 == 0 {
            rest /= 10;
            digits -= 1;
        }
        write!(f, "{whole}.{rest:0digits$}")
    }
}

/// Any cell, before it has its final form.
#[derive(Debug, Clone)]
pub enum Value<'a> {
    Null,
    Id(Id),
    Text(Cow<'a, str>),
    Integer(i64),
    Money(Money),
    Price(Price),
    Rate(Rate),
    ExchangeRate(ExchangeRate),
    Boolean(bool),
    Date(Date),
    Datetime(Timestamp),
}

impl Value<'_> {
    /// Writes the text of values that have to be formatted; the others need none.
    pub fn format(&self, out: &mut String) -> fmt::Result {
        use fmt::Write as _;
        match self {
            Value::Id(id) => write!(out, "{id}"),
            Value::Money(money) => write!(out, "{money}"),
            Value::Price(price) => write!(out, "{price}"),
            Value::Rate(rate) => write!(out, "{rate}"),
            Value::ExchangeRate(rate) => write!(out, "{rate}"),
            Value::Date(date) => write!(out, "{date}"),
            _ => Ok(()),
        }
    }

    /// The cell, with the text that [`Value::format`] wrote.
    pub fn cell<'c>(&'c self, formatted: &'c str) -> Cell<'c> {
        match self {
            Value::Null => Cell::Null,
            Value::Id(_) => Cell::Text(formatted),
            Value::Text(text) => Cell::Text(text),
            Value::Integer(number) => Cell::Integer(*number),
            Value::Money(_) | Value::Price(_) | Value::Rate(_) | Value::ExchangeRate(_) => Cell::Decimal(formatted),
            Value::Boolean(truth) => Cell::Boolean(*truth),
            Value::Date(_) => export::Date::from_iso(formatted.as_bytes()).map_or(Cell::Null, Cell::Date),
            Value::Datetime(instant) => Cell::Datetime(export::Timestamp(instant.as_microsecond())),
        }
    }
}

macro_rules! from {
    ($($type:ty => $variant:ident,)*) => {
        $(impl From<$type> for Value<'_> {
            fn from(value: $type) -> Self {
                Value::$variant(value.into())
            }
        })*
    };
}

from! {
    Id => Id, String => Text, i64 => Integer, i32 => Integer, u32 => Integer, i8 => Integer, i16 => Integer,
    Money => Money, Price => Price, Rate => Rate, ExchangeRate => ExchangeRate, bool => Boolean, Date => Date, Timestamp => Datetime,
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Value::Text(Cow::Borrowed(text))
    }
}

impl<'a, T> From<Option<T>> for Value<'a>
where
    Value<'a>: From<T>,
{
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Value::from)
    }
}
