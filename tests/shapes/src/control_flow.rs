//! Ways through a body, and out of it.

#![expect(
    clippy::let_and_return,
    clippy::manual_unwrap_or_default,
    clippy::mixed_attributes_style,
    clippy::needless_late_init,
    clippy::needless_return,
    clippy::never_loop,
    clippy::option_if_let_else,
    clippy::redundant_closure_call,
    clippy::unused_unit,
    clippy::useless_let_if_seq,
    reason = "shapes are as people write them"
)]

use std::collections::BTreeMap;

use crate::runtime::{agent, operation, task, tool};
use crate::{block_on, check};

#[derive(Debug, PartialEq)]
struct Point {
    x: i32,
    y: i32,
}

macro_rules! bail {
    ($($format:tt)*) => {
        return Err(format!($($format)*))
    };
}

macro_rules! ensure {
    ($condition:expr, $otherwise:expr) => {
        if !$condition {
            return $otherwise;
        }
    };
}

#[tool]
fn return_in_a_loop(items: &[u8]) -> u8 {
    for item in items {
        if *item > 1 {
            return *item;
        }
    }
    0
}

#[tool]
fn return_in_nested_loops(limit: u8) -> (u8, u8) {
    let mut n = 0;
    loop {
        while n < limit {
            for m in 0.. {
                if m + n > limit {
                    return (m, n);
                }
            }
            n += 1;
        }
    }
}

#[tool]
fn return_in_a_closure(items: &[u8]) -> Vec<u8> {
    let double = |n: &u8| -> u8 {
        if *n == 0 {
            return 9;
        }
        n * 2
    };
    return items.iter().map(double).collect();
}

#[tool]
fn return_in_an_async_block(n: u8) -> u8 {
    let future = async {
        if n == 0 {
            return 9;
        }
        n
    };
    block_on(future) + 1
}

#[tool]
fn question_mark(text: &str) -> Result<u8, std::num::ParseIntError> {
    let n: u8 = text.parse()?;
    Ok(n + 1)
}

#[tool]
fn question_mark_in_a_closure(text: &str) -> Option<usize> {
    let inner = || -> Result<usize, std::num::ParseIntError> { Ok(text.parse::<usize>()? + 1) };
    inner().ok()
}

#[tool]
fn labelled_break(limit: u32) -> u32 {
    let mut steps = 0;
    'outer: for n in 0.. {
        for m in 0.. {
            steps += 1;
            if m == 1 {
                continue 'outer;
            }
            if n == limit {
                break 'outer;
            }
        }
    }
    steps
}

#[tool]
fn labelled_block(n: u8) -> u8 {
    'block: {
        if n == 0 {
            break 'block 9;
        }
        n
    }
}

#[tool]
fn let_else(text: Option<&str>) -> usize {
    let Some(text) = text else {
        return 0;
    };
    text.len()
}

#[tool]
fn loop_with_a_value(limit: u8) -> u8 {
    let mut n = 0;
    loop {
        n += 1;
        if n > limit {
            break n;
        }
    }
}

#[tool]
fn match_tail(n: u8) -> &'static str {
    match n {
        0 => "none",
        1 => return "one",
        _ => "many",
    }
}

#[tool]
fn if_tail(n: u8) -> u8 {
    if n == 0 { 1 } else { n }
}

#[tool]
fn if_let_tail(n: Option<u8>) -> u8 {
    if let Some(n) = n { n } else { 0 }
}

#[tool]
fn structure_tail(x: i32) -> Point {
    Point { x, y: 2 }
}

#[tool]
fn structure_update_tail(point: Point) -> Point {
    Point { x: 3, ..point }
}

#[tool]
fn closure_tail(n: u8) -> u8 {
    (|| n + 1)()
}

#[tool]
fn array_tail(n: u8) -> [u8; 2] {
    [n, n + 1]
}

#[tool]
fn range_tail(n: u8) -> std::ops::Range<u8> {
    0..n
}

#[tool]
fn negated_tail(n: bool) -> bool {
    !n
}

#[tool]
fn block_tail(n: u8) -> u8 {
    {
        let m = n + 1;
        m * 2
    }
}

#[tool]
fn macro_tail(n: u8) -> String {
    format!("{n}")
}

