//! Random programs of sessions, scopes, threads, tasks and spans, compared with a model that only walks the program.
//!
//! The model knows one rule: a span belongs where it was started. It shares no code with the recorder, nor with what
//! runs the programs.

use std::collections::{BTreeMap, HashMap};
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use agentops::model::id::{SessionId, SpanId};
use agentops::prelude::*;
use agentops::testing::Trace;
use agentops::{EndState, Session, SpanKind, current_span, span, start_session};

use crate::harness::{memory, recorded};

const PROGRAMS: u64 = 120;
/// Statements in a program, about.
const LENGTH: u32 = 60;

type Name = String;

#[derive(Debug, Clone)]
enum Op {
    /// A span with a body.
    Span(Name, How, Vec<Op>),
    /// Guards on one thread: opened and dropped in this order, with a leaf after each step.
    Guards(Vec<Guard>),
    /// A future in a span that is dropped before it is done.
    Cancelled(Name, Name),
    /// A span that is held, and ended by `Release`, wherever that is.
    Hold(Name),
    Release(Name),
    Open(Name),
    /// The body, in an open session.
    Within(Name, Vec<Op>),
    Close(Name, End),
    /// A body of its own, on a task or a thread, in this place or in none.
    Apart(Apart, bool, Vec<Op>),
    Await,
}

#[derive(Debug, Clone, Copy)]
enum How {
    Scope,
    Instrument,
    Detached,
}

#[derive(Debug, Clone)]
enum Guard {
    Open(Name),
    Drop(Name),
    Leaf(Name),
    /// A session of its own, with a leaf in it; a guard may be dropped there.
    Visit(Name, Name, Option<Name>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Success,
    Failed,
    Dropped,
}

#[derive(Debug, Clone, Copy)]
enum Apart {
    Task,
    Thread,
}

/// splitmix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn take<T>(&mut self, from: &mut Vec<T>) -> Option<T> {
        (!from.is_empty()).then(|| from.swap_remove(self.below(from.len())))
    }
}

/// Writes programs.
struct Author {
    dice: Dice,
    seed: u64,
    names: u32,
    left: u32,
}

/// What a task or thread may end, because nobody else does.
#[derive(Default)]
struct Own {
    sessions: Vec<Name>,
    spans: Vec<Name>,
}

impl Author {
    fn name(&mut self, kind: &str) -> Name {
        self.names += 1;
        format!("{kind}{}-{}", self.names, self.seed)
    }

    /// Some spans are agents, by their name.
    fn span_name(&mut self, kind: &str) -> Name {
        if self.dice.one_in(5) {
            self.name("agent")
        } else {
            self.name(kind)
        }
    }

    /// Some of what there is, to be ended by somebody else.
    fn give(&mut self, from: &mut Own) -> Own {
        let mut given = Own::default();
        for _ in 0..self.dice.below(3) {
            given.sessions.extend(self.dice.take(&mut from.sessions));
            given.spans.extend(self.dice.take(&mut from.spans));
        }
        given
    }

    fn body(&mut self, depth: u32, waits: bool, own: &mut Own) -> Vec<Op> {
        let mut ops = Vec::new();
        for _ in 0..=self.dice.below(5) {
            if self.left == 0 {
                break;
            }
            self.left -= 1;
            ops.push(self.op(depth, waits, own));
        }
        ops
    }

