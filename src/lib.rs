//! AgentOps for Rust: annotate an agent's functions, and every run becomes a session that can be read, searched and
//! priced.
//!
//! ```
//! #[agentops::tool]
//! fn count_words(text: &str) -> usize {
//!     text.split_whitespace().count()
//! }
//!
//! #[agentops::main]
//! fn main() {
//!     assert_eq!(count_words("as you were"), 3);
//! }
//! ```
//!
//! Run it, and then `agentops show last` (from the package `agentops-server`): there is a session, and in it a tool
//! with its argument, its answer and its time. Without the attributes it is the same program.
//!
//! # How things relate
//!
//! A **session** is one execution, and the trace of all that ran in it. It holds **spans**, one for each annotated
//! call, each within the span that it was called from. A span has a **kind** (what it stands for), and belongs to the
//! **agent** that did it. It ends well, failed with an error record, or cancelled.
//!
//! | attribute | on a function, a method, an `impl` block or an inline module |
//! |---|---|
//! | [`#[main]`][main] | on `fn main`: starts recording, gives the program a session, flushes at the end |
//! | [`#[session]`][session] | opens a session for each call; [`#[trace]`][trace] is the same |
//! | [`#[agent]`][agent] | calls that enter an agent; on a struct as [`#[derive(Agent)]`][derive-agent]: who it is |
//! | [`#[workflow]`][workflow] | a group of operations |
//! | [`#[operation]`][operation] | a piece of work; [`#[task]`][task] is the same under its own word |
//! | [`#[tool]`][tool] | the use of a tool |
//! | [`#[llm]`][llm] | a call of a model: messages, answers, tokens and cost are recognised |
//! | [`#[guardrail]`][guardrail] | a check of what goes in or comes out |
//! | [`#[instrument]`][instrument] | the functions of a module as operations, by its path: `#[agentops::instrument]` |
//! | [`#[skip]`][skip] | leaves an item of an annotated block or module alone |
//!
//! | derive | on a type |
//! |---|---|
//! | [`#[derive(Agent)]`][derive-agent] | the agent's id, name, role, model and state are in its fields |
//! | [`#[derive(Capture)]`][derive-capture] | how its values are recorded: field by field, some left out, some hidden |
//!
//! What each records, where it may stand and what it cannot do is told at the attribute, and for all of them in
//! [attributes][guide-attributes]. Who has a program that is instrumented with `tracing` finds what becomes what in
//! [coming from `tracing`][guide-tracing].
//!
//! # Arguments of attributes
//!
//! With an example for each: [arguments][guide-arguments].
//!
//! | argument | does |
//! |---|---|
//! | `name = "…"` | the span's name; else the function's |
//! | `skip(a, b)`, `skip_all` | leaves arguments out; they are not touched |
//! | `capture(a, self)` | records these arguments only; the one way to record `self` |
//! | `capture_args = false`, `capture_return = false` | leaves all arguments, or the return value, out |
//! | `err = false` | an `Err` is a value like any other, and no failure |
//! | `attributes(key = expr, "dotted.key" = expr)` | more attributes, evaluated before the body |
//! | `returns(key = \|value\| expr)` | more attributes, from a reference to the value returned, `Ok` unwrapped |
//! | `tags = ["…"]`, `version = "…"` | words to find it by; the version of what runs |
//! | `level = "debug"` | not recorded where the option `min_level` is above it |
//! | `parent = expr`, `links = expr` | under another span than the current one; tied to other spans |
//! | `boxed` | an async function's future on the heap: shallower types, faster builds |
//! | `crate = path` | where this crate is, if not at `::agentops` |
//! | `cost = 0.01`, `description = "…"` | of `#[tool]`: what each call costs in USD; what it does |
//! | `model = "…"`, `provider = "…"` | of `#[llm]`: where arguments and answer do not say |
//! | `role = "…"`, `model = "…"` | of `#[agent]`: what it is there for; the model that it speaks to |
//! | `operation_type = "…"` | of `#[operation]`, `#[instrument]` and `#[task]`; else `function` |
//! | `spec = "input"`, `spec = "output"` | of `#[guardrail]`: the side that it checks |
//!
//! # What is recorded of a value
//!
//! Nothing is asked of a type. The first that it has is used: [`Capture`](trait@Capture), `Serialize`, `Debug`, its
//! name. In a generic function that follows from the bounds in scope. A value that fails or panics while it is captured
//! costs that value, never the call. [`opaque!`] takes a type out, also in options, lists, maps and tuples of it, but not
//! in types of yours that hold it: what these say is up to their own `Serialize` or `Debug`. Types that derive
//! [`Capture`][derive-capture] capture their fields in the same way, one by one: there a type that was taken out stays
//! out.
//!
//! Secrets that are known by their name or their form are replaced by `[redacted]` before anything leaves the process:
//! see [`Builder`](Builder#what-is-redacted).
//!
//! An error's code, by which errors are grouped, is what its [`ErrorCode`] says, else the kind of an `io::Error` among
//! its causes, else an HTTP status that it shows, else the leading word of its `Debug`, else its type's name.
//!
//! # Starting, and by hand
//!
//! [`init`] or [`builder`] start recording where [`#[main]`][main] does not suit; keep the [`Guard`]. Before that,
//! and where recording is off, everything here does nothing, at the price of one load and a branch.
//!
//! ```
//! use agentops::{EndState, SpanKind, export::Memory};
//!
//! let memory = Memory::new();
//! let guard = agentops::builder().exporter(memory.clone()).init()?;
//!
//! let session = agentops::start_session("nightly").tag("batch").user("ann");
//! session.in_scope(|| {
//!     let span = agentops::span("fetch").kind(SpanKind::Tool).start();
//!     agentops::current_span().set_attribute("attempt", 1);
//!     span.end_with("42 rows");
//! });
//! session.end(EndState::Success);
//!
//! agentops::flush(std::time::Duration::from_secs(1));
//! assert!(memory.traces()[0].to_string().contains("fetch"));
//! # drop(guard);
//! # Ok::<(), agentops::Error>(())
//! ```
//!
//! A span by hand is current on its thread until its guard is dropped; [`SpanBuilder::in_scope`] runs a closure in it,
//! [`SpanBuilder::instrument`] a future, and [`SpanBuilder::start_detached`] gives a handle that goes anywhere. Context
//! follows calls and awaited futures. What is given to an executor, a thread or a pool starts outside, unless it takes
//! its place along: by [`in_current_span()`](InCurrentSpan::in_current_span) on a future, by [`spawn`] for a thread, by
//! the function [`in_current_span`] for a closure.
//!
//! Who knows AgentOps' Python SDK finds [`start_trace`], [`end_trace`], [`end_all_traces`] and
//! [`update_trace_metadata`]; what differs stands at [`start_trace`].
//!
//! A program that leaves by `std::process::exit` runs no destructors: [`flush`] before it keeps what was recorded, and
//! [`Guard::end`] ends its session. What is still open then is shown as lost, for `process ended`.
//!
//! # Logs
//!
//! [`current_span`]`().log(…)` logs in the span around it. With the feature `tracing`, [`layer`] makes logs of the events
//! of `tracing` and the records of `log`, beside the layers that a program has already. A program that has none may ask
//! for one; without that nothing global is ever installed.
//!
#![cfg_attr(feature = "tracing", doc = "```")]
#![cfg_attr(not(feature = "tracing"), doc = "```ignore")]
//! let guard = agentops::builder().install_tracing().init()?;
//! # drop(guard);
//! # Ok::<(), agentops::Error>(())
//! ```
//!
//! Where recorded data is kept, how it is deleted, and every option with its environment variable stand in the README.
//!
//! # Features
//!
//! - `macros` (default): the attributes.
//! - `enable` (default): attributes record. Without it they give their items back untouched, and derives implement their
//!   traits all the same; the switch is the application's, never a library's.
//! - `tracing` (default): events of `tracing` and records of `log` become logs of the innermost span, and spans of
//!   `tracing` that say what they are become spans, where [`layer`] is added to a subscriber or
//!   `builder().install_tracing()` asks for it.
//! - `pricing`: prices model calls in the program itself. The `agentops` command always does.
//! - `signals`: SIGINT and SIGTERM end the sessions that are open before the program dies of them, in
//!   [`#[main]`][main] and where `builder().handle_signals(true)` asks for it. Unix only.
//!
// What a feature adds is linked to where the feature is on, and to the features elsewhere.
#![cfg_attr(
    feature = "macros",
    doc = "
