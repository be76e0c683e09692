//! What every store must do, whatever it is made of: an engine runs these tests by naming how it is opened.
//!
//! Random histories go into the store in random pieces and into the model's own collector of traces, and what comes out
//! must be the same; sums, lists and searches are compared with what plain loops over the model's traces find. Knows
//! nothing of SQL.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use agentops_core::model::agent::AgentRef;
use agentops_core::model::error::ErrorRecord;
use agentops_core::model::event::{Event, Heartbeat, Loss, LossCause, Resource};
use agentops_core::model::id::{SessionId, SpanId, TraceId};
use agentops_core::model::json;
use agentops_core::model::llm::{Cost, LlmCall, Usage};
use agentops_core::model::pricing::{self, PriceList};
use agentops_core::model::session::{EndState, Session, SessionFacts, SessionState};
use agentops_core::model::span::{Guardrail, Level, Log, Span, SpanKind, Status, Thread, ToolCall};
use agentops_core::model::trace::{Trace, Traces};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{
    Batch, Condition, Fault, GroupBy, Point, Search, Series, Sort, Step, Store, StoreError, Totals,
    Wanted,
};
use crate::query;

/// Makes tests of all that a store must do; `$open` opens the one in a directory.
macro_rules! suite {
    ($open:path) => {
        $crate::store::suite::suite!(@test $open;
            histories_come_out_as_the_model_has_them
            lists_are_what_a_look_at_every_session_finds
            what_is_searched_for_is_found_whether_indexed_or_not
            what_is_searched_for_is_found_however_it_came_to_be_indexed
            parts_of_any_script_are_found
            hostile_words_find_nothing_and_break_nothing
            sums_over_time_are_those_of_all_spans
            errors_of_a_kind_are_one
            what_is_deleted_is_gone_from_everything
            large_sessions_lag_and_settle
            what_lags_outlives_a_restart
            a_batch_is_taken_in_whole_or_not_at_all
            positions_and_voices_are_kept
            logs_and_losses_alone_make_no_session
            what_had_no_price_gets_one_when_a_list_has_it
        );
    };
    (@test $open:path; $($name:ident)+) => {
        $(#[test]
        fn $name() {
            $crate::store::suite::$name(&$open);
        })+
    };
}
pub(super) use suite;

type Open<S> = dyn Fn(&Path) -> S;

const HOUR: u64 = 3_600_000_000_000;
const BASE: u64 = 1_795_323_600_000_000_000;

/// A directory of its own for each test.
pub(super) struct Dir(std::path::PathBuf);

impl Dir {
    pub(super) fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("agentops-store-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What is drawn at random: a word for each thing that an event may say.
type Words = [u8; 14];

/// Events, where batches end, and where the store is opened anew.
#[derive(Debug, Clone)]
struct History {
    events: Vec<(Arc<Resource>, Event)>,
    /// After how many events a batch ends, and whether the store is closed then.
    batches: Vec<(u8, bool)>,
    lost: Vec<SessionId>,
    /// Somebody hands them in.
    restores: bool,
}

fn history(longest: usize) -> impl Strategy<Value = History> {
    let words = proptest::collection::vec(proptest::array::uniform14(any::<u8>()), 1..longest);
    let batches = proptest::collection::vec((1_u8..12, proptest::bool::weighted(0.2)), 1..8);
    let lost = proptest::collection::vec(0_u8..4, 0..3);
    (words, batches, lost).prop_map(|(words, batches, lost)| History {
        restores: false,
        events: (0..)
            .zip(&words)
            .map(|(at, words)| event(at, words))
            .collect(),
        batches,
        lost: lost.into_iter().map(session_id).collect(),
    })
}

pub(super) fn session_id(number: u8) -> SessionId {
    SessionId(0x0199_0000_0000_7000_8000_0000_0000_0001 + (u128::from(number) << 64))
}

fn pick<'a, T: ?Sized>(word: u8, from: &[&'a T]) -> &'a T {
    from[usize::from(word) % from.len()]
}

fn resource(word: u8) -> Arc<Resource> {
    let number = word % 3;
    Arc::new(Resource {
        service: format!("service {number}"),
        project: pick(number, &["", "shop", "lab"]).into(),
        service_version: (number == 1).then(|| "1.2.3".into()),
        pid: Some(u64::from(number)),
        ..Resource::default()
    })
}

fn event(at: usize, words: &Words) -> (Arc<Resource>, Event) {
    let session = words[1] % 4;
    let event = match words[0] % 16 {
        0..=3 => Event::SpanStarted(Box::new(span(at, words, true))),
        4..=10 => Event::SpanEnded(Box::new(span(at, words, false))),
        11 => Event::Log {
            session: if session == 3 {
                SessionId(9)
            } else {
                session_id(session)
            },
            span: SpanId(u64::from(words[2] % 10) + 1),
            log: Log {
                time: BASE + u64::from(words[3] % 4),
                level: Level::Info,
                target: "t".into(),
                message: format!(
                    "log{at} {}",
                    pick(words[4], &["quartz", "Éclair", "plain words"])
                ),
                attributes: Map::new(),
            },
        },
        12 | 13 => Event::Session(Box::new(facts(words))),
        14 => Event::Loss(Loss {
            time: BASE + u64::from(words[3]) * HOUR / 16,
            session: (words[4].is_multiple_of(2)).then(|| session_id(session)),
            cause: LossCause::ALL[usize::from(words[5]) % LossCause::ALL.len()],
            count: u64::from(words[6]),
        }),
        _ => Event::Heartbeat(Heartbeat::default()),
    };
    (resource(words[12]), event)
}

fn facts(words: &Words) -> SessionFacts {
    let mut attributes = Map::new();
    if words[3].is_multiple_of(3) {
        let environment = pick(words[4], &["prod", "test"]);
        attributes.insert("deployment.environment.name".into(), environment.into());
    }
    let ended = words[5].is_multiple_of(3);
    SessionFacts {
        // The fourth is another program's: it says nothing of itself.
        id: session_id(words[1] % 3),
        // As they come off the wire, which has the session's where none is told.
        trace_id: TraceId(match words[6] % 2 {
            0 => session_id(words[1] % 3).0,
            _ => u128::from(words[1] % 3) + 1,
        }),
        root: (words[7].is_multiple_of(4)).then(|| SpanId(u64::from(words[7] % 10) + 1)),
        parent_session_id: (words[8].is_multiple_of(5)).then(|| session_id(2)),
        name: pick(words[9], &["", "research", "Nightly 100%"]).into(),
        start: if words[10].is_multiple_of(2) {
            0
        } else {
            BASE + u64::from(words[10]) * HOUR / 32
        },
        end: ended.then(|| BASE + u64::from(words[11]) * HOUR / 16),
        end_state: ended.then(|| match words[11] % 3 {
            0 => EndState::Success,
            1 => EndState::Error,
            _ => EndState::Indeterminate,
        }),
        end_state_reason: None,
        tags: match words[13] % 3 {
            0 => Vec::new(),
            1 => vec!["nightly".into()],
            _ => vec!["stand-in".into(), "a b".into()],
        },
        conversation_id: None,
        user_id: (words[13].is_multiple_of(7)).then(|| "somebody".into()),
        video: None,
        attributes,
    }
}

