//! Ways to say that something failed, by whatever type.

use std::convert::Infallible;
use std::fmt::{self, Display, Write};
use std::io;
use std::num::ParseIntError;
use std::ops::ControlFlow;
use std::task::Poll;

use crate::runtime::{guardrail, llm, operation, task, tool, workflow};
use crate::{block_on, check};

/// None of the traits that show a value.
#[derive(PartialEq)]
struct Bare;

#[derive(Debug)]
struct OnlyDebug;

struct OnlyDisplay;

impl Display for OnlyDisplay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("shown")
    }
}

#[derive(Debug)]
struct Full(ParseIntError);

impl Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot parse")
    }
}

impl std::error::Error for Full {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

impl From<ParseIntError> for Full {
    fn from(error: ParseIntError) -> Self {
        Self(error)
    }
}

/// An error that borrows what it is about.
#[derive(Debug)]
struct Borrowing<'a>(&'a str);

impl Display for Borrowing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "about {}", self.0)
    }
}

impl std::error::Error for Borrowing<'_> {}

type Res<T> = Result<T, Full>;
type Swapped<E, T> = Result<T, E>;
type Boxed<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

mod own {
    /// Not the one that everybody knows.
    #[derive(PartialEq)]
    pub(super) enum Result<T, E> {
        Ok(T),
        Err(E),
    }
}

#[tool]
fn bare(fail: bool) -> Result<u8, Bare> {
    if fail { Err(Bare) } else { Ok(1) }
}

#[tool]
fn bare_on_both_sides(fail: bool) -> Result<Bare, Bare> {
    if fail { Err(Bare) } else { Ok(Bare) }
}

#[tool]
fn only_debug() -> Result<u8, OnlyDebug> {
    Err(OnlyDebug)
}

#[tool]
fn only_display() -> Result<u8, OnlyDisplay> {
    Err(OnlyDisplay)
}

#[tool]
fn borrowing(text: &str) -> Result<u8, Borrowing<'_>> {
    text.parse().map_err(|_| Borrowing(text))
}

#[tool]
fn boxed_borrowing(text: &str) -> Result<u8, Box<Borrowing<'_>>> {
    Err(Box::new(Borrowing(text)))
}

#[tool]
fn input_output(kind: io::ErrorKind) -> io::Result<u8> {
    Err(io::Error::new(kind, "gone"))
}

#[tool]
fn formatting(out: &mut String) -> fmt::Result {
    write!(out, "a")?;
    Err(fmt::Error)
}

#[tool]
fn alias(text: &str) -> Res<u8> {
    Ok(text.parse::<u8>()?)
}

#[tool]
fn swapped(text: &str) -> Swapped<ParseIntError, u8> {
    text.parse()
}

#[tool]
fn dynamic(text: &str) -> Boxed<u8> {
    Ok(text.parse::<u8>()?)
}

#[tool]
fn dynamic_without_bounds(text: &str) -> Result<u8, Box<dyn std::error::Error>> {
    if text.is_empty() {
        Err("empty")?;
    }
    Ok(text.parse::<u8>()?)
}

#[tool]
fn generic_error<E: From<u8>>(n: u8) -> Result<u8, E> {
    if n == 0 {
        return Err(E::from(n));
    }
    Ok(n)
}

#[tool]
fn shown_generic_error<E: From<u8> + Display>(n: u8) -> Result<u8, E> {
    Err(E::from(n))
}

#[tool]
fn generic_alias<T: std::str::FromStr>(text: &str) -> Swapped<T::Err, T> {
    text.parse()
}

#[tool]
fn infallible(n: u8) -> Result<u8, Infallible> {
    Ok(n)
}

#[tool]
fn optional(texts: &[&str]) -> Option<usize> {
    let first = texts.first()?;
    Some(first.len())
}

#[tool]
fn flow(n: u8) -> ControlFlow<u8, String> {
    if n == 0 {
        ControlFlow::Break(n)?;
    }
    ControlFlow::Continue(n.to_string())
}

