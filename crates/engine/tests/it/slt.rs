//! Runs `tests/slt/*.slt`: data and queries in, rows out. `UPDATE=1 cargo test -p engine` writes the answers anew.
//!
//! A file is a list of blocks, separated by empty lines; `#` begins a comment.
//!
//! ```text
//! now 2026-02-28T12:00:00Z           the instant of loads and snapshots from here on
//! zone Europe/Berlin                 the tenant's zone from here on; America/Los_Angeles before
//! load Account [whole]               CSV, header first, or NDJSON
//! delete Account                     Ids, one a line
//! position NAME                      remembers where the data stands
//! query [zoql] [extended] [api=68] [rows=all] [since=NAME [until=NAME] [deleted] [updated=INSTANT]]
//! select …
//! ----
//! the header, the rows, or `error: …`
//! ```

use std::{collections::HashMap, fs, path::Path};

use engine::{Flag, Position, Rows, Source, Which, load};
use zoql::{Compat, Language};

use super::support::{Data, Question, answer, changed, instant};

#[test]
fn every_file_answers_as_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slt");
    let mut files: Vec<_> =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    assert!(!files.is_empty());
    let update = std::env::var_os("UPDATE").is_some();
    let mut wrong = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("readable");
        // By pages where that can be done and by SQL, which must answer the same.
        for (readers, scans) in [(1, true), (3, true), (3, false)] {
            let answered = run(&text, readers, scans);
            if answered == text {
                continue;
            }
            if update {
                fs::write(&file, answered).expect("written");
                break;
            }
            let how = format!("with {readers} readers{}", if scans { "" } else { ", without scans" });
            wrong.push(format!("{} {how}:\n{}", file.display(), difference(&text, &answered)));
        }
    }
    assert!(wrong.is_empty(), "{}\nUPDATE=1 writes the answers anew", wrong.join("\n"));
}

fn difference(expected: &str, answered: &str) -> String {
    let (mut expected, mut answered) = (expected.lines(), answered.lines());
    let mut context = Vec::new();
    loop {
        match (expected.next(), answered.next()) {
            (Some(wanted), Some(got)) if wanted == got => context.push(wanted),
            (wanted, got) => {
                let before = context[context.len().saturating_sub(6)..].join("\n");
                return format!("{before}\nexpected: {}\n     got: {}", wanted.unwrap_or(""), got.unwrap_or(""));
            }
        }
    }
}

/// The file as it would be if every answer were right.
fn run(text: &str, readers: usize, scans: bool) -> String {
    let mut data = Data::new();
    data.source = data.reopen(zoql::Catalog::builtin().clone()).expect("opens").with_readers(readers);
    if !scans {
        data.source = data.source.without_scan();
    }
    let mut positions = HashMap::new();
    let blocks = text.trim_end().split("\n\n").map(|block| run_block(block, &mut data, &mut positions));
    blocks.collect::<Vec<_>>().join("\n\n") + "\n"
}

fn run_block(block: &str, data: &mut Data, positions: &mut HashMap<String, Position>) -> String {
    let comments = block.lines().take_while(|line| line.starts_with('#')).count();
    let lines: Vec<&str> = block.lines().skip(comments).collect();
    let Some((directive, body)) = lines.split_first() else { return block.to_owned() };
    let words: Vec<&str> = directive.split_whitespace().collect();
    match words.as_slice() {
        ["now", at] => *data.now.lock().expect("a clock") = instant(at),
        ["zone", zone] => data.zone = jiff::tz::TimeZone::get(zone).expect("a zone"),
        ["load", object, rest @ ..] => {
            let mut options = data.options();
            options.whole = rest == ["whole"];
            data.load(object, &(body.join("\n") + "\n"), &options)
                .unwrap_or_else(|error| panic!("{directive}: {error}"));
        }
        ["delete", object] => {
            let path = data.file("ids.txt", body.join("\n"));
            let input = load::Input { object: (*object).to_owned(), path };
            let load = data.source.begin_load_now().expect("a load");
            load::delete(load, &input).unwrap_or_else(|error| panic!("{directive}: {error}"));
        }
        ["position", name] => {
            let snapshot = data.source.begin().expect("a snapshot");
            positions.insert((*name).to_owned(), snapshot.position().clone());
        }
        ["query", options @ ..] => {
            let split = body.iter().position(|line| *line == "----").unwrap_or(body.len());
            let answered = query(data, positions, options, &body[..split].join("\n"));
            let kept = block.lines().take(comments + 1 + split).collect::<Vec<_>>().join("\n");
            return format!("{kept}\n----\n{answered}");
        }
        _ => panic!("no such block: {directive}"),
    }
    block.to_owned()
}

fn query(data: &Data, positions: &HashMap<String, Position>, options: &[&str], text: &str) -> String {
    let mut question = Question::new(text, &data.zone);
    let (mut rows, mut since, mut until, mut deleted, mut updated) = (Rows::LIVE, None, None, false, None);
    for option in options {
        match option.split_once('=').unwrap_or((option, "")) {
            ("zoql", _) => question.options.language = Language::Zoql,
            ("extended", _) => question.options.compat = Compat::Extended,
            ("api", version) => question.options.api_version = version.parse().expect("a version"),
            ("rows", "all") => rows = Rows { which: Which::LiveAndDeleted, flag: Some(Flag::Numeric) },
            ("since", name) => since = Some(&positions[name]),
            ("until", name) => until = Some(&positions[name]),
            ("deleted", _) => deleted = true,
            ("updated", at) => updated = Some(instant(at)),
            _ => panic!("no such option: {option}"),
        }
    }
    if let Some(since) = since {
        rows = changed(since, until, deleted);
        if let Which::Changed { updated_since, .. } = &mut rows.which {
            *updated_since = updated;
        }
    }
    let snapshot = data.source.begin().expect("a snapshot");
    answer(&*snapshot, &question, &rows).map_or_else(|fault| fault, |lines| lines.join("\n"))
}