fn span(at: usize, words: &Words, open: bool) -> Span {
    let session = words[1] % 4;
    let number = u64::from(words[2] % 10) + 1;
    let start = BASE + u64::from(words[3]) * HOUR / 16;
    let kind = SpanKind::ALL[usize::from(words[4]) % SpanKind::ALL.len()];
    let status = match words[5] % 4 {
        0 => Status::Error,
        1 => Status::Unset,
        _ => Status::Ok,
    };
    let llm = (kind == SpanKind::Llm || words[6].is_multiple_of(5)).then(|| {
        let mut call = LlmCall::default();
        call.request_model = Some(pick(words[7], &["m-large", "own-words", "M-small"]).into());
        if words[7].is_multiple_of(2) {
            call.model = Some(pick(words[7] / 4, &["m-large-2024", "own-words"]).into());
        }
        if !words[8].is_multiple_of(4) {
            let mut usage = Usage::default();
            (usage.input, usage.output) = (u64::from(words[8]), u64::from(words[9]));
            (usage.cache_read, usage.reasoning) =
                (u64::from(words[9] % 7), u64::from(words[8] % 5));
            call.usage = Some(usage);
        }
        if words[8].is_multiple_of(3) {
            let mut cost = Cost::default();
            cost.total = i64::from(words[9]) * 1_000;
            call.cost = Some(cost);
        }
        call.time_to_first_token =
            (words[9].is_multiple_of(2)).then(|| u64::from(words[9]) * 1_000_000);
        call
    });
    let own = SessionId(if session == 3 {
        0
    } else {
        session_id(session).0
    });
    Span {
        id: SpanId(number),
        parent_id: SpanId(u64::from(words[10] % 13)).some(),
        session_id: own,
        trace_id: TraceId(match session {
            3 => 9,
            _ => u128::from(session) + 1 + u128::from(words[11].is_multiple_of(8)),
        }),
        agent: (!words[11].is_multiple_of(3)).then(|| AgentRef {
            id: pick(words[11], &["planner", "default", "Écrivain"]).into(),
            name: pick(words[11], &["planner", "default", "Écrivain"]).into(),
            role: None,
            model: None,
        }),
        name: pick(words[13], &["grep", "plan", "ask", "read_file"]).into(),
        kind,
        status,
        cancelled: words[5].is_multiple_of(16),
        open,
        adopted: false,
        start,
        end: (!open).then(|| start + u64::from(words[12]) * u64::from(words[12]) * 7_919_001),
        busy: None,
        polls: None,
        thread: (words[12].is_multiple_of(2)).then(|| Thread {
            id: u64::from(words[12]),
            name: None,
        }),
        source: None,
        input: Some(
            json!({ "query": pick(words[6], &["Find the OTTER", "naïve café", "a \"quoted\" word\nand tool"]) }),
        ),
        output: (!open).then(|| json!(format!("answer{at}"))),
        attributes: Map::from_iter([("number".to_owned(), json!(at + 100_000))]),
        version: None,
        tags: if words[7].is_multiple_of(6) {
            vec!["slow".into()]
        } else {
            Vec::new()
        },
        links: Vec::new(),
        logs: Vec::new(),
        error: (status == Status::Error).then(|| ErrorRecord {
            kind: kind.as_str().into(),
            code: pick(words[9], &["Timeout", "NotFound"]).into(),
            details: pick(words[8], &["took too long", "no such file"]).into(),
            time: start,
            ..ErrorRecord::default()
        }),
        llm,
        tool: (kind == SpanKind::Tool).then(|| ToolCall {
            name: "grep".into(),
            cost: (words[9].is_multiple_of(3)).then(|| i64::from(words[9])),
            ..ToolCall::default()
        }),
        operation_type: None,
        guardrail: (kind == SpanKind::Guardrail).then(Guardrail::default),
    }
}

/// Takes a history into the model.
fn model(history: &History) -> (Vec<Trace>, u64) {
    let mut traces = Traces::default();
    for (resource, event) in &history.events {
        traces.apply(resource, event.clone());
    }
    for session in &history.lost {
        traces.mark_lost(*session);
    }
    let removed = traces.removed();
    (traces.finish(), removed)
}

/// Takes a history into the store in a directory, piece by piece; the store as it is then.
fn fill<S: Store>(open: &Open<S>, dir: &Path, history: &History) -> S {
    let mut store = open(dir);
    let mut batches = history.batches.iter().cycle();
    let mut rest = &history.events[..];
    while !rest.is_empty() {
        let &(size, anew) = batches.next().unwrap();
        let (now, later) = rest.split_at(usize::from(size).min(rest.len()));
        let batch = Batch {
            events: now.to_vec(),
            restores: history.restores,
            ..Batch::default()
        };
        store.commit(&batch).unwrap();
        assert_all_totals(&store);
        rest = later;
        if anew {
            drop(store);
            store = open(dir);
        } else if size.is_multiple_of(3) {
            store.maintain(Duration::ZERO).unwrap();
        }
    }
    let lost = Batch {
        lost: history.lost.clone(),
        ..Batch::default()
    };
    store.commit(&lost).unwrap();
    store
}

/// Sums are those of the sessions that are listed.
fn assert_totals<S: Store>(store: &S, wanted: &Wanted, found: &[Session]) {
    let sum = |of: fn(&Session) -> u64| found.iter().map(of).sum::<u64>();
    let costs: Vec<i64> = found
        .iter()
        .filter_map(|session| session.cost.total)
        .collect();
    let expected = Totals {
        sessions: found.len() as u64,
        running: sum(|session| u64::from(session.state == SessionState::Running)),
        failed: sum(|session| u64::from(session.facts.end_state == Some(EndState::Error))),
        spans: sum(|session| session.counts.spans),
        tokens: sum(|session| session.tokens.total),
        cost: (!costs.is_empty()).then(|| costs.iter().sum()),
        partial: found.iter().any(|session| session.cost.partial),
    };
    assert_eq!(store.totals(wanted).unwrap(), expected);
}

/// The same of all sessions, which are asked for again and again.
fn assert_all_totals<S: Store>(store: &S) {
    for foreign in [true, false] {
        let wanted = Wanted {
            foreign,
            ..everything()
        };
        assert_totals(store, &wanted, &store.sessions(&wanted).unwrap().sessions);
    }
}

/// Does all that can wait.
fn rest<S: Store>(store: &S) {
    while store.maintain(Duration::from_millis(5)).unwrap() {}
}

fn everything() -> Wanted {
    Wanted {
        limit: 1_000,
        foreign: true,
        ..Wanted::default()
    }
}

fn check(cases: u32, longest: usize, test: impl Fn(&History)) {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let run = runner.run(&history(longest), |history| {
        test(&history);
        Ok(())
    });
    if let Err(failure) = run {
        panic!("{failure}");
    }
}

fn assert_same<S: Store>(store: &S, expected: &[Trace]) {
    assert_all_totals(store);
    let listed = store.sessions(&everything()).unwrap().sessions;
    let listed: BTreeSet<SessionId> = listed.iter().map(|session| session.facts.id).collect();
    let ids: BTreeSet<SessionId> = expected
        .iter()
        .map(|trace| trace.session.facts.id)
        .collect();
    assert_eq!(listed, ids);
    for trace in expected {
        let id = trace.session.facts.id;
        let found = query::trace(store, id).unwrap().unwrap();
        let (found_json, json) = (json::to_string(&found, true), json::to_string(trace, true));
        let differs = found_json
            .lines()
            .zip(json.lines())
            .enumerate()
            .find(|(_, (a, b))| a != b);
        assert_eq!(differs, None, "{id}");
        assert_eq!(found_json, json);
        assert_eq!(found.totals, trace.totals);
        for span in &trace.spans {
            let mut alone = store.span(id, span.id).unwrap().unwrap();
            // Who is whose parent in a ring, whose it is, and what of an error others know, only shows among all spans.
            alone.parent_id = span.parent_id;
            alone.agent.clone_from(&span.agent);
            alone.error.clone_from(&span.error);
            if let Some(usage) = alone.llm.as_mut().and_then(|llm| llm.usage.as_mut()) {
                usage.reported = span.llm.as_ref().unwrap().usage.unwrap().reported;
            }
            assert_eq!(alone, *span);
        }
        let outline = store.outline(id).unwrap().unwrap().rows;
        let mut drawn: Vec<_> = outline
            .iter()
            .map(|row| {
                (
                    row.id,
                    row.kind,
                    row.status,
                    row.open,
                    row.start,
                    row.end,
                    row.name.to_string(),
                    row.agent.as_ref().map(ToString::to_string),
                    row.cost,
                )
            })
            .collect();
        let mut known: Vec<_> = trace
            .spans
            .iter()
            .map(|span| {
                let cost = span.llm.as_ref().and_then(|llm| llm.cost.as_ref());
                (
                    span.id,
                    span.kind,
                    span.status,
                    span.open,
                    span.start,
                    span.end,
                    span.name.clone(),
                    span.agent.as_ref().map(|agent| agent.name.clone()),
                    cost.map(|cost| cost.total),
                )
            })
            .collect();
        drawn.sort_unstable_by_key(|row| row.0);
        known.sort_unstable_by_key(|row| row.0);
        assert_eq!(drawn, known);
    }
}

