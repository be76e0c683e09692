//! What AgentOps' SDKs for other languages upload beside their spans: what a program printed, and objects.
//!
//! What was printed becomes a log of the session's own span, for that is where a reader looks for what a run said; an
//! object names no session, and is kept as a file until it is asked for. Knows nothing of the requests that carry them.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use agentops_core::model::event::{Event, Resource};
use agentops_core::model::id::{SessionId, SpanId};
use agentops_core::model::span::{Level, Log};
use agentops_core::model::time::UnixNanos;

use crate::home::Home;
use crate::store::{Store, StoreError};

/// Who logged what a program printed.
const PRINTED: &str = "agentops.logs";

/// Digits of an object's name.
const DIGITS: usize = 32;

/// Uploaded objects, a file for each.
#[derive(Debug, Clone)]
pub struct Objects {
    dir: PathBuf,
}

impl Objects {
    /// Those of a data directory.
    pub fn of(home: &Home) -> Self {
        Self {
            dir: home.path().join("objects"),
        }
    }

    /// Keeps an object: the name that it goes by. It is durable when this returns.
    pub fn keep(&self, object: &[u8]) -> io::Result<String> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        {
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        }
        builder.create(&self.dir)?;
        let mut random = [0; DIGITS / 2];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let name: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let path = self.dir.join(&name);
        let mut file = options.open(&path)?;
        let written = file.write_all(object).and_then(|()| file.sync_all());
        if written.is_err() {
            _ = fs::remove_file(&path);
        }
        written.map(|()| name)
    }

    /// The object of a name; `None` where there is none.
    pub fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let is_name = name.len() == DIGITS
            && name
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !is_name {
            return Ok(None);
        }
        match fs::read(self.dir.join(name)) {
            Ok(object) => Ok(Some(object)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The session of a trace whose id is written in decimal, as those SDKs do.
pub fn session(trace: &str) -> Option<SessionId> {
    let id: u128 = trace.trim().parse().ok()?;
    (id != 0).then_some(SessionId(id))
}

/// What a program printed, as an event.
pub fn printed(session: SessionId, text: String, time: UnixNanos) -> (Arc<Resource>, Event) {
    let log = Log {
        time,
        level: Level::Info,
        target: PRINTED.into(),
        message: text,
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

/// Whether a program's output is among its session's logs already: who is not sure that it was taken sends it again, and
/// it says nothing of when it was printed.
pub fn is_kept(store: &dyn Store, session: SessionId, text: &str) -> Result<bool, StoreError> {
    let root = store.session(session)?.and_then(|known| known.facts.root);
    let Some(root) = root else {
        return Ok(false);
    };
    let own = store.span(session, root)?;
    let mut logs = own.iter().flat_map(|own| &own.logs);
    Ok(logs.any(|log| log.target == PRINTED && log.message == text))
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
