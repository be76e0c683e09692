//! Spans by hand, for what is not a function: on this thread, around a future, or held wherever the program likes.
//!
//! What is said of a span before it starts is kept as notes that follow its START, so that the START itself is as
//! small as that of an annotated function. Knows callsites and notes, not what becomes of them.

use std::collections::HashMap;
use std::error::Error;
use std::fmt::{self, Display};
use std::mem;
use std::panic::Location;

use serde::Serialize;

use super::agent;
use super::callsite::{Callsite, Meta};
use super::capture::Sink;
use super::clock;
use super::context::{Context, SpanContext};
use super::fault;
use super::future::{self, InPlace};
use super::local;
use super::note::{self, CurrentSpan};
use super::span::{self, Entered, Place, Started};
use super::word::{self, END};
use crate::model::span::{Level, SpanKind};
use crate::sync::fixed::{Mutex, lock};

/// Names that get a callsite of their own. A program that puts an id into its spans' names goes beyond; from there on
/// each span carries its name along.
const NAMES: usize = 1024;

/// A span by hand, for what is not a function: see [`span`].
#[must_use = "a span starts with `start()`"]
pub struct SpanBuilder {
    name: String,
    kind: SpanKind,
    parent: Option<SpanContext>,
    /// What is to be said of it as soon as it has started.
    notes: Vec<(u32, Vec<u8>)>,
}

/// Describes a span to be started by hand; an [`Operation`](SpanKind::Operation) unless it is told otherwise.
///
/// It may be any of these:
///
/// | | the span |
/// |---|---|
/// | [`start`](SpanBuilder::start) | is current on this thread until its guard is dropped |
/// | [`in_scope`](SpanBuilder::in_scope) | is current in a closure |
/// | [`instrument`](SpanBuilder::instrument) | is current in a future, whoever polls it |
/// | [`start_detached`](SpanBuilder::start_detached) | is current nowhere; its handle goes wherever you take it |
///
/// ```
/// use agentops_core::{SpanKind, span};
///
/// let fetching = span("fetch").kind(SpanKind::Tool).input("https://example.org").start();
/// // … fetch …
/// fetching.end_with("42 rows");
/// ```
pub fn span(name: impl Into<String>) -> SpanBuilder {
    SpanBuilder {
        name: name.into(),
        kind: SpanKind::Operation,
        parent: None,
        notes: Vec::new(),
    }
}

impl SpanBuilder {
    /// What it stands for. An [`Agent`](SpanKind::Agent) is the agent of all that runs within.
    pub fn kind(mut self, kind: SpanKind) -> Self {
        self.kind = kind;
        self
    }

    /// The span that it is within, in the stead of the current one.
    pub fn parent(mut self, parent: impl Into<SpanContext>) -> Self {
        self.parent = Some(parent.into());
        self
    }

    /// What went in. A model call is recognised by it, in the same shapes as for `#[llm]`.
    pub fn input(self, value: impl Serialize) -> Self {
        let llm = self.kind == SpanKind::Llm;
        // What a model call took is read off it, whatever may be seen of it.
        if !llm && !local::captures_content() {
            return self;
        }
        self.say(note::INPUT, llm, |sink| sink.serialize_contained(&value))
    }

    /// Anything else that is worth knowing of it.
    pub fn attribute(self, key: impl AsRef<str>, value: impl Serialize) -> Self {
        self.say(note::ATTRIBUTE, false, |sink| {
            note::keyed(sink, key.as_ref(), &value)
        })
    }

    /// A word to find it by.
    pub fn tag(self, tag: impl AsRef<str>) -> Self {
        self.say(note::SPAN_TAG, false, |sink| sink.serialize(tag.as_ref()))
    }

    /// Ties it to another span.
    pub fn link(self, to: impl Into<SpanContext>) -> Self {
        let to = to.into();
        self.say(note::LINK, false, |sink| note::write_link(sink, to))
    }

