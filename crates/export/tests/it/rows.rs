//! How a row is written.

use export::cell::{Cell, CellSink, Date, Timestamp};
use export::csv::{Column, Encoder, Style};
use export::file::{FileSpec, Progress};
use jiff::tz::TimeZone;
use proptest::prelude::*;

use crate::support::{FORMATS, Place, columns, part, spec, unpacked};

#[test]
fn every_rule_of_rows_txt() {
    let mut failures = String::new();
    let mut cases = 0;
    for line in include_str!("rows.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let [settings, cells, expected] = line.splitn(3, "=>").collect::<Vec<_>>()[..] else { panic!("{line}") };
        let cells: Vec<Owned> = cells.trim().split(" & ").map(Owned::parse).collect();
        let expected = unescape(expected.trim());
        let written = encode(settings, &cells);
        if written != format!("{expected}\n") {
            failures += &format!("{line}\n  wrote {written:?}\n");
        }
        cases += 1;
    }
    assert!(failures.is_empty(), "\n{failures}");
    assert!(cases > 60, "{cases} cases only");
}

/// One row under the settings of `rows.txt`. Written once more as a run, wherever that is in the row, it is the same.
fn encode(settings: &str, cells: &[Owned]) -> String {
    let mut columns = columns(cells.len());
    let style = style(settings, &mut columns);
    let mut encoder = Encoder::new(&columns, &style);
    assert!(!encoder.repeat_run(0), "there is none yet");
    cells.iter().for_each(|cell| encoder.cell(cell.borrow()));
    encoder.end_row().unwrap();
    let row = encoder.take(Vec::new());
    for start in 0..cells.len() {
        let (before, run) = cells.split_at(start);
        for is_again in [false, true] {
            before.iter().for_each(|cell| encoder.cell(cell.borrow()));
            if !(is_again && encoder.repeat_run(start)) {
                assert!(!is_again, "it is too short to be forgotten");
                encoder.begin_run();
                run.iter().for_each(|cell| encoder.cell(cell.borrow()));
                encoder.end_run(start);
            }
            encoder.end_row().unwrap();
            assert_eq!(encoder.take(Vec::new()), row, "from {start}");
        }
    }
    String::from_utf8(row).unwrap()
}

#[test]
fn a_long_run_is_not_kept() {
    let mut encoder = Encoder::new(&columns(1), &Style::default());
    for (length, is_kept) in [(4_000, true), (5_000, false), (1, true)] {
        encoder.begin_run();
        encoder.cell(Cell::Text(&"x".repeat(length)));
        encoder.end_run(0);
        encoder.end_row().unwrap();
        assert_eq!(encoder.repeat_run(0), is_kept, "{length}");
        if !is_kept {
            encoder.cell(Cell::Null);
        }
        encoder.end_row().unwrap();
    }
}

/// What the settings of `rows.txt` mean.
pub fn style(settings: &str, columns: &mut [Column]) -> Style {
    let mut style = Style::default();
    for setting in settings.split_ascii_whitespace() {
        match setting.split_once('=').unwrap_or((setting, "")) {
            ("null", text) => style.null_replacement = unescape(text),
            ("distinguish", _) => style.distinguish_empty = true,
            ("guard", _) => style.injection_guard = true,
            ("zone", name) => style.datetimes.zone = TimeZone::get(name).unwrap(),
            ("colon", _) => style.datetimes.colon_in_offset = true,
            ("midnight", _) => style.datetimes.date_at_midnight_los_angeles = true,
            ("mask", column) => columns[column.parse::<usize>().unwrap()].masked = true,
            _ => panic!("what is {setting}?"),
        }
    }
    style
}

/// A cell as `rows.txt` has it.
#[derive(Debug, Clone)]
pub enum Owned {
    Null,
    Text(String),
    Integer(i64),
    Decimal(String),
    Boolean(bool),
    Date(Date),
    Datetime(i64),
}

impl Owned {
    pub fn parse(cell: &str) -> Owned {
        let (kind, value) = cell.split_once(':').unwrap_or((cell, ""));
        match kind {
            "null" => Owned::Null,
            "text" => Owned::Text(unescape(value)),
            "int" => Owned::Integer(value.parse().unwrap()),
            "dec" => Owned::Decimal(value.to_owned()),
            "bool" => Owned::Boolean(value.parse().unwrap()),
            "date" => Owned::Date(Date::from_iso(value.as_bytes()).unwrap()),
            "at" => Owned::Datetime(value.parse().unwrap()),
            _ => panic!("what is {cell}?"),
        }
    }

