//! Names that generated code might have meant: the user's own types, traits, modules, macros, constants and arguments.

use std::fmt;

use crate::block_on;
use crate::runtime::tool;
use crate::watch::{note, noted, recorded, yield_now};

/// Each name of the prelude that generated code could use is something else here.
mod types {
    use crate::runtime::{agent, operation, session, tool};

    #[derive(Debug, PartialEq, Eq)]
    pub(super) struct String(pub(super) u8);
    #[derive(Debug)]
    pub(super) struct Vec;
    #[derive(Debug)]
    pub(super) struct Box(pub(super) u8);
    #[derive(Debug, PartialEq, Eq)]
    pub(super) enum Option {
        Some(u8),
        None,
    }
    #[derive(Debug, PartialEq, Eq)]
    pub(super) enum Result {
        Ok(u8),
        Err(u8),
    }
    pub(super) struct Pin;
    pub(super) struct Future;
    pub(super) struct Stream;
    pub(super) struct Iterator;
    pub(super) struct Span;
    pub(super) struct Callsite;
    pub(super) struct Meta;
    pub(super) struct Kind;
    pub(super) struct Probe;

    pub(super) trait Debug {}
    pub(super) trait Serialize {}
    pub(super) trait Send {}
    pub(super) trait FnOnce {}
    pub(super) trait ViaDebug {}
    pub(super) trait ViaSerialize {}

    #[tool]
    pub(super) fn text(of: String, _list: Vec) -> String {
        String(of.0 + 1)
    }

    #[tool]
    pub(super) fn boxed(of: Box) -> Box {
        of
    }

    #[operation]
    pub(super) fn own_result(good: bool) -> Result {
        if good { Result::Ok(1) } else { Result::Err(2) }
    }

    #[operation]
    pub(super) fn own_option(of: Option) -> Option {
        match of {
            Option::Some(n) => Option::Some(n + 1),
            Option::None => Option::None,
        }
    }

    #[agent]
    pub(super) fn without_traits(_: Pin, _future: Future, _span: Span) -> (Callsite, Meta) {
        (Callsite, Meta)
    }

    #[tool]
    pub(super) async fn later(kind: Kind) -> Probe {
        super::yield_now().await;
        let Kind = kind;
        Probe
    }

    #[tool]
    pub(super) fn named_stream() -> Stream {
        Stream
    }

    #[tool]
    pub(super) fn named_future() -> Future {
        Future
    }

    #[session]
    pub(super) fn named_iterator(
        _of: &Iterator,
    ) -> ::std::boxed::Box<dyn ::std::iter::Iterator<Item = u8>> {
        ::std::boxed::Box::new(0..2)
    }

    #[tool]
    pub(super) fn bounded<T: Debug + Serialize + Send>(
        _value: T,
        _by: impl FnOnce + ViaDebug + ViaSerialize,
    ) -> u8 {
        1
    }

    impl Debug for u8 {}
    impl Serialize for u8 {}
    impl Send for u8 {}
    impl FnOnce for u8 {}
    impl ViaDebug for u8 {}
    impl ViaSerialize for u8 {}
}

