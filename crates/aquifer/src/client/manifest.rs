//! `manifest.json` beside downloaded files: what the server says of them, and what they are called here.

use std::{
    collections::HashMap,
    fs,
    path::{Component, Path},
};

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::Value;

pub const NAME: &str = "manifest.json";

/// A file as the manifest has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// In the manifest's directory.
    pub name: String,
    pub bytes: u64,
    /// 64 hex digits.
    pub sha256: String,
}

#[derive(Deserialize)]
struct Document {
    batches: Vec<Batch>,
}

#[derive(Deserialize)]
struct Batch {
    /// Absent in batches that have none.
    #[serde(default)]
    files: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    name: String,
    saved_as: Option<String>,
    bytes: u64,
    sha256: String,
}

/// Keeps a manifest, with the names that files were saved under, by their ids.
pub fn write(dir: &Path, mut manifest: Value, saved: &HashMap<String, String>) -> anyhow::Result<()> {
    let batches = manifest.get_mut("batches").and_then(Value::as_array_mut).into_iter().flatten();
    let files = batches.filter_map(|batch| batch.get_mut("files")?.as_array_mut()).flatten();
    for file in files {
        if let Some(name) = file.get("fileId").and_then(Value::as_str).and_then(|id| saved.get(id)) {
            file["savedAs"] = Value::String(name.clone());
        }
    }
    let path = dir.join(NAME);
    fs::write(&path, serde_json::to_string_pretty(&manifest)? + "\n").with_context(|| format!("{}", path.display()))
}

/// The files of the manifest in a directory. Those that were fetched otherwise have the server's names.
pub fn read(dir: &Path) -> anyhow::Result<Vec<File>> {
    let path = dir.join(NAME);
    let text = fs::read_to_string(&path).with_context(|| format!("{}", path.display()))?;
    let document: Document = serde_json::from_str(&text).with_context(|| format!("{}", path.display()))?;
    let entries = document.batches.into_iter().flat_map(|batch| batch.files);
    entries
        .map(|entry| {
            let name = entry.saved_as.unwrap_or(entry.name);
            // A manifest comes from a server, which has no business outside the directory.
            let mut components = Path::new(&name).components();
            let is_plain = matches!((components.next(), components.next()), (Some(Component::Normal(_)), None));
            anyhow::ensure!(is_plain, "{}: {name:?} is not the name of a file", path.display());
            Ok(File { name, bytes: entry.bytes, sha256: entry.sha256 })
        })
        .collect()
}
