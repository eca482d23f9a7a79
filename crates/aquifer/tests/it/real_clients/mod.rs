//! Clients written for the original, from their packages and as they were published, through their whole flow and into
//! their failures. See `tests/clients`.

mod libraries;
mod loopback;
mod tap_zuora;
mod zacc;

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use tokio::time::timeout;

use crate::server::Server;
use loopback::Loopback;

/// Far more than a client needs. Some would wait for ever for what does not come.
const PATIENCE: Duration = Duration::from_mins(5);

/// A machine on which the original's hosts are our server.
pub struct Machine {
    pub server: Server,
    loopback: Loopback,
}

impl Machine {
    pub async fn of(server: Server) -> Machine {
        let loopback = Loopback::before(&server.running.url, server.dir.path()).await;
        Machine { server, loopback }
    }

    pub async fn start() -> Machine {
        Machine::of(Server::start().await).await
    }

    /// A program of a client's package, or Python.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(tools().join(program));
        command
            .current_dir(self.server.dir.path())
            .env_clear()
            .env("HOME", self.server.dir.path())
            .env("LC_ALL", "C.UTF-8")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PYTHONPATH", scripts().join("environment"))
            .env("LOOPBACK_PORT", self.loopback.port.to_string())
            .env("LOOPBACK_CERTIFICATE", &self.loopback.certificate);
        command
    }

    pub async fn run(&self, program: &str, args: &[&str]) -> Output {
        let mut command = tokio::process::Command::from(self.command(program));
        let output = timeout(PATIENCE, command.args(args).kill_on_drop(true).output()).await;
        let output = output.unwrap_or_else(|_| panic!("{program} {args:?} has not ended after {PATIENCE:?}"));
        output.unwrap_or_else(|error| missing(program, &error))
    }

    /// A file where the client runs, with its path.
    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> String {
        let path = self.server.dir.path().join(name);
        std::fs::write(&path, contents).unwrap();
        path.display().to_string()
    }
}

/// Where `scripts/test` installs the clients.
fn tools() -> PathBuf {
    let python = env::var_os("TEST_PYTHON").map(PathBuf::from);
    let given = python.as_deref().and_then(Path::parent).map(Path::to_owned);
    given.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-tools/bin"))
}

fn missing(program: &str, error: &std::io::Error) -> ! {
    panic!(
        "{}: {error}\nrun scripts/test, which installs it; TEST_PYTHON is the Python of another place that has it",
        tools().join(program).display()
    )
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

fn stdout(output: &Output) -> &str {
    str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    str::from_utf8(&output.stderr).unwrap()
}

/// What a program printed that must have done what it was to do.
#[track_caller]
fn succeeded(output: &Output) -> &str {
    assert!(output.status.success(), "{}{}", stdout(output), stderr(output));
    stdout(output)
}

/// What a program printed, on both ways, that must have failed.
#[track_caller]
fn failed(output: &Output) -> String {
    assert!(!output.status.success(), "{}", stdout(output));
    format!("{}{}", stdout(output), stderr(output))
}
