//! What a field says of the agent that it is part of: a name, a role, a model, an id.
//!
//! Code of `derive(Agent)` calls `(&&&&&&Says(&self.field)).agentops_said()`. Method lookup takes the first rung that
//! the type satisfies: an [`AgentId`] → `AsRef<str>` → `Display`, and options of these. Knows neither spans nor
//! sessions.

use std::borrow::Cow;
use std::fmt::Display;
use std::rc::Rc;
use std::sync::Arc;

use super::context::hash;
use crate::model::id::AgentId;

/// What a field says.
#[derive(Debug)]
pub enum Said<'a> {
    /// It is an option, and it is none.
    Nothing,
    /// It says it in words.
    Text(Cow<'a, str>),
    /// It is an id.
    Id(AgentId),
}

impl<'a> Said<'a> {
    /// As text.
    #[must_use]
    pub fn text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Nothing => None,
            Self::Text(text) => Some(text),
            Self::Id(id) => Some(id.to_string().into()),
        }
    }

    /// As the id of an agent of a type: text that is not one already becomes one, the same for the same text.
    #[must_use]
    pub fn id(self, module: &str, type_name: &str) -> Option<AgentId> {
        let of = |text: &str| {
            let parts = [module.as_bytes(), type_name.as_bytes(), text.as_bytes()];
            AgentId(hash(0, &parts))
        };
        match self {
            Self::Nothing => None,
            Self::Text(text) => Some(text.parse().unwrap_or_else(|_| of(&text))),
            Self::Id(id) => Some(id),
        }
    }
}

/// A field on the ladder.
#[derive(Debug)]
pub struct Says<'a, T: ?Sized>(pub &'a T);

/// An agent's id, or what has one.
pub trait HasId {
    /// The id.
    fn id(&self) -> Option<AgentId>;
}

impl HasId for AgentId {
    fn id(&self) -> Option<AgentId> {
        Some(*self)
    }
}

impl<T: HasId> HasId for Option<T> {
    fn id(&self) -> Option<AgentId> {
        self.as_ref()?.id()
    }
}

macro_rules! through {
    ($($pointer:ty)*) => { $(impl<T: HasId + ?Sized> HasId for $pointer {
        fn id(&self) -> Option<AgentId> {
            T::id(self)
        }
    })* };
}
through!(&T &mut T Box<T> Arc<T> Rc<T>);

/// First rung.
pub trait SaysById<'a> {
    /// What it says.
    fn agentops_said(&self) -> Said<'a>;
}

impl<'a, T: HasId + ?Sized> SaysById<'a> for &&&&&Says<'a, T> {
    fn agentops_said(&self) -> Said<'a> {
        self.0.id().map_or(Said::Nothing, Said::Id)
    }
}

/// Second rung.
pub trait SaysByStr<'a> {
    /// What it says.
    fn agentops_said(&self) -> Said<'a>;
}

impl<'a, T: AsRef<str> + ?Sized> SaysByStr<'a> for &&&&Says<'a, T> {
    fn agentops_said(&self) -> Said<'a> {
        Said::Text(self.0.as_ref().into())
    }
}

/// Third rung.
pub trait SaysOptionByStr<'a> {
    /// What it says.
    fn agentops_said(&self) -> Said<'a>;
}

impl<'a, T: AsRef<str>> SaysOptionByStr<'a> for &&&Says<'a, Option<T>> {
    fn agentops_said(&self) -> Said<'a> {
        let text = self.0.as_ref();
        text.map_or(Said::Nothing, |text| Said::Text(text.as_ref().into()))
    }
}

/// Fourth rung.
pub trait SaysByDisplay<'a> {
    /// What it says.
    fn agentops_said(&self) -> Said<'a>;
}

impl<'a, T: Display + ?Sized> SaysByDisplay<'a> for &&Says<'a, T> {
    fn agentops_said(&self) -> Said<'a> {
        Said::Text(self.0.to_string().into())
    }
}

/// Fifth rung.
pub trait SaysOptionByDisplay<'a> {
    /// What it says.
    fn agentops_said(&self) -> Said<'a>;
}

impl<'a, T: Display> SaysOptionByDisplay<'a> for &Says<'a, Option<T>> {
    fn agentops_said(&self) -> Said<'a> {
        let text = self.0.as_ref();
        text.map_or(Said::Nothing, |text| Said::Text(text.to_string().into()))
    }
}

/// What the last rung asks of a type that has come so far: that it had not. No type implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say who an agent is",
    label = "neither an `AgentId`, nor `AsRef<str>`, nor `Display`, nor an `Option` of these",
    note = "the field is marked with `#[agentops(id)]`, `name`, `role` or `model`: implement `Display` for its type, or `Agent` by hand"
)]
pub trait SaysWho {}

/// Last rung: a message for whoever reaches it.
pub trait SaysNothing<'a> {
    /// What it says.
    type Field: ?Sized;

    /// What it says.
    fn agentops_said(&self) -> Said<'a>
    where
        Self::Field: SaysWho;
}

impl<'a, T: ?Sized> SaysNothing<'a> for Says<'a, T> {
    type Field = T;

    fn agentops_said(&self) -> Said<'a>
    where
        T: SaysWho,
    {
        Said::Nothing
    }
}

#[cfg(test)]
#[expect(
    clippy::needless_borrow,
    reason = "the references are the ladder, as in generated code"
)]
mod tests {
    use super::*;

    macro_rules! text {
        ($value:expr) => {
            (&&&&&&Says(&$value)).agentops_said().text().as_deref()
        };
    }

    macro_rules! id {
        ($value:expr) => {
            (&&&&&&Says(&$value)).agentops_said().id("app", "Planner")
        };
    }

    #[test]
    fn whatever_reads_as_text_says_it() {
        assert_eq!(text!("a"), Some("a"));
        assert_eq!(text!(*"a"), Some("a"));
        assert_eq!(text!(String::from("a")), Some("a"));
        assert_eq!(text!(Cow::from("a")), Some("a"));
        assert_eq!(text!(Arc::<str>::from("a")), Some("a"));
        assert_eq!(text!(Some("a")), Some("a"));
        assert_eq!(text!(None::<String>), None);
        assert_eq!(text!(7), Some("7"));
        assert_eq!(text!(Some(7)), Some("7"));
        assert_eq!(text!(None::<u8>), None);
        assert_eq!(text!(AgentId(1)), Some("0000000000000001"));
    }

    #[test]
    fn an_id_is_itself_and_text_becomes_one() {
        let id = AgentId::new();
        assert_eq!(id!(id), Some(id));
        assert_eq!(id!(&Arc::new(Some(id))), Some(id));
        assert_eq!(id!(None::<AgentId>), None);
        assert_eq!(id!(id.to_string()), Some(id), "also as text");
        assert_eq!(id!("7"), id!(7));
        assert_ne!(id!(7), id!(8));
        let other = Says(&7);
        assert_ne!((&&&&&&other).agentops_said().id("app", "Writer"), id!(7));
    }
}
