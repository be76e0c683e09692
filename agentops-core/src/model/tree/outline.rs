//! Traces as text that is the same in every run of the same program: no ids, no times, nothing that was measured.
//!
//! What tests compare with. Knows spans, and not how they were recorded.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::text::clean;
use super::{model, newcomer_to};
use crate::model::id::SpanId;
use crate::model::semconv;
use crate::model::span::{Link, Span, Status};
use crate::model::trace::Trace;

/// How much of each span an outline has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Detail {
    /// Kind, name, agent where it changes, model, how it ended, an error's code.
    Names,
    /// Also input, output, attributes, logs, and what an error says.
    Values,
}

/// Draws traces as one tree: a line for each span, indented under its parent, siblings by start.
///
/// A session that was opened in a span of another one of these traces stands beneath that span.
///
/// ```text
/// AGENT planner {"goal":"tidy"} -> 2
///   LLM ask · gpt-4o-mini {"prompt":"tidy"} -> "grep"
///   TOOL grep {"pattern":"fn"} limit=2 [WARN slow] ! NotFound: no such file
/// ```
#[must_use]
pub fn outline<'a>(traces: impl IntoIterator<Item = &'a Trace>, detail: Detail) -> String {
    let mut spans: Vec<&Span> = traces.into_iter().flat_map(|trace| &trace.spans).collect();
    spans.sort_by_key(|span| span.start);
    let places: HashMap<SpanId, usize> = spans
        .iter()
        .enumerate()
        .map(|(at, span)| (span.id, at))
        .collect();
    let parents: Vec<Option<usize>> = spans.iter().map(|span| around(span, &places)).collect();

    let mut children: Vec<Vec<usize>> = vec![Vec::new(); spans.len()];
    let mut stack = Vec::new();
    for (at, parent) in parents.iter().enumerate().rev() {
        match parent {
            Some(parent) => children[*parent].push(at),
            None => stack.push((at, 0)),
        }
    }
    // Both were filled from the last to the first, so that the earliest is on top of the stack.
    let mut text = String::new();
    while let Some((at, depth)) = stack.pop() {
        let line = line(spans[at], parents[at].map(|parent| spans[parent]), detail);
        let _ = writeln!(text, "{:1$}{2}", "", depth * 2, clean(&line));
        stack.extend(children[at].drain(..).map(|child| (child, depth + 1)));
    }
    text
}

/// The span that it ran in; of a session's own the one that the session was opened in, which it is linked to.
fn around(span: &Span, places: &HashMap<SpanId, usize>) -> Option<usize> {
    match span.parent_id {
        Some(parent) => places.get(&parent).copied(),
        None => {
            let elsewhere = |link: &&Link| link.trace_id != span.trace_id;
            let mut linked = span.links.iter().filter(elsewhere);
            linked.find_map(|link| places.get(&link.span_id).copied())
        }
    }
}

fn line(span: &Span, parent: Option<&Span>, detail: Detail) -> String {
    let mut line = format!("{} {}", span.kind, span.name);
    let mut add = |text: std::fmt::Arguments<'_>| {
        let _ = line.write_fmt(text);
    };
    let parent = parent.filter(|parent| parent.session_id == span.session_id);
    if let Some(agent) = newcomer_to(span, parent) {
        add(format_args!(" @{agent}"));
    }
    if let Some(model) = model(span).filter(|model| **model != span.name) {
        add(format_args!(" · {model}"));
    }
    let values = detail == Detail::Values;
    if values {
        if let Some(input) = &span.input {
            add(format_args!(" {input}"));
        }
        if let Some(output) = &span.output {
            add(format_args!(" -> {output}"));
        }
        let attributes = span.attributes.iter();
        // How long it took to come is measured.
        for (key, value) in attributes.filter(|(key, _)| *key != semconv::STREAM_FIRST_ITEM) {
            add(format_args!(" {key}={value}"));
        }
        for log in &span.logs {
            add(format_args!(" [{} {}]", log.level, log.message));
        }
    }
    match &span.error {
        Some(error) if values && !error.details.is_empty() => {
            add(format_args!(" ! {}: {}", error.code, error.details));
        }
        Some(error) => add(format_args!(" ! {}", error.code)),
        None => {}
    }
    match span.status {
        _ if span.open => add(format_args!(" (open)")),
        _ if span.cancelled => add(format_args!(" (cancelled)")),
        Status::Unset => add(format_args!(" (unset)")),
        Status::Ok | Status::Error => {}
    }
    line
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::event::Event;
    use crate::model::id::SessionId;
    use crate::model::span::SpanKind::{Agent, Session, Tool};
    use crate::model::span::{Level, Log};
    use crate::model::trace::Traces;
    use crate::model::trace::samples::{START, by, failed, resource, span};

    fn traces(spans: Vec<Span>) -> Vec<Trace> {
        let mut traces = Traces::default();
        for span in spans {
            let event = if span.open {
                Event::SpanStarted
            } else {
                Event::SpanEnded
            };
            traces.apply(&resource(), event(Box::new(span)));
        }
        traces.finish()
    }

    #[track_caller]
    fn check(spans: Vec<Span>, detail: Detail, expected: &str) {
        let traces = traces(spans);
        assert_eq!(outline(&traces, detail), expected);
    }

    fn run() -> Vec<Span> {
        let mut grep = by("planner", span(Tool, "grep", 3, 2, 20, 30));
        grep.input = Some(json!({"pattern": "a\nb"}));
        grep.output = Some(json!(3));
        grep.attributes.insert("limit".into(), json!([1]));
        grep.logs.push(Log {
            time: START,
            level: Level::Warn,
            target: String::new(),
            message: "two\nlines".into(),
            attributes: Default::default(),
        });
        let mut open = span(Tool, "ls", 5, 1, 40, 40);
        (open.open, open.end) = (true, None);
        vec![
            span(Session, "run", 1, 0, 0, 90),
            failed(
                "NotFound",
                "no \u{202e}file",
                span(Tool, "cat", 4, 1, 35, 36),
            ),
            by("planner", span(Agent, "planner", 2, 1, 10, 30)),
            open,
            grep,
        ]
    }

    #[test]
    fn names() {
        let expected = "\
SESSION run
  AGENT planner
    TOOL grep
  TOOL cat ! NotFound
  TOOL ls (open)
";
        check(run(), Detail::Names, expected);
    }

    #[test]
    fn values() {
        let expected = r#"SESSION run
  AGENT planner
    TOOL grep {"pattern":"a\nb"} -> 3 limit=[1] [WARN two\nlines]
  TOOL cat ! NotFound: no \u{202e}file
  TOOL ls (open)
"#;
        check(run(), Detail::Values, expected);
    }

    #[test]
    fn a_session_stands_beneath_the_span_that_it_was_opened_in() {
        let session = SessionId(7);
        let mut root = span(Session, "inner", 11, 0, 21, 22);
        root.links.push(Link {
            trace_id: run()[0].trace_id,
            span_id: SpanId(3),
            attributes: Default::default(),
        });
        let mut spans = vec![root, span(Tool, "ls", 12, 11, 21, 22)];
        for span in &mut spans {
            (span.session_id, span.trace_id) = (session, session.trace());
        }
        spans.extend(run());
        let expected = "\
SESSION run
  AGENT planner
    TOOL grep
      SESSION inner
        TOOL ls
  TOOL cat ! NotFound
  TOOL ls (open)
";
        check(spans, Detail::Names, expected);
    }
}
