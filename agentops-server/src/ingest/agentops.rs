//! What AgentOps' SDKs for other languages upload beside their spans: what a program printed, and objects.
//!
//! Both become logs of the session's own span, for that is where a reader looks for what a run said. Knows nothing of
//! the requests that carry them.

use std::sync::Arc;

use agentops_core::model::event::{Event, Resource};
use agentops_core::model::id::{SessionId, SpanId};
use agentops_core::model::span::{Level, Log};
use agentops_core::model::time::UnixNanos;

/// What is uploaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upload {
    /// What a program printed.
    Logs,
    /// Anything else.
    Object,
}

impl Upload {
    fn target(self) -> &'static str {
        match self {
            Self::Logs => "agentops.logs",
            Self::Object => "agentops.object",
        }
    }
}

/// The session of a trace whose id is written in decimal, as those SDKs do.
pub fn session(trace: &str) -> Option<SessionId> {
    let id: u128 = trace.trim().parse().ok()?;
    (id != 0).then_some(SessionId(id))
}

/// An upload, as an event.
pub fn event(
    upload: Upload,
    session: SessionId,
    body: String,
    time: UnixNanos,
) -> (Arc<Resource>, Event) {
    let log = Log {
        time,
        level: Level::Info,
        target: upload.target().into(),
        message: body,
        attributes: Default::default(),
    };
    // Of no span that there is: such logs are the session's own.
    let event = Event::Log {
        session,
        span: SpanId(0),
        log,
    };
    let resource = Resource {
        service: "agentops".into(),
        ..Resource::default()
    };
    (Arc::new(resource), event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_are_told_in_decimal() {
        assert_eq!(session("255"), Some(SessionId(255)));
        let all = u128::MAX.to_string();
        assert_eq!(session(&all), Some(SessionId(u128::MAX)));
        for wrong in [
            "",
            "0",
            "-1",
            "ff",
            "340282366920938463463374607431768211456",
        ] {
            assert_eq!(session(wrong), None, "{wrong}");
        }
    }
}
