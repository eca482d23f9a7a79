//! The format, on files with the smallest pages: their trees are deep and their rows long. Hostile ones are made of them.

use jiff::{Timestamp, tz::TimeZone};
use proptest::{collection::vec, prelude::*};
use rusqlite::Connection;
use zoql::{ApiVersion, Catalog, Compat, Language};

use super::{
    Plan,
    page::{Malformed, Shape},
    record::{Layout, Value},
    tree::{Pages, Walk},
};

use crate::{Rows, source::Which};

#[test]
fn only_what_needs_no_sql_is_scanned() {
    let is_scanned = |text| is_scanned(text, &Rows::LIVE);
    for text in [
        "select Id, Name, Balance from Account",
        "select Id, Invoice.Amount, Account.Name, DefaultPaymentMethod.Id from InvoiceItem",
        "select Id from Account where UpdatedDate >= '2026-02-28T00:00:00-0800' and not Status in ('Draft', 'Canceled')",
        "select Id from InvoiceItem where (Quantity > 1 or ChargeAmount is not null) and ServiceStartDate < 'today'",
        "select Id from Account where CreatedDate = '2026-02-28'",
    ] {
        assert!(is_scanned(text), "{text}");
    }
    for text in [
        "select year(CreatedDate) from Account",
        "select Id from Account where Name like 'A%'",
        "select Id from Account where Balance > CreditBalance",
        "select Id from InvoiceItem where Account.Name = 'Acme'",
        // Indexed.
        "select Name from Account where Id = '1' or Id = '2'",
        // A decimal and a whole number.
        "select Id from Account where BillCycleDay > 1.5",
        // To-many.
        "select Id, PaymentMethodPriority.Id from Account",
    ] {
        assert!(!is_scanned(text), "{text}");
    }
}

#[test]
fn changes_are_not_scanned() {
    let since = crate::Position("1".to_owned());
    let which = Which::Changed { since, until: None, deleted: None, updated_since: None };
    let rows = Rows { which, flag: None };
    assert!(!is_scanned("select Id from Account", &rows));
}

#[test]
fn joined_rows_that_must_not_be_seen_are_not_scanned() {
    let text = "select Id, Account.Name from Invoice";
    let mut query = bound(text);
    query.restrict(Catalog::builtin(), "AccountNumber", &["A1".to_owned()]);
    assert!(query.joins.iter().any(|join| join.filter.is_some()));
    assert!(Plan::of(Catalog::builtin(), &query, &Rows::LIVE, Timestamp::UNIX_EPOCH).is_none());
    assert!(is_scanned(text, &Rows::LIVE));
}

fn is_scanned(text: &str, rows: &Rows) -> bool {
    Plan::of(Catalog::builtin(), &bound(text), rows, Timestamp::UNIX_EPOCH).is_some()
}

fn bound(text: &str) -> zoql::bound::Query {
    let options = zoql::Options {
        language: Language::Export,
        compat: Compat::Extended,
        api_version: ApiVersion::LATEST,
        tenant_zone: TimeZone::UTC,
        uses_masked: true,
    };
    zoql::compile(text, Catalog::builtin(), &options).unwrap().query
}

const PAGE: usize = 512;

#[derive(Clone)]
struct File(Vec<u8>);

impl Pages for File {
    type Error = Malformed;

    fn page(&mut self, number: u32) -> Result<&[u8], Malformed> {
        let at = (number as usize).checked_sub(1).ok_or(Malformed("page 0"))?;
        self.0.chunks_exact(PAGE).nth(at).ok_or(Malformed("no such page"))
    }

    fn count(&self) -> u32 {
        (self.0.len() / PAGE) as u32
    }
}

/// A file with one table, whose root is page 2, and what SQLite says of its rows.
fn file(rows: &[(i64, Option<String>, Option<i64>)]) -> (File, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.sqlite");
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch("PRAGMA page_size = 512; CREATE TABLE t (id INTEGER PRIMARY KEY, a, b); BEGIN").unwrap();
    for (at, (id, text, number)) in rows.iter().enumerate() {
        if at == rows.len() / 2 {
            connection.execute_batch("ALTER TABLE t ADD COLUMN c").unwrap();
        }
        connection.execute("REPLACE INTO t (id, a, b) VALUES (?, ?, ?)", (id, text, number)).unwrap();
    }
    connection.execute_batch("COMMIT").unwrap();
    let mut statement = connection.prepare("SELECT a, b FROM t ORDER BY id").unwrap();
    let said = statement.query_map([], |row| Ok(shown(row.get(0)?, row.get(1)?))).unwrap();
    let said = said.collect::<Result<_, _>>().unwrap();
    (File(std::fs::read(&path).unwrap()), said)
}

fn shown(text: Option<String>, number: Option<i64>) -> String {
    format!("{text:?} {number:?}")
}

fn walk(file: &File, first: i64, last: i64) -> Result<Vec<String>, Malformed> {
    let (mut leaves, mut chain, mut long) = (file.clone(), file.clone(), Vec::new());
    let (mut layout, mut seen) = (Layout::up_to(&[3]), Vec::new());
    let see = |record: &[u8]| {
        layout.find(record)?;
        let text = match layout.value(record, 1) {
            Value::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
            _ => None,
        };
        let number = match layout.value(record, 2) {
            Value::Integer(number) => Some(number),
            _ => None,
        };
        seen.push(shown(text, number));
        Ok(())
    };
    let shape = Shape::new(PAGE, 0).unwrap();
    let mut walk =
        Walk { shape, first, last, leaves: &mut leaves, chain: &mut chain, long: &mut long, see, before: None };
    walk.run(2)?;
    Ok(seen)
}

fn rows() -> impl Strategy<Value = Vec<(i64, Option<String>, Option<i64>)>> {
    let number = prop_oneof![-3..3_i64, -200..200_i64, -70_000..70_000_i64, any::<i64>()];
    let text = prop_oneof!["[a-zé]{0,8}", "[a-z]{40,80}", "[a-z]{400,3000}"];
    let id = prop_oneof![0..500_i64, any::<i64>()];
    vec((id, proptest::option::of(text), proptest::option::of(number)), 0..150)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_walk_sees_what_sqlite_says(rows in rows()) {
        let (file, said) = file(&rows);
        prop_assert_eq!(walk(&file, i64::MIN, i64::MAX).unwrap(), said);
    }

    #[test]
    fn a_walk_over_two_ranges_sees_every_row_once(rows in rows(), border in prop_oneof![0..500_i64, any::<i64>()]) {
        let (file, said) = file(&rows);
        let mut seen = walk(&file, i64::MIN, border).unwrap();
        if let Some(next) = border.checked_add(1) {
            seen.extend(walk(&file, next, i64::MAX).unwrap());
        }
        prop_assert_eq!(seen, said);
    }

    #[test]
    fn a_walk_over_anything_ends(rows in rows(), changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..60)) {
        let (mut file, _) = file(&rows);
        for (at, byte) in &changes {
            // Heads of pages matter most.
            let at = at.index(file.0.len() - PAGE) + PAGE;
            let at = if byte % 3 == 0 { at - at % PAGE + usize::from(*byte) % 24 } else { at };
            file.0[at] = *byte;
            let _ = walk(&file, i64::MIN, i64::MAX);
        }
    }
}
