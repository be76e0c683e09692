//! Panics: what they carry, what they unwind through, and whom they are said to come from.

#![expect(
    clippy::boxed_local,
    clippy::future_not_send,
    clippy::manual_assert,
    clippy::unused_self,
    reason = "shapes are as people write them"
)]

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, Location, UnwindSafe, catch_unwind, panic_any, resume_unwind};
use std::rc::Rc;

use crate::runtime::{SpanContext, current_span, operation, session, task, tool};
use crate::{block_on, check};

type Log = Rc<RefCell<Vec<&'static str>>>;

/// Notes its name when it is dropped.
struct Noted(&'static str, Log);

impl Drop for Noted {
    #[tool(name = "drop", skip_all)]
    fn drop(&mut self) {
        self.1.borrow_mut().push(self.0);
    }
}

#[derive(Debug, PartialEq)]
struct Payload(u8);

#[tool]
fn text() {
    panic!("lost")
}

fn spoiled(at: u8) -> SpanContext {
    assert!(at < 1, "a link that cannot be told");
    current_span().context()
}

#[tool(links = (0..3).map(spoiled))]
fn linked(n: u8) -> u8 {
    n
}

#[tool(links = (0..3).map(spoiled))]
async fn linked_async(n: u8) -> u8 {
    n
}

/// Like an attribute's, their panic is not the program's.
#[test]
fn links_that_panic_cost_themselves_only() {
    check(
        || (linked(1), block_on(linked_async(2))),
        (1, 2),
        r#"TOOL linked {"n":1} -> 1
TOOL linked_async {"n":2} -> 2"#,
    );
}

#[tool]
fn owned_text(n: u8) -> u8 {
    panic!("lost {n}")
}

#[tool]
fn any(n: u8) -> Result<(), String> {
    panic_any(Payload(n))
}

#[tool]
fn resumed(n: u8) {
    resume_unwind(Box::new(Payload(n)))
}

#[tool]
fn arithmetic(items: &[u8], at: usize) -> u8 {
    items[at]
}

#[tool]
#[expect(clippy::unwrap_used, reason = "it panics")]
fn unwrapped(n: Option<u8>) -> u8 {
    n.unwrap()
}

#[tool(skip_all)]
fn unwinding(a: Noted, b: Noted) {
    let _local = Noted("local", Rc::clone(&b.1));
    if a.0 == "a" {
        panic!("unwinds")
    }
}

#[tool]
fn caught(n: u8) -> u8 {
    catch_unwind(|| owned_text(n)).unwrap_or(7)
}

#[tool]
async fn async_text() {
    std::future::ready(()).await;
    panic!("lost")
}

#[task]
async fn async_any(n: u8) -> u8 {
    panic_any(Payload(n))
}

#[operation(skip_all)]
async fn async_unwinding(a: Noted, b: Noted) {
    let _local = Noted("local", Rc::clone(&b.1));
    std::future::ready(()).await;
    if a.0 == "a" {
        panic!("unwinds")
    }
}

#[session]
fn session_that_panics() -> Result<u8, String> {
    panic!("lost")
}

#[tool]
#[track_caller]
fn caller() -> u32 {
    Location::caller().line()
}

#[track_caller]
#[tool(skip(n))]
fn caller_after(n: u8) -> (u32, u8) {
    (Location::caller().line(), n)
}

#[cfg_attr(all(), track_caller)]
#[tool]
fn caller_under_a_condition() -> u32 {
    Location::caller().line()
}

#[tool]
#[track_caller]
fn caller_of_a_panic(n: u8) -> Result<u8, String> {
    if n == 0 {
        return Err("no".to_owned());
    }
    assert!(n > 1, "too small");
    Ok(n)
}

#[tool]
#[track_caller]
fn caller_with_a_borrow<'a>(text: &'a mut String, more: &str) -> &'a mut str {
    text.push_str(more);
    text
}

#[tool]
#[track_caller]
fn caller_and_never() -> ! {
    panic!("at the caller's")
}

#[session]
#[tool]
#[track_caller]
fn caller_of_two_kinds(mut n: u32) -> u32 {
    n += Location::caller().line();
    n
}

struct Finder;

impl Finder {
    #[tool]
    #[track_caller]
    fn method(&self) -> u32 {
        Location::caller().line()
    }

    #[tool]
    #[track_caller]
    fn consuming(self: Box<Self>) -> impl Fn() -> u32 {
        let line = Location::caller().line();
        move || line
    }
}

/// What a panic carries, of the type that it is expected to be of.
fn payload<T: Any, R>(work: impl FnOnce() -> R) -> Option<T> {
    let panic = catch_unwind(AssertUnwindSafe(work)).err()?;
    panic.downcast().ok().map(|payload| *payload)
}

fn log() -> (Log, Noted, Noted) {
    let log = Log::default();
    let [a, b] = ["a", "b"].map(|name| Noted(name, Rc::clone(&log)));
    (log, a, b)
}

