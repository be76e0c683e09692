//! `ExportTraceServiceRequest`: resources, and the spans that each of them recorded.
//!
//! What OTLP exporters send and servers receive. Knows nothing of what is inside a span.

use serde_json::{Map, Value};

use super::proto::{Field, Fields, bytes, nested};
use super::value::Budget;
use super::{WireError, decode_span, resource};
use crate::model::event::Resource;
use crate::model::span::Span;

const RESOURCE_SPANS: u8 = 1;
const RESOURCE: u8 = 1;
const SCOPE_SPANS: u8 = 2;
const SCOPE: u8 = 1;
const SCOPE_NAME: u8 = 1;
const SPANS: u8 = 2;

/// What one resource recorded, as it stands in a request: spans, or logs, whose requests have the same shape.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourceSpans<'a> {
    /// Who recorded.
    pub resource: Resource,
    /// What the resource says besides.
    pub attributes: Map<String, Value>,
    /// The bytes of each.
    pub spans: Vec<ScopeSpan<'a>>,
}

/// A span or a log, as it stands in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScopeSpan<'a> {
    /// Who made it: the name of its instrumentation scope.
    pub scope: &'a str,
    /// The message.
    pub bytes: &'a [u8],
}

/// Encodes a request of one resource's spans, each encoded already.
pub fn encode_request<'a>(resource: &[u8], spans: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut request = Vec::new();
    nested(&mut request, RESOURCE_SPANS, |buf| {
        bytes(buf, RESOURCE, resource);
        nested(buf, SCOPE_SPANS, |buf| {
            nested(buf, SCOPE, |buf| bytes(buf, SCOPE_NAME, b"agentops"));
            for span in spans {
                bytes(buf, SPANS, span);
            }
        });
    });
    request
}

/// Decodes a request, all of it or nothing; who would rather keep the good spans beside a bad one uses
/// [`split_request`].
///
/// # Errors
///
/// Where the bytes are no protobuf, or any span or resource in them is not one.
pub fn decode_request(request: &[u8]) -> Result<Vec<(Resource, Vec<Span>)>, WireError> {
    let decode = |ResourceSpans {
                      resource, spans, ..
                  }: ResourceSpans<'_>| {
        let spans: Result<_, _> = spans
            .into_iter()
            .map(|span| decode_span(span.bytes))
            .collect();
        Ok((resource, spans?))
    };
    split_request(request)?.into_iter().map(decode).collect()
}

/// Takes a request apart without decoding its spans; leaves out resources that have none.
///
/// # Errors
///
/// Where the bytes are no protobuf, or any resource in them is not one.
pub fn split_request(request: &[u8]) -> Result<Vec<ResourceSpans<'_>>, WireError> {
    let mut budget = Budget::new();
    let mut resources = Vec::new();
    for message in messages(request, RESOURCE_SPANS) {
        budget.spend()?;
        let found = resource_spans(message?, &mut budget)?;
        if !found.spans.is_empty() {
            resources.push(found);
        }
    }
    Ok(resources)
}

fn resource_spans<'a>(
    message: &'a [u8],
    budget: &mut Budget,
) -> Result<ResourceSpans<'a>, WireError> {
    let (mut resource, mut attributes) = Default::default();
    for found in messages(message, RESOURCE) {
        (resource, attributes) = resource::decode(found?)?;
    }
    let mut spans = Vec::new();
    for of_scope in messages(message, SCOPE_SPANS) {
        let of_scope = of_scope?;
        let mut scope = "";
        for found in messages(of_scope, SCOPE) {
            for name in messages(found?, SCOPE_NAME) {
                scope = std::str::from_utf8(name?).unwrap_or_default();
            }
        }
        for span in messages(of_scope, SPANS) {
            budget.spend()?;
            spans.push(ScopeSpan {
                scope,
                bytes: span?,
            });
        }
    }
    Ok(ResourceSpans {
        resource,
        attributes,
        spans,
    })
}

/// The messages in one field of a message.
fn messages(message: &[u8], number: u8) -> impl Iterator<Item = Result<&[u8], WireError>> {
    Fields::new(message).filter_map(move |field| match field {
        Ok((found, Field::Bytes(bytes))) if found == number => Some(Ok(bytes)),
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    })
}
