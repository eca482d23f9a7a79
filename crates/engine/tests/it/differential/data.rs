//! The objects that the queries are about, and rows for them.

use std::fmt::Write as _;

use engine::load;
use serde_json::{Value, json};

use super::{
    super::{random::Random, support::Data},
    moment,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Boolean,
    Integer,
    Decimal,
    Date,
    Datetime,
    /// The `Id`, or some other text, of a row of that object; of none, now and then.
    Key(&'static str),
}

use Kind::{Boolean, Date, Datetime, Decimal, Integer, Key, Text};

impl Kind {
    /// How trees call it.
    pub fn word(self) -> &'static str {
        match self {
            Text | Key(_) => "text",
            Boolean => "boolean",
            Integer => "integer",
            Decimal => "decimal",
            Date => "date",
            Datetime => "datetime",
        }
    }
}

pub struct Object {
    pub name: &'static str,
    pub fields: &'static [(&'static str, Kind)],
    /// What can be joined to it.
    pub aliases: &'static [(&'static str, &'static str)],
}

pub const OBJECTS: [Object; 5] = [
    Object {
        name: "Account",
        fields: &[
            ("Name", Text),
            ("Batch", Text),
            ("AutoPay", Boolean),
            ("AllowInvoiceEdit", Boolean),
            ("BillCycleDay", Integer),
            ("Balance", Decimal),
            ("Mrr", Decimal),
            ("LastInvoiceDate", Date),
            ("TaxExemptEffectiveDate", Date),
            ("LastMetricsUpdate", Datetime),
            ("CreatedDate", Datetime),
            ("ParentId", Key("Account")),
        ],
        aliases: &[("ParentAccount", "Account")],
    },
    Object {
        name: "Invoice",
        fields: &[
            ("InvoiceNumber", Text),
            ("Status", Text),
            ("AutoPay", Boolean),
            ("Amount", Decimal),
            ("Balance", Decimal),
            ("DueDate", Date),
            ("PostedDate", Datetime),
            ("AccountId", Key("Account")),
        ],
        aliases: &[("Account", "Account"), ("ParentAccount", "Account")],
    },
    Object {
        name: "InvoiceItem",
        fields: &[
            ("ChargeName", Text),
            ("Quantity", Decimal),
            ("ChargeAmount", Decimal),
            ("ServiceStartDate", Date),
            ("ChargeDate", Datetime),
            ("InvoiceId", Key("Invoice")),
        ],
        aliases: &[("Invoice", "Invoice"), ("Account", "Account"), ("ParentAccount", "Account")],
    },
    Object {
        name: "Subscription",
        fields: &[
            ("Name", Text),
            ("Status", Text),
            ("AutoRenew", Boolean),
            ("Version", Integer),
            ("Cmrr", Decimal),
            ("TermStartDate", Date),
            ("OriginalCreatedDate", Datetime),
            ("AccountId", Key("Account")),
        ],
        aliases: &[
            ("Account", "Account"),
            ("ParentAccount", "Account"),
            ("SubscriptionStatusHistory", "SubscriptionStatusHistory"),
        ],
    },
    Object {
        name: "SubscriptionStatusHistory",
        fields: &[
            ("SubscriptionNumber", Text),
            ("Status", Text),
            ("SortOrder", Integer),
            ("StartDate", Date),
            ("CreatedDate", Datetime),
        ],
        aliases: &[],
    },
];

pub fn object(name: &str) -> &'static Object {
    OBJECTS.iter().find(|object| object.name == name).expect("an object")
}

const TEXTS: [&str; 14] =
    ["Acme", "acme", "Ac", "Äcme", "A%", "a_c", "日本", "日本語", "it's", "A*", "[A]", "\"q\"", "a\\b", "𝔸"];

const DECIMALS: [&str; 12] = [
    "0",
    "-1.5",
    "15",
    "15.00",
    "15.25",
    "9",
    "10",
    "-100",
    "0.00000001",
    "-0.00000001",
    "99999999999.99",
    "1234567.12345678",
];

pub fn text(random: &mut Random) -> &'static str {
    random.pick(&TEXTS)
}

pub fn integer(random: &mut Random) -> String {
    match random.below(8) {
        0 => random.between(-2_000_000_000, 2_000_000_000).to_string(),
        _ => random.between(-2, 16).to_string(),
    }
}

pub fn decimal(random: &mut Random) -> String {
    match random.below(4) {
        0 => format!("{}.{:02}", random.between(-30, 30), random.below(100)),
        _ => random.pick(&DECIMALS).to_owned(),
    }
}

/// Loads rows into every object, deletes some of them, and tells what is then there: per object the columns, each with
/// its type, and the rows.
pub fn fill(random: &mut Random, data: &Data) -> Value {
    let mut tables = serde_json::Map::new();
    for object in &OBJECTS {
        let header: Vec<&str> = ["Id"].into_iter().chain(object.fields.iter().map(|(name, _)| *name)).collect();
        let mut csv = header.join(",") + "\n";
        let (mut rows, mut gone) = (Vec::new(), vec!["nobody".to_owned()]);
        let count = if random.once_in(12) { 0 } else { 8 + random.below(24) };
        for number in 0..count {
            let id = format!("{}{number}", object.name);
            let mut row = vec![json!(id)];
            row.extend(object.fields.iter().map(|(_, kind)| value(random, *kind)));
            let cells: Vec<String> = row.iter().map(|cell| cell.as_str().map_or_else(String::new, quoted)).collect();
            let _ = writeln!(csv, "{}", cells.join(","));
            if random.once_in(6) {
                gone.push(id);
            } else {
                rows.push(row);
            }
        }
        data.load(object.name, &csv, &data.options()).expect("loaded");
        let path = data.file("gone.txt", gone.join("\n"));
        let input = load::Input { object: object.name.to_owned(), path };
        load::delete(data.source.begin_load_now().expect("a load"), &input).expect("deleted");
        let columns = [("Id", Text)].iter().chain(object.fields).map(|(name, kind)| (*name, kind.word()));
        tables.insert(object.name.to_owned(), json!({ "columns": columns.collect::<Vec<_>>(), "rows": rows }));
    }
    Value::Object(tables)
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

fn value(random: &mut Random, kind: Kind) -> Value {
    if random.once_in(6) {
        return Value::Null;
    }
    json!(match kind {
        Text => text(random).to_owned(),
        Boolean => random.once_in(2).to_string(),
        Integer => integer(random),
        Decimal => decimal(random),
        Date => moment::date(random),
        Datetime => moment::datetime(random),
        Key(object) => format!("{object}{}", random.below(30)),
    })
}
