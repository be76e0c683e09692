//! A session as an indented tree of text, for terminals and for tests.
//!
//! Console exporter and command draw the same tree from a [`Trace`]; colour and width are the caller's to choose.
//! Pure: knows no terminal, no clock, and trusts no name that it prints.

pub mod outline;
pub mod text;

use std::collections::HashMap;
use std::fmt::Write as _;

use super::agent::DEFAULT_AGENT;
use super::id::{SessionId, SpanId};
use super::llm::LlmCall;
use super::session::{EndState, SessionCost, SessionState};
use super::span::{Span, SpanKind, Status};
use super::trace::Trace;
pub use text::usd;
use text::{clean, count, duration, fit, plural, width};

/// How a tree is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    /// With ANSI colours.
    pub color: bool,
    /// Columns that there are; `None` where lines may be of any length.
    pub width: Option<usize>,
}

/// Columns that names keep, however narrow the terminal is.
const MIN_LEFT: usize = 28;
/// Columns at which numbers stand at most where lines may be of any length; longer names push them on.
const WIDE_LEFT: usize = 100;
/// Columns that indentation leaves to a name.
const MIN_NAME: usize = 16;
/// Levels that are drawn where lines may be of any length.
const MAX_LEVELS: usize = 32;

/// Draws the session: a line of its sums, then each span under its parent.
#[must_use]
pub fn render(trace: &Trace, style: Style) -> String {
    let mut text = head(trace, style);
    if !trace.spans.is_empty() {
        text.push('\n');
    }
    text + &body(trace, style)
}

/// Of what [`render`] draws the lines above the spans: name, end and sums, and what was lost.
#[must_use]
pub fn head(trace: &Trace, style: Style) -> String {
    let mut text = String::new();
    for line in head_lines(trace, style.width) {
        line.print(&mut text, style.color);
    }
    text
}

/// Of what [`render`] draws the spans: a line for each, and one for what it failed of.
#[must_use]
pub fn body(trace: &Trace, style: Style) -> String {
    let shape = Shape::of(trace);
    let cells: Vec<Cells> = (0..trace.spans.len())
        .map(|at| Cells::of(trace, &shape, at))
        .collect();
    let mut columns = Columns::of(trace, &cells, style.width);
    let lefts = lefts(trace, &shape, &columns);
    columns.left = lefts
        .iter()
        .map(|left| left.line.width())
        .max()
        .unwrap_or(0)
        .min(columns.left);

    let mut text = String::new();
    for (left, cells) in lefts.into_iter().zip(cells) {
        cells
            .behind(left.line, &columns)
            .print(&mut text, style.color);
        if let Some(fault) = left.fault {
            fault.print(&mut text, style.color);
        }
    }
    text
}

/// How spans hang together, at the same index as the spans.
struct Shape {
    parents: Vec<Option<usize>>,
    depth: Vec<usize>,
    /// No sibling comes after it.
    last: Vec<bool>,
    parent_of_any: Vec<bool>,
    /// Its error is a child's, passed on: the child shows it.
    echo: Vec<bool>,
    /// Something beneath it has no price.
    partial_below: Vec<bool>,
}

impl Shape {
    fn of(trace: &Trace) -> Self {
        let spans = &trace.spans;
        let mut places: HashMap<SpanId, usize> = HashMap::with_capacity(spans.len());
        let mut parents = Vec::with_capacity(spans.len());
        let mut depth = Vec::with_capacity(spans.len());
        for (at, span) in spans.iter().enumerate() {
            let parent = span.parent_id.and_then(|id| places.get(&id).copied());
            parents.push(parent);
            depth.push(parent.map_or(0, |parent: usize| depth[parent] + 1));
            places.insert(span.id, at);
        }
        let none = vec![false; spans.len()];
        let mut shape = Self {
            parents,
            depth,
            last: none.clone(),
            parent_of_any: none.clone(),
            echo: none.clone(),
            partial_below: none,
        };
        for at in (0..spans.len()).rev() {
            let Some(parent) = shape.parents[at] else {
                continue;
            };
            shape.last[at] = !shape.parent_of_any[parent];
            shape.parent_of_any[parent] = true;
            shape.echo[parent] |= same_fault(&spans[parent], &spans[at]);
            shape.partial_below[parent] |= trace.totals[at].partial;
        }
        shape
    }
}