    fn op(&mut self, depth: u32, waits: bool, own: &mut Own) -> Op {
        let deep = depth > 0;
        match self.dice.below(20) {
            0..3 if deep => {
                let how = match self.dice.below(3) {
                    0 if waits => How::Instrument,
                    1 => How::Detached,
                    // A closure cannot wait.
                    _ => {
                        return Op::Span(
                            self.span_name("n"),
                            How::Scope,
                            self.body(depth - 1, false, own),
                        );
                    }
                };
                Op::Span(self.span_name("n"), how, self.body(depth - 1, waits, own))
            }
            3..5 => self.guards(),
            5 => Op::Cancelled(self.name("c"), self.name("l")),
            6 => {
                let name = self.name("h");
                own.spans.push(name.clone());
                Op::Hold(name)
            }
            7 if !own.spans.is_empty() => {
                Op::Release(self.dice.take(&mut own.spans).expect("there is one"))
            }
            8..10 => {
                let name = self.name("s");
                own.sessions.push(name.clone());
                Op::Open(name)
            }
            10..13 if deep && !own.sessions.is_empty() => {
                let at = self.dice.below(own.sessions.len());
                let name = own.sessions[at].clone();
                Op::Within(name, self.body(depth - 1, waits, own))
            }
            13 if !own.sessions.is_empty() => {
                let end = [End::Success, End::Failed, End::Dropped][self.dice.below(3)];
                let name = self.dice.take(&mut own.sessions).expect("there is one");
                Op::Close(name, end)
            }
            14..17 if deep => {
                let place = !self.dice.one_in(4);
                let mut given = self.give(own);
                let apart = if waits && !self.dice.one_in(3) {
                    Apart::Task
                } else {
                    Apart::Thread
                };
                let waits = matches!(apart, Apart::Task);
                Op::Apart(apart, place, self.body(depth - 1, waits, &mut given))
            }
            17 | 18 if waits => Op::Await,
            _ => Op::Span(self.name("l"), How::Scope, Vec::new()),
        }
    }

    fn guards(&mut self) -> Op {
        let mut open = Vec::new();
        let mut steps = Vec::new();
        for _ in 0..2 + self.dice.below(4) {
            let name = self.span_name("g");
            open.push(name.clone());
            steps.push(Guard::Open(name));
            if self.dice.one_in(3) {
                steps.push(Guard::Leaf(self.name("l")));
            }
            if self.dice.one_in(4) {
                let dropped = self.dice.take(&mut open);
                steps.push(Guard::Visit(self.name("s"), self.name("l"), dropped));
                steps.push(Guard::Leaf(self.name("l")));
            }
            if self.dice.one_in(4) {
                steps.extend(self.dice.take(&mut open).map(Guard::Drop));
                steps.push(Guard::Leaf(self.name("l")));
            }
        }
        while let Some(name) = self.dice.take(&mut open) {
            steps.push(Guard::Drop(name));
            steps.push(Guard::Leaf(self.name("l")));
        }
        Op::Guards(steps)
    }
}

fn program(seed: u64) -> Vec<Op> {
    let mut author = Author {
        dice: Dice(seed),
        seed,
        names: 0,
        left: LENGTH,
    };
    let mut own = Own::default();
    let mut ops = Vec::new();
    while author.left > 0 {
        ops.extend(author.body(5, true, &mut own));
    }
    ops
}

/// Where a span or a session is: what the model and the recorder have to agree on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Where {
    session: Name,
    parent: Option<Name>,
    agent: Name,
    cancelled: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Opened {
    parent_session: Option<Name>,
    link: Option<Name>,
    end: &'static str,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    spans: BTreeMap<Name, Where>,
    sessions: BTreeMap<Name, Opened>,
}

/// A session, the span in it that is current, and the agent.
type Place = Option<(Name, Name, Name)>;

fn in_session(name: &Name) -> Place {
    Some((name.clone(), name.clone(), DEFAULT.into()))
}

const DEFAULT: &str = "default";

impl Seen {
    /// Starts a span, which has a session of its own where it is in none; its place.
    fn span(&mut self, name: &Name, place: &Place) -> Place {
        let (session, parent, around) = match place {
            Some((session, span, agent)) => (session, Some(span.clone()), agent.clone()),
            None => {
                let opened = Opened {
                    parent_session: None,
                    link: None,
                    end: "Success",
                };
                self.sessions.insert(name.clone(), opened);
                (name, None, DEFAULT.into())
            }
        };
        let agent = if name.starts_with("agent") {
            name.clone()
        } else {
            around
        };
        let span = Where {
            session: session.clone(),
            parent,
            agent: agent.clone(),
            cancelled: false,
        };
        self.spans.insert(name.clone(), span);
        Some((session.clone(), name.clone(), agent))
    }

