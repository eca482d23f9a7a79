//! What is scanned is what SQL answers, whatever the pages look like; and pages may look like anything.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use engine::{
    Flag, Rows, Snapshot, Source, Which,
    embedded::Embedded,
    error::Kind,
    load::{self, Options},
};
use zoql::{Catalog, Compat};

use super::{
    random::Random,
    support::{Data, Lines, Question, answer, upsert_accounts},
};

const QUERIES: [&str; 17] = [
    "select Id, AccountNumber, Name, BillCycleDay, Balance, AutoPay, CreatedDate from Account",
    "select AutoPay, Name from Account",
    "select Id, InvoiceNumber, InvoiceDate, Amount, Account.Id, Account.Name, Account.Balance from Invoice",
    "select Account.AutoPay, ParentAccount.Name, ParentAccount.Id from Invoice",
    "select Id, Invoice.Amount, Account.Name, Account.Id, ParentAccount.AccountNumber from InvoiceItem",
    "select ChargeName, Quantity, Account.CreatedDate, Invoice.InvoiceDate from InvoiceItem",
    "select Id from CreditMemo",
    "select Id from Account where AutoPay = true and not (Balance > 0 or Balance is null)",
    "select Id, Balance from Account where Balance != 0",
    "select Balance from Account where Balance < 100 and Balance >= '-1.5'",
    "select Id from Account where not (Name = '' and AutoPay = false) or BillCycleDay > 1",
    "select Id from Account where Name > 'a' and Name <= 'éé'",
    "select Id, CreatedDate from Account where CreatedDate > '2026-02-28T11:59:59-0000' and UpdatedDate <= 'now'",
    "select Id from Account where CreatedDate = 'today' or CreatedDate != '2026-02-27'",
    "select Id, Account.Name from Invoice where InvoiceDate = '2026-02-28' and Amount != 1.50",
    "select Id, Invoice.Amount from InvoiceItem where Quantity in (0, 2, 3) and ChargeName is not null",
    "select Id from InvoiceItem where not Quantity in (1, 4) and not ChargeName = 'a'",
];

const ALL: [Rows; 4] = [
    Rows::LIVE,
    Rows { which: Which::Live, flag: Some(Flag::Boolean) },
    Rows { which: Which::LiveAndDeleted, flag: None },
    Rows { which: Which::LiveAndDeleted, flag: Some(Flag::Numeric) },
];

/// The same data read in both ways.
struct Both {
    scanned: Embedded,
    queried: Embedded,
}

impl Both {
    fn of(data: &Data, readers: usize) -> Both {
        let open = || data.reopen(Catalog::builtin().clone()).expect("opens").with_readers(readers);
        Both { scanned: open(), queried: open().without_scan() }
    }

    fn assert_same(&self, data: &Data) {
        let (scanned, queried) = (self.scanned.begin().expect("a snapshot"), self.queried.begin().expect("a snapshot"));
        assert_same(&*scanned, &*queried, data);
    }
}

fn assert_same(scanned: &dyn Snapshot, queried: &dyn Snapshot, data: &Data) {
    assert_eq!(scanned.position(), queried.position());
    for text in QUERIES {
        let mut question = Question::new(text, &data.zone);
        question.options.compat = Compat::Extended;
        for rows in &ALL {
            let [scanned, queried] = [scanned, queried].map(|snapshot| answer(snapshot, &question, rows));
            let (scanned, queried) = (scanned.expect("an answer"), queried.expect("an answer"));
            assert_eq!(scanned.len(), queried.len(), "{text} {rows:?}");
            for (scanned, queried) in scanned.iter().zip(&queried) {
                assert_eq!(scanned, queried, "{text} {rows:?}");
            }
        }
    }
}

#[test]
fn random_histories_are_scanned_as_they_are_queried() {
    for seed in 1..=4 {
        let mut random = Random::new(seed);
        let data = Data::new();
        let both = Both::of(&data, 1 + random.below(3));
        both.assert_same(&data);
        let mut held = Vec::new();
        for step in 0..6 {
            change(&mut random, &data, step);
            both.assert_same(&data);
            if random.once_in(3) {
                let snapshots = [both.scanned.begin(), both.queried.begin()];
                held.push(snapshots.map(|snapshot| snapshot.expect("a snapshot")));
            }
            for [scanned, queried] in &held {
                assert_same(&**scanned, &**queried, &data);
            }
        }
    }
}

