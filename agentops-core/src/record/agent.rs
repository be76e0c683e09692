//! Agents: who they are, and when a call enters one.
//!
//! An agent in a session is one scope word. A call whose context has that word already comes from the agent itself;
//! any other call enters it, and gets an AGENT span.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::callsite::Callsite;
use super::capture::{Sink, discard};
use super::context::Context;
use super::local::{self, Local};
use super::scope::{self, Scope};
use super::session;
use super::span::{self, Entered, Started};
use crate::model::id::AgentId;

/// A type whose values are agents.
///
/// Without an id of its own an agent is known by session, type and name; two of the same name are then one.
///
/// ```
/// use std::borrow::Cow;
/// use agentops_core::Agent;
///
/// struct Researcher { topic: String }
///
/// impl Agent for Researcher {
///     fn name(&self) -> Cow<'_, str> {
///         format!("{} researcher", self.topic).into()
///     }
/// }
/// ```
pub trait Agent {
    /// What people call it.
    fn name(&self) -> Cow<'_, str>;

    /// An id that no other instance has.
    fn id(&self) -> Option<AgentId> {
        None
    }

    /// What it is there for.
    fn role(&self) -> Option<Cow<'_, str>> {
        None
    }

    /// The model that it speaks to by default.
    fn model(&self) -> Option<Cow<'_, str>> {
        None
    }
}

/// Who a receiver is, as far as its type tells.
#[derive(Debug)]
pub struct Identity {
    id: Option<AgentId>,
    name: String,
    role: Option<String>,
    model: Option<String>,
    type_name: &'static str,
    /// Tells instances apart while a call holds the borrow; never leaves the process.
    address: usize,
}

/// A receiver on the ladder.
#[derive(Debug)]
pub struct AgentProbe<'a, T: ?Sized>(pub &'a T);

/// First rung: it says itself who it is.
pub trait IsAgent {
    /// Who it is.
    fn agentops_identity(&self, type_name: &'static str, site: &'static Callsite) -> Identity;
}

impl<T: Agent + ?Sized> IsAgent for &AgentProbe<'_, T> {
    fn agentops_identity(&self, type_name: &'static str, site: &'static Callsite) -> Identity {
        let owned = |text: Option<Cow<'_, str>>, fixed: Option<&str>| {
            text.map(Cow::into_owned).or_else(|| fixed.map(Into::into))
        };
        Identity {
            id: self.0.id(),
            name: self.0.name().into_owned(),
            role: owned(self.0.role(), site.meta.role),
            model: owned(self.0.model(), site.meta.model),
            type_name,
            address: address(self.0),
        }
    }
}

/// Last rung: its type is known.
pub trait IsReceiver {
    /// Who it is.
    fn agentops_identity(&self, type_name: &'static str, site: &'static Callsite) -> Identity;
}

impl<T: ?Sized> IsReceiver for AgentProbe<'_, T> {
    fn agentops_identity(&self, type_name: &'static str, site: &'static Callsite) -> Identity {
        Identity {
            type_name,
            address: address(self.0),
            ..of_site(site)
        }
    }
}

fn address<T: ?Sized>(value: &T) -> usize {
    std::ptr::from_ref(value).cast::<()>().addr()
}

/// The agent that an annotated function is.
fn of_site(site: &'static Callsite) -> Identity {
    Identity {
        id: None,
        name: site.meta.name.into(),
        role: site.meta.role.map(Into::into),
        model: site.meta.model.map(Into::into),
        type_name: site.meta.module,
        address: 0,
    }
}

impl Identity {
    fn word(&self, session: u128) -> u64 {
        match self.id {
            Some(id) => scope::word_of(session, &[b"id", &id.0.to_le_bytes()]),
            None => {
                let address = self.address.to_le_bytes();
                scope::word_of(
                    session,
                    &[
                        b"agent",
                        self.type_name.as_bytes(),
                        self.name.as_bytes(),
                        &address,
                    ],
                )
            }
        }
    }

    fn scope(self, around: Context) -> Scope {
        let id = self
            .id
            .unwrap_or_else(|| scope::agent_id(around.session, self.type_name, &self.name));
        Scope {
            agent: id.0,
            agent_name: self.name,
            role: self.role,
            model: self.model,
            ..Scope::session(around.session, around.trace, None)
        }
    }
}

