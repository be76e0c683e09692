//! From a span's records to the bytes of an OTLP `Span`.
//!
//! What all spans of a callsite, a scope or a thread have in common is encoded once, as a piece; a span's own bytes
//! are what is left. Knows records and the wire, not when a span is complete.

mod foreign;

use serde_json::{Map, Value};

use super::estimate;
use super::exchange::Exchange;
use super::redact::{Place, Redactor, Walk};
use crate::model::error::ErrorRecord;
use crate::model::id::{SessionId, SpanId, TraceId};
use crate::model::llm::{Completion, LlmCall};
use crate::model::recognise;
use crate::model::rollup::Share;
use crate::model::semconv;
use crate::model::session::SessionFacts;
use crate::model::span::{Guardrail, Link, Source, SpanKind, Status, Thread, ToolCall};
use crate::model::time::UnixNanos;
use crate::model::wire::put;
use crate::record::callsite::Meta;
use crate::record::note::Ended;
use crate::record::ring::{PROGRESS, ThreadName};
use crate::record::scope::Scope;
use crate::record::value::{self, Filter, REDACTED, string};
use crate::sync::Relaxed;

/// Everything about a span that is its own.
#[derive(Debug)]
pub(super) struct Own<'a> {
    pub(super) meta: &'a Meta,
    pub(super) id: u64,
    pub(super) parent: u64,
    pub(super) adopted: bool,
    pub(super) start: UnixNanos,
    /// Names an agent's or a session's span, and one whose callsite has no name.
    pub(super) dynamic_name: Option<&'a str>,
    pub(super) input: Option<&'a [u8]>,
    pub(super) notes: Option<&'a Notes>,
    /// Its callsite's, made once.
    pub(super) arguments: &'a [Argument],
    /// Says what of it may be seen.
    pub(super) redactor: &'a Redactor,
    /// The name of the agent that it is attributed to, of a span whose callsite is somebody else's.
    pub(super) agent: Option<&'a str>,
}

/// An argument of a callsite.
#[derive(Debug)]
pub(super) struct Argument {
    name: &'static str,
    /// What stands before its value in the JSON of all.
    head: Box<[u8]>,
    /// Its name is not that of a secret.
    visible: bool,
}

/// What the JSON of a callsite's arguments is made of.
pub(super) fn arguments(meta: &Meta, redactor: &Redactor) -> Box<[Argument]> {
    let one = |(number, name): (usize, &&'static str)| {
        let mut head = vec![if number == 0 { b'{' } else { b',' }];
        let place = Place {
            name: meta.name,
            kind: meta.kind,
        };
        let visible = redactor.walk(place, "").key(name.as_bytes(), &mut head);
        head.push(b':');
        Argument {
            name,
            head: head.into(),
            visible,
        }
    };
    meta.arguments.iter().enumerate().map(one).collect()
}

/// How a span ended.
#[derive(Debug)]
pub(super) struct End<'a> {
    pub(super) time: UnixNanos,
    pub(super) cancelled: bool,
    pub(super) output: Option<&'a [u8]>,
    /// How the stream of a model call ended, where there is one.
    pub(super) stream_ended: Option<Ended>,
    pub(super) error: Option<ErrorRecord>,
    pub(super) polls: Option<(u64, u64)>,
    /// What is known of the session whose own span this is.
    pub(super) facts: Option<&'a SessionFacts>,
}

/// What was said about a span while it ran.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// The span's name, where its callsite has none.
    pub(super) name: Option<String>,
    /// A captured value, where it is not among the arguments.
    pub(super) input: Option<Box<[u8]>>,
    pub(super) tags: Vec<String>,
    pub(super) attributes: Map<String, Value>,
    pub(super) links: Vec<Link>,
    pub(super) error: Option<ErrorRecord>,
    pub(super) stream: Option<Stream>,
    /// A model call, as it was said by hand.
    pub(super) llm: Option<Box<LlmCall>>,
    /// What went over the wire, where a hook in a client saw it.
    pub(super) exchange: Option<Box<Exchange>>,
}