[main]: macro@main
[session]: macro@session
[trace]: macro@trace
[agent]: macro@agent
[workflow]: macro@workflow
[operation]: macro@operation
[task]: macro@task
[tool]: macro@tool
[llm]: macro@llm
[guardrail]: macro@guardrail
[instrument]: macro@instrument
[skip]: macro@skip
[derive-agent]: derive@Agent
[derive-capture]: derive@Capture
[guide-attributes]: crate::guide::attributes
[guide-arguments]: crate::guide::attributes#arguments
[guide-tracing]: crate::guide::coming_from_tracing
"
)]
#![cfg_attr(
    not(feature = "macros"),
    doc = "
[main]: #features
[session]: #features
[trace]: #features
[agent]: #features
[workflow]: #features
[operation]: #features
[task]: #features
[tool]: #features
[llm]: #features
[guardrail]: #features
[instrument]: #features
[skip]: #features
[derive-agent]: #features
[derive-capture]: #features
[guide-attributes]: #features
[guide-arguments]: #features
[guide-tracing]: #features
"
)]
#![cfg_attr(not(feature = "tracing"), doc = "\n[`layer`]: #features")]

// Everything public, in the order of use.

pub use agentops_core::{Builder, Error, Guard, Overflow, builder, flush, init};

pub use agentops_core::{
    CurrentSession, CurrentSpan, DetachedSpan, EndState, Level, ManualSpan, Session, SpanBuilder,
    SpanContext, SpanKind, current_session, current_span, span, start_session,
};

