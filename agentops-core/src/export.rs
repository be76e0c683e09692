//! Where batches go: the trait, and a thread and a bounded queue for each exporter.
//!
//! An exporter that is slow or broken costs its own queue, never the program and never another exporter; what its
//! queue cannot hold is counted and told to it later. Knows frames, not how they came about.

mod backlog;
pub(crate) mod console;
mod disk;
pub(crate) mod memory;
pub(crate) mod outlets;
mod private;
pub(crate) mod spool;
mod thin;

pub use crate::process::batch::{Batch, Piece};
pub use console::Console;
pub use memory::Memory;
pub use spool::Spool;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use crate::model::event::{LossCause, Resource};
use crate::process::ticket::Ticket;
use crate::record::capture::discard;
use crate::record::ring::PROGRESS;
use crate::record::{clock, local};
use crate::sync::Relaxed;
pub(crate) use backlog::OverflowTo;
use backlog::{Backlog, Next};

/// Takes what was recorded somewhere.
///
/// Runs on a thread of its own, one call at a time; it may take its time, and it must not record.
pub trait SpanExporter: Send {
    /// Called once, before anything else, with what is known of this process.
    fn set_resource(&mut self, resource: &Resource) {
        let _ = resource;
    }

    /// Keeps a batch.
    ///
    /// # Errors
    ///
    /// The batch is offered again after a while, for as long as there is room for those that follow.
    fn export(&mut self, batch: &Batch) -> Result<(), ExportError>;

    /// Makes sure that what was exported stays, whatever happens to the process.
    ///
    /// # Errors
    ///
    /// Where it cannot be sure.
    fn force_flush(&mut self) -> Result<(), ExportError> {
        Ok(())
    }

    /// Called once, after everything else.
    fn shutdown(&mut self) {}

    /// Whether what is exported goes to this machine's disk. What waits for others may wait on disk; what waits for the
    /// disk waits in memory.
    fn is_local_disk(&self) -> bool {
        false
    }
}

/// Why a batch was not kept.
#[derive(Debug)]
pub struct ExportError {
    text: String,
    cause: LossCause,
}

impl ExportError {
    /// A failure that another try may mend.
    pub fn new(text: impl Into<String>, cause: LossCause) -> Self {
        Self {
            text: text.into(),
            cause,
        }
    }
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for ExportError {}

/// The processor's end of an exporter's queue.
#[derive(Debug, Clone)]
pub(crate) struct Outlet {
    backlog: Arc<Backlog>,
}

impl Outlet {
    /// Starts a thread for an exporter. What it cannot take in time waits where `overflow` says.
    pub(crate) fn start(
        name: &str,
        exporter: Box<dyn SpanExporter>,
        resource: &Arc<Resource>,
        overflow: Option<OverflowTo>,
    ) -> std::io::Result<(Self, thread::JoinHandle<()>)> {
        let overflow = overflow.filter(|_| !exporter.is_local_disk());
        let outlet = Self {
            backlog: Arc::new(Backlog::new(overflow)),
        };
        let (worker, resource) = (outlet.clone(), resource.clone());
        let thread = thread::Builder::new()
            .name(format!("agentops-{name}"))
            .spawn(move || worker.run(exporter, &resource))?;
        Ok((outlet, thread))
    }

    pub(crate) fn deliver(&self, batch: &Arc<Batch>) {
        self.backlog.push(batch, || {
            PROGRESS.0.fetch_add(1, Relaxed);
        });
    }

    pub(crate) fn flush(&self, ticket: Arc<Ticket>) {
        self.backlog.flush(ticket);
    }

    pub(crate) fn close(&self) {
        self.backlog.close();
    }

    /// Once closed, it leaves what it could not hand over by then.
    pub(crate) fn leave_by(&self, deadline: Instant) {
        self.backlog.leave_by(deadline);
    }

