use std::{
    env,
    fs::{self, File},
    io::{self, IsTerminal as _, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use anyhow::{Context as _, ensure};
use engine::embedded::Embedded;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::{Deserialize, Serialize};

use super::serve;
use crate::{
    access::{self, Credentials},
    app::App,
    callout::address::Allowed,
    clock::{self, Clock as _},
    config::{Config, DEFAULT, DataArgs},
    conversion::Currency,
    demo::{self, Recipe},
    store::Store,
    tenant::Tenants,
};

/// Serve AQuA over a generated billing data set
///
/// The first start makes the data, in some seconds; later starts keep what is there. The same seed and scale make the
/// same data everywhere.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Settings, as in aquifer.toml.example
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data directory [default: aquifer-demo, or what the settings say]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Address and port to listen on; port 0 lets the system choose [default: 127.0.0.1:8400]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// How much data: 1 is 3,000 accounts with 85,000 invoice items in a quarter of a GB of disk, 300 is 25 million
    /// items in 75 GB [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    scale: Option<u32>,
    /// Which data: another seed invents other customers [default: 1]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// When ready, print one line {"url", "client_id", "client_secret"}, and nothing else
    #[arg(long)]
    json: bool,
    /// Less data than scale 1, for tests
    #[arg(long, value_name = "N", hide = true, conflicts_with = "scale")]
    accounts: Option<u32>,
}

/// What the demo remembers: `demo.json` in the data directory, readable by its owner only.
#[derive(Serialize, Deserialize)]
struct Memory {
    accounts: u32,
    seed: u64,
    client_id: String,
    client_secret: String,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Ready<'a> {
    url: &'a str,
    client_id: &'a str,
    client_secret: &'a str,
}

/// How long the demo keeps deleted rows: a hundred years.
const KEPT_DAYS: u32 = 36_500;
const DIRECTORY: &str = "aquifer-demo";
/// Partners of the original's documentation, so that its examples work; others are refused, so that this can be tried too.
const PARTNERS: [&str; 2] = ["salesforce", "acme"];
/// The currency of the seller's books.
const HOME: &str = "USD";

impl Args {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let config = self.config()?;
        serve::log_to_stderr();
        serve::runtime()?.block_on(async {
            let source = config.open_source(DEFAULT, Arc::new(clock::System))?;
            let memory = self.prepare(&config, &source).await?;
            let tenants = Tenants::on(&config, |tenant| match tenant {
                DEFAULT => Ok(source.clone()),
                other => Ok(config.open_source(other, Arc::new(clock::System))?),
            })?;
            let running = App::start_on(config, Arc::new(clock::System), tenants).await?;
            self.announce(&running.url, &memory)?;
            serve::asked_to_stop().await?;
            running.stop().await;
            Ok(ExitCode::SUCCESS)
        })
    }

    fn config(&self) -> anyhow::Result<Config> {
        let unsaid = self.config.is_none() && self.data.is_none();
        let data = if unsaid { Some(PathBuf::from(DIRECTORY)) } else { self.data.clone() };
        let mut config = DataArgs { config: self.config.clone(), data }.config()?;
        // Its deletions are of its own time, which may be long past.
        config.retention.deleted_days = KEPT_DAYS;
        config.tenant.partners.get_or_insert_with(|| PARTNERS.map(str::to_owned).to_vec());
        if config.callout.allow.is_empty() {
            // Whoever tries a notifyUrl has its receiver on the same machine.
            config.callout.allow = Allowed::loopback();
        }
        config.tenant.currency_conversion = true;
        config.tenant.home_currency.get_or_insert(Currency::find(HOME)?);
        if let Some(listen) = self.listen {
            config.server.listen = listen;
        }
        Ok(config)
    }

    /// Makes the data and the client, unless they are there.
    async fn prepare(&self, config: &Config, source: &Embedded) -> anyhow::Result<Memory> {
        let path = config.data.dir.join("demo.json");
        let store = config.open_store()?;
        if let Some(mut memory) = remembered(&path)? {
            self.mention_other_data(&memory);
            if !knows(&*store, &memory.client_id).await? {
                memory = memory.with(access::create_client(&*store, DEFAULT, "demo", clock::System.now()).await?);
                remember(&path, &memory)?;
            }
            return Ok(memory);
        }
        let dir = config.data.dir.display();
        ensure!(
            source.is_empty()?,
            "{dir} holds data, but not the whole demo: choose another --data, or remove it (`aquifer serve --data \
             {dir}` serves what is in it)"
        );
        let (accounts, seed) = (self.wanted_accounts().unwrap_or(demo::ACCOUNTS), self.seed.unwrap_or(1));
        generate(source, Recipe { accounts, seed })?;
        let client = access::create_client(&*store, DEFAULT, "demo", clock::System.now()).await?;
        let memory = Memory { accounts, seed, client_id: String::new(), client_secret: String::new() }.with(client);
        remember(&path, &memory)?;
        Ok(memory)
    }

    fn wanted_accounts(&self) -> Option<u32> {
        self.accounts.or(self.scale.map(|scale| scale * demo::ACCOUNTS))
    }

    fn mention_other_data(&self, Memory { accounts, seed, .. }: &Memory) {
        let other_size = self.wanted_accounts().is_some_and(|wanted| wanted != *accounts);
        if other_size || self.seed.is_some_and(|wanted| wanted != *seed) {
            tracing::warn!(accounts, seed, "the data are there already and stay; another --data has room for others");
        }
    }

    #[expect(clippy::print_stdout, reason = "this is what the command is for")]
    fn announce(&self, url: &str, memory: &Memory) -> anyhow::Result<()> {
        let Memory { client_id: id, client_secret: secret, .. } = memory;
        if self.json {
            super::print_json(&Ready { url, client_id: id, client_secret: secret })?;
        } else {
            // As it was called, so that it can be pasted: `cargo run` does not install it.
            let program = env::args().next().unwrap_or_else(|| "aquifer".to_owned());
            println!(
                r#"Aquifer demo

  url            {url}
  client id      {id}
  client secret  {secret}
  in a browser   {url}/jobs with these, {url}/docs without

A token:

  curl {url}/oauth/token -d grant_type=client_credentials -d client_id={id} -d client_secret={secret}

A job, with client id and secret instead of a token; its answer has the id to poll at {url}/v1/batch-query/jobs/ID:

  curl -u {id}:{secret} {url}/v1/batch-query/ -H 'Content-Type: application/json' -d '{{"queries": [{{"name": "Accounts", "query": "{QUERY}", "type": "zoqlexport"}}]}}'

The same, all the way to the rows:

  {program} query "{QUERY}" --url {url} --client-id {id} --client-secret {secret}

Ctrl-C ends the server."#
            );
        }
        io::stdout().flush()?;
        Ok(())
    }
}

