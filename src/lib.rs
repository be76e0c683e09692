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
//! | [`#[main]`](macro@main) | on `fn main`: starts recording, gives the program a session, flushes at the end |
//! | [`#[session]`](macro@session) | opens a session for each call; [`#[trace]`](macro@trace) is the same |
//! | [`#[agent]`](macro@agent) | calls that enter an agent; on a struct as [`#[derive(Agent)]`](derive@Agent): who it is |
//! | [`#[workflow]`](macro@workflow) | a group of operations |
//! | [`#[operation]`](macro@operation) | a piece of work; [`#[task]`](macro@task) is the same under its own word |
//! | [`#[tool]`](macro@tool) | the use of a tool |
//! | [`#[llm]`](macro@llm) | a call of a model: messages, answers, tokens and cost are recognised |
//! | [`#[guardrail]`](macro@guardrail) | a check of what goes in or comes out |
//! | [`#[instrument]`](macro@instrument) | the functions of a module as operations, by its path: `#[agentops::instrument]` |
//! | [`#[skip]`](macro@skip) | leaves an item of an annotated block or module alone |
//!
//! # Blocks and modules
//!
//! On an `impl` block, also of a trait, an attribute speaks of each method; on an inline module, of each function and of
//! the methods of each `impl` block in it, however deep. Left alone are what [`#[agentops::skip]`](macro@skip) is on,
//! `const fn`, functions without a receiver in an `#[agent] impl`, what macros write, and default methods of traits. In
//! a module, so are impls of the standard library's traits and serde's, told by the trait's last word (`Display`, `From`,
//! `Iterator`, `Future`, `Add`, …), tests, and modules under `#[cfg(test)]`.
//!
//! An item with an attribute of its own goes by that one, also where it would be left alone; only a `const fn` can have
//! none. In a module a name that is imported from another crate, as by `use rmcp::tool;`, is not ours, and
//! `#[agentops::tool]` is. For all other items holds what the block's attribute says. It takes every argument that makes
//! sense for more than one item, and `skip(a)` speaks of those that have an `a`.
//!
//! Beside `#[async_trait]` the order is free. Inside an annotated item a bare `#[instrument]` is taken for `tracing`'s,
//! and is kept. A module in a file of its own (`mod m;`) is nothing that the compiler shows to an attribute.
//!
//! | derive | on a type |
//! |---|---|
//! | [`#[derive(Agent)]`](derive@Agent) | the agent's id, name, role, model and state are in its fields |
//! | [`#[derive(Capture)]`](derive@Capture) | how its values are recorded: field by field, some left out, some hidden |
//!
//! # Arguments of attributes
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
//! costs that value, never the call. [`opaque!`] takes a type out, also in options, lists, maps and tuples of it, but
//! not in types of yours that hold it: what these say is up to their own `Serialize` or `Debug`. Types that derive
//! [`Capture`](derive@Capture) capture their fields in the same way, one by one: there a type that was taken out stays
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
//! [`init`] or [`builder`] start recording where [`#[main]`](macro@main) does not suit; keep the [`Guard`]. Before that,
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
//! - `tracing` (default): events of `tracing` and records of `log` become logs of the innermost span, where [`layer`] is
//!   added to a subscriber or `builder().install_tracing()` asks for it.
//! - `pricing`: prices model calls in the program itself. The `agentops` command always does.
//! - `signals`: SIGINT and SIGTERM end the sessions that are open before the program dies of them, in
//!   [`#[main]`](macro@main) and where `builder().handle_signals(true)` asks for it. Unix only.

// Everything public, in the order of use.

pub use agentops_core::{Builder, Error, Guard, Overflow, builder, flush, init};

pub use agentops_core::{
    CurrentSession, CurrentSpan, DetachedSpan, EndState, Level, ManualSpan, Session, SpanBuilder,
    SpanContext, SpanKind, current_session, current_span, span, start_session,
};

pub use agentops_core::{InCurrentSpan, each_in_current_span, in_current_span, spawn};

pub use agentops_core::{
    TraceContext, end_all_traces, end_session, end_trace, start_trace, update_trace_metadata,
};