fn same_fault(a: &Span, b: &Span) -> bool {
    match (&a.error, &b.error) {
        (Some(a), Some(b)) => (&a.code, &a.details) == (&b.code, &b.details),
        _ => false,
    }
}

/// The code and the first line of what an error says.
fn fault(span: &Span) -> Option<String> {
    let error = span.error.as_ref()?;
    let details = error.details.trim().lines().next().unwrap_or_default();
    Some(match (error.code.is_empty(), details.is_empty()) {
        (false, false) => format!("{}: {}", clean(&error.code), clean(details)),
        (false, true) => clean(&error.code).into_owned(),
        (true, false) => clean(details).into_owned(),
        (true, true) => return None,
    })
}

/// What stands right of the names.
struct Cells {
    duration: (Paint, String),
    tokens: Option<(String, String)>,
    cost: (Paint, String),
}

impl Cells {
    fn of(trace: &Trace, shape: &Shape, at: usize) -> Self {
        let span = &trace.spans[at];
        let duration = match span.duration() {
            Some(nanos) => (Paint::Plain, duration(nanos)),
            None if trace.session.state == SessionState::Lost => (Paint::Yellow, "lost".into()),
            None => (Paint::Yellow, "open".into()),
        };
        let usage = span
            .llm
            .as_ref()
            .and_then(|call| call.usage)
            .filter(|usage| !usage.reported);
        let tokens = usage.map(|usage| {
            let about = about(usage.estimated);
            (
                format!("{about}{}", count(usage.input)),
                format!("{about}{}", count(usage.output)),
            )
        });
        Self {
            duration,
            tokens,
            cost: cost(trace, shape, at),
        }
    }
}

/// What the span itself adds to the cost; of an agent what all beneath it cost.
fn cost(trace: &Trace, shape: &Shape, at: usize) -> (Paint, String) {
    let totals = &trace.totals[at];
    if trace.spans[at].kind == SpanKind::Agent {
        let sum = sum(totals.cost, totals.partial, totals.estimated);
        return (
            Paint::Dim,
            sum.map_or_else(String::new, |sum| format!("Σ {sum}")),
        );
    }
    let call = trace.spans[at].llm.as_ref();
    let is_estimated = call.is_some_and(LlmCall::is_cost_estimated);
    match totals.own_cost {
        Some(nanos) => (Paint::Plain, about(is_estimated) + &usd(nanos)),
        None if totals.partial && !shape.partial_below[at] => (Paint::Yellow, "unpriced".into()),
        None => (Paint::Plain, String::new()),
    }
}

/// A sum as far as it is known, a `+` saying that something is missing and a `~` that some of it is estimated; `None`
/// where nothing was to be paid for.
fn sum(known: Option<i64>, partial: bool, estimated: bool) -> Option<String> {
    let about = about(estimated);
    match (known, partial) {
        (Some(nanos), false) => Some(about + &usd(nanos)),
        (Some(nanos), true) => Some(format!("{about}{}+", usd(nanos))),
        (None, true) => Some("unpriced".into()),
        (None, false) => None,
    }
}

fn about(estimated: bool) -> String {
    if estimated { "~" } else { "" }.into()
}

/// How wide each column is.
struct Columns {
    /// All of a line.
    all: Option<usize>,
    /// Kinds, with the space behind them.
    kind: usize,
    /// Kinds and names.
    left: usize,
    duration: usize,
    input: usize,
    output: usize,
    cost: usize,
    /// Levels of indentation that are drawn.
    levels: usize,
}

impl Columns {
    fn of(trace: &Trace, cells: &[Cells], all: Option<usize>) -> Self {
        let widest = |width: fn(&Cells) -> usize| cells.iter().map(width).max().unwrap_or(0);
        let mut columns = Self {
            all,
            kind: trace
                .spans
                .iter()
                .map(|span| span.kind.as_str().len() + 2)
                .max()
                .unwrap_or(0),
            left: WIDE_LEFT,
            duration: widest(|cells| width(&cells.duration.1)),
            input: widest(|cells| cells.tokens.as_ref().map_or(0, |(input, _)| width(input))),
            output: widest(|cells| cells.tokens.as_ref().map_or(0, |(_, output)| width(output))),
            cost: widest(|cells| width(&cells.cost.1)),
            levels: MAX_LEVELS,
        };
        if let Some(all) = all {
            columns.left = all.saturating_sub(columns.right()).max(MIN_LEFT);
            columns.levels =
                (columns.left.saturating_sub(columns.kind + MIN_NAME) / 2).clamp(3, MAX_LEVELS);
        }
        columns
    }