/// What a model call's stream was.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) ended: Ended,
    /// From the start of the span to the first item, in nanoseconds.
    first: Option<u64>,
    /// When the last item came, as the clock has it, where the stream did not end by itself.
    pub(super) last: Option<u64>,
    /// A captured array; nothing where items are not captured.
    pub(super) items: Box<[u8]>,
}

impl Stream {
    pub(super) fn new(
        ended: Ended,
        first: Option<u64>,
        last: Option<u64>,
        items: Box<[u8]>,
    ) -> Self {
        Self {
            ended,
            first,
            last,
            items,
        }
    }

    pub(super) fn read(said: &[u8]) -> Option<Self> {
        let (facts, length) = value(said);
        Some(Self {
            ended: Ended::read(facts[0].as_str()?)?,
            first: facts[1].as_u64(),
            last: facts[2].as_u64(),
            items: said[length..].into(),
        })
    }

    /// Whether all items that came are there.
    fn is_whole(&self) -> bool {
        let items = value(&self.items).0;
        let is_cut = |item: &Value| item.get("$truncated").is_some();
        !items
            .as_array()
            .is_some_and(|items| items.iter().any(is_cut))
    }

    /// Whether the answer came to its end, whoever dropped the stream then.
    pub(super) fn is_complete(&self) -> bool {
        !self.items.is_empty() && recognise::is_complete(&value(&self.items).0)
    }
}

/// What all spans of a callsite have in common.
pub(super) fn site_piece(meta: &Meta) -> Vec<u8> {
    let mut piece = Vec::with_capacity(256);
    // A model call is named after its model, an agent and a session after who they are.
    if is_named_by_site(meta) {
        put::entity(&mut piece, meta.kind, meta.name, None);
    }
    let place = match meta.foreign {
        None => Some((meta.location.file(), meta.location.line())),
        Some(foreign) => foreign.file.zip(foreign.line),
    };
    // A session without a function stands nowhere in the program's source.
    if let Some((file, line)) = place.filter(|_| meta.module != OURS) {
        let source = Source {
            file: file.into(),
            line,
            function: meta.path(),
        };
        put::source(&mut piece, &source);
    }
    if let Some(version) = meta.version {
        put::attr_str(&mut piece, semconv::VERSION, version);
    }
    if !meta.tags.is_empty() && meta.kind != SpanKind::Session {
        put::attr_strs(&mut piece, semconv::TAGS, meta.tags);
    }
    match meta.kind {
        SpanKind::Tool if is_named_by_site(meta) => {
            let description = meta.description.map(Into::into);
            put::tool(
                &mut piece,
                &ToolCall {
                    name: meta.name.into(),
                    description,
                    call_id: None,
                    cost: meta.tool_cost(),
                },
            );
        }
        SpanKind::Operation | SpanKind::Task => {
            put::attr_str(
                &mut piece,
                semconv::OPERATION_TYPE,
                meta.operation_type.unwrap_or("function"),
            );
        }
        SpanKind::Guardrail => {
            let spec = meta.spec.map(Into::into);
            put::guardrail(
                &mut piece,
                &Guardrail {
                    spec,
                    triggered: None,
                },
            );
        }
        _ => {}
    }
    piece
}

/// The module of callsites that no function of the program stands for.
const OURS: &str = "agentops";

fn is_named_by_site(meta: &Meta) -> bool {
    !matches!(
        meta.kind,
        SpanKind::Llm | SpanKind::Agent | SpanKind::Session
    ) && !meta.name.is_empty()
        && meta.foreign.is_none()
}

/// What all spans of a scope have in common.
pub(super) fn scope_piece(scope: &Scope) -> Vec<u8> {
    let mut piece = Vec::with_capacity(192);
    put::trace(&mut piece, TraceId(scope.trace));
    put::session(&mut piece, SessionId(scope.session));
    put::agent(&mut piece, &scope.agent_ref());
    piece
}