pub use agentops_core::{Agent, AgentId, Capture, ErrorCode, Redact, Sink, opaque};

/// Says who an agent is, from its fields: implements [`Agent`](trait@crate::Agent) for a struct, and adds nothing to
/// it.
///
/// [`#[agent]`](macro@crate::agent) on the methods then asks the struct. What is said of it stands in `#[agentops(…)]`:
///
/// | on the struct | |
/// |---|---|
/// | `name = "…"`, `role = "…"`, `model = "…"` | text, or a path to a constant: what holds for all of its values |
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
/// made; it takes part in `Default`, and in serde's `#[serde(skip)]` by that.
///
/// ```
/// use agentops::{Agent, AgentId, agent, testing::capture};
///
/// #[derive(Agent, Default)]
/// struct Researcher {
///     #[agentops(id)]
///     id: AgentId,
///     #[agentops(state)]
///     topic: String,
/// }
///
/// #[agent(role = "finds sources")]
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
/// let calls: Vec<_> = trace.spans.iter().filter_map(|span| span.agent.as_ref()).collect();
/// assert_eq!(calls[0].id, rust.id.to_string());
/// assert_eq!(calls[2].id, zig.id.to_string());
/// assert_eq!(
///     trace.to_string(),
///     r#"AGENT Researcher agentops.agent.state={"topic":"rust"}
///   OPERATION search -> 4
/// AGENT Researcher agentops.agent.state={"topic":"zig"}
///   OPERATION search -> 3
/// AGENT Researcher agentops.agent.state={"topic":"rust"}
///   OPERATION search -> 4
/// "#
/// );
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
/// `T` can say what the bounds of `T` promise.
#[cfg(feature = "macros")]
pub use agentops_macros::Agent;

/// Records values of a type field by field: implements [`Capture`](trait@crate::Capture).
///
/// Each field is captured as an argument would be: by its own `Capture`, else by `Serialize`, `Debug` or its type's
/// name. Nothing is asked of the types of fields, and a field whose type [`opaque!`] took out stays closed, which a
/// derived `Serialize` would open. The shape is the one that serde gives: an object for named fields, the value itself
/// for a single unnamed one, else a list; variants of an enum stand under their names.
///
/// `#[agentops(…)]` takes, on a field or a variant:
///
/// | | |
/// |---|---|
/// | `skip` | leaves the field out; of a variant only its name is recorded |
/// | `redact` | records `[redacted]` in its place, and does not look at it |
///
/// and on the type `redact` for all of it, `bounds(T: Debug)` and `crate = path`.
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
/// # In generic types
///
/// A derive adds no bounds. Of a field of type `T` is known what the bounds of `T` promise, and without any that is its
/// name; `bounds` asks for more:
///
/// ```
/// use std::fmt::Debug;
/// use agentops::Capture;
///
/// #[derive(Capture)]
/// #[agentops(bounds(T: Debug))]
/// struct Page<T> {
///     items: Vec<T>,
/// }
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
    pub use agentops_core::InCurrentSpan;
}

pub use agentops_core::{export, model};

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
/// Starts recording as [`init`] does, names the automatic session, ends it with what `main` returns, and
/// flushes. `Err` ends it as [`Error`](crate::EndState::Error) with the error as its reason, and so does a panic. On a
/// terminal one line on standard error says what was recorded. A program that cannot be recorded runs all the same.
///
/// Takes `name` (else the crate's name), `tags` and `crate`. Beside an async runtime's own attribute it may stand above
/// or below it.
///
/// ```
/// #[agentops::main(name = "nightly", tags = ["batch"])]
/// fn main() -> Result<(), std::io::Error> {
///     Ok(())
/// }
/// ```
#[cfg(feature = "macros")]
pub use agentops_macros::main;

