//! The flags that say which settings hold.

use std::path::PathBuf;

use super::{Config, DEFAULT};

/// The flags of every command that touches data.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct DataArgs {
    /// Settings, as in aquifer.toml.example
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The data directory [default: aquifer-data]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

impl DataArgs {
    pub fn config(&self) -> anyhow::Result<Config> {
        let mut config = Config::read(self.config.as_deref())?;
        if let Some(data) = &self.data {
            config.data.dir.clone_from(data);
        }
        Ok(config)
    }
}

/// The flags of commands that touch one tenant's data.
#[derive(Debug, Clone, clap::Args)]
pub struct TenantArgs {
    #[command(flatten)]
    pub data: DataArgs,
    /// Whose data, if the settings have several tenants
    #[arg(id = "tenant", long, value_name = "NAME", default_value = DEFAULT)]
    pub name: String,
}

impl TenantArgs {
    /// The settings, which have this tenant.
    pub fn config(&self) -> anyhow::Result<Config> {
        let config = self.data.config()?;
        config.tenant(&self.name)?;
        Ok(config)
    }
}