/// What all spans that start on a thread have in common.
pub(super) fn thread_piece(thread: &ThreadName, redactor: &Redactor) -> Vec<u8> {
    let mut piece = Vec::with_capacity(64);
    let name = thread.name.as_deref().map(|name| redactor.thread(name));
    put::thread(
        &mut piece,
        &Thread {
            id: thread.id,
            name,
        },
    );
    piece
}

/// A span that has started and not ended.
pub(super) fn pending(out: &mut Vec<u8>, own: &Own<'_>) {
    match own.meta.foreign {
        Some(from) => drop(foreign::write(out, own, from, None)),
        None => own.write(out, 0, None),
    }
    put::pending(out);
}

/// A span that has ended; what there is to count of it.
pub(super) fn ended(out: &mut Vec<u8>, own: &Own<'_>, end: &End<'_>) -> Share {
    if let Some(from) = own.meta.foreign {
        return foreign::write(out, own, from, Some(end));
    }
    let call = (own.meta.kind == SpanKind::Llm).then(|| model_call(own, end));
    own.write(out, end.time, call.as_ref());
    let used = own.notes.and_then(|notes| notes.llm.as_deref());
    let used = used.filter(|_| call.is_none()).map(|used| {
        let mut used = used.clone();
        settle(own, end, &mut used);
        put::llm(out, &used);
        used
    });
    let outputs = end.output.unwrap_or_default();
    let mut at = 0;
    if own.meta.output && !outputs.is_empty() {
        match &call {
            Some(call) => {
                at = call.output.length;
                call.output.put(out, semconv::ENTITY_OUTPUT);
            }
            None if own.redactor.shows_content() => {
                put::attr_text(out, semconv::ENTITY_OUTPUT, |out| {
                    at = own.output(outputs, out).0;
                });
            }
            None => at = value::to_json(outputs, &mut Vec::new()),
        }
    }
    own.attributes(out, own.meta.returns, &outputs[at..]);
    if let Some(ended) = end.stream_ended {
        put::attr_str(out, semconv::STREAM_ENDED, ended.as_str());
    }
    if let Some((polls, busy)) = end.polls {
        put::attr_u64(out, semconv::ASYNC_POLLS, polls);
        put::attr_u64(out, semconv::ASYNC_BUSY, busy);
    }
    let error = end.error.as_ref().or_else(|| own.notes?.error.as_ref());
    match error {
        Some(error) => {
            let details = Some(&*error.details);
            put::status(
                out,
                Status::Error,
                details.filter(|_| own.redactor.shows_content()),
            );
            put::exception(out, error);
        }
        None if end.cancelled => put::attr_bool(out, semconv::SPAN_CANCELLED, true),
        None => put::status(out, Status::Ok, None),
    }
    if own.meta.kind == SpanKind::Guardrail {
        put::guardrail(
            out,
            &Guardrail {
                spec: None,
                triggered: Some(error.is_some()),
            },
        );
    }
    if let Some(facts) = end.facts {
        put::facts(out, facts);
    }
    let status = if error.is_some() {
        Status::Error
    } else {
        Status::Ok
    };
    let call = call.map(|call| call.record).or(used);
    let tool = own.meta.tool_cost();
    Share::new(own.meta.kind, call.as_ref(), tool, status, end.cancelled)
}

