//! What a scope word stands for: a session, and an agent in it.
//!
//! Written once where a session or an agent opens, read by the processor; spans then carry one word for both.
//! Both directions are here so that they cannot drift apart.

use super::context::hash;
use crate::model::agent::DEFAULT_AGENT;
use crate::model::id::AgentId;

/// A session or an agent that was opened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Scope {
    pub(crate) session: u128,
    pub(crate) trace: u128,
    /// Where a session opens: what is known of it. `None` where an agent opens in one.
    pub(crate) opened: Option<Opened>,
    pub(crate) agent: u64,
    pub(crate) agent_name: String,
    pub(crate) role: Option<String>,
    pub(crate) model: Option<String>,
}

/// A session that was opened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Opened {
    pub(crate) name: String,
    pub(crate) parent_session: u128,
    pub(crate) automatic: bool,
    pub(crate) tags: Vec<String>,
}

/// The SESSION span's id: whoever knows the session can name its span.
pub(crate) fn root_of(session: u128) -> u64 {
    match hash(session as u64, &[b"root", &session.to_le_bytes()]) {
        0 => 1,
        id => id,
    }
}

/// The scope word of an agent in a session; `key` tells agents apart.
pub(crate) fn word_of(session: u128, key: &[&[u8]]) -> u64 {
    match hash(session as u64 ^ (session >> 64) as u64, key) {
        0 => 1,
        word => word,
    }
}

/// The scope word of a session's default agent.
pub(crate) fn default_word(session: u128) -> u64 {
    word_of(session, &[DEFAULT_AGENT.as_bytes()])
}

/// An agent's id where it has none of its own: of session, type and name; never of an address.
pub(crate) fn agent_id(session: u128, type_name: &str, name: &str) -> AgentId {
    AgentId(hash(
        session as u64,
        &[
            &session.to_le_bytes(),
            type_name.as_bytes(),
            name.as_bytes(),
        ],
    ))
}

impl Scope {
    /// The default agent of a session.
    pub(crate) fn session(session: u128, trace: u128, opened: Option<Opened>) -> Self {
        let agent = agent_id(session, DEFAULT_AGENT, DEFAULT_AGENT).0;
        Self {
            session,
            trace,
            opened,
            agent,
            agent_name: DEFAULT_AGENT.into(),
            ..Self::default()
        }
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.session.to_le_bytes());
        out.extend_from_slice(&self.trace.to_le_bytes());
        out.extend_from_slice(&self.agent.to_le_bytes());
        text(out, Some(&self.agent_name));
        text(out, self.role.as_deref());
        text(out, self.model.as_deref());
        let Some(opened) = &self.opened else { return };
        out.extend_from_slice(&opened.parent_session.to_le_bytes());
        out.push(u8::from(opened.automatic));
        text(out, Some(&opened.name));
        opened.tags.iter().for_each(|tag| text(out, Some(tag)));
    }

    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let mut scope = Self {
            session: u128::from_le_bytes(take(&mut rest)?),
            trace: u128::from_le_bytes(take(&mut rest)?),
            opened: None,
            agent: u64::from_le_bytes(take(&mut rest)?),
            agent_name: read_text(&mut rest)??,
            role: read_text(&mut rest)?,
            model: read_text(&mut rest)?,
        };
        if !rest.is_empty() {
            let mut opened = Opened {
                parent_session: u128::from_le_bytes(take(&mut rest)?),
                automatic: take::<1>(&mut rest)? == [1],
                name: read_text(&mut rest)??,
                tags: Vec::new(),
            };
            while !rest.is_empty() {
                opened.tags.push(read_text(&mut rest)??);
            }
            scope.opened = Some(opened);
        }
        Some(scope)
    }
}

/// A length and the text; no text is the largest length.
fn text(out: &mut Vec<u8>, text: Option<&str>) {
    let length = text.map_or(u32::MAX, |text| text.len() as u32);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(text.unwrap_or_default().as_bytes());
}

fn read_text(rest: &mut &[u8]) -> Option<Option<String>> {
    let length = u32::from_le_bytes(take(rest)?);
    if length == u32::MAX {
        return Some(None);
    }
    let (text, after) = rest.split_at_checked(length as usize)?;
    *rest = after;
    Some(Some(String::from_utf8_lossy(text).into_owned()))
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_reads_back() {
        let opened = Opened {
            name: "run".into(),
            parent_session: 7,
            automatic: true,
            tags: vec!["a".into(), String::new()],
        };
        let session = Scope::session(1 << 100, 3, Some(opened));
        let agent = Scope {
            agent_name: "planner".into(),
            role: Some("plans".into()),
            ..Scope::session(1, 1, None)
        };
        for scope in [session, agent] {
            let mut bytes = Vec::new();
            scope.write(&mut bytes);
            assert_eq!(Scope::read(&bytes), Some(scope));
            assert_eq!(Scope::read(&bytes[..20]), None);
        }
    }

    #[test]
    fn an_agents_id_follows_from_who_it_is() {
        assert_eq!(agent_id(1, "T", "a"), agent_id(1, "T", "a"));
        let others = [
            agent_id(2, "T", "a"),
            agent_id(1, "U", "a"),
            agent_id(1, "T", "b"),
        ];
        assert!(!others.contains(&agent_id(1, "T", "a")));
    }
}
