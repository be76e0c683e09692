//! The one recorder of a process: starts its threads, flushes them, stops them.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::config::{Builder, Config, Overflow, builder};
use crate::error::Error;
use crate::export::Outlet;
use crate::model::session::EndState;
use crate::model::tree;
use crate::monitor::panic;
use crate::process;
use crate::process::drain::{Buffers, Drainer, RAW_LIMIT, Requests};
use crate::process::join::Processor;
use crate::process::queue::Queue;
use crate::process::ticket::Ticket;
use crate::record::{local, ring, session, span, trace_api, value};
use crate::stats::Totals;
use crate::sync::fixed::{Mutex, lock};

/// How long a dropped guard waits for what was recorded to be kept.
const LAST_FLUSH: Duration = Duration::from_secs(2);
/// What of it is left for exporters to be told of what there was no time for.
const LAST_WORDS: Duration = Duration::from_millis(200);

static CLIENT: Mutex<Option<Client>> = Mutex::new(None);

#[derive(Debug)]
struct Client {
    requests: Arc<Requests>,
    drainer: JoinHandle<()>,
    rest: Vec<JoinHandle<()>>,
    outlets: Vec<Outlet>,
}

/// Keeps recording on; dropping it flushes, for two seconds at most, and stops recording.
///
/// The automatic session ends with it: as [`Success`](EndState::Success), or as [`Error`](EndState::Error) while the
/// thread is panicking.
#[derive(Debug)]
#[must_use = "recording stops when the guard is dropped; keep it until the program ends"]
pub struct Guard {
    service: String,
    totals: Arc<Totals>,
    /// Nothing was started: recording is disabled.
    disabled: bool,
    ended: bool,
}

/// Starts recording with what the environment says, and defaults.
///
/// ```no_run
/// let _guard = agentops_core::init()?;
/// # Ok::<(), agentops_core::Error>(())
/// ```
///
/// # Errors
///
/// As [`Builder::init`].
pub fn init() -> Result<Guard, Error> {
    builder().init()
}