impl Own<'_> {
    fn write(&self, out: &mut Vec<u8>, end: UnixNanos, call: Option<&ModelCall>) {
        put::bounds(
            out,
            SpanId(self.id),
            SpanId(self.parent).some(),
            self.start,
            end,
        );
        if !is_named_by_site(self.meta) {
            let name = self.name();
            put::entity(out, self.meta.kind, name, call.map(|call| &call.record));
            if self.meta.kind == SpanKind::Tool {
                put::attr_str(out, semconv::TOOL_NAME, name);
            }
        }
        if let Some(call) = call {
            put::llm(out, &call.record);
        }
        if self.adopted {
            put::attr_bool(out, semconv::SPAN_ADOPTED, true);
        }
        let mut at = 0;
        match (self.given(), call) {
            (None, _) => {}
            (Some(_), Some(call)) => {
                at = call.input.length;
                call.input.put(out, semconv::ENTITY_INPUT);
            }
            (Some(given), None) if self.redactor.shows_content() => {
                put::attr_text(out, semconv::ENTITY_INPUT, |out| {
                    at = self.visible_input(given, out).0;
                });
            }
            (Some(given), None) => at = self.whole_input(given, &mut Vec::new()),
        }
        if let Some(input) = self.input {
            at += self.attributes(out, self.meta.attributes, &input[at..]);
            // What is captured of an agent beyond what its callsite names is its state.
            if self.meta.kind == SpanKind::Agent
                && at < input.len()
                && self.redactor.shows_content()
            {
                let key = semconv::AGENT_STATE;
                let state = self
                    .redactor
                    .named(self.place(), "/attributes", key, &input[at..]);
                // Most have none.
                if !state.1.is_null() {
                    put::attr_json(out, key, &state.1);
                }
            }
        }
        if let Some(notes) = self.notes {
            if !notes.tags.is_empty() {
                put::attr_strs(out, semconv::TAGS, &notes.tags);
            }
            notes
                .attributes
                .iter()
                .for_each(|(key, value)| attribute(out, key, value));
            notes.links.iter().for_each(|link| put::link(out, link));
        }
    }
}

impl Own<'_> {
    fn name(&self) -> &str {
        self.dynamic_name.unwrap_or(self.meta.name)
    }

    fn place(&self) -> Place<'_> {
        Place {
            name: self.name(),
            kind: self.meta.kind,
        }
    }

    /// Says what a stream took, where nobody else does and that was asked for.
    fn estimate(&self, call: &mut LlmCall) {
        let stream = self.notes.and_then(|notes| notes.stream.as_ref());
        if call.usage.is_none() && estimate::is_asked_for() && stream.is_none_or(Stream::is_whole) {
            call.usage = estimate::estimate(call);
        }
    }

    /// What it was given, if anything was.
    fn given(&self) -> Option<Given<'_>> {
        if self.arguments.is_empty() {
            Some(Given::Value(self.notes?.input.as_deref()?))
        } else {
            self.input.map(Given::Arguments)
        }
    }

    /// What it was given as JSON, as far as it may be seen: how many bytes it was, and whether less is said than it was.
    fn visible_input(&self, given: Given<'_>, out: &mut Vec<u8>) -> (usize, bool) {
        self.visible("/input", out, |walk, out| match given {
            Given::Arguments(input) => object(self.arguments, input, walk, out),
            Given::Value(input) => one(input, walk, out),
        })
    }

    /// All of what it was given.
    fn whole_input(&self, given: Given<'_>, out: &mut Vec<u8>) -> usize {
        match given {
            Given::Arguments(input) => object(self.arguments, input, None, out),
            Given::Value(input) => one(input, None, out),
        }
    }

    /// As [`visible_input`](Self::visible_input), of what came out.
    fn output(&self, output: &[u8], out: &mut Vec<u8>) -> (usize, bool) {
        self.visible("/output", out, |walk, out| one(output, walk, out))
    }

    fn visible(
        &self,
        path: &str,
        out: &mut Vec<u8>,
        write: impl FnOnce(Option<&mut Walk<'_>>, &mut Vec<u8>) -> usize,
    ) -> (usize, bool) {
        let mut walk = self.redactor.walk(self.place(), path);
        if walk.is_visible() {
            return (write(Some(&mut walk), out), walk.changed);
        }
        (hidden(out, |json| write(None, json)), true)
    }

    /// Values in a row as attributes of their own; how many bytes they were.
    fn attributes(&self, out: &mut Vec<u8>, keys: &[&str], payload: &[u8]) -> usize {
        let mut at = 0;
        for key in keys {
            // What follows from a returned value does not follow where none was.
            if at == payload.len() {
                break;
            }
            let (key, value, length) =
                self.redactor
                    .named(self.place(), "/attributes", key, &payload[at..]);
            at += length;
            attribute(out, &key, &value);
        }
        at
    }
}

