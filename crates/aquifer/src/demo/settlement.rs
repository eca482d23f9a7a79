//! How invoices are paid: payments that succeed or fail, in one or two instalments, too much now and then; credit
//! balances; refunds.

use jiff::{Timestamp, civil::Date};

use super::{
    World,
    billing::Invoice,
    calendar::{at, days_after, seconds_after},
    ledger::{ExternalMethod, PAYMENT_RUN_SECOND},
    profile::Profile,
    random::{Random, Stream},
    table::Stamp,
    value::{Fixed, Money, Object},
};

/// Everything that came in and went out.
#[derive(Debug, Default)]
pub struct Settlement {
    pub payments: Vec<Payment>,
    pub refunds: Vec<Refund>,
    pub credits: Vec<Credit>,
    /// What is left on the credit balance, and since when.
    left_over: Vec<(Timestamp, Money)>,
}

#[derive(Debug)]
pub struct Payment {
    pub stamp: Stamp,
    /// `P-00000123`
    pub number: String,
    pub amount: Money,
    pub failed: bool,
    /// By the payment run, with the method on file; otherwise by check or wire.
    pub electronic: bool,
    pub external: ExternalMethod,
    /// Onto the credit balance: what no invoice asked for.
    pub surplus: Money,
    pub parts: Vec<Part>,
}

/// The share of a payment that an invoice gets.
#[derive(Debug)]
pub struct Part {
    pub stamp: Stamp,
    /// The place of the invoice.
    pub invoice: usize,
    pub amount: Money,
    pub refunded: Money,
}

/// Money sent back, and the credit that keeps the invoice settled.
#[derive(Debug)]
pub struct Refund {
    pub stamp: Stamp,
    pub part_stamp: Stamp,
    pub adjustment: Stamp,
    pub number: String,
    /// The place of the payment, and of the part in it.
    pub payment: usize,
    pub part: usize,
    pub amount: Money,
}

/// A change of the credit balance.
#[derive(Debug)]
pub struct Credit {
    pub stamp: Stamp,
    pub number: String,
    pub amount: Money,
    pub source: CreditSource,
}

#[derive(Debug, Clone, Copy)]
pub enum CreditSource {
    /// Up, from the surplus of the payment at this place.
    Payment(usize),
    /// Down, into the invoice at this place.
    Invoice(usize),
}

/// Something paid, or tried: when, how much of what is due in percent, whether it fails, and what is paid on top.
struct Attempt {
    at: Timestamp,
    percent: i64,
    failed: bool,
    generous: bool,
}

/// Settles the invoices as far as they were at the world's instant, oldest first.
pub fn settle(world: &World, profile: &Profile, invoices: &mut [Invoice]) -> Settlement {
    let mut desk = Desk { world, profile, settlement: Settlement::default() };
    for place in 0..invoices.len() {
        desk.use_credit(invoices, place);
        let waits_for_next = profile.pays_in_pairs && place % 2 == 0;
        if !waits_for_next {
            let first = if profile.pays_in_pairs { place - 1 } else { place };
            desk.pay(invoices, first..=place);
        }
    }
    desk.settlement
}

struct Desk<'a> {
    world: &'a World,
    profile: &'a Profile,
    settlement: Settlement,
}

/// More attempts than any invoice has, and more parts than any payment has.
const ATTEMPTS: u32 = 8;
const PARTS: u32 = 4;