    /// All that stands right of the names, with the space before it.
    fn right(&self) -> usize {
        let gap = |width: usize| if width > 0 { width + 2 } else { 0 };
        let tokens = if self.input > 0 {
            self.input + 1 + self.output
        } else {
            0
        };
        gap(self.duration) + gap(tokens) + gap(self.cost)
    }
}

impl Cells {
    /// The numbers, each in its column, behind `line`.
    fn behind(self, mut line: Line, columns: &Columns) -> Line {
        line.pad(columns.left);
        line.right(self.duration.0, &self.duration.1, columns.duration);
        if columns.input > 0 {
            let (input, output) = self.tokens.unwrap_or_default();
            let arrow = if input.is_empty() { " " } else { "→" };
            let tokens = format!(
                "{input:>0$}{arrow}{output:<1$}",
                columns.input, columns.output
            );
            line.right(Paint::Dim, &tokens, 0);
        }
        line.right(self.cost.0, &self.cost.1, columns.cost);
        line
    }
}

/// A span's kind and name, and its error.
struct Left {
    line: Line,
    fault: Option<Line>,
}

fn lefts(trace: &Trace, shape: &Shape, columns: &Columns) -> Vec<Left> {
    let mut guides = Guides {
        done: Vec::new(),
        levels: columns.levels,
    };
    let each = trace.spans.iter().enumerate().map(|(at, span)| {
        let (before, below) =
            guides.enter(shape.depth[at], shape.last[at], shape.parent_of_any[at]);
        let mut line = Line::default();
        line.push(Paint::Kind(span.kind), span.kind.as_str());
        line.pad(columns.kind);
        line.push(Paint::Dim, &before);
        name(
            &mut line,
            trace,
            shape,
            at,
            columns.all.map(|_| columns.left),
        );

        let fault = fault(span).filter(|_| !shape.echo[at]).map(|fault| {
            let mut line = Line::default();
            line.pad(columns.kind);
            line.push(Paint::Dim, &below);
            let room = columns.all.map_or(usize::MAX, |all| {
                all.max(MIN_LEFT).saturating_sub(line.width())
            });
            line.push(Paint::Red, &fit(&fault, room));
            line
        });
        Left { line, fault }
    });
    each.collect()
}

/// The name, and behind it what is not seen from its parents: agent, model, marks.
fn name(line: &mut Line, trace: &Trace, shape: &Shape, at: usize, limit: Option<usize>) {
    let span = &trace.spans[at];
    let mut behind = Line::default();
    if let Some(agent) = newcomer(trace, shape, at) {
        behind.push(Paint::Dim, &format!(" @{}", clean(agent)));
    }
    if let Some(model) = model(span).filter(|model| **model != span.name) {
        behind.push(Paint::Dim, &format!(" · {}", clean(model)));
    }
    if span.cancelled {
        behind.push(Paint::Yellow, " (cancelled)");
    }
    if span
        .guardrail
        .as_ref()
        .and_then(|guardrail| guardrail.triggered)
        == Some(true)
    {
        behind.push(Paint::Yellow, " (triggered)");
    }

    let paint = match (span.status, span.kind) {
        (Status::Error, _) => Paint::Red,
        (_, SpanKind::Session | SpanKind::Agent) => Paint::Bold,
        _ => Paint::Plain,
    };
    if span.status == Status::Error {
        line.push(Paint::Red, "✗ ");
    }
    let name = clean(&span.name);
    let room = limit.map_or(usize::MAX, |limit| limit.saturating_sub(line.width()));
    let name_room = room
        .saturating_sub(behind.width())
        .max(room.min(MIN_NAME / 2));
    line.push(paint, &fit(&name, name_room));
    line.append(behind, limit);
}

/// The agent's name, where its parent has another one and its own name does not say it.
fn newcomer<'a>(trace: &'a Trace, shape: &Shape, at: usize) -> Option<&'a str> {
    let parent = shape.parents[at].map(|parent| &trace.spans[parent]);
    newcomer_to(&trace.spans[at], parent)
}