    /// Opens a session, which nobody has ended yet.
    fn open(&mut self, name: &Name, place: &Place) {
        let opened = Opened {
            parent_session: place.as_ref().map(|(session, ..)| session.clone()),
            link: place.as_ref().map(|(_, span, _)| span.clone()),
            end: "Indeterminate dropped",
        };
        self.sessions.insert(name.clone(), opened);
        let root = Where {
            session: name.clone(),
            parent: None,
            agent: DEFAULT.into(),
            cancelled: false,
        };
        self.spans.insert(name.clone(), root);
    }

    fn walk(&mut self, ops: &[Op], place: &Place) {
        for op in ops {
            match op {
                Op::Span(name, _, body) => {
                    let within = self.span(name, place);
                    self.walk(body, &within);
                }
                Op::Guards(steps) => {
                    let mut open: Vec<(&Name, Place)> = Vec::new();
                    for step in steps {
                        let here = open.last().map_or(place, |(_, place)| place).clone();
                        match step {
                            Guard::Open(name) => open.push((name, self.span(name, &here))),
                            Guard::Drop(name) => open.retain(|(open, _)| *open != name),
                            Guard::Leaf(name) => _ = self.span(name, &here),
                            Guard::Visit(session, leaf, dropped) => {
                                self.open(session, &here);
                                self.span(leaf, &in_session(session));
                                open.retain(|(open, _)| Some(*open) != dropped.as_ref());
                            }
                        }
                    }
                }
                Op::Cancelled(name, leaf) => {
                    let within = self.span(name, place);
                    self.span(leaf, &within);
                    self.spans.get_mut(name).expect("it is there").cancelled = true;
                    if let Some(own) = self.sessions.get_mut(name) {
                        own.end = "Indeterminate cancelled";
                    }
                }
                Op::Hold(name) => _ = self.span(name, place),
                Op::Open(name) => self.open(name, place),
                Op::Within(name, body) => self.walk(body, &in_session(name)),
                Op::Close(name, end) => {
                    let end = match end {
                        End::Success => "Success",
                        End::Failed => "Error gave up",
                        End::Dropped => "Indeterminate dropped",
                    };
                    self.sessions.get_mut(name).expect("it is open").end = end;
                }
                Op::Apart(_, true, body) => self.walk(body, place),
                Op::Apart(_, false, body) => self.walk(body, &None),
                Op::Release(_) | Op::Await => {}
            }
        }
    }
}

/// What a running program shares between its tasks and threads.
#[derive(Default)]
struct Stage {
    sessions: Mutex<HashMap<Name, Session>>,
    held: Mutex<HashMap<Name, agentops::DetachedSpan>>,
    /// Every session that anything was seen in.
    seen: Mutex<Vec<SessionId>>,
    tasks: Mutex<Vec<tokio::task::JoinHandle<()>>>,
    threads: Mutex<Vec<std::thread::JoinHandle<()>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().expect("no test panicked")
}

fn by_name(name: &Name) -> agentops::SpanBuilder {
    let kind = if name.starts_with("agent") {
        SpanKind::Agent
    } else {
        SpanKind::Operation
    };
    span(name).kind(kind)
}

impl Stage {
    fn here(&self) {
        lock(&self.seen).push(current_span().session_id().expect("it records"));
    }

    fn leaf(&self, name: &Name) {
        by_name(name).in_scope(|| self.here());
    }

