//! Puts the parts together: a server that runs, in this process, until it is told to stop.

use std::{fs::File, net::SocketAddr, sync::Arc};

use anyhow::Context as _;
use engine::Source;
use jiff::{SignedDuration, Timestamp};
use tokio::{
    net::TcpListener,
    sync::{Mutex, watch},
    task::JoinHandle,
};

use crate::{
    callout::Callouts,
    clock::Clock,
    config::Config,
    http,
    results::Results,
    runner::Runner,
    store::{Retention, Store},
    tenant::Tenants,
};

/// What every part of a server has in common.
pub struct App {
    pub config: Config,
    pub clock: Arc<dyn Clock>,
    pub store: Arc<dyn Store>,
    pub tenants: Tenants,
    pub results: Results,
    pub runner: Arc<Runner>,
    pub callouts: Arc<Callouts>,
    pub doors: http::Doors,
    /// Held during a round of upkeep: what one of two at a time is doing, the other would put off until the next.
    keeping_up: Mutex<()>,
}

/// A server that runs.
pub struct Running {
    /// Where it listens, `http://127.0.0.1:8400`.
    pub url: String,
    pub app: Arc<App>,
    server: JoinHandle<()>,
    dispatcher: JoinHandle<()>,
    caller: JoinHandle<()>,
    upkeep: JoinHandle<()>,
    closing: watch::Sender<bool>,
    /// While it is locked, no other server works on this data.
    _lock: Lock,
}

/// How often what is over is purged, and what is not named swept.
const UPKEEP: SignedDuration = SignedDuration::from_mins(10);

impl App {
    /// Opens the data and starts to serve. Jobs of a server that died are taken up again at once.
    pub async fn start(config: Config, clock: Arc<dyn Clock>) -> anyhow::Result<Running> {
        let tenants = Tenants::open(&config, &clock)?;
        App::start_on(config, clock, tenants).await
    }

    /// The same on data that is open already.
    pub async fn start_on(config: Config, clock: Arc<dyn Clock>, tenants: Tenants) -> anyhow::Result<Running> {
        let lock = lock(&config)?;
        let store = config.open_store()?;
        // The lock says that no other runner is alive on this store: whoever held these leases is dead.
        store.drop_leases().await?;
        store.drop_unanswered_keys().await?;
        let results = Results::folder(config.results_dir())?;
        let runner =
            Arc::new(Runner::new(config.clone(), clock.clone(), store.clone(), tenants.clone(), results.clone()));
        let callouts = Arc::new(Callouts::new(config.clone(), clock.clone(), store.clone(), tenants.clone()));
        let doors = http::Doors::default();
        let app = Arc::new(App {
            config,
            clock,
            store,
            tenants,
            results,
            runner,
            callouts,
            doors,
            keeping_up: Mutex::default(),
        });

        let wanted = app.config.server.listen;
        let listener = TcpListener::bind(wanted).await.with_context(|| format!("cannot listen on {wanted}"))?;
        let address = listener.local_addr()?;
        let (closing, mut closed) = watch::channel(false);
        let server = http::serve(listener, http::service(app.clone()), async move {
            // An error means that the sender is gone: time to close as well.
            let _ = closed.wait_for(|closed| *closed).await;
        });
        Ok(Running {
            url: url(address),
            server: tokio::spawn(server),
            dispatcher: tokio::spawn(app.runner.clone().dispatch()),
            caller: tokio::spawn(app.callouts.clone().dispatch(app.runner.left())),
            upkeep: tokio::spawn(app.clone().keep_up()),
            app,
            closing,
            _lock: lock,
        })
    }

    /// Purges what is over and sweeps what nothing names, again and again.
    async fn keep_up(self: Arc<Self>) {
        loop {
            let now = self.clock.now();
            // It has said what it could not do, and tries again next time.
            let _ = self.tidy().await;
            self.clock.sleep_until(now + UPKEEP).await;
        }
    }

    /// One round of upkeep. What cannot be done, for one tenant or at all, keeps nothing else from being done; each fault is
    /// logged, and the first one answered.
    pub async fn tidy(&self) -> anyhow::Result<()> {
        let now = self.clock.now();
        let _round = self.keeping_up.lock().await;
        let retention = Retention {
            files: self.config.retention.files(),
            jobs: self.config.retention.jobs(),
            refusals: self.config.retention.refusals(),
            // An expired session is kept for as long again, to say that it has.
            sessions: self.config.retention.sessions() * 2,
        };
        self.doors.cursors.expire(now);
        let mut steps = vec![
            self.store.expire(now, retention).await.context("cannot purge what is over"),
            self.store.tidy().await.context("cannot tidy up the store"),
            self.results.sweep(&*self.store).await.context("cannot sweep the result files"),
        ];
        let deleted_before = now - self.config.retention.deleted();
        for tenant in self.tenants.iter() {
            let done = tidy_data(tenant.source.clone(), deleted_before).await;
            steps.push(done.with_context(|| format!("cannot tidy up the data of the tenant {}", tenant.name)));
        }
        let mut faults = steps.into_iter().filter_map(Result::err).inspect(|fault| tracing::error!("{fault:#}"));
        let first = faults.next();
        faults.for_each(drop);
        first.map_or(Ok(()), Err)
    }
}

async fn tidy_data(source: Arc<dyn Source>, deleted_before: Timestamp) -> anyhow::Result<()> {
    // Both, whatever the first comes to.
    let both = move || source.purge_deleted(deleted_before).map(drop).and(source.tidy());
    Ok(tokio::task::spawn_blocking(both).await??)
}

impl Running {
    /// Stops taking requests and jobs, lets what runs finish within the grace period, and gives the rest back.
    pub async fn stop(self) {
        self.upkeep.abort();
        self.app.runner.stop().await;
        self.app.callouts.stop().await;
        self.closing.send_replace(true);
        // Downloads may take long: who still downloads now starts again later.
        let grace = self.app.clock.sleep_until(self.app.clock.now() + CLOSING);
        let abort = self.server.abort_handle();
        tokio::select! {
            _ = self.server => {}
            () = grace => abort.abort(),
        }
        self.app.doors.sent.write(&*self.app.store).await;
        // It has seen the end before the runner's jobs did.
        let _ = self.dispatcher.await;
        let _ = self.caller.await;
    }
}

/// How long open connections may stay once the jobs are done.
const CLOSING: SignedDuration = SignedDuration::from_secs(5);

/// That we are the only server on this data.
struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file is not enough: a process that is being started elsewhere in this one has it open too, until it
        // runs its own program. If it cannot be unlocked, it is unlocked a moment later.
        let _ = self.0.unlock();
    }
}

/// Makes sure that we are the only server on this data. The system lifts the lock when a process dies, however it dies.
fn lock(config: &Config) -> anyhow::Result<Lock> {
    std::fs::create_dir_all(&config.data.dir)
        .with_context(|| format!("cannot make the data directory {}", config.data.dir.display()))?;
    let path = config.data.dir.join("lock");
    let file = File::options().create(true).append(true).open(&path)?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(std::fs::TryLockError::WouldBlock) => {
            anyhow::bail!("another server is running on the data in {}", config.data.dir.display())
        }
        Err(std::fs::TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}

/// An address that can be called: a server that listens everywhere can be reached on the loopback.
fn url(mut address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(ref mut v4) if v4.ip().is_unspecified() => v4.set_ip(std::net::Ipv4Addr::LOCALHOST),
        SocketAddr::V6(ref mut v6) if v6.ip().is_unspecified() => v6.set_ip(std::net::Ipv6Addr::LOCALHOST),
        _ => {}
    }
    format!("http://{address}")
}
