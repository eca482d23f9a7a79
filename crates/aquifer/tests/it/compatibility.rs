//! What `docs/compatibility.md` says shows an item, is there.

use std::{fs, path::Path};

use crate::wire::Scenario;

#[test]
fn every_test_that_the_page_names_exists() {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(crate_dir.join("../../docs/compatibility.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with('|') && !line.starts_with("|---"));
    let named = rows.flat_map(|row| {
        let tests = row.trim_end_matches('|').rsplit('|').next().unwrap();
        tests.split('`').skip(1).step_by(2)
    });
    let missing: Vec<&str> = named.clone().filter(|name| !exists(crate_dir, name)).collect();
    assert!(missing.is_empty(), "not there: {missing:#?}");
    assert!(named.count() > 150);
}

/// `file: title`, or `path: function`: an item that names a file and nothing in it says nothing.
fn exists(crate_dir: &Path, name: &str) -> bool {
    let Some((file, title)) = name.split_once(": ") else { return false };
    if !file.contains('/') {
        let is_there = crate_dir.join("tests/wire").join(file).with_extension("http").exists();
        return is_there
            && Scenario::read(&format!("{file}.http")).exchanges.iter().any(|exchange| exchange.title == title);
    }
    let base = if file.starts_with("crates/") { crate_dir.join("../..") } else { crate_dir.to_owned() };
    fs::read_to_string(base.join(file)).is_ok_and(|text| text.contains(&format!("fn {title}(")))
}
