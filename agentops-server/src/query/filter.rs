//! Which sessions are wanted: `tag=demo state=error research`.
//!
//! Words, all of which must fit; read once from what the user typed. Knows one session at a time and no store.

use std::fmt;
use std::str::FromStr;

use agentops_core::model::session::{EndState, Session, SessionState};

/// Words that a session must fit; without any, every session does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Filter(Vec<Word>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    Tag(String),
    Agent(String),
    Project(String),
    /// In small letters.
    Model(String),
    /// In small letters.
    Name(String),
    State(SessionState),
    EndState(EndState),
    /// In small letters; may stand anywhere.
    Text(String),
}

/// A word that is not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum UnknownWord {
    /// Its key.
    Key(String),
    /// What is wanted of `state`.
    State(String),
}

impl Filter {
    /// Whether the session fits every word.
    pub(crate) fn fits(&self, session: &Session) -> bool {
        self.0.iter().all(|word| word.fits(session))
    }
}

impl Word {
    fn fits(&self, session: &Session) -> bool {
        let facts = &session.facts;
        match self {
            Self::Tag(tag) => facts.tags.contains(tag),
            Self::Agent(agent) => session.agents.contains(agent),
            Self::Project(project) => session.project == *project,
            Self::Model(model) => session.models.iter().any(|whole| within(whole, model)),
            Self::Name(name) => within(&facts.name, name),
            Self::State(state) => session.state == *state,
            Self::EndState(state) => facts.end_state == Some(*state),
            Self::Text(text) => {
                let lists = [&facts.tags, &session.agents, &session.models];
                within(&facts.name, text)
                    || facts.id.to_string().contains(text)
                    || lists.into_iter().flatten().any(|whole| within(whole, text))
            }
        }
    }
}

/// Whether `part`, in small letters, stands somewhere in `whole`.
fn within(whole: &str, part: &str) -> bool {
    whole.to_lowercase().contains(part)
}

impl FromStr for Filter {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        text.split_whitespace()
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl FromStr for Word {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        let Some((key, value)) = word.split_once('=') else {
            return Ok(Self::Text(word.to_lowercase()));
        };
        Ok(match key {
            "tag" => Self::Tag(value.into()),
            "agent" => Self::Agent(value.into()),
            "project" => Self::Project(value.into()),
            "model" => Self::Model(value.to_lowercase()),
            "name" => Self::Name(value.to_lowercase()),
            "state" => state(value).ok_or_else(|| UnknownWord::State(value.into()))?,
            _ => return Err(UnknownWord::Key(key.into())),
        })
    }
}

/// Whether it goes on, or how it ended: nobody who filters cares that these are two fields.
fn state(value: &str) -> Option<Word> {
    let states = [
        SessionState::Running,
        SessionState::Ended,
        SessionState::Lost,
    ];
    let named = states
        .into_iter()
        .find(|state| value.eq_ignore_ascii_case(state.as_str()));
    named
        .map(Word::State)
        .or_else(|| value.parse().ok().map(Word::EndState))
}

impl fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => write!(
                f,
                "{key:?} is none of tag, state, agent, model, name, project"
            ),
            Self::State(state) => {
                write!(
                    f,
                    "state {state:?} is none of running, ended, lost, success, error, indeterminate"
                )
            }
        }
    }
}

impl std::error::Error for UnknownWord {}

#[cfg(test)]
mod tests {
    use agentops_core::model::session::SessionFacts;

    use super::*;

    #[test]
    fn every_word_must_fit() {
        let session = Session {
            facts: SessionFacts {
                name: "Research_Team".into(),
                tags: vec!["stand-in".into()],
                end_state: Some(EndState::Error),
                ..SessionFacts::default()
            },
            state: SessionState::Ended,
            project: "default".into(),
            agents: vec!["planner".into()],
            models: vec!["gpt-4o-mini-2024-07-18".into()],
            ..Session::default()
        };
        let fits = |text: &str| text.parse::<Filter>().map(|filter| filter.fits(&session));
        for text in [
            "",
            "tag=stand-in state=error",
            "state=ended agent=planner project=default",
            "model=GPT-4o-mini name=research",
            "team stand 4o PLAN 00000000-0000",
        ] {
            assert_eq!(fits(text), Ok(true), "{text}");
        }
        for text in [
            "tag=stand",
            "state=success",
            "agent=plan",
            "name=gpt",
            "team nowhere",
        ] {
            assert_eq!(fits(text), Ok(false), "{text}");
        }
        assert_eq!(fits("who=me"), Err(UnknownWord::Key("who".into())));
        assert_eq!(fits("state=odd"), Err(UnknownWord::State("odd".into())));
    }
}