/// A load or a deletion that nobody would think of.
fn change(random: &mut Random, data: &Data, step: usize) {
    let custom = Options { custom: true, ..data.options() };
    let count = random.pick(&[1, 3, 40, 400]);
    let mut csv = String::new();
    let object = random.pick(&["Account", "Account", "Invoice", "InvoiceItem", "InvoiceItem", "delete"]);
    match object {
        "Account" => {
            csv.push_str(&format!("Id,AccountNumber,Name,BillCycleDay,Balance,AutoPay,ParentId,Extra{step}__c\n"));
            for _ in 0..count {
                let (id, parent) = (id(random, "a"), id(random, "a"));
                let (name, extra) = (text(random), text(random));
                let (day, balance) = (random.pick(&["", "0", "1", "31"]), random.pick(&["", "0", "-1.5", "1e20"]));
                let auto = random.pick(&["", "true", "false"]);
                csv.push_str(&format!("{id},A-{id},{name},{day},{balance},{auto},{parent},{extra}\n"));
            }
        }
        "Invoice" => {
            csv.push_str("Id,AccountId,InvoiceNumber,InvoiceDate,Amount\n");
            for _ in 0..count {
                let (id, account, number) = (id(random, "i"), id(random, "a"), text(random));
                csv.push_str(&format!("{id},{account},{number},2026-02-28,{}\n", random.between(-300, 70_000)));
            }
        }
        "InvoiceItem" => {
            csv.push_str("Id,InvoiceId,ChargeName,Quantity\n");
            let mut invoice = String::new();
            for _ in 0..count {
                if random.once_in(3) {
                    invoice = id(random, "i");
                }
                csv.push_str(&format!("{},{invoice},{},{}\n", id(random, "t"), text(random), random.below(5)));
            }
        }
        _ => {
            let ids: Vec<String> = (0..count).map(|_| id(random, "a")).collect();
            delete(data, "Account", &ids);
            return;
        }
    }
    data.load(object, &csv, &custom).expect("loaded");
}

fn delete(data: &Data, object: &str, ids: &[String]) {
    let input = load::Input { object: object.to_owned(), path: data.file("gone.txt", ids.join("\n")) };
    load::delete(data.source.begin_load_now().expect("a load"), &input).expect("deleted");
}

/// One of some Ids: rows are updated, and join what is there, what is deleted and what never was.
fn id(random: &mut Random, kind: &str) -> String {
    match random.once_in(10) {
        true => String::new() + kind + "-none",
        false => format!("{kind}{:030}", random.below(300)),
    }
}

/// Nothing, little, more than fits into a page, or more than fits into many.
fn text(random: &mut Random) -> String {
    let length = random.pick(&[0, 0, 1, 5, 57, 58, 59, 200, 2_000, 8_100, 8_192, 9_000, 40_000]);
    let letter = random.pick(&["a", "é", "語", "🙂"]);
    let length = if random.once_in(4) { length } else { length.min(60) };
    letter.repeat(length / letter.len())
}

/// So many different records are joined that they are read all at once in the middle of the query.
#[test]
fn a_joined_object_that_is_gathered_is_what_was_looked_up() {
    const ACCOUNTS: usize = 10_000;
    let mut random = Random::new(7);
    let data = Data::new();
    let mut accounts = "Id,AccountNumber,Name,Balance,AutoPay,ParentId\n".to_owned();
    for at in 0..ACCOUNTS {
        let (name, balance) = (text(&mut random), random.pick(&["", "0", "-1.5"]));
        let parent = random.below(ACCOUNTS * 2);
        accounts.push_str(&format!("a{at:05},A-{at},{name},{balance},true,a{parent:05}\n"));
    }
    let mut invoices = "Id,AccountId,Amount\n".to_owned();
    for at in 0..20_000 {
        // A few have none, and some one that is not there.
        let account = if random.once_in(20) { String::new() } else { format!("a{:05}", random.below(ACCOUNTS + 500)) };
        invoices.push_str(&format!("i{at:05},{account},{at}\n"));
    }
    data.load("Account", &accounts, &data.options()).expect("loaded");
    data.load("Invoice", &invoices, &data.options()).expect("loaded");
    let gone: Vec<String> = (0..ACCOUNTS).step_by(7).map(|at| format!("a{at:05}")).collect();
    delete(&data, "Account", &gone);

    for readers in [1, 3] {
        let Both { scanned, queried } = Both::of(&data, readers);
        let [scanned, queried] = [scanned, queried].map(|source| source.begin().expect("a snapshot"));
        for text in &QUERIES[2..4] {
            let question = Question::new(text, &data.zone);
            let [scanned, queried] =
                [&scanned, &queried].map(|snapshot| answer(&**snapshot, &question, &Rows::LIVE).expect("an answer"));
            // Twice as much of it would not be read on a screen.
            assert!(scanned == queried, "{text}");
        }
    }
}

