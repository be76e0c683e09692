//! Which sessions are wanted: `tag=demo state=error research`.
//!
//! Words, all of which must fit; read once from what the user typed. Knows what may be asked of a store, and no store.

use std::fmt;
use std::str::FromStr;

use agentops_core::model::session::SessionState;

use crate::store::Condition;

/// Words that a session must fit; without any, every session does.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Filter(Vec<Condition>);

/// Why an expression is not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnknownWord {
    /// Its key.
    Key(String),
    /// What is wanted of `state`.
    State(String),
    /// There are more words than a store is asked for at once.
    TooMany,
}

impl Filter {
    /// How many words there may be.
    pub const MOST: usize = 50;

    /// What must hold of a session.
    pub fn conditions(&self) -> &[Condition] {
        &self.0
    }
}

impl FromStr for Filter {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let conditions: Vec<Condition> = text
            .split_whitespace()
            .take(Self::MOST + 1)
            .map(word)
            .collect::<Result<_, _>>()?;
        match conditions.len() > Self::MOST {
            true => Err(UnknownWord::TooMany),
            false => Ok(Self(conditions)),
        }
    }
}

fn word(word: &str) -> Result<Condition, UnknownWord> {
    let Some((key, value)) = word.split_once('=') else {
        return Ok(Condition::Text(word.to_lowercase()));
    };
    Ok(match key {
        "tag" => Condition::Tag(value.into()),
        "agent" => Condition::Agent(value.into()),
        "tool" => Condition::Tool(value.into()),
        "error" => Condition::Error(value.into()),
        "env" | "environment" => Condition::Environment(value.into()),
        "version" => Condition::Version(value.into()),
        "project" => Condition::Project(value.into()),
        "model" => Condition::Model(value.to_lowercase()),
        "name" => Condition::Name(value.to_lowercase()),
        "state" => state(value).ok_or_else(|| UnknownWord::State(value.into()))?,
        _ => return Err(UnknownWord::Key(key.into())),
    })
}

/// Whether it goes on, or how it ended: nobody who filters cares that these are two fields.
fn state(value: &str) -> Option<Condition> {
    let states = [
        SessionState::Running,
        SessionState::Ended,
        SessionState::Lost,
    ];
    let named = states
        .into_iter()
        .find(|state| value.eq_ignore_ascii_case(state.as_str()));
    named
        .map(Condition::State)
        .or_else(|| value.parse().ok().map(Condition::EndState))
}

impl fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => write!(
                f,
                "{key:?} is none of tag, state, agent, model, tool, error, env, version, name, project"
            ),
            Self::State(state) => {
                write!(
                    f,
                    "state {state:?} is none of running, ended, lost, success, error, indeterminate"
                )
            }
            Self::TooMany => write!(f, "more than {} words", Filter::MOST),
        }
    }
}

impl std::error::Error for UnknownWord {}

#[cfg(test)]
mod tests {
    use agentops_core::model::session::EndState;

    use super::*;

    #[test]
    fn words_become_conditions() {
        let conditions = |text: &str| {
            text.parse::<Filter>()
                .map(|filter| filter.conditions().to_vec())
        };
        assert_eq!(conditions(" "), Ok(Vec::new()));
        assert_eq!(
            conditions("tag=Stand-in state=error state=LOST model=GPT-4o name=Team agent=Planner tool=grep Re=se")
                .map_err(|error| error.to_string()),
            Err("\"Re\" is none of tag, state, agent, model, tool, error, env, version, name, project".into())
        );
        assert_eq!(
            conditions(
                "tag=Stand-in state=error state=LOST model=GPT-4o name=Team agent=Planner PLAN"
            ),
            Ok(vec![
                Condition::Tag("Stand-in".into()),
                Condition::EndState(EndState::Error),
                Condition::State(SessionState::Lost),
                Condition::Model("gpt-4o".into()),
                Condition::Name("team".into()),
                Condition::Agent("Planner".into()),
                Condition::Text("plan".into()),
            ])
        );
        assert_eq!(
            conditions("state=odd"),
            Err(UnknownWord::State("odd".into()))
        );
        let many = "a ".repeat(Filter::MOST);
        assert_eq!(conditions(&many).map(|all| all.len()), Ok(Filter::MOST));
        let many = many + "a";
        assert_eq!(conditions(&many), Err(UnknownWord::TooMany));
        assert_eq!(UnknownWord::TooMany.to_string(), "more than 50 words");
    }
}