fn newcomer_to<'a>(span: &'a Span, parent: Option<&Span>) -> Option<&'a str> {
    let agent = span.agent.as_ref()?;
    let before = match parent {
        Some(parent) => parent
            .agent
            .as_ref()
            .map(|agent| (agent.id.as_str(), agent.name.as_str())),
        None => Some((agent.id.as_str(), DEFAULT_AGENT)).filter(|_| agent.name == DEFAULT_AGENT),
    };
    let told = before == Some((&agent.id, &agent.name))
        || (span.kind == SpanKind::Agent && agent.name == span.name);
    (!told).then_some(agent.name.as_str())
}

fn model(span: &Span) -> Option<&String> {
    let call = span.llm.as_ref()?;
    call.request_model.as_ref().or(call.model.as_ref())
}

/// The lines that lead from spans to their children.
struct Guides {
    /// For each level above the next span: whether its last span was drawn.
    done: Vec<bool>,
    levels: usize,
}

impl Guides {
    /// What stands before a span's name, and before its error in the line below.
    fn enter(&mut self, depth: usize, last: bool, parent: bool) -> (String, String) {
        let (branch, past) = match (depth, last) {
            (0, _) => ("", ""),
            (_, true) => ("└ ", "  "),
            (_, false) => ("├ ", "│ "),
        };
        self.done.truncate(depth.saturating_sub(1));
        let (trunk, passing) = match depth {
            // The lines of so many levels would fill the screen; the number takes their place.
            deep if deep > self.levels => {
                (format!("⋯{deep} "), " ".repeat(deep.to_string().len() + 2))
            }
            _ => {
                let trunk: String = self
                    .done
                    .iter()
                    .map(|done| if *done { "  " } else { "│ " })
                    .collect();
                (trunk.clone(), trunk)
            }
        };
        self.done.extend((depth > 0).then_some(last));
        let on = if parent { "│ " } else { "  " };
        (format!("{trunk}{branch}"), format!("{passing}{past}{on}"))
    }
}

/// Name, id, how it ended, and the sums.
fn head_lines(trace: &Trace, width: Option<usize>) -> Vec<Line> {
    let session = &trace.session;
    let facts = &session.facts;
    let mut pieces = vec![
        (Paint::Bold, clean(&facts.name).into_owned()),
        (Paint::Dim, short_id(facts.id)),
    ];
    pieces.push(match (session.state, facts.end_state) {
        (SessionState::Ended, Some(state)) => (Paint::of(state), state.as_str().into()),
        (SessionState::Ended, None) => (Paint::Plain, session.state.as_str().into()),
        _ => (Paint::Yellow, session.state.as_str().into()),
    });
    let counts = &session.counts;
    if let Some(end) = facts.end {
        pieces.push((Paint::Plain, duration(end.saturating_sub(facts.start))));
    }
    pieces.push((Paint::Plain, plural(counts.spans, "span")));
    if counts.errors > 0 {
        pieces.push((Paint::Red, plural(counts.errors, "error")));
    }
    if counts.dropped > 0 {
        pieces.push((
            Paint::Yellow,
            format!("{} lost in recording", count(counts.dropped)),
        ));
    }
    if session.tokens.total > 0 {
        let tokens = plural(session.tokens.total, "token");
        pieces.push((Paint::Plain, about(session.tokens.estimated) + &tokens));
    }
    if let Some(cost) = session_cost(&session.cost) {
        pieces.push((Paint::Plain, cost));
    }
    let mut lines = flow(pieces, width);
    let mut note = |paint, text: String| {
        let mut line = Line::default();
        line.push(paint, &fit(&text, width.unwrap_or(usize::MAX)));
        lines.push(line);
    };
    if let Some(reason) = &facts.end_state_reason {
        let paint = facts.end_state.map_or(Paint::Plain, Paint::of);
        note(
            paint,
            format!(
                "reason: {}",
                clean(reason.lines().next().unwrap_or_default())
            ),
        );
    }
    for (&cause, &lost) in &session.losses {
        let what = if cause.is_missing() {
            format!("lost: {}", plural(lost, "span"))
        } else {
            format!("left out: inputs, outputs or logs, {} times", count(lost))
        };
        note(Paint::Yellow, format!("{what}: {}", cause.reason()));
    }
    if !session.cost.unpriced_models.is_empty() {
        note(
            Paint::Yellow,
            format!(
                "unpriced: {}",
                clean(&session.cost.unpriced_models.join(", "))
            ),
        );
    }
    lines
}