/// Opens a session for every call: a trace of its own, for a request or a job.
///
/// A returned `Err` ends it as [`Error`](crate::EndState::Error), and so does a panic. Any number may be open at once.
/// Within another session it is a session of its own, linked to the one around it.
///
/// ```
/// #[agentops::session(name = "answer", tags = ["demo"])]
/// fn answer(question: &str) -> String {
///     agentops::current_session().attribute("length", question.len());
///     question.to_uppercase()
/// }
/// # assert_eq!(answer("why?"), "WHY?");
/// ```
///
/// All arguments stand in [the crate's documentation](crate#arguments-of-attributes).
#[cfg(feature = "macros")]
pub use agentops_macros::session;

/// The same as [`#[session]`](macro@crate::session), as AgentOps spells it.
#[cfg(feature = "macros")]
pub use agentops_macros::trace;

/// Records calls as an agent's: what happens within is attributed to it.
///
/// On an `impl` block, each method with a receiver gets a span, and a call that enters the agent from outside gets an
/// AGENT span around it; calls between the agent's own methods get none. Constant functions and functions without a
/// receiver are left alone. On a function or method, the call itself is the AGENT span. On an inline module, each type
/// that has methods in it is an agent, and free functions are operations of whichever agent calls them.
///
/// On a struct it says who the agent is, as [`#[derive(Agent)]`](derive@crate::Agent) does, and takes `name`, `role`
/// and `model` for it; fields are marked in the same way.
///
/// An agent is known by its type's name, or by `name`. One whose values differ says who each is: by
/// [`#[derive(Agent)]`](derive@crate::Agent#how-to-tell-two-instances-apart), or by [`Agent`](trait@crate::Agent) by
/// hand.
///
/// ```
/// struct Writer;
///
/// #[agentops::agent(name = "writer", role = "writes the answer", model = "gpt-4o-mini")]
/// impl Writer {
///     fn write(&self, notes: &[&str]) -> String {
///         self.join(notes)
///     }
///
///     fn join(&self, notes: &[&str]) -> String {
///         notes.join(" ")
///     }
/// }
/// # assert_eq!(Writer.write(&["a", "b"]), "a b");
/// ```
///
/// ```
/// use agentops::{AgentId, agent, testing::capture};
///
/// #[agent(name = "reviewer")]
/// struct Reviewer {
///     #[agentops(id)]
///     id: AgentId,
///     #[agentops(role)]
///     looks_at: &'static str,
/// }
///
/// #[agent]
/// impl Reviewer {
///     fn review(&self, text: &str) -> bool {
///         text.contains(self.looks_at)
///     }
/// }
///
/// let reviewer = |looks_at| Reviewer { id: AgentId::new(), looks_at };
/// let (style, law) = (reviewer("style"), reviewer("law"));
/// let trace = capture(|| style.review("a text") || law.review("a text"));
/// let agents: Vec<_> = trace.spans.iter().filter_map(|span| span.agent.as_ref()).collect();
/// assert_eq!(agents[0].role.as_deref(), Some("style"));
/// assert_eq!(agents[0].id, style.id.to_string());
/// assert_eq!(agents[2].id, law.id.to_string());
/// ```
///
/// All arguments stand in [the crate's documentation](crate#arguments-of-attributes).
#[cfg(feature = "macros")]
pub use agentops_macros::agent;

/// Records calls as a group of operations. As [`#[operation]`](macro@crate::operation), with a kind of its own.
#[cfg(feature = "macros")]
pub use agentops_macros::workflow;

/// Records calls as a piece of work.
///
/// ```
/// # struct Error;
/// #[agentops::operation(skip(key), attributes(pages = pages.len()), returns(words = |text| text.len()))]
/// async fn summarise(pages: &[String], key: &str) -> Result<String, Error> {
///     Ok(pages.join("\n"))
/// }
/// ```
///
/// All arguments stand in [the crate's documentation](crate#arguments-of-attributes).
#[cfg(feature = "macros")]
pub use agentops_macros::operation;

/// The same as [`#[operation]`](macro@crate::operation); the span keeps this word.
#[cfg(feature = "macros")]
pub use agentops_macros::task;

