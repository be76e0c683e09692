//! What only edition 2024 has: temporaries of a tail that end before its locals, chains of `let`, opaque types that
//! capture every lifetime, unsafe calls that are marked.

#![expect(
    clippy::await_holding_refcell_ref,
    clippy::future_not_send,
    clippy::missing_const_for_fn,
    clippy::needless_question_mark,
    clippy::option_if_let_else,
    clippy::unnecessary_to_owned,
    reason = "shapes are as people write them"
)]

use std::cell::RefCell;
use std::fmt::Display;
use std::sync::{Mutex, PoisonError};

use crate::runtime::{operation, task, tool};
use crate::{block_on, check};

#[tool]
fn tail_temporary(text: &str) -> usize {
    let c = RefCell::new(text.to_owned());
    c.borrow().len()
}

#[tool]
fn tail_temporary_in_a_match(text: &str) -> usize {
    let c = RefCell::new(Some(text.to_owned()));
    match &*c.borrow() {
        Some(text) => text.len(),
        None => 0,
    }
}

#[tool]
fn tail_temporary_with_return(text: &str) -> usize {
    let c = RefCell::new(text.to_owned());
    if text.is_empty() {
        return c.borrow().len();
    }
    c.borrow_mut().push('b');
    c.borrow().len()
}

#[tool]
fn tail_temporary_in_a_block(text: &str) -> usize {
    {
        let c = RefCell::new(text.to_owned());
        c.borrow().len()
    }
}

#[tool]
fn tail_guard(n: u8) -> u8 {
    let mutex = Mutex::new(n);
    *mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[tool]
fn tail_with_question_mark(text: &str) -> Result<u8, std::num::ParseIntError> {
    let c = RefCell::new(text.to_owned());
    Ok(c.borrow().parse::<u8>()?)
}

#[tool]
#[track_caller]
fn guarded_tail_temporary(text: &str) -> usize {
    let c = RefCell::new(text.to_owned());
    c.borrow().len()
}

#[task]
async fn async_tail_temporary(text: &str) -> usize {
    let c = RefCell::new(text.to_owned());
    c.borrow().len()
}

#[task]
async fn async_tail_guard(n: u8) -> u8 {
    let mutex = Mutex::new(n);
    *mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[operation]
async fn async_tail_with_await(text: &str) -> usize {
    let c = RefCell::new(text.to_owned());
    std::future::ready(c.borrow().len()).await
}

#[tool]
fn let_chain(text: Option<&str>, limit: usize) -> usize {
    if let Some(text) = text
        && let Some(first) = text.chars().next()
        && first.len_utf8() < limit
    {
        return text.len();
    }
    0
}

#[tool]
fn let_chain_in_a_while(mut items: Vec<Option<u8>>) -> usize {
    while let Some(last) = items.pop()
        && last.is_some()
    {}
    items.len()
}

#[tool]
async fn async_let_chain(text: Option<&str>) -> usize {
    if let Some(text) = text
        && !text.is_empty()
    {
        text.len()
    } else {
        0
    }
}

#[tool]
fn if_let_rescope(c: &RefCell<Option<u8>>) -> u8 {
    if let Some(n) = *c.borrow() {
        n
    } else {
        *c.borrow_mut() = Some(1);
        0
    }
}

#[tool]
fn captures_all(text: &str) -> impl Display {
    text
}

#[tool]
fn captures_types_and_lifetimes<'a, T: Display>(
    t: &'a T,
    _text: &str,
) -> impl Display + use<'a, T> {
    t
}

#[tool]
fn captures_without_lifetimes(text: &str) -> impl Display + use<> {
    text.len()
}

unsafe fn dangerous(n: u8) -> u8 {
    n + 1
}

#[tool]
unsafe fn explicitly_unsafe(n: u8) -> u8 {
    unsafe { dangerous(n) }
}

#[tool]
async unsafe fn async_explicitly_unsafe(n: u8) -> u8 {
    unsafe { dangerous(n) }
}

#[tool]
fn raw_gen(r#gen: u8) -> u8 {
    r#gen
}

#[tool]
fn async_closure(n: u8) -> u8 {
    let add = async |m: u8| n + m;
    block_on(add(1))
}

