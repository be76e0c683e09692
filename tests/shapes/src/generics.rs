//! Type, constant and lifetime parameters.

#![expect(clippy::future_not_send, reason = "shapes are as people write them")]

use std::borrow::Cow;
use std::fmt::{Debug, Display};
use std::io::Write;

use crate::runtime::{guardrail, llm, operation, task, tool};
use crate::{block_on, check};

struct Opaque;

#[tool]
fn unbounded<T>(t: T) -> T {
    t
}

#[tool]
fn debugged<T: Debug>(t: T) -> Vec<T> {
    vec![t]
}

#[tool]
fn unsized_display<T: ?Sized + Display>(t: &T) -> String {
    t.to_string()
}

#[tool]
fn constant<const N: usize>(a: [u8; N]) -> usize {
    a.len() + N
}

#[tool]
fn constant_alone<const YES: bool>() -> bool {
    YES
}

#[tool]
fn lifetimes<'a, 'b: 'a>(a: &'a str, b: &'b str) -> &'a str {
    if a.len() > b.len() { a } else { b }
}

#[tool]
fn elided(s: &str) -> &str {
    s.trim()
}

#[tool]
fn cow(s: &str) -> Cow<'_, str> {
    if s.is_empty() {
        return "empty".into();
    }
    s.into()
}

#[tool]
fn higher_ranked<F: for<'x> Fn(&'x str) -> &'x str>(f: F) -> usize {
    f("  a ").len()
}

#[tool(skip(f))]
fn higher_ranked_where<F>(f: F) -> usize
where
    for<'x> F: Fn(&'x str) -> &'x str,
{
    f("  a ").len()
}

#[tool]
fn argument_position(items: impl IntoIterator<Item = u32>) -> u32 {
    items.into_iter().sum()
}

#[tool]
fn two_argument_positions(a: impl Into<u32>, b: &impl AsRef<str>) -> usize {
    b.as_ref().len() + usize::try_from(a.into()).unwrap_or(0)
}

#[tool]
fn trait_object(out: &mut dyn Write) -> std::io::Result<()> {
    out.write_all(b"ab")
}

#[tool]
fn boxed_trait_object(f: Box<dyn FnOnce(u8) -> u8 + '_>) -> u8 {
    f(1)
}

#[tool]
fn iterator_stays_whole(items: &mut impl Iterator<Item = u8>) -> Option<u8> {
    items.next()
}

#[tool(capture_return = false)]
fn captures_in_return<'a, T: Copy + 'a>(t: &'a T) -> impl Fn() -> T + use<'a, T> {
    move || *t
}

#[tool(skip_all)]
fn function_pointer(f: fn(u8) -> u8, g: for<'x> fn(&'x u8) -> &'x u8) -> u8 {
    *g(&f(1))
}

#[tool]
fn where_clause<T, E>(t: T) -> Result<T, E>
where
    T: Clone + PartialEq,
    E: From<T>,
{
    if t == t.clone() { Ok(t) } else { Err(t.into()) }
}

#[tool]
fn only_in_return<T: Default + Debug>() -> T {
    T::default()
}

#[tool]
fn nested_call<T: Debug>(t: T, depth: u8) -> usize {
    if depth == 0 {
        format!("{t:?}").len()
    } else {
        nested_call(t, depth - 1)
    }
}

#[tool(skip_all, name = "many")]
fn many<'a, A, B, const N: usize>(a: &'a [A; N], b: &'a [B]) -> (&'a A, &'a B, usize)
where
    A: 'a,
{
    (&a[0], &b[0], N)
}

#[tool(attributes(size = size_of::<T>()))]
fn attribute_of_a_type<T>(_: &T) {}

#[llm]
async fn async_unbounded<T>(t: T) -> T {
    t
}

#[tool]
async fn async_unsized<T: ?Sized + Display>(t: &T) -> String {
    t.to_string()
}

#[tool]
async fn async_constant<const N: usize>(a: [u8; N]) -> usize {
    a.len()
}

