//! Events of `tracing`, and records of `log` that come as such, as logs of the span that is current where they happen;
//! and spans of `tracing` that say what they are, as spans.
//!
//! The place is the recorder's own, which is right on any executor; other spans of `tracing` are neither asked for nor
//! recorded. Nothing here is global unless `builder().install_tracing()` asks for it.

mod spans;

use std::error::Error;
use std::fmt;
use std::iter;
use std::sync::Once;

use serde::{Serialize, Serializer};
use tracing_core::field::{Field, Visit};
use tracing_core::span::{Attributes, Id, Record};
use tracing_core::subscriber::Interest;
use tracing_core::{Dispatch, Event, Metadata, Subscriber, dispatcher};
use tracing_log::{LogTracer, NormalizeEvent as _};
use tracing_subscriber::Registry;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Filter, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

use crate::model::span::Level;
use crate::record::fault::CHAIN;
use crate::record::fields::Fields;
use crate::record::note::{self, Head};
use crate::record::session;

/// A layer for `tracing_subscriber`: events at INFO and above become logs of the AgentOps span around them.
///
/// That is the innermost span of the place where the event happens, on any thread and under any executor. Outside every
/// span an event belongs where a span would: to the only open session, else to the automatic session, once something
/// has opened it. An event opens no session itself, and where there is none it is not recorded.
///
/// A span of `tracing` becomes a span of that kind where it says what it is: by `agentops.span.kind`, or by fields of the
/// GenAI conventions (`gen_ai.*`), OpenInference, Langfuse or Traceloop, at any level, at creation or later. So do the
/// spans of `langchain-rust` and `gemini-rust`. While it is entered it is the place of what runs there, and it stands
/// within the AgentOps span that it was made in. Other spans are left alone.
///
/// Fields keep their types; `Debug` and `Display` values are text, and an error's causes stand in `<field>.chain`.
/// Records of `log` arrive through `tracing-log`, as events do.
///
/// The layer has a filter of its own, which no other layer sees. Add a stricter one with `with_filter`, or choose it
/// with [`layer_with`]. A filter for the whole subscriber (an `EnvFilter` added as a layer) decides for this layer too,
/// but only on what comes from `tracing`: no filter silences AgentOps' own spans.
///
/// ```
/// use tracing_subscriber::prelude::*;
///
/// tracing_subscriber::registry()
///     .with(tracing_subscriber::fmt::layer())
///     .with(agentops_core::layer())
///     .init();
///
/// tracing::info!(rows = 42, "fetched");
/// ```
pub fn layer<S>() -> impl Layer<S> + Send + Sync + use<S>
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
{
    Bridge.with_filter(EventsUpTo(LevelFilter::INFO))
}

/// As [`layer`], for the events and spans that `filter` lets through: a `LevelFilter`, `Targets`, an `EnvFilter`.
///
/// ```
/// use tracing_subscriber::filter::{LevelFilter, Targets};
/// use tracing_subscriber::prelude::*;
///
/// let wanted = Targets::new()
///     .with_default(LevelFilter::WARN)
///     .with_target("my_program", LevelFilter::DEBUG);
/// let subscriber = tracing_subscriber::registry().with(agentops_core::layer_with(wanted));
/// # drop(subscriber);
/// ```
pub fn layer_with<S, F>(filter: F) -> impl Layer<S> + Send + Sync + use<S, F>
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    F: Filter<S> + Send + Sync + 'static,
{
    Bridge.with_filter(filter)
}

/// Makes a registry with our layer the program's subscriber, and hears `log`, if the program has no subscriber yet.
pub(crate) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let subscriber = Registry::default().with(layer());
        if dispatcher::set_global_default(Dispatch::new(subscriber)).is_err() {
            return warn();
        }
        // A logger that the program has already stays.
        let _ = LogTracer::builder()
            .with_max_level(tracing_log::log::LevelFilter::Info)
            .init();
    });
}

/// The one line that says why events are not recorded.
#[expect(
    clippy::print_stderr,
    reason = "it was asked for and cannot be done, and there is nobody else to tell"
)]
fn warn() {
    eprintln!(
        "agentops: this program has a tracing subscriber already; add agentops::layer() to it to record its events"
    );
}

