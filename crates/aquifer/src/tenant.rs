//! Whose data it is. Each tenant has data, settings, clients, jobs and sessions of its own, and nothing of one is ever
//! visible to another: whatever a request asks for is looked up within the tenant of its client.

use std::{collections::BTreeMap, sync::Arc};

use engine::Source;

use crate::{
    clock::Clock,
    config::{self, Config},
};

/// A tenant that is served.
pub struct Tenant {
    pub name: String,
    pub settings: config::Tenant,
    pub source: Arc<dyn Source>,
}

/// All that are served, by name.
#[derive(Clone)]
pub struct Tenants(Arc<BTreeMap<String, Arc<Tenant>>>);

impl Tenants {
    /// Opens the data of every tenant of the settings.
    pub fn open(config: &Config, clock: &Arc<dyn Clock>) -> anyhow::Result<Tenants> {
        Tenants::on(config, |name| Ok(config.open_source(name, clock.clone())?))
    }

    /// The same over data that `source` opens, by a tenant's name.
    pub fn on(
        config: &Config,
        mut source: impl FnMut(&str) -> anyhow::Result<Arc<dyn Source>>,
    ) -> anyhow::Result<Tenants> {
        let tenants = config.all_tenants().map(|(name, settings)| {
            let tenant = Tenant { name: name.to_owned(), settings: settings.clone(), source: source(name)? };
            Ok((name.to_owned(), Arc::new(tenant)))
        });
        Ok(Tenants(Arc::new(tenants.collect::<anyhow::Result<_>>()?)))
    }

    /// `None` if the settings do not have it, or no longer.
    pub fn get(&self, name: &str) -> Option<&Arc<Tenant>> {
        self.0.get(name)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<Tenant>> {
        self.0.values()
    }
}