#[test]
fn types_and_traits_by_names_of_the_prelude() {
    use types::{Box, Future, Iterator, Kind, Option, Pin, Result, Span, String, Vec};

    let (text, trace) = recorded(|| types::text(String(1), Vec));
    assert_eq!(
        (text.0, trace.as_str()),
        (
            2,
            "TOOL text {\"of\":\"String(1)\",\"_list\":\"Vec\"} -> \"String(2)\"\n"
        )
    );
    let (of, trace) = recorded(|| types::boxed(Box(1)));
    assert_eq!(
        (of.0, trace.as_str()),
        (1, "TOOL boxed {\"of\":\"Box(1)\"} -> \"Box(1)\"\n")
    );
    let expected = "OPERATION own_result {\"good\":true} -> \"Ok(1)\"\n";
    assert_eq!(
        recorded(|| types::own_result(true)),
        (Result::Ok(1), expected.into())
    );
    let expected = "OPERATION own_result {\"good\":false} -> \"Err(2)\"\n";
    assert_eq!(
        recorded(|| types::own_result(false)),
        (Result::Err(2), expected.into())
    );
    let expected = "OPERATION own_option {\"of\":\"Some(1)\"} -> \"Some(2)\"\n";
    assert_eq!(
        recorded(|| types::own_option(Option::Some(1))),
        (Option::Some(2), expected.into())
    );
    assert_eq!(types::own_option(Option::None), Option::None);
    let (_, trace) = recorded(|| types::without_traits(Pin, Future, Span));
    let of = |name: &str| format!("{{\"$type\":\"shapes::hygiene::types::{name}\"}}");
    assert_eq!(
        trace,
        format!(
            "AGENT without_traits {{\"_future\":{},\"_span\":{}}} -> {{\"$type\":\"(shapes::hygiene::types::Callsite, shapes::hygiene::types::Meta)\"}}\n",
            of("Future"),
            of("Span")
        )
    );
    let (_, trace) = recorded(|| block_on(types::later(Kind)));
    assert_eq!(
        trace,
        format!(
            "TOOL later {{\"kind\":{}}} -> {}\n",
            of("Kind"),
            of("Probe")
        )
    );
    let (_, trace) = recorded(types::named_stream);
    assert_eq!(trace, format!("TOOL named_stream -> {}\n", of("Stream")));
    let (_, trace) = recorded(types::named_future);
    assert_eq!(trace, format!("TOOL named_future -> {}\n", of("Future")));
    let (count, trace) = recorded(|| types::named_iterator(&Iterator).count());
    assert_eq!(count, 2);
    assert!(
        trace.starts_with("SESSION named_iterator {\"_of\":{\"$type\":"),
        "{trace}"
    );
    let (_, trace) = recorded(|| types::bounded(1, 2));
    assert_eq!(
        trace,
        "TOOL bounded {\"_value\":{\"$type\":\"u8\"},\"_by\":{\"$type\":\"u8\"}} -> 1\n"
    );
}

/// Every type has methods here by names that generated code could call.
mod methods {
    use crate::runtime::{agent, tool};

    pub(super) trait Everything {
        fn clone(&self) -> u8 {
            1
        }
        fn to_string(&self) -> u8 {
            2
        }
        fn enter(&self) -> u8 {
            3
        }
        fn record(&self) -> u8 {
            4
        }
        fn instrument(&self) -> u8 {
            5
        }
        fn capture(&self) -> u8 {
            6
        }
        fn poll(&self) -> u8 {
            7
        }
    }

    impl<T: ?Sized> Everything for T {}

    #[tool]
    pub(super) fn sync(text: &str) -> u8 {
        text.clone() + Everything::to_string(text) + text.enter()
    }

    #[tool]
    pub(super) async fn asynchronous(n: u8) -> Result<u8, u8> {
        let sum = n.record() + n.instrument() + n.capture();
        super::yield_now().await;
        if n == 0 { Err(sum) } else { Ok(sum + n.poll()) }
    }

    #[agent]
    pub(super) fn returned(n: u8) -> impl Future<Output = u8> {
        async move { n.poll() }
    }

    use std::future::Future;
}

#[test]
fn methods_of_a_trait_for_every_type() {
    let expected = "TOOL sync {\"text\":\"a\"} -> 6\n";
    assert_eq!(recorded(|| methods::sync("a")), (6, expected.into()));
    let expected = "TOOL asynchronous {\"n\":1} -> 22\n";
    assert_eq!(
        recorded(|| block_on(methods::asynchronous(1))),
        (Ok(22), expected.into())
    );
    let expected = "TOOL asynchronous {\"n\":0} ! u8: 15\n";
    assert_eq!(
        recorded(|| block_on(methods::asynchronous(0))),
        (Err(15), expected.into())
    );
    let expected = "AGENT returned {\"n\":1} -> 7\n";
    assert_eq!(
        recorded(|| block_on(methods::returned(1))),
        (7, expected.into())
    );
}

/// Modules by the names of crates.
#[expect(clippy::items_after_statements, reason = "imports may stand anywhere")]
mod modules {
    use crate::runtime::tool;

    mod agentops {}
    mod alloc {}
    mod core {}
    mod serde {}
    mod std {}
    mod telemetry {}

    #[tool]
    pub(super) fn beside(n: u8) -> Result<u8, String> {
        if n == 0 { Err("none".into()) } else { Ok(n) }
    }