    pub fn borrow(&self) -> Cell<'_> {
        match self {
            Owned::Null => Cell::Null,
            Owned::Text(text) => Cell::Text(text),
            Owned::Integer(value) => Cell::Integer(*value),
            Owned::Decimal(text) => Cell::Decimal(text),
            Owned::Boolean(value) => Cell::Boolean(*value),
            Owned::Date(date) => Cell::Date(*date),
            Owned::Datetime(at) => Cell::Datetime(Timestamp(*at)),
        }
    }
}

pub fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        out += before;
        let kind = after.chars().next().unwrap();
        let (char, used) = match kind {
            's' => (' ', 1),
            't' => ('\t', 1),
            'r' => ('\r', 1),
            'n' => ('\n', 1),
            '0' => ('\0', 1),
            '\\' => ('\\', 1),
            'x' => (char::from(u8::from_str_radix(&after[1..3], 16).unwrap()), 3),
            'u' => {
                let end = after.find('}').unwrap();
                (char::from_u32(u32::from_str_radix(&after[2..end], 16).unwrap()).unwrap(), end + 1)
            }
            _ => panic!("what is \\{kind}?"),
        };
        out.push(char);
        rest = &after[used..];
    }
    out + rest
}

#[test]
fn the_header_line_is_quoted_like_texts_and_never_guarded() {
    let style = Style { injection_guard: true, ..Style::default() };
    let mut columns = columns(4);
    for (column, header) in columns.iter_mut().zip(["Account.Id", "Account: ID", "a, \"b\"", "=Due"]) {
        column.header = header.to_owned();
    }
    let mut encoder = Encoder::new(&columns, &style);
    encoder.header(&columns);
    assert_eq!(encoder.as_bytes(), b"Account.Id,Account: ID,\"a, \"\"b\"\"\",=Due\n");
}

#[test]
fn what_is_taken_is_not_written_again() {
    let columns = columns(1);
    let mut encoder = Encoder::new(&columns, &Style::default());
    encoder.cell(Cell::Integer(1));
    encoder.end_row().unwrap();
    assert_eq!(encoder.take(b"left over".to_vec()), b"1\n");
    encoder.cell(Cell::Null);
    encoder.end_row().unwrap();
    encoder.cell(Cell::Null);
    encoder.end_row().unwrap();
    assert_eq!(encoder.as_bytes(), b"\"\"\n\"\"\n");
}

/// What is left of a text: rows.txt has the rule in examples, this is the rule itself.
fn without_controls(text: &str) -> String {
    text.chars().filter(|char| *char >= ' ' || matches!(char, '\t' | '\n' | '\r')).collect()
}

/// Short and long texts of what matters to CSV, and of anything.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[ -~]{0,40}",
        2 => "[a\",\n\r\t \0\u{1f};=ü]{0,20}",
        1 => any::<String>(),
        1 => "[a-z]{0,30}[,\"\n\r\0 ][a-z]{0,30}",
    ]
}

fn any_rows() -> impl Strategy<Value = Vec<Vec<Option<String>>>> {
    (1..6usize).prop_flat_map(|width| {
        prop::collection::vec(prop::collection::vec(prop::option::weighted(0.8, any_text()), width), 0..20)
    })
}

/// Cells of every kind, and what a reader sees of them in UTC.
fn any_cell() -> impl Strategy<Value = (Owned, String)> {
    prop_oneof![
        Just((Owned::Null, String::new())),
        any_text().prop_map(|text| (Owned::Text(text.clone()), without_controls(&text))),
        any::<i64>().prop_map(|value| (Owned::Integer(value), value.to_string())),
        "-?[1-9][0-9]{0,37}([.][0-9]{0,20}[1-9])?".prop_map(|text| (Owned::Decimal(text.clone()), text)),
        any::<bool>().prop_map(|value| (Owned::Boolean(value), value.to_string())),
        "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])"
            .prop_map(|text| (Owned::parse(&format!("date:{text}")), text)),
        (-62_135_596_800_000_000..253_402_000_000_000_000i64).prop_map(|at| {
            let shown = jiff::Timestamp::from_microsecond(at).unwrap().strftime("%Y-%m-%dT%H:%M:%S+0000");
            (Owned::Datetime(at), shown.to_string())
        }),
    ]
}

