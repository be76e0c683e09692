//! Returned values that become the declared type only as they are returned.

#![expect(
    clippy::option_option,
    clippy::type_complexity,
    reason = "shapes are as people write them"
)]

use std::any::Any;
use std::error::Error;
use std::fmt::{Debug, Display};
use std::rc::Rc;
use std::sync::Arc;

use crate::runtime::{agent, operation, task, tool};
use crate::{block_on, check};

#[tool(capture_return = false)]
fn two_closures(c: bool) -> Box<dyn Fn(i32) -> i32> {
    if c {
        return Box::new(|_| 0);
    }
    Box::new(|n| n)
}

#[tool(capture_return = false)]
fn in_a_result(c: bool) -> Result<Box<dyn FnOnce() -> u8>, u8> {
    if c {
        return Err(1);
    }
    Ok(Box::new(|| 2))
}

#[tool]
fn array_to_slice() -> &'static [i32] {
    &[1]
}

#[tool(capture_return = false)]
fn closure_to_pointer() -> fn(i32) -> i32 {
    |n| n
}

#[tool(capture_return = false)]
fn function_to_pointer() -> fn() -> &'static [i32] {
    array_to_slice
}

#[tool]
fn collected(it: std::ops::Range<u64>) -> Vec<u64> {
    it.collect()
}

#[tool]
fn collected_results(texts: &[&str]) -> Result<Vec<u8>, std::num::ParseIntError> {
    texts.iter().map(|text| text.parse()).collect()
}

#[tool]
fn into_boxed_text() -> Box<str> {
    "x".into()
}

#[tool]
fn parsed() -> u8 {
    "7".parse().unwrap_or_default()
}

#[tool]
fn defaulted() -> (u8, String, Option<Vec<u8>>) {
    Default::default()
}

#[tool]
fn literal() -> u64 {
    1
}

#[tool]
fn empty() -> Vec<String> {
    Vec::new()
}

#[tool]
fn none() -> Option<u8> {
    None
}

#[tool]
fn boxed_error(c: bool) -> Result<u8, Box<dyn Error + Send + Sync>> {
    if c {
        return Err("no".into());
    }
    Ok("7".parse::<u8>()?)
}

#[tool]
fn shown(c: bool) -> Box<dyn Debug> {
    if c { Box::new(1) } else { Box::new("a") }
}

#[tool(capture_return = false)]
fn counted() -> Rc<dyn Display> {
    Rc::new(1)
}

#[tool(capture_return = false)]
fn shared_any() -> Arc<dyn Any + Send + Sync> {
    Arc::new(1_u8)
}

#[tool]
fn reference_to_trait(n: &u8) -> &dyn Debug {
    n
}

#[tool]
fn dereferenced(text: &String) -> &str {
    text
}

#[tool]
fn unboxed_slice(bytes: &Vec<u8>) -> &[u8] {
    bytes
}

#[tool]
fn reborrowed_as_shared(n: &mut u8) -> &u8 {
    *n += 1;
    n
}

#[tool(capture_return = false)]
fn pointer(n: &u8) -> *const u8 {
    n
}

#[tool]
fn boxed_array() -> Box<[u8]> {
    Box::new([1, 2])
}

#[tool(capture_return = false)]
fn iterator_object(n: u8) -> Box<dyn Iterator<Item = u8>> {
    if n == 0 {
        return Box::new(std::iter::empty());
    }
    Box::new(0..n)
}

#[tool(capture_return = false)]
fn closures_in_a_tuple() -> (Box<dyn Fn() -> u8>, fn() -> u8) {
    (Box::new(|| 1), || 2)
}

#[tool(capture_return = false)]
fn closures_in_a_list() -> Vec<Box<dyn Fn() -> u8>> {
    vec![Box::new(|| 1), Box::new(|| 2)]
}

#[tool]
fn nested_option() -> Option<Option<&'static [u8]>> {
    Some(Some(&[1]))
}

#[tool]
fn number_from_context() -> Result<f32, std::convert::Infallible> {
    Ok(1.0)
}

#[task(capture_return = false)]
async fn async_two_closures(c: bool) -> Box<dyn Fn(i32) -> i32> {
    if c {
        return Box::new(|_| 0);
    }
    Box::new(|n| n)
}

#[task(capture_return = false)]
async fn async_in_a_result(c: bool) -> Result<Box<dyn FnOnce() -> u8>, u8> {
    if c {
        return Err(1);
    }
    Ok(Box::new(|| 2))
}

#[agent]
async fn async_array_to_slice() -> &'static [i32] {
    &[1]
}

#[operation(capture_return = false)]
async fn async_closure_to_pointer() -> fn(i32) -> i32 {
    |n| n
}

#[tool]
async fn async_collected(it: std::ops::Range<u64>) -> Vec<u64> {
    it.collect()
}

#[tool]
async fn async_into_boxed_text() -> Box<str> {
    "x".into()
}

#[tool]
async fn async_boxed_error(c: bool) -> Result<u8, Box<dyn Error + Send + Sync>> {
    if c {
        return Err("no".into());
    }
    Ok("7".parse::<u8>()?)
}

#[tool]
async fn async_dereferenced(text: &String) -> &str {
    text
}

