//! The one recorder of a process: starts its threads, flushes them, stops them.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::config::{Builder, Config, Overflow, builder};
use crate::error::Error;
use crate::export::outlets::{Outlets, Tap};
use crate::export::{Outlet, OverflowTo, SpanExporter};
use crate::model::event::Resource;
use crate::model::session::EndState;
use crate::model::tree;
use crate::monitor::panic;
use crate::process;
use crate::process::drain::{Buffers, Drainer, RAW_LIMIT, Requests};
use crate::process::estimate;
use crate::process::join::Processor;
use crate::process::queue::Queue;
use crate::process::ticket::Ticket;
use crate::record::{local, ring, session, span, trace_api, value};
use crate::stats::Totals;
use crate::sync::fixed::{Mutex, MutexGuard, lock};

/// How long a dropped guard waits for what was recorded to be kept.
const LAST_FLUSH: Duration = Duration::from_secs(2);
/// What of it is left for exporters to be told of what there was no time for.
const LAST_WORDS: Duration = Duration::from_millis(200);

static CLIENT: Mutex<Option<Client>> = Mutex::new(None);
/// Held by who starts or stops: one recorder's rings are read to the end before the next one reads them.
static TURN: Mutex<()> = Mutex::new(());

#[derive(Debug)]
struct Client {
    resource: Arc<Resource>,
    totals: Arc<Totals>,
    requests: Arc<Requests>,
    outlets: Outlets,
    drainer: JoinHandle<()>,
    processor: JoinHandle<()>,
    exporters: Vec<JoinHandle<()>>,
    /// There is a guard.
    guarded: bool,
    /// Tests look at what is recorded: from the first one on it goes on without a guard, too.
    tested: bool,
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
    let (_turn, mut client) = take_turn()?;
    let running = match &mut *client {
        Some(running) if running.guarded => return Err(Error::twice()),
        Some(running) => {
            running.serve(config)?;
            running
        }
        none => none.insert(Client::start(config)?),
    };
    running.guarded = true;
    Ok(Guard {
        service: running.resource.service.clone(),
        totals: running.totals.clone(),
        disabled: false,
        ended: false,
    })
}

type Turn = (MutexGuard<'static, ()>, MutexGuard<'static, Option<Client>>);

/// For who starts to record, or to look at what is recorded.
///
/// A fork may have taken over locks from its parent that are held by a thread which it does not have, or a recorder of
/// which it has none.
fn take_turn() -> Result<Turn, Error> {
    local::claim();
    if !local::is_fork() {
        return Ok((lock(&TURN), lock(&CLIENT)));
    }
    match (TURN.try_lock(), CLIENT.try_lock()) {
        (Ok(turn), Ok(client)) if client.is_none() => Ok((turn, client)),
        _ => Err(Error::twice()),
    }
}

/// What is recorded from now on, for a test to look at; where nothing records yet, it starts.
pub(crate) fn tap() -> Result<(Arc<Tap>, Arc<Resource>), Error> {
    let (_turn, mut client) = take_turn()?;
    let running = match &mut *client {
        Some(running) => running,
        none => none.insert(Client::start(Config::for_tests()?)?),
    };
    running.tested = true;
    Ok((running.outlets.tap(), running.resource.clone()))
}

/// Waits until all that was recorded before this call is in every tap.
pub(crate) fn settle(patience: Duration) -> bool {
    send(Ticket::before_exporters()).is_some_and(|ticket| ticket.wait(patience))
}

impl Client {
    fn start(mut config: Config) -> Result<Self, Error> {
        let resource = Arc::new(std::mem::take(&mut config.resource));
        let raw = Arc::new(Queue::new(RAW_LIMIT));
        let buffers = Buffers::default();
        let requests = Arc::new(Requests::default());
        let outlets = Outlets::default();
        let exporters = std::mem::take(&mut config.exporters);
        let exporters = start_exporters(exporters, &resource, &config.overflow_to, &outlets)?;
        let totals = Arc::new(Totals::default());
        let processor = Processor::new(
            raw.clone(),
            buffers.clone(),
            outlets.clone(),
            totals.clone(),
            std::mem::take(&mut config.redactor),
        );
        let processor = spawn("agentops-process", move || processor.run())?;
        let drainer = Drainer::new(raw, buffers, requests.clone());
        let drainer = spawn("agentops-drain", move || drainer.run())?;
        panic::install();
        listen(&config)?;
        configure(config);
        local::set_recording(Some(drainer.thread().clone()));
        Ok(Self {
            resource,
            totals,
            requests,
            outlets,
            drainer,
            processor,
            exporters,
            guarded: false,
            tested: false,
        })
    }

