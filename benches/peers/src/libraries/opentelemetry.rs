//! OpenTelemetry's API and SDK by hand, for they have no attribute: strings and numbers as they are, else `Debug`.

use std::sync::OnceLock;

use opentelemetry::global::{self, BoxedTracer};
use opentelemetry::trace::{FutureExt as _, Status, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::SdkTracerProvider;

use super::otlp;
use super::{Library, Setting};
use crate::work::{self, Answer, Filter, Refusal, Waits, count, find};

static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();

fn tracer() -> &'static BoxedTracer {
    static TRACER: OnceLock<BoxedTracer> = OnceLock::new();
    TRACER.get_or_init(|| global::tracer("peers"))
}

pub struct Opentelemetry;

impl Library for Opentelemetry {
    fn start(&self, setting: Setting) {
        global::set_tracer_provider(PROVIDER.get_or_init(|| otlp::provider(setting)).clone());
    }

    fn flush(&self) {
        if let Some(provider) = PROVIDER.get() {
            let _ = provider.force_flush();
        }
    }

    fn finish(&self) -> usize {
        if let Some(provider) = PROVIDER.get() {
            let _ = provider.shutdown();
        }
        0
    }

    fn root(&self, body: &mut dyn FnMut()) {
        tracer().in_span("root", |_| body());
    }

    fn root_spans(&self) -> usize {
        1
    }

    super::loops!();
}

/// Marks the span as failed where it is.
fn settle<T>(context: &Context, result: Result<T, Refusal>) -> Result<T, Refusal> {
    result.inspect_err(|error| context.span().set_status(Status::error(error.to_string())))
}

#[inline(never)]
fn bare(n: u64) -> Result<u64, Refusal> {
    tracer().in_span("bare", |context| settle(&context, count(n)))
}

#[inline(never)]
fn args(query: &str, filter: &Filter, limit: u32) -> Result<Answer, Refusal> {
    tracer().in_span("args", |context| {
        let span = context.span();
        span.set_attributes([
            KeyValue::new("query", query.to_owned()),
            KeyValue::new("filter", format!("{filter:?}")),
            KeyValue::new("limit", i64::from(limit)),
        ]);
        let answer = settle(&context, find(query, filter, limit))?;
        span.set_attribute(KeyValue::new("return", format!("{answer:?}")));
        Ok(answer)
    })
}

#[inline(never)]
fn json(query: &str, filter: &Filter, limit: u32) -> Result<Answer, Refusal> {
    tracer().in_span("json", |context| {
        let span = context.span();
        span.set_attributes([
            KeyValue::new("query", work::json(query)),
            KeyValue::new("filter", work::json(filter)),
            KeyValue::new("limit", work::json(&limit)),
        ]);
        let answer = settle(&context, find(query, filter, limit))?;
        span.set_attribute(KeyValue::new("return", work::json(&answer)));
        Ok(answer)
    })
}

async fn waits(n: u64, times: u32) -> Result<u64, Refusal> {
    let context = Context::current_with_span(tracer().start("waits"));
    async move {
        Waits(times).await;
        settle(&Context::current(), count(n))
    }
    .with_context(context)
    .await
}

#[inline(never)]
fn trace() {
    tracer().in_span("trace", |_| {
        for n in 1..100 {
            let _ = std::hint::black_box(bare(n));
        }
    });
}
