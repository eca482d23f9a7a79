//! `manifest.json` beside downloaded files: what the server says of them, and what they are called here.

use std::{
    fs,
    io::Write as _,
    path::{Component, Path},
};

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::Value;

use super::download::Wanted;

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

/// A manifest as a server sent it.
pub struct Manifest(Value);

/// What the bytes of a file should be.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Known {
    pub bytes: u64,
    /// 64 hex digits.
    pub sha256: String,
}

impl Manifest {
    /// None if the document is something else.
    pub fn of(document: Value) -> Option<Manifest> {
        document["batches"].is_array().then_some(Manifest(document))
    }

    /// What it says of the file of an id.
    pub fn known(&self, file: &str) -> Option<Known> {
        let mut files = self.0["batches"].as_array()?.iter().filter_map(|batch| batch["files"].as_array()).flatten();
        Known::deserialize(files.find(|entry| entry["fileId"] == file)?).ok()
    }

    /// Keeps it in a directory, with the names that files have there. Whole, or that of before stays.
    pub fn write(mut self, dir: &Path, saved: &[Wanted]) -> anyhow::Result<()> {
        let batches = self.0["batches"].as_array_mut().into_iter().flatten();
        for file in batches.filter_map(|batch| batch.get_mut("files")?.as_array_mut()).flatten() {
            if let Some(saved) = saved.iter().find(|saved| file["fileId"] == saved.file) {
                file["savedAs"] = Value::String(saved.name.clone());
            }
        }
        let (path, part) = (dir.join(NAME), dir.join(format!("{NAME}.part")));
        let text = serde_json::to_string_pretty(&self.0)? + "\n";
        let written = fs::File::create(&part).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        written.and_then(|()| fs::rename(&part, &path)).with_context(|| format!("{}", path.display()))
    }
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
