//! Libraries, in a few lines of their users'.

use serde_json::{Value, json};

use super::{Machine, failed, scripts, succeeded};

impl Machine {
    /// Runs a script with the credentials of a client and these arguments.
    async fn script(&self, name: &str, args: &[&str]) -> std::process::Output {
        let path = scripts().join(name).display().to_string();
        let credentials = &self.server.credentials;
        let given = [path.as_str(), &credentials.client_id, &credentials.client_secret];
        self.run("python", &[&given, args].concat()).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn simple_zuora_client() {
    let machine = Machine::start().await;
    let queries = ["select Name from Account where Name = 'Zeta'", "select count(Id) from Account where Balance > 0"];
    let output = machine.script("run_simple_zuora_client.py", &queries).await;
    let files: Value = serde_json::from_str(succeeded(&output).lines().last().unwrap()).unwrap();
    assert_eq!(files, json!(["Account: Name\nZeta\n", "count(Account: ID)\n1\n"]));

    // It sees that the submit was refused, and has a fault of its own in saying so.
    let said = failed(&machine.script("run_simple_zuora_client.py", &["select Nme from Account"]).await);
    assert!(said.contains("raise ZuoraExportQueryResultError(batch_query)"), "{said}");
    machine.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn zuora_sdk() {
    let machine = Machine::start().await;
    let output = machine.script("run_zuora_sdk.py", &["select Name from Account where Name = 'Zeta'"]).await;
    let seen: Value = serde_json::from_str(succeeded(&output)).unwrap();
    assert_eq!(
        seen,
        json!({
            "submitted": "submitted",
            "records": 1,
            "file": "Account.Name\nZeta\n",
            "ended": { "errorCode": "90003", "message": "Invalid Job Id for job cancellation." },
            "refused": ["90005", null],
            "stale": 401,
        })
    );
    machine.server.stop().await;
}
