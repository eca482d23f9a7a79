//! `aquifer delete`

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use engine::load::{self, Input};

use super::load::{begin, describe};
use crate::{clock::System, config::TenantArgs};

/// Delete rows from the data by their Ids
///
/// Deleted rows leave every answer but those that ask for deleted records; increments say that they are gone.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The object to delete from
    object: String,
    /// A CSV with an Id column, or a bare list of Ids, one a line; - is standard input
    file: PathBuf,
    #[command(flatten)]
    tenant: TenantArgs,
}

impl Args {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let source = self.tenant.config()?.open_source(&self.tenant.name, Arc::new(System))?;
        let counts = load::delete(begin(&source)?, &Input { object: self.object.clone(), path: self.file })?;
        eprintln!("{}: {}", self.object, describe(&counts));
        if counts.unchanged > 0 {
            eprintln!("unchanged are the Ids that no live row has");
        }
        Ok(ExitCode::SUCCESS)
    }
}