    /// Records for whoever calls `init` now, besides for tests.
    fn serve(&mut self, mut config: Config) -> Result<(), Error> {
        listen(&config)?;
        let resource = Arc::new(std::mem::take(&mut config.resource));
        let exporters = std::mem::take(&mut config.exporters);
        // Nothing reaches an exporter that its owner's rules have not been applied to.
        self.outlets.redact_by(std::mem::take(&mut config.redactor));
        self.exporters = start_exporters(exporters, &resource, &config.overflow_to, &self.outlets)?;
        configure(config);
        self.resource = resource;
        Ok(())
    }

    /// Records for tests alone. The exporters are given back, with their threads.
    fn leave_to_tests(&mut self) -> Leaving {
        // First of all: what is made by other rules than theirs is not for them.
        let exporters = self.outlets.take_exporters();
        // Without variables and pointers there is nothing that could not be read.
        if let Ok(mut config) = Config::for_tests() {
            self.outlets.redact_by(std::mem::take(&mut config.redactor));
            configure(config);
        }
        self.guarded = false;
        Leaving {
            exporters,
            threads: std::mem::take(&mut self.exporters),
        }
    }

    /// Records no more.
    fn stop(mut self, deadline: Instant) -> Leaving {
        self.outlets.leave_by(deadline - LAST_WORDS);
        self.requests.stop();
        self.drainer.thread().unpark();
        let mut threads = vec![self.drainer, self.processor];
        threads.append(&mut self.exporters);
        Leaving {
            exporters: Vec::new(),
            threads,
        }
    }
}

/// What goes with a guard.
struct Leaving {
    /// Exporters that the processor may be delivering to.
    exporters: Vec<Outlet>,
    threads: Vec<JoinHandle<()>>,
}

impl Leaving {
    fn wait(self, deadline: Instant) {
        if !self.exporters.is_empty() {
            // A batch on its way to a closed exporter would count as lost.
            settle(deadline.saturating_duration_since(Instant::now()));
            for outlet in &self.exporters {
                outlet.leave_by(deadline - LAST_WORDS);
                outlet.close();
            }
        }
        for thread in self.threads {
            // A thread that hangs in an exporter is left behind: the program's end is not ours to delay.
            while !thread.is_finished() && Instant::now() < deadline {
                thread::sleep(Duration::from_micros(200));
            }
            if thread.is_finished() {
                let _ = thread.join();
            }
        }
    }
}

/// Starts to hear what else is to be recorded.
#[cfg_attr(
    not(any(all(feature = "signals", unix), feature = "tracing")),
    expect(unused_variables, reason = "there is nothing to hear")
)]
fn listen(config: &Config) -> Result<(), Error> {
    #[cfg(all(feature = "signals", unix))]
    if config.handle_signals {
        crate::monitor::signal::install().map_err(Error::thread)?;
    }
    #[cfg(feature = "tracing")]
    if config.install_tracing {
        crate::bridge::tracing::install();
    }
    Ok(())
}

fn configure(config: Config) {
    session::configure(config.automatic);
    local::configure(config.capture_content, config.busy_time, config.min_level);
    ring::never_wait(config.overflow == Overflow::Drop);
    estimate::configure(config.estimate_usage);
    value::configure(config.string_limit, config.collection_limit);
    #[cfg(feature = "pricing")]
    crate::model::pricing::install(config.prices);
}

fn start_exporters(
    exporters: Vec<Box<dyn SpanExporter>>,
    resource: &Arc<Resource>,
    overflow_to: &OverflowTo,
    outlets: &Outlets,
) -> Result<Vec<JoinHandle<()>>, Error> {
    let mut started = Vec::new();
    let mut threads = Vec::new();
    for exporter in exporters {
        let outlet = Outlet::start("export", exporter, resource, Some(overflow_to.clone()));
        let (outlet, thread) = outlet.map_err(Error::thread)?;
        started.push(outlet);
        threads.push(thread);
    }
    outlets.add(started);
    Ok(threads)
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
    send(Ticket::default()).is_some_and(|ticket| ticket.wait(patience))
}

/// Sends a ticket behind all that was recorded before this call; `None` where nothing records.
fn send(ticket: Ticket) -> Option<Arc<Ticket>> {
    let ticket = Arc::new(ticket);
    let client = lock(&CLIENT);
    let client = client.as_ref()?;
    client.requests.flush(ticket.clone());
    client.drainer.thread().unpark();
    Some(ticket)
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
        let _turn = lock(&TURN);
        trace_api::shut_down();
        session::end_automatic(state, reason, fault);
        let deadline = Instant::now() + LAST_FLUSH;
        let kept = flush(LAST_FLUSH - LAST_WORDS);
        if let Some(leaving) = release(deadline) {
            leaving.wait(deadline);
        }
        kept
    }
}

/// Takes the recorder out of its guard's hands: it stops, or goes on for tests.
fn release(deadline: Instant) -> Option<Leaving> {
    let mut client = lock(&CLIENT);
    match &mut *client {
        Some(running) if running.tested => Some(running.leave_to_tests()),
        running => {
            local::set_recording(None);
            running.take().map(|client| client.stop(deadline))
        }
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
