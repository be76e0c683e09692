//! What stands before `fn`, beside the attribute, and around both.

#![expect(
    clippy::future_not_send,
    clippy::many_single_char_names,
    clippy::needless_return,
    clippy::non_minimal_cfg,
    clippy::redundant_pub_crate,
    clippy::too_many_arguments,
    reason = "shapes are as people write them"
)]

use crate::runtime::{self, agent, operation, session, task, tool, tool as aliased, workflow};
use crate::{block_on, check};

#[tool(skip_all)]
unsafe fn unsafe_function(n: *const u8) -> u8 {
    unsafe { *n }
}

#[tool(skip_all)]
async unsafe fn async_unsafe(n: *const u8) -> u8 {
    unsafe { *n }
}

#[tool]
extern "C" fn external(n: u8) -> u8 {
    n + 1
}

#[tool]
extern "C" fn external_without_a_name(n: u8) -> u8 {
    n + 1
}

#[tool(skip_all)]
unsafe extern "C" fn unsafe_external(n: *mut u8) {
    unsafe { *n += 1 }
}

#[tool]
#[unsafe(no_mangle)]
extern "C" fn unmangled(n: u8) -> u8 {
    n
}

#[unsafe(export_name = "exported_by_shapes")]
#[tool]
fn exported(n: u8) -> u8 {
    n
}

#[inline]
#[tool]
fn inlined(n: u8) -> u8 {
    n
}

#[tool]
#[inline(always)]
fn inlined_always(n: u8) -> u8 {
    n
}

#[tool]
#[cold]
#[inline(never)]
fn cold(n: u8) -> u8 {
    n
}

#[tool]
#[must_use]
fn to_be_used(n: u8) -> u8 {
    n
}

#[must_use = "it is of no use otherwise"]
#[tool]
async fn async_to_be_used(n: u8) -> u8 {
    n
}

#[tool]
#[deprecated]
fn deprecated(n: u8) -> u8 {
    n
}

#[deprecated(since = "0.1.0", note = "an old one")]
#[tool]
async fn async_deprecated(n: u8) -> u8 {
    n
}

#[tool]
#[expect(unused_variables, reason = "seen through the attribute")]
fn expected(n: u8) {}

#[expect(unused_variables, unused_mut, reason = "seen through the attribute")]
#[tool]
fn expected_before(n: u8, mut m: Vec<u8>) {}

#[tool]
#[expect(unused_variables, reason = "seen through the attribute")]
async fn async_expected(n: u8) {}

#[tool]
#[expect(unreachable_code, reason = "seen through the attribute")]
fn unreachable(n: u8) -> u8 {
    return n;
    1
}

#[tool]
#[allow(unused_mut, unused_assignments, unused_variables)]
fn allowed(mut n: u8) {
    n = 1;
}

#[cfg(all())]
#[tool]
fn configured(n: u8) -> u8 {
    n
}

#[tool]
#[cfg(all())]
fn configured_after(n: u8) -> u8 {
    n
}

#[tool]
#[cfg(any())]
fn absent(n: Missing) -> Missing {
    n
}

#[cfg(any())]
#[tool]
fn absent_before(n: Missing) -> Missing {
    n
}

#[cfg_attr(all(), tool)]
fn conditional(n: u8) -> u8 {
    n
}

#[cfg_attr(any(), tool)]
fn conditional_without(n: u8) -> u8 {
    n
}

#[cfg_attr(all(), tool(name = "by condition", skip_all), inline)]
fn conditional_with_more(n: u8) -> u8 {
    n
}

#[tool]
#[cfg_attr(all(), must_use, inline)]
fn conditional_others(n: u8) -> u8 {
    n
}

#[session]
#[tool]
fn two_kinds(n: u8) -> u8 {
    n
}

#[agent]
#[task]
#[tool(skip_all)]
fn three_kinds(mut n: u8) -> u8 {
    n += 1;
    n
}

#[workflow]
#[operation]
async fn async_two_kinds(n: u8) -> Result<u8, String> {
    if n == 0 {
        Err("no".to_owned())?;
    }
    Ok(n)
}

#[workflow]
#[inline]
#[tool]
#[must_use]
fn two_kinds_among_others(n: u8) -> u8 {
    n
}