    #[tool]
    pub(super) async fn within(n: u8) -> u8 {
        mod core {}
        mod std {}
        super::yield_now().await;
        use ::std::convert::identity;
        identity(n)
    }
}

#[test]
fn modules_by_the_names_of_crates() {
    assert_eq!(
        recorded(|| modules::beside(1)),
        (Ok(1), "TOOL beside {\"n\":1} -> 1\n".into())
    );
    let expected = "TOOL beside {\"n\":0} ! String: none\n";
    assert_eq!(
        recorded(|| modules::beside(0)),
        (Err("none".into()), expected.into())
    );
    assert_eq!(
        recorded(|| block_on(modules::within(1))),
        (1, "TOOL within {\"n\":1} -> 1\n".into())
    );
}

/// Macros of the standard library are others here, which nothing may call.
mod macros {
    use crate::runtime::{llm, tool};

    macro_rules! shadow {
        ($($name:ident)*) => { $(
            #[expect(unused_macros, reason = "that nothing calls it is what is tested")]
            macro_rules! $name { () => { never!() }; }
        )* };
    }
    shadow! {
        assert concat column debug_assert env file format format_args line matches module_path option_env panic print
        println stringify thread_local todo unreachable vec write writeln
    }

    #[tool(attributes(a = n), returns(b = |n| n + 1))]
    pub(super) fn sync(n: u8) -> u8 {
        n
    }

    #[llm]
    pub(super) async fn asynchronous(n: u8) -> Result<u8, &'static str> {
        super::yield_now().await;
        n.checked_sub(1).ok_or("none")
    }
}

#[test]
fn macros_by_the_names_of_the_standard_librarys() {
    assert_eq!(
        recorded(|| macros::sync(1)),
        (1, "TOOL sync {\"n\":1} -> 1 a=1 b=2\n".into())
    );
    let expected = "LLM asynchronous {\"n\":1} -> 0\n";
    assert_eq!(
        recorded(|| block_on(macros::asynchronous(1))),
        (Ok(0), expected.into())
    );
}

/// Nothing is in scope here that is not imported.
#[no_implicit_prelude]
mod prelude {
    use crate::runtime::{agent, guardrail, tool, workflow};
    use ::std::boxed::Box;
    use ::std::future::Future;
    use ::std::marker::Send;
    use ::std::pin::Pin;
    use ::std::result::Result;

    #[tool]
    pub(super) fn sync(n: u8, text: &str) -> ::std::string::String {
        let _ = n;
        ::std::borrow::ToOwned::to_owned(text)
    }

    #[guardrail(spec = "input", attributes(m = n))]
    pub(super) async fn asynchronous(n: u8) -> Result<u8, u8> {
        super::yield_now().await;
        if n == 0 {
            Result::Err(1)
        } else {
            Result::Ok(n)
        }
    }

    #[agent]
    pub(super) fn boxed(n: u8) -> Pin<Box<dyn Future<Output = u8> + Send>> {
        Box::pin(async move { n })
    }

    #[tool]
    pub(super) fn opaque(n: u8) -> impl Future<Output = u8> {
        async move { n }
    }

    #[workflow]
    pub(super) fn items(n: u8) -> impl ::std::iter::Iterator<Item = u8> {
        0..n
    }

    pub(super) struct Planner;

    #[agent]
    impl Planner {
        pub(super) fn plan(&self, n: u8) -> u8 {
            n
        }
    }
}

#[test]
fn without_a_prelude() {
    let expected = "TOOL sync {\"n\":1,\"text\":\"a\"} -> \"a\"\n";
    assert_eq!(
        recorded(|| prelude::sync(1, "a")),
        ("a".into(), expected.into())
    );
    let expected = "GUARDRAIL asynchronous {\"n\":0} m=0 ! u8: 1\n";
    assert_eq!(
        recorded(|| block_on(prelude::asynchronous(0))),
        (Err(1), expected.into())
    );
    assert_eq!(
        recorded(|| block_on(prelude::boxed(1))),
        (1, "AGENT boxed {\"n\":1} -> 1\n".into())
    );
    assert_eq!(
        recorded(|| block_on(prelude::opaque(1))),
        (1, "TOOL opaque {\"n\":1} -> 1\n".into())
    );
    let expected = "WORKFLOW items {\"n\":2} stream.items=2\n";
    assert_eq!(recorded(|| prelude::items(2).count()), (2, expected.into()));
    let expected = "AGENT Planner\n  OPERATION plan {\"n\":1} -> 1\n";
    assert_eq!(recorded(|| prelude::Planner.plan(1)), (1, expected.into()));
}

