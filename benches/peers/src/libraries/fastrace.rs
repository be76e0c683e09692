//! fastrace by its attribute. Values are formatted strings in its own form, which is all that the attribute has; the
//! return value is added by hand, for the attribute cannot. It keeps no errors.

use std::borrow::Cow;
use std::time::Duration;

use fastrace::Span;
use fastrace::collector::{Config, SpanContext};
use fastrace::local::LocalSpan;
use fastrace_opentelemetry::OpenTelemetryReporter;
use opentelemetry::InstrumentationScope;
use opentelemetry_sdk::Resource;

use super::otlp::Otlp;
use super::{Library, Setting};
use crate::receiver;
use crate::work::{self, Answer, Filter, Refusal, Waits, count, find};

pub struct Fastrace;

impl Library for Fastrace {
    /// Tuned, it reports a hundred times as often.
    fn start(&self, setting: Setting) {
        let scope = InstrumentationScope::builder("peers").build();
        let resource = Cow::Owned(Resource::builder().build());
        let config = if setting == Setting::Tuned {
            Config::default().report_interval(Duration::from_millis(10))
        } else {
            Config::default()
        };
        fastrace::set_reporter(
            OpenTelemetryReporter::new(Otlp::default(), resource, scope),
            config,
        );
    }

    fn flush(&self) {
        fastrace::flush();
    }

    /// A flush is its way to end. What a thread could not hand over goes with a later span of it, so those are made
    /// until nothing else arrives.
    fn finish(&self) -> usize {
        let mut more = 0;
        loop {
            let arrived = receiver::arrived();
            self.root(&mut || {});
            fastrace::flush();
            more += 1;
            if receiver::arrived() <= arrived + 1 {
                return more;
            }
        }
    }

    fn root(&self, body: &mut dyn FnMut()) {
        let root = Span::root("root", SpanContext::random());
        let _guard = root.set_local_parent();
        body();
    }

    fn root_spans(&self) -> usize {
        1
    }

    super::loops!();
}

#[fastrace::trace]
#[inline(never)]
fn bare(n: u64) -> Result<u64, Refusal> {
    count(n)
}

#[fastrace::trace(properties = { "query": "{query:?}", "filter": "{filter:?}", "limit": "{limit:?}" })]
#[inline(never)]
fn args(query: &str, filter: &Filter, limit: u32) -> Result<Answer, Refusal> {
    let answer = find(query, filter, limit)?;
    LocalSpan::add_property(|| ("return", format!("{answer:?}")));
    Ok(answer)
}

#[fastrace::trace]
#[inline(never)]
fn json(query: &str, filter: &Filter, limit: u32) -> Result<Answer, Refusal> {
    LocalSpan::add_properties(|| {
        [
            ("query", work::json(query)),
            ("filter", work::json(filter)),
            ("limit", work::json(&limit)),
        ]
    });
    let answer = find(query, filter, limit)?;
    LocalSpan::add_property(|| ("return", work::json(&answer)));
    Ok(answer)
}

#[fastrace::trace]
async fn waits(n: u64, times: u32) -> Result<u64, Refusal> {
    Waits(times).await;
    count(n)
}

#[inline(never)]
fn trace() {
    let root = Span::root("trace", SpanContext::random());
    let _guard = root.set_local_parent();
    for n in 1..100 {
        let _ = std::hint::black_box(bare(n));
    }
}
