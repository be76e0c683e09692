//! Spans that somebody else made, as OTLP: what they stand for is read off their attributes.
//!
//! The kind, the model call, the tool and the agent are settled anew each time a span is written, for attributes come
//! at any time while it runs. Knows what a dialect's reading is made of, not the dialects.

use serde_json::Value;

use super::{End, Own, attribute, price};
use crate::model::agent::AgentRef;
use crate::model::dialect::{self, AgentSaid, Origin, Reading};
use crate::model::error::ErrorRecord;
use crate::model::id::SpanId;
use crate::model::rollup::Share;
use crate::model::semconv;
use crate::model::span::{Guardrail, SpanKind, Status};
use crate::model::wire::put;
use crate::record::callsite::Foreign;
use crate::record::ring::PROGRESS;
use crate::sync::Relaxed;

/// Writes such a span, ended or still open; what there is to count of it.
pub(super) fn write(
    out: &mut Vec<u8>,
    own: &Own<'_>,
    from: Foreign,
    end: Option<&End<'_>>,
) -> Share {
    let mut said = read(own, from);
    if let Some(by_hand) = own.notes.and_then(|notes| notes.llm.as_deref()) {
        let read = said.call.take().unwrap_or_default();
        said.call = Some(by_hand.clone().over(read));
    }
    // Long messages take their time, and that is no standstill.
    PROGRESS.0.fetch_add(1, Relaxed);
    if let Some(call) = &mut said.call {
        own.estimate(call);
        price(call, end.map_or(own.start, |end| end.time));
        own.redactor.call(own.place(), call);
    }
    let name = said.name.as_deref().unwrap_or(own.name());
    let ended = end.map_or(0, |end| end.time);
    let (id, parent) = (SpanId(own.id), SpanId(own.parent).some());
    put::bounds(out, id, parent, own.start, ended);
    put::entity(out, said.kind, name, said.call.as_ref());
    if let Some(call) = &said.call {
        put::llm(out, call);
    }
    if let Some(tool) = &said.tool {
        put::tool(out, tool);
    }
    if let Some(agent) = said.agent.filter(|agent| own.agent != Some(&*agent.name)) {
        put::agent(out, &agent_ref(agent));
    }
    if own.adopted {
        put::attr_bool(out, semconv::SPAN_ADOPTED, true);
    }
    let content = own.redactor.shows_content();
    let values = [
        (semconv::ENTITY_INPUT, said.input),
        (semconv::ENTITY_OUTPUT, said.output),
    ];
    for (key, value) in values {
        if let Some(value) = value.filter(|_| content) {
            put::attr_text(out, key, |out| drop(serde_json::to_writer(out, &value)));
        }
    }
    // A text that nobody here understands may be content.
    let shown = |value: &&Value| content || value.is_number() || value.is_boolean();
    for (key, value) in &said.attributes {
        if let Some(value) = Some(value).filter(shown) {
            attribute(out, key, value);
        }
    }
    if let Some(notes) = own.notes {
        notes.links.iter().for_each(|link| put::link(out, link));
    }
    let mut status = said.status;
    if let Some(end) = end
        && write_end(out, own, end, said.kind, said.status, said.error)
    {
        status = Status::Error;
    }
    let cancelled = end.is_some_and(|end| end.cancelled);
    let tool = said.tool.and_then(|tool| tool.cost);
    Share::new(said.kind, said.call.as_ref(), tool, status, cancelled)
}

fn read(own: &Own<'_>, from: Foreign) -> Reading {
    let attributes = own.notes.map(|notes| notes.attributes.clone());
    let origin = Origin {
        scope: from.target,
        name: own.meta.name,
    };
    dialect::read(origin, attributes.unwrap_or_default())
}

/// Where it has no id of its own, its name is what tells it from others.
fn agent_ref(AgentSaid { id, name, role }: AgentSaid) -> AgentRef {
    AgentRef {
        id: id.unwrap_or_else(|| name.clone()),
        name,
        role,
        model: None,
    }
}

/// Whether it ended with an error.
fn write_end(
    out: &mut Vec<u8>,
    own: &Own<'_>,
    end: &End<'_>,
    kind: SpanKind,
    status: Status,
    said: Option<(String, String)>,
) -> bool {
    if let Some((polls, busy)) = end.polls {
        put::attr_u64(out, semconv::ASYNC_POLLS, polls);
        put::attr_u64(out, semconv::ASYNC_BUSY, busy);
    }
    let of_attributes = |(code, details)| {
        let mut error = ErrorRecord {
            kind: kind.as_str().into(),
            code,
            details,
            time: end.time,
            ..ErrorRecord::default()
        };
        own.redactor.error(own.place(), &mut error);
        error
    };
    let noted = || own.notes?.error.clone();
    let error = end
        .error
        .clone()
        .or_else(noted)
        .or_else(|| said.map(of_attributes));
    match &error {
        Some(error) => {
            let details = Some(&*error.details).filter(|_| own.redactor.shows_content());
            put::status(out, Status::Error, details);
            put::exception(out, error);
        }
        None if end.cancelled => put::attr_bool(out, semconv::SPAN_CANCELLED, true),
        // Of a model call that says nothing of an answer it is not known whether one came.
        None if status == Status::Unset && kind != SpanKind::Llm => {
            put::status(out, Status::Ok, None);
        }
        None => put::status(out, status, None),
    }
    if kind == SpanKind::Guardrail {
        let triggered = Some(error.is_some());
        let spec = None;
        put::guardrail(out, &Guardrail { spec, triggered });
    }
    error.is_some()
}
