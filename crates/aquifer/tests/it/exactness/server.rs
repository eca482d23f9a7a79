//! A server on the thread of its clients, which works only while it is asked something.

use std::{sync::Arc, time::Duration};

use aquifer::{
    app::{App, Running},
    clock::Manual,
    config::{Config, DEFAULT},
    job::{JobId, State},
    tenant::Tenants,
};
use serde_json::Value;
use tokio::runtime::Runtime;

use super::{TOKEN, runtime};
use crate::{
    gate::Gate,
    http::{Answer, Request},
};

pub struct Server {
    runtime: Runtime,
    running: Running,
}

impl Server {
    pub fn start(config: &Config, clock: &Manual, source: &Arc<Gate>) -> Server {
        let runtime = runtime();
        let tenants = Tenants::on(config, |_| Ok(source.clone())).unwrap();
        let running = runtime.block_on(App::start_on(config.clone(), Arc::new(clock.clone()), tenants)).unwrap();
        Server { runtime, running }
    }

    /// Goes on for so many steps, and stops wherever it is.
    pub fn work(&self, steps: u64) {
        self.runtime.block_on(async {
            for _ in 0..steps {
                tokio::task::yield_now().await;
            }
        });
    }

    /// Puts nothing in order.
    pub fn die(self) {
        drop(self.running);
        // What a thread has begun, it finishes: a process that dies has no threads that go on beside the next one's.
        self.runtime.shutdown_timeout(Duration::from_secs(60));
    }

    pub fn tidy(&self) {
        self.runtime.block_on(self.running.app.tidy()).unwrap();
    }

    /// Waits for the end of a job, and for its runner to leave it.
    pub fn end_of(&self, job: JobId) -> State {
        let app = &self.running.app;
        self.runtime.block_on(async {
            let mut left = app.runner.left();
            loop {
                let stored = app.store.job(DEFAULT, job).await.unwrap().unwrap();
                if stored.state.is_terminal() && !app.runner.is_at_work(job) {
                    return stored.state;
                }
                left.changed().await.unwrap();
            }
        })
    }

    pub fn get(&self, path: &str) -> Value {
        self.send(Request::new("GET", &format!("/v1/batch-query{path}"))).json()
    }

    pub fn post(&self, path: &str, body: &Value) -> Value {
        self.send(Request::new("POST", &format!("/v1/batch-query{path}")).body(body.to_string())).json()
    }

    pub fn delete(&self, path: &str) {
        self.send(Request::new("DELETE", &format!("/v1/batch-query{path}")));
    }

    /// A file, perhaps but for its last byte.
    pub fn download(&self, file: &str, without_end: bool) -> String {
        let path = format!("/v1/files/{file}");
        if !without_end {
            return self.send(Request::new("GET", &path)).text().to_owned();
        }
        let head = self.send(Request::new("HEAD", &path));
        let bytes: u64 = head.header("content-length").unwrap().parse().unwrap();
        let range = format!("bytes=0-{}", bytes - 2);
        self.send(Request::new("GET", &path).header("Range", &range)).text().to_owned()
    }

    fn send(&self, request: Request) -> Answer {
        let request = request.header("Authorization", &format!("Bearer {TOKEN}"));
        self.runtime.block_on(request.send(&self.running.url))
    }
}