    fn run(&self, exporter: Box<dyn SpanExporter>, resource: &Resource) {
        local::mute();
        let mut worker = Worker {
            backlog: &self.backlog,
            exporter,
            warned: false,
        };
        contained(|| worker.exporter.set_resource(resource));
        while worker.step() {}
        self.backlog.close();
        if let Some(last) = self.backlog.abandon() {
            let _ = worker.export(&last);
        }
        let _ = worker.tell_losses();
        contained(|| worker.exporter.shutdown());
        // Its destructor is its own code too.
        contained(|| drop(worker.exporter));
    }
}

/// An exporter's thread.
struct Worker<'a> {
    backlog: &'a Backlog,
    exporter: Box<dyn SpanExporter>,
    warned: bool,
}

impl Worker<'_> {
    /// `false`: there is nothing more to do.
    fn step(&mut self) -> bool {
        match self.backlog.next() {
            Next::Batch(batch) => self.offer(&batch),
            Next::Flush(ticket) => {
                ticket.done(self.flush(&ticket));
                true
            }
            Next::Losses => match self.tell_losses() {
                Ok(()) => true,
                Err(cause) => self.backlog.refused(cause, 0),
            },
            Next::Closed => false,
        }
    }

    /// Offers a batch until it is taken. `false`: it never will be.
    fn offer(&mut self, batch: &Batch) -> bool {
        let mut flushes = 0;
        while let Err(cause) = self.export(batch) {
            if !self.backlog.refused(cause, flushes) {
                return false;
            }
            flushes = self.backlog.flushes();
        }
        self.backlog.taken();
        // Where it is not taken, it is told later.
        let _ = self.tell_losses();
        true
    }

    /// Offers a batch once. An exporter that panics has not taken it.
    fn export(&mut self, batch: &Batch) -> Result<(), LossCause> {
        let exported = contained(|| self.exporter.export(batch));
        let panicked = || Err(ExportError::new("an exporter panicked", LossCause::Refused));
        let Err(error) = exported.unwrap_or_else(panicked) else {
            return Ok(());
        };
        if !std::mem::replace(&mut self.warned, true) {
            warn(&error);
        }
        Err(error.cause)
    }

    /// Whether all that was delivered since the last flush is kept.
    fn flush(&mut self, ticket: &Ticket) -> bool {
        let told = self.tell_losses();
        let flushed = contained(|| self.exporter.force_flush().is_ok());
        // Nobody hears of it where nobody waits: then it is for the next one to say.
        ticket.is_awaited() && self.backlog.is_complete() && told.is_ok() && flushed == Some(true)
    }

    /// What had to be left out is told as soon as something gets through.
    fn tell_losses(&mut self) -> Result<(), LossCause> {
        let losses = self.backlog.losses();
        if losses.is_empty() {
            return Ok(());
        }
        let told = self.export(&losses.batch(clock::wall()));
        if told.is_err() {
            self.backlog.give_back(losses);
        }
        told
    }
}

/// Runs an exporter's code; `None` where it panicked.
fn contained<R>(run: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(run)).map_err(discard).ok()
}

