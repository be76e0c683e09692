//! Agents that say who they are: derived, by `#[agent]` on a struct, by hand.

use std::borrow::Cow;
use std::fmt::{self, Debug, Display};
use std::sync::Arc;

use crate::runtime::testing::{Trace, capture};
use crate::runtime::{Agent, AgentId, Capture, Sink, agent, opaque};

/// Name, role and model of the agent of each AGENT span, and whether its id is new in the trace.
fn agents(trace: &Trace) -> Vec<String> {
    let mut ids = Vec::new();
    let spans = trace.spans.iter().filter_map(|span| span.agent.as_ref());
    let entered = spans.filter(|agent| {
        let new = !ids.contains(&agent.id);
        ids.push(agent.id.clone());
        new
    });
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    entered
        .map(|agent| {
            format!(
                "{} {} {}",
                agent.name,
                text(&agent.role),
                text(&agent.model)
            )
        })
        .collect()
}

#[derive(Agent, Default)]
struct ById {
    #[agentops(id)]
    id: AgentId,
}

#[agent(role = "works")]
impl ById {
    fn work(&self) {
        self.rest();
    }
    fn rest(&self) {}
}

#[test]
fn instances_by_agent_id() {
    let (one, two) = (ById::default(), ById::default());
    let trace = capture(|| {
        one.work();
        two.rest();
        one.rest();
    });
    let expected = "AGENT ById\n  OPERATION work\n    OPERATION rest\nAGENT ById\n  OPERATION rest\nAGENT ById\n  OPERATION rest\n";
    assert_eq!(trace.to_string(), expected);
    assert_eq!(agents(&trace), ["ById works -", "ById works -"]);
    let id = |at: usize| trace.spans[at].agent.as_ref().map(|agent| agent.id.clone());
    assert_eq!(id(0), Some(one.id.to_string()));
    assert_eq!(id(3), Some(two.id.to_string()));
    assert_eq!(id(5), Some(one.id.to_string()));
}

#[derive(Agent, Capture)]
#[agentops(name = "numbered", model = MODEL)]
struct ByNumber(#[agentops(id)] u32);

const MODEL: &str = "gpt-4o";

#[agent(model = "another")]
impl ByNumber {
    fn call(&self, other: Option<&Self>) -> u32 {
        self.0 + other.map_or(0, |other| other.call(None))
    }
}

#[test]
fn instances_by_an_id_of_their_own() {
    let trace =
        capture(|| ByNumber(1).call(Some(&ByNumber(2))) + ByNumber(1).call(Some(&ByNumber(1))));
    let expected = r#"AGENT numbered
  OPERATION call {"other":2} -> 3
    AGENT numbered
      OPERATION call {"other":null} -> 2
AGENT numbered
  OPERATION call {"other":1} -> 2
    OPERATION call {"other":null} -> 1
"#;
    assert_eq!(trace.to_string(), expected);
    assert_eq!(agents(&trace), ["numbered - gpt-4o", "numbered - gpt-4o"]);
    assert_eq!(ByNumber(1).id(), ByNumber(1).id());
    assert_ne!(ByNumber(1).id(), ByNumber(2).id());
}

#[derive(Agent)]
#[agentops(name = "nobody", role = "any")]
struct ByName<'a> {
    #[agentops(name)]
    name: Option<Cow<'a, str>>,
    #[agentops(role)]
    role: Option<Arc<str>>,
    #[agentops(model)]
    model: Model,
}

struct Model(u8);

impl Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "model-{}", self.0)
    }
}

#[agent]
impl ByName<'_> {
    async fn call(&self) -> u8 {
        self.model.0
    }
}

#[test]
fn instances_by_name() {
    let ann = ByName {
        name: Some("ann".into()),
        role: Some("asks".into()),
        model: Model(1),
    };
    let nobody = ByName {
        name: None,
        role: None,
        model: Model(2),
    };
    let trace = capture(|| crate::block_on(async { ann.call().await + nobody.call().await }));
    assert_eq!(
        trace.to_string(),
        "AGENT ann\n  OPERATION call -> 1\nAGENT nobody\n  OPERATION call -> 2\n"
    );
    assert_eq!(agents(&trace), ["ann asks model-1", "nobody any model-2"]);
}

#[derive(Agent)]
struct Unit;

#[agent(name = "unit", role = "none")]
impl Unit {
    fn call(self) {}
}

/// A name that nobody gave does not speak over one that the attribute of the methods gives.
#[test]
fn a_struct_without_a_name_has_that_of_its_methods() {
    let trace = capture(|| Unit.call());
    assert_eq!(trace.to_string(), "AGENT unit\n  OPERATION call\n");
    assert_eq!(agents(&trace), ["unit none -"]);
    assert_eq!(Unit.name(), "Unit");
}

