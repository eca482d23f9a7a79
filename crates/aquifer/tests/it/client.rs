//! The client commands: the real binary against a server in this process.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
    sync::Arc,
};

use aquifer::{
    access::Credentials,
    client::Client,
    job::{JobId, State},
};
use jiff::SignedDuration;
use serde_json::Value;

use crate::{gate::Gate, server::Server};

const QUERY: &str = "select Name, Balance from Account order by AccountNumber";
const ROWS: &str = "Account.Name,Account.Balance\nÄrzte AG,77.86\n\"Smith, Sons\",-11095\n";

/// A command that knows the server, and nothing of the machine's own settings.
pub fn aquifer(server: &Server, args: &[&str]) -> Command {
    let Credentials { client_id, client_secret } = &server.credentials;
    let mut command = Command::new(env!("CARGO_BIN_EXE_aquifer"));
    command
        .args(args)
        .current_dir(server.dir.path())
        .env("AQUIFER_URL", &server.running.url)
        .env("AQUIFER_CLIENT_ID", client_id)
        .env("AQUIFER_CLIENT_SECRET", client_secret)
        .env("XDG_CONFIG_HOME", server.dir.path())
        .env_remove("RUST_LOG");
    command
}

/// Runs it while the server goes on.
pub async fn run(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

pub fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

#[track_caller]
pub fn assert_exit(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{}{}", stdout(output), stderr(output));
}

/// A job of two queries, and the directory it is to be downloaded to.
fn write_job(server: &Server) {
    let job = r#"{"queries": [{"name": "All/accounts", "query": "select Id from Account", "type": "zoqlexport"},
                              {"query": "select Id, Country from Contact", "type": "zoqlexport"}]}"#;
    fs::write(server.dir.path().join("job.json"), job).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_prints_its_rows() {
    let server = Server::start().await;
    let output = run(aquifer(&server, &["query", QUERY])).await;
    assert_exit(&output, 0);
    assert!(stdout(&output).starts_with(ROWS), "{}", stdout(&output));
    assert_eq!(stderr(&output), "");

    let args = ["query", "select Notes from Account limit 1", "--labels", "--null", "NULL"];
    assert_eq!(stdout(&run(aquifer(&server, &args)).await), "Account: Notes\nNULL\n");
    let args = ["query", "select AccountNumber from Account", "--deleted"];
    let deleted = run(aquifer(&server, &args)).await;
    assert!(stdout(&deleted).starts_with("Account.Deleted,Account.AccountNumber\n"), "{}", stdout(&deleted));
    assert!(stdout(&deleted).contains("\ntrue,"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_goes_into_a_file_or_a_directory() {
    let server = Server::start().await;
    let dir = server.dir.path().join("out");
    fs::create_dir(&dir).unwrap();
    for (out, name, path) in [("out/rows.csv", "any", "rows.csv"), ("out", "accounts", "accounts.csv")] {
        assert_exit(&run(aquifer(&server, &["query", QUERY, "--out", out, "--name", name])).await, 0);
        assert!(fs::read_to_string(dir.join(path)).unwrap().starts_with(ROWS));
    }
    let names = fs::read_dir(&dir).unwrap().count();
    assert_eq!(names, 2, "no half file stays");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_segments_of_an_answer_are_printed_as_one_and_saved_one_by_one() {
    let server = Server::with(|config| {
        config.tenant.files.segment = aquifer::config::Segment::Always;
        config.tenant.files.segment_rows = 2.try_into().unwrap();
    })
    .await;
    let query = r#"select Name as "its
name" from Account order by AccountNumber"#;
    let printed = run(aquifer(&server, &["query", query])).await;
    assert_exit(&printed, 0);
    assert_eq!(stdout(&printed), "\"its\nname\"\nÄrzte AG\n\"Smith, Sons\"\nZeta\n");

    assert_exit(&run(aquifer(&server, &["query", query, "--out", "rows.csv"])).await, 1);
    fs::create_dir(server.dir.path().join("out")).unwrap();
    let saved = run(aquifer(&server, &["query", query, "--out", "out"])).await;
    assert_exit(&saved, 0);
    assert_eq!(stderr(&saved), "3 rows in out/query.csv, out/query.2.csv\n");
    let second = fs::read_to_string(server.dir.path().join("out/query.2.csv")).unwrap();
    assert_eq!(second, "\"its\nname\"\nZeta\n");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_query_is_refused_with_carets() {
    let server = Server::start().await;
    let output = run(aquifer(&server, &["query", "select Nme,\n  Balnce from Account"])).await;
    assert_exit(&output, 2);
    assert_eq!(stdout(&output), "");
    let expected = "\
error[no-such-field]: There is no field named Balnce
 --> query:2:3
  |
2 |   Balnce from Account
  |   ^^^^^^
";
    assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    assert!(stderr(&output).contains("named Nme"), "every fault is shown: {}", stderr(&output));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submitted_job_is_downloaded_once() {
    let server = Server::start().await;
    write_job(&server);
    let output = run(aquifer(&server, &["submit", "job.json", "--out", "got"])).await;
    assert_exit(&output, 0);
    let id = stdout(&output).trim().to_owned();
    let accounts = server.dir.path().join("got/All_accounts.csv");
    let contacts = server.dir.path().join("got/query 2.csv");
    let rows = fs::read_to_string(&accounts).unwrap();
    assert!(rows.starts_with("Account: ID\n1111"), "{rows}");
    assert!(contacts.is_file());

    // What is the same stays as it is; what is not is fetched again.
    let before = fs::metadata(&contacts).unwrap().modified().unwrap();
    fs::write(&accounts, rows.replace('1', "2")).unwrap();
    assert_exit(&run(aquifer(&server, &["files", &id, "--out", "got"])).await, 0);
    assert_eq!(fs::read_to_string(&accounts).unwrap(), rows);
    assert_eq!(fs::metadata(&contacts).unwrap().modified().unwrap(), before);

    let status = run(aquifer(&server, &["status", &id])).await;
    assert_exit(&status, 0);
    assert!(stdout(&status).starts_with(&format!("{id}  completed, snapshot of 2026-11-21T12:00:00-0800\n")));
    let json = run(aquifer(&server, &["status", &id, "--json"])).await;
    assert_eq!(serde_json::from_str::<Value>(stdout(&json)).unwrap()["status"], "completed");
    // It has ended: nothing to cancel.
    assert_exit(&run(aquifer(&server, &["cancel", &id])).await, 2);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_say_whose_fault_it_is() {
    let server = Server::start().await;
    let local: &[&[&str]] = &[&["query"], &["submit", "none.json"], &["query", QUERY, "--out", "no/such/dir/file"]];
    for args in local {
        assert_exit(&run(aquifer(&server, args)).await, 1);
    }
    assert_exit(&run(aquifer(&server, &["status", "8ad0"])).await, 2);
    assert_exit(&run(aquifer(&server, &["query", QUERY, "--client-secret", "wrong"])).await, 5);
    // Nothing listens on port 1.
    assert_exit(&run(aquifer(&server, &["query", QUERY, "--url", "http://127.0.0.1:1"])).await, 5);
    assert_exit(&run(aquifer(&server, &["query", "--help"])).await, 0);
    server.stop().await;
}

/// What a command prints that must succeed.
async fn printed(server: &Server, args: &[&str]) -> String {
    let output = run(aquifer(server, args)).await;
    assert_exit(&output, 0);
    stdout(&output).to_owned()
}

const CHANGED: &str = "Id,Name\n11111111111111111111111111111103,Zeta II\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_query_of_a_session_returns_what_has_changed_since_the_last() {
    let server = Server::start().await;
    let query = async |out: &str, more: &[&str]| {
        let args = ["query", "select Name from Account order by Id", "--partner", "acme", "--project", "p q"];
        let output = run(aquifer(&server, &[&args, ["--out", out].as_slice(), more].concat())).await;
        assert_exit(&output, 0);
        (fs::read_to_string(server.dir.path().join(out)).unwrap(), stderr(&output).to_owned())
    };
    let (all, said) = query("all.csv", &[]).await;
    assert_eq!(all, "Account.Name\nÄrzte AG\n\"Smith, Sons\"\nZeta\n");
    assert!(!said.contains("warning"), "{said}");
    server.load("Account", CHANGED);
    assert_eq!(query("changed.csv", &[]).await.0, "Account.Name\nZeta II\n");
    server.delete("Account", &["11111111111111111111111111111103"]);
    // Another column makes another query; from then on it tells what is deleted.
    assert_eq!(query("flagged.csv", &["--deleted=Gone"]).await.0.lines().next(), Some("Account.Gone,Account.Name"));
    server.delete("Account", &["11111111111111111111111111111102"]);
    assert_eq!(query("gone.csv", &["--deleted=Gone"]).await.0, "Account.Gone,Account.Name\ntrue,\"Smith, Sons\"\n");
    assert_exit(&run(aquifer(&server, &["query", QUERY, "--partner", "acme"])).await, 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_shown_acknowledged_and_replayed() {
    let server = Server::start().await;
    assert_eq!(printed(&server, &["sessions"]).await, "partner  project  increments  last job  completed\n");
    let document =
        |queries: &str| format!(r#"{{"version": "1.2", "partner": "acme", "project": "p q", "queries": {queries}}}"#);
    let submit = async |queries: &str| {
        fs::write(server.dir.path().join("job.json"), document(queries)).unwrap();
        let output = run(aquifer(&server, &["submit", "job.json", "--wait"])).await;
        assert_exit(&output, 0);
        (stdout(&output).trim().to_owned(), stderr(&output).to_owned())
    };
    let (first, _) = submit(r#"[{"name": "A", "query": "select Name from Account"}]"#).await;
    server.load("Account", CHANGED);
    let (second, said) = submit("[]").await;
    assert!(said.contains("warning: increment 1 of this session was not downloaded whole"), "{said}");

    let sessions = printed(&server, &["sessions"]).await;
    let row = format!("acme     p q      2           {second}  2026-11-21T12:00:00-0800");
    assert_eq!(sessions.lines().nth(1), Some(row.as_str()));
    let show = ["sessions", "show", "acme", "p q"];
    let output = run(aquifer(&server, &show)).await;
    assert_exit(&output, 0);
    let cells = |row: &str| row.split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ");
    let rows: Vec<String> = stdout(&output).lines().skip(1).map(cells).collect();
    let (at, later) = ("2026-11-21T12:00:00-0800", "2026-11-21T12:00:00-0800");
    assert_eq!(
        rows,
        [format!("1 {first} 3 0 of 1 everything at {at} (first)"), format!("2 {second} 1 0 of 1 {at} to {later}")]
    );
    assert!(stderr(&output).contains(r#"aquifer sessions replay "acme" "p q" 1"#), "{}", stderr(&output));

    printed(&server, &["sessions", "ack", "acme", "p q", "1"]).await;
    let replayed = run(aquifer(&server, &["sessions", "replay", "acme", "p q", "2", "--out", "again"])).await;
    assert_exit(&replayed, 0);
    assert_eq!(fs::read_to_string(server.dir.path().join("again/A.csv")).unwrap(), "Account: Name\nZeta II\n");
    let output = run(aquifer(&server, &[&show, ["--json"].as_slice()].concat())).await;
    let told: Vec<Value> = stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&told[0]["acknowledgedAt"], &told[1]["acknowledgedAt"]), (&Value::from(at), &Value::Null));
    assert_eq!((&told[1]["replayedAt"], &told[1]["delivered"]), (&Value::from(at), &Value::from(true)));
    assert_eq!(stderr(&output), "", "nothing is lost any more");

    let last = ["--last", "acme", "p q"];
    let status = printed(&server, &[["status"].as_slice(), &last].concat()).await;
    assert!(status.starts_with(&second), "a replay is no last job: {status}");
    printed(&server, &[["files"].as_slice(), &last, &["--out", "got"]].concat()).await;
    assert_eq!(fs::read_to_string(server.dir.path().join("got/A.csv")).unwrap(), "Account: Name\nZeta II\n");

    // What there is not; and whoever names both, or half.
    for args in [["sessions", "show", "acme", "q"].as_slice(), &["sessions", "ack", "acme", "p q", "7"]] {
        let output = run(aquifer(&server, args)).await;
        assert_exit(&output, 2);
        assert!(stderr(&output).contains("`aquifer sessions` shows which there are"), "{}", stderr(&output));
    }
    assert_exit(&run(aquifer(&server, &["status", "--last", "acme", "q"])).await, 2);
    for args in [["status", &first, "--last", "acme", "p q"].as_slice(), &["status", "--last", "acme"], &["status"]] {
        assert_exit(&run(aquifer(&server, args)).await, 1);
    }
    server.stop().await;
}

/// A gate that opens when the test is over, however it ends: readers that wait would keep the process alive.
struct Opens(Arc<Gate>);

impl Drop for Opens {
    fn drop(&mut self) {
        self.0.open();
    }
}

async fn gated() -> (Server, Opens) {
    let mut kept = None;
    let server = Server::on(|_| {}, |embedded| kept.insert(Gate::closed(embedded)).clone()).await;
    (server, Opens(kept.unwrap()))
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_job_hears_how_it_ends() {
    for (ending, code) in [("open", 0), ("fail", 3), ("cancel", 4)] {
        let (server, gate) = gated().await;
        write_job(&server);
        let submitted = run(aquifer(&server, &["submit", "job.json"])).await;
        assert_exit(&submitted, 0);
        let id = stdout(&submitted).trim();
        gate.0.reached(1).await;
        let waiting = tokio::spawn(run(aquifer(&server, &["status", id, "--wait"])));
        match ending {
            "open" => gate.0.open(),
            "fail" => gate.0.fail(),
            _ => assert_exit(&run(aquifer(&server, &["cancel", id])).await, 0),
        }
        let output = waiting.await.unwrap();
        assert_exit(&output, code);
        if ending == "fail" {
            assert!(stderr(&output).contains("All/accounts: "), "it names the query: {}", stderr(&output));
        }
        gate.0.open();
        server.ended(id.parse::<JobId>().unwrap()).await;
        server.stop().await;
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_leaves_the_job_alone_and_says_how_to_go_on() {
    let (server, gate) = gated().await;
    let child = aquifer(&server, &["query", QUERY]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = child.id().to_string();
    let mut ended = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
    // It listens for Ctrl-C before it submits, so once the job runs it does.
    tokio::select! {
        () = gate.0.reached(1) => {}
        output = &mut ended => panic!("{output:?}"),
    }
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let output = ended.await.unwrap();
    assert_exit(&output, 130);
    let said = stderr(&output);
    let id = said.split_once("aquifer status ").unwrap().1.split(' ').next().unwrap();
    gate.0.open();
    let job = server.ended(id.parse::<JobId>().unwrap()).await;
    assert_eq!(job.state, State::Completed);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_too_old_is_renewed() {
    let server = Server::start().await;
    let job = server.submit(&[QUERY]).await;
    server.ended(job).await;
    let Credentials { client_id: id, client_secret: secret } = server.credentials.clone();
    let client = Client::new(&server.running.url, aquifer::client::Credentials::Client { id, secret });
    let ask = move |client: Client| {
        let status = client.status(&job.to_string()).map(|job| job.status);
        (client, status)
    };
    let (client, first) = tokio::task::spawn_blocking(move || ask(client)).await.unwrap();
    server.clock.advance(SignedDuration::from_hours(2));
    let (_, second) = tokio::task::spawn_blocking(move || ask(client)).await.unwrap();
    assert_eq!((first.unwrap().as_str(), second.unwrap().as_str()), ("completed", "completed"));
    server.stop().await;
}

fn local(args: &[&str], dir: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_aquifer")).args(args).current_dir(dir).output().unwrap()
}

#[test]
fn check_shows_what_a_query_gives_or_what_is_wrong_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let right = local(&["check", "SELECT accountnumber, BillToContact.Country FROM account"], dir.path());
    assert_exit(&right, 0);
    let expected = "\
column                 with labels              type
Account.AccountNumber  Account: Account Number  text
BillToContact.Country  Bill To: Country         text
";
    assert!(stdout(&right).starts_with("ok\n") && stdout(&right).contains(expected), "{}", stdout(&right));

    let wrong = local(&["check", "select Id from Account where Balance = 'much'"], dir.path());
    assert_exit(&wrong, 2);
    assert!(stderr(&wrong).contains("^^^^^^"), "{}", stderr(&wrong));
    assert_exit(&local(&["check", "--type", "zoql", "select count(Id) from Account"], dir.path()), 2);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "asking leaves nothing behind");
}

#[test]
fn describe_lists_objects_fields_and_joins() {
    let dir = tempfile::tempdir().unwrap();
    let all = local(&["describe"], dir.path());
    assert!(stdout(&all).lines().any(|line| line.starts_with("AccountingCode ") && line.ends_with("no deleted rows")));
    let account = local(&["describe", "account"], dir.path());
    let line = |start: &str| stdout(&account).lines().find(|line| line.starts_with(start)).unwrap().to_owned();
    let words = |start: &str| line(start).split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ");
    assert_eq!(words("Status "), "Status Status picklist both Draft | Active | Canceled");
    assert_eq!(words("BillToContact "), "BillToContact Contact BillToId Account.BillToContact");
    let json = local(&["describe", "Account", "--json"], dir.path());
    assert_eq!(serde_json::from_str::<Value>(stdout(&json)).unwrap()["fields"][0]["name"], "Id");
    let unknown = local(&["describe", "Acount"], dir.path());
    assert_exit(&unknown, 1);
    assert!(stderr(&unknown).contains("near: Account"), "{}", stderr(&unknown));
}