    /// What needs no waiting.
    fn act(self: &Arc<Self>, op: &Op) {
        match op {
            Op::Span(name, How::Scope, body) => by_name(name).in_scope(|| {
                self.here();
                self.act_all(body);
            }),
            Op::Span(name, How::Detached | How::Instrument, body) => {
                let span = by_name(name).start_detached();
                span.in_scope(|| {
                    self.here();
                    self.act_all(body);
                });
            }
            Op::Guards(steps) => {
                let mut open = HashMap::new();
                for step in steps {
                    match step {
                        Guard::Open(name) => {
                            open.insert(name, by_name(name).start());
                            self.here();
                        }
                        Guard::Drop(name) => drop(open.remove(name)),
                        Guard::Leaf(name) => self.leaf(name),
                        Guard::Visit(session, leaf, dropped) => {
                            start_session(session).in_scope(|| {
                                drop(dropped.as_ref().map(|name| open.remove(name)));
                                self.leaf(leaf);
                            });
                        }
                    }
                }
            }
            Op::Cancelled(name, leaf) => {
                let mut work = Box::pin(by_name(name).instrument(async {
                    self.leaf(leaf);
                    std::future::pending::<()>().await;
                }));
                let mut task = std::task::Context::from_waker(std::task::Waker::noop());
                assert!(work.as_mut().poll(&mut task).is_pending());
            }
            Op::Hold(name) => {
                let span = by_name(name).start_detached();
                lock(&self.seen).push(span.context().session_id().expect("it records"));
                lock(&self.held).insert(name.clone(), span);
            }
            Op::Release(name) => {
                let span = lock(&self.held).remove(name).expect("it is held");
                span.end();
            }
            Op::Open(name) => {
                let session = start_session(name);
                lock(&self.seen).push(session.id().expect("it records"));
                lock(&self.sessions).insert(name.clone(), session);
            }
            Op::Within(name, body) => {
                // Through the place, for the body may end the session.
                let place = lock(&self.sessions)[name].in_scope(|| current_span().context());
                place.in_scope(|| self.act_all(body));
            }
            Op::Close(name, end) => {
                let session = lock(&self.sessions).remove(name).expect("it is open");
                match end {
                    End::Success => session.end(EndState::Success),
                    End::Failed => session.end_with_reason(EndState::Error, "gave up"),
                    End::Dropped => drop(session),
                }
            }
            Op::Apart(_, placed, body) => {
                let (stage, body) = (self.clone(), body.clone());
                let work = move || stage.act_all(&body);
                let thread = if *placed {
                    agentops::spawn(work)
                } else {
                    std::thread::spawn(work)
                };
                lock(&self.threads).push(thread);
            }
            Op::Await => unreachable!("only tasks wait"),
        }
    }

    fn act_all(self: &Arc<Self>, ops: &[Op]) {
        ops.iter().for_each(|op| self.act(op));
    }

    fn play(self: Arc<Self>, ops: Vec<Op>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            for op in ops {
                match op {
                    Op::Span(name, How::Instrument, body) => {
                        let stage = self.clone();
                        let work = async move {
                            stage.here();
                            stage.play(body).await;
                        };
                        by_name(&name).instrument(work).await;
                    }
                    Op::Span(name, How::Detached, body) => {
                        let span = by_name(&name).start_detached();
                        span.in_scope(|| self.here());
                        span.run(self.clone().play(body)).await;
                        span.end();
                    }
                    Op::Within(name, body) => {
                        let work = self.clone().play(body);
                        let work = lock(&self.sessions)[&name].run(work);
                        work.await;
                    }
                    Op::Apart(Apart::Task, placed, body) => {
                        let work = self.clone().play(body);
                        let task = if placed {
                            tokio::spawn(work.in_current_span())
                        } else {
                            tokio::spawn(work)
                        };
                        lock(&self.tasks).push(task);
                    }
                    Op::Await => tokio::task::yield_now().await,
                    op => self.act(&op),
                }
            }
        })
    }

    async fn run(ops: Vec<Op>) -> Vec<SessionId> {
        let stage = Arc::new(Self::default());
        stage.clone().play(ops).await;
        loop {
            let task = lock(&stage.tasks).pop();
            let Some(task) = task else { break };
            task.await.expect("it runs");
        }
        loop {
            let thread = lock(&stage.threads).pop();
            let Some(thread) = thread else { break };
            thread.join().expect("it runs");
        }
        lock(&stage.held).clear();
        lock(&stage.sessions).clear();
        std::mem::take(&mut *lock(&stage.seen))
    }
}