#[task]
async fn async_lifetimes<'a, 'b: 'a>(a: &'a str, b: &'b str) -> &'a str {
    if a.len() > b.len() { a } else { b }
}

#[operation]
async fn async_cow(s: &str) -> Cow<'_, str> {
    s.into()
}

#[tool]
async fn async_higher_ranked<F: for<'x> Fn(&'x str) -> &'x str>(f: F) -> usize {
    f("  a ").len()
}

#[tool]
async fn async_argument_position(items: impl IntoIterator<Item = u32>) -> u32 {
    items.into_iter().sum()
}

#[guardrail]
async fn async_trait_object(out: &mut (dyn Write + Send)) -> std::io::Result<()> {
    out.write_all(b"ab")
}

#[tool]
async fn async_where_clause<T, E>(t: T) -> Result<T, E>
where
    T: Clone,
    E: From<T>,
{
    if size_of::<T>() == 1 {
        Err(E::from(t.clone()))?;
    }
    Ok(t)
}

struct Holder<'a, T: ?Sized, const N: usize> {
    held: [&'a T; N],
}

impl<'a, T: ?Sized + Display, const N: usize> Holder<'a, T, N> {
    #[tool]
    fn first(&self) -> Option<&'a T> {
        self.held.first().copied()
    }

    #[tool]
    fn joined<S>(&self, separator: S) -> String
    where
        S: AsRef<str> + Debug,
    {
        let texts: Vec<String> = self.held.iter().map(ToString::to_string).collect();
        texts.join(separator.as_ref())
    }

    #[tool]
    async fn async_first(&self) -> Option<&'a T> {
        self.held.first().copied()
    }
}