/// A `let` of such a name would be a pattern that can fail.
#[expect(non_upper_case_globals, reason = "constants may have any name")]
mod constants {
    use crate::runtime::tool;

    pub(super) const span: u8 = 1;
    pub(super) const guard: u8 = 2;
    pub(super) const ret: u8 = 3;
    pub(super) const __span: u8 = 4;
    pub(super) const __ret: u8 = 5;
    pub(super) const e: u8 = 6;
    pub(super) const v: u8 = 7;
    pub(super) const x: u8 = 8;
    pub(super) const f: u8 = 9;
    pub(super) const w: u8 = 10;
    pub(super) static site: u8 = 11;
    pub(super) static value: u8 = 12;
    pub(super) static error: u8 = 13;

    #[tool]
    pub(super) fn sync(n: u8) -> Result<u8, u8> {
        if n == x {
            Err(span + guard + ret)
        } else {
            Ok(__span + __ret + e + v + f + w)
        }
    }

    #[tool]
    pub(super) async fn asynchronous(n: u8) -> u8 {
        super::yield_now().await;
        n + site + value + error
    }
}

#[test]
fn constants_by_names_of_variables() {
    assert_eq!(
        recorded(|| constants::sync(1)),
        (Ok(41), "TOOL sync {\"n\":1} -> 41\n".into())
    );
    assert_eq!(
        recorded(|| constants::sync(8)),
        (Err(6), "TOOL sync {\"n\":8} ! u8: 6\n".into())
    );
    let expected = "TOOL asynchronous {\"n\":1} -> 37\n";
    assert_eq!(
        recorded(|| block_on(constants::asynchronous(1))),
        (37, expected.into())
    );
}

#[tool]
fn names_of_arguments(__span: u8, __guard: u8, span: u8, ret: u8, value: u8) -> u8 {
    __span + __guard + span + ret + value
}

#[tool(attributes(sum = error + site))]
async fn names_of_arguments_later(site: u8, error: u8, __ret: u8, runtime: u8) -> u8 {
    yield_now().await;
    site + error + __ret + runtime
}

#[tool]
fn tool(tool: u8) -> u8 {
    tool
}

#[tool]
fn names_of_generics<R, F: FnOnce(T) -> R, T, E, const N: usize>(f: F, t: T, _e: [E; N]) -> R {
    f(t)
}

#[tool]
fn name_in_another_alphabet(größe: u8) -> u8 {
    größe
}

#[test]
fn arguments_by_names_of_variables() {
    let expected = "TOOL names_of_arguments {\"__span\":1,\"__guard\":2,\"span\":3,\"ret\":4,\"value\":5} -> 15\n";
    assert_eq!(
        recorded(|| names_of_arguments(1, 2, 3, 4, 5)),
        (15, expected.into())
    );
    let expected = "TOOL names_of_arguments_later {\"site\":1,\"error\":2,\"__ret\":3,\"runtime\":4} -> 10 sum=3\n";
    assert_eq!(
        recorded(|| block_on(names_of_arguments_later(1, 2, 3, 4))),
        (10, expected.into())
    );
    assert_eq!(
        recorded(|| tool(1)),
        (1, "TOOL tool {\"tool\":1} -> 1\n".into())
    );
    let (sum, trace) = recorded(|| names_of_generics(|n: u8| n + 1, 1, [(); 2]));
    assert_eq!(sum, 2);
    assert!(
        trace.contains("\"t\":{\"$type\":\"u8\"}") && trace.ends_with("-> {\"$type\":\"u8\"}\n"),
        "{trace}"
    );
    let expected = "TOOL name_in_another_alphabet {\"größe\":1} -> 1\n";
    assert_eq!(
        recorded(|| name_in_another_alphabet(1)),
        (1, expected.into())
    );
}

enum Shadow {
    String,
    Result,
    Vec,
}

#[tool]
fn glob_in_the_body(which: u8) -> String {
    use Shadow::*;
    let of = match which {
        0 => String,
        1 => Result,
        _ => Vec,
    };
    match of {
        String => "string".into(),
        Result => "result".into(),
        Vec => "vec".into(),
    }
}