#[tool]
fn poll(ready: bool) -> Poll<Result<u8, String>> {
    if ready {
        Poll::Ready(Err("no".to_owned()))
    } else {
        Poll::Pending
    }
}

#[tool]
fn look_alike(fail: bool) -> own::Result<u8, Bare> {
    if fail {
        own::Result::Err(Bare)
    } else {
        own::Result::Ok(1)
    }
}

#[tool]
fn in_an_option(text: &str) -> Option<Result<u8, ParseIntError>> {
    Some(text.parse())
}

#[tool]
fn nested(text: &str) -> Result<Result<u8, ParseIntError>, Bare> {
    Ok(text.parse())
}

#[tool]
fn in_a_tuple(text: &str) -> (Result<u8, ParseIntError>, u8) {
    (text.parse(), 1)
}

#[tool]
fn by_reference<'a>(result: &'a Result<u8, String>) -> &'a Result<u8, String> {
    result
}

#[tool]
fn text_error(n: u8) -> Result<(), String> {
    Err(format!("no {n}"))
}

#[tool]
fn static_text_error() -> Result<(), &'static str> {
    Err("no")
}

#[tool]
fn unit_error() -> Result<(), ()> {
    Err(())
}

#[tool(err = false)]
fn not_looked_at(fail: bool) -> Result<u8, String> {
    if fail { Err("no".to_owned()) } else { Ok(1) }
}

#[tool(capture_return = false)]
fn only_errors(fail: bool) -> Result<Bare, String> {
    if fail { Err("no".to_owned()) } else { Ok(Bare) }
}

#[tool(returns(length = |text| text.len()))]
fn read_when_fine(fail: bool) -> Result<String, Bare> {
    if fail { Err(Bare) } else { Ok("ab".to_owned()) }
}

#[tool]
fn consumed_by_question_mark(texts: Vec<String>) -> Result<Vec<u8>, ParseIntError> {
    let mut numbers = Vec::new();
    for text in texts {
        numbers.push(text.parse()?);
    }
    Ok(numbers)
}

#[llm]
async fn async_bare(fail: bool) -> Result<u8, Bare> {
    if fail { Err(Bare) } else { Ok(1) }
}

#[task]
async fn async_alias(text: &str) -> Res<u8> {
    Ok(text.parse::<u8>()?)
}

#[guardrail]
async fn async_swapped(text: &str) -> Swapped<ParseIntError, u8> {
    text.parse()
}

#[workflow]
async fn async_dynamic(text: &str) -> Boxed<u8> {
    Ok(text.parse::<u8>()?)
}

#[operation]
async fn async_generic_error<E: From<u8>>(n: u8) -> Result<u8, E> {
    Err(E::from(n))
}

#[tool]
async fn async_borrowing(text: &str) -> Result<u8, Borrowing<'_>> {
    text.parse().map_err(|_| Borrowing(text))
}

#[tool]
async fn async_optional(texts: &[&str]) -> Option<usize> {
    let first = texts.first()?;
    Some(first.len())
}

#[tool]
async fn async_look_alike() -> own::Result<u8, Bare> {
    own::Result::Err(Bare)
}

#[tool]
async fn async_flow(n: u8) -> ControlFlow<u8, String> {
    if n == 0 {
        ControlFlow::Break(n)?;
    }
    ControlFlow::Continue(n.to_string())
}

#[tool(capture_return = false)]
async fn async_only_errors(fail: bool) -> Result<Bare, String> {
    if fail { Err("no".to_owned()) } else { Ok(Bare) }
}

#[test]
fn errors_without_traits() {
    check(
        || (bare(false).is_ok(), bare(true).is_ok()),
        (true, false),
        "TOOL bare {\"fail\":false} -> 1\nTOOL bare {\"fail\":true} ! Bare: shapes::fallible::Bare",
    );
    check(
        || {
            (
                bare_on_both_sides(false).is_ok(),
                bare_on_both_sides(true).is_ok(),
            )
        },
        (true, false),
        "TOOL bare_on_both_sides {\"fail\":false} -> {\"$type\":\"shapes::fallible::Bare\"}\nTOOL bare_on_both_sides {\"fail\":true} ! Bare: shapes::fallible::Bare",
    );
    check(
        || only_debug().is_err(),
        true,
        "TOOL only_debug ! OnlyDebug: OnlyDebug",
    );
    check(
        || only_display().is_err(),
        true,
        "TOOL only_display ! OnlyDisplay: shown",
    );
    check(|| unit_error().is_err(), true, "TOOL unit_error ! (): ()");
}