#[agent(name = "attributed", role = "on a struct")]
#[derive(Debug, Clone, Default)]
pub struct Attributed<const N: usize>
where
    [(); N]: Sized,
{
    #[agentops(id)]
    id: AgentId,
    #[agentops(state)]
    pub step: usize,
}

#[agent(name = "overruled", model = "m")]
impl<const N: usize> Attributed<N> {
    pub fn step(&mut self) -> usize {
        self.step += N;
        self.step
    }
}

#[test]
fn attribute_on_a_struct() {
    let mut agent = Attributed::<2>::default();
    let mut same = agent.clone();
    let mut other = Attributed {
        id: AgentId::new(),
        ..Attributed::<2>::default()
    };
    let trace = capture(|| [agent.step(), agent.step(), same.step(), other.step()]);
    let expected = r#"AGENT attributed agentops.agent.state={"step":0}
  OPERATION step -> 2
AGENT attributed agentops.agent.state={"step":2}
  OPERATION step -> 4
AGENT attributed agentops.agent.state={"step":0}
  OPERATION step -> 2
AGENT attributed agentops.agent.state={"step":0}
  OPERATION step -> 2
"#;
    assert_eq!(trace.to_string(), expected);
    assert_eq!(agents(&trace), ["attributed on a struct m"; 2]);
}

struct Closed;
opaque!(Closed);

struct Panicking;
impl Debug for Panicking {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("inside Debug")
    }
}

#[derive(Agent)]
#[agentops(bounds(S: Debug))]
struct Stateful<T, S> {
    #[agentops(state)]
    r#loop: Vec<u8>,
    #[agentops(state)]
    open: T,
    #[agentops(state)]
    said: S,
    #[agentops(state, redact)]
    hidden: &'static str,
    #[agentops(state)]
    password: &'static str,
    #[agentops(state)]
    closed: Vec<Closed>,
    #[agentops(state)]
    panics: Panicking,
    unsaid: u8,
}

#[agent]
impl<T, S: Debug> Stateful<T, S> {
    fn call(&self) -> u8 {
        self.unsaid + u8::from(self.hidden.is_empty())
    }
}

#[test]
fn state_is_recorded_field_by_field_and_redacted() {
    let agent = Stateful {
        r#loop: vec![1, 2],
        open: 7_u8,
        said: Some(7_u8),
        hidden: "not seen",
        password: "hunter22",
        closed: vec![Closed],
        panics: Panicking,
        unsaid: 3,
    };
    let trace = capture(|| agent.call());
    let state = &trace.span("Stateful").attributes["agentops.agent.state"];
    assert_eq!(state["loop"].to_string(), "[1,2]");
    assert_eq!(state["open"]["$type"], "u8", "nothing is known of `T`");
    assert_eq!(state["said"], "Some(7)");
    assert_eq!(state["hidden"], "[redacted]");
    assert_eq!(state["password"], "[redacted]");
    assert_eq!(state["closed"][0]["$type"], std::any::type_name::<Closed>());
    assert_eq!(state["panics"]["$type"], std::any::type_name::<Panicking>());
    assert_eq!(state.as_object().into_iter().flatten().count(), 7);
    assert_eq!(trace.outline(), "AGENT Stateful\n  OPERATION call\n");
}

struct ByHand {
    step: u8,
}

impl Agent for ByHand {
    fn name(&self) -> Cow<'_, str> {
        "by hand".into()
    }

    fn state(&self, sink: &mut Sink<'_>) {
        assert!(self.step < 9, "no state");
        if self.step > 0 {
            sink.serialize(&self.step);
        }
    }
}

#[agent]
impl ByHand {
    fn call(&self) {}
}

#[test]
fn state_by_hand() {
    let trace = capture(|| {
        ByHand { step: 0 }.call();
        ByHand { step: 1 }.call();
        ByHand { step: 9 }.call();
    });
    let mut shown = trace.to_string();
    shown = shown.replace(std::any::type_name::<ByHand>(), "ByHand");
    let expected = r#"AGENT by hand
  OPERATION call
AGENT by hand agentops.agent.state=1
  OPERATION call
AGENT by hand agentops.agent.state={"$type":"ByHand"}
  OPERATION call
"#;
    assert_eq!(shown, expected);
}

#[derive(Agent)]
#[repr(C, packed)]
struct Packed {
    #[agentops(state)]
    a: u8,
    #[agentops(id, state)]
    b: u32,
}

#[agent]
impl Packed {
    fn call(&self) {}
}

#[test]
fn packed_fields() {
    let trace = capture(|| Packed { a: 1, b: 2 }.call());
    assert_eq!(
        trace.to_string(),
        "AGENT Packed agentops.agent.state={\"a\":1,\"b\":2}\n  OPERATION call\n"
    );
}