pub(crate) fn start(config: Config) -> Result<Guard, Error> {
    if config.disabled {
        return Ok(Guard {
            service: String::new(),
            totals: Arc::default(),
            disabled: true,
            ended: true,
        });
    }
    let mut client = lock(&CLIENT);
    if client.is_some() {
        return Err(Error::twice());
    }
    let resource = Arc::new(config.resource);
    let raw = Arc::new(Queue::new(RAW_LIMIT));
    let buffers = Buffers::default();
    let requests = Arc::new(Requests::default());
    let mut outlets = Vec::new();
    let mut rest = Vec::new();
    for exporter in config.exporters {
        let (outlet, thread) = Outlet::start(
            "export",
            exporter,
            &resource,
            Some(config.overflow_to.clone()),
        )
        .map_err(Error::thread)?;
        outlets.push(outlet);
        rest.push(thread);
    }
    let totals = Arc::new(Totals::default());
    let processor = Processor::new(
        raw.clone(),
        buffers.clone(),
        outlets.clone(),
        totals.clone(),
        config.redactor,
    );
    rest.push(spawn("agentops-process", move || processor.run())?);
    let drainer = Drainer::new(raw, buffers, requests.clone());
    let drainer = spawn("agentops-drain", move || drainer.run())?;
    panic::install();
    #[cfg(all(feature = "signals", unix))]
    if config.handle_signals {
        crate::monitor::signal::install().map_err(Error::thread)?;
    }
    #[cfg(feature = "tracing")]
    if config.install_tracing {
        crate::bridge::tracing::install();
    }
    session::configure(config.automatic);
    local::configure(config.capture_content, config.busy_time, config.min_level);
    ring::never_wait(config.overflow == Overflow::Drop);
    value::configure(config.string_limit, config.collection_limit);
    local::set_recording(Some(drainer.thread().clone()));
    let service = resource.service.clone();
    *client = Some(Client {
        requests,
        drainer,
        rest,
        outlets,
    });
    Ok(Guard {
        service,
        totals,
        disabled: false,
        ended: false,
    })
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Error> {
    thread::Builder::new()
        .name(name.into())
        .spawn(run)
        .map_err(Error::thread)
}

/// Waits until all that was recorded before this call is kept by every exporter.
///
/// `false`: the time was up, something was lost, or nothing records. In an exporter it is always `false`, and at once:
/// there it would wait for itself.
pub fn flush(patience: Duration) -> bool {
    if local::is_muted() || local::is_fork() {
        return false;
    }
    let ticket = Arc::new(Ticket::default());
    {
        let client = lock(&CLIENT);
        let Some(client) = &*client else { return false };
        client.requests.flush(ticket.clone());
        client.drainer.thread().unpark();
    }
    ticket.wait(patience)
}

impl Guard {
    /// Ends the automatic session in a state of your choice, and stops recording.
    pub fn end(mut self, state: EndState) {
        self.close(state, None, &[]);
    }

    /// As [`end`](Self::end), and says why.
    pub fn end_with_reason(mut self, state: EndState, reason: impl AsRef<str>) {
        self.close(state, Some(reason.as_ref()), &[]);
    }

    /// `fault` is the captured error that the automatic session ends with, if any.
    /// Whether all that was recorded since the last flush is kept.
    fn close(&mut self, state: EndState, reason: Option<&str>, fault: &[u8]) -> bool {
        if std::mem::replace(&mut self.ended, true) || local::is_fork() {
            return true;
        }
        trace_api::shut_down();
        session::end_automatic(state, reason, fault);
        let deadline = Instant::now() + LAST_FLUSH;
        let kept = flush(LAST_FLUSH - LAST_WORDS);
        local::set_recording(None);
        let Some(client) = lock(&CLIENT).take() else {
            return kept;
        };
        for outlet in &client.outlets {
            outlet.leave_by(deadline - LAST_WORDS);
        }
        client.requests.stop();
        client.drainer.thread().unpark();
        for thread in std::iter::once(client.drainer).chain(client.rest) {
            // A thread that hangs in an exporter is left behind: the program's end is not ours to delay.
            while !thread.is_finished() && Instant::now() < deadline {
                thread::sleep(Duration::from_micros(200));
            }
            if thread.is_finished() {
                let _ = thread.join();
            }
        }
        kept
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if thread::panicking() {
            let reason = format!("panicked: {}", panic::last().message);
            let mut fault = Vec::new();
            span::panic_record(&mut fault);
            self.close(EndState::Error, Some(&reason), &fault);
        } else {
            self.close(EndState::Success, None, &[]);
        }
    }
}

/// What `#[agentops::main]` holds while `main` runs.
#[derive(Debug)]
pub struct Main {
    guard: Option<Guard>,
}

impl Main {
    pub(crate) fn start(builder: Builder, tags: &[&str]) -> Self {
        match builder.init() {
            Ok(guard) => {
                session::tag_automatic(tags);
                Self { guard: Some(guard) }
            }
            Err(error) => {
                complain(&error);
                Self { guard: None }
            }
        }
    }

    /// Ends the session with the captured error that `main` returned, if it did.
    pub(crate) fn finish(mut self, fault: Option<&[u8]>) {
        let Some(mut guard) = self.guard.take() else {
            return;
        };
        let (service, totals, disabled) =
            (guard.service.clone(), guard.totals.clone(), guard.disabled);
        let kept = match fault {
            None => guard.close(EndState::Success, None, &[]),
            Some(fault) => {
                // A `main` that failed before anything was recorded failed all the same.
                session::open_automatic();
                guard.close(EndState::Error, Some(&process::failure(fault)), fault)
            }
        };
        drop(guard);
        if !disabled && !local::is_fork() && io::stderr().is_terminal() {
            tell(&service, &totals, kept);
        }
    }
}

/// The one line that a run ends with, on a terminal.
#[expect(
    clippy::print_stderr,
    reason = "asked for by `#[agentops::main]`, and only where a person reads it"
)]
fn tell(service: &str, totals: &Totals, kept: bool) {
    let spans = totals.spans();
    if spans == 0 {
        return;
    }
    let cost = totals
        .cost()
        .map(|cost| format!(" · {}", tree::usd(cost)))
        .unwrap_or_default();
    let spans = tree::text::plural(spans, "span");
    if kept {
        let show = if session::opened() > 1 {
            "sessions"
        } else {
            "show last"
        };
        eprintln!(
            "recorded {service} · {spans}{cost} · agentops {show}{}",
            how_to_get_it()
        );
    } else {
        eprintln!(
            "recorded {service} · {spans}{cost} · not all of it could be kept; `agentops sessions` says what was lost"
        );
    }
}

/// What is missing for the command to be typed as it stands.
fn how_to_get_it() -> &'static str {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let name = format!("agentops{}", std::env::consts::EXE_SUFFIX);
    let found = std::env::split_paths(&paths).any(|directory| directory.join(&name).is_file());
    if found {
        ""
    } else {
        " (the command is in the package agentops-server)"
    }
}

/// `main` cannot return our error, and must run whatever it is.
#[expect(
    clippy::print_stderr,
    reason = "there is nobody else to tell, and the program runs on"
)]
fn complain(error: &Error) {
    eprintln!("agentops: {error}; nothing is recorded");
}
