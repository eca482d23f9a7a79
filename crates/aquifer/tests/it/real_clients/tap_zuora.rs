//! `tap-zuora`: discovery, syncs from a state, both APIs, both ways to log in, and what it says when something fails.

use std::process::{Output, Stdio};

use aquifer::job::State;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    time::timeout,
};

use super::{Machine, PATIENCE, failed, succeeded};
use crate::{gate::Gate, server::Server};

/// The fields that are selected; Id and UpdatedDate always are.
const SELECTED: [&str; 6] = ["Name", "AccountNumber", "Balance", "AutoPay", "BillToContactId", "Deleted"];

/// One configuration of the client, with its catalog and its state.
struct Tap<'a> {
    machine: &'a Machine,
    config: Value,
    catalog: Value,
    state: Value,
}

impl<'a> Tap<'a> {
    fn new(machine: &'a Machine, api: &str, auth: &str) -> Tap<'a> {
        let credentials = &machine.server.credentials;
        let config = json!({
            "username": credentials.client_id,
            "password": credentials.client_secret,
            "start_date": "2026-02-01T00:00:00Z",
            "partner_id": "salesforce",
            "api_type": api,
            "auth_type": auth,
        });
        Tap { machine, config, catalog: Value::Null, state: json!({}) }
    }

    async fn run(&self, args: &[&str]) -> Output {
        let config = self.machine.write("config.json", self.config.to_string());
        self.machine.run("tap-zuora", &[&["--config", &config], args].concat()).await
    }

    /// What says to sync what is selected.
    fn sync_args(&self) -> [String; 4] {
        let catalog = self.machine.write("catalog.json", self.catalog.to_string());
        let state = self.machine.write("state.json", self.state.to_string());
        ["--catalog".to_owned(), catalog, "--state".to_owned(), state]
    }

    async fn sync_output(&self) -> Output {
        let args = self.sync_args();
        self.run(&args.each_ref().map(String::as_str)).await
    }

    /// Discovers what there is, and selects some of Account.
    async fn discover(&mut self) {
        let found = self.run(&["--discover"]).await;
        self.catalog = serde_json::from_str(succeeded(&found)).unwrap();
        for entry in self.account()["metadata"].as_array_mut().unwrap() {
            let name = entry["breadcrumb"].as_array().unwrap().last().and_then(Value::as_str);
            if name.is_none_or(|name| SELECTED.contains(&name)) {
                entry["metadata"]["selected"] = json!(true);
            }
        }
    }

    fn account(&mut self) -> &mut Value {
        let streams = self.catalog["streams"].as_array_mut().unwrap();
        streams.iter_mut().find(|stream| stream["tap_stream_id"] == "Account").unwrap()
    }

    /// A field that has gone since discovery.
    fn select_what_is_gone(&mut self) {
        let account = self.account();
        account["schema"]["properties"]["Nme"] = json!({ "type": ["string", "null"] });
        let selected = json!({ "inclusion": "available", "selected": true });
        let entry = json!({ "breadcrumb": ["properties", "Nme"], "metadata": selected });
        account["metadata"].as_array_mut().unwrap().push(entry);
    }

    /// The records of a sync; the next one goes on from its state.
    async fn sync(&mut self) -> Vec<Value> {
        let output = self.sync_output().await;
        let messages = succeeded(&output).lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let (mut records, mut state) = (Vec::new(), Value::Null);
        for mut message in messages {
            match message["type"].as_str().unwrap() {
                "RECORD" => records.push(message["record"].take()),
                "STATE" => state = message["value"].take(),
                _ => {}
            }
        }
        self.state = state;
        records
    }
}

/// What is looked at of a record.
fn shown(record: &Value) -> (&str, &str, f64, Option<bool>) {
    let text = |key: &str| record[key].as_str().unwrap_or_default();
    (text("AccountNumber"), text("Name"), record["Balance"].as_f64().unwrap(), record["Deleted"].as_bool())
}

#[tokio::test(flavor = "multi_thread")]
async fn tap_zuora_with_jobs_and_a_token() {
    let machine = Machine::start().await;
    let mut tap = Tap::new(&machine, "AQUA", "OAUTH");
    tap.discover().await;
    // Every object that describe lists can be selected from, or discovery would have stopped.
    assert!(tap.catalog["streams"].as_array().unwrap().len() > 150);
    assert_eq!(tap.account()["schema"]["properties"]["BillToContactId"]["type"], json!(["string", "null"]));

    let first = tap.sync().await;
    let first: Vec<_> = first.iter().map(shown).collect();
    assert_eq!(
        first,
        [
            ("A-1", "Ärzte AG", 77.86, Some(false)),
            ("A-2", "Smith, Sons", -11095.0, Some(false)),
            ("A-3", "Zeta", 0.0, Some(false)),
            ("A-4", "Gone Ltd", 5.5, Some(true)),
        ]
    );

    machine.server.load(
        "Account",
        "Id,Name,AccountNumber,Balance,UpdatedDate\n\
         11111111111111111111111111111102,Smith & Daughters,A-2,1.25,2026-08-02T00:00:00Z\n\
         11111111111111111111111111111105,Newcomer,A-5,0,2026-08-03T00:00:00Z\n\
         11111111111111111111111111111103,Zeta,A-3,0,2026-08-04T00:00:00Z\n",
    );
    machine.server.delete("Account", &["11111111111111111111111111111103"]);
    let second = tap.sync().await;
    let second: Vec<_> = second.iter().map(shown).collect();
    assert_eq!(
        second,
        [
            // Its bookmark is inclusive.
            ("A-4", "Gone Ltd", 5.5, Some(true)),
            ("A-2", "Smith & Daughters", 1.25, Some(false)),
            ("A-5", "Newcomer", 0.0, Some(false)),
            ("A-3", "Zeta", 0.0, Some(true)),
        ]
    );

    tap.select_what_is_gone();
    let said = failed(&tap.sync_output().await);
    assert!(said.contains("ExportFailed") && said.contains("There is no field named Nme"), "{said}");
    machine.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tap_zuora_with_exports_and_keys() {
    let machine = Machine::start().await;
    let mut tap = Tap::new(&machine, "REST", "BASIC");
    tap.discover().await;
    assert!(tap.catalog["streams"].as_array().unwrap().len() > 150);

    let first = tap.sync().await;
    let first: Vec<_> = first.iter().map(shown).collect();
    assert_eq!(
        first,
        [("A-1", "Ärzte AG", 77.86, None), ("A-2", "Smith, Sons", -11095.0, None), ("A-3", "Zeta", 0.0, None)]
    );

    tap.select_what_is_gone();
    let said = failed(&tap.sync_output().await);
    assert!(said.contains("InvalidValueException") && said.contains("There is no field named Nme"), "{said}");
    machine.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tap_zuora_is_not_let_in() {
    let machine =
        Machine::of(Server::with(|config| config.tenant.partners = Some(vec!["acme".to_owned()])).await).await;
    let mut tap = Tap::new(&machine, "AQUA", "OAUTH");
    let said = failed(&tap.run(&["--discover"]).await);
    assert!(said.contains("Partner ID is not recognized."), "{said}");
    for (auth, error) in [("OAUTH", "Could not get access token"), ("BASIC", "Could not discover US-based AQuA")] {
        tap.config["auth_type"] = json!(auth);
        tap.config["password"] = json!("wrong");
        let said = failed(&tap.run(&["--discover"]).await);
        assert!(said.contains(error), "{said}");
    }
    machine.server.stop().await;
}

/// It knows no end but `completed` and `failed`, which the original does not say.
#[tokio::test(flavor = "multi_thread")]
async fn tap_zuora_asks_on_after_a_job_was_aborted() {
    let mut gate = None;
    let server = Server::on(|_| {}, |embedded| gate.insert(Gate::closed(embedded)).clone()).await;
    gate.unwrap().fail();
    let machine = Machine::of(server).await;
    let mut tap = Tap::new(&machine, "AQUA", "BASIC");
    let selected = json!([{ "breadcrumb": [], "metadata": { "selected": true } },
                          { "breadcrumb": ["properties", "Id"], "metadata": { "inclusion": "automatic" } }]);
    let schema = json!({ "type": "object", "properties": { "Id": { "type": "string" } } });
    tap.catalog = json!({ "streams": [{ "tap_stream_id": "Account", "stream": "Account", "key_properties": ["Id"],
                                        "schema": schema, "metadata": selected }] });

    let config = machine.write("config.json", tap.config.to_string());
    let mut command = tokio::process::Command::from(machine.command("tap-zuora"));
    command.args(["--config", &config]).args(tap.sync_args()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut running = command.kill_on_drop(true).spawn().unwrap();
    let mut said = BufReader::new(running.stderr.take().unwrap()).lines();
    let questions = timeout(PATIENCE, async {
        let mut questions = Vec::new();
        while questions.len() < 20
            && let Some(line) = said.next_line().await.unwrap()
        {
            questions.extend(Some(line).filter(|line| line.contains("/v1/batch-query/jobs/")));
        }
        questions
    });
    let questions = questions.await.unwrap();
    running.kill().await.unwrap();
    assert_eq!(questions.len(), 20, "{questions:?}");
    let job = questions[0].rsplit('/').next().unwrap().parse().unwrap();
    assert_eq!(machine.server.ended(job).await.state, State::Aborted);
    machine.server.stop().await;
}
