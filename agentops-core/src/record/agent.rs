//! Agents: who they are, and when a call enters one.
//!
//! An agent in a session is one scope word. A call whose context has that word already comes from the agent itself;
//! any other call enters it, and gets an AGENT span.

use std::any::type_name;
use std::borrow::Cow;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;

use super::callsite::Callsite;
use super::capture::{Sink, discard};
use super::context::{self, Context};
use super::local::{self, Local};
use super::scope::{self, Scope};
use super::session;
use super::span::{self, Entered, Started};
use crate::model::id::AgentId;
use crate::sync::Relaxed;
use crate::sync::fixed::AtomicU64;

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

    /// Writes what is to be known of its state when a call enters it, as one value: `agentops.agent.state` of the AGENT
    /// span. It is content as arguments are: asked for only where something records it, and redacted like them.
    ///
    /// ```
    /// # use std::borrow::Cow;
    /// # use agentops_core::{Agent, Sink};
    /// struct Researcher { pages: Vec<String> }
    ///
    /// impl Agent for Researcher {
    ///     fn name(&self) -> Cow<'_, str> {
    ///         "researcher".into()
    ///     }
    ///
    ///     fn state(&self, sink: &mut Sink<'_>) {
    ///         sink.text(format_args!("{} pages read", self.pages.len()));
    ///     }
    /// }
    /// ```
    fn state(&self, sink: &mut Sink<'_>) {
        let _ = sink;
    }

    /// For generated code: nobody has given it a name, so that the attribute of its methods may.
    #[doc(hidden)]
    fn is_nameless(&self) -> bool {
        false
    }
}

impl AgentId {
    /// An id that no other agent has.
    ///
    /// ```
    /// use agentops_core::AgentId;
    ///
    /// assert_ne!(AgentId::new(), AgentId::new());
    /// ```
    #[must_use]
    pub fn new() -> Self {
        static FIRST: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(()));
        static NEXT: AtomicU64 = AtomicU64::new(0);
        // One step of splitmix64 each: no two of a process are the same.
        let step = NEXT
            .fetch_add(1, Relaxed)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self(context::mix(FIRST.wrapping_add(step)))
    }
}

/// A new id, as [`AgentId::new`].
impl Default for AgentId {
    fn default() -> Self {
        Self::new()
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

/// What a receiver is asked when one of its methods is called.
#[derive(Debug)]
pub enum Ask<'a, 'b> {
    /// Who it is.
    Who(&'static Callsite, &'a mut Option<Identity>),
    /// Its state, where the call enters it.
    State(&'a mut Sink<'b>),
}

/// First rung: it says itself who it is.
pub trait IsAgent {
    /// Answers.
    fn agentops_answer(&self, type_name: &'static str, ask: &mut Ask<'_, '_>);
}

impl<T: Agent + ?Sized> IsAgent for &AgentProbe<'_, T> {
    fn agentops_answer(&self, type_name: &'static str, ask: &mut Ask<'_, '_>) {
        let agent = self.0;
        let owned = |text: Option<Cow<'_, str>>, fixed: Option<&str>| {
            text.map(Cow::into_owned).or_else(|| fixed.map(Into::into))
        };
        match ask {
            Ask::Who(site, answer) => {
                let name = (!agent.is_nameless()).then(|| agent.name());
                **answer = Some(Identity {
                    id: agent.id(),
                    name: name.map_or_else(|| site.meta.name.into(), Cow::into_owned),
                    role: owned(agent.role(), site.meta.role),
                    model: owned(agent.model(), site.meta.model),
                    type_name,
                    address: address(agent),
                });
            }
            Ask::State(sink) => {
                sink.contained(self::type_name::<T>(), |sink| agent.state(sink));
            }
        }
    }
}

/// Last rung: its type is known.
pub trait IsReceiver {
    /// Answers.
    fn agentops_answer(&self, type_name: &'static str, ask: &mut Ask<'_, '_>);
}

impl<T: ?Sized> IsReceiver for AgentProbe<'_, T> {
    fn agentops_answer(&self, type_name: &'static str, ask: &mut Ask<'_, '_>) {
        if let Ask::Who(site, answer) = ask {
            **answer = Some(Identity {
                type_name,
                address: address(self.0),
                ..of_site(site)
            });
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
fn identify(site: &'static Callsite, ask: &mut dyn FnMut(&mut Ask<'_, '_>)) -> Option<Identity> {
    if local::is_capturing() {
        return None;
    }
    let quiet = local::Quiet::enter();
    let mut identity = None;
    let asked = catch_unwind(AssertUnwindSafe(|| {
        ask(&mut Ask::Who(site, &mut identity));
    }));
    if let Err(payload) = asked {
        discard(payload);
    }
    drop(quiet);
    Some(identity.unwrap_or_else(|| of_site(site)))
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
    if !local.takes_spans() {
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
pub(crate) fn start_named(site: &'static Callsite, name: &str) -> Started {
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
#[inline]
pub fn join_agent(site: &'static Callsite, mut ask: impl FnMut(&mut Ask<'_, '_>)) -> Entered {
    if !local::wants(site.meta.level) {
        return Entered::off();
    }
    join(site, &mut ask, span::enter_at).unwrap_or(Entered::off())
}

/// As [`join_agent`], for a future.
#[inline]
pub fn start_join_agent(site: &'static Callsite, mut ask: impl FnMut(&mut Ask<'_, '_>)) -> Started {
    if !local::wants(site.meta.level) {
        return Started::off();
    }
    join(site, &mut ask, span::start_at).unwrap_or(Started::off())
}

#[inline(never)]
fn join<S>(
    site: &'static Callsite,
    ask: &mut dyn FnMut(&mut Ask<'_, '_>),
    begin: fn(&Local, &'static Callsite, Arrival, span::Fill<'_>) -> S,
) -> Option<S> {
    let identity = identify(site, ask)?;
    local::with(|local| {
        let arrival = arrive(local, site, &identity)?;
        if !arrival.is_new() || !arrival.declare(local, identity) {
            return None;
        }
        let mut state = |sink: &mut Sink<'_>| ask(&mut Ask::State(sink));
        Some(begin(local, site, arrival, Some(&mut state)))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::thread;

    use super::*;

    #[test]
    fn no_two_new_ids_are_the_same() {
        let some = || (0..1000).map(|_| AgentId::new()).collect::<Vec<_>>();
        let threads: Vec<_> = (0..4).map(|_| thread::spawn(some)).collect();
        let ids: HashSet<AgentId> = threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("it counts"))
            .collect();
        assert_eq!(ids.len(), 4000);
    }
}