#[tool]
async fn glob_in_an_async_body(n: u8) -> Result<Vec<u8>, String> {
    use Shadow::*;
    yield_now().await;
    let _ = (String, Result, Vec);
    Ok(vec![n])
}

#[tool]
fn items_in_the_body(n: u8) -> Result<u8, fmt::Error> {
    #[derive(Debug)]
    struct Result(u8);
    #[expect(
        non_snake_case,
        clippy::unnecessary_wraps,
        reason = "shadows the variant"
    )]
    fn Ok(n: u8) -> core::result::Result<u8, fmt::Error> {
        core::result::Result::Ok(n + 1)
    }
    Ok(Result(n).0)
}

#[test]
fn names_that_a_body_brings_in() {
    let expected = "TOOL glob_in_the_body {\"which\":1} -> \"result\"\n";
    assert_eq!(
        recorded(|| glob_in_the_body(1)),
        ("result".into(), expected.into())
    );
    assert_eq!(
        (glob_in_the_body(0), glob_in_the_body(2)),
        ("string".into(), "vec".into())
    );
    let expected = "TOOL glob_in_an_async_body {\"n\":1} -> [1]\n";
    assert_eq!(
        recorded(|| block_on(glob_in_an_async_body(1))),
        (Ok(vec![1]), expected.into())
    );
    let expected = "TOOL items_in_the_body {\"n\":1} -> 2\n";
    assert_eq!(recorded(|| items_in_the_body(1)), (Ok(2), expected.into()));
}

macro_rules! of_an_expression {
    ($name:ident, $body:expr) => {
        #[tool]
        fn $name(n: u8) -> u8 {
            note(n);
            $body
        }
    };
}
of_an_expression!(expression, 1 + 1);

