//! Several tenants in one server: each has its own data, settings and limits.

use aquifer::job::{JobId, SessionKey};
use serde_json::{Value, json};

use crate::{http::Request, server::Server};

const QUERY: &str = "select Name, CreatedDate from Account";

async fn two_tenants() -> (Server, String) {
    let server = Server::with(|config| {
        let acme = aquifer::config::Tenant {
            profile: aquifer::config::Profile::Eu,
            partners: Some(vec!["acme".to_owned()]),
            limits: aquifer::config::Limits { queries: 1, ..config.tenant.limits.clone() },
            ..config.tenant.clone()
        };
        config.tenants.insert("acme".to_owned(), acme);
    })
    .await;
    let row = "Id,Name,CreatedDate\n2c92c0f9000000000000000000000001,Acme's own,2026-08-01T00:00:00Z\n";
    server.load_into("acme", "Account", row);
    let authorization = server.authorization("acme").await;
    (server, authorization)
}

async fn submit(server: &Server, authorization: &str, body: Value) -> Value {
    let request = Request::new("POST", "/v1/batch-query").header("Authorization", authorization);
    request.body(body.to_string()).send(&server.running.url).await.json()
}

async fn get(server: &Server, authorization: &str, path: &str) -> (u16, String) {
    let request = Request::new("GET", path).header("Authorization", authorization);
    let answer = request.send(&server.running.url).await;
    (answer.status, answer.text().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_tenant_has_its_own_data_zone_partners_and_limits() {
    let (server, acme) = two_tenants().await;
    let query = json!({ "query": QUERY });
    let two = submit(&server, &acme, json!({ "queries": [query, query] })).await;
    assert_eq!(two["errorCode"], "90004", "{two}");
    let unknown = submit(&server, &acme, json!({ "queries": [query], "partner": "salesforce" })).await;
    assert_eq!(unknown["errorCode"], "90019", "{unknown}");

    let job = submit(&server, &acme, json!({ "queries": [query], "partner": "acme" })).await;
    let id: JobId = job["id"].as_str().unwrap().parse().unwrap();
    server.ended_of("acme", id).await;
    let (_, status) = get(&server, &acme, &format!("/v1/batch-query/jobs/{id}")).await;
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["startTime"], "2026-11-21T20:00:00+0000");
    let file = status["batches"][0]["fileId"].as_str().unwrap();
    let (_, csv) = get(&server, &acme, &format!("/v1/files/{file}")).await;
    assert_eq!(csv, "Account: Name,Account: Created Date\nAcme's own,2026-08-01T00:00:00+0000\n");

    let two = server.submit(&[QUERY, QUERY]).await;
    server.ended(two).await;
    assert!(server.status(two).await["batches"][0]["recordCount"].as_u64().unwrap() > 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_tenants_sessions_move_none_of_another_of_the_same_name() {
    let (server, acme) = two_tenants().await;
    let body = json!({ "queries": [{ "query": QUERY }], "version": "1.1", "partner": "acme", "project": "nightly" });
    let job = submit(&server, &acme, body.clone()).await;
    server.ended_of("acme", job["id"].as_str().unwrap().parse().unwrap()).await;
    let session = SessionKey { partner: "acme".to_owned(), project: "nightly".to_owned() };
    let (of_acme, of_default) = (
        server.running.app.store.session("acme", &session).await.unwrap(),
        server.running.app.store.session("default", &session).await.unwrap(),
    );
    assert_eq!((of_acme.increments, of_default.increments), (1, 0));
    let first = server.send(Request::new("POST", "/v1/batch-query").body(body.to_string())).await.json();
    let first: JobId = first["id"].as_str().unwrap().parse().unwrap();
    server.ended(first).await;
    assert_eq!(server.status(first).await["batches"][0]["fullReason"], "first");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_a_tenant_that_the_settings_have_lost_is_not_let_in() {
    let (server, acme) = two_tenants().await;
    let mut config = server.running.app.config.clone();
    let clock = std::sync::Arc::new(server.clock.clone());
    let dir = server.stop().await;
    config.tenants.clear();
    let running = aquifer::app::App::start(config, clock).await.unwrap();
    let request = Request::new("GET", "/v1/describe").header("Authorization", &acme);
    assert_eq!(request.send(&running.url).await.status, 401);
    running.stop().await;
    drop(dir);
}