/// Asks a receiver who it is. That is users' code: it may panic, and it may call the agent's own methods, which must not
/// ask again.
fn identify(site: &'static Callsite, ask: impl FnOnce() -> Identity) -> Option<Identity> {
    if local::is_capturing() {
        return None;
    }
    let quiet = local::Quiet::enter();
    let answer = catch_unwind(AssertUnwindSafe(ask));
    let identity = answer.unwrap_or_else(|payload| {
        discard(payload);
        of_site(site)
    });
    drop(quiet);
    Some(identity)
}

/// A call that may enter an agent.
#[derive(Debug)]
pub(super) struct Arrival {
    /// Where it comes from.
    pub(super) around: Context,
    /// The agent's scope word there.
    pub(super) scope: u64,
    /// Flags of the START, and the span's id.
    pub(super) flags: u64,
    pub(super) span: u64,
}

impl Arrival {
    /// The agent itself is not where the call comes from.
    fn is_new(&self) -> bool {
        self.around.scope != self.scope
    }

    /// Writes down who the agent is; `false` where nobody takes it.
    fn declare(&self, local: &Local, identity: Identity) -> bool {
        session::declare(local, self.scope, &identity.scope(self.around))
    }
}

fn arrive(local: &Local, site: &'static Callsite, identity: &Identity) -> Option<Arrival> {
    if !local.ready() {
        return None;
    }
    let (around, flags, span) = match local.context() {
        outside if outside.scope == 0 => span::orphan(local, site)?,
        inside => (inside, 0, local.next_id()),
    };
    let scope = identity.word(around.session);
    Some(Arrival {
        around,
        scope,
        flags,
        span,
    })
}

/// An AGENT span around a function that is an agent.
pub fn enter_agent(site: &'static Callsite, capture: &mut dyn FnMut(&mut Sink<'_>)) -> Entered {
    if !local::wants(site.meta.level) {
        return Entered::off();
    }
    enter_known(site, of_site(site), Some(capture))
}

/// An AGENT span by hand, for an agent of this name.
pub(super) fn enter_named(site: &'static Callsite, name: &str) -> Entered {
    if !local::wants(site.meta.level) {
        return Entered::off();
    }
    let identity = Identity {
        name: name.into(),
        ..of_site(site)
    };
    enter_known(site, identity, None)
}

#[inline(never)]
fn enter_known(site: &'static Callsite, identity: Identity, fill: span::Fill<'_>) -> Entered {
    local::with(|local| match arrive(local, site, &identity) {
        Some(arrival) if arrival.declare(local, identity) => {
            span::enter_at(local, site, arrival, fill)
        }
        _ => Entered::off(),
    })
}

/// As [`enter_agent`], for a future.
pub fn start_agent(site: &'static Callsite, capture: &mut dyn FnMut(&mut Sink<'_>)) -> Started {
    if !local::wants(site.meta.level) {
        return Started::off();
    }
    start_known(site, of_site(site), Some(capture))
}

/// An AGENT span by hand, for an agent of this name, around a future or held.
pub(super) fn start_named(site: &'static Callsite, name: &str) -> Started {
    if !local::wants(site.meta.level) {
        return Started::off();
    }
    let identity = Identity {
        name: name.into(),
        ..of_site(site)
    };
    start_known(site, identity, None)
}

#[inline(never)]
fn start_known(site: &'static Callsite, identity: Identity, fill: span::Fill<'_>) -> Started {
    local::with(|local| match arrive(local, site, &identity) {
        Some(arrival) if arrival.declare(local, identity) => {
            span::start_at(local, site, arrival, fill)
        }
        _ => Started::off(),
    })
}

/// An AGENT span around an agent's method, unless the agent itself calls it.
pub fn join_agent(site: &'static Callsite, identity: impl FnOnce() -> Identity) -> Entered {
    if !local::wants(site.meta.level) {
        return Entered::off();
    }
    let Some(identity) = identify(site, identity) else {
        return Entered::off();
    };
    local::with(|local| match arrive(local, site, &identity) {
        Some(arrival) if arrival.is_new() && arrival.declare(local, identity) => {
            span::enter_at(local, site, arrival, None)
        }
        _ => Entered::off(),
    })
}

/// As [`join_agent`], for a future.
pub fn start_join_agent(site: &'static Callsite, identity: impl FnOnce() -> Identity) -> Started {
    if !local::wants(site.meta.level) {
        return Started::off();
    }
    let Some(identity) = identify(site, identity) else {
        return Started::off();
    };
    local::with(|local| match arrive(local, site, &identity) {
        Some(arrival) if arrival.is_new() && arrival.declare(local, identity) => {
            span::start_at(local, site, arrival, None)
        }
        _ => Started::off(),
    })
}
