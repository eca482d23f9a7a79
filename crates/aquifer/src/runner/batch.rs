//! One query of a job, from its text to its file.

use std::{num::NonZeroUsize, sync::Arc};

use engine::{Rows, Snapshot, Which};
use export::{
    CellSink,
    csv::{Column, DatetimeStyle, Style},
    file::{FileSpec, FinishedFile, Progress},
};

use super::{Runner, run::Stop};
use crate::{
    aqua::submit,
    job::{Event, Fault, FaultKind, FileId, Job, Output, Query, ResultFile},
    results::Results,
    secret,
    store::LeaseToken,
};

/// The last WSDL version whose datetimes are written the old way.
const OLD_DATETIMES: u16 = 68;

type Failure = export::file::Error<engine::Error>;

impl Runner {
    pub(super) async fn batch(
        &self,
        job: &Job,
        batch: usize,
        snapshot: Arc<dyn Snapshot>,
        lease: &LeaseToken,
        progress: &Arc<Progress>,
    ) -> Result<(), Stop> {
        let failed = |kind, message| Stop::Failed { batch: Some(batch), fault: Fault { kind, message } };
        let started_at = self.clock.now();
        let deadline = started_at + self.config.limits.query_time();
        self.store.apply(job.id, Some(lease), Event::BatchStarted { batch, at: started_at }).await?;

        let query = &job.spec.queries[batch];
        let zone = self.config.tenant.zone();
        let compiled = submit::compile(query, snapshot.catalog(), self.config.zoql.compat.into(), &zone);
        // It compiled at the submit: the model has changed since.
        let compiled = compiled.map_err(|faults| {
            let faults: Vec<String> = faults.iter().map(|fault| fault.classic()).collect();
            failed(FaultKind::Query, faults.join("; "))
        })?;
        let spec = self.file_spec(job, query, &compiled.query, &snapshot);
        let rows = rows(query);

        let file = FileId::new(self.clock.now());
        let path = Results::path(job, file);
        let destination = self.results.destination(&path);
        let watched = progress.clone();
        let writing = tokio::task::spawn_blocking(move || -> Result<FinishedFile, Failure> {
            let parts = snapshot.parts(&compiled.query, &rows).map_err(Failure::Source)?;
            let parts = parts.into_iter().map(|part| move |sink: &mut dyn CellSink| part.read(sink));
            export::file::write(parts, &spec, &destination, &watched)
        });
        let written = tokio::select! {
            written = writing => written.map_err(Stop::internal)?,
            () = self.clock.sleep_until(deadline) => {
                let seconds = self.config.limits.query_seconds;
                return Err(failed(FaultKind::TimeLimit, format!("the query ran longer than {seconds} s")));
            }
        };
        let finished = written.map_err(|failure| match failure {
            Failure::Source(error) => failed(FaultKind::Query, error.to_string()),
            Failure::Storage(error) => failed(FaultKind::Internal, format!("the result cannot be stored: {error}")),
            Failure::Panicked(text) => failed(FaultKind::Internal, format!("a reader panicked: {text}")),
            // Only who has lost interest cancels, and he does not read this.
            Failure::Cancelled => Stop::Lost,
        })?;
        tracing::info!(job = %job.id, batch, rows = finished.rows, bytes = finished.bytes, "written");
        let file = ResultFile {
            id: file,
            path,
            rows: finished.rows,
            bytes: finished.bytes,
            sha256: secret::hex(&finished.sha256),
        };
        let output = Output { rows: finished.rows, files: vec![file] };
        let done = Event::BatchFinished { batch, at: self.clock.now(), output };
        self.store.apply(job.id, Some(lease), done).await?;
        Ok(())
    }

    fn file_spec(
        &self,
        job: &Job,
        query: &Query,
        bound: &zoql::bound::Query,
        snapshot: &Arc<dyn Snapshot>,
    ) -> FileSpec {
        let spec = &job.spec;
        let base = &snapshot.catalog().object(bound.base).name;
        // First, and the same in both header styles: tap-zuora strips the prefix up to the dot.
        let flag = query.deleted.iter().map(|deleted| (format!("{base}.{}", deleted.column), false));
        let selected = bound.columns.iter().map(|column| {
            let header = if spec.api_names { &column.name } else { &column.label };
            (header.clone(), column.masked)
        });
        let old = query.api_version <= OLD_DATETIMES;
        let datetimes = DatetimeStyle {
            zone: if spec.utc { jiff::tz::TimeZone::UTC } else { self.config.tenant.zone() },
            colon_in_offset: old,
            date_at_midnight_los_angeles: old,
        };
        FileSpec {
            columns: flag.chain(selected).map(|(header, masked)| Column { header, masked }).collect(),
            style: Style {
                null_replacement: spec.null_replacement.clone().unwrap_or_default(),
                datetimes,
                distinguish_empty: self.config.files.distinguish_empty,
                injection_guard: self.config.files.csv_injection_guard,
            },
            format: export::compress::Format::Csv,
            level: export::compress::Level::default(),
            threads: NonZeroUsize::new(self.config.runner.threads).unwrap_or(NonZeroUsize::MIN),
        }
    }
}

/// A stateless job returns what lives, and with `deleted` (which the submit has checked) what is deleted as well.
fn rows(query: &Query) -> Rows {
    let Some(deleted) = &query.deleted else { return Rows::LIVE };
    Rows { which: Which::LiveAndDeleted, flag: Some(deleted.flag.into()) }
}
