//! Ctrl-C while we wait: stop waiting, leave the job alone.

use std::{
    process,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
    time::Duration,
};

use tokio::signal;

use super::{Error, Result};

/// What a shell reports for a program that Ctrl-C ended.
pub const EXIT_CODE: u8 = 130;

/// Hears of the first Ctrl-C; the second ends the process.
pub struct Interrupt(Arc<Pressed>);

#[derive(Default)]
struct Pressed {
    is: Mutex<bool>,
    bell: Condvar,
}

impl Interrupt {
    pub fn listen() -> anyhow::Result<Interrupt> {
        let pressed = Arc::new(Pressed::default());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let mut presses = {
            // From here on Ctrl-C is ours, before anything is begun that it could leave half done.
            let _context = runtime.enter();
            #[cfg(unix)]
            let presses = signal::unix::signal(signal::unix::SignalKind::interrupt())?;
            #[cfg(windows)]
            let presses = signal::windows::ctrl_c()?;
            presses
        };
        let heard = pressed.clone();
        thread::spawn(move || {
            while runtime.block_on(presses.recv()).is_some() {
                let before = std::mem::replace(&mut *heard.is.lock().unwrap_or_else(PoisonError::into_inner), true);
                if before {
                    process::exit(EXIT_CODE.into());
                }
                heard.bell.notify_all();
            }
        });
        Ok(Interrupt(pressed))
    }

    pub fn check(&self) -> Result<()> {
        self.wait(Duration::ZERO)
    }

    /// Waits so long, unless it is interrupted.
    pub fn wait(&self, time: Duration) -> Result<()> {
        let pressed = self.0.is.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.0.bell.wait_timeout_while(pressed, time, |pressed| !*pressed);
        let (pressed, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if *pressed { Err(Error::Interrupted) } else { Ok(()) }
    }
}