/// Rows that join what stands behind what the last one has joined: mostly, for there are jumps, and gaps, and long records.
#[test]
fn what_is_joined_in_the_order_of_its_table_is_what_was_looked_up() {
    const INVOICES: usize = 1_000;
    let mut random = Random::new(11);
    let data = Data::new();
    let mut accounts = "Id,Name\n".to_owned();
    let mut invoices = "Id,AccountId,Amount,InvoiceDate\n".to_owned();
    let mut items = "Id,InvoiceId,AccountId,ChargeName\n".to_owned();
    for at in 0..INVOICES {
        accounts.push_str(&format!("a{at:05},{}\n", text(&mut random)));
        invoices.push_str(&format!("i{at:05},a{:05},{at},2026-02-28\n", at.saturating_sub(random.below(3))));
        let invoice = if random.once_in(30) { random.below(INVOICES + 20) } else { at };
        for item in 0..random.below(4) {
            items.push_str(&format!("t{at:05}{item},i{invoice:05},a{at:05},{item}\n"));
        }
    }
    for (object, csv) in [("Account", &accounts), ("Invoice", &invoices), ("InvoiceItem", &items)] {
        data.load(object, csv, &data.options()).expect("loaded");
    }
    for object in ["Account", "Invoice"] {
        let gone: Vec<String> = (0..INVOICES)
            .filter(|_| random.once_in(9))
            .map(|at| format!("{}{at:05}", &object[..1].to_lowercase()))
            .collect();
        delete(&data, object, &gone);
    }
    Both::of(&data, 1).assert_same(&data);
    Both::of(&data, 3).assert_same(&data);
}

#[test]
fn a_tree_of_three_levels_is_scanned_in_order() {
    let data = Data::new();
    let name = "n".repeat(3_000);
    upsert_accounts(&data, (0..4_000).map(|at| (format!("a{at:05}"), name.clone())));
    Both::of(&data, 2).assert_same(&data);
}

#[test]
fn scans_are_consistent_while_loads_are_committed() {
    let data = Data::new();
    let rename = |round: usize| {
        let name = format!("{round}-{}", "x".repeat(round * 37 % 9_000));
        upsert_accounts(&data, (0..200).map(|at| (format!("a{at:04}"), name.clone())));
    };
    rename(0);
    let both = Both::of(&data, 2);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            (1..40).for_each(rename);
            done.store(true, Ordering::Relaxed);
        });
        while !done.load(Ordering::Relaxed) {
            let (scanned, queried) =
                (both.scanned.begin().expect("a snapshot"), both.queried.begin().expect("a snapshot"));
            if scanned.position() == queried.position() {
                assert_same(&*scanned, &*queried, &data);
            }
        }
    });
}

#[test]
fn a_damaged_page_is_an_error_that_names_the_table() {
    let data = Data::new();
    upsert_accounts(&data, (0..2_000).map(|at| (format!("a{at:04}"), format!("name of {at}"))));
    let path = data.folder.path().join("data.sqlite");
    let mut bytes = fs::read(&path).expect("a file");
    let has_names = |page: &&mut [u8]| page.windows(8).any(|text| text == b"name of ");
    let mut leaves: Vec<&mut [u8]> = bytes.chunks_mut(8192).filter(has_names).collect();
    // Not the first or last, which SQLite itself looks at.
    let middle = leaves.len() / 2;
    leaves[middle][0] = 77;
    fs::write(&path, bytes).expect("written");
    let source = data.reopen(Catalog::builtin().clone()).expect("opens");
    let snapshot = source.begin().expect("a snapshot");
    let question = Question::new("select Id, Name from Account", &data.zone);
    let query = zoql::compile(&question.text, snapshot.catalog(), &question.options).expect("compiles").query;
    let mut sink = Lines::default();
    let parts = snapshot.parts(&query, &Rows::LIVE).expect("parts");
    let fault = parts.into_iter().find_map(|part| part.read(&mut sink).err()).expect("an error");
    assert_eq!(
        (fault.kind, fault.to_string().as_str()),
        (Kind::Corrupt, "Account: the data file has a page that belongs to no table")
    );
}
