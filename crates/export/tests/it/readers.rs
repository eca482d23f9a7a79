//! Files of hostile values: right to the byte, and read by others as they were meant.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use export::cell::{Cell, CellSink};
use export::compress::Format;
use export::csv::Column;
use export::file::{FileSpec, Progress};
use serde_json::{Value, json};

use crate::rows::{Owned, style, unescape};
use crate::support::{Broken, FORMATS, Place, part, spec};

/// A section of `hostile.txt`.
struct Section {
    name: String,
    settings: String,
    /// Each with what a reader sees of it.
    values: Vec<(Owned, Option<String>)>,
}

fn sections() -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let lines = include_str!("../readers/hostile.txt").lines();
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(title) = line.strip_prefix('[') {
            let (name, settings) = title.trim_end_matches(']').split_once(':').unwrap();
            sections.push(Section { name: name.to_owned(), settings: settings.to_owned(), values: Vec::new() });
        } else {
            let (value, seen) = line.split_once("=>").unwrap();
            let seen = (seen.trim() != "<null>").then(|| unescape(seen.trim()));
            sections.last_mut().unwrap().values.push((Owned::parse(value.trim()), seen));
        }
    }
    sections
}

/// A number, the value, the word `end`.
fn write(section: &Section, format: Format) -> Vec<u8> {
    let mut columns = ["number", "hostile, \"value\"", "after"]
        .map(|header| Column { header: header.to_owned(), masked: false })
        .to_vec();
    let style = style(&section.settings, &mut columns);
    let spec = FileSpec { columns, style, format, ..spec(3, 2) };
    let values: Vec<Owned> = section.values.iter().map(|(value, _)| value.clone()).collect();
    let rows = part(move |sink: &mut dyn CellSink| -> Result<(), Broken> {
        for (number, value) in values.iter().enumerate() {
            sink.cell(Cell::Integer(number as i64));
            sink.cell(value.borrow());
            sink.cell(Cell::Text("end"));
            sink.end_row()?;
        }
        Ok(())
    });
    let place = Place::memory();
    place.write(&spec, &Progress::default(), [rows]).unwrap();
    place.read().unwrap()
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/readers")
}

/// `UPDATE=1 cargo test -p export golden` writes them anew; look at the difference.
#[test]
fn golden_files_are_matched_to_the_byte() {
    for section in sections() {
        let path = here().join(format!("golden/{}.csv", section.name));
        let written = write(&section, Format::Csv);
        if env::var_os("UPDATE").is_some() {
            fs::write(&path, &written).unwrap();
        }
        assert!(written == fs::read(&path).unwrap(), "{}:\n{}", path.display(), String::from_utf8_lossy(&written));
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "which readers there were depends on the machine")]
fn others_read_what_was_meant() {
    let folder = tempfile::tempdir().unwrap();
    let expected: Vec<Value> = sections()
        .iter()
        .map(|section| {
            for (format, ending) in FORMATS.into_iter().zip(["csv", "csv.gz", "csv.zip"]) {
                fs::write(folder.path().join(format!("{}.{ending}", section.name)), write(section, format)).unwrap();
            }
            let header = vec![json!(["number", "hostile, \"value\"", "after"])];
            let rows = section.values.iter().enumerate().map(|(n, (_, seen))| json!([n.to_string(), seen, "end"]));
            let nulls = section.values.iter().any(|(_, seen)| seen.is_none());
            json!({ "file": section.name, "nulls": nulls, "rows": header.into_iter().chain(rows).collect::<Vec<_>>() })
        })
        .collect();
    fs::write(folder.path().join("expected.json"), json!(expected).to_string()).unwrap();

    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let python =
        env::var_os("TEST_PYTHON").map_or_else(|| root.join("../../target/test-tools/bin/python"), PathBuf::from);
    let checked = Command::new(&python).arg(here().join("check.py")).arg(folder.path()).output();
    let checked = checked.unwrap_or_else(|error| {
        panic!(
            "{}: {error}\nrun scripts/test, which installs it; TEST_PYTHON is another one with DuckDB and pandas",
            python.display()
        )
    });
    let said = String::from_utf8_lossy(&checked.stdout);
    assert!(checked.status.success(), "{said}{}", String::from_utf8_lossy(&checked.stderr));
    let last = said.lines().last().unwrap_or_default();
    assert!(last.contains(", 0 differences: python gzip, python zipfile"), "{said}");
    println!("{last}");
}

/// `TMPDIR=… cargo test --release -p export over_4_gib -- --ignored`: takes 5 GB there, unzip, python3 and java, and some
/// minutes.
#[test]
#[ignore = "writes 11 GB"]
fn archives_over_4_gib() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("attempt/file.csv");
    // What deflates well has a large size on one side only.
    for (noise, gibibytes) in [(false, 4.2), (true, 5.7)] {
        let place = Place::new(export::destination::folder(folder.path()).unwrap());
        let spec = FileSpec { format: Format::Zip, ..spec(1, 2) };
        let rows = (gibibytes * f64::from(1 << 20)) as u64;
        let parts = (0..64).map(|seed| {
            part(move |sink| {
                let mut random: u64 = seed + 1;
                let mut text = "same ".repeat(205);
                for _ in 0..rows / 64 {
                    if noise {
                        text.clear();
                        while text.len() < 1023 {
                            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                            let letters = (0..9).map(|n| char::from(b'0' + (random >> (16 + 5 * n) & 63) as u8));
                            text.extend(letters);
                        }
                    }
                    sink.cell(Cell::Text(&text));
                    sink.end_row()?;
                }
                Ok(())
            })
        });
        let file = place.write(&spec, &Progress::default(), parts).unwrap();
        assert_eq!(noise, file.bytes > 4 << 30, "{}", file.bytes);
        let zip = path.with_extension("zip");
        fs::rename(&path, &zip).unwrap();
        let test = "import sys, zipfile; sys.exit(zipfile.ZipFile(sys.argv[1]).testzip())";
        for (command, options) in
            [("unzip", vec!["-tq"]), ("python3", vec!["-c", test]), ("java", vec!["tests/readers/Unpack.java", "-t"])]
        {
            let output = Command::new(command).args(options).arg(&zip).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{command}: {said}{}", String::from_utf8_lossy(&output.stdout));
        }
        fs::remove_file(zip).unwrap();
    }
}
