//! Amounts of one batch in other currencies.

use std::sync::Arc;

use engine::Part;
use export::CellSink;
use zoql::bound;

use super::run::{Attempt, Stop};
use crate::{
    aqua::currencies,
    conversion::{Plan, Rates},
    job::{Fault, FaultKind},
};

/// What a batch converts its rows with.
pub(super) struct Conversion {
    pub(super) plan: Plan,
    pub(super) rates: Arc<Rates>,
    /// Whether a deleted flag stands before all columns.
    pub(super) flagged: bool,
}

impl Attempt<'_> {
    /// How the amounts of a batch are converted, if any are.
    pub(super) fn plan(&self, batch: usize, query: &bound::Query) -> Result<Option<Plan>, Stop> {
        let asked = &self.job.spec.queries[batch];
        // All currencies were known at the submit: the settings have changed since.
        currencies::plan(asked, query, self.snapshot.catalog(), &self.tenant.settings).map_err(|unknown| {
            let fault = Fault { kind: FaultKind::Query, message: unknown.to_string() };
            Stop::Failed { batch: Some(batch), fault }
        })
    }

    /// The rates of the snapshot into every currency that a query of the job wants: read once.
    pub(super) async fn rates(&self) -> Result<Arc<Rates>, Stop> {
        let read = async || {
            let queries = self.job.spec.queries.iter();
            let wanted = queries.filter_map(|query| currencies::wanted(query, &self.tenant.settings).ok());
            let currencies: Vec<_> = wanted.flat_map(|wanted| wanted.all().collect::<Vec<_>>()).collect();
            let snapshot = self.snapshot.clone();
            let rates = tokio::task::spawn_blocking(move || Rates::read(&*snapshot, currencies.into_iter())).await;
            let rates = rates.map_err(|error| Stop::internal(self.job.id, error))?;
            rates.map(Arc::new).map_err(|error| Stop::source(self.job.id, None, &error))
        };
        self.rates.get_or_try_init(read).await.cloned()
    }
}

/// Reads a part, converted if there is a conversion.
pub(super) fn read(
    part: Box<dyn Part>,
    conversion: Option<&Conversion>,
    sink: &mut dyn CellSink,
) -> engine::Result<()> {
    match conversion {
        None => part.read(sink),
        Some(Conversion { plan, rates, flagged }) => part.read(&mut plan.converter(rates, *flagged, sink)),
    }
}