#[test]
fn closures() {
    check(
        || two_closures(true)(1) + two_closures(false)(1),
        1,
        "TOOL two_closures {\"c\":true}\nTOOL two_closures {\"c\":false}",
    );
    check(
        || in_a_result(false).map(|f| f()),
        Ok(2),
        r#"TOOL in_a_result {"c":false}"#,
    );
    check(
        || in_a_result(true).map(|f| f()),
        Err(1),
        r#"TOOL in_a_result {"c":true} ! u8: 1"#,
    );
    check(|| closure_to_pointer()(1), 1, "TOOL closure_to_pointer");
    check(
        || function_to_pointer()().len(),
        1,
        "TOOL function_to_pointer\nTOOL array_to_slice -> [1]",
    );
    check(
        || {
            let (f, g) = closures_in_a_tuple();
            f() + g()
        },
        3,
        "TOOL closures_in_a_tuple",
    );
    check(
        || closures_in_a_list().iter().map(|f| f()).sum(),
        3_u8,
        "TOOL closures_in_a_list",
    );
}

#[test]
fn inferred_from_the_return_type() {
    check(
        || collected(0..2),
        vec![0, 1],
        r#"TOOL collected {"it":{"start":0,"end":2}} -> [0,1]"#,
    );
    check(
        || collected_results(&["1", "2"]),
        Ok(vec![1, 2]),
        r#"TOOL collected_results {"texts":["1","2"]} -> [1,2]"#,
    );
    check(
        into_boxed_text,
        "x".into(),
        r#"TOOL into_boxed_text -> "x""#,
    );
    check(parsed, 7, "TOOL parsed -> 7");
    check(
        defaulted,
        (0, String::new(), None),
        r#"TOOL defaulted -> [0,"",null]"#,
    );
    check(literal, 1, "TOOL literal -> 1");
    check(empty, Vec::new(), "TOOL empty -> []");
    check(none, None, "TOOL none -> null");
    check(
        number_from_context,
        Ok(1.0),
        "TOOL number_from_context -> 1.0",
    );
}

#[test]
fn trait_objects() {
    check(
        || boxed_error(false).is_ok(),
        true,
        r#"TOOL boxed_error {"c":false} -> 7"#,
    );
    check(
        || boxed_error(true).is_ok(),
        false,
        r#"TOOL boxed_error {"c":true} ! Box: no"#,
    );
    check(
        || (format!("{:?}", shown(true)), format!("{:?}", shown(false))),
        ("1".to_owned(), "\"a\"".to_owned()),
        "TOOL shown {\"c\":true} -> \"1\"\nTOOL shown {\"c\":false} -> \"\\\"a\\\"\"",
    );
    check(|| counted().to_string(), "1".to_owned(), "TOOL counted");
    check(|| shared_any().is::<u8>(), true, "TOOL shared_any");
    check(
        || format!("{:?}", reference_to_trait(&1)),
        "1".to_owned(),
        r#"TOOL reference_to_trait {"n":1} -> "1""#,
    );
    check(
        || iterator_object(2).count(),
        2,
        r#"TOOL iterator_object {"n":2} stream.items=2"#,
    );
}

#[test]
fn pointers() {
    check(array_to_slice, &[1][..], "TOOL array_to_slice -> [1]");
    check(
        || dereferenced(&"a".to_owned()).len(),
        1,
        r#"TOOL dereferenced {"text":"a"} -> "a""#,
    );
    check(
        || unboxed_slice(&vec![1]).len(),
        1,
        r#"TOOL unboxed_slice {"bytes":[1]} -> [1]"#,
    );
    check(
        || *reborrowed_as_shared(&mut 1),
        2,
        r#"TOOL reborrowed_as_shared {"n":1} -> 2"#,
    );
    check(|| pointer(&1).is_null(), false, r#"TOOL pointer {"n":1}"#);
    check(boxed_array, Box::from([1, 2]), "TOOL boxed_array -> [1,2]");
    check(
        nested_option,
        Some(Some(&[1][..])),
        "TOOL nested_option -> [1]",
    );
}

#[test]
fn asynchronous() {
    check(
        || block_on(async_two_closures(true))(1) + block_on(async_two_closures(false))(1),
        1,
        "TASK async_two_closures {\"c\":true}\nTASK async_two_closures {\"c\":false}",
    );
    check(
        || block_on(async_in_a_result(false)).map(|f| f()),
        Ok(2),
        r#"TASK async_in_a_result {"c":false}"#,
    );
    check(
        || block_on(async_array_to_slice()),
        &[1][..],
        "AGENT async_array_to_slice -> [1]",
    );
    check(
        || block_on(async_closure_to_pointer())(1),
        1,
        "OPERATION async_closure_to_pointer",
    );
    check(
        || block_on(async_collected(0..2)),
        vec![0, 1],
        r#"TOOL async_collected {"it":{"start":0,"end":2}} -> [0,1]"#,
    );
    check(
        || block_on(async_into_boxed_text()),
        "x".into(),
        r#"TOOL async_into_boxed_text -> "x""#,
    );
    check(
        || block_on(async_boxed_error(true)).is_ok(),
        false,
        r#"TOOL async_boxed_error {"c":true} ! Box: no"#,
    );
    check(
        || block_on(async_dereferenced(&"a".to_owned())).len(),
        1,
        r#"TOOL async_dereferenced {"text":"a"} -> "a""#,
    );
}