/// Records calls as uses of a tool.
///
/// ```
/// #[agentops::tool(cost = 0.01)]
/// fn shout(word: &str, mut times: usize) -> String {
///     times += 1;
///     word.repeat(times)
/// }
/// # assert_eq!(shout("a", 1), "aa");
/// ```
///
/// becomes, with `P` for `::agentops::__private` and what is only there for the compiler's messages left out:
///
/// ```ignore
/// fn shout(word: &str, times: usize) -> String {
///     static __AGENTOPS_CALLSITE: P::Callsite = P::Callsite::new(
///         P::Meta::new(P::Kind::Tool, "shout", ::core::module_path!(), "shout")
///             .arguments(&["word", "times"])
///             .output()
///             .cost(0.01),
///     );
///     // One load and a branch where nothing records: the closure is not called then.
///     let __agentops_span = P::enter(&__AGENTOPS_CALLSITE, |__agentops_w| {
///         use P::ladder::*;
///         (&&&&P::Probe(&word)).agentops_capture(__agentops_w);
///         (&&&&P::Probe(&times)).agentops_capture(__agentops_w);
///     });
///     // The body, in a closure so that `return` and `?` end here.
///     let __agentops_ret = P::call_once(move || {
///         let word = word;
///         let mut times = times;
///         {
///             times += 1;
///             word.repeat(times)
///         }
///     });
///     P::exit(__agentops_span, |__agentops_w| {
///         use P::ladder::*;
///         match (&&P::Outcome(&__agentops_ret)).agentops_outcome() {
///             ::core::result::Result::Ok(__agentops_value) => {
///                 (&&&&P::Probe(__agentops_value)).agentops_capture(__agentops_w);
///             }
///             ::core::result::Result::Err(__agentops_error) => {
///                 (&&&&&&P::Fault(__agentops_error)).agentops_fault(__agentops_w)
///             }
///         }
///     });
///     __agentops_ret
/// }
/// ```
///
/// `Probe` finds out at compile time how a value's type can be captured, `Outcome` whether it is a `Result`, whatever
/// its name, and `Fault` how an error is read. An async function keeps its body in an async block.
///
/// All arguments stand in [the crate's documentation](crate#arguments-of-attributes).
#[cfg(feature = "macros")]
pub use agentops_macros::tool;

/// Records calls as calls of a model.
///
/// Arguments and return value may be of any types that implement `Serialize`. Where they have the shape of OpenAI's chat
/// completions, on their own or inside another value, the span gets messages, answers, tool calls, parameters and usage,
/// and from these a cost. A `prompt` that goes in and text that comes out are recognised too. What the call itself does
/// not say, `model` and `provider` do.
///
/// ```
/// #[agentops::llm(model = "gpt-4o-mini", provider = "openai")]
/// fn ask(prompt: &str) -> String {
///     format!("You said: {prompt}") // Your model's client is called here.
/// }
/// # assert_eq!(ask("a"), "You said: a");
/// ```
///
/// All arguments stand in [the crate's documentation](crate#arguments-of-attributes).
#[cfg(feature = "macros")]
pub use agentops_macros::llm;

/// Records calls as checks of what goes in or comes out. One that fails has triggered.
///
/// ```
/// #[agentops::guardrail(spec = "input")]
/// fn is_question(text: &str) -> Result<(), String> {
///     if text.ends_with('?') { Ok(()) } else { Err("not a question".into()) }
/// }
/// # assert!(is_question("why?").is_ok());
/// ```
///
/// All arguments stand in [the crate's documentation](crate#arguments-of-attributes).
#[cfg(feature = "macros")]
pub use agentops_macros::guardrail;

/// Records the functions of an inline module as operations; on any other item it is [`#[operation]`](macro@crate::operation).
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
/// What an attribute on a module reaches stands at [blocks and modules](crate#blocks-and-modules), all arguments in
/// [the crate's documentation](crate#arguments-of-attributes).
#[cfg(feature = "macros")]
pub use agentops_macros::instrument;

/// Leaves an item of an annotated block or module alone.
///
/// ```
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
/// # assert_eq!(Reader.read(), 7);
/// ```
#[cfg(feature = "macros")]
pub use agentops_macros::skip;

/// For generated code, and no part of the public interface: it changes with the macros, in any release.
#[doc(hidden)]
pub use agentops_core::__private;