pub(crate) mod inner {
    use crate::runtime::tool;

    #[tool]
    pub(in crate::items) fn in_a_path(n: u8) -> u8 {
        n
    }

    #[tool]
    pub(super) fn in_the_parent(n: u8) -> u8 {
        n
    }

    #[tool]
    pub(crate) async fn async_in_the_crate(n: u8) -> u8 {
        n
    }
}

#[runtime::tool]
fn by_path(n: u8) -> u8 {
    n
}

#[crate::runtime::tool(name = "by full path")]
fn by_full_path(n: u8) -> u8 {
    n
}

#[cfg(not(feature = "renamed"))]
#[agentops::tool]
fn by_name(n: u8) -> u8 {
    n
}

#[cfg(feature = "renamed")]
#[telemetry::tool]
fn by_name(n: u8) -> u8 {
    n
}

#[cfg(not(feature = "renamed"))]
#[::agentops::tool]
fn by_absolute_name(n: u8) -> u8 {
    n
}

#[cfg(feature = "renamed")]
#[::telemetry::tool]
fn by_absolute_name(n: u8) -> u8 {
    n
}

#[aliased]
fn by_alias(n: u8) -> u8 {
    n
}

#[tool(crate = crate::runtime)]
fn by_given_path(n: u8) -> u8 {
    n
}

#[tool(crate = crate::runtime)]
async fn async_by_given_path(n: u8) -> u8 {
    n
}

/// Documented.
#[tool]
/// On both sides.
#[doc = "And in another way."]
fn documented(n: u8) -> u8 {
    n
}

#[tool]
fn pointed_at(n: u8) -> u8 {
    n + 1
}

static POINTER: fn(u8) -> u8 = pointed_at;
static POINTERS: [extern "C" fn(u8) -> u8; 1] = [external];
const UNSAFE_POINTER: unsafe fn(*const u8) -> u8 = unsafe_function;

#[tool]
fn with_a_default_type<T: Default + std::fmt::Debug>() -> T {
    T::default()
}

#[tool]
fn naïve(größe: u8) -> u8 {
    größe
}

#[tool]
fn many_arguments(
    a: u8,
    b: u8,
    c: u8,
    d: u8,
    e: u8,
    f: u8,
    g: u8,
    h: u8,
    i: u8,
    j: u8,
    k: u8,
    l: u8,
    m: u8,
) -> u32 {
    [a, b, c, d, e, f, g, h, i, j, k, l, m]
        .into_iter()
        .map(u32::from)
        .sum()
}

trait Named {
    #[tool]
    fn provided(&self) -> u8 {
        1
    }

    fn required(&self) -> u8;
}

struct Thing;

impl Named for Thing {
    #[tool]
    fn required(&self) -> u8 {
        2
    }
}

macro_rules! item {
    ($item:item) => {
        #[tool]
        $item
    };
}

macro_rules! function {
    ($vis:vis $name:ident($argument:ident: $ty:ty) -> $ret:ty $body:block) => {
        #[tool]
        $vis fn $name($argument: $ty) -> $ret $body
    };
}

