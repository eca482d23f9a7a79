//! The object model that `check` and `describe` go by: the one a server with these settings would have.

use std::{path::PathBuf, sync::Arc};

use engine::Source as _;
use zoql::Catalog;

use crate::{
    clock,
    config::{Config, DataArgs},
};

#[derive(Debug, clap::Args)]
pub struct ModelArgs {
    #[command(flatten)]
    data: DataArgs,
    /// A directory with objects.csv, fields.csv, joins.csv, date_changes.csv that extend and override the built-in ones
    #[arg(long, value_name = "DIR")]
    catalog: Option<PathBuf>,
}

impl ModelArgs {
    /// The settings, and the catalog with the custom fields of the data, if there are data.
    pub fn open(self) -> anyhow::Result<(Config, Arc<Catalog>)> {
        let mut config = self.data.config()?;
        config.catalog.dir = self.catalog.or(config.catalog.dir);
        // Asking about a query must not leave a data directory behind.
        let catalog = if config.data.dir.is_dir() {
            config.open_source(Arc::new(clock::System))?.catalog()?
        } else {
            config.catalog()?
        };
        Ok((config, catalog))
    }
}
