//! The flags that say what a client or user may read.

use anyhow::bail;

use crate::access::{Objects, Rights};

#[derive(Debug, clap::Args)]
pub struct RightsArgs {
    /// Objects it may read, as in `Account,Invoice*` or, all but some, `!Payment*` [default: all]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    objects: Vec<String>,
    /// Ids of the entities whose rows it may read [default: all]
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    entities: Vec<String>,
    /// Ids of the organisations whose rows it may read [default: all]
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    orgs: Vec<String>,
}

impl RightsArgs {
    pub fn rights(&self) -> anyhow::Result<Rights> {
        let objects = Some(self.objects.clone()).filter(|patterns| !patterns.is_empty());
        let objects = objects.map(Objects::try_from).transpose()?;
        Ok(Rights { objects, entities: ids(&self.entities)?, orgs: ids(&self.orgs)? })
    }
}

/// Tokens list them with blanks between, so they have none themselves.
fn ids(ids: &[String]) -> anyhow::Result<Option<Vec<String>>> {
    let is_id = |id: &String| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_graphic());
    if let Some(wrong) = ids.iter().find(|id| !is_id(id)) {
        bail!("`{wrong}` is no id");
    }
    Ok(Some(ids.to_vec()).filter(|ids| !ids.is_empty()))
}

/// For people; nothing if there is no limit.
pub fn shown(rights: &Rights) -> String {
    if rights.are_limited() { format!("  {rights}") } else { String::new() }
}
