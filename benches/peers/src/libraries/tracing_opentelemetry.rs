//! `tracing` with `tracing-opentelemetry`, over OpenTelemetry's SDK and its batch processor.

use std::sync::OnceLock;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::layer::SubscriberExt as _;

use super::otlp;
use super::tracing_layer::{args, bare, json, trace, waits};
use super::{Library, Setting};

static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();

pub struct TracingOpentelemetry;

impl Library for TracingOpentelemetry {
    /// Tuned, it also leaves out where code and threads are, and idle times.
    fn start(&self, setting: Setting) {
        let provider = PROVIDER.get_or_init(|| otlp::provider(setting));
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("peers"));
        let layer = if setting == Setting::Tuned {
            layer
                .with_location(false)
                .with_threads(false)
                .with_tracked_inactivity(false)
        } else {
            layer
        };
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::set_global_default(subscriber).expect("there is none yet");
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
        tracing::info_span!("root").in_scope(body);
    }

    fn root_spans(&self) -> usize {
        1
    }

    super::loops!();
}
