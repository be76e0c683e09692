//! Opaque returns that nothing may be put around.

#![expect(
    clippy::implied_bounds_in_impls,
    clippy::redundant_clone,
    reason = "shapes are as people write them"
)]

use std::fmt::Display;

use crate::runtime::{operation, task, tool};
use crate::{block_on, check};

struct Point(i32);

// What the body leaves open, the bounds in the signature decide.
#[tool]
fn inferred() -> impl IntoIterator<Item = Point> {
    Vec::new()
}

#[tool]
async fn inferred_async() -> impl IntoIterator<Item = Point> {
    None
}

#[task]
#[tool]
async fn inferred_within<T>(
    text: &str,
) -> Result<impl AsRef<[T]> + use<T>, std::num::ParseIntError> {
    let _: u8 = text.parse()?;
    Ok(vec![])
}

#[test]
fn bounds_of_a_return_type_decide_what_the_body_leaves_open() {
    let count = || {
        let within =
            block_on(inferred_within::<Point>("1")).map_or(9, |found| found.as_ref().len());
        inferred().into_iter().count() + block_on(inferred_async()).into_iter().count() + within
    };
    check(
        count,
        0,
        r#"TASK inferred_within {"text":"1"} -> {"$type":"alloc::vec::Vec<shapes::opaque::Point>"}
  TOOL inferred_within {"text":"1"} -> {"$type":"alloc::vec::Vec<shapes::opaque::Point>"}
TOOL inferred -> {"$type":"alloc::vec::Vec<shapes::opaque::Point>"}
TOOL inferred_async -> {"$type":"core::option::Option<shapes::opaque::Point>"}"#,
    );
}

#[tool(capture_return = false)]
fn many_bounds(n: u32) -> impl DoubleEndedIterator<Item = u32> + ExactSizeIterator + Clone + use<> {
    0..n
}

#[tool(capture_return = false)]
fn iterator_first(
    n: u32,
) -> impl Iterator<Item = u32> + DoubleEndedIterator + ExactSizeIterator + Clone {
    0..n
}

#[tool(capture_return = false)]
fn fallible_iterator(n: &str) -> Result<impl Iterator<Item = u8>, std::num::ParseIntError> {
    let n: u8 = n.parse()?;
    Ok(0..n)
}

#[tool(capture_return = false)]
fn optional_iterator(text: &str) -> Option<impl Iterator<Item = &str>> {
    if text.is_empty() {
        return None;
    }
    Some(text.split(' '))
}

#[tool(capture_return = false)]
fn tuple(n: i32) -> (impl Fn(i32) -> i32, usize) {
    (move |m| n + m, 2)
}

#[tool]
fn closure(n: i32) -> impl Fn(i32) -> i32 {
    move |m| n + m
}

#[tool(capture_return = false)]
fn mutable_closure(mut n: i32) -> impl FnMut() -> i32 {
    move || {
        n += 1;
        n
    }
}

#[tool]
fn once(text: String) -> impl FnOnce() -> String {
    move || text
}

#[tool(capture_return = false)]
fn closure_of_closures(n: i32) -> impl Fn(i32) -> Box<dyn Fn(i32) -> i32> {
    move |m| Box::new(move |o| n + m + o)
}

#[tool]
fn shown(n: i32) -> impl Display + PartialEq<i32> + std::fmt::Debug {
    n
}

#[tool]
fn generic<T: Display>(t: T) -> impl Display {
    t.to_string()
}