/// What was recorded, in the model's words.
fn seen(traces: &[Trace]) -> Seen {
    let names: HashMap<SpanId, &Name> = traces
        .iter()
        .flat_map(|trace| &trace.spans)
        .map(|span| (span.id, &span.name))
        .collect();
    let sessions: HashMap<SessionId, &Name> = traces
        .iter()
        .map(|trace| (trace.session.facts.id, &trace.session.facts.name))
        .collect();
    let mut seen = Seen::default();
    for trace in traces {
        let facts = &trace.session.facts;
        assert_eq!(
            (trace.session.counts.open, trace.session.counts.dropped),
            (0, 0)
        );
        let end = match (facts.end_state, facts.end_state_reason.as_deref()) {
            (Some(EndState::Success), None) => "Success",
            (Some(EndState::Error), Some("gave up")) => "Error gave up",
            (Some(EndState::Indeterminate), Some("dropped")) => "Indeterminate dropped",
            (Some(EndState::Indeterminate), Some("cancelled")) => "Indeterminate cancelled",
            other => panic!("{} ended as {other:?}", facts.name),
        };
        let opened = Opened {
            parent_session: facts
                .parent_session_id
                .map(|session| sessions[&session].clone()),
            link: trace.spans[0]
                .links
                .first()
                .map(|link| names[&link.span_id].clone()),
            end,
        };
        let twice = seen.sessions.insert(facts.name.clone(), opened);
        assert_eq!(twice, None, "two sessions are called {}", facts.name);
        for span in &trace.spans {
            assert_eq!(span.session_id, facts.id);
            let place = Where {
                session: facts.name.clone(),
                parent: span.parent_id.map(|parent| names[&parent].clone()),
                agent: span.agent.as_ref().expect("it has one").name.clone(),
                cancelled: span.cancelled,
            };
            let twice = seen.spans.insert(span.name.clone(), place);
            assert_eq!(twice, None, "two spans are called {}", span.name);
        }
    }
    seen
}

#[test]
fn every_span_is_where_the_program_says() {
    memory();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(3)
        .build()
        .expect("a runtime starts");
    // Several programs at a time: none may get what is another's.
    let programs: Vec<_> = (0..PROGRAMS).map(|seed| (seed, program(seed))).collect();
    let mut spans = 0;
    for programs in programs.chunks(12) {
        let runs: Vec<_> = programs
            .iter()
            .map(|(_, ops)| runtime.spawn(Stage::run(ops.clone())))
            .collect();
        for (run, (seed, ops)) in runs.into_iter().zip(programs) {
            let mut sessions = runtime.block_on(run).expect("it runs");
            sessions.sort_unstable();
            sessions.dedup();
            let traces: Vec<_> = sessions.into_iter().map(recorded).collect();
            let mut expected = Seen::default();
            expected.walk(ops, &None);
            let found = seen(&traces);
            if found != expected {
                panic!("{}", difference(*seed, ops, &expected, &found));
            }
            spans += found.spans.len();
        }
    }
    assert!(spans > 40 * PROGRAMS as usize, "{spans}");
}

fn difference(seed: u64, ops: &[Op], expected: &Seen, found: &Seen) -> String {
    let mut text = format!("program {seed}: {ops:#?}\n");
    for (name, expected) in &expected.spans {
        let found = found.spans.get(name);
        if found != Some(expected) {
            text += &format!("{name}: expected {expected:?}, found {found:?}\n");
        }
    }
    for (name, expected) in &expected.sessions {
        let found = found.sessions.get(name);
        if found != Some(expected) {
            text += &format!("session {name}: expected {expected:?}, found {found:?}\n");
        }
    }
    for name in found.spans.keys() {
        if !expected.spans.contains_key(name) {
            text += &format!("{name}: not expected\n");
        }
    }
    text
}