#[tool]
fn macro_tail_in_braces(n: u8) -> Vec<u8> {
    vec![n]
}

#[tool]
fn return_tail(n: u8) -> u8 {
    return n;
}

#[tool]
fn return_tail_without_semicolon(n: u8) -> u8 {
    return n;
}

#[tool]
fn one_line(n: u8) -> u8 {
    n + 1
}

#[tool]
fn one_statement(n: &mut u8) {
    *n += 1;
}

#[tool]
fn hidden_return(n: u8) -> Result<u8, String> {
    if n == 0 {
        bail!("no {n}");
    }
    Ok(n)
}

#[tool]
fn hidden_return_of_nothing(out: &mut Vec<u8>, n: u8) {
    ensure!(n > 0, ());
    out.push(n);
}

#[tool]
fn nested_items(n: u8) -> u32 {
    const FACTOR: u32 = 2;
    static OFFSET: u32 = 1;
    struct Inner(u32);
    impl Inner {
        #[tool]
        fn get(&self) -> u32 {
            self.0
        }
    }
    #[tool]
    fn double(n: u8) -> u32 {
        u32::from(n) * FACTOR
    }
    use std::convert::identity;
    Inner(identity(double(n)) + OFFSET).get()
}

#[tool]
fn inner_attributes(n: u8) -> u8 {
    #![allow(unused_variables, clippy::let_and_return)]
    let unused = 1;
    n
}

#[tool]
#[expect(unused_variables, reason = "shown to be read from outside, too")]
fn outer_and_inner_attributes(n: u8) -> u8 {
    #![expect(unused_mut, reason = "shown to be read from inside")]
    let unused = 1;
    let mut m = n;
    m
}

#[tool]
fn inner_documentation(n: u8) -> u8 {
    //! What it does is said within.
    n
}

#[tool]
fn shadowed(n: u8) -> String {
    let n = u32::from(n) + 1;
    let n = n.to_string();
    n
}

#[tool]
fn assigned(mut n: u8, mut text: String) -> String {
    n += 1;
    text.push_str(&n.to_string());
    text
}

#[tool]
fn moved_out(text: String, items: Vec<String>) -> (String, Option<String>) {
    let mut items = items;
    (text, items.pop())
}

#[tool]
fn moved_into_a_closure(text: String) -> usize {
    let length = move || text.len();
    length()
}

#[tool]
fn deferred_initialisation(n: u8) -> u8 {
    let m;
    if n == 0 {
        m = 1;
    } else {
        m = n;
    }
    m
}

#[tool]
fn recursive(n: u8) -> u8 {
    if n == 0 { 0 } else { recursive(n - 1) + 1 }
}

#[tool]
fn match_with_guards(pair: (u8, Option<&str>)) -> usize {
    match pair {
        (0, None) => 0,
        (n, Some(text)) if usize::from(n) > text.len() => return text.len(),
        (_, Some("a" | "b")) => 1,
        (n @ 1..=9, _) => usize::from(n),
        _ => 10,
    }
}

#[tool]
fn counted(text: &str) -> BTreeMap<char, usize> {
    let mut counts = BTreeMap::new();
    for letter in text.chars() {
        *counts.entry(letter).or_default() += 1;
    }
    counts
}

#[tool]
async fn async_return_in_a_loop(items: &[u8]) -> u8 {
    for item in items {
        std::future::ready(()).await;
        if *item > 1 {
            return *item;
        }
    }
    0
}

#[tool]
async fn async_return_in_an_async_block(n: u8) -> u8 {
    let future = async {
        if n == 0 {
            return 9;
        }
        n
    };
    future.await + 1
}

#[task]
async fn async_labelled_break(limit: u32) -> u32 {
    let mut steps = 0;
    'outer: loop {
        loop {
            std::future::ready(()).await;
            steps += 1;
            if steps > limit {
                break 'outer steps;
            }
        }
    }
}

#[agent]
async fn async_let_else(text: Option<&str>) -> usize {
    let Some(text) = text else {
        return 0;
    };
    text.len()
}

#[operation]
async fn async_hidden_return(n: u8) -> Result<u8, String> {
    if n == 0 {
        bail!("no {n}");
    }
    Ok(n)
}

#[tool]
async fn async_structure_tail(x: i32) -> Point {
    Point { x, y: 2 }
}

