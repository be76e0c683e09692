//! Ends the sessions that are open when a signal ends the program, and says which signal it was.
//!
//! A thread hears SIGINT and SIGTERM, ends sessions, flushes, and lets the signal do what it would have done. A program
//! that handles these signals itself should not ask for this.

use std::io;
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::{emulate_default_handler, signal_name};

use crate::client;
use crate::record::{local, session};

/// How long a signal waits for what was recorded to be kept.
const PATIENCE: Duration = Duration::from_secs(2);

/// Starts to hear signals, until the process ends.
pub(crate) fn install() -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let listen = move || {
        for signal in signals.forever() {
            if local::recording() {
                session::interrupt(signal_name(signal).unwrap_or("signal"));
                client::flush(PATIENCE);
            }
            // What it does otherwise is the program's death; where that fails there is nothing left to try.
            let _ = emulate_default_handler(signal);
        }
    };
    thread::Builder::new()
        .name("agentops-signal".into())
        .spawn(listen)
        .map(drop)
}
