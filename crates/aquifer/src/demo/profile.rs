//! Who an account is: its name, place, contacts, payment method and habits. A function of the seed and the account's
//! number, whatever has happened since.

use jiff::{SignedDuration, Timestamp, civil::Date};

use super::{
    World,
    calendar::{END, NIGHTS, START, at, day_of, days_after, load_instant, months_after, seconds_after},
    place::{self, COUNTRIES, City, Country},
    random::{Random, Stream},
    table::Stamp,
    value::{Id, Object},
};

/// Who an account is.
#[derive(Debug)]
pub struct Profile {
    pub number: u32,
    /// Of the account as it was made; what happened later is not in it.
    pub stamp: Stamp,
    pub name: String,
    pub country: &'static Country,
    pub city: &'static City,
    /// Prospects have contacts and nothing else.
    pub draft: bool,
    /// When a prospect that came to nothing is removed, with its contacts.
    pub removed: Option<Timestamp>,
    /// The first day bills are made; later ones are made on the same day of other months.
    pub first_bill: Date,
    pub term: Term,
    pub tax_exempt: bool,
    pub vat_id: Option<String>,
    pub purchase_order: Option<String>,
    pub parent: Option<Id>,
    /// The one bills go to is first, the one goods go to last.
    pub contacts: Vec<Contact>,
    /// Somebody who left the company, and was removed from the contacts in one of the nights.
    pub former_contact: Option<Former>,
    pub method: Option<Method>,
    pub auto_pay: bool,
    /// Pays two bills at a time.
    pub pays_in_pairs: bool,
    pub batch: u32,
    pub sales_rep: &'static str,
}

#[derive(Debug)]
pub struct Contact {
    pub stamp: Stamp,
    pub snapshot: Stamp,
    pub first_name: &'static str,
    pub last_name: &'static str,
    pub email: String,
    pub phone: String,
    pub address: String,
    pub postal_code: String,
}

#[derive(Debug)]
pub struct Former {
    pub contact: Contact,
    pub removed: Timestamp,
}

/// When a bill is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    pub name: &'static str,
    pub days: i32,
}

const TERMS: [Term; 4] = [
    Term { name: "Due Upon Receipt", days: 0 },
    Term { name: "Net 15", days: 15 },
    Term { name: "Net 30", days: 30 },
    Term { name: "Net 60", days: 60 },
];

/// A payment method on file.
#[derive(Debug)]
pub struct Method {
    pub stamp: Stamp,
    pub kind: MethodKind,
    /// The last four digits of whatever number it has.
    pub last_digits: u32,
    /// Month and year.
    pub expires: (i32, i32),
    pub holder: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MethodKind {
    Visa,
    MasterCard,
    AmericanExpress,
    Ach,
    Sepa,
    PayPal,
}

const SALES_REPS: [&str; 6] =
    ["Dana Whitfield", "Marco Silva", "Yara Haddad", "Tom Eklund", "Ngozi Adeyemi", "Clara Weiss"];

impl Profile {
    pub fn draw(world: &World, number: u32) -> Profile {
        let mut random = Random::new(world.seed, Stream::Profile, number, 0);
        let stamp = account_stamp(world, number);
        let country = random.weighted(COUNTRIES, |country| country.share);
        let city = random.pick(country.cities);
        let (name, domain) = place::company(&mut random, country);
        let draft = is_draft(number);

        let mut contacts = vec![Contact::draw(&mut random, stamp, number, 0, country, city, &domain)];
        if random.percent(40) {
            contacts.push(Contact::draw(&mut random, stamp, number, 1, country, city, &domain));
        }
        let former_contact = random.percent(2).then(|| Former {
            contact: Contact::draw(&mut random, stamp, number, 2, country, city, &domain),
            removed: some_night(&mut random),
        });
        let holder = format!("{} {}", contacts[0].first_name, contacts[0].last_name);
        let method = (!draft && random.percent(75)).then(|| Method::draw(&mut random, stamp, number, country, holder));
        let auto_pay = method.is_some() && random.percent(85);
        let term = if auto_pay { TERMS[0] } else { *random.pick(&TERMS) };
        let vat_id =
            country.vat_prefix.map(|prefix| prefix.to_owned() + &place::fill_pattern(&mut random, "#########"));

        Profile {
            number,
            stamp,
            name,
            country,
            city,
            draft,
            removed: (draft && random.percent(50)).then(|| some_night(&mut random)),
            first_bill: first_bill(stamp.created),
            term,
            tax_exempt: random.percent(5),
            vat_id,
            purchase_order: random.percent(15).then(|| place::fill_pattern(&mut random, "PO-#####")),
            parent: parent(world, &mut random, number),
            contacts,
            former_contact,
            method,
            auto_pay,
            pays_in_pairs: !auto_pay && random.percent(15),
            batch: 1 + random.below(8),
            sales_rep: random.pick::<&str>(&SALES_REPS),
        }
    }