    fn say(mut self, kind: u32, llm: bool, fill: impl FnOnce(&mut Sink<'_>)) -> Self {
        if local::recording() {
            let mut payload = Vec::new();
            fill(&mut Sink::new(&mut payload, llm));
            self.notes.push((kind, payload));
        }
        self
    }

    /// Starts it, and makes it current on this thread.
    #[track_caller]
    pub fn start(self) -> ManualSpan {
        let at = Location::caller();
        if !local::recording() {
            return ManualSpan {
                entered: Entered::off(),
                context: Context::NONE,
                amid_panic: false,
            };
        }
        let site = callsite(&self.name, self.kind, at);
        let enter = || match self.kind {
            SpanKind::Agent => agent::enter_named(site, &self.name),
            _ => span::enter_bare(site),
        };
        let entered = match self.parent {
            Some(parent) => span::under(|| parent, enter),
            None => enter(),
        };
        let context = if span::Recording::id(&entered) == 0 {
            Context::NONE
        } else {
            local::with(local::Local::context)
        };
        self.describe(site, context);
        ManualSpan {
            entered,
            context,
            amid_panic: std::thread::panicking(),
        }
    }

    /// Runs `work` in it, and ends it; as failed where `work` panics.
    ///
    /// ```
    /// let sum = agentops_core::span("add").in_scope(|| 1 + 1);
    /// # assert_eq!(sum, 2);
    /// ```
    #[track_caller]
    pub fn in_scope<R>(self, work: impl FnOnce() -> R) -> R {
        let _span = self.start();
        work()
    }

    /// Starts it around a future: it is current wherever the future is polled, and ends with it; as cancelled where the
    /// future is dropped early.
    ///
    /// It starts here and now, within what is current here, so that the future may be given to an executor.
    ///
    /// ```
    /// # fn spawn(_: impl Future<Output = u8> + Send + 'static) {}
    /// async fn fetch() -> u8 { 1 }
    ///
    /// spawn(agentops_core::span("fetch").instrument(fetch()));
    /// ```
    #[track_caller]
    pub fn instrument<F: Future>(self, work: F) -> impl Future<Output = F::Output> + use<F> {
        future::instrument(self.begin(), work)
    }

    /// Starts it, and makes it current nowhere: what runs within it is run by its handle, on any thread and in any task.
    ///
    /// ```
    /// # async fn first() {}
    /// # async fn second() {}
    /// # async fn work() {
    /// let span = agentops_core::span("conversation").start_detached();
    /// span.run(first()).await;
    /// span.run(second()).await;
    /// span.end();
    /// # }
    /// ```
    #[track_caller]
    pub fn start_detached(self) -> DetachedSpan {
        let llm = self.kind == SpanKind::Llm;
        let mut started = self.begin();
        // Its end is this handle's to write.
        let context = std::mem::replace(&mut started.context, Context::NONE);
        if context.span != 0 {
            local::with(|local| note::share(local, context.span));
        }
        DetachedSpan {
            context,
            llm,
            amid_panic: std::thread::panicking(),
        }
    }

    #[track_caller]
    pub(super) fn begin(self) -> Started {
        let at = Location::caller();
        if !local::recording() {
            return Started::off();
        }
        let site = callsite(&self.name, self.kind, at);
        let start = || match self.kind {
            SpanKind::Agent => agent::start_named(site, &self.name),
            _ => span::start_bare(site),
        };
        let started = match self.parent {
            Some(parent) => span::under(|| parent, start),
            None => start(),
        };
        self.describe(site, started.context);
        started
    }

    fn describe(&self, site: &Callsite, context: Context) {
        if context.span == 0 {
            return;
        }
        local::with(|local| {
            if site.meta.name.is_empty() {
                let mut name = Vec::new();
                Sink::new(&mut name, false).serialize(&self.name);
                note::prepared(local, note::NAME, context.span, &name);
            }
            for (kind, payload) in &self.notes {
                if note::is_scoped(*kind) {
                    let scoped = [&context.scope.to_le_bytes(), &payload[..]].concat();
                    note::prepared(local, *kind, context.span, &scoped);
                } else {
                    note::prepared(local, *kind, context.span, payload);
                }
            }
        });
    }
}

impl fmt::Debug for SpanBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpanBuilder")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// A span by hand that is going on, on this thread; dropping it ends it.
///
/// Spans may be dropped in any order. It stays on its thread: futures that move between threads have
/// [`instrument`](SpanBuilder::instrument) and [`start_detached`](SpanBuilder::start_detached).
#[derive(Debug)]
#[must_use = "a span that is dropped at once ends at once"]
pub struct ManualSpan {
    entered: Entered,
    context: Context,
    /// It began while a panic was going on already, which therefore is not its own.
    amid_panic: bool,
}

impl ManualSpan {
    /// To name it as a parent or in a link, or to say something about it, on any thread.
    #[must_use]
    pub fn handle(&self) -> CurrentSpan {
        if self.context.span != 0 {
            local::with(|local| note::share(local, self.context.span));
        }
        CurrentSpan::of(self.context)
    }