pub use agentops_core::{
    GivesObserved, Observe, ObservePlain, ObservedFuture, ObservedStream, OpensObserved,
};

pub use agentops_core::{Attempts, Exchange};

pub use agentops_core::{InCurrentSpan, each_in_current_span, in_current_span, spawn};

pub use agentops_core::{
    TraceContext, end_all_traces, end_session, end_trace, start_trace, update_trace_metadata,
};

pub use agentops_core::{Agent, AgentId, Capture, ErrorCode, Redact, Sink, opaque};

/// Says who an agent is, from its fields: implements [`Agent`](trait@crate::Agent) for a struct, and adds nothing to
/// it.
///
/// [`#[agent]`](macro@crate::agent) on the methods then asks the struct. It may stand on the struct in the derive's
/// place, `#[agent(name = "reviewer")] struct Reviewer { … }`, and says the same.
///
/// ```
/// use agentops::{Agent, AgentId, agent, testing::capture};
///
/// #[derive(Agent)]
/// #[agentops(name = "reviewer", model = "gpt-4o-mini")]
/// struct Reviewer {
///     #[agentops(id)]
///     id: AgentId,
///     #[agentops(role)]
///     looks_at: &'static str,
///     #[agentops(state, redact)]
///     key: String,
///     #[agentops(state)]
///     seen: u8,
/// }
///
/// #[agent]
/// impl Reviewer {
///     fn review(&mut self, text: &str) -> bool {
///         self.seen += 1;
///         text.len() > self.key.len()
///     }
/// }
///
/// let mut reviewer =
///     Reviewer { id: AgentId::new(), looks_at: "style", key: "sk-1".into(), seen: 0 };
/// let trace = capture(|| reviewer.review("a text"));
/// assert_eq!(
///     trace.to_string(),
///     r#"AGENT reviewer agentops.agent.state={"key":"[redacted]","seen":0}
///   OPERATION review {"text":"a text"} -> true
/// "#
/// );
/// let agent = trace.span("review").agent.as_ref().expect("it is an agent's");
/// assert_eq!((&*agent.id, agent.role.as_deref()), (&*reviewer.id.to_string(), Some("style")));
/// ```
///
/// | `#[agentops(…)]` on the struct | |
/// |---|---|
/// | `name = "…"`, `role = "…"`, `model = "…"` | constant text: what holds for all of its values |
/// | `bounds(T: Debug)` | bounds for the impl, beside those of the struct |
/// | `crate = path` | where this crate is, if not at `::agentops` |
///
/// | on a field | |
/// |---|---|
/// | `id` | tells this value from others: an [`AgentId`], or anything that reads as text |
/// | `name`, `role`, `model` | says it for this value: `AsRef<str>` or `Display`, or an `Option` of that |
/// | `state` | is recorded whenever a call enters the agent |
/// | `state, redact` | shows as `[redacted]` there |
///
/// A field comes before what the struct says of all, and that before what the attribute of the methods says. Without a
/// name anywhere it is the type's.
///
/// # How to tell two instances apart
///
/// Two values of one type and name are one agent in a trace, unless they have ids. An [`AgentId`] is new whenever it is
/// made, also by `Default`, and so under serde's `#[serde(skip)]`.
///
/// ```
/// use agentops::{Agent, AgentId, agent, testing::capture};
///
/// #[derive(Agent, Default)]
/// struct Researcher {
///     #[agentops(id)]
///     id: AgentId,
///     topic: String,
/// }
///
/// #[agent]
/// impl Researcher {
///     fn search(&self) -> usize {
///         self.topic.len()
///     }
/// }
///
/// let on = |topic: &str| Researcher { topic: topic.into(), ..Default::default() };
/// let (rust, zig) = (on("rust"), on("zig"));
/// let trace = capture(|| rust.search() + zig.search() + rust.search());
///
/// let agents = trace.spans.iter().filter_map(|span| span.agent.as_ref());
/// let ids: Vec<&str> = agents.map(|agent| &*agent.id).collect();
/// let (rust, zig) = (&*rust.id.to_string(), &*zig.id.to_string());
/// assert_eq!(ids, [rust, rust, zig, zig, rust, rust]);
/// ```
///
/// An id of your own will do as well: a number, a `Uuid`, a user's name. Text becomes the same [`AgentId`] wherever it
/// is the same, in this and in other runs, for values of one type; text that is an `AgentId` is that id.
///
/// A clone has the id of its original, and is the same agent: most clones are handles to one thing. One that is to be
/// an agent of its own gets a new id: `Researcher { id: AgentId::new(), ..rust.clone() }`.
///
/// # State
///
/// Fields marked as `state` are captured as arguments are, and become one attribute of the AGENT span,
/// `agentops.agent.state`. They are not looked at where nothing records, or where
/// [`capture_content`](crate::Builder::capture_content) is off, and redacted like anything else.
///
/// # What it cannot do
///
/// It needs a struct; for an enum implement [`Agent`](trait@crate::Agent) by hand. In a generic struct a field of type
/// `T` can say what the bounds of `T` promise; `bounds(…)` adds some.
#[cfg(feature = "macros")]
pub use agentops_macros::Agent;

