//! Which job a command is about.

use crate::client::{Client, Result, answer::Job};

/// The flags of commands that show one job.
#[derive(clap::Args)]
pub struct Which {
    /// The job's id
    #[arg(required_unless_present = "last")]
    id: Option<String>,
    /// Instead of an id: the last completed job of a session
    #[arg(long, num_args = 2, value_names = ["PARTNER", "PROJECT"], conflicts_with = "id")]
    last: Option<Vec<String>>,
}

impl Which {
    pub fn find(&self, client: &Client) -> Result<Job> {
        match self.last.as_deref() {
            Some([partner, project]) => client.last_completed(partner, project),
            _ => client.status(self.id.as_deref().unwrap_or_default()),
        }
    }
}