#[test]
fn types() {
    check(
        || unbounded(1_u8),
        1,
        r#"TOOL unbounded {"t":{"$type":"u8"}} -> {"$type":"u8"}"#,
    );
    check(
        || debugged("a"),
        vec!["a"],
        r#"TOOL debugged {"t":"\"a\""} -> "[\"a\"]""#,
    );
    check(
        || unsized_display("a"),
        "a".to_owned(),
        r#"TOOL unsized_display {"t":{"$type":"&str"}} -> "a""#,
    );
    check(
        || where_clause::<u8, u16>(1),
        Ok(1),
        r#"TOOL where_clause {"t":{"$type":"u8"}} -> {"$type":"u8"}"#,
    );
    check(only_in_return::<u8>, 0, r#"TOOL only_in_return -> "0""#);
    check(
        || nested_call("a", 1),
        3,
        "TOOL nested_call {\"t\":\"\\\"a\\\"\",\"depth\":1} -> 3\n  TOOL nested_call {\"t\":\"\\\"a\\\"\",\"depth\":0} -> 3",
    );
    check(
        || many(&[Opaque, Opaque], &[1]).2,
        2,
        r#"TOOL many -> {"$type":"(&shapes::generics::Opaque, &i32, usize)"}"#,
    );
    check(
        || attribute_of_a_type(&1_u16),
        (),
        "TOOL attribute_of_a_type size=2",
    );
}

#[test]
fn constants() {
    check(|| constant([1, 2]), 4, r#"TOOL constant {"a":[1,2]} -> 4"#);
    check(constant_alone::<true>, true, "TOOL constant_alone -> true");
}

#[test]
fn lifetimes_and_borrows() {
    check(
        || lifetimes("a", "bc"),
        "bc",
        r#"TOOL lifetimes {"a":"a","b":"bc"} -> "bc""#,
    );
    check(|| elided(" a"), "a", r#"TOOL elided {"s":" a"} -> "a""#);
    check(
        || cow(""),
        Cow::Borrowed("empty"),
        r#"TOOL cow {"s":""} -> "empty""#,
    );
    check(
        || captures_in_return(&1)(),
        1,
        r#"TOOL captures_in_return {"t":{"$type":"&i32"}}"#,
    );
}

#[test]
fn functions() {
    check(
        || higher_ranked(str::trim),
        1,
        r#"TOOL higher_ranked {"f":{"$type":"core::str::<impl str>::trim"}} -> 1"#,
    );
    check(
        || higher_ranked_where(|s| &s[1..]),
        3,
        "TOOL higher_ranked_where -> 3",
    );
    check(
        || boxed_trait_object(Box::new(|n| n + 1)),
        2,
        r#"TOOL boxed_trait_object {"f":{"$type":"alloc::boxed::Box<dyn core::ops::function::FnOnce(u8) -> u8>"}} -> 2"#,
    );
    check(
        || function_pointer(|n| n, |n| n),
        1,
        "TOOL function_pointer -> 1",
    );
}

#[test]
fn traits() {
    check(
        || argument_position([1, 2]),
        3,
        r#"TOOL argument_position {"items":{"$type":"[u32; 2]"}} -> 3"#,
    );
    check(
        || two_argument_positions(1_u8, &"a"),
        2,
        r#"TOOL two_argument_positions {"a":{"$type":"u8"},"b":{"$type":"&&str"}} -> 2"#,
    );
    check(
        || {
            let mut out = Vec::new();
            let done = trait_object(&mut out).is_ok();
            (out, done)
        },
        (b"ab".to_vec(), true),
        r#"TOOL trait_object {"out":{"$type":"&mut dyn std::io::Write"}} -> null"#,
    );
    check(
        || {
            let mut items = [1, 2].into_iter();
            (iterator_stays_whole(&mut items), items.next())
        },
        (Some(1), Some(2)),
        r#"TOOL iterator_stays_whole {"items":{"$type":"&mut core::array::iter::IntoIter<u8, 2>"}} -> 1"#,
    );
}

#[test]
fn asynchronous() {
    check(
        || block_on(async_unbounded(1_u8)),
        1,
        r#"LLM async_unbounded {"t":{"$type":"u8"}} -> {"$type":"u8"}"#,
    );
    check(
        || block_on(async_unsized("a")),
        "a".to_owned(),
        r#"TOOL async_unsized {"t":{"$type":"&str"}} -> "a""#,
    );
    check(
        || block_on(async_constant([1, 2])),
        2,
        r#"TOOL async_constant {"a":[1,2]} -> 2"#,
    );
    check(
        || block_on(async_lifetimes("a", "bc")),
        "bc",
        r#"TASK async_lifetimes {"a":"a","b":"bc"} -> "bc""#,
    );
    check(
        || block_on(async_cow("a")),
        Cow::Borrowed("a"),
        r#"OPERATION async_cow {"s":"a"} -> "a""#,
    );
    check(
        || block_on(async_higher_ranked(str::trim)),
        1,
        r#"TOOL async_higher_ranked {"f":{"$type":"core::str::<impl str>::trim"}} -> 1"#,
    );
    check(
        || block_on(async_argument_position([1, 2])),
        3,
        r#"TOOL async_argument_position {"items":{"$type":"[u32; 2]"}} -> 3"#,
    );
    check(
        || {
            let mut out = Vec::new();
            block_on(async_trait_object(&mut out)).is_ok()
        },
        true,
        r#"GUARDRAIL async_trait_object {"out":{"$type":"&mut dyn std::io::Write + core::marker::Send"}} -> null"#,
    );
    check(
        || block_on(async_where_clause::<u8, u16>(1)),
        Err(1),
        r#"TOOL async_where_clause {"t":{"$type":"u8"}} ! u16: u16"#,
    );
}

#[test]
fn methods_of_generic_types() {
    const HOLDER: Holder<'static, str, 2> = Holder { held: ["a", "b"] };
    check(
        || HOLDER.first(),
        Some("a"),
        r#"TOOL first -> {"$type":"core::option::Option<&str>"}"#,
    );
    check(
        || HOLDER.joined("-"),
        "a-b".to_owned(),
        r#"TOOL joined {"separator":"\"-\""} -> "a-b""#,
    );
    check(
        || block_on(HOLDER.async_first()),
        Some("a"),
        r#"TOOL async_first -> {"$type":"core::option::Option<&str>"}"#,
    );
}