/// Records values of a type field by field: implements [`Capture`](trait@crate::Capture).
///
/// Each field is captured as an argument would be: by its own `Capture`, else by `Serialize`, `Debug` or its type's
/// name. Nothing is asked of the types of fields, and a field whose type [`opaque!`] took out stays closed, which a
/// derived `Serialize` would open. The shape is the one that serde gives: an object for named fields, the value itself
/// for a single unnamed one, else a list; variants of an enum stand under their names.
///
/// ```
/// use agentops::{Capture, testing::capture, tool};
///
/// #[derive(Capture)]
/// struct Account {
///     name: String,
///     #[agentops(redact)]
///     pin: u16,
///     #[agentops(skip)]
///     avatar: Vec<u8>,
///     plan: Plan,
/// }
///
/// #[derive(Capture)]
/// enum Plan {
///     Free,
///     Paid { cents: u64 },
/// }
///
/// #[tool]
/// fn charge(account: &Account) {
///     // …
/// # let _ = account;
/// }
///
/// let account = |plan| Account { name: "ann".into(), pin: 1234, avatar: vec![0; 4096], plan };
/// let trace = capture(|| {
///     charge(&account(Plan::Free));
///     charge(&account(Plan::Paid { cents: 900 }));
/// });
/// assert_eq!(
///     trace.to_string(),
///     r#"TOOL charge {"account":{"name":"ann","pin":"[redacted]","plan":"Free"}}
/// TOOL charge {"account":{"name":"ann","pin":"[redacted]","plan":{"Paid":{"cents":900}}}}
/// "#
/// );
/// ```
///
/// | `#[agentops(…)]` | |
/// |---|---|
/// | `skip` | on a field: leaves it out; on a variant: only its name is recorded |
/// | `redact` | on a field or a variant: records `[redacted]` in its place, and does not look at it; on the type: of all of it |
/// | `bounds(T: Debug)` | on the type: bounds for the impl, beside those of the type |
/// | `crate = path` | on the type: where this crate is, if not at `::agentops` |
///
/// # In generic types
///
/// A derive adds no bounds. Of a field of type `T` is known what the bounds of `T` promise, and without any that is its
/// name; `bounds` asks for more:
///
/// ```
/// use std::fmt::Debug;
/// use agentops::{Capture, testing::capture, tool};
///
/// #[derive(Capture)]
/// #[agentops(bounds(T: Debug))]
/// struct Page<T> {
///     items: Vec<T>,
/// }
///
/// #[tool]
/// fn print(_page: &Page<char>) {}
///
/// let trace = capture(|| print(&Page { items: vec!['a'] }));
/// assert_eq!(trace.to_string(), r#"TOOL print {"_page":{"items":"['a']"}}"#.to_owned() + "\n");
/// ```
///
/// Values that need themselves, or that are very large or deep, are cut as others are; a field that panics while it is
/// captured costs that field.
#[cfg(feature = "macros")]
pub use agentops_macros::Capture;

#[cfg(feature = "tracing")]
pub use agentops_core::{layer, layer_with};

/// The traits whose methods are wanted everywhere: `use agentops::prelude::*`.
pub mod prelude {
    pub use agentops_core::{InCurrentSpan, Observe, ObservePlain};
}

pub use agentops_core::{export, model};

#[cfg(all(doc, not(doctest), feature = "macros"))]
pub mod guide;

