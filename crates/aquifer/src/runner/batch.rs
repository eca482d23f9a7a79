//! One query of a job, from its text to its file.

use std::{
    num::{NonZeroU64, NonZeroUsize},
    sync::Arc,
};

use export::{
    CellSink,
    csv::{Column, DatetimeStyle, Style},
    encrypt::Recipient,
    file::{FileSpec, FinishedFile, Limits, Progress},
};
use jiff::Timestamp;
use zoql::{bound, catalog::FieldType};

use super::{
    Runner,
    conversion::{self, Conversion},
    places::Places,
    run::{Attempt, Stop, told_in_part},
    scope::rows,
};
use crate::{
    aqua::submit,
    config::{self, Segment},
    conversion::{Appended, Plan},
    job::{Encryption, Event, Fault, FaultKind, Flag, Format, Job, Output, OutputColumn, Query, Scope, Spec},
    recipient,
};

/// The last WSDL version whose datetimes are written the old way.
const OLD_DATETIMES: u16 = 68;

type Failure = export::file::Error<engine::Error>;

impl Runner {
    pub(super) async fn batch(
        &self,
        attempt: &Attempt<'_>,
        batch: usize,
        progress: &Arc<Progress>,
    ) -> Result<(), Stop> {
        let limits = &attempt.tenant.settings.limits;
        let started_at = self.clock.now();
        let output = tokio::select! {
            output = self.output(attempt, batch, progress, started_at) => output?,
            () = self.clock.sleep_until(started_at + limits.query_time()) => {
                let message = format!("the query ran longer than {} s", limits.query_seconds);
                let fault = Fault { kind: FaultKind::TimeLimit, message };
                return Err(Stop::Failed { batch: Some(batch), fault });
            }
        };
        let (rows, files) = (output.rows, output.files.len());
        let bytes: u64 = output.files.iter().map(|file| file.bytes).sum();
        tracing::info!(job = %attempt.job.id, batch, rows, bytes, files, "written");
        let done = Event::BatchFinished { batch, at: self.clock.now(), output };
        self.store.apply(attempt.job.id, Some(attempt.lease), done).await?;
        Ok(())
    }

    /// Finds out which rows a query returns, and writes them.
    async fn output(
        &self,
        attempt: &Attempt<'_>,
        batch: usize,
        progress: &Arc<Progress>,
        started_at: Timestamp,
    ) -> Result<Output, Stop> {
        let Attempt { job, tenant, lease, snapshot, .. } = attempt;
        let settings = &tenant.settings;
        let query = &job.spec.queries[batch];
        let compiled = compile(attempt, query).map_err(|fault| Stop::Failed { batch: Some(batch), fault })?;
        let plan = attempt.plan(batch, &compiled.query)?;
        let currencies = plan.as_ref().map(Plan::currencies);
        let scope = self.scope(attempt, batch, &compiled, currencies).await?;
        let rows = rows(job, query, scope.as_ref());
        let in_segments = comes_in_segments(settings, &compiled.query, scope.as_ref());
        self.store.apply(job.id, Some(lease), Event::BatchStarted { batch, at: started_at, scope }).await?;
        let encrypt_to = match job.spec.encryption {
            Encryption::None => None,
            // It was usable at the submit: removed or expired since.
            Encryption::Pgp => Some(self.recipient(job).await?),
        };
        let spec = FileSpec { encrypt_to, ..self.file_spec(attempt, query, &compiled.query, plan.as_ref()) };
        let limits = limits(&job.spec, settings, in_segments);
        let columns = columns(&spec, query, &compiled.query, plan.as_ref());
        let conversion = match plan {
            None => None,
            Some(plan) => Some(Conversion { plan, rates: attempt.rates().await?, flagged: query.deleted.is_some() }),
        };

        let mut places = Places::new(job, query, self.results.clone(), self.clock.clone());
        let (watched, snapshot) = (progress.clone(), snapshot.clone());
        let (reads, owners) = (job.spec.reads.clone(), settings.owners.clone());
        let writing = tokio::task::spawn_blocking(move || -> Result<(Vec<FinishedFile>, Places, String), Failure> {
            let mut read = conversion.as_ref().map_or(&compiled.query, |conversion| conversion.plan.query()).clone();
            // What the submitter may not see, the query does not; last, for all that is joined by now.
            reads.restrict(&mut read, snapshot.catalog(), &owners);
            let parts = snapshot.parts(&read, &rows).map_err(Failure::Source)?;
            let parts = parts.into_iter().map(|part| {
                let conversion = conversion.as_ref();
                move |sink: &mut dyn CellSink| conversion::read(part, conversion, sink)
            });
            let files = export::file::write_segments(parts, &spec, &limits, |_| places.next(), &watched)?;
            Ok((files, places, compiled.canonical))
        });
        let written = writing.await.map_err(|error| Stop::internal(job.id, error))?;
        let (files, places, canonical) = written.map_err(|failure| match failure {
            Failure::Source(error) => Stop::source(job.id, Some(batch), &error),
            Failure::Storage(error) => {
                let fault = told_in_part(job.id, FaultKind::Internal, "the result cannot be stored", error);
                Stop::Hindered { batch: Some(batch), fault }
            }
            Failure::Panicked(text) => Stop::Failed {
                batch: Some(batch),
                fault: told_in_part(job.id, FaultKind::Internal, "a reader panicked", text),
            },
            // Only who has lost interest cancels, and he does not read this.
            Failure::Cancelled => Stop::Lost,
        })?;
        let files = places.filled(&files);
        let rows = files.iter().map(|file| file.rows).sum();
        let segmented = in_segments || files.len() > 1;
        Ok(Output { rows, files, segmented, canonical, columns })
    }