#[tool]
async fn takes_an_async_function(f: impl AsyncFn(u8) -> u8) -> u8 {
    f(1).await
}

#[tool]
fn never_falls_back() -> Result<(), String> {
    Err("no".to_owned())?;
    Ok(())
}

#[test]
fn temporaries_of_the_tail() {
    check(
        || tail_temporary("a"),
        1,
        r#"TOOL tail_temporary {"text":"a"} -> 1"#,
    );
    check(
        || tail_temporary_in_a_match("a"),
        1,
        r#"TOOL tail_temporary_in_a_match {"text":"a"} -> 1"#,
    );
    check(
        || tail_temporary_with_return("a"),
        2,
        r#"TOOL tail_temporary_with_return {"text":"a"} -> 2"#,
    );
    check(
        || tail_temporary_in_a_block("a"),
        1,
        r#"TOOL tail_temporary_in_a_block {"text":"a"} -> 1"#,
    );
    check(|| tail_guard(1), 1, r#"TOOL tail_guard {"n":1} -> 1"#);
    check(
        || tail_with_question_mark("1"),
        Ok(1),
        r#"TOOL tail_with_question_mark {"text":"1"} -> 1"#,
    );
    check(
        || guarded_tail_temporary("a"),
        1,
        r#"TOOL guarded_tail_temporary {"text":"a"}"#,
    );
    check(
        || block_on(async_tail_temporary("a")),
        1,
        r#"TASK async_tail_temporary {"text":"a"} -> 1"#,
    );
    check(
        || block_on(async_tail_guard(1)),
        1,
        r#"TASK async_tail_guard {"n":1} -> 1"#,
    );
    check(
        || block_on(async_tail_with_await("a")),
        1,
        r#"OPERATION async_tail_with_await {"text":"a"} -> 1"#,
    );
}

#[test]
fn chains_of_let() {
    check(
        || let_chain(Some("a"), 2),
        1,
        r#"TOOL let_chain {"text":"a","limit":2} -> 1"#,
    );
    check(
        || let_chain_in_a_while(vec![Some(1), None, Some(1)]),
        1,
        r#"TOOL let_chain_in_a_while {"items":[1,null,1]} -> 1"#,
    );
    check(
        || block_on(async_let_chain(Some("a"))),
        1,
        r#"TOOL async_let_chain {"text":"a"} -> 1"#,
    );
    check(
        || {
            let c = RefCell::new(None);
            (if_let_rescope(&c), c.take())
        },
        (0, Some(1)),
        r#"TOOL if_let_rescope {"c":null} -> 0"#,
    );
}

#[test]
fn opaque_types_capture_all() {
    check(
        || captures_all("a").to_string(),
        "a".to_owned(),
        r#"TOOL captures_all {"text":"a"} -> "a""#,
    );
    check(
        || captures_types_and_lifetimes(&1, "a").to_string(),
        "1".to_owned(),
        r#"TOOL captures_types_and_lifetimes {"t":{"$type":"&i32"},"_text":"a"} -> {"$type":"&i32"}"#,
    );
    check(
        || {
            let length = captures_without_lifetimes(&"ab".to_owned());
            length.to_string()
        },
        "2".to_owned(),
        r#"TOOL captures_without_lifetimes {"text":"ab"} -> 2"#,
    );
}

#[test]
fn others() {
    check(
        || unsafe { explicitly_unsafe(1) },
        2,
        r#"TOOL explicitly_unsafe {"n":1} -> 2"#,
    );
    check(
        || unsafe { block_on(async_explicitly_unsafe(1)) },
        2,
        r#"TOOL async_explicitly_unsafe {"n":1} -> 2"#,
    );
    check(|| raw_gen(1), 1, r#"TOOL raw_gen {"gen":1} -> 1"#);
    check(|| async_closure(1), 2, r#"TOOL async_closure {"n":1} -> 2"#);
    check(
        || block_on(takes_an_async_function(async |n| n + 1)),
        2,
        r#"TOOL takes_an_async_function {"f":{"$type":"shapes::edition_2024::others::{{closure}}::{{closure}}"}} -> 2"#,
    );
    check(
        never_falls_back,
        Err("no".to_owned()),
        "TOOL never_falls_back ! String: no",
    );
}
