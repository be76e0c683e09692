//! Spans of `tracing` that say what they are, as spans of ours.
//!
//! Each has its START when it is made and its END when it is closed; what is recorded on it in between follows as
//! notes, and the processor says in the end what it was. While it is entered it is the place of what runs there, so
//! that both stacks agree. Every other span of `tracing` is left alone, and costs what it costs without us.

use std::cell::RefCell;
use std::collections::HashMap;
use std::thread;

use serde_json::{Map, Value};
use tracing_core::callsite::Identifier;
use tracing_core::field::{Field, Visit};
use tracing_core::span::{Attributes, Id, Record};
use tracing_core::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::Context as Layers;
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use super::{Visitor, level};
use crate::model::dialect::{self, Origin};
use crate::model::semconv;
use crate::model::span::SpanKind;
use crate::record::callsite::{Callsite, Foreign, Meta};
use crate::record::context::Context;
use crate::record::fields::Fields;
use crate::record::span::{self, Place, Started};
use crate::record::{agent, clock, local, note};
use crate::sync::fixed::{Mutex, lock};

/// Whether a span may say what it is, as far as can be told before there is one.
pub(super) fn tells(metadata: &Metadata<'_>) -> bool {
    let keys = metadata.fields().iter().map(|field| field.name());
    dialect::tells(origin(metadata), keys)
}

fn origin<'a>(metadata: &Metadata<'a>) -> Origin<'a> {
    Origin {
        scope: metadata.target(),
        name: metadata.name(),
    }
}

/// Kept with a span of `tracing`: the span of ours that it is.
struct Ours {
    started: Started,
    /// Kept apart, for it is asked for at each poll.
    context: Context,
    /// A panic was going on when it was made, which therefore is not its own.
    amid_panic: bool,
    /// How often it was entered, and how long it was.
    turns: u32,
    busy: u64,
}

/// A span that this thread has entered, and where to go back to.
struct Turn {
    span: u64,
    before: Context,
    began: u64,
    metadata: &'static Metadata<'static>,
}

/// Guards that are never dropped must not add up.
const TURNS: usize = 256;

thread_local! {
    /// The innermost last.
    static ENTERED: RefCell<Vec<Turn>> = const { RefCell::new(Vec::new()) };
}

/// A span was made.
pub(super) fn made<S>(attributes: &Attributes<'_>, id: &Id, layers: &Layers<'_, S>)
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
{
    let metadata = attributes.metadata();
    if !local::recording() || !tells(metadata) || local::with(|local| local.is_capturing()) {
        return;
    }
    let Some(span) = layers.span(id) else { return };
    // Two layers of ours in one subscriber record each span once.
    if span.extensions().get::<Ours>().is_some() {
        return;
    }
    let elsewhere = parent(attributes, &span).map(Place::enter);
    let site = callsite(metadata);
    let started = match agent_of(attributes) {
        Some(name) => agent::start_named(site, &name),
        None => span::start_bare(site),
    };
    drop(elsewhere);
    if started.is_off() {
        return;
    }
    note::fields(started.context.span, |fields| {
        let from_log = false;
        attributes.record(&mut Visitor { fields, from_log });
    });
    span.extensions_mut().replace(Ours {
        context: started.context,
        started,
        amid_panic: thread::panicking(),
        turns: 0,
        busy: 0,
    });
}

/// The place that a span stands in, where that is not the current one: a span of `tracing` that was named as its
/// parent, or that is entered on a thread that is otherwise nowhere. Spans of no interest pass on what they stand in.
fn parent<'a, R>(attributes: &Attributes<'_>, span: &SpanRef<'a, R>) -> Option<Context>
where
    R: LookupSpan<'a>,
{
    let is_nowhere = || attributes.is_contextual() && local::with(|local| local.scope() == 0);
    if attributes.parent().is_none() && !is_nowhere() {
        return None;
    }
    span.parent()?.scope().find_map(|around| context(&around))
}

fn context<'a, R: LookupSpan<'a>>(span: &SpanRef<'a, R>) -> Option<Context> {
    Some(span.extensions().get::<Ours>()?.context)
}

/// More became known of a span.
pub(super) fn recorded<S>(id: &Id, values: &Record<'_>, layers: &Layers<'_, S>)
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
{
    if let Some(place) = place(id, layers) {
        note::fields(place.span, |fields| {
            let from_log = false;
            values.record(&mut Visitor { fields, from_log });
        });
    }
}