    async fn recipient(&self, job: &Job) -> Result<Recipient, Stop> {
        let found = recipient::of_tenant(&*self.store, &job.tenant, self.clock.now()).await;
        found.map_err(|error| match error {
            recipient::Error::Store(error) => error.into(),
            error @ (recipient::Error::NoKey | recipient::Error::Key(_)) => {
                let fault = Fault { kind: FaultKind::Internal, message: error.to_string() };
                Stop::Failed { batch: None, fault }
            }
        })
    }

    fn file_spec(
        &self,
        Attempt { job, tenant, snapshot, .. }: &Attempt<'_>,
        query: &Query,
        bound: &bound::Query,
        plan: Option<&Plan>,
    ) -> FileSpec {
        let (spec, settings) = (&job.spec, &tenant.settings);
        let base = &snapshot.catalog().object(bound.base).name;
        // First, and the same in both header styles: tap-zuora strips the prefix up to the dot.
        let flag = query.deleted.iter().map(|deleted| (format!("{base}.{}", deleted.column), false));
        let selected = bound.columns.iter().map(|column| {
            let header = if spec.api_names { &column.name } else { &column.label };
            (header.clone(), column.masked && !spec.shows_masked())
        });
        let appended = appended(plan).iter().map(|column| {
            let header = if spec.api_names { &column.name } else { &column.label };
            (header.clone(), false)
        });
        let columns = flag.chain(selected).chain(appended).map(|(header, masked)| Column { header, masked });
        let old = query.api_version <= OLD_DATETIMES;
        let datetimes = DatetimeStyle {
            zone: if spec.utc { jiff::tz::TimeZone::UTC } else { settings.zone() },
            colon_in_offset: old,
            date_at_midnight_los_angeles: old,
        };
        FileSpec {
            columns: columns.collect(),
            style: Style {
                null_replacement: spec.null_replacement.clone().unwrap_or_default(),
                datetimes,
                distinguish_empty: settings.files.distinguish_empty,
                injection_guard: settings.files.csv_injection_guard,
            },
            format: match spec.format {
                Format::Csv => export::compress::Format::Csv,
                Format::Gzip => export::compress::Format::Gzip,
                Format::Zip => export::compress::Format::Zip,
            },
            level: settings.files.compression_level.0,
            encrypt_to: None,
            threads: NonZeroUsize::new(self.config.runner.threads).unwrap_or(NonZeroUsize::MIN),
        }
    }
}

/// What passed at the submit may fail now: the object model may have changed since.
fn compile(attempt: &Attempt<'_>, query: &Query) -> Result<zoql::Compiled, Fault> {
    let catalog = attempt.snapshot.catalog();
    let compiled = submit::compile(query, &attempt.job.spec, catalog, &attempt.tenant.settings);
    let compiled = compiled.map_err(|faults| {
        let faults: Vec<String> = faults.iter().map(|fault| fault.classic()).collect();
        Fault { kind: FaultKind::Query, message: faults.join("; ") }
    })?;
    let base = catalog.object(compiled.query.base);
    if query.deleted.is_some() && !base.supports_deleted {
        let message = format!("{} keeps no deleted records", base.name);
        return Err(Fault { kind: FaultKind::DeletedNotAllowed, message });
    }
    Ok(compiled)
}

/// Whether the files are segments even if there is but one. Queries with functions or aliases have one file, as in the
/// original.
fn comes_in_segments(settings: &config::Tenant, query: &bound::Query, scope: Option<&Scope>) -> bool {
    let is_full_load = scope.is_some_and(|scope| scope.full.is_some());
    settings.segmentation && is_full_load && query.columns.iter().all(|column| query.is_plain(column))
}

/// An object export has one file in any case: there is one place for a file's id in what is said of it.
fn limits(spec: &Spec, settings: &config::Tenant, in_segments: bool) -> Limits {
    if spec.has_one_file() {
        return Limits::default();
    }
    let has_most_rows = in_segments || settings.files.segment == Segment::Always;
    Limits {
        rows: has_most_rows.then_some(settings.files.segment_rows),
        bytes: NonZeroU64::new(settings.limits.file_bytes).filter(|_| settings.files.split),
    }
}

fn appended(plan: Option<&Plan>) -> &[Appended] {
    plan.map_or(&[], Plan::appended)
}

/// What the header line says, and the types below it.
fn columns(spec: &FileSpec, query: &Query, bound: &bound::Query, plan: Option<&Plan>) -> Vec<OutputColumn> {
    let flag = query.deleted.iter().map(|deleted| match deleted.flag {
        Flag::Boolean => FieldType::Boolean,
        Flag::Numeric => FieldType::Integer,
    });
    let selected = bound.columns.iter().map(|column| column.expr.value_type());
    let types = flag.chain(selected).chain(appended(plan).iter().map(|column| column.value_type));
    let columns = spec.columns.iter().zip(types);
    columns
        .map(|(column, value_type)| OutputColumn {
            name: column.header.clone(),
            value_type: value_type.as_str().to_owned(),
        })
        .collect()
}
