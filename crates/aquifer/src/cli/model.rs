//! The object model that `check` and `describe` go by: the one a server with these settings would have.

use std::{path::PathBuf, sync::Arc};

use engine::Source as _;
use zoql::Catalog;

use crate::{
    clock,
    config::{self, TenantArgs},
};

#[derive(Debug, clap::Args)]
pub struct ModelArgs {
    #[command(flatten)]
    tenant: TenantArgs,
    /// A directory with objects.csv, fields.csv, joins.csv, date_changes.csv that extend and override the built-in ones
    #[arg(long, value_name = "DIR")]
    catalog: Option<PathBuf>,
}

impl ModelArgs {
    /// The settings of the tenant, and the catalog with the custom fields of the data, if there are data.
    pub fn open(self) -> anyhow::Result<(config::Tenant, Arc<Catalog>)> {
        let mut config = self.tenant.config()?;
        config.catalog.dir = self.catalog.or(config.catalog.dir);
        // Asking about a query must not leave a data directory behind.
        let catalog = if config.data.dir.is_dir() {
            config.open_source(&self.tenant.name, Arc::new(clock::System))?.catalog()?
        } else {
            config.catalog()?
        };
        Ok((config.tenant(&self.tenant.name)?.clone(), catalog))
    }
}
