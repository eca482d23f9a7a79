use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;

use crate::client::{download, manifest};

/// Check downloaded files against their manifest
///
/// Downloads from an Aquifer server leave `manifest.json` beside the files: what the server says of their lengths and
/// digests. Exit code 1 means that a file is missing or is another one.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The directory of the files
    #[arg(default_value = ".")]
    dir: PathBuf,
}

impl Args {
    #[expect(clippy::print_stdout, reason = "this is what the command is for")]
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let mut faults = 0;
        for file in manifest::read(&self.dir)? {
            match fault(&self.dir, &file)? {
                None => println!("{}: ok", file.name),
                Some(fault) => {
                    faults += 1;
                    println!("{}: {fault}", file.name);
                }
            }
        }
        Ok(if faults == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// What is wrong with a file, if anything is.
fn fault(dir: &Path, said: &manifest::File) -> anyhow::Result<Option<String>> {
    let path = dir.join(&said.name);
    let file = match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some("missing".to_owned())),
        file => file.with_context(|| format!("{}", path.display()))?,
    };
    let bytes = file.metadata()?.len();
    if bytes != said.bytes {
        return Ok(Some(format!("{bytes} bytes instead of {}", said.bytes)));
    }
    let digest = download::sha256(file).with_context(|| format!("{}", path.display()))?;
    Ok((digest != said.sha256).then(|| "other bytes than were sent".to_owned()))
}
