//! Loading files: what they may look like, what is said when they are wrong, what a load is.

use std::{fs, io::Write as _, sync::Arc};

use engine::{
    Source, embedded,
    load::{self, Counts, Input, Options},
};
use flate2::{Compression, write::GzEncoder};
use jiff::Timestamp;
use zoql::{
    Catalog,
    catalog::{CatalogFiles, FieldType},
};

use super::support::{Data, changed, upsert_accounts};

fn load_files(data: &Data, inputs: &[(&str, &std::path::Path)], options: &Options) -> Result<load::Report, String> {
    let inputs: Vec<Input> =
        inputs.iter().map(|(object, path)| Input { object: (*object).to_owned(), path: (*path).to_owned() }).collect();
    let load = data.source.begin_load_now().expect("a load");
    load::load(load, &inputs, options, &mut |_| {}).map_err(|error| error.to_string())
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).expect("written");
    encoder.finish().expect("finished")
}

#[test]
fn csv_gzip_and_ndjson_say_the_same() {
    let csv = "Id,Name,Balance,AutoPay\na1,\"Acme, \"\"Inc\"\"\",1.50,true\na2,,-3,\n";
    let ndjson = r#"{"Id":"a1","Name":"Acme, \"Inc\"","Balance":1.50,"AutoPay":true}

{"Balance":-3,"Id":"a2","Name":null}
"#;
    for (name, content) in [
        ("a.csv", csv.as_bytes().to_vec()),
        ("a.csv.gz", gzip(csv)),
        ("a.ndjson", ndjson.as_bytes().to_vec()),
        ("a.ndjson.gz", gzip(ndjson)),
        ("bom.csv", [b"\xef\xbb\xbf", csv.as_bytes()].concat()),
        ("crlf.csv", csv.replace('\n', "\r\n").into_bytes()),
    ] {
        let data = Data::new();
        let report = load_files(&data, &[("account", &data.file(name, content))], &data.options()).expect(name);
        assert_eq!(report.objects["Account"], Counts { inserted: 2, ..Counts::default() }, "{name}");
        let rows = data.query("select Id, Name, Balance, AutoPay from Account");
        assert_eq!(rows[1..], ["a1|Acme, \"Inc\"|1.5|true", "a2|NULL|-3|NULL"], "{name}");
    }
}

#[test]
fn counts_say_what_became_of_each_row() {
    let data = Data::new();
    let options = data.options();
    let counts = |csv: &str| data.load("Account", csv, &options).expect("loads");
    let none = Counts::default();
    assert_eq!(counts("Id,Name\na1,Acme\n"), Counts { inserted: 1, ..none });
    assert_eq!(counts("Id,Name\na1,Acme\n"), Counts { unchanged: 1, ..none });
    assert_eq!(counts("Id,Name\na1,Bolt\na2,Cask\n"), Counts { updated: 1, inserted: 1, ..none });
    assert_eq!(counts("Id,Deleted\na1,true\na2,false\n"), Counts { deleted: 1, unchanged: 1, ..none });
    assert_eq!(counts("Id,Deleted\na1,true\n"), Counts { unchanged: 1, ..none });
    assert_eq!(data.query("select Id, Name from Account")[1..], ["a2|Cask"]);
}

#[test]
fn fields_a_file_lacks_keep_their_values() {
    let data = Data::new();
    data.load("Account", "Id,Name,Balance\na1,Acme,5\n", &data.options()).expect("loads");
    data.load("Account", "Id,Balance\na1,6\n", &data.options()).expect("loads");
    assert_eq!(data.query("select Name, Balance from Account")[1..], ["Acme|6"]);
}

