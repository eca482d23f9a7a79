//! Masked fields: whose values are written, where, and for whom.

use aquifer::job::JobId;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{
    client::{aquifer, assert_exit, run, stdout},
    files::{decrypt, key},
    http::Request,
    server::Server,
};

const HIDDEN: &str = "CreditCardNumber,CreditCardExpirationYear\n******,2029\n";
const SHOWN: &str = "CreditCardNumber,CreditCardExpirationYear\n4111111111111111,2029\n";

/// A server with a card, and what a client that may read masked fields sends as `Authorization`.
async fn with_a_card() -> (Server, String) {
    let server = Server::start().await;
    let row = "66666666666666666666666666666601,CreditCard,4111111111111111,2029";
    server.load("PaymentMethod", &format!("Id,Type,CreditCardNumber,CreditCardExpirationYear\n{row}\n"));
    let data = server.dir.path().display().to_string();
    assert_exit(&run(aquifer(&server, &["tenant", "key", "add", &key("curve.asc"), "--data", &data])).await, 0);
    let created = ["client", "create", "bank", "--reads-masked", "--json", "--data", &data];
    let client: Value = serde_json::from_str(stdout(&run(aquifer(&server, &created)).await)).unwrap();
    let [id, secret] = ["client_id", "client_secret"].map(|key| client[key].as_str().unwrap().to_owned());
    let authorization = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
    (server, authorization)
}

/// Stateful if it has a project.
fn job(encrypted: &str, project: &str, condition: &str) -> String {
    let query = format!("select CreditCardNumber, CreditCardExpirationYear from PaymentMethod{condition}");
    let queries = json!([{ "query": query, "type": "zoql" }]);
    json!({ "version": "1.1", "partner": "acme", "project": project, "encrypted": encrypted, "queries": queries })
        .to_string()
}

/// Posts, and answers with the file of the job that comes of it.
async fn file(server: &Server, authorization: &str, path: &str, body: String) -> Vec<u8> {
    let send = async |request: Request| request.header("Authorization", authorization).send(&server.running.url).await;
    let submitted = send(Request::new("POST", path).body(body)).await.json();
    let id: JobId = submitted["id"].as_str().unwrap_or_else(|| panic!("{submitted}")).parse().unwrap();
    server.ended(id).await;
    let file = server.status(id).await["batches"][0]["fileId"].as_str().unwrap().to_owned();
    send(Request::new("GET", &format!("/v1/files/{file}"))).await.body
}

#[tokio::test(flavor = "multi_thread")]
async fn they_are_written_for_who_may_read_them_and_only_in_encrypted_files() {
    let (server, allowed) = with_a_card().await;
    let other = format!("Bearer {}", server.token);
    let submit = "/v1/batch-query";
    for (client, encrypted, expected) in
        [(&allowed, true, SHOWN), (&allowed, false, HIDDEN), (&other, true, HIDDEN), (&other, false, HIDDEN)]
    {
        let word = if encrypted { "pgp" } else { "none" };
        let bytes = file(&server, client, submit, job(word, "", "")).await;
        let csv = if encrypted { decrypt(&bytes) } else { bytes };
        assert_eq!(String::from_utf8(csv).unwrap(), expected, "{word}");
    }
    server.stop().await;
}

/// What rows there are would tell digit by digit what they hide.
#[tokio::test(flavor = "multi_thread")]
async fn only_who_may_read_them_can_ask_for_rows_by_them() {
    let (server, allowed) = with_a_card().await;
    let other = format!("Bearer {}", server.token);
    let submit = "/v1/batch-query";
    let guess = " where CreditCardNumber like '4111%'";
    for (client, encrypted) in [(&allowed, "none"), (&other, "pgp"), (&other, "none")] {
        let request = Request::new("POST", submit).header("Authorization", client);
        let refused = request.body(job(encrypted, "", guess)).send(&server.running.url).await.json();
        assert_eq!(refused["errorCode"], "90005", "{refused}");
        assert_eq!(refused["errors"][0]["code"], "masked", "{refused}");
    }
    let found = file(&server, &allowed, submit, job("pgp", "", guess)).await;
    assert_eq!(String::from_utf8(decrypt(&found)).unwrap(), SHOWN);
    let found = file(&server, &other, submit, job("none", "", " where CreditCardNumber != null")).await;
    assert_eq!(String::from_utf8(found).unwrap(), HIDDEN);

    let query = format!("select Id from PaymentMethod{guess}");
    let request = Request::new("POST", "/v1/action/query").header("Authorization", &allowed);
    let refused = request.body(json!({ "queryString": query }).to_string()).send(&server.running.url).await;
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("CreditCardNumber is masked"), "{}", refused.text());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_is_its_own_clients() {
    let (server, allowed) = with_a_card().await;
    let other = format!("Bearer {}", server.token);
    file(&server, &allowed, "/v1/batch-query", job("pgp", "cards", "")).await;
    let replay = "/v1/batch-query/sessions/acme/cards/increments/1/replay";
    for (client, expected) in [(&other, HIDDEN), (&allowed, SHOWN)] {
        let bytes = file(&server, client, replay, String::new()).await;
        assert_eq!(String::from_utf8(decrypt(&bytes)).unwrap(), expected);
    }
    server.stop().await;
}

/// What was hidden in a full load would stay hidden in what a client has merged.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_begins_to_show_them_shows_all() {
    let (server, allowed) = with_a_card().await;
    let submit = "/v1/batch-query";
    let in_clear = async || String::from_utf8(file(&server, &allowed, submit, job("none", "s", "")).await).unwrap();
    let encrypted = async || String::from_utf8(decrypt(&file(&server, &allowed, submit, job("pgp", "s", "")).await));
    let nothing = SHOWN.split_inclusive('\n').next().unwrap();
    assert_eq!((in_clear().await, in_clear().await), (HIDDEN.to_owned(), nothing.to_owned()));
    assert_eq!((encrypted().await.unwrap(), encrypted().await.unwrap()), (SHOWN.to_owned(), nothing.to_owned()));
    server.stop().await;
}
