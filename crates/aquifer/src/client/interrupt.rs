//! Ctrl-C while we wait: stop waiting, leave the job alone.

use std::{
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use tokio::signal;

use super::{Error, Result};

/// What a shell reports for a program that Ctrl-C ended.
pub const EXIT_CODE: u8 = 130;

/// Hears of the first Ctrl-C; the second ends the process.
pub struct Interrupt {
    pressed: Arc<AtomicBool>,
    heard: Receiver<()>,
}

impl Interrupt {
    pub fn listen() -> anyhow::Result<Interrupt> {
        let pressed = Arc::new(AtomicBool::new(false));
        let (sender, heard) = mpsc::channel();
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
        let flag = pressed.clone();
        thread::spawn(move || {
            while runtime.block_on(presses.recv()).is_some() {
                if flag.swap(true, Ordering::Relaxed) {
                    process::exit(EXIT_CODE.into());
                }
                // Nobody waits any more: then the next one ends the process.
                let _ = sender.send(());
            }
        });
        Ok(Interrupt { pressed, heard })
    }

    pub fn check(&self) -> Result<()> {
        if self.pressed.load(Ordering::Relaxed) { Err(Error::Interrupted) } else { Ok(()) }
    }

    /// Waits so long, unless it is interrupted.
    pub fn wait(&self, time: Duration) -> Result<()> {
        self.check()?;
        match self.heard.recv_timeout(time) {
            Ok(()) => Err(Error::Interrupted),
            // Without a handler there is nothing to hear, but the time passes all the same.
            Err(RecvTimeoutError::Disconnected) => {
                thread::park_timeout(time);
                Ok(())
            }
            Err(RecvTimeoutError::Timeout) => Ok(()),
        }
    }
}
