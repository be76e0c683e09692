//! Changes as they happen, as server-sent events.
//!
//! `GET /api/v1/events` says `hello` with the last commit, then `changes` at most ten times a second, each with what
//! changed as it is now and the commit that it is as of; `reset` says that too much was missed to be told. Whoever comes
//! back with `Last-Event-ID` is told what came after it. `?session=` tells of one session, with its spans.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use agentops_core::model::id::{SessionId, SpanId};
use agentops_core::model::json;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use super::answer::{ChangesAnswer, Hello, SpanRow};
use super::error::ApiError;
use super::params::{Params, bad};
use super::questions::{Asked, resolve};
use super::stream::{self, Events};
use crate::live::{Listener, Missed};
use crate::store::{Changes, Condition, Store, StoreError, Wanted};

/// The time between two events for one listener.
const APART: Duration = Duration::from_millis(100);

/// How often a listener hears that the connection lives.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How many sessions, and how many spans of one session, are told at once; of more it is only said that they changed.
const SESSIONS: usize = 500;
const SPANS: usize = 2_000;

/// What a listener wants to hear of.
#[derive(Debug, Clone, Copy)]
struct Interest {
    session: Option<SessionId>,
    spans: bool,
    foreign: bool,
}

pub(super) async fn listen(
    State(asked): State<Asked>,
    RawQuery(text): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let params = Params::read(
        text.as_deref(),
        &[&["session", "spans", "foreign", "last_event_id"]],
    )?;
    let number = "the id of an event of this server, which is a number";
    let given = params.read_one("last_event_id", number, |text| text.parse().ok())?;
    let seen: Option<u64> = match headers.get("last-event-id") {
        None => given,
        Some(value) => {
            let text = value.to_str().ok();
            let seen = text.and_then(|text| text.trim().parse().ok());
            Some(seen.ok_or_else(|| bad("Last-Event-ID", number))?)
        }
    };
    let session = params.one("session")?.map(str::to_owned);
    let session = match session {
        None => None,
        Some(id) => {
            let found = asked.ask(move |live| resolve(&**live.store(), &id));
            Some(found.await??)
        }
    };
    let interest = Interest {
        session,
        spans: session.is_some() || params.flag("spans")?,
        foreign: session.is_some() || params.flag("foreign")?,
    };
    Ok(answer(follow(asked, interest, seen)))
}

/// Events as they come, and in between signs that the connection lives.
fn answer(events: Events) -> Response {
    let mut response = Sse::new(events)
        .keep_alive(KeepAlive::new().interval(HEARTBEAT).text("heartbeat"))
        .into_response();
    // Proxies that gather answers would hold events back.
    response.headers_mut().insert(
        "x-accel-buffering",
        axum::http::HeaderValue::from_static("no"),
    );
    response
}

fn follow(asked: Asked, interest: Interest, seen: Option<u64>) -> Events {
    let (sender, events) = stream::events();
    tokio::spawn(async move {
        let listening = asked.ask(move |live| live.listen(seen));
        let Ok(Listener {
            missed,
            sequence,
            mut changes,
        }) = listening.await
        else {
            return;
        };
        let mut pending = Pending::default();
        let hello = match missed {
            Missed::TooMuch => reset(sequence),
            Missed::Commits(missed) => {
                missed
                    .iter()
                    .for_each(|missed| pending.add(missed, interest));
                // What was missed comes with its own ids: this one must not pass for them.
                let hello = if missed.is_empty() {
                    Event::default().id(sequence.to_string())
                } else {
                    Event::default()
                };
                hello.event("hello").data(text(&Hello { sequence }))
            }
        };
        if sender.send(Ok(hello)).await.is_err() {
            return;
        }
        loop {
            if pending.is_empty() {
                tokio::select! {
                    // Whoever listened has gone.
                    () = sender.closed() => return,
                    change = changes.recv() => match change {
                        Ok(change) => pending.add(&change, interest),
                        Err(RecvError::Lagged(_)) => pending.reset = true,
                        Err(RecvError::Closed) => return,
                    },
                }
            }
            loop {
                match changes.try_recv() {
                    Ok(change) => pending.add(&change, interest),
                    Err(TryRecvError::Lagged(_)) => pending.reset = true,
                    Err(TryRecvError::Empty | TryRecvError::Closed) => break,
                }
            }
            if pending.is_empty() {
                continue;
            }
            let told = std::mem::take(&mut pending);
            let event = asked.ask(move |live| told.event(&**live.store(), interest));
            match event.await {
                Ok(Ok(event)) => {
                    if sender.send(Ok(event)).await.is_err() {
                        return;
                    }
                }
                // Whoever listens comes back, and asks again.
                Ok(Err(_)) | Err(_) => return,
            }
            tokio::time::sleep(APART).await;
        }
    });
    events
}