const QUERY: &str = "select AccountNumber, Name, Currency, Balance, BillToContact.Country from Account";

impl Memory {
    fn with(self, client: Credentials) -> Memory {
        Memory { client_id: client.client_id, client_secret: client.client_secret, ..self }
    }
}

async fn knows(store: &dyn Store, id: &str) -> anyhow::Result<bool> {
    let clients = store.clients().await?;
    Ok(clients.iter().any(|client| client.id == id && client.revoked_at.is_none()))
}

fn remembered(path: &Path) -> anyhow::Result<Option<Memory>> {
    match fs::read(path) {
        Ok(text) => serde_json::from_slice(&text).map(Some).with_context(|| format!("{}", path.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("{}", path.display())),
    }
}

fn remember(path: &Path, memory: &Memory) -> anyhow::Result<()> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).with_context(|| format!("{}", path.display()))?;
    serde_json::to_writer_pretty(file, memory)?;
    Ok(())
}

fn generate(source: &Embedded, recipe: Recipe) -> anyhow::Result<()> {
    if !io::stderr().is_terminal() {
        tracing::info!(accounts = recipe.accounts, seed = recipe.seed, "making the data");
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("making the data  {bar:40} {percent}%  {elapsed}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    demo::fill(source, recipe, |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    })?;
    bar.finish_and_clear();
    Ok(())
}