/// What code records, for tests to assert on.
///
/// A capture needs no [`init`], writes nothing anywhere, and has in it what ran in its closure, whatever other tests do
/// at the same time.
///
/// ```
/// use agentops::testing::capture;
///
/// #[agentops::tool]
/// fn count_words(text: &str) -> usize {
///     text.split_whitespace().count()
/// }
///
/// #[agentops::agent]
/// fn librarian(text: &str) -> Result<String, std::num::TryFromIntError> {
///     agentops::current_span().set_attribute("shelf", 7);
///     let words = u8::try_from(count_words(text))?;
///     Ok(format!("{words} words"))
/// }
///
/// let trace = capture(|| librarian("as you were"));
/// assert_eq!(
///     trace.to_string(),
///     r#"AGENT librarian {"text":"as you were"} -> "3 words" shelf=7
///   TOOL count_words {"text":"as you were"} -> 3
/// "#
/// );
/// // Without the values:
/// assert_eq!(trace.outline(), "AGENT librarian\n  TOOL count_words\n");
/// // One by one:
/// assert_eq!(trace.span("count_words").output, Some(3.into()));
///
/// let trace = capture(|| librarian(&"word ".repeat(1000)));
/// let error = trace.span("librarian").error.as_ref().expect("there are too many");
/// assert_eq!(error.code, "TryFromIntError");
/// ```
///
/// Futures are captured where they are awaited. Threads and tasks that go their own way need their place taken along
/// ([`InCurrentSpan`], [`SpanContext::in_scope`]): what they record without it belongs to no capture. Events of `tracing`
/// are in it where the test has a subscriber with the feature's `layer()`: a capture installs none.
///
/// ```
/// # fn block_on<F: Future>(work: F) -> F::Output {
/// #     let mut work = std::pin::pin!(work);
/// #     let mut task = std::task::Context::from_waker(std::task::Waker::noop());
/// #     loop {
/// #         if let std::task::Poll::Ready(output) = work.as_mut().poll(&mut task) {
/// #             return output;
/// #         }
/// #     }
/// # }
/// use agentops::testing::capture_with_async;
///
/// #[agentops::session]
/// async fn answer(question: &str) -> usize {
///     look_up(question).await
/// }
///
/// #[agentops::tool]
/// async fn look_up(word: &str) -> usize {
///     word.len()
/// }
///
/// # block_on(async {
/// let (answer, trace) = capture_with_async(answer("why")).await;
/// assert_eq!(answer, 3);
/// assert_eq!(trace.session.facts.name, "answer");
/// assert_eq!(trace.outline(), "SESSION answer\n  TOOL look_up\n");
/// # });
/// ```
///
/// Without the feature `enable`, attributes record nothing: such a trace has no spans. What was made by hand
/// ([`span`], [`start_session`]) is in it all the same.
pub use agentops_core::testing;

/// Records the program as one session: on `fn main`.
///
/// Starts recording as [`init`] does, names the automatic session, ends it with what `main` returns, and flushes.
/// `Err`, an `ExitCode` other than `SUCCESS` and a panic end it as [`Error`](crate::EndState::Error), with the reason.
/// On a terminal one line on standard error says what was recorded. A program that cannot be recorded says why, and
/// runs all the same.
///
/// ```
/// #[agentops::main(name = "nightly", tags = ["batch"])]
/// fn main() -> Result<(), std::io::Error> {
///     Ok(())
/// }
/// ```
///
/// It takes `name` (else the crate's name), `tags`, which are the session's, and `crate = path`; what else a session
/// has is said while it runs, by [`current_session`]. Beside an async runtime's own attribute it may stand above or
/// below it: `#[agentops::main] #[tokio::main] async fn main()`. In a program whose `main` is somebody else's, and in
/// tests, keep the [`Guard`] of [`init`], or use [`testing`].
#[cfg(feature = "macros")]
pub use agentops_macros::main;