proptest! {
    #[test]
    fn rows_of_all_kinds_come_out_of_every_format(
        (width, rows) in (2..6usize).prop_flat_map(|width| {
            (Just(width), prop::collection::vec(prop::collection::vec(any_cell(), width), 0..20))
        }),
        cut in 0..20usize,
    ) {
        let expected: Vec<Vec<&str>> =
            rows.iter().map(|row| row.iter().map(|(_, shown)| shown.as_str()).collect()).collect();
        for format in FORMATS {
            let halves = [&rows[..cut.min(rows.len())], &rows[cut.min(rows.len())..]].map(<[_]>::to_vec);
            let parts = halves.map(|rows| part(move |sink| {
                for row in &rows {
                    row.iter().for_each(|(cell, _)| sink.cell(cell.borrow()));
                    sink.end_row()?;
                }
                Ok(())
            }));
            let spec = FileSpec { format, style: Style::default(), ..spec(width, 2) };
            let place = Place::memory();
            place.write(&spec, &Progress::default(), parts).unwrap();
            let csv = unpacked(format, &place.read().unwrap());
            let records = csv::Reader::from_reader(&*csv).into_records().map(Result::unwrap).collect::<Vec<_>>();
            let read: Vec<Vec<&str>> = records.iter().map(|record| record.iter().collect()).collect();
            prop_assert_eq!(&read, &expected);
        }
    }

    #[test]
    fn a_reader_of_csv_reads_what_was_written(rows in any_rows(), null in "[ -~]{0,6}", distinguish: bool) {
        let width = rows.first().map_or(1, Vec::len);
        // The one case that cannot be told from nothing is a lonely null, see rows.txt.
        prop_assume!(!(distinguish && width == 1 && null.is_empty()));
        let style = Style { null_replacement: null.clone(), distinguish_empty: distinguish, ..Style::default() };
        let mut encoder = Encoder::new(&columns(width), &style);
        for row in &rows {
            row.iter().for_each(|cell| encoder.cell(cell.as_deref().map_or(Cell::Null, Cell::Text)));
            encoder.end_row().unwrap();
        }
        let read: Vec<Vec<String>> = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(encoder.as_bytes())
            .records()
            .map(|record| record.unwrap().iter().map(str::to_owned).collect())
            .collect();
        let expected: Vec<Vec<String>> = rows
            .iter()
            .map(|row| row.iter().map(|cell| cell.as_deref().map_or(null.clone(), without_controls)).collect())
            .collect();
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn nothing_is_quoted_without_need(text in any_text()) {
        let mut encoder = Encoder::new(&columns(1), &Style::default());
        encoder.cell(Cell::Text(&text));
        encoder.end_row().unwrap();
        let clean = without_controls(&text);
        let need = clean.is_empty() || clean.starts_with(' ') || clean.ends_with(' ') || clean.contains([',', '"', '\n', '\r']);
        let expected = if need { format!("\"{}\"\n", clean.replace('"', "\"\"")) } else { format!("{clean}\n") };
        prop_assert_eq!(std::str::from_utf8(encoder.as_bytes()).unwrap(), expected);
    }

    #[test]
    fn a_guarded_text_starts_no_formula(text in any_text()) {
        let style = Style { injection_guard: true, ..Style::default() };
        let mut encoder = Encoder::new(&columns(2), &style);
        encoder.cell(Cell::Text(&text));
        encoder.cell(Cell::Text(&text));
        encoder.end_row().unwrap();
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(encoder.as_bytes());
        let record = reader.records().next().unwrap().unwrap();
        prop_assert!(!record[0].starts_with(['=', '+', '-', '@', ';']));
        prop_assert!([";=", ";+", ";-", ";@"].iter().all(|pair| !record[0].contains(pair)));
        prop_assert_eq!(record[0].replace('\'', ""), without_controls(&text).replace('\'', ""));
    }
}