    /// Its place, for other threads and tasks.
    #[must_use]
    pub fn context(&self) -> SpanContext {
        self.handle().context()
    }

    /// Adds an attribute; one with the same key is replaced.
    pub fn set_attribute(&self, key: impl AsRef<str>, value: impl Serialize) {
        say(self.context, |span| span.set_attribute(key, value));
    }

    /// Logs a message in it.
    #[track_caller]
    pub fn log(&self, level: Level, message: impl Display) {
        if self.context.span != 0 {
            CurrentSpan::of(self.context).log(level, message);
        }
    }

    /// Ends it, with what came out.
    pub fn end_with(mut self, output: impl Serialize) {
        span::exit(self.take(), |sink| sink.serialize_contained(&output));
    }

    /// Ends it as failed.
    pub fn fail<E: Error + 'static>(mut self, error: &E) {
        span::exit(self.take(), |sink| fault::of_error(error, sink));
    }

    /// Ends it as failed, for a reason that is text.
    pub fn fail_with(mut self, reason: impl Display) {
        span::exit(self.take(), |sink| fault::of_text(&reason, sink));
    }

    /// Ends it with what `fill` captures.
    pub(super) fn end_by(mut self, fill: impl FnMut(&mut Sink<'_>)) {
        span::exit(self.take(), fill);
    }

    fn take(&mut self) -> Entered {
        mem::replace(&mut self.entered, Entered::off())
    }
}

impl Drop for ManualSpan {
    fn drop(&mut self) {
        if self.amid_panic {
            span::leave(self.take());
        }
    }
}

/// A span by hand that is going on, and current nowhere; dropping it ends it. It may be shared, and sent anywhere.
#[derive(Debug)]
#[must_use = "a span that is dropped at once ends at once"]
pub struct DetachedSpan {
    context: Context,
    llm: bool,
    /// It began while a panic was going on already, which therefore is not its own.
    amid_panic: bool,
}

impl DetachedSpan {
    /// To name it as a parent or in a link, or to say something about it, on any thread.
    #[must_use]
    pub fn handle(&self) -> CurrentSpan {
        CurrentSpan::of(self.context)
    }

    /// Its place, for other threads and tasks.
    #[must_use]
    pub fn context(&self) -> SpanContext {
        SpanContext(self.context)
    }

    /// Runs `work` in it.
    pub fn in_scope<R>(&self, work: impl FnOnce() -> R) -> R {
        let _place = (self.context.span != 0).then(|| Place::enter(self.context));
        work()
    }

    /// Runs a future in it, wherever it is polled.
    pub fn run<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        let context = if self.context.span == 0 {
            local::with(local::Local::context)
        } else {
            self.context
        };
        InPlace::new(context, work)
    }

    /// Adds an attribute; one with the same key is replaced.
    pub fn set_attribute(&self, key: impl AsRef<str>, value: impl Serialize) {
        say(self.context, |span| span.set_attribute(key, value));
    }

    /// Logs a message in it.
    #[track_caller]
    pub fn log(&self, level: Level, message: impl Display) {
        if self.context.span != 0 {
            CurrentSpan::of(self.context).log(level, message);
        }
    }

    /// Ends it.
    pub fn end(self) {}

    /// Ends it, with what came out.
    pub fn end_with(mut self, output: impl Serialize) {
        self.close(|sink| sink.serialize_contained(&output));
    }