/// What a span was given, as it was captured.
#[derive(Debug, Clone, Copy)]
enum Given<'a> {
    /// A function's arguments, one after another.
    Arguments(&'a [u8]),
    /// One value, that was said by hand.
    Value(&'a [u8]),
}

/// One value; how many bytes it was.
fn one(payload: &[u8], walk: Option<&mut Walk<'_>>, out: &mut Vec<u8>) -> usize {
    match walk {
        None => value::to_json(payload, out),
        Some(walk) => value::read(payload, walk, out),
    }
}

/// Values in a row as one JSON object, without a way through them all of it; how many bytes they were.
fn object(
    arguments: &[Argument],
    payload: &[u8],
    mut walk: Option<&mut Walk<'_>>,
    out: &mut Vec<u8>,
) -> usize {
    let mut at = 0;
    if let Some(walk) = &mut walk {
        walk.open();
    }
    for argument in arguments {
        out.extend_from_slice(&argument.head);
        let rest = &payload[at..];
        at += match &mut walk {
            None => value::to_json(rest, out),
            Some(walk) => {
                if walk.argument(argument.name, argument.visible) {
                    value::read(rest, *walk, out)
                } else {
                    hidden(out, |json| value::to_json(rest, json))
                }
            }
        };
    }
    out.push(b'}');
    at
}

/// In the place of what is not to be seen.
#[cold]
fn hidden(out: &mut Vec<u8>, pass_over: impl FnOnce(&mut Vec<u8>) -> usize) -> usize {
    string(REDACTED.as_bytes(), out);
    pass_over(&mut Vec::new())
}

/// An attribute that its author named. Ours cannot be spoken over: a key of our own namespace gets another.
fn attribute(out: &mut Vec<u8>, key: &str, value: &Value) {
    if key.starts_with(RESERVED) {
        put::attr_json(out, &format!("user.{key}"), value);
    } else {
        put::attr_json(out, key, value);
    }
}

/// The namespace in which only we write.
const RESERVED: &str = "agentops.";

/// The first captured value, all of it, and how many bytes it was.
pub(super) fn value(payload: &[u8]) -> (Value, usize) {
    let mut json = Vec::new();
    let length = value::to_json(payload, &mut json);
    (parse(&json), length)
}

fn parse(json: &[u8]) -> Value {
    serde_json::from_slice(json).unwrap_or(Value::Null)
}

/// A model call, as far as it may be seen.
struct ModelCall {
    record: LlmCall,
    input: Shown,
    output: Shown,
}

/// What a model call was given, or what came out: as JSON text.
#[derive(Default)]
struct Shown {
    /// `None` where it is not shown at all.
    json: Option<Vec<u8>>,
    /// How many bytes it was as it was captured.
    length: usize,
}

impl Shown {
    /// And whether it says less than what was captured.
    fn of<C>(
        captured: Option<C>,
        write: impl FnOnce(C, &mut Vec<u8>) -> (usize, bool),
    ) -> (Self, bool) {
        let Some(captured) = captured else {
            return Default::default();
        };
        let mut json = Vec::new();
        let (length, changed) = write(captured, &mut json);
        let json = Some(json);
        (Self { json, length }, changed)
    }

    fn put(&self, out: &mut Vec<u8>, key: &str) {
        if let Some(json) = &self.json {
            put::attr_text(out, key, |out| out.extend_from_slice(json));
        }
    }
}

/// What the recogniser makes of a model call's arguments and answer; what the attribute says fills the gaps.
///
/// It is shown all of it, so that what is counted and paid for is known whatever may be seen; what was said is taken
/// from what may be seen.
fn model_call(own: &Own<'_>, end: &End<'_>) -> ModelCall {
    let input = own.given();
    let output = end
        .output
        .filter(|output| own.meta.output && !output.is_empty());
    let (mut input_shown, input_changed) =
        Shown::of(input, |input, json| own.visible_input(input, json));
    let (mut output_shown, output_changed) =
        Shown::of(output, |output, json| own.output(output, json));
    let stream = own.notes.and_then(|notes| notes.stream.as_ref());
    let answer = |response: Value| match stream {
        Some(_) => recognise::joined(response),
        None => response,
    };
    let request = input_shown.json.as_deref().map(parse);
    let response = output_shown.json.as_deref().map(parse).map(answer);
    // Long prompts take their time, and that is no standstill.
    PROGRESS.0.fetch_add(1, Relaxed);
    let recognised = |request: Option<&Value>, response: Option<&Value>| {
        recognise::recognise(request, response).unwrap_or_default()
    };
    let mut call = recognised(request.as_ref(), response.as_ref());
    if input_changed || output_changed {
        let whole_request = input.map(|input| {
            let mut json = Vec::new();
            own.whole_input(input, &mut json);
            parse(&json)
        });
        let whole_response = output.map(|output| answer(value(output).0));
        let mut whole = recognised(whole_request.as_ref(), whole_response.as_ref());
        whole.streaming |= stream.is_some();
        own.estimate(&mut whole);
        call = LlmCall {
            messages: call.messages,
            completions: finished(call.completions, whole.completions),
            parameters: call.parameters,
            provider_error: call.provider_error,
            ..whole
        };
    }
    if let Some(stream) = stream {
        call.streaming = true;
        call.time_to_first_token = call.time_to_first_token.or(stream.first);
    }
    let fill = |known: &mut Option<String>, said: Option<&str>| {
        if known.is_none() {
            *known = said.map(Into::into);
        }
    };
    if let Some(said) = own.notes.and_then(|notes| notes.llm.as_deref()) {
        call = said.clone().over(call);
    }
    fill(&mut call.request_model, own.meta.model);
    fill(&mut call.provider, own.meta.provider);
    if let Some(exchange) = own.notes.and_then(|notes| notes.exchange.as_deref()) {
        fill(&mut call.request_model, exchange.model.as_deref());
        fill(&mut call.operation, exchange.operation);
    }
    let is_pieced_together = settle(own, end, &mut call);
    if is_pieced_together && output_shown.json.is_some() {
        output_shown.json = Some(format!("\"{REDACTED}\"").into());
    }
    if !own.redactor.shows_content() {
        (input_shown.json, output_shown.json) = (None, None);
    }
    ModelCall {
        record: call,
        input: input_shown,
        output: output_shown,
    }
}

/// What a model call cost, and what of it may be seen; whether only taking together what was said has shown that.
fn settle(own: &Own<'_>, end: &End<'_>, call: &mut LlmCall) -> bool {
    own.estimate(call);
    price(call, end.time);
    own.redactor.call(own.place(), call)
}

/// Why each choice ended is known even where what it said may not be seen.
fn finished(seen: Vec<Completion>, whole: Vec<Completion>) -> Vec<Completion> {
    if seen.len() == whole.len() {
        return seen;
    }
    let ended = whole.into_iter().map(|choice| Completion {
        role: choice.role,
        finish_reason: choice.finish_reason,
        ..Completion::default()
    });
    ended.collect()
}

#[cfg(feature = "pricing")]
fn price(call: &mut LlmCall, at: UnixNanos) {
    call.cost = crate::model::pricing::price(call, at);
}

/// The reader prices what the program did not.
#[cfg(not(feature = "pricing"))]
fn price(_: &mut LlmCall, _: UnixNanos) {}