impl Desk<'_> {
    /// What came in before an invoice was made pays for it first.
    fn use_credit(&mut self, invoices: &mut [Invoice], place: usize) {
        let invoice = &mut invoices[place];
        let used_at = seconds_after(invoice.stamp.created, 60);
        if used_at >= self.world.as_of {
            return;
        }
        for (since, left) in &mut self.settlement.left_over {
            if *since < invoice.stamp.created {
                let used = (*left).min(invoice.balance());
                *left -= used;
                invoice.from_credit += used;
            }
        }
        if invoice.from_credit > Money::ZERO {
            invoice.stamp.touch(used_at);
            self.credit(used_at, invoice.from_credit, CreditSource::Invoice(place), place as u32 * ATTEMPTS * 2 + 1);
        }
    }

    fn credit(&mut self, at: Timestamp, amount: Money, source: CreditSource, ordinal: u32) {
        self.settlement.credits.push(Credit {
            stamp: Stamp::new(Object::CreditBalanceAdjustment, at, self.profile.number, ordinal),
            number: format!("CBA-{:08}", self.profile.number * 1024 + ordinal),
            amount,
            source,
        });
    }

    fn pay(&mut self, invoices: &mut [Invoice], places: std::ops::RangeInclusive<usize>) {
        let last = *places.end();
        let mut random = Random::new(self.world.seed, Stream::Settlement, self.profile.number, last as u32);
        let due: Money = invoices[places.clone()].iter().map(Invoice::balance).sum();
        for (attempt, number) in self.attempts(&mut random, &invoices[last]).into_iter().zip(0..) {
            if due <= Money::ZERO || attempt.at >= self.world.as_of {
                return;
            }
            let owed: Money = invoices[places.clone()].iter().map(Invoice::balance).sum();
            let part = self.profile.country.currency.round(due.share(attempt.percent, 100));
            let amount = if attempt.percent == 100 { owed } else { part.min(owed) };
            if amount <= Money::ZERO {
                continue;
            }
            // By what is paid, not by how many payments came before: somebody else may yet pay late.
            let ordinal = last as u32 * ATTEMPTS + number;
            self.receive(invoices, places.clone(), &attempt, amount, ordinal);
            if !attempt.failed && random.percent(1) {
                let days = i64::from(random.between(4, 20));
                let percent = i64::from(random.between(10, 100));
                self.refund(invoices, seconds_after(attempt.at, days * 86_400 + 4000), percent, ordinal);
            }
        }
    }

    /// What the customer will try. The last attempt that does not fail pays whatever is left.
    fn attempts(&self, random: &mut Random, invoice: &Invoice) -> Vec<Attempt> {
        let attempt = |day: Date, second: u32, percent, failed| Attempt {
            at: at(day, second + self.profile.number % 1200).max(seconds_after(invoice.stamp.created, 600)),
            percent,
            failed,
            generous: false,
        };
        if self.profile.auto_pay {
            let mut attempts = Vec::new();
            for (days, chance_of_failure) in [(0, 5), (3, 35), (7, 40)] {
                let failed = random.percent(chance_of_failure);
                attempts.push(attempt(days_after(invoice.due, days), PAYMENT_RUN_SECOND, 100, failed));
                if !failed {
                    break;
                }
            }
            return attempts;
        }
        let second = 9 * 3600 + random.below(7 * 3600);
        let day = days_after(invoice.due, random.between(-5, 25)).max(days_after(invoice.date, 2));
        match random.below(100) {
            0..4 => Vec::new(),
            4..10 => vec![attempt(day, second, 50, false), attempt(days_after(day, 15), second, 100, false)],
            10..14 => vec![Attempt { generous: true, ..attempt(day, second, 100, false) }],
            _ => vec![attempt(day, second, 100, false)],
        }
    }

    fn receive(
        &mut self,
        invoices: &mut [Invoice],
        places: std::ops::RangeInclusive<usize>,
        attempt: &Attempt,
        amount: Money,
        ordinal: u32,
    ) {
        let position = self.settlement.payments.len();
        let number = self.profile.number;
        let stamp = Stamp::new(Object::Payment, attempt.at, number, ordinal);
        let mut left = if attempt.failed { Money::ZERO } else { amount };
        let mut parts = Vec::new();
        for place in places {
            let invoice = &mut invoices[place];
            let share = left.min(invoice.balance());
            if share <= Money::ZERO {
                continue;
            }
            left -= share;
            invoice.paid += share;
            invoice.stamp.touch(attempt.at);
            parts.push(Part {
                stamp: Stamp::new(Object::InvoicePayment, attempt.at, number, ordinal * PARTS + parts.len() as u32),
                invoice: place,
                amount: share,
                refunded: Money::ZERO,
            });
        }
        // Somebody rounds up to the next hundred.
        let surplus = if attempt.generous { Fixed(10_000 - amount.0 % 10_000) } else { Money::ZERO };
        self.settlement.payments.push(Payment {
            stamp,
            number: format!("P-{:08}", number * 512 + ordinal),
            amount: amount + surplus,
            failed: attempt.failed,
            electronic: self.profile.auto_pay,
            external: if number.is_multiple_of(3) { ExternalMethod::Check } else { ExternalMethod::WireTransfer },
            surplus,
            parts,
        });
        if surplus > Money::ZERO {
            self.settlement.left_over.push((attempt.at, surplus));
            self.credit(attempt.at, surplus, CreditSource::Payment(position), ordinal * 2);
        }
    }

    /// Sends back a share of the last payment's last part.
    fn refund(&mut self, invoices: &mut [Invoice], at: Timestamp, percent: i64, ordinal: u32) {
        let number = self.profile.number;
        let place = self.settlement.payments.len() - 1;
        let payment = &mut self.settlement.payments[place];
        let Some(part) = payment.parts.len().checked_sub(1) else { return };
        let amount = self.profile.country.currency.round(payment.parts[part].amount.share(percent, 100));
        if at >= self.world.as_of || amount <= Money::ZERO {
            return;
        }
        payment.stamp.touch(at);
        payment.parts[part].stamp.touch(at);
        payment.parts[part].refunded = amount;
        let invoice = &mut invoices[payment.parts[part].invoice];
        invoice.refunded += amount;
        invoice.adjusted -= amount;
        invoice.stamp.touch(at);
        self.settlement.refunds.push(Refund {
            stamp: Stamp::new(Object::Refund, at, number, ordinal),
            part_stamp: Stamp::new(Object::RefundInvoicePayment, at, number, ordinal),
            adjustment: Stamp::new(Object::InvoiceAdjustment, at, number, ordinal),
            number: format!("R-{:08}", number * 512 + ordinal),
            payment: place,
            part,
            amount,
        });
    }
}

impl Settlement {
    pub fn credit_balance(&self) -> Money {
        self.left_over.iter().map(|(_, left)| *left).sum()
    }
}

impl Payment {
    pub fn applied(&self) -> Money {
        self.parts.iter().map(|part| part.amount).sum()
    }

    pub fn refunded(&self) -> Money {
        self.parts.iter().map(|part| part.refunded).sum()
    }
}