#[test]
fn errors_that_borrow() {
    check(
        || borrowing("x").is_err(),
        true,
        r#"TOOL borrowing {"text":"x"} ! Borrowing: about x"#,
    );
    check(
        || boxed_borrowing("x").is_err(),
        true,
        r#"TOOL boxed_borrowing {"text":"x"} ! Borrowing: about x"#,
    );
}

#[test]
fn errors_of_the_standard_library() {
    check(
        || input_output(io::ErrorKind::NotFound).is_err(),
        true,
        r#"TOOL input_output {"kind":"NotFound"} ! NotFound: gone"#,
    );
    check(
        || {
            let mut out = String::new();
            (formatting(&mut out).is_err(), out)
        },
        (true, "a".to_owned()),
        r#"TOOL formatting {"out":""} ! Error: an error occurred when formatting an argument"#,
    );
    check(
        || text_error(1).is_err(),
        true,
        r#"TOOL text_error {"n":1} ! String: no 1"#,
    );
    check(
        || static_text_error().is_err(),
        true,
        "TOOL static_text_error ! str: no",
    );
}

#[test]
fn aliases() {
    check(
        || (alias("1").is_ok(), alias("x").is_ok()),
        (true, false),
        "TOOL alias {\"text\":\"1\"} -> 1\nTOOL alias {\"text\":\"x\"} ! Full: cannot parse",
    );
    check(
        || (swapped("1").is_ok(), swapped("x").is_ok()),
        (true, false),
        "TOOL swapped {\"text\":\"1\"} -> 1\nTOOL swapped {\"text\":\"x\"} ! ParseIntError: invalid digit found in string",
    );
    check(
        || (dynamic("1").is_ok(), dynamic("x").is_ok()),
        (true, false),
        "TOOL dynamic {\"text\":\"1\"} -> 1\nTOOL dynamic {\"text\":\"x\"} ! ParseIntError: invalid digit found in string",
    );
    check(
        || dynamic_without_bounds("").is_ok(),
        false,
        r#"TOOL dynamic_without_bounds {"text":""} ! Box: empty"#,
    );
}