/// Opens a session for every call: a trace of its own, for a request or a job.
///
/// Input and output are those of the session's own span, a SESSION. A returned `Err` ends the session as
/// [`Error`](crate::EndState::Error), and so does a panic; else it is a [`Success`](crate::EndState::Success). Any
/// number may be open at once. Within another session it is a session of its own, linked to the one around it.
///
/// ```
/// use agentops::{EndState, testing::capture};
///
/// #[agentops::session(name = "answer", tags = ["demo"])]
/// fn answer(question: &str) -> Result<String, String> {
///     agentops::current_session().attribute("length", question.len());
///     if question.is_empty() { Err("nothing was asked".into()) } else { Ok(shout(question)) }
/// }
///
/// #[agentops::tool]
/// fn shout(text: &str) -> String {
///     text.to_uppercase()
/// }
///
/// let trace = capture(|| answer("why?"));
/// assert_eq!(
///     trace.to_string(),
///     r#"SESSION answer {"question":"why?"} -> "WHY?"
///   TOOL shout {"text":"why?"} -> "WHY?"
/// "#
/// );
/// let facts = &trace.session.facts;
/// assert_eq!((&*facts.tags, &facts.attributes["length"]), (&["demo".to_owned()][..], &4.into()));
/// assert_eq!(facts.end_state, Some(EndState::Success));
///
/// let trace = capture(|| answer(""));
/// assert_eq!(trace.session.facts.end_state_reason.as_deref(), Some("nothing was asked"));
/// ```
///
/// `name` and `tags` are the session's. On `fn main` it would start before recording does: there use
/// [`#[main]`](macro@crate::main).
///
/// Arguments that all kinds take, where it may stand, and what it cannot do: [attributes](crate::guide::attributes).
#[cfg(feature = "macros")]
pub use agentops_macros::session;

/// The same as [`#[session]`](macro@crate::session), as AgentOps spells it.
#[cfg(feature = "macros")]
pub use agentops_macros::trace;

/// Records calls as an agent's: what happens within is attributed to it.
///
/// | on | |
/// |---|---|
/// | an `impl` block, of a type or of a trait for it | a call that enters the agent from outside gets an AGENT span around it, calls between its own methods get none; each method with a receiver is an operation, or what its own attribute says |
/// | a function or method | the call is the AGENT span, with input, output and error |
/// | a struct | says who the agent is, as [`#[derive(Agent)]`](derive@crate::Agent) does |
/// | an inline module | each type that has methods in it is an agent; free functions are operations of whichever agent calls them |
///
/// ```
/// use agentops::{agent, testing::capture, tool};
///
/// struct Writer;
///
/// #[agent(name = "writer", role = "writes the answer", model = "gpt-4o-mini")]
/// impl Writer {
///     fn write(&self, notes: &[&str]) -> String {
///         self.join(notes)
///     }
///
///     #[tool]
///     fn join(&self, notes: &[&str]) -> String {
///         notes.join(" ")
///     }
/// }
///
/// #[agent]
/// fn reviewer(text: &str) -> bool {
///     !text.is_empty()
/// }
///
/// let trace = capture(|| reviewer(&Writer.write(&["a", "b"])));
/// assert_eq!(
///     trace.to_string(),
///     r#"AGENT writer
///   OPERATION write {"notes":["a","b"]} -> "a b"
///     TOOL join {"notes":["a","b"]} -> "a b"
/// AGENT reviewer {"text":"a b"} -> true
/// "#
/// );
/// let agent = trace.span("join").agent.as_ref().expect("it is an agent's");
/// assert_eq!((&*agent.name, agent.role.as_deref()), ("writer", Some("writes the answer")));
/// ```
///
/// # Its own arguments
///
/// | argument | does |
/// |---|---|
/// | `name = "…"` | the agent's name; else the type's, of a function the function's |
/// | `role = "…"` | what it is there for |
/// | `model = "…"` | the model that it speaks to |
///
/// They may be any constant text. An agent whose values differ says who each is: by
/// [`#[derive(Agent)]`](derive@crate::Agent#how-to-tell-two-instances-apart), or by [`Agent`](trait@crate::Agent) by
/// hand. Without that two values of one type are one agent in a trace.
///
/// In an `impl` block functions without a receiver are left alone, `new` for one, unless they have an attribute of
/// their own.
///
/// Arguments that all kinds take, where it may stand, and what it cannot do: [attributes](crate::guide::attributes).
#[cfg(feature = "macros")]
pub use agentops_macros::agent;

/// Records calls as a group of operations: a WORKFLOW. As [`#[operation]`](macro@crate::operation), with a kind of its
/// own.
///
/// ```
/// use agentops::{testing::capture, task, workflow};
///
/// #[workflow]
/// fn publish(pages: &[&str]) -> usize {
///     pages.iter().map(|page| print(page)).sum()
/// }
///
/// #[task]
/// fn print(page: &str) -> usize {
///     page.len()
/// }
///
/// let trace = capture(|| publish(&["one", "three"]));
/// assert_eq!(trace.outline(), "WORKFLOW publish\n  TASK print\n  TASK print\n");
/// ```
///
/// Arguments that all kinds take, where it may stand, and what it cannot do: [attributes](crate::guide::attributes).
#[cfg(feature = "macros")]
pub use agentops_macros::workflow;