/// The last eight digits of an id: its first ones tell the time, and many sessions share them.
#[must_use]
pub fn short_id(id: SessionId) -> String {
    let text = id.to_string();
    text[text.len() - 8..].into()
}

/// What a session cost as far as it is known; `None` where nothing was to be paid for.
/// A `+` says that something has no price, a `~` that some of it is estimated.
#[must_use]
pub fn session_cost(cost: &SessionCost) -> Option<String> {
    sum(cost.total, cost.partial, cost.estimated)
}

/// Puts the pieces in a row, and starts a new line where they do not fit.
fn flow(pieces: Vec<(Paint, String)>, limit: Option<usize>) -> Vec<Line> {
    let limit = limit.unwrap_or(usize::MAX);
    let mut lines = vec![Line::default()];
    for (paint, piece) in pieces {
        let piece = fit(&piece, limit);
        let Some(line) = lines.last_mut() else {
            continue;
        };
        if line.width() == 0 {
            line.push(paint, &piece);
        } else if line.width() + 3 + width(&piece) <= limit {
            line.push(Paint::Dim, " · ");
            line.push(paint, &piece);
        } else {
            let mut next = Line::default();
            next.push(Paint::Plain, "  ");
            next.push(paint, &fit(&piece, limit.saturating_sub(2)));
            lines.push(next);
        }
    }
    lines
}

/// How a piece of text looks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Paint {
    Plain,
    Bold,
    Dim,
    Red,
    Yellow,
    Green,
    Kind(SpanKind),
}

impl Paint {
    fn of(state: EndState) -> Self {
        match state {
            EndState::Success => Self::Green,
            EndState::Error => Self::Red,
            EndState::Indeterminate => Self::Yellow,
        }
    }

    /// The parameters of the escape that turns it on.
    fn code(self) -> Option<&'static str> {
        Some(match self {
            Self::Plain => return None,
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Red => "31",
            Self::Yellow => "33",
            Self::Green => "32",
            Self::Kind(SpanKind::Session | SpanKind::Agent) => "1",
            Self::Kind(SpanKind::Llm) => "35",
            Self::Kind(SpanKind::Tool) => "36",
            Self::Kind(SpanKind::Guardrail) => "34",
            Self::Kind(_) => "2",
        })
    }
}

/// One line, in pieces.
#[derive(Default)]
struct Line(Vec<(Paint, String)>);

