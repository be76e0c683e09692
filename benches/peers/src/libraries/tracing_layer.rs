//! `tracing` with a layer that looks at every field and keeps nothing: the price of `tracing` alone.

use std::fmt::{self, Write as _};
use std::hint::black_box;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

use super::{Library, Setting};
use crate::work::{self, Answer, Filter, Refusal, Waits, count, find};

pub struct TracingLayer;

impl Library for TracingLayer {
    fn start(&self, _: Setting) {
        let subscriber = tracing_subscriber::registry().with(Looks);
        tracing::subscriber::set_global_default(subscriber).expect("there is none yet");
    }

    fn flush(&self) {}

    fn finish(&self) -> usize {
        0
    }

    fn root(&self, body: &mut dyn FnMut()) {
        tracing::info_span!("root").in_scope(body);
    }

    fn root_spans(&self) -> usize {
        1
    }

    super::loops!();
}

#[tracing::instrument(skip_all)]
#[inline(never)]
pub fn bare(n: u64) -> Result<u64, Refusal> {
    count(n)
}

#[tracing::instrument(ret, err)]
#[inline(never)]
pub fn args(query: &str, filter: &Filter, limit: u32) -> Result<Answer, Refusal> {
    find(query, filter, limit)
}

#[tracing::instrument(
    skip_all,
    fields(query = work::json(query), filter = work::json(filter), limit = work::json(&limit))
)]
#[inline(never)]
pub fn json(query: &str, filter: &Filter, limit: u32) -> Result<Answer, Refusal> {
    let answer = find(query, filter, limit)?;
    tracing::info!(returned = work::json(&answer));
    Ok(answer)
}

#[tracing::instrument(skip_all)]
pub async fn waits(n: u64, times: u32) -> Result<u64, Refusal> {
    Waits(times).await;
    count(n)
}

#[tracing::instrument]
#[inline(never)]
pub fn trace() {
    for n in 1..100 {
        let _ = black_box(bare(n));
    }
}

struct Looks;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Looks {
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        attributes.record(&mut Fields);
    }

    fn on_record(&self, _: &Id, values: &Record<'_>, _: Context<'_, S>) {
        values.record(&mut Fields);
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        event.record(&mut Fields);
    }
}

/// Has every value as whoever kept it would need it: as it is, or formatted.
struct Fields;

impl Visit for Fields {
    fn record_f64(&mut self, _: &Field, value: f64) {
        black_box(value);
    }

    fn record_i64(&mut self, _: &Field, value: i64) {
        black_box(value);
    }

    fn record_u64(&mut self, _: &Field, value: u64) {
        black_box(value);
    }

    fn record_bool(&mut self, _: &Field, value: bool) {
        black_box(value);
    }

    fn record_str(&mut self, _: &Field, value: &str) {
        black_box(value.to_owned());
    }

    fn record_debug(&mut self, _: &Field, value: &dyn fmt::Debug) {
        let mut text = String::new();
        let _ = write!(text, "{value:?}");
        black_box(text);
    }
}
