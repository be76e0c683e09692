//! Which sessions are wanted: `tag=demo state=error agent="the planner" research`.
//!
//! Words, all of which must fit; read once from what the user typed. What stands in quotes is one of them, spaces and
//! all. Knows what may be asked of a store, and no store.

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
        let mut rest = text;
        let words = std::iter::from_fn(|| next_word(&mut rest));
        let conditions: Vec<Condition> = words
            .take(Self::MOST + 1)
            .map(|(key, value)| condition(key, value))
            .collect::<Result<_, _>>()?;
        match conditions.len() > Self::MOST {
            true => Err(UnknownWord::TooMany),
            false => Ok(Self(conditions)),
        }
    }
}

/// Takes a word from the front: its key, if it has one, and its value.
fn next_word<'a>(rest: &mut &'a str) -> Option<(Option<&'a str>, &'a str)> {
    let text = rest.trim_start();
    if text.is_empty() {
        *rest = "";
        return None;
    }
    if let Some((value, after)) = quoted(text) {
        *rest = after;
        return Some((None, value));
    }
    let (word, after) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    *rest = after;
    let Some((key, value)) = word.split_once('=') else {
        return Some((None, word));
    };
    if let Some((value, after)) = quoted(&text[key.len() + 1..]) {
        *rest = after;
        return Some((Some(key), value));
    }
    Some((Some(key), value))
}

/// What stands in quotes at the front, up to one that ends a word; others are like any character.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix('"')?;
    let mut ends = inside.match_indices('"');
    ends.find_map(|(end, _)| {
        let after = &inside[end + 1..];
        let is_over = after.is_empty() || after.starts_with(char::is_whitespace);
        is_over.then_some((&inside[..end], after))
    })
}

fn condition(key: Option<&str>, value: &str) -> Result<Condition, UnknownWord> {
    let Some(key) = key else {
        return Ok(Condition::Text(value.to_lowercase()));
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
        let tag = |tag: &str| Condition::Tag(tag.into());
        let text = |text: &str| Condition::Text(text.into());
        for (expression, expected) in [
            (
                r#"tag="two words" plan"#,
                vec![tag("two words"), text("plan")],
            ),
            (r#""a=b  c" "d""#, vec![text("a=b  c"), text("d")]),
            (r#"tag="say "hi"" x"#, vec![tag("say \"hi\""), text("x")]),
            (r#"tag="open x"#, vec![tag("\"open"), text("x")]),
            (r#"tag=in"side "#, vec![tag("in\"side")]),
            (r#"tag="" """#, vec![tag(""), text("")]),
            (
                "\"\u{e9}\u{2003}x\"\u{2003}y",
                vec![text("\u{e9}\u{2003}x"), text("y")],
            ),
        ] {
            assert_eq!(conditions(expression), Ok(expected), "{expression}");
        }
        let many = "a ".repeat(Filter::MOST);
        assert_eq!(conditions(&many).map(|all| all.len()), Ok(Filter::MOST));
        let many = many + "a";
        assert_eq!(conditions(&many), Err(UnknownWord::TooMany));
        assert_eq!(UnknownWord::TooMany.to_string(), "more than 50 words");
    }
}