#[test]
fn generic_errors() {
    check(
        || (generic_error::<u16>(1), generic_error::<u16>(0)),
        (Ok(1), Err(0)),
        "TOOL generic_error {\"n\":1} -> 1\nTOOL generic_error {\"n\":0} ! u16: u16",
    );
    check(
        || shown_generic_error::<u16>(1),
        Err(1),
        r#"TOOL shown_generic_error {"n":1} ! u16: 1"#,
    );
    check(
        || generic_alias::<u8>("1"),
        Ok(1),
        r#"TOOL generic_alias {"text":"1"} -> {"$type":"u8"}"#,
    );
    check(|| infallible(1), Ok(1), r#"TOOL infallible {"n":1} -> 1"#);
}

#[test]
fn other_outcomes() {
    check(
        || (optional(&["ab"]), optional(&[])),
        (Some(2), None),
        "TOOL optional {\"texts\":[\"ab\"]} -> 2\nTOOL optional {\"texts\":[]} -> null",
    );
    check(
        || (flow(1), flow(0)),
        (ControlFlow::Continue("1".to_owned()), ControlFlow::Break(0)),
        "TOOL flow {\"n\":1} -> \"Continue(\\\"1\\\")\"\nTOOL flow {\"n\":0} -> \"Break(0)\"",
    );
    check(
        || (poll(true).is_ready(), poll(false).is_ready()),
        (true, false),
        "TOOL poll {\"ready\":true} -> \"Ready(Err(\\\"no\\\"))\"\nTOOL poll {\"ready\":false} -> \"Pending\"",
    );
    check(
        || {
            (
                look_alike(false) == own::Result::Ok(1),
                look_alike(true) == own::Result::Ok(1),
            )
        },
        (true, false),
        "TOOL look_alike {\"fail\":false} -> {\"$type\":\"shapes::fallible::own::Result<u8, shapes::fallible::Bare>\"}\nTOOL look_alike {\"fail\":true} -> {\"$type\":\"shapes::fallible::own::Result<u8, shapes::fallible::Bare>\"}",
    );
}

#[test]
fn results_within() {
    check(
        || in_an_option("1"),
        Some(Ok(1)),
        r#"TOOL in_an_option {"text":"1"} -> "Some(Ok(1))""#,
    );
    check(
        || nested("1").is_ok_and(|inner| inner.is_ok()),
        true,
        r#"TOOL nested {"text":"1"} -> "Ok(1)""#,
    );
    check(
        || in_a_tuple("1"),
        (Ok(1), 1),
        r#"TOOL in_a_tuple {"text":"1"} -> "(Ok(1), 1)""#,
    );
    check(
        || by_reference(&Err("no".to_owned())).is_err(),
        true,
        r#"TOOL by_reference {"result":{"Err":"no"}} -> {"Err":"no"}"#,
    );
    check(
        || consumed_by_question_mark(vec!["1".to_owned()]),
        Ok(vec![1]),
        r#"TOOL consumed_by_question_mark {"texts":["1"]} -> [1]"#,
    );
}

#[test]
fn chosen() {
    check(
        || (not_looked_at(false).is_ok(), not_looked_at(true).is_ok()),
        (true, false),
        "TOOL not_looked_at {\"fail\":false} -> {\"Ok\":1}\nTOOL not_looked_at {\"fail\":true} -> {\"Err\":\"no\"}",
    );
    check(
        || (only_errors(false).is_ok(), only_errors(true).is_ok()),
        (true, false),
        "TOOL only_errors {\"fail\":false}\nTOOL only_errors {\"fail\":true} ! String: no",
    );
    check(
        || (read_when_fine(false).is_ok(), read_when_fine(true).is_ok()),
        (true, false),
        "TOOL read_when_fine {\"fail\":false} -> \"ab\" length=2\nTOOL read_when_fine {\"fail\":true} ! Bare: shapes::fallible::Bare",
    );
}

#[test]
fn asynchronous() {
    check(
        || block_on(async_bare(true)).is_ok(),
        false,
        r#"LLM async_bare {"fail":true} ! Bare: shapes::fallible::Bare"#,
    );
    check(
        || block_on(async_alias("x")).is_ok(),
        false,
        r#"TASK async_alias {"text":"x"} ! Full: cannot parse"#,
    );
    check(
        || block_on(async_swapped("1")),
        Ok(1),
        r#"GUARDRAIL async_swapped {"text":"1"} -> 1"#,
    );
    check(
        || block_on(async_dynamic("x")).is_ok(),
        false,
        r#"WORKFLOW async_dynamic {"text":"x"} ! ParseIntError: invalid digit found in string"#,
    );
    check(
        || block_on(async_generic_error::<u16>(1)),
        Err(1),
        r#"OPERATION async_generic_error {"n":1} ! u16: u16"#,
    );
    check(
        || block_on(async_borrowing("x")).is_ok(),
        false,
        r#"TOOL async_borrowing {"text":"x"} ! Borrowing: about x"#,
    );
    check(
        || block_on(async_optional(&[])),
        None,
        r#"TOOL async_optional {"texts":[]} -> null"#,
    );
    check(
        || block_on(async_look_alike()) == own::Result::Ok(1),
        false,
        r#"TOOL async_look_alike -> {"$type":"shapes::fallible::own::Result<u8, shapes::fallible::Bare>"}"#,
    );
    check(
        || block_on(async_flow(0)),
        ControlFlow::Break(0),
        r#"TOOL async_flow {"n":0} -> "Break(0)""#,
    );
    check(
        || block_on(async_only_errors(true)).is_ok(),
        false,
        r#"TOOL async_only_errors {"fail":true} ! String: no"#,
    );
}