/// Records calls as a piece of work: an OPERATION.
///
/// ```
/// use agentops::{operation, testing::capture};
///
/// #[operation(skip(key), attributes(pages = pages.len()), returns(words = |text| text.len()))]
/// fn summarise(pages: &[&str], key: &str) -> Result<String, String> {
///     if key.is_empty() { Err("no key".into()) } else { Ok(pages.join(" ")) }
/// }
///
/// let trace = capture(|| (summarise(&["a", "b"], "key"), summarise(&[], "")));
/// assert_eq!(
///     trace.to_string(),
///     r#"OPERATION summarise {"pages":["a","b"]} -> "a b" pages=2 words=3
/// OPERATION summarise {"pages":[]} pages=0 ! String: no key
/// "#
/// );
/// ```
///
/// # Its own arguments
///
/// `operation_type = "…"` says what sort of work it is; else it is `function`.
///
/// ```
/// #[agentops::operation(operation_type = "retrieval")]
/// fn fetch() {}
///
/// let trace = agentops::testing::capture(fetch);
/// assert_eq!(trace.span("fetch").operation_type.as_deref(), Some("retrieval"));
/// ```
///
/// Arguments that all kinds take, where it may stand, and what it cannot do: [attributes](crate::guide::attributes).
#[cfg(feature = "macros")]
pub use agentops_macros::operation;

/// The same as [`#[operation]`](macro@crate::operation), `operation_type` included; the span keeps this word, and is a
/// TASK.
#[cfg(feature = "macros")]
pub use agentops_macros::task;

/// Records calls as uses of a tool: a TOOL with its parameters, its result, and whether it failed.
///
/// ```
/// use agentops::{testing::capture, tool};
///
/// #[tool(cost = 0.01, description = "repeats a text")]
/// fn shout(text: &str, mut times: usize) -> Result<String, String> {
///     times += 1;
///     if times > 3 { Err("too loud".into()) } else { Ok(text.repeat(times)) }
/// }
///
/// let trace = capture(|| (shout("a", 1), shout("b", 9)));
/// assert_eq!(
///     trace.to_string(),
///     r#"TOOL shout {"text":"a","times":1} -> "aa"
/// TOOL shout {"text":"b","times":9} ! String: too loud
/// "#
/// );
/// let tool = trace.spans[0].tool.as_ref().expect("it is one");
/// assert_eq!(tool.description.as_deref(), Some("repeats a text"));
/// assert_eq!(tool.cost, Some(10_000_000)); // billionths of a USD
/// ```
///
/// What it becomes is shown in [expansion](crate::guide::expansion).
///
/// # Its own arguments
///
/// | argument | does |
/// |---|---|
/// | `cost = 0.01` | what each call costs, in USD; it counts in the session's cost. A number, or a constant `f64` |
/// | `description = "…"` | what it does, as a model is told |
///
/// Arguments that all kinds take, where it may stand, and what it cannot do: [attributes](crate::guide::attributes).
#[cfg(feature = "macros")]
pub use agentops_macros::tool;

/// Records calls as calls of a model: an LLM with messages, answers, tool calls, parameters, tokens and cost.
///
/// Arguments and return value may be of any types that implement `Serialize`. Where they have the shape of OpenAI's
/// chat completions, on their own or inside another value, all of that is found in them. A `prompt` that goes in and
/// text that comes out are recognised too. A call whose price or whose tokens are not known is unpriced, never free.
///
/// ```
/// use agentops::{llm, testing::capture};
///
/// #[llm(model = "gpt-4o-mini", provider = "openai")]
/// fn ask(prompt: &str) -> String {
///     format!("You said: {prompt}") // Your model's client is called here.
/// }
///
/// let trace = capture(|| ask("hello"));
/// assert_eq!(
///     trace.to_string(),
///     "LLM ask · gpt-4o-mini {\"prompt\":\"hello\"} -> \"You said: hello\"\n"
/// );
/// let call = trace.span("ask").llm.as_ref().expect("it is one");
/// assert_eq!(call.provider.as_deref(), Some("openai"));
/// ```
///
/// A function that returns a stream of pieces is recorded until the stream has ended, and what the pieces say is put
/// together: text, tool calls, usage, and how soon the first came. See
/// [streams](crate::guide::attributes#functions-that-return-futures-streams-and-iterators).
///
/// ```
/// use agentops::{llm, model::llm::Part, testing::capture};
///
/// #[llm(model = "gpt-4o-mini")]
/// fn pieces(prompt: &str) -> impl Iterator<Item = &'static str> {
///     ["Hel", "lo"].into_iter() // Of a client's stream these are chunks.
/// }
///
/// let trace = capture(|| pieces("greet me").for_each(drop));
/// let call = trace.span("pieces").llm.as_ref().expect("it is one");
/// assert!(call.streaming && call.time_to_first_token.is_some());
/// assert_eq!(call.completions[0].content, [Part::Text("Hello".into())]);
/// ```
///
/// What is not recognised can be said by hand: [`CurrentSpan::record_llm`]. Calls that have no function of their own are
/// recorded by [`.observe()`](Observe).
///
/// # Its own arguments
///
/// `model = "…"` and `provider = "…"`, for what the call itself does not say: what is found in arguments and answer
/// comes first.
///
/// Arguments that all kinds take, where it may stand, and what it cannot do: [attributes](crate::guide::attributes).
#[cfg(feature = "macros")]
pub use agentops_macros::llm;

