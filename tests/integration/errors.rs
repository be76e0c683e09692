//! Errors and panics: recorded once each, and never swallowed, changed or printed.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use agentops::testing::capture;
use agentops::{operation, tool};

use crate::harness::record_async;

#[tool]
fn open(path: &str) -> io::Result<u8> {
    Err(io::Error::new(
        io::ErrorKind::NotFound,
        format!("no {path}"),
    ))
}

#[operation]
fn pass_on(path: &str) -> Result<u8, Box<dyn std::error::Error + Send + Sync>> {
    Ok(open(path)?)
}

type Swapped<E, T> = Result<T, E>;

#[operation]
fn swapped() -> Swapped<&'static str, u8> {
    Err("no")
}

#[operation(err = false)]
fn quiet() -> Result<u8, u8> {
    Err(7)
}

struct Coded;

impl std::fmt::Display for Coded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("too many")
    }
}

impl agentops::ErrorCode for Coded {
    fn error_code(&self) -> String {
        "429".into()
    }
}

#[operation]
fn coded() -> Result<(), Coded> {
    Err(Coded)
}

#[test]
fn an_error_is_recorded_by_its_type_and_given_back() {
    let trace = capture(|| {
        let error = pass_on("x").expect_err("it fails");
        assert_eq!(
            error.downcast_ref::<io::Error>().map(io::Error::kind),
            Some(io::ErrorKind::NotFound)
        );
        assert_eq!(swapped(), Err("no"));
        assert_eq!(quiet(), Err(7));
        assert!(coded().is_err());
    });
    let expected = r#"OPERATION pass_on {"path":"x"} ! NotFound: no x
  TOOL open {"path":"x"} ! NotFound: no x
OPERATION swapped ! str: no
OPERATION quiet -> {"Err":7}
OPERATION coded ! 429: too many
"#;
    assert_eq!(trace.to_string(), expected);
    let error = trace.span("open").error.as_ref().expect("it failed");
    assert_eq!(error.kind, "TOOL");
    assert_eq!(error.rust_type.as_deref(), Some("std::io::error::Error"));
    assert_eq!(error.span_trace, ["pass_on", "open"]);
}

#[operation]
fn explode(message: &str) -> u8 {
    panic!("{message}")
}

#[operation]
async fn explode_later() -> u8 {
    tokio::task::yield_now().await;
    explode("boom")
}

#[test]
fn a_panic_is_recorded_and_goes_on() {
    let trace = capture(|| {
        let payload = catch_unwind(|| explode("bang")).expect_err("it panics");
        assert_eq!(
            payload.downcast_ref::<String>().map(String::as_str),
            Some("bang")
        );
    });
    assert_eq!(
        trace.to_string(),
        "OPERATION explode {\"message\":\"bang\"} ! panic: bang\n"
    );
    let stack = trace
        .span("explode")
        .error
        .as_ref()
        .and_then(|error| error.stack.clone());
    assert!(
        stack.is_some_and(|stack| stack.contains("errors.rs:")),
        "a panic says where it happened"
    );
}

#[test]
fn a_panic_inside_a_future_is_no_cancellation() {
    let trace = record_async(async {
        let task = AssertUnwindSafe(explode_later());
        let result = futures_catch(task).await;
        assert!(result.is_err());
    });
    let expected = r#"OPERATION explode_later ! panic: boom
  OPERATION explode {"message":"boom"} ! panic: boom
"#;
    assert_eq!(trace.to_string(), expected);
}

/// Polls a future, and catches what its polls throw.
async fn futures_catch<F: Future>(future: AssertUnwindSafe<F>) -> std::thread::Result<F::Output> {
    let mut future = Box::pin(future.0);
    std::future::poll_fn(|task| {
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(task))) {
            Ok(std::task::Poll::Pending) => std::task::Poll::Pending,
            Ok(std::task::Poll::Ready(output)) => std::task::Poll::Ready(Ok(output)),
            Err(payload) => std::task::Poll::Ready(Err(payload)),
        }
    })
    .await
}

#[test]
fn an_error_by_hand_marks_the_span() {
    let trace = capture(|| {
        let span = agentops::span("by hand").start();
        agentops::current_span().record_error(&io::Error::from(io::ErrorKind::TimedOut));
        drop(span);
        let span = agentops::span("in words").start();
        agentops::current_span().record_error_text("it went wrong");
        drop(span);
    });
    let expected =
        "OPERATION by hand ! TimedOut: timed out\nOPERATION in words ! str: it went wrong\n";
    assert_eq!(trace.to_string(), expected);
}

/// Expressions in an attribute's arguments are no part of what the function does.
#[test]
fn expressions_that_panic_cost_only_their_value() {
    fn refuse<T>(_: T) -> String {
        std::panic::panic_any("while it is captured")
    }
    #[tool(skip_all, attributes(first = refuse(&text), size = text.len(), text), returns(last = refuse, n = |n: &u8| *n))]
    fn called(text: String) -> u8 {
        drop(text);
        7
    }
    #[tool(skip_all, attributes(first = refuse(&text), size = text.len(), text), returns(last = refuse, n = |n: &u8| *n))]
    async fn awaited(text: String) -> u8 {
        std::future::ready(()).await;
        drop(text);
        7
    }
    let trace = capture(|| assert_eq!(called("one".into()), 7));
    let values = r#"first={"$type":"panicked"} size=3 text="one" last={"$type":"panicked"} n=7"#;
    assert_eq!(trace.to_string(), format!("TOOL called -> 7 {values}\n"));
    let trace = record_async(async { assert_eq!(awaited("one".into()).await, 7) });
    assert_eq!(trace.to_string(), format!("TOOL awaited -> 7 {values}\n"));
}

#[test]
fn users_code_that_misbehaves_while_it_is_captured_costs_only_its_value() {
    struct Panicking;
    impl std::fmt::Debug for Panicking {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("inside Debug")
        }
    }
    struct Recording;
    impl std::fmt::Debug for Recording {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            takes(Panicking, 1);
            f.write_str("recorded")
        }
    }
    #[operation]
    fn takes<T: std::fmt::Debug>(value: T, n: u8) -> u8 {
        drop(value);
        n
    }
    let trace = capture(|| {
        assert_eq!(takes(Panicking, 2), 2);
        assert_eq!(takes(Recording, 3), 3);
    });
    let drawn = trace.to_string();
    let lines: Vec<_> = drawn.lines().collect();
    assert!(
        lines[0].contains(r#"{"value":{"$type":"#) && lines[0].ends_with("-> 2"),
        "{drawn}"
    );
    assert!(
        lines
            .iter()
            .any(|line| line.contains(r#"{"value":"recorded","n":3} -> 3"#)),
        "{drawn}"
    );
}

#[test]
fn a_panic_of_a_value_never_reaches_the_program() {
    struct Panicking;
    impl std::fmt::Display for Panicking {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("inside Display")
        }
    }
    impl serde::Serialize for Panicking {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            panic!("inside Serialize")
        }
    }
    let trace = capture(|| {
        let span = agentops::span("by hand").start();
        agentops::current_span().log(agentops::Level::Info, Panicking);
        agentops::current_span().set_attribute("k", Panicking);
        span.end_with(Panicking);
    });
    let span = trace.span("by hand");
    let type_name = |value: &serde_json::Value| {
        value["$type"]
            .as_str()
            .is_some_and(|name| name.ends_with("Panicking"))
    };
    assert!(
        span.output.as_ref().is_some_and(type_name) && type_name(&span.attributes["k"]),
        "{span:?}"
    );
}
