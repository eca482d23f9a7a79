//! Where the files of one batch go.

use std::sync::Arc;

use export::{Destination, file::FinishedFile};

use crate::{
    clock::Clock,
    job::{FileId, Job, Query, ResultFile},
    results::Results,
    secret,
};

/// Names files as they are begun, however many there will be.
pub(super) struct Places {
    results: Results,
    clock: Arc<dyn Clock>,
    prefix: String,
    extension: &'static str,
    /// What the query is called, and so the CSV in a zip archive.
    name: Option<String>,
    taken: Vec<(FileId, String)>,
}

impl Places {
    pub(super) fn new(job: &Job, query: &Query, results: Results, clock: Arc<dyn Clock>) -> Places {
        let extension = job.spec.format.extension(job.spec.encryption);
        Places { results, clock, prefix: job.attempt_prefix(), extension, name: query.name.clone(), taken: Vec::new() }
    }

    /// A place for one more file. To be called on the runtime or one of its blocking threads.
    pub(super) fn next(&mut self) -> Destination {
        let file = FileId::new(self.clock.now());
        let path = format!("{}/{file}.{}", self.prefix, self.extension);
        let destination = self.results.destination(&path);
        self.taken.push((file, path));
        match &self.name {
            None => destination,
            // Unpacked into one folder, segments do not overwrite each other.
            Some(name) => destination.entry(name, self.taken.len()),
        }
    }

    /// The files that were written into the places, in their order.
    pub(super) fn filled(self, files: &[FinishedFile]) -> Vec<ResultFile> {
        let filled = self.taken.into_iter().zip(files);
        filled
            .map(|((id, path), file)| ResultFile {
                id,
                path,
                rows: file.rows,
                bytes: file.bytes,
                sha256: secret::hex(&file.sha256),
            })
            .collect()
    }
}