/// The one line that a broken exporter prints.
#[expect(
    clippy::print_stderr,
    reason = "a loss is never silent, and there is nobody else to tell"
)]
fn warn(error: &ExportError) {
    eprintln!("agentops: {error}; recording goes on in memory");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::Event;
    use crate::model::frame::{self, Kind};
    use crate::model::id::{SessionId, SpanId, TraceId};
    use crate::model::semconv;
    use crate::model::session::SessionFacts;
    use crate::model::span::SpanKind;
    use crate::model::wire::{self, put};
    use crate::sync::fixed::{AtomicU64, Mutex, lock};
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::PathBuf;
    use std::sync::Condvar;
    use std::time::Duration;

    /// Panics, refuses, and then takes everything, in turn.
    struct Moody {
        calls: u32,
        taken: Arc<AtomicU64>,
    }

    impl SpanExporter for Moody {
        fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
            self.calls += 1;
            match self.calls {
                1 => panic!("not in the mood"),
                2 => Err(ExportError::new("later", LossCause::Refused)),
                _ => {
                    self.taken.fetch_add(batch.spans(), Relaxed);
                    Ok(())
                }
            }
        }
    }

    #[test]
    fn what_an_exporter_does_not_take_is_offered_again() {
        let taken = Arc::new(AtomicU64::new(0));
        let exporter = Moody {
            calls: 0,
            taken: taken.clone(),
        };
        let started = Outlet::start("test", Box::new(exporter), &Arc::default(), None);
        let (outlet, thread) = started.expect("a thread starts");
        let flush = || {
            let ticket = Arc::new(Ticket::default());
            ticket.expect(1);
            outlet.flush(ticket.clone());
            ticket.wait(Duration::from_secs(20))
        };
        let batch = Arc::new(Batch {
            spans: 3,
            ..Batch::default()
        });
        outlet.deliver(&batch);
        assert!(!flush(), "it panicked, and then it refused");
        outlet.deliver(&batch);
        assert!(flush());
        assert_eq!(taken.load(Relaxed), 6);
        outlet.close();
        thread
            .join()
            .expect("a panic of an exporter is not one of its thread");
    }

    /// What the exporter of a test does with what it is offered.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Mood {
        Takes,
        Refuses,
        Hangs,
    }

    /// An exporter whose mood is the test's to choose.
    #[derive(Clone)]
    struct Gate {
        mood: Arc<(Mutex<Mood>, Condvar)>,
        taken: Arc<Mutex<Vec<Event>>>,
    }

    impl Gate {
        fn new(mood: Mood) -> Self {
            Self {
                mood: Arc::new((Mutex::new(mood), Condvar::new())),
                taken: Arc::default(),
            }
        }

        fn set(&self, mood: Mood) {
            *lock(&self.mood.0) = mood;
            self.mood.1.notify_all();
        }

        fn start(&self, overflow: Option<OverflowTo>) -> (Outlet, thread::JoinHandle<()>) {
            let exporter = Box::new(self.clone());
            let started = Outlet::start("test", exporter, &Arc::default(), overflow);
            started.expect("a thread starts")
        }

        /// Everything that was taken, once nothing more comes.
        fn end(&self, outlet: &Outlet, thread: thread::JoinHandle<()>) -> Vec<Event> {
            self.set(Mood::Takes);
            outlet.close();
            thread.join().expect("it ends");
            std::mem::take(&mut *lock(&self.taken))
        }
    }

    impl SpanExporter for Gate {
        fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
            let (mood, changed) = &*self.mood;
            let hangs = |mood: &mut Mood| *mood == Mood::Hangs;
            let mood = changed.wait_while(lock(mood), hangs);
            if *mood.expect("no test panics with it") == Mood::Refuses {
                return Err(ExportError::new("not now", LossCause::Refused));
            }
            lock(&self.taken).extend(batch.events());
            Ok(())
        }
    }

    const SESSIONS: u128 = 3;

    /// Makes batches, and knows what is in them.
    #[derive(Default)]
    struct Program {
        spans: u64,
        /// Told as open by the batch before.
        open: Vec<u64>,
        recorded: BTreeMap<SessionId, u64>,
    }

    impl Program {
        /// So many spans that end, in turn of each session, with an input of so many bytes; of every ten as many more
        /// as have started in this batch, and end in the next.
        fn batch(&mut self, spans: u64, input: usize) -> Arc<Batch> {
            let mut batch = Batch::default();
            let mut ended = std::mem::take(&mut self.open);
            ended.extend(self.spans + 1..=self.spans + spans);
            self.spans += spans;
            for id in ended {
                let session = SessionId(u128::from(id) % SESSIONS + 1);
                *self.recorded.entry(session).or_default() += 1;
                span(&mut batch, Kind::Span, session, id, id, input);
                batch.spans += 1;
            }
            for id in self.spans + 1..=self.spans + spans / 10 {
                let session = SessionId(u128::from(id) % SESSIONS + 1);
                span(&mut batch, Kind::Pending, session, id, id, input);
                self.open.push(id);
            }
            self.spans += spans / 10;
            Arc::new(batch)
        }

        fn fill(&mut self, outlet: &Outlet, batches: usize) {
            for _ in 0..batches {
                outlet.deliver(&self.batch(100, 5_000));
                let bytes = outlet.backlog.bytes();
                assert!(bytes <= backlog::LIMIT, "{bytes} bytes wait in memory");
            }
            outlet.deliver(&self.batch(0, 0));
        }
    }

    fn span(batch: &mut Batch, kind: Kind, session: SessionId, id: u64, start: u64, input: usize) {
        let number = session.0 as u32;
        if batch.pieces.iter().all(|piece| piece.number != number) {
            let mut bytes = Vec::new();
            put::session(&mut bytes, session);
            let bytes = bytes.into();
            batch.pieces.push(Piece { number, bytes });
        }
        let mut own = Vec::new();
        put::ids(&mut own, TraceId(session.0), SpanId(id), None);
        put::start(&mut own, start);
        put::entity(&mut own, SpanKind::Operation, "work", None);
        if input > 0 {
            put::attr_str(
                &mut own,
                semconv::ENTITY_INPUT,
                &format!("{:?}", "x".repeat(input)),
            );
        }
        if kind == Kind::Pending {
            put::end(&mut own, 0);
            put::pending(&mut own);
            batch.latest = batch.latest.max(start);
        } else {
            put::end(&mut own, start + 1);
        }
        frame::append_span(&mut batch.frames, kind, &[number], &own).expect("it is short");
    }

    fn end_of_session() -> Batch {
        let mut batch = Batch::default();
        let facts = wire::encode_facts(&SessionFacts {
            id: SessionId(1),
            end: Some(1),
            ..SessionFacts::default()
        });
        frame::append(&mut batch.frames, Kind::Session, &[&facts]).expect("it is short");
        batch
    }

    fn is_end_of_session(event: &Event) -> bool {
        matches!(event, Event::Session(facts) if facts.end.is_some())
    }

    /// What became of spans: those that ended, in order, and losses by cause and session.
    #[derive(Debug, Default)]
    struct Told {
        ended: Vec<u64>,
        open: BTreeSet<u64>,
        without_content: u64,
        by_session: BTreeMap<SessionId, u64>,
        lost: BTreeMap<(LossCause, SessionId), u64>,
    }

    impl Told {
        fn of(events: Vec<Event>) -> Self {
            let mut told = Self::default();
            for event in events {
                match event {
                    Event::SpanStarted(span) => drop(told.open.insert(span.id.0)),
                    Event::SpanEnded(span) => {
                        told.open.remove(&span.id.0);
                        told.ended.push(span.id.0);
                        *told.by_session.entry(span.session_id).or_default() += 1;
                        let marked = span.attributes.contains_key(semconv::CONTENT_DROPPED);
                        let cut = span
                            .input
                            .is_some_and(|input| !input["$truncated"].is_null());
                        assert_eq!(marked, cut);
                        told.without_content += u64::from(marked);
                    }
                    Event::Loss(loss) => {
                        let session = loss.session.expect("each span has a session");
                        *told.lost.entry((loss.cause, session)).or_default() += loss.count;
                    }
                    _ => {}
                }
            }
            told
        }

        fn lost(&self, cause: LossCause) -> u64 {
            let of_it = self.lost.iter().filter(|((of, _), _)| *of == cause);
            of_it.map(|(_, count)| count).sum()
        }

        /// In each session, what is there and what was counted as lost is all that was recorded.
        #[track_caller]
        fn adds_up(&self, program: &Program) {
            assert!(self.ended.is_sorted(), "the order was not kept");
            // Unless there was no time: what has begun also ends.
            let in_time = self.lost(LossCause::Shutdown) == 0;
            let open = &self.open;
            assert!(!in_time || open.is_empty(), "open for ever: {open:?}");
            let mut known = self.by_session.clone();
            for ((cause, session), count) in &self.lost {
                if cause.is_missing() {
                    *known.entry(*session).or_default() += count;
                }
            }
            assert_eq!(known, program.recorded);
            // What was left out of spans that were lost later counts too.
            assert!(self.without_content <= self.lost(LossCause::Content));
        }
    }

    /// A directory for what overflows, so large, that is empty again at the end.
    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let name = format!("agentops-overflow-{name}-{}", std::process::id());
            Self(std::env::temp_dir().join(name))
        }

        fn of(&self, limit: u64) -> Option<OverflowTo> {
            let directory = self.0.clone();
            Some(OverflowTo { directory, limit })
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            // Fails where something is left in it, and was asserted not to be.
            let _ = std::fs::remove_dir(&self.0);
        }
    }

    #[test]
    fn what_a_hanging_exporter_does_not_take_waits_on_disk() {
        let directory = Directory::new("hangs");
        let gate = Gate::new(Mood::Hangs);
        let (outlet, thread) = gate.start(directory.of(1 << 30));
        let mut program = Program::default();
        program.fill(&outlet, 120);
        if cfg!(unix) {
            let files = std::fs::read_dir(&directory.0).expect("it was made");
            assert_eq!(files.count(), 0, "files with names can be read by others");
        }
        assert!(outlet.backlog.is_complete());
        let told = Told::of(gate.end(&outlet, thread));
        told.adds_up(&program);
        assert_eq!(
            (told.ended.len() as u64, told.lost.len()),
            (program.spans, 0)
        );
    }

    #[test]
    fn what_a_failing_exporter_does_not_take_waits_on_disk_and_no_flush_waits_for_it() {
        let directory = Directory::new("refuses");
        let gate = Gate::new(Mood::Refuses);
        let (outlet, thread) = gate.start(directory.of(1 << 30));
        let mut program = Program::default();
        program.fill(&outlet, 40);
        let flush = || {
            let ticket = Arc::new(Ticket::default());
            ticket.expect(1);
            outlet.flush(ticket.clone());
            ticket.wait(Duration::from_secs(20))
        };
        assert!(!flush());
        program.fill(&outlet, 10);
        gate.set(Mood::Takes);
        assert!(flush(), "it takes everything now, and nothing was left out");
        let taken = lock(&gate.taken).clone();
        assert_eq!(Told::of(taken).ended.len() as u64, program.spans);
        let told = Told::of(gate.end(&outlet, thread));
        told.adds_up(&program);
        assert!(told.lost.is_empty());
    }

    #[test]
    fn without_a_disk_content_goes_before_spans_and_what_has_begun_ends() {
        let gate = Gate::new(Mood::Hangs);
        // There is no directory to be made in a file.
        let file = std::env::current_exe().expect("the test is a program");
        let (outlet, thread) = gate.start(Some(OverflowTo {
            directory: file.join("overflow"),
            limit: 1 << 30,
        }));
        let mut program = Program::default();
        let long_ago = 1_000_000;
        let mut first = Batch::default();
        for id in long_ago..long_ago + 10 {
            span(&mut first, Kind::Pending, SessionId(1), id, 0, 10);
        }
        outlet.deliver(&Arc::new(first));
        program.fill(&outlet, 400);
        // What is not to be lost: spans that were told to have begun, one that failed, the end of a session.
        let mut last = Batch::default();
        for id in long_ago..long_ago + 10 {
            span(&mut last, Kind::Span, SessionId(1), id, 0, 10);
        }
        last.frames.extend(end_of_session().frames);
        *program.recorded.entry(SessionId(1)).or_default() += 10;
        outlet.deliver(&Arc::new(last));
        assert!(!outlet.backlog.is_complete());
        let events = gate.end(&outlet, thread);
        assert!(events.iter().any(is_end_of_session));
        let told = Told::of(events);
        assert!(told.lost(LossCause::Content) > 100, "{told:?}");
        assert!(told.lost(LossCause::ExportFull) > 100, "{told:?}");
        assert!(
            told.ended
                .ends_with(&(long_ago..long_ago + 10).collect::<Vec<_>>())
        );
        let whole = told.ended.len() as u64 - told.without_content;
        assert!(
            whole * 5_000 > backlog::WHOLE as u64 / 2,
            "{whole} are whole"
        );
        told.adds_up(&program);
    }

    #[test]
    fn room_that_comes_back_is_used_again() {
        let directory = Directory::new("comes-back");
        let gate = Gate::new(Mood::Hangs);
        let (outlet, thread) = gate.start(directory.of(1 << 20));
        let mut program = Program::default();
        program.fill(&outlet, 60);
        assert!(!outlet.backlog.is_complete());
        gate.set(Mood::Takes);
        let ticket = Arc::new(Ticket::default());
        ticket.expect(1);
        outlet.flush(ticket.clone());
        assert!(
            ticket.wait(Duration::from_secs(20)),
            "nothing was left out since"
        );
        let before = Told::of(lock(&gate.taken).clone());
        program.fill(&outlet, 10);
        let told = Told::of(gate.end(&outlet, thread));
        told.adds_up(&program);
        assert_eq!(told.ended.len() - before.ended.len(), 1_100);
        assert_eq!(told.without_content, before.without_content);
    }

    #[test]
    fn what_there_is_no_time_for_is_counted() {
        let directory = Directory::new("no-time");
        let gate = Gate::new(Mood::Hangs);
        let (outlet, thread) = gate.start(directory.of(1 << 30));
        let mut program = Program::default();
        program.fill(&outlet, 60);
        outlet.deliver(&Arc::new(end_of_session()));
        outlet.leave_by(Instant::now());
        let events = gate.end(&outlet, thread);
        assert!(events.iter().any(is_end_of_session));
        let told = Told::of(events);
        told.adds_up(&program);
        assert!(told.lost(LossCause::Shutdown) > 6_000, "{told:?}");
        assert_eq!(told.lost(LossCause::Content), 0);
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig {
            failure_persistence: None,
            ..proptest::prelude::ProptestConfig::with_cases(12)
        })]

        /// Whatever an exporter and a disk do, what is there and what is counted is what was recorded.
        #[test]
        fn nothing_is_lost_without_being_counted(
            disk in proptest::option::of(0_u64..20 << 20),
            steps in proptest::collection::vec((0..3_usize, 0_usize..25, 0_usize..20_000), 1..8),
            hurry: bool,
        ) {
            let directory = Directory::new("any");
            let gate = Gate::new(Mood::Takes);
            let (outlet, thread) = gate.start(disk.and_then(|limit| directory.of(limit)));
            let mut program = Program::default();
            for (mood, batches, input) in steps {
                gate.set([Mood::Takes, Mood::Refuses, Mood::Hangs][mood]);
                for _ in 0..batches {
                    outlet.deliver(&program.batch(50, input));
                }
            }
            outlet.deliver(&program.batch(0, 0));
            if hurry {
                outlet.leave_by(Instant::now());
            }
            Told::of(gate.end(&outlet, thread)).adds_up(&program);
        }
    }

    /// Takes its time over each batch.
    struct Slow(Arc<AtomicU64>);

    impl SpanExporter for Slow {
        fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
            thread::sleep(Duration::from_millis(1));
            self.0.fetch_add(batch.spans(), Relaxed);
            Ok(())
        }
    }

    #[test]
    fn a_slow_exporter_is_waited_for() {
        let taken = Arc::new(AtomicU64::new(0));
        let started = Outlet::start("test", Box::new(Slow(taken.clone())), &Arc::default(), None);
        let (outlet, thread) = started.expect("a thread starts");
        let batch = Arc::new(Batch {
            frames: vec![0; backlog::WHOLE / 4],
            spans: 1,
            ..Batch::default()
        });
        (0..100).for_each(|_| outlet.deliver(&batch));
        outlet.close();
        thread.join().expect("it ends");
        assert_eq!(taken.load(Relaxed), 100);
        assert!(outlet.backlog.losses().is_empty());
    }
}
