//! Functions that give back nothing, or never.

#![expect(
    clippy::needless_return,
    clippy::semicolon_if_nothing_returned,
    clippy::unused_unit,
    reason = "shapes are as people write them"
)]

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};

use crate::runtime::{agent, session, task, tool};
use crate::{block_on, check};

#[tool]
fn never(n: u8) -> ! {
    panic_any(n)
}

#[tool]
fn never_by_loop(n: &mut u8) -> ! {
    loop {
        *n += 1;
        if *n > 2 {
            panic_any(*n);
        }
    }
}

#[tool]
async fn async_never(n: u8) -> ! {
    std::future::ready(()).await;
    panic_any(n)
}

#[agent]
async fn async_never_by_loop(n: &mut u8) -> ! {
    loop {
        std::future::ready(()).await;
        *n += 1;
        if *n > 2 {
            panic_any(*n);
        }
    }
}

#[session]
fn never_in_a_session() -> ! {
    panic_any(1_u8)
}

#[tool]
fn mixed(n: u8) -> u8 {
    if n == 0 { never(n) } else { n }
}

#[tool]
fn only_panics(n: u8) -> String {
    panic_any(n)
}

#[tool]
fn nothing() {}

#[tool]
fn nothing_spelled() -> () {}

#[tool]
#[expect(unused_parens, reason = "so a macro may write it")]
fn nothing_in_parentheses() -> (()) {}

#[tool]
fn nothing_early(n: u8) {
    if n == 0 {
        return;
    }
    never(n);
}

#[tool]
fn nothing_from_a_tail(out: &mut Vec<u8>) {
    out.push(1)
}

#[tool]
fn nothing_at_the_end(n: u8) {
    let _ = n;
    return;
}

#[tool]
fn optional_nothing() -> Option<()> {
    Some(())
}

#[task]
async fn async_nothing() {}

#[task]
async fn async_nothing_spelled() -> () {}

#[task]
async fn async_nothing_early(n: u8) {
    if n == 0 {
        return;
    }
    std::future::ready(()).await;
}

fn payload<R>(work: impl FnOnce() -> R) -> Option<u8> {
    let panic = catch_unwind(AssertUnwindSafe(work)).err()?;
    panic.downcast_ref().copied()
}

#[test]
fn diverging() {
    check(
        || payload(|| never(1)),
        Some(1),
        r#"TOOL never {"n":1} ! panic: a value that is no text"#,
    );
    check(
        || payload(|| never_by_loop(&mut 1)),
        Some(3),
        r#"TOOL never_by_loop {"n":1} ! panic: a value that is no text"#,
    );
    check(
        || payload(|| never_in_a_session()),
        Some(1),
        "SESSION never_in_a_session ! panic: a value that is no text",
    );
    check(
        || (payload(|| mixed(0)), mixed(1)),
        (Some(0), 1),
        "TOOL mixed {\"n\":0} ! panic: a value that is no text\n  TOOL never {\"n\":0} ! panic: a value that is no text\nTOOL mixed {\"n\":1} -> 1",
    );
    check(
        || payload(|| only_panics(1)),
        Some(1),
        r#"TOOL only_panics {"n":1} ! panic: a value that is no text"#,
    );
}

#[test]
fn diverging_asynchronously() {
    check(
        || payload(|| block_on(async_never(1))),
        Some(1),
        r#"TOOL async_never {"n":1} ! panic: a value that is no text"#,
    );
    check(
        || payload(|| block_on(async_never_by_loop(&mut 1))),
        Some(3),
        r#"AGENT async_never_by_loop {"n":1} ! panic: a value that is no text"#,
    );
}

#[test]
fn units() {
    check(nothing, (), "TOOL nothing");
    check(nothing_spelled, (), "TOOL nothing_spelled");
    check(nothing_in_parentheses, (), "TOOL nothing_in_parentheses");
    check(|| nothing_early(0), (), r#"TOOL nothing_early {"n":0}"#);
    check(
        || nothing_from_a_tail(&mut vec![]),
        (),
        r#"TOOL nothing_from_a_tail {"out":[]}"#,
    );
    check(
        || nothing_at_the_end(1),
        (),
        r#"TOOL nothing_at_the_end {"n":1}"#,
    );
    check(optional_nothing, Some(()), "TOOL optional_nothing -> null");
    check(|| block_on(async_nothing()), (), "TASK async_nothing");
    check(
        || block_on(async_nothing_spelled()),
        (),
        "TASK async_nothing_spelled",
    );
    check(
        || block_on(async_nothing_early(0)),
        (),
        r#"TASK async_nothing_early {"n":0}"#,
    );
}