pub(super) fn histories_come_out_as_the_model_has_them<S: Store>(open: &Open<S>) {
    check(64, 60, |history| {
        let dir = Dir::new();
        let store = fill(open, dir.path(), history);
        let (expected, removed) = model(history);
        rest(&store);
        assert_same(&store, &expected);
        assert_eq!(store.removed().unwrap(), removed);
        drop(store);
        let store = open(dir.path());
        assert_same(&store, &expected);

        // The same again changes nothing but what is counted, which is only ever told once.
        let again: Vec<_> = history
            .events
            .iter()
            .filter(|(_, event)| matches!(event, Event::SpanEnded(_) | Event::Log { .. }))
            .cloned()
            .collect();
        let before = query_all(&store);
        store
            .commit(&Batch {
                events: again,
                lost: history.lost.clone(),
                ..Batch::default()
            })
            .unwrap();
        rest(&store);
        let ended = |session: &SessionId| {
            expected.iter().any(|trace| {
                trace.session.facts.id == *session && trace.session.state == SessionState::Lost
            })
        };
        // Spans that came again while others of their id were open end them.
        let open = |trace: &Trace| trace.spans.iter().any(|span| span.open);
        if !expected.iter().any(open) && !history.lost.iter().any(ended) {
            assert_eq!(query_all(&store), before);
        }
    });
}

fn query_all<S: Store>(store: &S) -> Vec<String> {
    let mut all: Vec<String> = store
        .sessions(&everything())
        .unwrap()
        .sessions
        .iter()
        .map(|session| {
            let trace = query::trace(store, session.facts.id).unwrap().unwrap();
            json::to_string(&trace, true)
        })
        .collect();
    all.sort();
    all
}

