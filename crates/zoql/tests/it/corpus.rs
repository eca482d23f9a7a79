//! Queries and what becomes of them: `tests/corpus/*.zoql`.
//!
//! A case is a line `=== title | options`, the query, a line `---`, and the bound query or the diagnostics. The options
//! are words with commas between: `zoql`, `extended`, `masked`, `api 68`, `zone Europe/Berlin`; without any it is Export ZOQL,
//! strict, the latest API version, a tenant in New York. In a query, `{3 x}` stands for `xxx`. Of many diagnostics the
//! first and the last are kept, of long lines the beginning. `UPDATE=1 cargo test -p zoql` writes what comes out.

use std::{collections::BTreeSet, env, fs, path::PathBuf, sync::LazyLock};

use jiff::tz::TimeZone;
use zoql::{
    ApiVersion, Catalog, Code, Compat, Compiled, Diagnostic, Language, Options,
    catalog::{CatalogFiles, FieldType},
    compile,
};

use crate::render;

struct Case<'a> {
    header: &'a str,
    query: &'a str,
    expected: &'a str,
}

/// The built-in catalog and the fields of somebody's own.
pub static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
    let masked = "object,field,label,type,contexts,masked\n\
                  PaymentMethod,Pin__c,Pin,text,both,yes\nPaymentMethod,Until__c,Until,date,both,yes\n";
    let files = CatalogFiles { objects: "", fields: masked, joins: "", date_changes: "" };
    let mut catalog = Catalog::builtin().extended(&files).expect("two fields");
    let account = catalog.find("Account").expect("Account is built in");
    catalog.add_custom_field(account, "Region__c", FieldType::Text);
    catalog.add_custom_field(account, "Renewed__c", FieldType::Date);
    catalog
});

pub fn options() -> Options {
    Options {
        language: Language::Export,
        compat: Compat::Strict,
        api_version: ApiVersion::LATEST,
        tenant_zone: TimeZone::get("America/New_York").unwrap(),
        uses_masked: false,
    }
}

fn files() -> Vec<(PathBuf, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        (path, text)
    };
    paths.into_iter().map(read).collect()
}

fn cases(text: &str) -> Vec<Case<'_>> {
    let starts = text.match_indices("=== ").filter(|(at, _)| *at == 0 || text[..*at].ends_with('\n'));
    let starts: Vec<usize> = starts.map(|(at, _)| at).collect();
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(&start, end)| {
            let (header, body) = text[start..end].split_once('\n').expect("a case has a query");
            let (query, expected) = body.split_once("\n---").unwrap_or((body.trim_end(), ""));
            Case { header, query, expected }
        })
        .collect()
}

fn options_of(header: &str) -> Options {
    let mut options = options();
    let Some((_, words)) = header.rsplit_once(" | ") else { return options };
    for word in words.split(", ") {
        match word.split_once(' ') {
            None if word == "zoql" => options.language = Language::Zoql,
            None if word == "extended" => options.compat = Compat::Extended,
            None if word == "masked" => options.uses_masked = true,
            Some(("api", version)) => options.api_version = version.parse().unwrap(),
            Some(("zone", name)) => options.tenant_zone = TimeZone::get(name).unwrap(),
            _ => panic!("unknown option `{word}` in `{header}`"),
        }
    }
    options
}

/// `{3 x}` is `xxx`.
fn expanded(query: &str) -> String {
    let mut out = String::new();
    let mut rest = query;
    while let Some((before, after)) = rest.split_once('{') {
        let (repeated, after) = after.split_once('}').expect("`{` has its `}`");
        let (times, text) = repeated.split_once(' ').expect("a number and a text");
        out.push_str(before);
        out.push_str(&text.repeat(times.parse().unwrap()));
        rest = after;
    }
    out + rest
}

fn compiled(case: &Case<'_>) -> (String, Result<Compiled, Vec<Diagnostic>>) {
    let query = expanded(case.query);
    let compiled = compile(&query, &CATALOG, &options_of(case.header));
    (query, compiled)
}

fn outcome(case: &Case<'_>) -> String {
    let outcome = match compiled(case) {
        (_, Ok(compiled)) => render::compiled(&compiled, &CATALOG),
        (query, Err(diagnostics)) => render::diagnostics(&query, &diagnostics),
    };
    let cut = |line: &str| match line.char_indices().nth(1_000) {
        Some((end, _)) => format!("{}… and so on, {} bytes\n", &line[..end], line.len()),
        None => format!("{line}\n"),
    };
    outcome.lines().map(cut).collect()
}

#[test]
fn queries_become_what_the_corpus_says() {
    let update = env::var_os("UPDATE").is_some();
    let mut wrong = Vec::new();
    for (path, text) in files() {
        let mut fresh = String::new();
        for case in cases(&text) {
            let outcome = outcome(&case);
            if outcome.trim_end() != case.expected.trim() {
                wrong.push(format!("{}\n{}\n\n{}\nnow:\n{outcome}", case.header, case.query, case.expected.trim()));
            }
            fresh.push_str(&format!("{}\n{}\n---\n{}\n\n", case.header, case.query, outcome.trim_end()));
        }
        if update {
            fs::write(path, fresh.trim_end().to_owned() + "\n").unwrap();
        }
    }
    assert!(update || wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn every_kind_of_fault_is_in_the_corpus() {
    let mut seen = BTreeSet::new();
    for (_, text) in files() {
        for case in cases(&text) {
            seen.extend(compiled(&case).1.err().into_iter().flatten().map(|it| it.code));
        }
    }
    let missing: Vec<&Code> = Code::ALL.iter().filter(|code| !seen.contains(code)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
