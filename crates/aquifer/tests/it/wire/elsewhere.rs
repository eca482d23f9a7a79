//! The same scenarios against a server that is not in this process: the binary, or whatever `WIRE_URL` names.

use std::{
    env,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use aquifer::access::Credentials;
use serde_json::Value;

use super::{
    files,
    place::{Elsewhere, Place},
    play_file,
    scenario::Scenario,
};

const DELETED: &str = "11111111111111111111111111111104\n";

#[tokio::test(flavor = "multi_thread")]
async fn the_scenarios_hold_elsewhere() {
    let (mut binary, url, credentials) = match env::var("WIRE_URL") {
        Ok(url) => (None, url, given()),
        Err(_) => {
            let binary = Binary::start();
            let credentials = binary.client();
            (Some(binary), String::new(), credentials)
        }
    };
    let url = binary.as_mut().map_or(url, |binary| binary.url.clone());
    let (mut faults, mut played) = (Vec::new(), 0);
    for name in files() {
        let scenario = Scenario::read(&name);
        if scenario.settings.is_empty() {
            let place = Place::Elsewhere(Elsewhere::at(&url, credentials.clone()).await);
            let (seen, said) = play_file(&place, &name, &scenario).await;
            played += seen;
            faults.extend(said);
        }
    }
    println!("{played} exchanges with {url}");
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    assert!(played > 200, "only {played}");
}

fn given() -> Credentials {
    let var = |name| env::var(name).unwrap_or_else(|_| panic!("WIRE_URL is set, so {name} must be"));
    Credentials { client_id: var("WIRE_CLIENT_ID"), client_secret: var("WIRE_CLIENT_SECRET") }
}

/// `aquifer serve` over the scenarios' data.
struct Binary {
    process: Child,
    url: String,
    folder: tempfile::TempDir,
}

impl Drop for Binary {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Binary {
    fn start() -> Binary {
        let folder = tempfile::tempdir().unwrap();
        let rows = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire/data");
        run(aquifer(folder.path()).arg("load").arg("--dir").arg(rows));
        let deleted = folder.path().join("deleted.txt");
        std::fs::write(&deleted, DELETED).unwrap();
        run(aquifer(folder.path()).args(["delete", "Account"]).arg(deleted));
        let mut process =
            aquifer(folder.path()).args(["serve", "--listen", "127.0.0.1:0"]).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines().map(Result::unwrap);
        let at = lines.find(|line| line.contains(" at http://")).unwrap();
        let url = format!("http://{}", at.rsplit_once("http://").unwrap().1.trim());
        // What it logs from here on must go somewhere.
        std::thread::spawn(move || lines.for_each(drop));
        Binary { process, url, folder }
    }

    fn client(&self) -> Credentials {
        let made = run(aquifer(self.folder.path()).args(["client", "create", "wire", "--json"]));
        let made: Value = serde_json::from_slice(&made).unwrap();
        let text = |key: &str| made[key].as_str().unwrap().to_owned();
        Credentials { client_id: text("client_id"), client_secret: text("client_secret") }
    }
}

fn aquifer(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aquifer"));
    command.current_dir(folder).env_remove("RUST_LOG");
    command
}

fn run(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