macro_rules! async_function {
    ($(#[$meta:meta])* $name:ident($($argument:pat_param => $ty:ty),*) -> $ret:ty = $body:expr) => {
        $(#[$meta])*
        async fn $name($($argument: $ty),*) -> $ret {
            $body
        }
    };
}

macro_rules! method {
    ($self:ident, $name:ident, $body:expr) => {
        #[tool]
        fn $name(&$self, n: u8) -> u8 {
            $body + n
        }
    };
}

macro_rules! hygienic {
    ($name:ident, $x:ident) => {
        #[tool]
        fn $name($x: u8, x: u8) -> u8 {
            $x * 10 + x
        }
    };
}

macro_rules! literal_name {
    ($name:literal, $function:ident, $value:expr) => {
        #[tool(name = $name, attributes(value = $value))]
        fn $function() -> u8 {
            $value
        }
    };
}

item! {
    fn by_item(n: u8) -> u8 {
        n
    }
}

item! {
    async fn async_by_item(n: u8) -> Result<u8, String> {
        Ok(n)
    }
}

function!(pub(crate) by_fragments(n: Result<u8, u8>) -> Result<u8, u8> {
    let n = n?;
    return Ok(n);
});

function!(by_fragments_to_never(n: u8) -> () {
    let _ = n;
});

async_function!(#[tool] #[must_use] async_by_fragments(Point { x, .. } => Point, (a, b) => (u8, u8)) -> u8 = x + a + b);

hygienic!(two_contexts, x);

literal_name!("named by a macro", by_literal, 1 + 1);

struct Point {
    x: u8,
    _y: u8,
}

impl Point {
    method!(self, by_method, self.x);
}

#[test]
#[tool]
fn test_first() {}

#[tool]
#[test]
fn test_last() {}

#[test]
#[tool]
#[should_panic(expected = "as it should")]
fn test_that_panics() {
    panic!("as it should")
}

#[tool]
#[test]
fn test_that_may_fail() -> Result<(), String> {
    Ok(())
}

#[test]
fn tests() {
    check(test_first, (), "TOOL test_first");
    check(test_last, (), "TOOL test_last");
    check(
        test_that_may_fail,
        Ok(()),
        "TOOL test_that_may_fail -> null",
    );
}

#[test]
fn unsafe_and_external() {
    check(
        || unsafe { unsafe_function(&1) + UNSAFE_POINTER(&2) },
        3,
        "TOOL unsafe_function -> 1\nTOOL unsafe_function -> 2",
    );
    check(
        || unsafe { block_on(async_unsafe(&1)) },
        1,
        "TOOL async_unsafe -> 1",
    );
    check(|| external(1), 2, r#"TOOL external {"n":1} -> 2"#);
    check(|| POINTERS[0](1), 2, r#"TOOL external {"n":1} -> 2"#);
    check(
        || external_without_a_name(1),
        2,
        r#"TOOL external_without_a_name {"n":1} -> 2"#,
    );
    check(
        || {
            let mut n = 1;
            unsafe { unsafe_external(&raw mut n) };
            n
        },
        2,
        "TOOL unsafe_external",
    );
    check(|| unmangled(1), 1, r#"TOOL unmangled {"n":1} -> 1"#);
    check(|| exported(1), 1, r#"TOOL exported {"n":1} -> 1"#);
}

#[test]
fn attributes_beside() {
    check(|| inlined(1), 1, r#"TOOL inlined {"n":1} -> 1"#);
    check(
        || inlined_always(1),
        1,
        r#"TOOL inlined_always {"n":1} -> 1"#,
    );
    check(|| cold(1), 1, r#"TOOL cold {"n":1} -> 1"#);
    check(|| to_be_used(1), 1, r#"TOOL to_be_used {"n":1} -> 1"#);
    check(
        || block_on(async_to_be_used(1)),
        1,
        r#"TOOL async_to_be_used {"n":1} -> 1"#,
    );
    check(|| documented(1), 1, r#"TOOL documented {"n":1} -> 1"#);
}

#[test]
#[expect(deprecated, reason = "the attribute keeps them so")]
fn deprecated_ones() {
    check(|| deprecated(1), 1, r#"TOOL deprecated {"n":1} -> 1"#);
    check(
        || block_on(async_deprecated(1)),
        1,
        r#"TOOL async_deprecated {"n":1} -> 1"#,
    );
}

#[test]
fn lints_beside() {
    check(|| expected(1), (), r#"TOOL expected {"n":1}"#);
    check(
        || expected_before(1, vec![]),
        (),
        r#"TOOL expected_before {"n":1,"m":[]}"#,
    );
    check(
        || block_on(async_expected(1)),
        (),
        r#"TOOL async_expected {"n":1}"#,
    );
    check(|| unreachable(1), 1, r#"TOOL unreachable {"n":1} -> 1"#);
    check(|| allowed(1), (), r#"TOOL allowed {"n":1}"#);
}

#[test]
fn configurations() {
    check(|| configured(1), 1, r#"TOOL configured {"n":1} -> 1"#);
    check(
        || configured_after(1),
        1,
        r#"TOOL configured_after {"n":1} -> 1"#,
    );
    check(|| conditional(1), 1, r#"TOOL conditional {"n":1} -> 1"#);
    check(|| conditional_without(1), 1, "");
    check(|| conditional_with_more(1), 1, "TOOL by condition -> 1");
    check(
        || conditional_others(1),
        1,
        r#"TOOL conditional_others {"n":1} -> 1"#,
    );
}

#[test]
fn several_kinds() {
    check(
        || two_kinds(1),
        1,
        "SESSION two_kinds {\"n\":1} -> 1\n  TOOL two_kinds {\"n\":1} -> 1",
    );
    check(
        || three_kinds(1),
        2,
        "AGENT three_kinds {\"n\":1} -> 2\n  TASK three_kinds {\"n\":1} -> 2\n    TOOL three_kinds -> 2",
    );
    check(
        || block_on(async_two_kinds(0)).is_err(),
        true,
        "WORKFLOW async_two_kinds {\"n\":0} ! String: no\n  OPERATION async_two_kinds {\"n\":0} ! String: no",
    );
    check(
        || two_kinds_among_others(1),
        1,
        "WORKFLOW two_kinds_among_others {\"n\":1} -> 1\n  TOOL two_kinds_among_others {\"n\":1} -> 1",
    );
}

#[test]
fn visibilities() {
    check(|| inner::in_a_path(1), 1, r#"TOOL in_a_path {"n":1} -> 1"#);
    check(
        || inner::in_the_parent(1),
        1,
        r#"TOOL in_the_parent {"n":1} -> 1"#,
    );
    check(
        || block_on(inner::async_in_the_crate(1)),
        1,
        r#"TOOL async_in_the_crate {"n":1} -> 1"#,
    );
}

#[test]
fn names_of_the_attribute() {
    check(|| by_path(1), 1, r#"TOOL by_path {"n":1} -> 1"#);
    check(|| by_full_path(1), 1, r#"TOOL by full path {"n":1} -> 1"#);
    check(|| by_name(1), 1, r#"TOOL by_name {"n":1} -> 1"#);
    check(
        || by_absolute_name(1),
        1,
        r#"TOOL by_absolute_name {"n":1} -> 1"#,
    );
    check(|| by_alias(1), 1, r#"TOOL by_alias {"n":1} -> 1"#);
    check(|| by_given_path(1), 1, r#"TOOL by_given_path {"n":1} -> 1"#);
    check(
        || block_on(async_by_given_path(1)),
        1,
        r#"TOOL async_by_given_path {"n":1} -> 1"#,
    );
}

#[test]
fn signatures() {
    check(|| POINTER(1), 2, r#"TOOL pointed_at {"n":1} -> 2"#);
    check(
        with_a_default_type::<u8>,
        0,
        r#"TOOL with_a_default_type -> "0""#,
    );
    check(|| naïve(1), 1, r#"TOOL naïve {"größe":1} -> 1"#);
    check(
        || many_arguments(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1),
        13,
        r#"TOOL many_arguments {"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"k":1,"l":1,"m":1} -> 13"#,
    );
    check(
        || Thing.provided() + Thing.required(),
        3,
        "TOOL provided -> 1\nTOOL required -> 2",
    );
}

#[test]
fn macros() {
    check(|| by_item(1), 1, r#"TOOL by_item {"n":1} -> 1"#);
    check(
        || block_on(async_by_item(1)),
        Ok(1),
        r#"TOOL async_by_item {"n":1} -> 1"#,
    );
    check(
        || by_fragments(Err(1)),
        Err(1),
        r#"TOOL by_fragments {"n":{"Err":1}} ! u8: 1"#,
    );
    check(
        || by_fragments_to_never(1),
        (),
        r#"TOOL by_fragments_to_never {"n":1}"#,
    );
    check(
        || block_on(async_by_fragments(Point { x: 1, _y: 2 }, (3, 4))),
        8,
        r#"TOOL async_by_fragments {"x":1,"a":3,"b":4} -> 8"#,
    );
    check(
        || two_contexts(1, 2),
        12,
        // One name, and so one value, in what is drawn.
        r#"TOOL two_contexts {"x":2} -> 12"#,
    );
    check(by_literal, 2, "TOOL named by a macro -> 2 value=2");
    check(
        || Point { x: 1, _y: 2 }.by_method(3),
        4,
        r#"TOOL by_method {"n":3} -> 4"#,
    );
}