macro_rules! of_types {
    ($name:ident, $argument:ty, $output:ty, $lifetime:lifetime) => {
        #[tool]
        fn $name<$lifetime>(n: $argument, text: &$lifetime str) -> ($output, &$lifetime str) {
            (<$output>::from(n), text)
        }
    };
}
of_types!(types_of_a_macro, u8, u32, 'a);

macro_rules! of_a_block {
    ($(#[$attr:meta])* $vis:vis fn $name:ident($($pattern:pat => $ty:ty),*) -> $output:ty $body:block) => {
        #[tool]
        $(#[$attr])*
        $vis fn $name($($pattern: $ty),*) -> $output $body
    };
}
of_a_block! {
    /// Of fragments only.
    #[inline]
    pub fn block((a, b) => (u8, u8), mut c => u8) -> Result<u8, String> {
        c += a + b;
        if c > 9 {
            return Err("large".into());
        }
        Ok(c)
    }
}

macro_rules! of_an_async_block {
    ($name:ident, $body:block) => {
        #[tool]
        async fn $name() -> Option<u8> $body
    };
}
of_an_async_block!(async_block, {
    yield_now().await;
    let n = Some(1)?;
    Some(n + 1)
});

macro_rules! of_items {
    ($($item:item)*) => { $(#[tool] $item)* };
}
of_items! {
    fn item(n: u8) -> u8 { n + 1 }

    async fn async_item(n: u8) -> u8 {
        yield_now().await;
        n
    }

    fn future_item(n: u8) -> impl std::future::Future<Output = u8> {
        async move { n }
    }
}

macro_rules! of_arguments {
    ($name:ident, $span:expr, $key:literal = $value:expr, $limit:expr) => {
        #[tool(name = $span, attributes($key = $value, doubled = $limit * 2), returns(more = |n| n + $limit))]
        fn $name() -> u8 {
            $limit
        }
    };
}
const NAMED: &str = "named by a macro";
of_arguments!(arguments, NAMED, "a.b" = 1 + 1, 3);

macro_rules! of_two_contexts {
    ($x:ident) => {
        #[tool]
        fn two_contexts(x: u8, $x: u8) -> u8 {
            x * 10 + $x
        }

        #[tool(skip_all, attributes(outer = $x, inner = x))]
        async fn two_contexts_later(x: u8, $x: u8) -> u8 {
            yield_now().await;
            x * 10 + $x
        }
    };
}
of_two_contexts!(x);

macro_rules! of_early_returns {
    ($e:expr) => {
        match $e {
            Some(value) => value,
            None => return Err("none".to_owned()),
        }
    };
}

#[tool]
fn returns_by_macro(value: Option<u8>) -> Result<u8, String> {
    let value = of_early_returns!(value);
    Ok(value + 1)
}

#[test]
fn fragments_of_macros() {
    assert_eq!(
        recorded(|| expression(1)),
        (2, "TOOL expression {\"n\":1} -> 2\n".into())
    );
    assert_eq!(noted(), "1");
    let expected = "TOOL types_of_a_macro {\"n\":1,\"text\":\"a\"} -> [1,\"a\"]\n";
    assert_eq!(
        recorded(|| types_of_a_macro(1, "a")),
        ((1, "a"), expected.into())
    );
    let expected = "TOOL block {\"a\":1,\"b\":2,\"c\":3} -> 6\n";
    assert_eq!(recorded(|| block((1, 2), 3)), (Ok(6), expected.into()));
    let expected = "TOOL block {\"a\":1,\"b\":2,\"c\":8} ! String: large\n";
    assert_eq!(
        recorded(|| block((1, 2), 8)),
        (Err("large".into()), expected.into())
    );
    assert_eq!(
        recorded(|| block_on(async_block())),
        (Some(2), "TOOL async_block -> 2\n".into())
    );
    assert_eq!(
        recorded(|| item(1)),
        (2, "TOOL item {\"n\":1} -> 2\n".into())
    );
    assert_eq!(
        recorded(|| block_on(async_item(1))),
        (1, "TOOL async_item {\"n\":1} -> 1\n".into())
    );
    assert_eq!(
        recorded(|| block_on(future_item(1))),
        (1, "TOOL future_item {\"n\":1} -> 1\n".into())
    );
    let expected = "TOOL named by a macro -> 3 a.b=2 doubled=6 more=6\n";
    assert_eq!(recorded(arguments), (3, expected.into()));
    let expected = "TOOL returns_by_macro {\"value\":null} ! String: none\n";
    assert_eq!(
        recorded(|| returns_by_macro(None)),
        (Err("none".into()), expected.into())
    );
    assert_eq!(returns_by_macro(Some(1)), Ok(2));
}

/// The trace has one value for each name; the program has both.
#[test]
fn one_name_from_two_contexts() {
    let (value, trace) = recorded(|| two_contexts(1, 2));
    assert_eq!(
        (value, trace.as_str()),
        (12, "TOOL two_contexts {\"x\":2} -> 12\n")
    );
    let (value, trace) = recorded(|| block_on(two_contexts_later(1, 2)));
    assert_eq!(
        (value, trace.as_str()),
        (12, "TOOL two_contexts_later -> 12 outer=2 inner=1\n")
    );
}

/// The runtime by a way of the user's own.
mod facade {
    pub(super) mod telemetry {
        pub use crate::runtime::__private;
        pub use crate::runtime::tool as traced;
    }
}

use crate::runtime as watcher;
use facade::telemetry::traced;

#[traced]
fn by_another_name(n: u8) -> u8 {
    n
}

#[watcher::tool]
async fn by_a_path(n: u8) -> u8 {
    yield_now().await;
    n
}

#[crate::runtime::tool(crate = facade::telemetry)]
fn through_a_facade(n: u8) -> u8 {
    n
}

#[traced(crate = crate::hygiene::facade::telemetry)]
fn through_a_facade_later(n: u8) -> impl std::future::Future<Output = u8> {
    async move { n }
}

#[test]
fn attributes_and_runtime_by_other_names() {
    assert_eq!(
        recorded(|| by_another_name(1)),
        (1, "TOOL by_another_name {\"n\":1} -> 1\n".into())
    );
    assert_eq!(
        recorded(|| block_on(by_a_path(1))),
        (1, "TOOL by_a_path {\"n\":1} -> 1\n".into())
    );
    assert_eq!(
        recorded(|| through_a_facade(1)),
        (1, "TOOL through_a_facade {\"n\":1} -> 1\n".into())
    );
    let expected = "TOOL through_a_facade_later {\"n\":1} -> 1\n";
    assert_eq!(
        recorded(|| block_on(through_a_facade_later(1))),
        (1, expected.into())
    );
}