#[test]
fn audit_dates_that_a_file_lacks_are_the_loads() {
    let data = Data::new();
    data.load("Account", "Id,Name\na1,Acme\n", &data.options()).expect("loads");
    *data.now.lock().expect("a clock") = super::support::instant("2026-03-01T00:00:00Z");
    data.load("Account", "Id,Name\na1,Bolt\n", &data.options()).expect("loads");
    let rows = data.query("select CreatedDate, UpdatedDate from Account");
    assert_eq!(rows[1..], ["2026-02-28T12:00:00Z|2026-03-01T00:00:00Z"]);
}

#[test]
fn the_last_of_several_rows_with_one_id_stays() {
    for before in ["", "Id,Name\na9,Old\n"] {
        let data = Data::new();
        if !before.is_empty() {
            data.load("Account", before, &data.options()).expect("loads");
        }
        let counts = data.load("Account", "Id,Name\na1,First\na2,Other\na1,Last\n", &data.options()).expect("loads");
        assert_eq!(counts, Counts { inserted: 2, updated: 1, ..Counts::default() });
        let rows = data.query("select Id, Name from Account where Id != 'a9' order by Id");
        assert_eq!(rows[1..], ["a1|Last", "a2|Other"]);
    }
}

#[test]
fn files_of_different_columns_fill_one_object() {
    let data = Data::new();
    let first = data.file("1.csv", "Id,Name\na1,Acme\na2,Bolt\n");
    let second = data.file("2.csv", "Id,Balance\na2,7\na3,8\n");
    let report = load_files(&data, &[("Account", &first), ("Account", &second)], &data.options()).expect("loads");
    assert_eq!(report.objects["Account"], Counts { inserted: 3, updated: 1, ..Counts::default() });
    assert_eq!(
        data.query("select Id, Name, Balance from Account order by Id")[1..],
        ["a1|Acme|NULL", "a2|Bolt|7", "a3|NULL|8"]
    );
}

#[test]
fn faults_name_file_line_column_and_why() {
    for (name, content, said) in [
        ("a.csv", "Id,Balance\na1,5\na2,five\n", "a.csv:3: column Balance: \"five\" is not a decimal"),
        ("b.csv", "Id,Name\na1,Acme\n,Bolt\n", "b.csv:3: column Id: a row without an Id"),
        ("c.csv", "Id,Name\na1\n", "c.csv:2: 1 values where the header has 2 columns"),
        (
            "d.csv",
            "Name,Balance\nAcme,5\n",
            "d.csv:1: no column is the Id of Account; the header begins: Name, Balance",
        ),
        ("e.csv", "Id,Deleted\na1,perhaps\n", "e.csv:2: column Deleted: \"perhaps\" is not a boolean"),
        ("f.csv", "", "f.csv: the file is empty"),
        ("g.ndjson", "{\"Id\":\"a1\"}\n{\"Id\":\n", "g.ndjson:2: not a JSON object"),
        ("h.ndjson", "{\"Id\":\"a1\",\"Name\":{\"x\":1}}\n", "h.ndjson:1: Name has a nested value"),
        ("i.csv", "Id,LastInvoiceDate\na1,2026-02-30\n", "\"2026-02-30\" is not a date"),
        ("j.csv", "Id,Name\na1,\"Ac\nme\"\na2\n", "j.csv:4: 1 values"),
    ] {
        let data = Data::new();
        let fault = load_files(&data, &[("Account", &data.file(name, content))], &data.options()).expect_err(name);
        assert!(fault.contains(said), "{name}: {fault}");
        assert!(data.source.is_empty().expect("readable"), "{name}: nothing is loaded");
    }
    let data = Data::new();
    let latin = data.file("latin.csv", b"Id,Name\na1,Caf\xe9\n");
    let fault = load_files(&data, &[("Account", &latin)], &data.options()).expect_err("not UTF-8");
    assert!(fault.contains("latin.csv:2: column Name: not UTF-8"), "{fault}");
    let fault = load_files(&data, &[("Acount", &latin)], &data.options()).expect_err("no such object");
    assert!(fault.contains("no object named Acount; perhaps Account"), "{fault}");
}