    /// The day of the `month`-th bill run of the account, from 0.
    pub fn bill_date(&self, month: u32) -> Date {
        months_after(self.first_bill, month)
    }

    pub fn bill_to(&self) -> &Contact {
        &self.contacts[0]
    }

    pub fn sold_to(&self) -> &Contact {
        &self.contacts[self.contacts.len() - 1]
    }

    pub fn account_number(&self) -> String {
        format!("A{:08}", self.number)
    }
}

/// Accounts are numbered, from 1, in the order in which they were made: as many on every day, to the last night.
pub fn account_stamp(world: &World, number: u32) -> Stamp {
    let opening = at(START, 0);
    let slot = (load_instant(NIGHTS).as_millisecond() - opening.as_millisecond()) / i64::from(world.accounts);
    let jitter = Random::new(world.seed, Stream::Profile, number, 1).below(slot.clamp(1, i64::from(u32::MAX)) as u32);
    let since = slot * i64::from(number - 1) + i64::from(jitter);
    Stamp::new(Object::Account, opening + SignedDuration::from_millis(since), number, 0)
}

fn is_draft(number: u32) -> bool {
    number % 37 == 13
}

/// One of the accounts made shortly before is a customer of the same group, now and then.
fn parent(world: &World, random: &mut Random, number: u32) -> Option<Id> {
    let candidate = number.saturating_sub(1 + random.below(40));
    let has_parent = random.percent(5) && candidate > 0 && !is_draft(candidate);
    has_parent.then(|| account_stamp(world, candidate).id)
}

/// The day of the month on which the account was made, or the first of the next month: no month lacks that day.
fn first_bill(created: Timestamp) -> Date {
    let day = day_of(created);
    if day.day() <= 28 { day } else { days_after(day.last_of_month(), 1) }
}

/// An instant within the nightly loads.
fn some_night(random: &mut Random) -> Timestamp {
    at(days_after(END, random.between(0, NIGHTS - 1)), 9 * 3600 + random.below(8 * 3600))
}

impl Contact {
    fn draw(
        random: &mut Random,
        account: Stamp,
        number: u32,
        ordinal: u32,
        country: &'static Country,
        city: &'static City,
        domain: &str,
    ) -> Contact {
        let first_name = random.pick(country.first_names);
        let last_name = random.pick(country.last_names);
        let (street, house) = (random.pick(country.streets), 1 + random.below(240));
        let created = seconds_after(account.created, 1 + i64::from(ordinal));
        Contact {
            stamp: Stamp::new(Object::Contact, created, number, ordinal),
            snapshot: Stamp::new(Object::ContactSnapshot, created, number, ordinal),
            first_name,
            last_name,
            email: format!("{}@{domain}", place::mail_name(first_name, last_name)),
            phone: place::fill_pattern(random, country.dial) + &place::fill_pattern(random, "##"),
            address: if country.number_first { format!("{house} {street}") } else { format!("{street} {house}") },
            postal_code: place::fill_pattern(random, city.postal_code),
        }
    }
}

impl Method {
    fn draw(random: &mut Random, account: Stamp, number: u32, country: &Country, holder: String) -> Method {
        let kinds: &[MethodKind] = match country.currency.code {
            "USD" => &[MethodKind::Visa, MethodKind::MasterCard, MethodKind::AmericanExpress, MethodKind::Ach],
            "EUR" => {
                &[MethodKind::Visa, MethodKind::MasterCard, MethodKind::Sepa, MethodKind::Sepa, MethodKind::PayPal]
            }
            _ => &[MethodKind::Visa, MethodKind::MasterCard, MethodKind::PayPal],
        };
        Method {
            stamp: Stamp::new(Object::PaymentMethod, seconds_after(account.created, 10), number, 0),
            kind: *random.pick(kinds),
            last_digits: random.below(10_000),
            expires: (random.between(1, 12), random.between(2027, 2031)),
            holder,
        }
    }
}