#[test]
fn payloads() {
    check(|| payload(text), Some("lost"), "TOOL text ! panic: lost");
    check(
        || payload(|| owned_text(1)),
        Some("lost 1".to_owned()),
        r#"TOOL owned_text {"n":1} ! panic: lost 1"#,
    );
    check(
        || payload(|| any(1)),
        Some(Payload(1)),
        r#"TOOL any {"n":1} ! panic: a value that is no text"#,
    );
    check(
        || payload(|| resumed(1)),
        Some(Payload(1)),
        r#"TOOL resumed {"n":1} ! panic: a value that is no text"#,
    );
    check(
        || payload(|| block_on(async_text())),
        Some("lost"),
        "TOOL async_text ! panic: lost",
    );
    check(
        || payload(|| block_on(async_any(1))),
        Some(Payload(1)),
        r#"TASK async_any {"n":1} ! panic: a value that is no text"#,
    );
    check(
        || payload(session_that_panics),
        Some("lost"),
        "SESSION session_that_panics ! panic: lost",
    );
}

#[test]
fn panics_of_the_language() {
    check(
        || payload::<String, _>(|| arithmetic(&[1], 1)).is_some(),
        true,
        r#"TOOL arithmetic {"items":[1],"at":1} ! panic: index out of bounds: the len is 1 but the index is 1"#,
    );
    check(
        || payload::<&str, _>(|| unwrapped(None)).is_some(),
        true,
        r#"TOOL unwrapped {"n":null} ! panic: called `Option::unwrap()` on a `None` value"#,
    );
    check(
        || caught(1),
        7,
        "TOOL caught {\"n\":1} -> 7\n  TOOL owned_text {\"n\":1} ! panic: lost 1",
    );
}

#[test]
fn drops_while_unwinding() {
    check(
        || {
            let (log, a, b) = log();
            assert_eq!(payload(|| unwinding(a, b)), Some("unwinds"));
            log.take()
        },
        vec!["local", "b", "a"],
        "TOOL unwinding ! panic: unwinds\n  TOOL drop\n  TOOL drop\n  TOOL drop",
    );
    check(
        || {
            let (log, a, b) = log();
            assert_eq!(payload(|| block_on(async_unwinding(a, b))), Some("unwinds"));
            log.take()
        },
        vec!["local", "b", "a"],
        "OPERATION async_unwinding ! panic: unwinds\n  TOOL drop\n  TOOL drop\n  TOOL drop",
    );
}

#[test]
fn callers() {
    check(|| caller() - line!(), 0, "TOOL caller");
    check(
        || {
            let (line, n) = caller_after(1);
            (line + 1 - line!(), n)
        },
        (0, 1),
        "TOOL caller_after",
    );
    check(
        || caller_under_a_condition() - line!(),
        0,
        "TOOL caller_under_a_condition",
    );
    check(
        || caller_of_two_kinds(1) - line!(),
        1,
        "SESSION caller_of_two_kinds {\"n\":1}\n  TOOL caller_of_two_kinds {\"n\":1}",
    );
    check(|| Finder.method() - line!(), 0, "TOOL method");
    check(
        || Box::new(Finder).consuming()() - line!(),
        0,
        "TOOL consuming",
    );
}

#[test]
fn callers_that_are_given_something_back() {
    check(
        || (caller_of_a_panic(2), caller_of_a_panic(0)),
        (Ok(2), Err("no".to_owned())),
        "TOOL caller_of_a_panic {\"n\":2}\nTOOL caller_of_a_panic {\"n\":0}",
    );
    check(
        || payload(|| caller_of_a_panic(1)),
        Some("too small"),
        r#"TOOL caller_of_a_panic {"n":1} ! panic: too small"#,
    );
    check(
        || {
            let mut text = "a".to_owned();
            caller_with_a_borrow(&mut text, "b").make_ascii_uppercase();
            text
        },
        "AB".to_owned(),
        r#"TOOL caller_with_a_borrow {"text":"a","more":"b"}"#,
    );
    check(
        || payload(|| caller_and_never()),
        Some("at the caller's"),
        "TOOL caller_and_never ! panic: at the caller's",
    );
}

#[test]
fn functions_stay_unwind_safe() {
    fn is_unwind_safe<T: UnwindSafe>(_: &T) {}
    is_unwind_safe(&text);
    is_unwind_safe(&async_any(1));
}

#[tool(parent = chosen_parent())]
fn under_another() -> u8 {
    1
}

fn chosen_parent() -> crate::runtime::SpanContext {
    panic!("nobody asked for this")
}

#[test]
fn what_chooses_the_parent_runs_beside_the_program() {
    check(under_another, 1, "TOOL under_another -> 1");
    // Where nothing records it is not asked at all.
    assert_eq!(under_another(), 1);
}
