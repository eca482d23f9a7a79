//! `zuora-aqua-client-cli`, whose command is `zacc`.

use std::{process::Output, sync::Arc};

use super::{Machine, failed, succeeded};
use crate::{gate::Gate, server::Server};

/// In the environment `prod` it speaks to `rest.zuora.com` and `zuora.com`.
const ENVIRONMENT: [&str; 4] = ["-c", "zacc.ini", "-e", "prod"];

impl Machine {
    async fn zacc(&self, args: &[&str]) -> Output {
        let credentials = &self.server.credentials;
        let lines = format!(
            "[prod]\nproduction = true\nclient_id = {}\nclient_secret = {}\n",
            credentials.client_id, credentials.client_secret
        );
        self.write("zacc.ini", lines);
        self.run("zacc", &[&ENVIRONMENT, args].concat()).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn zacc_describes_and_queries() {
    let machine = Machine::start().await;
    let bearer = machine.zacc(&["bearer"]).await;
    assert!(succeeded(&bearer).starts_with("Bearer "), "{bearer:?}");

    let described = machine.zacc(&["describe", "Account"]).await;
    let lines: Vec<&str> = succeeded(&described).lines().collect();
    assert_eq!(lines[0], "Account");
    let related = lines.iter().position(|line| *line == "Related Objects").unwrap();
    assert!(lines[..related].contains(&"  AccountNumber - Account Number"), "{lines:?}");
    assert!(lines[related..].contains(&"  BillToContact<Contact> - Bill To"), "{lines:?}");

    let one = machine.zacc(&["query", "select Name, CreatedDate from Account where Name = 'Ärzte AG'"]).await;
    assert_eq!(succeeded(&one), "Account.Name,Account.CreatedDate\nÄrzte AG,2026-02-28T13:07:32+0000\n\n");

    let several = "select Id from Account where Name = 'Zeta'\n\nselect WorkEmail from Contact\norder by WorkEmail";
    machine.write("several.zoql", several);
    let several = machine.zacc(&["query", "several.zoql", "-o", "several.csv"]).await;
    assert_eq!(succeeded(&several), "");
    assert_eq!(
        std::fs::read_to_string(machine.server.dir.path().join("several.csv")).unwrap(),
        "Account.Id\n11111111111111111111111111111103\n\nContact.WorkEmail\nada@example.com\nbob@example.com\n"
    );
    machine.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn zacc_has_sessions() {
    let machine = Machine::start().await;
    let nightly = ["--partner", "acme", "--project", "nightly", "query", "select Name from Account order by Id"];
    assert_eq!(succeeded(&machine.zacc(&nightly).await), "Account.Name\nÄrzte AG\n\"Smith, Sons\"\nZeta\n\n");
    machine.server.load("Account", "Id,Name\n11111111111111111111111111111103,Zeta II\n");
    assert_eq!(succeeded(&machine.zacc(&nightly).await), "Account.Name\nZeta II\n\n");

    // A prefix makes another project of every run, with blanks, dots and colons in its name.
    let prefixed = ["--partner", "acme", "--project-prefix", "pre", "query", "select count(Id) from Account"];
    for _ in 0..2 {
        assert_eq!(succeeded(&machine.zacc(&prefixed).await), "count(Account.Id)\n3\n\n");
    }
    machine.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn zacc_shows_what_is_wrong() {
    let machine = Machine::start().await;
    let said = failed(&machine.zacc(&["query", "select Nme from Account"]).await);
    assert!(said.contains("There is no field named Nme") && said.contains("InvalidZOQLError"), "{said}");

    machine.write("wrong.ini", "[prod]\nproduction = true\nclient_id = nobody\nclient_secret = wrong\n");
    let said = failed(&machine.run("zacc", &["-c", "wrong.ini", "-e", "prod", "bearer"]).await);
    assert!(said.contains("Authentication error") && said.contains("Invalid client id"), "{said}");
    machine.server.stop().await;
}

/// It knows no end but `completed`.
#[tokio::test(flavor = "multi_thread")]
async fn zacc_asks_on_after_a_job_was_aborted() {
    let mut gate = None;
    let server = Server::on(|_| {}, |embedded| gate.insert(Gate::closed(embedded)).clone()).await;
    let gate: Arc<Gate> = gate.unwrap();
    gate.fail();
    let machine = Machine::of(server).await;
    let said = failed(&machine.zacc(&["-m", "20", "query", "select Id from Account"]).await);
    assert!(said.contains("Max trials exceeded"), "{said}");
    machine.server.stop().await;
}
