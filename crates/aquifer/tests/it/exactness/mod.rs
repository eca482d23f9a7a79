//! The promise of sessions, against a model: whatever is loaded, asked for, lost, repeated, cancelled or crashed, what a
//! client has merged by Id is the table, and every change has come once.
//!
//! Two sessions ask for two objects, one of which joins the other, together or apart and in changing forms, under each
//! session policy. The model says of each batch whether it should be full and why, where its window begins and ends, and
//! which rows it has; and of each client, up to where it must be right.
//!
//! Histories are drawn from seeds. `AQUIFER_SEEDS=5000` draws more of them, `AQUIFER_SEED=17` that one alone.

mod server;
mod session;
mod tables;
mod world;

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use aquifer::{
    access,
    clock::{Clock as _, Manual},
    config::Config,
    secret,
    store::Token,
};
use engine::embedded::Embedded;
use jiff::Timestamp;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use zoql::{Catalog, catalog::CatalogFiles};

use crate::server::{config, epoch};
use world::World;

/// About a minute of two cores, unoptimised.
const SEEDS: u64 = 400;
const TOKEN: &str = "the test's own";

#[test]
fn what_a_client_has_merged_is_the_table() {
    let number = |name| std::env::var(name).ok().map(|text: String| text.parse::<u64>().unwrap());
    let seeds = match number("AQUIFER_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("AQUIFER_SEEDS").unwrap_or(SEEDS),
    };
    let template = template();
    let next = AtomicU64::new(seeds.start);
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| World::new(seed, template.path()).run())) {
                        eprintln!("AQUIFER_SEED={seed} shows it again");
                        resume_unwind(panic);
                    }
                }
            });
        }
    });
}

fn settings(dir: &Path) -> Config {
    let mut config = config(dir);
    config.runner.threads = 1;
    config.retention.deleted_days = 1;
    config
}

/// Data of two objects with few fields: what a load costs most is the size of its catalog.
fn open(config: &Config, clock: &Manual) -> Embedded {
    let files = CatalogFiles {
        objects: "object,label,data_source,zoql,supports_deleted,feature,since_wsdl\n\
                  Account,Account,yes,yes,yes,,\nContact,Contact,yes,yes,yes,,\n",
        fields: "object,field,label,type,nullable,contexts,options,since_wsdl,masked\n\
                 Account,Id,ID,id,no,both,,,\nAccount,Name,Name,text,yes,both,,,\n\
                 Contact,Id,ID,id,no,both,,,\nContact,FirstName,First Name,text,yes,both,,,\n\
                 Contact,AccountId,Account ID,id,yes,both,,,\n",
        joins: "data_source,alias,object,label,via,cardinality,path,feature,source\n\
                Contact,Account,Account,Account,AccountId,one,Contact.Account,,documented\n",
        date_changes: "",
    };
    let (catalog, clock) = (Catalog::from_csv(&files).unwrap(), clock.clone());
    let path = config.data.dir.join("data.sqlite");
    Embedded::open(&path, Arc::new(catalog), Arc::new(move || clock.now())).unwrap().with_readers(1)
}

/// A data directory with empty tables and a token.
fn template() -> TempDir {
    let dir = folder();
    let (config, clock) = (settings(dir.path()), Manual::at(epoch()));
    open(&config, &clock);
    let runtime = runtime();
    let store = config.open_store().unwrap();
    runtime.block_on(async {
        let client = access::create_client(&*store, "default", "test", epoch()).await.unwrap().client_id;
        let token = Token { key: secret::token_key(TOKEN), client, expires_at: Timestamp::MAX };
        store.add_token(&token).await.unwrap();
    });
    dir
}

/// In memory where there is such a place: nothing here is about the disk.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        match entry.path() {
            path if path.is_dir() => copy(&path, &to.join(entry.file_name())),
            path => drop(fs::copy(path, to.join(entry.file_name())).unwrap()),
        }
    }
}