/// What a session was ever called by, for it is found by any of it.
#[derive(Default)]
struct Ever(HashMap<SessionId, HashSet<(&'static str, String)>>);

impl Ever {
    fn of(history: &History) -> Self {
        let mut ever = Self::default();
        for (resource, event) in &history.events {
            match event {
                Event::SpanStarted(span) | Event::SpanEnded(span) => {
                    let id = if span.session_id.0 == 0 {
                        SessionId(span.trace_id.0)
                    } else {
                        span.session_id
                    };
                    ever.0.entry(id).or_default().extend(called(span));
                }
                Event::Session(facts) => {
                    let known = ever.0.entry(facts.id).or_default();
                    known.extend(facts.tags.iter().map(|tag| ("tag", tag.clone())));
                    known.extend(
                        resource
                            .service_version
                            .iter()
                            .map(|version| ("version", version.clone())),
                    );
                }
                _ => {}
            }
        }
        ever
    }

    fn has(&self, session: SessionId, kind: &'static str, text: &str) -> bool {
        self.0
            .get(&session)
            .is_some_and(|known| known.contains(&(kind, text.to_owned())))
    }
}

/// Nobody started it, or nobody who is there, or it started itself in the end.
fn is_root(traces: &[Trace], trace: &Trace) -> bool {
    let mut at = trace.session.facts.parent_session_id;
    for _ in 0..=traces.len() {
        let above = traces
            .iter()
            .find(|trace| Some(trace.session.facts.id) == at);
        match above {
            None => return at == trace.session.facts.parent_session_id,
            Some(above) if above.session.facts.id == trace.session.facts.id => return true,
            Some(above) => at = above.session.facts.parent_session_id,
        }
    }
    false
}

fn called(span: &Span) -> Vec<(&'static str, String)> {
    let model = span
        .llm
        .as_ref()
        .and_then(|llm| llm.model.clone().or(llm.request_model.clone()));
    let mut called: Vec<(&'static str, String)> = Vec::new();
    called.extend(span.agent.iter().map(|agent| ("agent", agent.name.clone())));
    called.extend(model.map(|model| ("model", model)));
    called.extend((span.kind == SpanKind::Tool).then(|| ("tool", span.name.clone())));
    called.extend(span.error.iter().map(|error| ("error", error.code.clone())));
    called.extend(span.tags.iter().map(|tag| ("tag", tag.clone())));
    called
}

pub(super) fn lists_are_what_a_look_at_every_session_finds<S: Store>(open: &Open<S>) {
    check(24, 60, |history| {
        let dir = Dir::new();
        let store = fill(open, dir.path(), history);
        rest(&store);
        let (traces, _) = model(history);
        let ever = Ever::of(history);
        let ids = |condition: Condition| -> BTreeSet<SessionId> {
            let wanted = Wanted {
                conditions: vec![condition],
                ..everything()
            };
            let found = store.sessions(&wanted).unwrap().sessions;
            assert_totals(&store, &wanted, &found);
            found.iter().map(|session| session.facts.id).collect()
        };
        let naive = |fits: &dyn Fn(&Trace) -> bool| -> BTreeSet<SessionId> {
            let fitting = traces.iter().filter(|trace| fits(trace));
            fitting.map(|trace| trace.session.facts.id).collect()
        };
        for state in [
            SessionState::Running,
            SessionState::Ended,
            SessionState::Lost,
        ] {
            assert_eq!(
                ids(Condition::State(state)),
                naive(&|trace| trace.session.state == state)
            );
        }
        for state in [EndState::Success, EndState::Error, EndState::Indeterminate] {
            assert_eq!(
                ids(Condition::EndState(state)),
                naive(&|trace| trace.session.facts.end_state == Some(state))
            );
        }
        for project in ["default", "shop", "lab", "nothing"] {
            assert_eq!(
                ids(Condition::Project(project.into())),
                naive(&|trace| trace.session.project == project)
            );
        }
        for part in ["search", "100%", "%", "_", "", "grep"] {
            assert_eq!(
                ids(Condition::Name(part.into())),
                naive(&|trace| trace.session.facts.name.to_lowercase().contains(part))
            );
        }
        for at in [BASE, BASE + 3 * HOUR] {
            assert_eq!(
                ids(Condition::Since(at)),
                naive(&|trace| trace.session.facts.start >= at)
            );
            assert_eq!(
                ids(Condition::Until(at)),
                naive(&|trace| trace.session.facts.start < at)
            );
        }
        assert_eq!(
            ids(Condition::MinCost(5_000)),
            naive(&|trace| trace.session.cost.total.is_some_and(|cost| cost >= 5_000))
        );
        assert_eq!(
            ids(Condition::MaxCost(5_000)),
            naive(&|trace| trace.session.cost.total.is_some_and(|cost| cost <= 5_000))
        );
        assert_eq!(
            ids(Condition::Root),
            naive(&|trace| is_root(&traces, trace))
        );
        assert_eq!(
            ids(Condition::Environment("prod".into()))
                .difference(&naive(&|trace| {
                    trace
                        .session
                        .facts
                        .attributes
                        .contains_key("deployment.environment.name")
                }))
                .count(),
            0
        );

        type Make = fn(String) -> Condition;
        let dims: [(&'static str, &str, Make); 9] = [
            ("tag", "nightly", Condition::Tag),
            ("tag", "slow", Condition::Tag),
            ("agent", "planner", Condition::Agent),
            ("agent", "Écrivain", Condition::Agent),
            ("model", "own-words", Condition::Model),
            ("model", "m-large-2024", Condition::Model),
            ("tool", "grep", Condition::Tool),
            ("error", "Timeout", Condition::Error),
            ("version", "1.2.3", Condition::Version),
        ];
        for (kind, text, make) in dims {
            let found = ids(make(text.to_owned()));
            let surely = naive(&|trace| {
                let of_spans = trace
                    .spans
                    .iter()
                    .any(|span| called(span).contains(&(kind, text.to_owned())));
                of_spans || kind == "tag" && trace.session.facts.tags.iter().any(|tag| tag == text)
            });
            let possibly = naive(&|trace| ever.has(trace.session.facts.id, kind, text));
            assert!(
                found.is_superset(&surely),
                "{kind}={text}: {found:?} lacks some of {surely:?}"
            );
            assert!(
                found.is_subset(&possibly),
                "{kind}={text}: {found:?} has more than {possibly:?}"
            );
        }
        // What is no part of anything finds nothing, whatever it looks like.
        for text in ["nothing like it", "'; DROP TABLE session; --", "%%%", "\\"] {
            assert_eq!(ids(Condition::Text(text.into())), BTreeSet::new(), "{text}");
            assert_eq!(ids(Condition::Tag(text.into())), BTreeSet::new());
        }

        for sort in [
            Sort::Newest,
            Sort::Oldest,
            Sort::Cost,
            Sort::Duration,
            Sort::Tokens,
            Sort::Spans,
            Sort::Errors,
        ] {
            let wanted = Wanted {
                sort,
                ..everything()
            };
            let whole = store.sessions(&wanted).unwrap();
            assert_eq!(whole.next, None);
            let key = |session: &agentops_core::model::session::Session| -> i64 {
                let facts = &session.facts;
                match sort {
                    Sort::Newest => facts.start as i64,
                    Sort::Oldest => -(facts.start as i64),
                    Sort::Cost => session.cost.total.unwrap_or(-1),
                    Sort::Duration => facts.end.map_or(-1, |end| end as i64 - facts.start as i64),
                    Sort::Tokens => session.tokens.total as i64,
                    Sort::Spans => session.counts.spans as i64,
                    Sort::Errors => session.counts.errors as i64,
                }
            };
            let keys: Vec<i64> = whole.sessions.iter().map(key).collect();
            assert!(keys.is_sorted_by(|a, b| a >= b), "{sort:?}: {keys:?}");
            let mut pages = Vec::new();
            let mut after = None;
            loop {
                let wanted = Wanted {
                    sort,
                    after,
                    limit: 1,
                    ..everything()
                };
                let page = store.sessions(&wanted).unwrap();
                assert!(page.sessions.len() <= 1);
                pages.extend(page.sessions);
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(pages, whole.sessions, "{sort:?}");
        }
    });
}

/// Words of a text, in small letters.
fn words(text: &str) -> Vec<String> {
    let small = text.to_lowercase();
    let words = small.split(|c: char| !c.is_alphanumeric());
    words
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Every text of a span, each by itself, with the logs that came for it.
fn texts(span: &Span, logs: &[String]) -> Vec<String> {
    fn strings(value: &Value, into: &mut Vec<String>) {
        match value {
            Value::String(text) => into.push(text.clone()),
            Value::Number(number) => into.push(number.to_string()),
            Value::Array(items) => items.iter().for_each(|item| strings(item, into)),
            Value::Object(fields) => fields.iter().for_each(|(key, value)| {
                into.push(key.clone());
                strings(value, into);
            }),
            Value::Null | Value::Bool(_) => {}
        }
    }
    let mut texts = vec![span.name.clone()];
    texts.extend(
        span.error
            .iter()
            .flat_map(|error| [error.code.clone(), error.details.clone()]),
    );
    span.input
        .iter()
        .chain(&span.output)
        .for_each(|value| strings(value, &mut texts));
    strings(&Value::Object(span.attributes.clone()), &mut texts);
    texts.extend(span.tags.iter().cloned());
    texts.extend(logs.iter().cloned());
    texts
}

pub(super) fn what_is_searched_for_is_found_whether_indexed_or_not<S: Store>(open: &Open<S>) {
    check(24, 50, |history| {
        let dir = Dir::new();
        let store = fill(open, dir.path(), history);
        let (traces, _) = model(history);
        let mut logs = HashMap::<(SessionId, SpanId), Vec<String>>::new();
        for (_, event) in &history.events {
            if let Event::Log { session, span, log } = event {
                logs.entry((*session, *span))
                    .or_default()
                    .push(log.message.clone());
            }
        }
        let compare = |when: &str| {
            for asked in [
                "otter",
                "OTTER find",
                "\"find the otter\"",
                "\"the find\"",
                "grep",
                "gre",
                "tool",
                "quartz",
                "answer7",
                "answer7 grep",
                "100003",
                "café",
                "cafe",
                "naïve",
                "éclair",
                "took long",
                "slow",
                "\"plain words\"",
                "read_file",
                "a \"quoted\" word",
                "number",
            ] {
                let phrases: Vec<Vec<String>> = asked
                    .split('"')
                    .enumerate()
                    .flat_map(|(at, piece)| match at % 2 {
                        1 => vec![words(piece)],
                        _ => piece.split_whitespace().map(words).collect(),
                    })
                    .filter(|phrase| !phrase.is_empty())
                    .collect();
                let mut expected = BTreeSet::new();
                for trace in &traces {
                    let session = trace.session.facts.id;
                    for span in &trace.spans {
                        let none = Vec::new();
                        let texts = texts(span, logs.get(&(session, span.id)).unwrap_or(&none));
                        let texts: Vec<Vec<String>> =
                            texts.iter().map(|text| words(text)).collect();
                        let stands = |phrase: &Vec<String>| {
                            texts.iter().any(|text| {
                                text.windows(phrase.len())
                                    .any(|window| window == &phrase[..])
                            })
                        };
                        if phrases.iter().all(stands) {
                            expected.insert((session, span.id));
                        }
                    }
                }
                let search = |limit, session| {
                    let search = Search {
                        words: asked.into(),
                        session,
                        limit,
                    };
                    let hits = store.search(&search).unwrap();
                    hits.iter()
                        .map(|hit| (hit.session, hit.span))
                        .collect::<Vec<_>>()
                };
                let found = search(1_000, None);
                let set: BTreeSet<_> = found.iter().copied().collect();
                assert_eq!(set.len(), found.len(), "{asked} {when}: each once");
                assert_eq!(set, expected, "{asked} {when}");
                assert_eq!(
                    search(2, None)[..],
                    found[..found.len().min(2)],
                    "{asked} {when}: the newest first"
                );
                let session = session_id(1);
                let of_session: Vec<_> = found
                    .iter()
                    .filter(|hit| hit.0 == session)
                    .copied()
                    .collect();
                assert_eq!(search(1_000, Some(session)), of_session, "{asked} {when}");
            }
        };
        compare("as it came");
        rest(&store);
        compare("when it is indexed");
    });
}

/// Spans that are indexed one by one, change, and are deleted, in a store that is closed and opened.
pub(super) fn what_is_searched_for_is_found_however_it_came_to_be_indexed<S: Store>(
    open: &Open<S>,
) {
    const SAID: [&str; 6] = ["alpha", "beta", "alpha beta", "beta alpha", "gamma", ""];
    let steps = proptest::collection::vec(proptest::array::uniform4(any::<u8>()), 1..250);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 12,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let run = runner.run(&steps, |steps| {
        let dir = Dir::new();
        let mut store = open(dir.path());
        // By session and span: whether it is open, and what it says.
        let mut there = BTreeMap::<(u8, u64), (bool, &str)>::new();
        let mut deleted = BTreeSet::new();
        for (at, [what, session, number, said]) in steps.iter().enumerate() {
            let (session, said) = (session % 5, pick(*said, &SAID));
            let key = (session, u64::from(number % 60) + 1);
            match what % 32 {
                0 => {
                    drop(store);
                    store = open(dir.path());
                }
                1 if at > 100 && session > 1 => {
                    store.hide(&[session_id(session)], Duration::ZERO).unwrap();
                    there.retain(|(other, _), _| *other != session);
                    deleted.insert(session);
                }
                _ if deleted.contains(&session) => {}
                _ if there.get(&key).is_some_and(|(is_open, _)| !is_open) => {}
                _ => {
                    let is_open = what % 3 == 0;
                    let mut words = [0; 14];
                    words[1] = session;
                    let mut span = span(at, &words, is_open);
                    (span.id, span.session_id) = (SpanId(key.1), session_id(session));
                    (span.input, span.output) = (Some(Value::from(said)), None);
                    let event = match is_open {
                        true => Event::SpanStarted(Box::new(span)),
                        false => Event::SpanEnded(Box::new(span)),
                    };
                    let batch = Batch {
                        events: vec![(resource(0), event)],
                        ..Batch::default()
                    };
                    store.commit(&batch).unwrap();
                    there.insert(key, (is_open, said));
                }
            }
            if what % 7 != 0 {
                store.maintain(Duration::ZERO).unwrap();
            }
            if at % 20 != 0 && at + 1 != steps.len() {
                continue;
            }
            if at + 1 == steps.len() {
                rest(&store);
            }
            for asked in [
                "alpha",
                "gamma",
                "alpha beta",
                "\"alpha beta\"",
                "\"beta alpha\"",
            ] {
                let expected: BTreeSet<_> = there
                    .iter()
                    .filter(|(_, (_, said))| match asked.strip_prefix('"') {
                        Some(phrase) => *said == phrase.trim_end_matches('"'),
                        None => asked
                            .split(' ')
                            .all(|word| said.split(' ').any(|one| one == word)),
                    })
                    .map(|((session, span), _)| (session_id(*session), SpanId(*span)))
                    .collect();
                let search = |limit| {
                    let search = Search {
                        words: asked.into(),
                        session: None,
                        limit,
                    };
                    let hits = store.search(&search).unwrap().into_iter();
                    hits.map(|hit| (hit.session, hit.span)).collect::<Vec<_>>()
                };
                let found = search(1_000);
                let set: BTreeSet<_> = found.iter().copied().collect();
                assert_eq!(set.len(), found.len(), "{asked} at {at}: each once");
                assert_eq!(set, expected, "{asked} at {at}");
                assert_eq!(
                    search(3)[..],
                    found[..found.len().min(3)],
                    "{asked} at {at}"
                );
            }
        }
        Ok(())
    });
    if let Err(failure) = run {
        panic!("{failure}");
    }
}

pub(super) fn parts_of_any_script_are_found<S: Store>(open: &Open<S>) {
    let dir = Dir::new();
    let store = open(dir.path());
    let (mut batch, _) = two_sessions();
    let text = "注文を確認して、東京タワーへ行く cafe\u{301} 서울에서 gpt東 Ｚ end";
    let Event::SpanEnded(span) = &mut batch.events[0].1 else {
        panic!("a span that ended");
    };
    span.input = Some(Value::from(text));
    let id = span.id;
    store.commit(&batch).unwrap();
    let compare = |when: &str| {
        for (asked, is_there) in [
            ("東京", true),
            ("京タ", true),
            ("タワー 注文", true),
            ("\"確認して、東京\"", true),
            ("文注", false),
            ("東タ", false),
            ("caf\u{e9}", true),
            ("CAFE\u{301}", true),
            ("cafe", false),
            ("서울", true),
            ("울서", false),
            ("gpt", true),
            ("gpt東 end", true),
            ("東京 absent", false),
        ] {
            let search = Search {
                words: asked.into(),
                session: None,
                limit: 10,
            };
            let hits = store.search(&search).unwrap();
            assert_eq!(
                hits.iter().any(|hit| hit.span == id),
                is_there,
                "{asked} {when}"
            );
        }
    };
    compare("as it came");
    rest(&store);
    compare("when it is indexed");
}

pub(super) fn hostile_words_find_nothing_and_break_nothing<S: Store>(open: &Open<S>) {
    let dir = Dir::new();
    let store = open(dir.path());
    let words = [4, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0];
    let batch = Batch {
        events: vec![event(0, &words)],
        ..Batch::default()
    };
    store.commit(&batch).unwrap();
    let long = "x".repeat(100_000);
    let hostile = [
        "\"",
        "\"\"",
        "\"\"\"",
        "*",
        "otter*zz",
        "^zz",
        "-zz",
        "body:zz",
        "zz OR otter",
        "zz NEAR otter",
        "NOT",
        "NEAR(otter zz, 2)",
        "(",
        ")",
        "';--",
        "\0",
        "zz\0otter",
        "😀",
        "\u{202e}",
        "%",
        "_",
        "+",
        "{zz",
        "\\",
        "ﬁ",
        long.as_str(),
    ];
    for _ in 0..2 {
        for asked in hostile {
            let search = Search {
                words: asked.into(),
                session: None,
                limit: 10,
            };
            assert_eq!(store.search(&search).unwrap(), [], "{asked:?}");
        }
        rest(&store);
    }
    for digits in ["'", "%", "_", "", "\0", "g", long.as_str()] {
        assert_eq!(store.matching(digits).unwrap(), [], "{digits:?}");
    }
}

/// For each span of a trace, whether a span beneath it fits.
fn beneath(trace: &Trace, fits: impl Fn(&Span) -> bool) -> HashSet<SpanId> {
    let parents: HashMap<SpanId, SpanId> = trace
        .spans
        .iter()
        .filter_map(|span| Some((span.id, span.parent_id?)))
        .collect();
    let mut above = HashSet::new();
    for span in trace.spans.iter().filter(|span| fits(span)) {
        let mut at = span.id;
        while let Some(parent) = parents.get(&at) {
            if !above.insert(*parent) {
                break;
            }
            at = *parent;
        }
    }
    above
}

/// What spans come to, by when and by whom, with how long they took and when their first tokens came.
type Sums = BTreeMap<(u64, String), (Point, Vec<u64>, Vec<u64>)>;

/// Sums of what began in a time, made the long way round.
fn naive_sums(
    traces: &[Trace],
    by: GroupBy,
    step: u64,
    time: &Range<u64>,
    project: Option<&str>,
) -> Sums {
    let mut sums = Sums::new();
    let of_project =
        |trace: &&Trace| project.is_none_or(|project| trace.session.project == project);
    for trace in traces.iter().filter(of_project) {
        let usage = |span: &Span| span.llm.as_ref().and_then(|llm| llm.usage);
        let cost = |span: &Span| {
            span.llm
                .as_ref()
                .and_then(|llm| llm.cost.as_ref())
                .map(|cost| cost.total)
        };
        let over_usage = beneath(trace, |span| usage(span).is_some());
        let over_cost = beneath(trace, |span| cost(span).is_some());
        let over_call = beneath(trace, |span| span.kind == SpanKind::Llm);
        for (span, totals) in trace.spans.iter().zip(&trace.totals) {
            let is_call = span.kind == SpanKind::Llm && !over_call.contains(&span.id);
            let model = span
                .llm
                .as_ref()
                .and_then(|llm| llm.model.clone().or(llm.request_model.clone()));
            let is_known_call = is_call && model.is_some();
            let (group, is_own) = match by {
                GroupBy::Kind => (Some(span.kind.as_str().to_owned()), true),
                GroupBy::Model => (model, is_call),
                GroupBy::Tool => (
                    (span.kind == SpanKind::Tool).then(|| span.name.clone()),
                    true,
                ),
                GroupBy::Agent => (
                    span.agent.as_ref().map(|agent| agent.name.clone()),
                    span.kind == SpanKind::Agent,
                ),
                _ => (None, false),
            };
            let Some(group) = group.filter(|_| time.contains(&span.start)) else {
                continue;
            };
            let at = match step {
                u64::MAX => time.start,
                step => span.start - span.start % step,
            };
            let mut adds = Point::default();
            let (mut took, mut first) = (None, None);
            if is_own && !span.open {
                adds.count = 1;
                adds.errors = u64::from(span.status == Status::Error);
                took = span.end.map(|end| end - span.start);
                adds.duration = took.unwrap_or(0);
                first = span.llm.as_ref().and_then(|llm| llm.time_to_first_token);
            }
            if let Some(usage) = usage(span).filter(|_| !over_usage.contains(&span.id)) {
                (adds.input, adds.output) = (usage.input, usage.output);
                (adds.cache_read, adds.reasoning) = (usage.cache_read, usage.reasoning);
            }
            adds.cost = cost(span)
                .filter(|_| !over_cost.contains(&span.id))
                .unwrap_or(0)
                + span.tool.as_ref().and_then(|tool| tool.cost).unwrap_or(0);
            adds.unpriced = u64::from(totals.lacks_cost);
            if adds == Point::default() && took.is_none() {
                continue;
            }
            let (point, times, firsts) = sums.entry((at, group.clone())).or_default();
            (point.at, point.group) = (at, group);
            point.count += adds.count;
            point.errors += adds.errors;
            point.duration += adds.duration;
            point.input += adds.input;
            point.output += adds.output;
            point.cache_read += adds.cache_read;
            point.reasoning += adds.reasoning;
            point.cost += adds.cost;
            point.unpriced += adds.unpriced;
            times.extend(took);
            if is_known_call && [GroupBy::Model, GroupBy::Kind].contains(&by) {
                firsts.extend(first);
            }
        }
    }
    sums
}

/// Percentiles are told by the middle of a bucket: within a twelfth of the value that has the rank.
fn assert_percentiles(told: Option<[u64; 3]>, times: &mut [u64]) {
    times.sort_unstable();
    let Some(told) = told else {
        assert!(times.is_empty(), "{times:?}");
        return;
    };
    for (told, percent) in told.into_iter().zip([50, 95, 99]) {
        let rank = (times.len() * percent).div_ceil(100).max(1);
        let exact = times[rank - 1].max(1_000) as f64;
        let ratio = told as f64 / exact;
        assert!(
            (0.91..1.1).contains(&ratio),
            "{told} for the {percent}th of {times:?}"
        );
    }
}

fn assert_sums<S: Store>(store: &S, traces: &[Trace]) {
    for by in [GroupBy::Kind, GroupBy::Model, GroupBy::Tool, GroupBy::Agent] {
        for (step, nanos) in [
            (Step::Hour, HOUR),
            (Step::Day, 24 * HOUR),
            (Step::Whole, u64::MAX),
        ] {
            // All there is; from and to the midst of an hour, of days apart, of one day, and of one hour.
            let times = [
                (None, 0..u64::MAX),
                (Some("shop"), 0..u64::MAX),
                (Some("nothing"), 0..u64::MAX),
                (None, BASE + HOUR / 3..BASE + 60 * HOUR + 7),
                (Some("shop"), BASE + HOUR / 3..BASE + 9 * HOUR / 4),
                (None, BASE + HOUR / 8..BASE + HOUR / 2),
            ];
            for (project, time) in times {
                let wanted = Series {
                    by,
                    step,
                    since: time.start,
                    until: time.end,
                    project: project.map(str::to_owned),
                };
                let told = store.series(&wanted).unwrap();
                let mut expected = naive_sums(traces, by, nanos, &time, project);
                assert_eq!(
                    told.len(),
                    expected.len(),
                    "{by:?} {step:?} {project:?} {time:?}: {told:?} for {expected:?}"
                );
                for point in told {
                    let key = (point.at, point.group.clone());
                    let (sum, times, firsts) = expected.get_mut(&key).unwrap();
                    assert_percentiles(point.latency, times);
                    assert_percentiles(point.first_token, firsts);
                    let figures = Point {
                        latency: None,
                        first_token: None,
                        ..point
                    };
                    assert_eq!(figures, *sum, "{by:?} {step:?} {project:?} {time:?}");
                }
            }
        }
    }
    // By session's own words: each session once.
    let wanted = Series {
        by: GroupBy::Version,
        step: Step::Day,
        since: 0,
        until: u64::MAX,
        project: None,
    };
    let cost = |points: Vec<Point>| points.iter().map(|point| point.cost).sum::<i64>();
    let by_kind = Series {
        by: GroupBy::Kind,
        ..wanted.clone()
    };
    let of_sessions: i64 = traces
        .iter()
        .filter_map(|trace| trace.session.cost.total)
        .sum();
    assert_eq!(
        cost(store.series(&by_kind).unwrap()),
        of_sessions,
        "what sessions cost is what their spans cost"
    );
    assert!(cost(store.series(&wanted).unwrap()) <= of_sessions);
}

pub(super) fn sums_over_time_are_those_of_all_spans<S: Store>(open: &Open<S>) {
    check(64, 60, |history| {
        let dir = Dir::new();
        let store = fill(open, dir.path(), history);
        rest(&store);
        assert_sums(&store, &model(history).0);
    });
}

pub(super) fn errors_of_a_kind_are_one<S: Store>(open: &Open<S>) {
    check(24, 60, |history| {
        let dir = Dir::new();
        let store = fill(open, dir.path(), history);
        rest(&store);
        assert_faults(&store, &model(history).0);
    });
}

fn assert_faults<S: Store>(store: &S, traces: &[Trace]) {
    type Found = (
        u64,
        BTreeSet<SessionId>,
        u64,
        u64,
        BTreeSet<(SessionId, SpanId)>,
    );
    let mut expected = BTreeMap::<(SpanKind, String, String, String), Found>::new();
    for trace in traces {
        for span in &trace.spans {
            let (code, details) = match &span.error {
                Some(error) => (error.code.clone(), error.details.clone()),
                None if span.status == Status::Error => Default::default(),
                None => continue,
            };
            let key = (span.kind, code, span.name.clone(), details);
            let here = (trace.session.facts.id, span.id);
            let found = expected
                .entry(key)
                .or_insert_with(|| (0, BTreeSet::new(), u64::MAX, 0, BTreeSet::new()));
            found.0 += 1;
            found.1.insert(here.0);
            found.2 = found.2.min(span.start);
            if span.start > found.3 {
                found.4.clear();
            }
            found.3 = found.3.max(span.start);
            if span.start == found.3 {
                found.4.insert(here);
            }
        }
    }
    let told = store.faults(&everything(), 1_000).unwrap();
    assert_eq!(told.len(), expected.len());
    assert!(told.is_sorted_by_key(|fault| std::cmp::Reverse(fault.last)));
    for fault in told {
        let Fault {
            kind,
            code,
            name,
            shape,
            count,
            sessions,
            first,
            last,
            sample,
            ..
        } = fault;
        let found = &expected[&(kind, code, name, shape)];
        let counted = (count, sessions, first, last);
        assert_eq!(counted, (found.0, found.1.len() as u64, found.2, found.3));
        assert!(found.4.contains(&sample), "the sample is the newest");
    }
}

pub(super) fn what_is_deleted_is_gone_from_everything<S: Store>(open: &Open<S>) {
    check(24, 60, |history| {
        let dir = Dir::new();
        let store = fill(open, dir.path(), history);
        if history.batches.len().is_multiple_of(2) {
            rest(&store);
        }
        let (mut traces, _) = model(history);
        // Whose losses they may have been is another question once one is gone.
        let nobodys =
            |(_, event): &(_, Event)| matches!(event, Event::Loss(Loss { session: None, .. }));
        if history.events.iter().any(nobodys) {
            return;
        }
        let Some(gone) = traces.first().map(|trace| trace.session.facts.id) else {
            return;
        };
        assert_eq!(
            store
                .hide(&[gone, SessionId(77)], Duration::ZERO)
                .unwrap()
                .sessions
                .len(),
            1
        );
        assert_eq!(
            store.hide(&[gone], Duration::ZERO).unwrap().sessions.len(),
            0
        );
        assert_eq!(store.session(gone).unwrap(), None);
        assert!(store.outline(gone).unwrap().is_none());
        assert_eq!(store.spans(gone, None, 10).unwrap(), []);
        let others: Vec<Trace> = traces[1..].to_vec();
        assert_sums(&store, &others);
        assert_eq!(store.unhide(&[gone]).unwrap().sessions.len(), 1);
        assert_same(&store, &traces);
        assert_sums(&store, &traces);
        assert_eq!(
            store.hide(&[gone], Duration::ZERO).unwrap().sessions.len(),
            1
        );
        traces.retain(|trace| trace.session.facts.id != gone);
        assert_same(&store, &traces);
        rest(&store);
        assert_eq!(store.unhide(&[gone]).unwrap().sessions.len(), 0);
        assert_same(&store, &traces);
        assert_sums(&store, &traces);
        assert_faults(&store, &traces);
        for asked in ["grep", "otter", "plan"] {
            let search = Search {
                words: asked.into(),
                session: None,
                limit: 1_000,
            };
            assert!(
                store
                    .search(&search)
                    .unwrap()
                    .iter()
                    .all(|hit| hit.session != gone)
            );
        }

        // What goes on sending it changes nothing.
        let mut again = History {
            events: history
                .events
                .iter()
                .filter(|(_, event)| of(event) == Some(gone))
                .cloned()
                .collect(),
            ..history.clone()
        };
        let store = {
            drop(store);
            fill(open, dir.path(), &again)
        };
        rest(&store);
        assert_eq!(store.session(gone).unwrap(), None);
        assert_same(&store, &traces);
        assert_sums(&store, &traces);

        // Who hands all of it in finds it as if it had never been gone; what is new is found.
        again.restores = true;
        let store = {
            drop(store);
            fill(open, dir.path(), &again)
        };
        rest(&store);
        let (expected, _) = model(history);
        let here = |id| {
            let trace = query::trace(&store, id).unwrap();
            trace.map(|trace| json::to_string(&trace, true))
        };
        let known = expected
            .iter()
            .find(|trace| trace.session.facts.id == gone)
            .unwrap();
        assert_eq!(here(gone), Some(json::to_string(known, true)));
        assert_sums(&store, &expected);
        if let Some(span) = known.spans.first() {
            let search = Search {
                words: span.name.clone(),
                session: Some(gone),
                limit: 1_000,
            };
            let found = store.search(&search).unwrap();
            assert!(found.iter().any(|hit| hit.span == span.id));
        }
        // Nobody asks between.
        assert_all_totals(&store);
        store.hide(&[gone], Duration::ZERO).unwrap();
        rest(&store);
        assert_all_totals(&store);
    });
}

/// The session that an event is of.
fn of(event: &Event) -> Option<SessionId> {
    match event {
        Event::SpanStarted(span) | Event::SpanEnded(span) if span.session_id.0 == 0 => {
            Some(SessionId(span.trace_id.0))
        }
        Event::SpanStarted(span) | Event::SpanEnded(span) => Some(span.session_id),
        Event::Log { session, .. } => Some(*session),
        Event::Session(facts) => Some(facts.id),
        Event::Loss(loss) => loss.session,
        _ => None,
    }
}

/// A session of so many model calls beneath an agent.
fn large(count: usize) -> History {
    let mut events = Vec::new();
    for at in 0..count {
        let mut span = span(
            at,
            &[
                4,
                0,
                0,
                (at % 200) as u8,
                5,
                3,
                0,
                2,
                9,
                (at % 250) as u8,
                0,
                1,
                2,
                0,
            ],
            false,
        );
        span.id = SpanId(at as u64 + 1);
        span.parent_id = (at > 0).then_some(SpanId(1));
        events.push((resource(0), Event::SpanEnded(Box::new(span))));
    }
    History {
        restores: false,
        events,
        batches: vec![(100, false)],
        lost: Vec::new(),
    }
}

pub(super) fn large_sessions_lag_and_settle<S: Store>(open: &Open<S>) {
    let dir = Dir::new();
    let history = large(6_000);
    let store = fill(open, dir.path(), &history);
    let (traces, _) = model(&history);
    let seen = query::trace(&store, session_id(0)).unwrap().unwrap();
    assert_eq!(
        seen.spans.len(),
        6_000,
        "spans are there at once, whatever their sums"
    );
    rest(&store);
    assert_same(&store, &traces);
    assert_sums(&store, &traces);
}

pub(super) fn what_lags_outlives_a_restart<S: Store>(open: &Open<S>) {
    let dir = Dir::new();
    let mut history = large(3_000);
    // All that a large session says besides its spans comes while its sums lag.
    let mut told = facts(&[12, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1]);
    (told.start, told.end) = (BASE, Some(BASE + HOUR));
    history
        .events
        .push((resource(1), Event::Session(Box::new(told))));
    let loss = Loss {
        time: BASE,
        session: Some(session_id(0)),
        cause: LossCause::Write,
        count: 7,
    };
    history.events.push((resource(1), Event::Loss(loss)));
    let store = fill(open, dir.path(), &history);
    drop(store);
    let store = open(dir.path());
    rest(&store);
    let (traces, _) = model(&history);
    assert_same(&store, &traces);
    assert_sums(&store, &traces);
}

pub(super) fn a_batch_is_taken_in_whole_or_not_at_all<S: Store>(open: &Open<S>) {
    let dir = Dir::new();
    let history = large(10);
    let store = open(dir.path());
    let mut batch = Batch {
        events: history.events.clone(),
        positions: vec![("a-1-1.agentops".into(), 17)],
        ..Batch::default()
    };
    let first = store.commit(&batch).unwrap();
    assert_eq!(first.sessions.len(), 1);
    assert_eq!(first.sessions[0].1.len(), 10);
    let again = store.commit(&batch).unwrap();
    assert_eq!(again.sessions, [], "the same again changes nothing");
    assert!(again.sequence > first.sequence);
    batch.positions = vec![("a-1-1.agentops".into(), 18)];
    store.commit(&batch).unwrap();
    assert_eq!(store.position("a-1-1.agentops").unwrap(), 18);
    assert_eq!(store.sequence().unwrap(), again.sequence + 1);
}

pub(super) fn positions_and_voices_are_kept<S: Store>(open: &Open<S>) {
    let dir = Dir::new();
    let history = large(3);
    let store = open(dir.path());
    let (one, two) = (session_id(0), session_id(1));
    let mut events = history.events.clone();
    let mut other = events[0].clone();
    if let Event::SpanEnded(span) = &mut other.1 {
        span.session_id = two;
    }
    events.push(other);
    store
        .commit(&Batch {
            events,
            positions: vec![("a-1-1.agentops".into(), 5), ("b-1-1.agentops".into(), 6)],
            voices: vec![
                ("a-1".into(), one, false),
                ("b-1".into(), one, true),
                ("a-1".into(), two, false),
            ],
            ..Batch::default()
        })
        .unwrap();
    drop(store);
    let store = open(dir.path());
    let alive = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let deserted: BTreeSet<SessionId> = store.deserted(&names).unwrap().into_iter().collect();
        deserted
    };
    assert_eq!(alive(&["a-1", "b-1"]), BTreeSet::new());
    assert_eq!(
        alive(&["a-1"]),
        BTreeSet::from([one]),
        "who opened it is gone"
    );
    assert_eq!(
        alive(&["b-1"]),
        BTreeSet::from([two]),
        "nobody opened it, and nobody speaks"
    );
    assert_eq!(store.positions().unwrap().len(), 2);
    store
        .commit(&Batch {
            gone: vec!["a-1-1.agentops".into()],
            silent: vec!["a-1".into()],
            lost: vec![two, SessionId(404)],
            ..Batch::default()
        })
        .unwrap();
    assert_eq!(
        store.positions().unwrap(),
        [("b-1-1.agentops".to_owned(), 6)]
    );
    assert_eq!(alive(&[]), BTreeSet::from([one]));
    assert_eq!(
        store.session(SessionId(404)).unwrap(),
        None,
        "a session that is lost was there"
    );
}

pub(super) fn logs_and_losses_alone_make_no_session<S: Store>(open: &Open<S>) {
    let dir = Dir::new();
    let store = open(dir.path());
    let log = event(1, &[11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let loss = event(2, &[14, 1, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
    store
        .commit(&Batch {
            events: vec![log, loss],
            ..Batch::default()
        })
        .unwrap();
    assert_eq!(store.sessions(&everything()).unwrap().sessions, []);
    assert_eq!(store.totals(&everything()).unwrap().sessions, 0);
    assert_eq!(store.session(session_id(0)).unwrap(), None);
    assert_eq!(store.matching("1").unwrap(), []);
    // Its span comes: so does what was said of it before.
    let span = event(3, &[4, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0]);
    store
        .commit(&Batch {
            events: vec![span],
            ..Batch::default()
        })
        .unwrap();
    let span = store.span(session_id(0), SpanId(1)).unwrap().unwrap();
    assert_eq!(span.logs.len(), 1);

    // Of a trace a log alone came first, then two sessions with ids of their own.
    let trace = SessionId(0xabc);
    let mut log = event(4, &[11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    if let Event::Log { session, .. } = &mut log.1 {
        *session = trace;
    }
    let of = |number: u8, id: u64| {
        let mut span = event(5, &[4, number, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0]);
        if let Event::SpanEnded(span) = &mut span.1 {
            (span.id, span.trace_id) = (SpanId(id), TraceId(trace.0));
        }
        span
    };
    let home = || store.session_of(TraceId(trace.0)).unwrap();
    for (event, found) in [
        (log, trace),
        (of(1, 11), session_id(1)),
        (of(2, 12), session_id(1)),
    ] {
        let batch = Batch {
            events: vec![event],
            ..Batch::default()
        };
        store.commit(&batch).unwrap();
        assert_eq!(home(), Some(found));
    }
    // Nobody has its span: it is told of where the trace begins.
    let logs = |number: u8, id: u64| {
        let span = store.span(session_id(number), SpanId(id)).unwrap();
        span.unwrap().logs.len()
    };
    assert_eq!((logs(1, 11), logs(2, 12)), (1, 0));
    store
        .commit(&Batch {
            events: vec![of(2, 1)],
            ..Batch::default()
        })
        .unwrap();
    assert_eq!((logs(1, 11), logs(2, 1)), (0, 1));
}

/// That a failure says what it is and what to do.
pub(super) fn assert_told(
    failed: Result<impl std::fmt::Debug, StoreError>,
    what: &str,
    help: &str,
) {
    let error = failed.unwrap_err();
    assert!(error.to_string().contains(what), "{error}");
    assert!(error.help().contains(help), "{}", error.help());
}

/// Two sessions with a span each, of which one has failed and said so; and which that is.
pub(super) fn two_sessions() -> (Batch, SessionId) {
    let failed = event(0, &[4, 0, 0, 0, 2, 0, 0, 0, 9, 9, 0, 1, 2, 0]);
    let well = event(1, &[4, 1, 0, 0, 5, 3, 0, 0, 9, 9, 0, 1, 2, 0]);
    let log = event(2, &[11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let batch = Batch {
        events: vec![failed, well, log],
        ..Batch::default()
    };
    (batch, session_id(0))
}

/// One span that says something, or of which nothing is known but that it began.
pub(super) fn saying(session: u8, number: u64, is_open: bool, text: &str) -> Batch {
    let mut words = [0; 14];
    words[1] = session;
    let mut span = span(0, &words, is_open);
    (span.id, span.session_id) = (SpanId(number), session_id(session));
    (span.input, span.output) = (Some(Value::from(text)), None);
    let event = match is_open {
        true => Event::SpanStarted(Box::new(span)),
        false => Event::SpanEnded(Box::new(span)),
    };
    Batch {
        events: vec![(resource(0), event)],
        ..Batch::default()
    }
}

/// More than a page or two.
pub(super) fn large_batch() -> Batch {
    let mut batch = Batch {
        events: large(500).events,
        positions: vec![("large".into(), 1)],
        ..Batch::default()
    };
    for (_, event) in &mut batch.events {
        if let Event::SpanEnded(span) = event {
            span.session_id = session_id(2);
        }
    }
    batch
}

pub(super) fn what_had_no_price_gets_one_when_a_list_has_it<S: Store>(open: &Open<S>) {
    let dir = Dir::new();
    let mut history = large(250);
    for (at, (_, event)) in history.events.iter_mut().enumerate() {
        let Event::SpanEnded(span) = event else {
            continue;
        };
        let call = span.llm.as_mut().unwrap();
        (call.model, call.request_model) = (Some("priced-later".into()), None);
        // What somebody said it cost stays, whatever a list says; some of a model nobody ever prices.
        let mut cost = Cost::default();
        cost.total = 5;
        call.cost = (at.is_multiple_of(10)).then_some(cost);
        if at % 10 == 1 {
            call.model = Some("never-priced".into());
        }
    }
    let store = fill(open, dir.path(), &history);
    rest(&store);
    assert_same(&store, &model(&history).0);
    let sequence = store.sequence().unwrap();

    let list = br#"{"priced-later": {"input": 1.0, "output": 2.0}}"#;
    pricing::install(PriceList::with_own(list).unwrap());
    rest(&store);
    for (_, event) in &mut history.events {
        let Event::SpanEnded(span) = event else {
            continue;
        };
        let call = span.llm.as_mut().unwrap();
        let usage = call.usage.unwrap();
        if call.cost.is_none() && call.model.as_deref() == Some("priced-later") {
            call.cost = pricing::price(call, span.start);
            // A dollar for a million is a thousand nano-dollars for one.
            let total = call.cost.as_ref().map(|cost| cost.total);
            assert_eq!(
                total,
                Some(((usage.input + 2 * usage.output) * 1_000) as i64)
            );
        }
    }
    let (traces, _) = model(&history);
    assert_same(&store, &traces);
    assert_sums(&store, &traces);
    assert_eq!(traces[0].session.cost.unpriced_models, ["never-priced"]);
    let changed = store.sequence().unwrap();
    assert!(changed > sequence);
    drop(store);
    let store = open(dir.path());
    rest(&store);
    assert_same(&store, &traces);
    assert_eq!(
        store.sequence().unwrap(),
        changed,
        "a list is looked at once"
    );
}