    /// Ends it as failed.
    pub fn fail<E: Error + 'static>(mut self, error: &E) {
        self.close(|sink| fault::of_error(error, sink));
    }

    /// Ends it as failed, for a reason that is text.
    pub fn fail_with(mut self, reason: impl Display) {
        self.close(|sink| fault::of_text(&reason, sink));
    }

    fn close(&mut self, fill: impl FnOnce(&mut Sink<'_>)) {
        let id = self.context.span;
        if id == 0 {
            return;
        }
        local::with(|local| {
            local.ready();
            let clock = clock::raw();
            let mut fill = span::once(fill);
            span::write_end(local, self.llm, &mut fill, |local, flags, payload| {
                let first = word::first(END, flags, payload.len(), 0);
                local.put_end([first, id, clock], payload);
            });
        });
        self.context = Context::NONE;
    }
}

impl Drop for DetachedSpan {
    fn drop(&mut self) {
        let id = self.context.span;
        if id == 0 {
            return;
        }
        local::with(|local| {
            local.ready();
            let clock = clock::raw();
            local.with_buffer(|buffer| {
                let flags = if self.amid_panic {
                    0
                } else {
                    span::panic_record(buffer)
                };
                local.put_end(
                    [word::first(END, flags, buffer.len(), 0), id, clock],
                    buffer,
                );
            });
        });
    }
}

/// What is said of a span that is not recorded is not said of the one around it.
fn say(context: Context, what: impl FnOnce(CurrentSpan)) {
    if context.span != 0 {
        what(CurrentSpan::of(context));
    }
}

/// What tells spans by hand apart.
type Key = (&'static str, SpanKind, &'static Location<'static>);

/// Callsites of spans by hand. They live for ever, so they must be few.
#[derive(Debug, Default)]
struct Sites {
    named: HashMap<Key, &'static Callsite>,
    /// One for each kind and place in the program, for names beyond the first so many.
    nameless: HashMap<(SpanKind, &'static Location<'static>), &'static Callsite>,
}

static SITES: Mutex<Option<Sites>> = Mutex::new(None);

/// The callsite of a name, kind and place; one without a name where there are too many.
fn callsite(name: &str, kind: SpanKind, at: &'static Location<'static>) -> &'static Callsite {
    let mut sites = lock(&SITES);
    let sites = sites.get_or_insert_default();
    let find: &HashMap<(&str, SpanKind, &Location<'static>), _> = &sites.named;
    if let Some(site) = find.get(&(name, kind, at)) {
        return site;
    }
    // A session's own name is that of the session, so a span by hand of that kind brings its name along.
    if sites.named.len() >= NAMES || kind == SpanKind::Session {
        return sites
            .nameless
            .entry((kind, at))
            .or_insert_with(|| leak("", kind, at));
    }
    let name: &'static str = Box::leak(name.to_owned().into_boxed_str());
    let site = leak(name, kind, at);
    sites.named.insert((name, kind, at), site);
    site
}

fn leak(name: &'static str, kind: SpanKind, at: &'static Location<'static>) -> &'static Callsite {
    let mut meta = Meta::new(kind, name, "", "", &[], true);
    meta.location = at;
    Box::leak(Box::new(Callsite::new(meta)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program that puts an id into the name.
    #[test]
    fn names_without_end_get_callsites_with_an_end() {
        let at = Location::caller();
        let first = callsite("first", SpanKind::Tool, at);
        for id in 0..10_000 {
            callsite(&format!("request {id}"), SpanKind::Tool, at);
        }
        assert!(std::ptr::eq(first, callsite("first", SpanKind::Tool, at)));
        let late = callsite("late", SpanKind::Tool, at);
        assert_eq!(late.meta.name, "");
        assert!(std::ptr::eq(late, callsite("later", SpanKind::Tool, at)));
        assert!(!std::ptr::eq(late, callsite("late", SpanKind::Agent, at)));
        let sites = lock(&SITES);
        let sites = sites.as_ref().expect("there are some");
        assert_eq!(sites.named.len(), NAMES);
    }

    #[test]
    fn handles_go_anywhere() {
        fn check<T: Send + Sync>() {}
        fn goes<F: Send + Sync>(_: F) {}
        goes(span("future").instrument(std::future::ready(())));
        check::<DetachedSpan>();
        check::<SpanBuilder>();
        check::<crate::Session>();
        check::<CurrentSpan>();
        check::<SpanContext>();
    }
}