#[test]
fn skipped_rows_go_to_a_file_that_can_be_mended_and_loaded() {
    let data = Data::new();
    let rejects = data.folder.path().join("rejected.csv");
    let options = Options { rejects: Some(rejects.clone()), ..data.options() };
    let counts = data.load("Account", "Id,Balance\na1,5\na2,five\na3,6\n", &options).expect("loads");
    assert_eq!(counts, Counts { inserted: 2, rejected: 1, ..Counts::default() });
    let written = fs::read_to_string(&rejects).expect("written");
    let (header, row) = written.trim_end().split_once('\n').expect("two lines");
    assert_eq!(header, "Id,Balance,_rejected");
    assert!(row.starts_with("a2,five,") && row.contains("column Balance"), "{row}");

    fs::write(&rejects, written.replace("a2,five", "a2,7")).expect("mended");
    load_files(&data, &[("Account", &rejects)], &data.options()).expect("loads");
    assert_eq!(data.query("select Id, Balance from Account")[1..], ["a1|5", "a3|6", "a2|7"]);
}

#[test]
fn unknown_columns_are_reported_or_kept() {
    let data = Data::new();
    let file = data.file("a.csv", "Id,Name,region_c,_fivetran_synced\na1,Acme,North,yesterday\n");
    let report = load_files(&data, &[("Account", &file)], &data.options()).expect("loads");
    assert_eq!(report.unmatched[&file], ["region_c", "_fivetran_synced"]);

    let other = data.reopen(Catalog::builtin().clone()).expect("opens");
    let custom = Options { custom: true, ..data.options() };
    let report = load_files(&data, &[("Account", &file)], &custom).expect("loads");
    assert!(report.unmatched.is_empty());
    assert_eq!(data.query("select Id, Region__c from Account")[1..], ["a1|North"]);
    // Whoever had the data open before sees the new fields too.
    let catalog = other.catalog().expect("a catalog");
    let account = catalog.object(catalog.find("Account").expect("an object"));
    assert!(account.find_field("region__c").is_some());
}

#[test]
fn several_objects_are_one_snapshot() {
    let data = Data::new();
    let folder = data.folder.path().join("extract");
    fs::create_dir(&folder).expect("made");
    fs::write(folder.join("zuora_account_data.csv"), "id,name\na1,Acme\n").expect("written");
    fs::write(folder.join("Contacts.ndjson"), "{\"Id\":\"c1\",\"LastName\":\"Ada\"}\n").expect("written");
    fs::write(folder.join("README.md"), "not rows").expect("written");
    let inputs = load::directory(Catalog::builtin(), &folder).expect("read");
    assert_eq!(inputs.iter().map(|input| input.object.as_str()).collect::<Vec<_>>(), ["Account", "Contact"]);

    let before = data.source.begin().expect("a snapshot").position().clone();
    let begun = || data.source.begin_load_now().expect("a load");
    load::load(begun(), &inputs, &data.options(), &mut |_| {}).expect("loads");
    let after = data.source.begin().expect("a snapshot").position().clone();
    assert_eq!((before.0.as_str(), after.0.as_str()), ("0", "1@2026-02-28T12:00:00Z"));

    // A bad value in the second file takes back the first.
    fs::write(folder.join("zuora_account_data.csv"), "id,name\na1,Changed\n").expect("written");
    fs::write(folder.join("Contacts.ndjson"), "{\"Id\":\"c1\",\"UpdatedDate\":\"never\"}\n").expect("written");
    load::load(begun(), &inputs, &data.options(), &mut |_| {}).expect_err("refused");
    assert_eq!(data.query("select Name from Account")[1..], ["Acme"]);

    fs::write(folder.join("notes.csv"), "Id\n1\n").expect("written");
    let fault = load::directory(Catalog::builtin(), &folder).expect_err("no object").to_string();
    assert!(fault.contains("notes.csv: the name names no object"), "{fault}");
}

