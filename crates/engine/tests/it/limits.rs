//! The largest queries that the languages let through are small enough for the database.

use engine::{Flag, Rows, Source, Which, error::Kind};
use zoql::{Catalog, Compat, catalog::CatalogFiles};

use super::support::{Data, Question, answer, upsert_accounts};

fn one_account() -> Data {
    let data = Data::new();
    upsert_accounts(&data, [("a1".to_owned(), "Acme".to_owned())]);
    data
}

/// The Ids of the accounts that meet a condition, in the extended reading.
fn where_holds(data: &Data, condition: &str) -> Vec<String> {
    let snapshot = data.source.begin().expect("a snapshot");
    let mut question = Question::new(&format!("select Id from Account where {condition}"), &data.zone);
    question.options.compat = Compat::Extended;
    answer(&*snapshot, &question, &Rows::LIVE).expect("an answer").split_off(1)
}

#[test]
fn long_conditions() {
    let data = one_account();
    for (piece, end, holds) in [
        ("Id='x' or ", "Id = 'a1'", true),
        ("Id='a1' and ", "Id = 'x'", false),
        ("Id='x' or Id='a1' and ", "Id = 'a1'", true),
        ("not not ", "Id = 'a1'", true),
    ] {
        let condition = piece.repeat(if piece.starts_with("not") { 50 } else { 19_900 / piece.len() }) + end;
        assert_eq!(where_holds(&data, &condition).len(), usize::from(holds), "{piece}…");
    }
    let list = format!("Id in ({}'a1')", "'x',".repeat(4_900));
    assert_eq!(where_holds(&data, &list), ["a1"]);
}

#[test]
fn deep_conditions() {
    let data = one_account();
    let deep = "(Id = 'x' or Name = 'y' and ".repeat(98) + "(Id = 'a1')" + &" or Id = 'a1')".repeat(98);
    assert_eq!(where_holds(&data, &deep), ["a1"]);
    let negated = "not (Id = 'x' or ".repeat(50) + "Id = 'a1'" + &")".repeat(50);
    assert_eq!(where_holds(&data, &negated), ["a1"]);
}

#[test]
fn long_patterns() {
    let data = one_account();
    // Each of these grows when it is put into the database's own words.
    for letter in ["*", "?", "[", "\u{1d538}", "%", "_"] {
        let pattern = letter.repeat(9_996);
        let found = where_holds(&data, &format!("Name like '{pattern}Acme'"));
        assert_eq!(found.len(), usize::from(letter == "%"), "{letter}");
    }
}

#[test]
fn wide_rows() {
    let data = one_account();
    let snapshot = data.source.begin().expect("a snapshot");
    let question = Question::new(&format!("select {}Id from Account", "Name, ".repeat(1_599)), &data.zone);
    let rows = Rows { which: Which::LiveAndDeleted, flag: Some(Flag::Boolean) };
    let lines = answer(&*snapshot, &question, &rows).expect("an answer");
    assert!(lines[1].starts_with("false|Acme|Acme|") && lines[1].ends_with("|Acme|a1"));
    assert_eq!(lines[1].split('|').count(), 1_601);
}

/// An operator may offer more joins than can be made at once.
#[test]
fn a_query_that_joins_too_much_says_so() {
    let joins: String = (0..64).map(|n| format!("Account,Parent{n},Account,ParentId\n")).collect();
    let joins = format!("data_source,alias,object,via\n{joins}");
    let catalog = Catalog::builtin().extended(&CatalogFiles { joins: &joins, ..CatalogFiles::default() });
    let data = Data::with_catalog(catalog.expect("a catalog").into());
    let names = |count| (0..count).map(|n| format!("Parent{n}.Name")).collect::<Vec<_>>().join(", ");
    assert_eq!(data.query(&format!("select {} from Account", names(63))).len(), 1);

    let snapshot = data.source.begin().expect("a snapshot");
    let question = Question::new(&format!("select {} from Account", names(64)), &data.zone);
    let query = zoql::compile(&question.text, snapshot.catalog(), &question.options).expect("compiles").query;
    let fault = snapshot.parts(&query, &Rows::LIVE).err().expect("a fault");
    assert_eq!(fault.kind, Kind::Input);
    assert_eq!(
        fault.to_string(),
        "the query needs 65 objects, Account and what it joins; at most 64 can be read at once"
    );
    assert_eq!(answer(&*snapshot, &question, &Rows::LIVE), Err(format!("error: {fault}")));
}