#[derive(Agent)]
struct Unsized<T: Display + ?Sized> {
    #[agentops(role)]
    role: u8,
    #[agentops(name, state)]
    name: T,
}

#[agent]
impl Unsized<str> {
    fn call(&self) -> u8 {
        self.role
    }
}

#[test]
fn unsized_fields() {
    fn role<T: Display + ?Sized>(agent: &Unsized<T>) -> u8
    where
        Unsized<T>: Agent,
    {
        agent.role
    }
    let sized: Unsized<&str> = Unsized { role: 1, name: "a" };
    assert_eq!(role(&sized), 1);
    let call = |agent: &Unsized<str>| agent.call();
    let unsized_agent: &Unsized<dyn Display> = &sized;
    assert_eq!(unsized_agent.role, 1);
    let _: fn(&Unsized<str>) -> u8 = call;
}

/// Names that the code of derives might mean are taken, and the trait's methods are another trait's as well.
mod shadowed {
    #![allow(
        dead_code,
        non_camel_case_types,
        non_snake_case,
        clippy::upper_case_acronyms,
        reason = "they are there to be in the way"
    )]

    pub struct str;
    pub struct bool;
    pub struct Cow;
    pub struct String;
    pub enum Option {
        Some,
        None,
    }
    pub mod core {}
    pub mod std {}
    pub fn Some() {}
    pub fn None() {}

    pub trait Named {
        fn name(&self) {}
        fn id(&self) {}
        fn role(&self) {}
        fn state(&self) {}
        fn capture(&self) {}
        fn text(&self) {}
    }
    impl<T: ?Sized> Named for T {}

    #[derive(crate::runtime::Agent, crate::runtime::Capture)]
    #[agentops(role = "hides", crate = crate::runtime)]
    pub struct Agent<'a, const N: usize> {
        #[agentops(id)]
        pub id: crate::runtime::AgentId,
        #[agentops(name)]
        pub name: &'a ::core::primitive::str,
        #[agentops(state)]
        pub state: [u8; N],
        #[agentops(state)]
        pub step: Capture,
        #[agentops(state, redact)]
        pub r#str: str,
    }

    #[derive(crate::runtime::Capture)]
    pub enum Capture {
        Unit,
        Tuple(u8, #[agentops(redact)] str),
        Named {
            at: u8,
            #[agentops(skip)]
            str: str,
        },
    }

    #[crate::runtime::agent(crate = crate::runtime)]
    impl<const N: usize> Agent<'_, N> {
        pub fn call(&self, step: &Capture) -> u8 {
            match step {
                Capture::Unit => 0,
                Capture::Tuple(at, _) | Capture::Named { at, .. } => *at,
            }
        }
    }
}

#[test]
fn names_that_are_taken() {
    use shadowed::Capture;
    let agent = shadowed::Agent {
        id: AgentId::new(),
        name: "ann",
        state: [1, 2],
        r#str: shadowed::str,
        step: Capture::Tuple(1, shadowed::str),
    };
    let named = Capture::Named {
        at: 1,
        str: shadowed::str,
    };
    let trace = capture(|| {
        agent.call(&named);
        agent.call(&Capture::Unit);
    });
    let expected = r#"AGENT ann agentops.agent.state={"state":[1,2],"step":{"Tuple":[1,"[redacted]"]},"str":"[redacted]"}
  OPERATION call {"step":{"Named":{"at":1}}} -> 1
AGENT ann agentops.agent.state={"state":[1,2],"step":{"Tuple":[1,"[redacted]"]},"str":"[redacted]"}
  OPERATION call {"step":"Unit"} -> 0
"#;
    assert_eq!(trace.to_string(), expected);
    assert_eq!(agents(&trace), ["ann hides -"]);
}

#[test]
fn types_in_a_function() {
    #[agent(role = "local")]
    struct Local {
        #[agentops(name)]
        name: char,
    }

    #[agent]
    impl Local {
        fn call(&self) {}
    }

    let trace = capture(|| Local { name: 'x' }.call());
    assert_eq!(trace.to_string(), "AGENT x\n  OPERATION call\n");
    assert_eq!(agents(&trace), ["x local -"]);
}

/// A struct in an annotated module says who it is there, too.
#[agent(role = "of a module")]
mod module {
    use crate::runtime::{AgentId, agent};

    #[agent(name = "inner")]
    #[derive(Default)]
    pub struct Inner {
        #[agentops(id)]
        id: AgentId,
    }

    impl Inner {
        pub fn call(&self) {}
    }
}

#[test]
fn structs_in_a_module() {
    let (one, two) = (module::Inner::default(), module::Inner::default());
    let trace = capture(|| {
        one.call();
        two.call();
    });
    assert_eq!(trace.outline().matches("AGENT inner").count(), 2);
    assert_eq!(agents(&trace), ["inner of a module -"; 2]);
}
