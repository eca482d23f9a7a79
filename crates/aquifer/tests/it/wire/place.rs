//! Where scenarios are played.

use std::{sync::Arc, time::Duration};

use aquifer::{
    access::{self, Credentials, Rights},
    clock::Clock as _,
    config::{Config, DEFAULT},
    job::JobId,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use engine::{embedded::Embedded, error::Kind};
use jiff::SignedDuration;
use serde_json::Value;

use super::scenario::Known;
use crate::{
    gate::Gate,
    http::{Answer, Request},
    server::Server,
};

pub enum Place {
    /// A server in this process, whose settings, clock and data are ours.
    Here(Box<Here>),
    /// One of which only the address and a client are known.
    Elsewhere(Elsewhere),
}

pub struct Here {
    pub server: Server,
    pub gate: Arc<Gate>,
}

pub struct Elsewhere {
    pub url: String,
    pub credentials: Credentials,
    token: String,
}

/// What a scenario asks of the server's clock, data and reads.
pub const COMMANDS: [&str; 15] = [
    "CLIENT", "CLOCK", "FORGET", "LEFT", "LIMIT", "LOAD", "LOSE", "OBJECTS", "READS", "REVOKE", "ROTATE", "TIDY",
    "TRIED", "USER", "WAITING",
];

impl Here {
    pub async fn with(change: impl FnOnce(&mut Config)) -> Here {
        let mut gate = None;
        let opened = |embedded: Arc<Embedded>| gate.insert(Gate::opened(embedded)).clone();
        let server = Server::on(change, opened).await;
        Here { server, gate: gate.unwrap() }
    }

    pub async fn obey(&self, command: &str, argument: &str, body: &str, known: &mut Known) {
        let Here { server, gate } = self;
        match (command, argument) {
            ("LEFT", job) => server.left(job.parse().unwrap()).await,
            ("LOSE", job) => server.lose(job.parse().unwrap()).await,
            ("TRIED", job) => drop(server.tried(job.parse().unwrap(), 1).await),
            ("CLOCK", seconds) => server.clock.advance(SignedDuration::from_secs(seconds.parse().unwrap())),
            ("LOAD", object) => server.load(object, body),
            ("FORGET", object) => server.delete(object, &body.lines().collect::<Vec<_>>()),
            ("TIDY", _) => server.running.app.tidy().await.unwrap(),
            ("READS", "wait") => gate.close(),
            ("READS", "go on") => gate.open(),
            ("READS", "fail") => gate.fail_with(Some(Kind::Corrupt)),
            ("READS", "fail for now") => gate.fail_with(Some(Kind::Storage)),
            ("READS", "succeed") => gate.fail_with(None),
            ("WAITING", reads) => gate.reached(reads.parse().unwrap()).await,
            ("OBJECTS", _) => gate.change_objects(body),
            ("CLIENT", name) => {
                let rights = serde_json::from_str(body).unwrap();
                let (store, now) = (&*server.running.app.store, server.clock.now());
                let made = access::create_client_with(store, DEFAULT, name, rights, false, now).await.unwrap();
                know(known, name, &made);
            }
            ("LIMIT", name) => {
                let rights = serde_json::from_str(body).unwrap();
                let id = &known[&format!("{name}_id")];
                assert!(server.running.app.store.set_rights(id, &rights).await.unwrap());
            }
            ("REVOKE", id) => {
                assert!(server.running.app.store.revoke_client(id, server.clock.now()).await.unwrap());
            }
            ("ROTATE", rotation) => {
                let (name, seconds) = rotation.split_once(' ').unwrap();
                let overlap =
                    Some(seconds.parse().unwrap()).filter(|seconds| *seconds > 0).map(SignedDuration::from_secs);
                let (store, id) = (&*server.running.app.store, &known[&format!("{name}_id")]);
                let made = access::rotate(store, id, overlap, server.clock.now()).await.unwrap().unwrap();
                know(known, name, &made);
            }
            ("USER", name) => {
                let (store, now) = (&*server.running.app.store, server.clock.now());
                assert!(access::add_user(store, DEFAULT, name, body, Rights::default(), now).await.unwrap());
                known.insert("user".to_owned(), STANDARD.encode(format!("{name}:{body}")));
            }
            (command, argument) => panic!("{command} {argument} says nothing"),
        }
    }
}

impl Elsewhere {
    pub async fn at(url: &str, credentials: Credentials) -> Elsewhere {
        let Credentials { client_id, client_secret } = &credentials;
        let form = format!("grant_type=client_credentials&client_id={client_id}&client_secret={client_secret}");
        let answer = Request::new("POST", "/oauth/token").body(form).send(url).await.json();
        let token = answer["access_token"].as_str().unwrap_or_else(|| panic!("no token: {answer}")).to_owned();
        Elsewhere { url: url.to_owned(), credentials, token }
    }

    async fn ended(&self, job: JobId) {
        loop {
            let request = Request::new("GET", &format!("/v1/batch-query/jobs/{job}"));
            let authorization = format!("Bearer {}", self.token);
            let answer = request.header("Authorization", &authorization).send(&self.url).await.json();
            if ["completed", "aborted", "cancelled", "error"].map(Value::from).contains(&answer["status"]) {
                return;
            }
            // Another server says nothing of itself.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Place {
    pub fn url(&self) -> &str {
        match self {
            Place::Here(here) => &here.server.running.url,
            Place::Elsewhere(elsewhere) => &elsewhere.url,
        }
    }

    pub fn credentials(&self) -> &Credentials {
        match self {
            Place::Here(here) => &here.server.credentials,
            Place::Elsewhere(elsewhere) => &elsewhere.credentials,
        }
    }

    pub fn token(&self) -> &str {
        match self {
            Place::Here(here) => &here.server.token,
            Place::Elsewhere(elsewhere) => &elsewhere.token,
        }
    }

    pub async fn send(&self, request: Request) -> Answer {
        request.send(self.url()).await
    }

    pub async fn ended(&self, job: JobId) {
        match self {
            Place::Here(here) => drop(here.server.ended(job).await),
            Place::Elsewhere(elsewhere) => elsewhere.ended(job).await,
        }
    }
}

fn know(known: &mut Known, name: &str, made: &Credentials) {
    let (id, secret) = (&made.client_id, &made.client_secret);
    known.insert(format!("{name}_id"), id.clone());
    known.insert(format!("{name}_secret"), secret.clone());
    if let Some(old) = known.insert(name.to_owned(), STANDARD.encode(format!("{id}:{secret}"))) {
        known.insert(format!("{name}_old"), old);
    }
}
