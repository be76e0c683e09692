//! Types that say how they are recorded.

use std::fmt::{self, Debug};
use std::marker::PhantomData;
use std::sync::Mutex;

use crate::runtime::testing::capture;
use crate::runtime::{Capture, opaque, tool};

/// What is recorded of a value.
fn recorded<T: Capture>(value: &T) -> String {
    #[tool(returns(value = |value| value), capture_return = false)]
    fn look<T: Capture>(value: &T) -> &T {
        value
    }
    let trace = capture(|| {
        look(value);
    });
    let attribute = &trace.span("look").attributes["value"];
    attribute.to_string()
}

struct Closed;
opaque!(Closed);

fn closed() -> String {
    format!("{{\"$type\":\"{}\"}}", std::any::type_name::<Closed>())
}

#[derive(Capture)]
struct Named<'a, T: Debug, const N: usize> {
    array: [u8; N],
    #[agentops(redact)]
    hidden: &'a str,
    lock: Mutex<u8>,
    nested: Option<Box<Self>>,
    r#type: T,
    #[agentops(skip)]
    skipped: PhantomData<Closed>,
}

#[test]
fn named_fields() {
    let named = |nested| Named {
        array: [1, 2],
        hidden: "not seen",
        lock: Mutex::new(1),
        nested,
        r#type: Some("x"),
        skipped: PhantomData,
    };
    let value = named(Some(Box::new(named(None))));
    let one = |nested: &str| {
        format!(
            r#"{{"array":[1,2],"hidden":"[redacted]","lock":{{"$type":"{}"}},"nested":{nested},"type":"Some(\"x\")"}}"#,
            std::any::type_name::<Mutex<u8>>()
        )
    };
    let guard = value.lock.lock().expect("nobody panicked");
    assert_eq!(recorded(&value), one(&one("null")));
    drop(guard);
    assert_eq!(value.hidden.len() + value.array.len(), 10);
    assert_eq!((value.r#type, value.skipped), (Some("x"), PhantomData));
}

#[derive(Capture)]
struct Newtype<T>(Vec<T>);
#[derive(Capture)]
struct Skipped(#[agentops(skip)] &'static str);
#[derive(Capture)]
struct Tuple(u8, #[agentops(skip)] u8, #[agentops(redact)] u8, Closed);
#[derive(Capture)]
struct Unit;
#[derive(Capture)]
struct Empty {}
#[derive(Capture)]
#[agentops(redact)]
struct Whole {
    #[expect(dead_code, reason = "it is hidden, and so never read")]
    field: u8,
}

#[test]
fn other_structs() {
    assert_eq!(recorded(&Newtype(vec![Unit])).matches("Vec").count(), 1);
    assert_eq!(recorded(&Skipped("a")), "null");
    assert_eq!(Skipped("a").0.len(), 1);
    let tuple = Tuple(1, 2, 3, Closed);
    assert_eq!(recorded(&tuple), format!("[1,\"[redacted]\",{}]", closed()));
    assert_eq!(tuple.1 + tuple.2, 5);
    assert_eq!(recorded(&Unit), "null");
    assert_eq!(recorded(&Empty {}), "{}");
    assert_eq!(recorded(&Whole { field: 1 }), "\"[redacted]\"");
}

#[derive(Capture)]
enum Step {
    Idle,
    Wait(u8),
    Move(u8, Closed),
    Say {
        text: &'static str,
        #[agentops(redact)]
        to: &'static str,
        #[agentops(skip)]
        times: u8,
    },
    #[agentops(redact)]
    Pay(u8),
    #[agentops(skip)]
    Load {
        bytes: Vec<u8>,
    },
    Many(Vec<Self>),
}

#[test]
fn enums() {
    assert_eq!(recorded(&Step::Idle), "\"Idle\"");
    assert_eq!(recorded(&Step::Wait(1)), r#"{"Wait":1}"#);
    let moved = format!(r#"{{"Move":[1,{}]}}"#, closed());
    assert_eq!(recorded(&Step::Move(1, Closed)), moved);
    let say = Step::Say {
        text: "hi",
        to: "ann",
        times: 1,
    };
    let said = recorded(&say);
    assert!(
        said == r#"{"Say":{"text":"hi","to":"[redacted]"}}"#,
        "{said}"
    );
    assert!(matches!(
        say,
        Step::Say {
            to: "ann",
            times: 1,
            ..
        }
    ));
    let pay = Step::Pay(1);
    assert_eq!(recorded(&pay), "\"[redacted]\"");
    assert!(matches!(pay, Step::Pay(1)));
    let load = Step::Load { bytes: vec![1] };
    assert_eq!(recorded(&load), "\"Load\"");
    assert!(matches!(load, Step::Load { bytes } if bytes == [1]));
    let many = Step::Many(vec![Step::Idle, Step::Many(vec![])]);
    assert_eq!(recorded(&many), r#"{"Many":["Idle",{"Many":[]}]}"#);
}

#[derive(Capture)]
enum Never {}

#[test]
fn an_enum_without_variants() {
    assert_eq!(recorded(&None::<Never>), "null");
}

#[derive(Capture)]
#[agentops(bounds(T: Debug))]
struct Bounded<T>
where
    T: Clone,
{
    items: Vec<T>,
}

#[test]
fn bounds_say_what_is_known() {
    let bounded = Bounded { items: vec![1] };
    assert_eq!(recorded(&bounded), r#"{"items":"[1]"}"#);
}

struct Panicking;
impl Debug for Panicking {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("inside Debug")
    }
}

#[derive(Capture)]
struct Fragile {
    a: u8,
    b: Panicking,
    c: (u8, Deeper),
}

#[derive(Capture)]
struct Deeper {
    d: Panicking,
    e: u8,
}

#[test]
fn a_panic_costs_that_field_only() {
    let fragile = Fragile {
        a: 1,
        b: Panicking,
        c: (2, Deeper { d: Panicking, e: 3 }),
    };
    let name = format!("{{\"$type\":\"{}\"}}", std::any::type_name::<Panicking>());
    let expected = format!(r#"{{"a":1,"b":{name},"c":[2,{{"d":{name},"e":3}}]}}"#);
    assert_eq!(recorded(&fragile), expected);
}

#[derive(Capture)]
struct Chain {
    next: Option<Box<Self>>,
}

#[derive(Capture)]
struct Bare(Option<Box<Self>>);

#[test]
fn depth_is_limited() {
    let mut chain = Chain { next: None };
    let mut bare = Bare(None);
    for _ in 0..1000 {
        chain = Chain {
            next: Some(Box::new(chain)),
        };
        bare = Bare(Some(Box::new(bare)));
    }
    let shown = recorded(&chain);
    // The expression that gives it is a level of its own.
    assert_eq!(shown.matches("next").count(), 95);
    assert!(
        shown.contains("$truncated") || shown.contains("$type"),
        "{shown}"
    );
    assert!(recorded(&bare).contains("$type"));
    assert!(bare.0.is_some());
}

#[derive(Capture)]
#[repr(C, packed)]
struct Packed {
    a: u8,
    b: u64,
}

#[test]
fn packed_fields() {
    assert_eq!(recorded(&Packed { a: 1, b: 2 }), r#"{"a":1,"b":2}"#);
}

#[derive(Capture)]
struct Last<T: ?Sized> {
    size: u8,
    value: T,
}

#[test]
fn unsized_fields() {
    let last: &Last<[u8]> = &Last {
        size: 2,
        value: [1, 2],
    };
    assert_eq!(usize::from(last.size), last.value.len());
    assert!(recorded(&last).starts_with(r#"{"size":2,"value":{"$type":"#));
}
