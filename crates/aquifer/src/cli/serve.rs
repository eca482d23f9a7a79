use std::{io::IsTerminal as _, net::SocketAddr, process::ExitCode, sync::Arc};

use anyhow::Context as _;
use tokio::signal;
use tracing_subscriber::EnvFilter;

use crate::{
    app::{App, Running},
    clock,
    config::DataArgs,
};

/// Serve AQuA over the loaded data
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    data: DataArgs,
    /// Address and port to listen on; port 0 lets the system choose [default: 127.0.0.1:8400]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
}

impl Args {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let mut config = self.data.config()?;
        if let Some(listen) = self.listen {
            config.server.listen = listen;
        }
        log_to_stderr();
        let runtime = runtime()?;
        let done = runtime.block_on(async {
            let dir = config.data.dir.clone();
            let running = App::start(config, Arc::new(clock::System)).await?;
            eprintln!("Aquifer serves {} at {}", dir.display(), running.url);
            until_stopped(running).await
        });
        // Whoever still reads has been told to stop, or is not to be waited for.
        runtime.shutdown_background();
        done
    }
}

/// Serves until somebody asks for an end, then stops in order; asked once more, at once.
pub async fn until_stopped(running: Running) -> anyhow::Result<ExitCode> {
    asked_to_stop().await?;
    eprintln!("stopping; once more stops at once");
    tokio::select! {
        () = running.stop() => Ok(ExitCode::SUCCESS),
        asked = asked_to_stop() => asked.map(|()| ExitCode::FAILURE),
    }
}

/// The runtime of a server. It may have as many files and connections open as the system allows: what a process is given
/// unless it asks, often 1,024, many clients use up. Where it gets no more, it makes do.
pub fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")
}

/// Logs go to standard error: `info` and above of ours, `RUST_LOG` says otherwise.
pub fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,aquifer=info,engine=info"));
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours).init();
}

/// Waits for Ctrl-C or SIGTERM.
pub async fn asked_to_stop() -> anyhow::Result<()> {
    #[cfg(unix)]
    {
        let mut terminate = signal::unix::signal(signal::unix::SignalKind::terminate())?;
        tokio::select! {
            interrupted = signal::ctrl_c() => interrupted?,
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    signal::ctrl_c().await?;
    Ok(())
}
