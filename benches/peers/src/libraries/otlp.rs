//! What the libraries that give OpenTelemetry's span data export to: the conversion of `opentelemetry-proto`, which
//! `opentelemetry-otlp` uses, and its encoding.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider, SpanData, SpanExporter,
};
use prost::Message;

use super::Setting;
use crate::receiver;

#[derive(Debug, Default)]
pub struct Otlp {
    resource: ResourceAttributesWithSchema,
}

impl SpanExporter for Otlp {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let resource_spans = group_spans_by_resource_and_scope(batch, &self.resource);
        receiver::take_request(&ExportTraceServiceRequest { resource_spans }.encode_to_vec());
        Ok(())
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.into();
    }
}

/// OpenTelemetry's SDK with its batch processor, for those who use it.
///
/// Tuned, the queue has room for a burst of a million spans. Of the sizes of queues (65 536 and this) and batches (512,
/// 4096, 32 768) that were tried, this loses least; larger batches lose more, or take more memory.
pub fn provider(setting: Setting) -> SdkTracerProvider {
    let config = if setting == Setting::Tuned {
        BatchConfigBuilder::default()
            .with_max_queue_size(1 << 20)
            .with_scheduled_delay(std::time::Duration::from_millis(100))
            .build()
    } else {
        BatchConfigBuilder::default().build()
    };
    let processor = BatchSpanProcessor::builder(Otlp::default())
        .with_batch_config(config)
        .build();
    SdkTracerProvider::builder()
        .with_span_processor(processor)
        .build()
}