#[tool]
async fn async_inner_attributes(n: u8) -> u8 {
    #![allow(unused_variables)]
    let unused = 1;
    n
}

#[tool]
async fn async_one_line(n: u8) -> u8 {
    n + 1
}

#[tool]
async fn async_return_tail(n: u8) -> u8 {
    return n;
}

#[tool]
async fn async_nested_items(n: u8) -> u8 {
    #[tool]
    async fn double(n: u8) -> u8 {
        n * 2
    }
    double(n).await + 1
}

#[test]
fn returns() {
    check(
        || return_in_a_loop(&[1, 2]),
        2,
        r#"TOOL return_in_a_loop {"items":[1,2]} -> 2"#,
    );
    check(
        || return_in_nested_loops(1),
        (2, 0),
        r#"TOOL return_in_nested_loops {"limit":1} -> [2,0]"#,
    );
    check(
        || return_in_a_closure(&[0, 1]),
        vec![9, 2],
        r#"TOOL return_in_a_closure {"items":[0,1]} -> [9,2]"#,
    );
    check(
        || return_in_an_async_block(0),
        10,
        r#"TOOL return_in_an_async_block {"n":0} -> 10"#,
    );
    check(|| return_tail(1), 1, r#"TOOL return_tail {"n":1} -> 1"#);
    check(
        || return_tail_without_semicolon(1),
        1,
        r#"TOOL return_tail_without_semicolon {"n":1} -> 1"#,
    );
}

#[test]
fn hidden_returns() {
    check(
        || hidden_return(0),
        Err("no 0".to_owned()),
        r#"TOOL hidden_return {"n":0} ! String: no 0"#,
    );
    check(
        || {
            let mut out = Vec::new();
            hidden_return_of_nothing(&mut out, 0);
            hidden_return_of_nothing(&mut out, 1);
            out
        },
        vec![1],
        "TOOL hidden_return_of_nothing {\"out\":[],\"n\":0}\nTOOL hidden_return_of_nothing {\"out\":[],\"n\":1}",
    );
    check(
        || question_mark("x").is_err(),
        true,
        r#"TOOL question_mark {"text":"x"} ! ParseIntError: invalid digit found in string"#,
    );
    check(
        || question_mark_in_a_closure("x"),
        None,
        r#"TOOL question_mark_in_a_closure {"text":"x"} -> null"#,
    );
    check(|| let_else(None), 0, r#"TOOL let_else {"text":null} -> 0"#);
}

#[test]
fn breaks() {
    check(
        || labelled_break(2),
        5,
        r#"TOOL labelled_break {"limit":2} -> 5"#,
    );
    check(
        || labelled_block(0),
        9,
        r#"TOOL labelled_block {"n":0} -> 9"#,
    );
    check(
        || loop_with_a_value(1),
        2,
        r#"TOOL loop_with_a_value {"limit":1} -> 2"#,
    );
}

#[test]
fn tails() {
    check(
        || match_tail(1),
        "one",
        r#"TOOL match_tail {"n":1} -> "one""#,
    );
    check(|| if_tail(0), 1, r#"TOOL if_tail {"n":0} -> 1"#);
    check(
        || if_let_tail(Some(1)),
        1,
        r#"TOOL if_let_tail {"n":1} -> 1"#,
    );
    check(
        || structure_tail(1),
        Point { x: 1, y: 2 },
        r#"TOOL structure_tail {"x":1} -> "Point { x: 1, y: 2 }""#,
    );
    check(
        || structure_update_tail(Point { x: 1, y: 2 }).x,
        3,
        r#"TOOL structure_update_tail {"point":"Point { x: 1, y: 2 }"} -> "Point { x: 3, y: 2 }""#,
    );
    check(|| closure_tail(1), 2, r#"TOOL closure_tail {"n":1} -> 2"#);
    check(
        || array_tail(1),
        [1, 2],
        r#"TOOL array_tail {"n":1} -> [1,2]"#,
    );
    check(
        || range_tail(1),
        0..1,
        r#"TOOL range_tail {"n":1} -> {"start":0,"end":1}"#,
    );
    check(
        || negated_tail(true),
        false,
        r#"TOOL negated_tail {"n":true} -> false"#,
    );
    check(|| block_tail(1), 4, r#"TOOL block_tail {"n":1} -> 4"#);
    check(
        || macro_tail(1),
        "1".to_owned(),
        r#"TOOL macro_tail {"n":1} -> "1""#,
    );
    check(
        || macro_tail_in_braces(1),
        vec![1],
        r#"TOOL macro_tail_in_braces {"n":1} -> [1]"#,
    );
    check(|| one_line(1), 2, r#"TOOL one_line {"n":1} -> 2"#);
    check(
        || one_statement(&mut 1),
        (),
        r#"TOOL one_statement {"n":1}"#,
    );
}

#[test]
fn items_and_attributes_within() {
    check(
        || nested_items(1),
        3,
        "TOOL nested_items {\"n\":1} -> 3\n  TOOL double {\"n\":1} -> 2\n  TOOL get -> 3",
    );
    check(
        || inner_attributes(1),
        1,
        r#"TOOL inner_attributes {"n":1} -> 1"#,
    );
    check(
        || outer_and_inner_attributes(1),
        1,
        r#"TOOL outer_and_inner_attributes {"n":1} -> 1"#,
    );
    check(
        || inner_documentation(1),
        1,
        r#"TOOL inner_documentation {"n":1} -> 1"#,
    );
}

#[test]
fn values_within() {
    check(
        || shadowed(1),
        "2".to_owned(),
        r#"TOOL shadowed {"n":1} -> "2""#,
    );
    check(
        || assigned(1, "a".to_owned()),
        "a2".to_owned(),
        r#"TOOL assigned {"n":1,"text":"a"} -> "a2""#,
    );
    check(
        || moved_out("a".to_owned(), vec![]).1,
        None,
        r#"TOOL moved_out {"text":"a","items":[]} -> ["a",null]"#,
    );
    check(
        || moved_into_a_closure("a".to_owned()),
        1,
        r#"TOOL moved_into_a_closure {"text":"a"} -> 1"#,
    );
    check(
        || deferred_initialisation(0),
        1,
        r#"TOOL deferred_initialisation {"n":0} -> 1"#,
    );
    check(
        || recursive(1),
        1,
        "TOOL recursive {\"n\":1} -> 1\n  TOOL recursive {\"n\":0} -> 0",
    );
    check(
        || match_with_guards((2, Some("a"))),
        1,
        r#"TOOL match_with_guards {"pair":[2,"a"]} -> 1"#,
    );
    check(
        || counted("aba").len(),
        2,
        r#"TOOL counted {"text":"aba"} -> {"a":2,"b":1}"#,
    );
}

#[test]
fn asynchronous() {
    check(
        || block_on(async_return_in_a_loop(&[1, 2])),
        2,
        r#"TOOL async_return_in_a_loop {"items":[1,2]} -> 2"#,
    );
    check(
        || block_on(async_return_in_an_async_block(0)),
        10,
        r#"TOOL async_return_in_an_async_block {"n":0} -> 10"#,
    );
    check(
        || block_on(async_labelled_break(2)),
        3,
        r#"TASK async_labelled_break {"limit":2} -> 3"#,
    );
    check(
        || block_on(async_let_else(None)),
        0,
        r#"AGENT async_let_else {"text":null} -> 0"#,
    );
    check(
        || block_on(async_hidden_return(0)),
        Err("no 0".to_owned()),
        r#"OPERATION async_hidden_return {"n":0} ! String: no 0"#,
    );
    check(
        || block_on(async_structure_tail(1)).x,
        1,
        r#"TOOL async_structure_tail {"x":1} -> "Point { x: 1, y: 2 }""#,
    );
    check(
        || block_on(async_inner_attributes(1)),
        1,
        r#"TOOL async_inner_attributes {"n":1} -> 1"#,
    );
    check(
        || block_on(async_one_line(1)),
        2,
        r#"TOOL async_one_line {"n":1} -> 2"#,
    );
    check(
        || block_on(async_return_tail(1)),
        1,
        r#"TOOL async_return_tail {"n":1} -> 1"#,
    );
    check(
        || block_on(async_nested_items(1)),
        3,
        "TOOL async_nested_items {\"n\":1} -> 3\n  TOOL double {\"n\":1} -> 2",
    );
}