impl Line {
    fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| width(text)).sum()
    }

    fn push(&mut self, paint: Paint, text: &str) {
        if !text.is_empty() {
            self.0.push((paint, text.into()));
        }
    }

    fn pad(&mut self, to: usize) {
        let missing = to.saturating_sub(self.width());
        self.push(Paint::Plain, &" ".repeat(missing));
    }

    /// Adds a cell of a table, right-aligned and two spaces off. A column that nobody uses is not there.
    fn right(&mut self, paint: Paint, text: &str, column: usize) {
        let column = column.max(width(text));
        if column > 0 {
            self.push(Paint::Plain, &" ".repeat(2 + column - width(text)));
            self.push(paint, text);
        }
    }

    /// Adds another line's pieces, as far as there is room.
    fn append(&mut self, other: Self, limit: Option<usize>) {
        for (paint, text) in other.0 {
            let room = limit.map_or(usize::MAX, |limit| limit.saturating_sub(self.width()));
            self.push(paint, &fit(&text, room));
        }
    }

    fn print(&self, out: &mut String, color: bool) {
        let inked = self
            .0
            .iter()
            .rposition(|(_, text)| !text.trim_end().is_empty())
            .map_or(0, |at| at + 1);
        for (at, (paint, text)) in self.0[..inked].iter().enumerate() {
            let text = if at + 1 == inked {
                text.trim_end()
            } else {
                text
            };
            match paint.code().filter(|_| color) {
                Some(code) => _ = write!(out, "\x1b[{code}m{text}\x1b[0m"),
                None => out.push_str(text),
            }
        }
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::Event;
    use super::super::session::SessionFacts;
    use super::super::span::{Guardrail, ToolCall};
    use super::super::trace::samples::*;
    use super::*;

    use SpanKind::{Agent, Guardrail as Guard, Llm, Session, Task, Tool};

    const PLAIN: Style = Style {
        color: false,
        width: Some(80),
    };

    fn drawn(events: impl IntoIterator<Item = Event>, style: Style) -> String {
        let mut text = render(&only(traces(events)), style);
        text.insert(0, '\n');
        text
    }

    /// A run in which a tool misses a file, a call has no price, and a guardrail stops the answer.
    fn broken_run() -> Vec<Event> {
        let miss = failed(
            "NotFound",
            "no such file: src/ring.rs\nsecond line",
            span(Tool, "read_file", 6, 4, 2_000, 2_003),
        );
        let mut cite = failed(
            "Uncited",
            "src/lib.rs:9999 does not exist",
            span(Guard, "check_citations", 10, 1, 12_000, 12_400),
        );
        cite.guardrail = Some(Guardrail {
            spec: Some("output".into()),
            triggered: Some(true),
        });
        let mut search = by(
            "code_researcher",
            span(Tool, "web_search", 8, 4, 3_000, 903_000),
        );
        search.tool = Some(ToolCall {
            cost: Some(5_000_000),
            ..ToolCall::default()
        });
        let mut stopped = by("code_researcher", span(Task, "follow", 9, 4, 3_000, 4_000));
        stopped.cancelled = true;
        let facts = SessionFacts {
            end: Some(START + 12_400_000),
            end_state: Some(EndState::Error),
            end_state_reason: Some("guardrail check_citations triggered".into()),
            ..started()
        };
        vec![
            ended(failed(
                "Uncited",
                "src/lib.rs:9999 does not exist",
                span(Session, "research_team", 1, 0, 0, 12_400),
            )),
            ended(by("planner", span(Agent, "planner", 2, 1, 10, 1_500))),
            ended(by(
                "planner",
                call(
                    "gpt-4o-mini",
                    (1_204, 311),
                    Some(367_200),
                    span(Llm, "plan", 3, 2, 20, 1_400),
                ),
            )),
            ended(by(
                "code_researcher",
                span(Agent, "code_researcher", 4, 1, 1_600, 10_000),
            )),
            ended(by(
                "code_researcher",
                call(
                    "gpt-4o-mini",
                    (980, 42),
                    Some(172_200),
                    span(Llm, "ask", 5, 4, 1_700, 1_999),
                ),
            )),
            ended(by("code_researcher", miss)),
            ended(by(
                "code_researcher",
                call(
                    "mystery-1",
                    (20_000, 9),
                    None,
                    span(Llm, "ask", 7, 4, 2_500, 2_900),
                ),
            )),
            ended(search),
            ended(stopped),
            ended(cite),
            said(facts),
        ]
    }

    #[test]
    fn a_run_at_80_columns() {
        let expected = "
research_team · 6a7e8c90 · Error · 12.4 ms · 10 spans · 3 errors · 22546 tokens
  $0.0055+
reason: guardrail check_citations triggered
unpriced: mystery-1-2024-07-18

SESSION    ✗ research_team                  12.4 ms
AGENT      ├ planner                        1.49 ms             Σ $0.00037
LLM        │ └ plan · gpt-4o-mini           1.38 ms   1204→311    $0.00037
AGENT      ├ code_researcher                8.40 ms             Σ $0.0052+
LLM        │ ├ ask · gpt-4o-mini             299 µs    980→42     $0.00017
TOOL       │ ├ ✗ read_file                  3.00 µs
           │ │   NotFound: no such file: src/ring.rs
LLM        │ ├ ask · mystery-1               400 µs  20000→9      unpriced
TOOL       │ ├ web_search                    900 ms                $0.0050
TASK       │ └ follow (cancelled)           1.00 ms
GUARDRAIL  └ ✗ check_citations (triggered)   400 µs
               Uncited: src/lib.rs:9999 does not exist
";
        assert_eq!(drawn(broken_run(), PLAIN), expected);
    }

    #[test]
    fn a_run_in_a_narrow_terminal() {
        let expected = "
research_team · 6a7e8c90 · Error · 12.4 ms · 10 spans
  3 errors · 22546 tokens · $0.0055+
reason: guardrail check_citations triggered
unpriced: mystery-1-2024-07-18

SESSION    ✗ research_team    12.4 ms
AGENT      ├ planner          1.49 ms             Σ $0.00037
LLM        │ └ plan · gpt-4…  1.38 ms   1204→311    $0.00037
AGENT      ├ code_researcher  8.40 ms             Σ $0.0052+
LLM        │ ├ ask · gpt-4o…   299 µs    980→42     $0.00017
TOOL       │ ├ ✗ read_file    3.00 µs
           │ │   NotFound: no such file: src/ring.rs
LLM        │ ├ ask · myster…   400 µs  20000→9      unpriced
TOOL       │ ├ web_search      900 ms                $0.0050
TASK       │ └ follow (canc…  1.00 ms
GUARDRAIL  └ ✗ check_c… (tr…   400 µs
               Uncited: src/lib.rs:9999 does not exist
";
        let narrow = Style {
            width: Some(60),
            ..PLAIN
        };
        assert_eq!(drawn(broken_run(), narrow), expected);
    }

    #[test]
    fn lines_of_any_length_lose_nothing() {
        let long = "find_the_function_that_does_what_the_question_asks_for_".repeat(3);
        let details = "a reason that is told at some length, ".repeat(5);
        let events = [
            ended(span(Session, "run", 1, 0, 0, 90)),
            ended(failed("E42", &details, span(Tool, &long, 2, 1, 1, 2))),
        ];
        let text = drawn(events, Style::default());
        assert!(text.contains(&format!("└ ✗ {long}  1.00 µs\n")), "{text}");
        assert!(
            text.contains(&format!("E42: {}\n", details.trim())),
            "{text}"
        );
    }

    #[test]
    fn colours_mark_kinds_and_faults() {
        let events = [
            ended(span(Session, "run", 1, 0, 0, 90)),
            ended(failed("E42", "", span(Tool, "grep", 2, 1, 1, 2))),
        ];
        let expected = "
^[1mrun^[0m^[2m · ^[0m^[2m6a7e8c90^[0m^[2m · ^[0m^[32mSuccess^[0m^[2m · ^[0m90.0 µs^[2m · ^[0m2 spans^[2m · ^[0m^[31m1 error^[0m

^[1mSESSION^[0m  ^[1mrun^[0m       90.0 µs
^[36mTOOL^[0m     ^[2m└ ^[0m^[31m✗ ^[0m^[31mgrep^[0m  1.00 µs
         ^[2m    ^[0m^[31mE42^[0m
";
        assert_eq!(
            drawn(
                events,
                Style {
                    color: true,
                    width: None
                }
            )
            .replace('\x1b', "^"),
            expected
        );
    }

    #[test]
    fn what_was_lost_says_why() {
        use crate::model::event::{Loss, LossCause};
        let lost = |cause, count| {
            Event::Loss(Loss {
                time: 50,
                session: Some(SESSION),
                cause,
                count,
            })
        };
        let events = [
            ended(span(Session, "run", 1, 0, 0, 90)),
            lost(LossCause::Content, 1500),
            lost(LossCause::RingFull, 1),
            lost(LossCause::Shutdown, 7),
        ];
        let expected = "
run · 6a7e8c90 · Success · 90.0 µs · 1 span · 8 lost in recording
lost: 1 span: the program made them faster than they could be taken
lost: 7 spans: the program ended before they were delivered
left out: inputs, outputs or logs, 1500 times: there was no room for more

SESSION  run  90.0 µs
";
        assert_eq!(drawn(events, Style::default()), expected);
    }

    #[test]
    fn what_has_not_ended_says_so() {
        let events = [
            open(span(Session, "run", 1, 0, 0, 0)),
            ended(span(Tool, "ls", 2, 1, 1, 2)),
            open(by("planner", span(Llm, "gpt-4o", 3, 1, 3, 0))),
            said(started()),
        ];
        let expected = "
research_team · 6a7e8c90 · running · 3 spans

SESSION  run                   open
TOOL     ├ ls               1.00 µs
LLM      └ gpt-4o @planner     open
";
        assert_eq!(drawn(events.clone(), PLAIN), expected);

        let mut gone = traces(events);
        gone.mark_lost(SESSION);
        let expected = "
research_team · 6a7e8c90 · lost · 3 spans
reason: process ended

SESSION  run                   lost
TOOL     ├ ls               1.00 µs
LLM      └ gpt-4o @planner     lost
";
        assert_eq!(format!("\n{}", render(&only(gone), PLAIN)), expected);
    }

    #[test]
    fn what_is_estimated_has_a_mark() {
        let mut about = call(
            "acme-1",
            (1_000, 20),
            Some(2_000_000),
            span(Llm, "ask", 3, 2, 1, 2),
        );
        let record = about.llm.as_mut().expect("a model call");
        record.usage = record.usage.map(|usage| usage.estimated(true));
        record.cost.get_or_insert_default().prices = Some(Default::default());
        let events = [
            ended(span(Session, "run", 1, 0, 0, 9)),
            ended(by("planner", span(Agent, "planner", 2, 1, 0, 9))),
            ended(by("planner", about)),
            said(started()),
        ];
        let expected = "
research_team · 6a7e8c90 · Success · 9.00 µs · 3 spans · ~1020 tokens · ~$0.0020

SESSION  run               9.00 µs
AGENT    └ planner         9.00 µs             Σ ~$0.0020
LLM        └ ask · acme-1  1.00 µs  ~1000→~20    ~$0.0020
";
        assert_eq!(drawn(events, PLAIN), expected);
    }

    #[test]
    fn hostile_names_stay_in_their_line() {
        let mut events = vec![ended(span(
            Session,
            "\x1b]0;owned\x07\nTOOL  fake",
            1,
            0,
            0,
            9,
        ))];
        events.push(ended(by(
            "\u{202e}liar",
            span(Task, "日本語のスパン名", 2, 1, 1, 2),
        )));
        events.push(ended(failed(
            "\x1b[2J",
            "a\x1b[31m\r\nb",
            span(Tool, &"名".repeat(60), 3, 1, 3, 4),
        )));
        let expected = r"
\u{1b}]0;owned\u{7}\nTOOL  fake · 6a7e8c90 · Success · 9.00 µs · 3 spans
  1 error

SESSION  \u{1b}]0;owned\u{7}\nTOOL  fake                                9.00 µs
TASK     ├ 日本語のスパン名 @\u{202e}liar                               1.00 µs
TOOL     └ ✗ 名名名名名名名名名名名名名名名名名名名名名名名名名名名名…  1.00 µs
             \u{1b}[2J: a\u{1b}[31m
";
        assert_eq!(drawn(events, PLAIN), expected);
    }

    #[test]
    fn deep_levels_are_numbered() {
        let chain = (1..=12).map(|id| {
            let span = span(Task, &format!("level_{}", id - 1), id, id - 1, id, 30 - id);
            ended(if id == 12 {
                failed("Deep", "at the end", span)
            } else {
                span
            })
        });
        let expected = "
level_0 · 6a7e8c90 · Success · 28.0 µs
  12 spans · 1 error

TASK  level_0                  28.0 µs
TASK  └ level_1                26.0 µs
TASK    └ level_2              24.0 µs
TASK      └ level_3            22.0 µs
TASK        └ level_4          20.0 µs
TASK          └ level_5        18.0 µs
TASK            └ level_6      16.0 µs
TASK              └ level_7    14.0 µs
TASK                └ level_8  12.0 µs
TASK  ⋯9 └ level_9             10.0 µs
TASK  ⋯10 └ level_10           8.00 µs
TASK  ⋯11 └ ✗ level_11         6.00 µs
              Deep: at the end
";
        assert_eq!(
            drawn(
                chain,
                Style {
                    width: Some(48),
                    ..PLAIN
                }
            ),
            expected
        );
    }

    #[test]
    fn a_very_deep_session_is_drawn_in_no_time() {
        let chain = (1..=50_000).map(|id| ended(span(Task, "t", id, id - 1, id, id)));
        assert!(drawn(chain, Style::default()).len() < 10_000_000);
    }

    #[test]
    fn a_session_without_spans_has_a_head() {
        let expected = "
research_team · 6a7e8c90 · running · 0 spans
";
        assert_eq!(drawn([said(started())], PLAIN), expected);
    }
}
