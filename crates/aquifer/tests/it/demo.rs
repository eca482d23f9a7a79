//! The demo, as a test suite or a newcomer starts it.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use serde::Deserialize;

#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Ready {
    url: String,
    client_id: String,
    client_secret: String,
}

struct Demo {
    child: Child,
    ready: Ready,
}

impl Demo {
    fn start(data: &Path) -> Demo {
        let mut child = command(data).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        Demo { ready: serde_json::from_str(&line).unwrap(), child }
    }

    fn query(&self, query: &str) -> String {
        self.query_with(query, &[])
    }

    fn query_with(&self, query: &str, flags: &[&str]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_aquifer"))
            .args(["query", query, "--url", &self.ready.url])
            .args(flags)
            .args(["--client-id", &self.ready.client_id, "--client-secret", &self.ready.client_secret])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Without a chance to tidy up.
    fn kill(mut self) -> Ready {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.ready
    }
}

fn command(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aquifer"));
    command.args(["demo", "--json", "--listen", "127.0.0.1:0", "--accounts", "30", "--data"]).arg(data);
    command
}

const QUERY: &str = "select InvoiceItem.Id, ChargeAmount, Invoice.InvoiceNumber, Account.Name, BillToContact.Country, \
                     Product.Name, RatePlanCharge.ChargeNumber from InvoiceItem order by Id";

#[test]
fn the_demo_keeps_its_data_and_its_client() {
    let dir = tempfile::tempdir().unwrap();
    let first = Demo::start(dir.path());
    let rows = first.query(QUERY);
    assert!(rows.lines().count() > 100);
    assert!(rows.lines().skip(1).all(|row| !row.contains(",,")), "every join finds its row");
    let posted = "select InvoiceNumber, Amount from Invoice where Status = 'Posted'";
    let converted = first.query_with(posted, &["--convert-to", "EUR"]);
    assert!(converted.lines().count() > 100);
    let is_converted = |row: &str| !row.contains(",,") || row.ends_with(",,EUR");
    assert!(converted.lines().all(is_converted), "every currency has a rate on every day");
    let before = first.kill();

    let again = Demo::start(dir.path());
    assert_eq!(again.query(QUERY), rows);
    let after = again.kill();
    assert_eq!((before.client_id, before.client_secret), (after.client_id, after.client_secret));

    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(dir.path().join("demo.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "the secret is nobody else's");
    }
}

#[test]
fn a_lost_client_is_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let before = Demo::start(dir.path()).kill();
    for name in ["store.sqlite", "store.sqlite-wal", "store.sqlite-shm"] {
        // The last two are there only while somebody works.
        let _ = std::fs::remove_file(dir.path().join(name));
    }
    let again = Demo::start(dir.path());
    assert!(again.query("select Id from Account").lines().count() > 10);
    assert_ne!(again.kill().client_id, before.client_id);
}

#[test]
fn data_of_others_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.csv"), "Id,Name\n8ad08f06909293cd01909613f23549e4,Mine\n").unwrap();
    let loaded = Command::new(env!("CARGO_BIN_EXE_aquifer"))
        .args(["load", "Account", "a.csv", "--data", "."])
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert!(loaded.status.success(), "{}", String::from_utf8_lossy(&loaded.stderr));
    let output = command(dir.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("not the whole demo"));
}