#[tool]
fn closure_that_borrows<'a>(text: &'a str) -> impl Fn(&Point) -> (&i32, &'a str) + 'a {
    move |point| (&point.0, text)
}

#[tool(capture_return = false, returns(one = |f| f(1)))]
fn closure_that_is_read(n: i32) -> impl Fn(i32) -> i32 {
    move |m: i32| n + m
}

#[tool(capture_return = false)]
fn boxed_iterators(n: u32) -> Vec<impl Iterator<Item = u32>> {
    vec![0..n, 0..1]
}

#[tool(capture_return = false)]
fn in_a_reference(n: &u32) -> &(impl Display + Copy + use<>) {
    n
}

#[tool(capture_return = false)]
fn in_an_array() -> [impl Fn() -> u8; 1] {
    [|| 1]
}

#[task(capture_return = false)]
async fn async_closure(n: i32) -> impl Fn(i32) -> i32 {
    move |m| n + m
}

#[operation(capture_return = false)]
async fn async_fallible(n: u8) -> Result<impl Iterator<Item = u8>, u8> {
    if n == 0 {
        Err(n)?;
    }
    Ok(0..n)
}

#[operation(capture_return = false)]
async fn async_tuple(n: i32) -> (impl Fn(i32) -> i32, usize) {
    (move |m| n + m, 2)
}

#[test]
fn iterators() {
    check(
        || (many_bounds(3).clone().rev().collect(), many_bounds(3).len()),
        (vec![2, 1, 0], 3),
        "TOOL many_bounds {\"n\":3}\nTOOL many_bounds {\"n\":3}",
    );
    check(
        || iterator_first(3).clone().rev().collect(),
        vec![2, 1, 0],
        r#"TOOL iterator_first {"n":3}"#,
    );
    check(
        || boxed_iterators(3).into_iter().flatten().sum(),
        3,
        r#"TOOL boxed_iterators {"n":3}"#,
    );
}

#[test]
fn iterators_within() {
    check(
        || fallible_iterator("3").map(Iterator::count),
        Ok(3),
        r#"TOOL fallible_iterator {"n":"3"}"#,
    );
    check(
        || fallible_iterator("x").is_err(),
        true,
        r#"TOOL fallible_iterator {"n":"x"} ! ParseIntError: invalid digit found in string"#,
    );
    check(
        || optional_iterator("a b").map(Iterator::count),
        Some(2),
        r#"TOOL optional_iterator {"text":"a b"}"#,
    );
    check(
        || optional_iterator("").map(Iterator::count),
        None,
        r#"TOOL optional_iterator {"text":""}"#,
    );
}

#[test]
fn closures() {
    check(|| closure(1)(2), 3, r#"TOOL closure {"n":1}"#);
    check(
        || closure_that_borrows("a")(&Point(1)) == (&1, "a"),
        true,
        r#"TOOL closure_that_borrows {"text":"a"}"#,
    );
    check(
        || closure_that_is_read(1)(2),
        3,
        r#"TOOL closure_that_is_read {"n":1} one=2"#,
    );
    check(
        || mutable_closure(1)(),
        2,
        r#"TOOL mutable_closure {"n":1}"#,
    );
    check(
        || once("a".to_owned())(),
        "a".to_owned(),
        r#"TOOL once {"text":"a"}"#,
    );
    check(
        || closure_of_closures(1)(2)(3),
        6,
        r#"TOOL closure_of_closures {"n":1}"#,
    );
    check(
        || {
            let (f, size) = tuple(1);
            (f(2), size)
        },
        (3, 2),
        r#"TOOL tuple {"n":1}"#,
    );
    check(|| in_an_array()[0](), 1, "TOOL in_an_array");
}

#[test]
fn values() {
    check(|| shown(1) == 1, true, r#"TOOL shown {"n":1} -> 1"#);
    check(
        || generic("a").to_string(),
        "a".to_owned(),
        r#"TOOL generic {"t":{"$type":"&str"}} -> "a""#,
    );
    check(
        || in_a_reference(&1).to_string(),
        "1".to_owned(),
        r#"TOOL in_a_reference {"n":1}"#,
    );
}

#[test]
fn asynchronous() {
    check(
        || block_on(async_closure(1))(2),
        3,
        r#"TASK async_closure {"n":1}"#,
    );
    check(
        || block_on(async_fallible(3)).map(Iterator::count),
        Ok(3),
        r#"OPERATION async_fallible {"n":3}"#,
    );
    check(
        || block_on(async_fallible(0)).map(Iterator::count),
        Err(0),
        r#"OPERATION async_fallible {"n":0} ! u8: 0"#,
    );
    check(
        || block_on(async_tuple(1)).0(2),
        3,
        r#"OPERATION async_tuple {"n":1}"#,
    );
}