/// A span has to do with another one.
pub(super) fn followed<S>(id: &Id, cause: &Id, layers: &Layers<'_, S>)
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
{
    if let (Some(place), Some(cause)) = (place(id, layers), place(cause, layers)) {
        note::tie(place.span, cause);
    }
}

fn place<S>(id: &Id, layers: &Layers<'_, S>) -> Option<Context>
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
{
    context(&layers.span(id)?)
}

/// A span is entered on this thread.
pub(super) fn entered<S>(id: &Id, layers: &Layers<'_, S>)
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
{
    let Some(span) = layers.span(id) else { return };
    let Some(place) = context(&span) else { return };
    // A thread that is ending keeps no places any more.
    let _ = ENTERED.try_with(|entered| {
        let mut entered = entered.borrow_mut();
        if entered.len() == TURNS {
            entered.remove(0);
        }
        entered.push(Turn {
            span: place.span,
            before: local::with(|local| local.enter_place(place)),
            began: clock::raw(),
            metadata: span.metadata(),
        });
    });
}

/// It is left again.
pub(super) fn left<S>(id: &Id, layers: &Layers<'_, S>)
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
{
    let Some(span) = layers.span(id) else { return };
    let mut extensions = span.extensions_mut();
    let Some(ours) = extensions.get_mut::<Ours>() else {
        return;
    };
    let id = ours.context.span;
    let turn = ENTERED.try_with(|entered| {
        let mut entered = entered.borrow_mut();
        let at = entered.iter().rposition(|turn| turn.span == id)?;
        Some(entered.remove(at))
    });
    let Ok(Some(turn)) = turn else { return };
    ours.turns = ours.turns.saturating_add(1);
    ours.busy += clock::raw().saturating_sub(turn.began);
    drop(extensions);
    local::with(|local| local.leave_place(id, turn.before));
}

/// An event happened: that of `#[instrument(err)]` says why its span failed.
///
/// Such an event stands where its span does, and has one field.
pub(super) fn heard(event: &Event<'_>) {
    let metadata = event.metadata();
    let mut names = metadata.fields().iter().map(|field| field.name());
    if *metadata.level() != Level::ERROR || names.next() != Some("error") || names.next().is_some()
    {
        return;
    }
    let current = local::with(local::Local::span);
    let _ = ENTERED.try_with(|entered| {
        let entered = entered.borrow();
        let is_its_own = |turn: &&Turn| {
            let span = turn.metadata;
            turn.span == current && (span.file(), span.line()) == (metadata.file(), metadata.line())
        };
        if entered.last().is_some_and(|turn| is_its_own(&turn)) {
            note::fields(current, |fields| event.record(&mut Failure(fields)));
        }
    });
}

/// The one field of an error's event.
struct Failure<'f, 'w, 'a>(&'f mut Fields<'w, 'a>);

impl Visit for Failure<'_, '_, '_> {
    fn record_debug(&mut self, _: &Field, value: &dyn std::fmt::Debug) {
        self.0.put(
            "dyn Debug",
            semconv::EXCEPTION_MESSAGE,
            &format_args!("{value:?}"),
        );
    }
}

/// It is over.
pub(super) fn closed<S>(id: &Id, layers: &Layers<'_, S>)
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
{
    let Some(span) = layers.span(id) else { return };
    let Some(mut ours) = span.extensions_mut().remove::<Ours>() else {
        return;
    };
    // Who is entered once is a block; who is entered more often is polled.
    if ours.turns > 1 {
        ours.started.polls = ours.turns;
        ours.started.busy = ours.busy;
    }
    if thread::panicking() && !ours.amid_panic {
        let mut record = Vec::new();
        span::panic_record(&mut record);
        ours.started.fail(&record);
    } else {
        ours.started.ended();
    }
}

/// The callsite of ours that stands for one of `tracing`. They are as many as the program's source has, and as
/// long-lived.
fn callsite(metadata: &'static Metadata<'static>) -> &'static Callsite {
    static SITES: Mutex<Option<HashMap<Identifier, &'static Callsite>>> = Mutex::new(None);
    let mut sites = lock(&SITES);
    sites
        .get_or_insert_default()
        .entry(metadata.callsite())
        .or_insert_with(|| {
            let module = metadata.module_path().unwrap_or(metadata.target());
            let mut meta = Meta::new(SpanKind::Unknown, metadata.name(), module, "", &[], false)
                .level(level(metadata));
            meta.foreign = Some(Foreign {
                target: metadata.target(),
                file: metadata.file(),
                line: metadata.line(),
            });
            Box::leak(Box::new(Callsite::new(meta)))
        })
}

/// The agent that a span says it is when it is made, so that all within it is that agent's.
fn agent_of(attributes: &Attributes<'_>) -> Option<String> {
    let metadata = attributes.metadata();
    let names_agent = |field: Field| dialect::names_agent(field.name());
    if !metadata.fields().iter().any(names_agent) {
        return None;
    }
    let mut words = Words::default();
    attributes.record(&mut words);
    let origin = origin(metadata);
    words
        .agent
        .filter(|_| dialect::kind(origin, &words.said) == SpanKind::Agent)
}

/// The texts that a span is made with.
#[derive(Default)]
struct Words {
    agent: Option<String>,
    said: Map<String, Value>,
}

impl Visit for Words {
    fn record_str(&mut self, field: &Field, value: &str) {
        if dialect::names_agent(field.name()) {
            self.agent = Some(value.to_owned());
        } else if dialect::names_kind(field.name()) {
            self.said.insert(field.name().to_owned(), value.into());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if dialect::names_agent(field.name()) || dialect::names_kind(field.name()) {
            self.record_str(field, &format!("{value:?}"));
        }
    }
}