/// What changed and was not told yet.
#[derive(Debug, Default)]
struct Pending {
    sequence: u64,
    sessions: HashMap<SessionId, BTreeSet<SpanId>>,
    refetch: BTreeSet<SessionId>,
    reset: bool,
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.sessions.is_empty() && self.refetch.is_empty() && !self.reset
    }

    fn add(&mut self, changes: &Arc<Changes>, interest: Interest) {
        self.sequence = self.sequence.max(changes.sequence);
        // More has changed than anybody can name.
        self.reset |= changes.sessions.is_empty() && changes.elsewhere.is_empty();
        let wanted = |id: &SessionId| interest.session.is_none_or(|wanted| wanted == *id);
        for (id, spans) in changes.sessions.iter().filter(|(id, _)| wanted(id)) {
            let known = self.sessions.entry(*id).or_default();
            if interest.spans {
                known.extend(spans);
                if known.len() > SPANS {
                    known.clear();
                    self.refetch.insert(*id);
                }
            }
        }
        for id in changes.elsewhere.iter().filter(|id| wanted(id)) {
            self.sessions.entry(*id).or_default();
            self.refetch.insert(*id);
        }
        self.reset |= self.sessions.len() > SESSIONS;
    }

    fn event(self, store: &dyn Store, interest: Interest) -> Result<Event, StoreError> {
        if self.reset {
            return Ok(reset(store.sequence()?.max(self.sequence)));
        }
        let ids: Vec<SessionId> = self.sessions.keys().copied().collect();
        let wanted = Wanted {
            conditions: vec![Condition::Among(ids.clone())],
            limit: ids.len(),
            foreign: interest.foreign,
            ..Wanted::default()
        };
        let sessions = store.sessions(&wanted)?.sessions;
        let mut removed = Vec::new();
        for id in ids {
            let listed = sessions.iter().any(|session| session.facts.id == id);
            if !listed && store.version(id)?.is_none() {
                removed.push(id.to_string());
            }
        }
        removed.sort();
        let mut spans = Vec::new();
        for session in &sessions {
            let id = session.facts.id;
            if self.refetch.contains(&id) {
                continue;
            }
            let changed: Vec<SpanId> = self.sessions[&id].iter().copied().collect();
            let rows = store.rows(id, &changed)?;
            spans.extend(rows.iter().map(|row| SpanRow::new(id, row)));
        }
        let refetch = self.refetch.iter().map(SessionId::to_string);
        let answer = ChangesAnswer {
            sequence: self.sequence,
            sessions: sessions.iter().map(json::session_alone).collect(),
            spans,
            refetch: refetch.filter(|id| !removed.contains(id)).collect(),
            removed,
        };
        Ok(Event::default()
            .event("changes")
            .id(self.sequence.to_string())
            .data(text(&answer)))
    }
}

/// Says that everything that is shown is to be asked for again.
fn reset(sequence: u64) -> Event {
    Event::default()
        .event("reset")
        .id(sequence.to_string())
        .data(text(&Hello { sequence }))
}

fn text(answer: &impl serde::Serialize) -> String {
    // Keys are strings and nothing else can fail in memory.
    serde_json::to_string(answer).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;

    use futures_core::Stream as _;

    use super::*;

    /// Time stands still until everybody waits, and then goes on to where somebody waits for.
    #[tokio::test(start_paused = true)]
    async fn a_connection_on_which_nothing_happens_is_heard_of_now_and_then() {
        let (sender, events) = stream::events();
        let mut told = pin!(answer(events).into_body().into_data_stream());
        let mut next = async || {
            let piece = poll_fn(|context| told.as_mut().poll_next(context)).await;
            let piece = piece.expect("it goes on").expect("it is told");
            String::from_utf8(piece.to_vec()).expect("text")
        };
        let began = tokio::time::Instant::now();
        for beat in 1..=3 {
            assert_eq!(next().await, ": heartbeat\n\n");
            assert_eq!(began.elapsed().as_secs(), beat * 15);
        }
        sender.send(Ok(reset(7))).await.expect("somebody listens");
        let expected = "event: reset\nid: 7\ndata: {\"sequence\":7}\n\n";
        assert_eq!(next().await, expected);
        assert_eq!(next().await, ": heartbeat\n\n");
        assert_eq!(began.elapsed().as_secs(), 60);
    }
}