#[test]
fn an_uncommitted_load_never_was() {
    let data = Data::new();
    upsert_accounts(&data, [("a1".to_owned(), "Acme".to_owned())]);
    let mut load = data.source.begin_load(Timestamp::UNIX_EPOCH).expect("a load");
    let account = load.catalog().find("Account").expect("an object");
    load.deleter(account).expect("a deleter").delete("a1").expect("deleted");
    assert_eq!(data.query("select Id from Account")[1..], ["a1"], "not while it goes on");
    drop(load);
    assert_eq!(data.query("select Id from Account")[1..], ["a1"], "and not after");
}

#[test]
fn loading_the_same_whole_dump_twice_changes_nothing() {
    let data = Data::new();
    let dump: String = (0..5000).fold("Id,Name\n".to_owned(), |dump, at| dump + &format!("a{at},Name {at}\n"));
    let whole = Options { whole: true, ..data.options() };
    data.load("Account", &dump, &whole).expect("loads");
    let position = data.source.begin().expect("a snapshot").position().clone();
    let counts = data.load("Account", &dump, &whole).expect("loads");
    assert_eq!(counts, Counts { unchanged: 5000, ..Counts::default() });
    let snapshot = data.source.begin().expect("a snapshot");
    let question = super::support::Question::new("select Id from Account", &data.zone);
    let rows = super::support::answer(&*snapshot, &question, &changed(&position, None, true)).expect("an answer");
    assert_eq!(rows.len(), 1, "only the header");
}

#[test]
fn tables_follow_a_catalog_that_grows_and_refuse_one_that_contradicts() {
    let grown = |kind: &str| {
        let fields = format!(
            "object,field,label,type,nullable,contexts,options,since_wsdl,masked\nAccount,Shoe__c,Shoe,{kind},yes,both,,,\n"
        );
        let files = CatalogFiles { objects: "", fields: &fields, joins: "", date_changes: "" };
        Arc::new(Catalog::builtin().extended(&files).expect("a catalog"))
    };
    let mut data = Data::new();
    data.load("Account", "Id,Name\na1,Acme\n", &data.options()).expect("loads");
    data.source = data.reopen(grown("decimal")).expect("opens");
    data.load("Account", "Id,Shoe\na1,42.5\n", &data.options()).expect("loads");
    assert_eq!(data.query("select Shoe__c from Account where Shoe__c > 9")[1..], ["42.5"]);
    let fault = data.reopen(grown("boolean")).err().expect("refused").to_string();
    assert!(fault.contains("Account.Shoe__c is stored as decimal, the catalog says boolean"), "{fault}");
}

#[test]
fn a_file_that_is_not_ours_is_left_alone() {
    let data = Data::new();
    let path = data.file("other.sqlite", "this is not a database, but long enough to be looked at");
    let clock: embedded::Clock = Arc::new(|| Timestamp::UNIX_EPOCH);
    let fault = embedded::Embedded::open(&path, Catalog::builtin().clone(), clock).err().expect("refused");
    assert_eq!(fault.kind, engine::error::Kind::Corrupt, "{fault}");
    assert!(fs::read_to_string(&path).expect("there").starts_with("this is not"));
}

#[test]
fn custom_fields_keep_the_type_they_were_given() {
    let data = Data::new();
    let mut load = data.source.begin_load(Timestamp::UNIX_EPOCH).expect("a load");
    let account = load.catalog().find("Account").expect("an object");
    let field = load.add_custom_field(account, "Score__c", FieldType::Integer).expect("added");
    assert_eq!(load.add_custom_field(account, "score__C", FieldType::Text).expect("known"), field);
    load.commit().expect("committed");
    data.load("Account", "Id,Score\na1,10\na2,9\n", &data.options()).expect("loads");
    assert_eq!(data.query("select Id from Account order by Score__c")[1..], ["a2", "a1"]);
}
