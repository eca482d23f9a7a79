//! Clients and users, as the operator makes them with the real binary while a server runs.

use std::{io::Write as _, process::Stdio};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{
    client::{aquifer, assert_exit, run, stdout},
    http::Request,
    server::Server,
};

/// A command over the data of the server.
async fn command(server: &Server, args: &[&str]) -> std::process::Output {
    let data = server.dir.path().to_str().unwrap();
    run(aquifer(server, &[args, &["--data", data]].concat())).await
}

/// The same with a line on standard input.
async fn told(server: &Server, args: &[&str], line: &'static str) -> std::process::Output {
    let data = server.dir.path().to_str().unwrap();
    let mut command = aquifer(server, &[args, &["--data", data]].concat());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let work = move || {
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(line.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// What a request to look at an object is answered.
async fn describe(server: &Server, user: &str, password: &str, object: &str) -> u16 {
    let basic = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    let request = Request::new("GET", &format!("/v1/describe/{object}")).header("Authorization", &basic);
    request.send(&server.running.url).await.status
}

async fn listed(server: &Server, id: &str) -> Value {
    let list = command(server, &["client", "list", "--json"]).await;
    let mut lines = stdout(&list).lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.find(|client| client["client_id"] == id).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_made_limited_and_rotated() {
    let server = Server::start().await;
    let made = command(&server, &["client", "create", "acme", "--objects", "Account,!Contact", "--json"]).await;
    assert_exit(&made, 0);
    let made: Value = serde_json::from_str(stdout(&made)).unwrap();
    let (id, secret) = (made["client_id"].as_str().unwrap(), made["client_secret"].as_str().unwrap());
    assert_eq!(describe(&server, id, secret, "Account").await, 200);
    assert_eq!(describe(&server, id, secret, "Contact").await, 403);
    assert_eq!(listed(&server, id).await["rights"], json!({ "objects": ["Account", "!Contact"] }));

    assert_exit(&command(&server, &["client", "limit", id, "--objects", "Contact", "--orgs", "7"]).await, 0);
    assert_eq!(listed(&server, id).await["rights"], json!({ "objects": ["Contact"], "orgs": ["7"] }));
    assert_exit(&command(&server, &["client", "limit", id]).await, 0);
    assert_eq!(describe(&server, id, secret, "Contact").await, 200);
    assert_exit(&command(&server, &["client", "limit", id, "--objects", "Con*act"]).await, 1);

    let rotated = command(&server, &["client", "rotate", id, "--json"]).await;
    let rotated: Value = serde_json::from_str(stdout(&rotated)).unwrap();
    let second = rotated["client_secret"].as_str().unwrap();
    assert_eq!(describe(&server, id, second, "Account").await, 200);
    assert!(listed(&server, id).await["old_secret_until"].is_string());
    assert_exit(&command(&server, &["client", "rotate", id, "--now"]).await, 0);
    assert_eq!(describe(&server, id, second, "Account").await, 401);
    assert_eq!(listed(&server, id).await["old_secret_until"], Value::Null);
    assert_exit(&command(&server, &["client", "rotate", id, "--overlap", "-1h"]).await, 1);
    assert_exit(&command(&server, &["client", "rotate", "nobody"]).await, 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_made_given_another_password_and_removed() {
    let server = Server::start().await;
    let add = ["user", "add", "ann@example.com", "--objects", "Account"];
    assert_exit(&told(&server, &add, "too short\n").await, 1);
    assert_exit(&told(&server, &add, "correct horse battery\n").await, 0);
    assert_exit(&told(&server, &add, "correct horse battery\n").await, 1);
    assert_eq!(describe(&server, "ann@example.com", "correct horse battery", "Account").await, 200);
    assert_eq!(describe(&server, "ann@example.com", "correct horse battery", "Contact").await, 403);
    let ann = listed(&server, "ann@example.com").await;
    assert_eq!((&ann["user"], &ann["tenant"]), (&json!(true), &json!("default")));

    let changed = command(&server, &["user", "password", "ann@example.com", "--generate"]).await;
    let password = stdout(&changed).trim().to_owned();
    assert_eq!(describe(&server, "ann@example.com", "correct horse battery", "Account").await, 401);
    assert_eq!(describe(&server, "ann@example.com", &password, "Account").await, 200);

    assert_exit(&command(&server, &["user", "remove", "ann@example.com"]).await, 0);
    assert_eq!(describe(&server, "ann@example.com", &password, "Account").await, 401);
    assert_exit(&command(&server, &["user", "password", "ann@example.com", "--generate"]).await, 1);
    assert_exit(&told(&server, &add, "correct horse battery\n").await, 0);
    for name in ["a:b@example.com", "", "0b0c0d0e-0000-4000-8000-000000000000"] {
        assert_exit(&command(&server, &["user", "add", name, "--generate"]).await, 1);
    }
    server.stop().await;
}