/// Records calls as checks of what goes in or comes out: a GUARDRAIL. One that fails has triggered.
///
/// ```
/// use agentops::{guardrail, testing::capture};
///
/// #[guardrail(spec = "input")]
/// fn is_question(text: &str) -> Result<(), String> {
///     if text.ends_with('?') { Ok(()) } else { Err("not a question".into()) }
/// }
///
/// let trace = capture(|| (is_question("why?"), is_question("no")));
/// let check = |at: usize| trace.spans[at].guardrail.as_ref().expect("it is one");
/// assert_eq!((check(0).triggered, check(1).triggered), (Some(false), Some(true)));
/// assert_eq!(check(0).spec.as_deref(), Some("input"));
/// ```
///
/// A function that answers with a `bool` never fails: return `Err` where the check has found something.
///
/// # Its own arguments
///
/// `spec = "input"` or `spec = "output"`: the side that it checks.
///
/// Arguments that all kinds take, where it may stand, and what it cannot do: [attributes](crate::guide::attributes).
#[cfg(feature = "macros")]
pub use agentops_macros::guardrail;

/// Records the functions of an inline module as operations; on any other item it is
/// [`#[operation]`](macro@crate::operation).
///
/// ```
/// #[agentops::instrument(skip(key), level = "debug")]
/// mod web {
///     pub fn fetch(url: &str, key: &str) -> String {
///         let path = shorten(url);
///         format!("{path}?{key}")
///     }
///
///     // Goes by its own attribute.
///     #[agentops::tool(name = "look up")]
///     pub fn search(words: &str) -> usize {
///         words.len()
///     }
///
///     #[agentops::skip]
///     fn shorten(url: &str) -> &str {
///         url.trim_start_matches("https://")
///     }
///
///     pub struct Page(String);
///
///     impl Page {
///         pub fn new(url: &str) -> Page {
///             Page(fetch(url, "key"))
///         }
///     }
///
///     // A trait of the standard library: left alone.
///     impl std::fmt::Display for Page {
///         fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
///             f.write_str(&self.0)
///         }
///     }
/// }
///
/// let trace = agentops::testing::capture(|| {
///     web::search("rust");
///     web::Page::new("https://a").to_string()
/// });
/// assert_eq!(trace.outline(), "TOOL look up\nOPERATION new\n  OPERATION fetch\n");
/// ```
///
/// Every kind may stand on a module in the same way: `#[agentops::tool] mod tools { … }`. See [where an attribute may
/// stand](crate::guide::attributes#where-an-attribute-may-stand) for what is reached there. Who knows `tracing`'s
/// attribute of this name finds its arguments at [coming from `tracing`](crate::guide::coming_from_tracing).
///
/// It takes `operation_type`, and what all kinds take: [attributes](crate::guide::attributes#arguments).
#[cfg(feature = "macros")]
pub use agentops_macros::instrument;

/// Leaves an item of an annotated block or module alone: a function, a method, an `impl` block, a module. It takes no
/// arguments, and does nothing elsewhere.
///
/// ```
/// use agentops::testing::capture;
///
/// struct Reader;
///
/// #[agentops::agent]
/// impl Reader {
///     fn read(&self) -> usize {
///         self.hot_loop()
///     }
///
///     #[agentops::skip]
///     fn hot_loop(&self) -> usize {
///         7
///     }
/// }
///
/// let trace = capture(|| Reader.read());
/// assert_eq!(trace.to_string(), "AGENT Reader\n  OPERATION read -> 7\n");
/// ```
///
/// To leave an *argument* out is
/// [`skip(…)`](crate::guide::attributes#skip-skip_all-capture-capture_args-capture_return) of the other attributes; a
/// field, `#[agentops(skip)]` of [`#[derive(Capture)]`](derive@crate::Capture).
#[cfg(feature = "macros")]
pub use agentops_macros::skip;

/// For generated code, and no part of the public interface: it changes with the macros, in any release.
#[doc(hidden)]
pub use agentops_core::__private;