/// Events up to a level, and spans of any level that say what they are: others would cost the program, and nobody
/// would look at them.
struct EventsUpTo(LevelFilter);

impl EventsUpTo {
    fn wants(&self, metadata: &Metadata<'_>) -> bool {
        if metadata.is_event() {
            *metadata.level() <= self.0
        } else {
            spans::tells(metadata)
        }
    }
}

impl<S> Filter<S> for EventsUpTo {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        self.wants(metadata)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.wants(metadata) {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    // Without a hint: a span may have any level.
}

/// Every event that reaches it becomes a log, every span a span.
struct Bridge;

impl<S> Layer<S> for Bridge
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, layers: Context<'_, S>) {
        spans::made(attributes, id, &layers);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, layers: Context<'_, S>) {
        spans::recorded(id, values, &layers);
    }

    fn on_follows_from(&self, id: &Id, cause: &Id, layers: Context<'_, S>) {
        spans::followed(id, cause, &layers);
    }

    fn on_enter(&self, id: &Id, layers: Context<'_, S>) {
        spans::entered(id, &layers);
    }

    fn on_exit(&self, id: &Id, layers: Context<'_, S>) {
        spans::left(id, &layers);
    }

    fn on_close(&self, id: Id, layers: Context<'_, S>) {
        spans::closed(&id, &layers);
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let Some(place) = session::overheard() else {
            return;
        };
        spans::heard(event);
        let from_log = event.normalized_metadata();
        let metadata = from_log.as_ref().unwrap_or_else(|| event.metadata());
        let head = Head {
            level: level(metadata),
            target: metadata.target(),
            file: metadata.file(),
            line: metadata.line(),
        };
        note::log(place, &head, |fields| {
            event.record(&mut Visitor {
                fields,
                from_log: from_log.is_some(),
            });
        });
    }
}

fn level(metadata: &Metadata<'_>) -> Level {
    match *metadata.level() {
        tracing_core::Level::ERROR => Level::Error,
        tracing_core::Level::WARN => Level::Warn,
        tracing_core::Level::INFO => Level::Info,
        tracing_core::Level::DEBUG => Level::Debug,
        tracing_core::Level::TRACE => Level::Trace,
    }
}

/// An event's fields on their way into a log.
struct Visitor<'f, 'w, 'a> {
    fields: &'f mut Fields<'w, 'a>,
    /// The event carries a record of `log`: fields of the carrier are no fields of the record.
    from_log: bool,
}

impl Visitor<'_, '_, '_> {
    fn put<V: Serialize + ?Sized>(&mut self, field: &Field, type_name: &str, value: &V) {
        if !(self.from_log && field.name().starts_with("log.")) {
            self.fields.put(type_name, name(field), value);
        }
    }
}

/// As its author means it: `type`, where the compiler wants `r#type`.
fn name(field: &Field) -> &'static str {
    let name = field.name();
    name.strip_prefix("r#").unwrap_or(name)
}

impl Visit for Visitor<'_, '_, '_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, "f64", &value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, "i64", &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, "u64", &value);
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        match i64::try_from(value) {
            Ok(value) => self.record_i64(field, value),
            // In digits: a number would be rounded by who reads it.
            Err(_) => self.put(field, "i128", &format_args!("{value}")),
        }
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        match u64::try_from(value) {
            Ok(value) => self.record_u64(field, value),
            Err(_) => self.put(field, "u128", &format_args!("{value}")),
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, "bool", &value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, "str", value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.put(field, "dyn Error", &format_args!("{value}"));
        let key = format_args!("{}.chain", name(field));
        let causes = Causes(value);
        self.fields
            .put_if("dyn Error", &key, &causes, || value.source().is_some());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, "dyn Debug", &format_args!("{value:?}"));
    }
}

/// The errors behind an error, outermost first.
struct Causes<'e>(&'e (dyn Error + 'static));

impl Serialize for Causes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let causes = iter::successors(self.0.source(), cause);
        serializer.collect_seq(causes.take(CHAIN).map(Shown))
    }
}

fn cause<'e>(error: &&'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
    (*error).source()
}

struct Shown<'e>(&'e (dyn Error + 'static));

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}
