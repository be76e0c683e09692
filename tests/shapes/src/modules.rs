//! Attributes on inline modules: what they reach, what they leave alone, and what an item in them says for itself.

use crate::async_traits::check_async;
use crate::blocks::check;
use crate::runtime;
use crate::runtime::testing::capture_with;
use crate::runtime::{agent, guardrail, llm, operation, session, task, tool, workflow};

/// Documented, and with attributes of its own.
#[runtime::instrument(level = "debug", skip(key), tags = ["plain"])]
mod plain {
    #![allow(clippy::needless_pass_by_value)]

    use std::fmt;

    pub(super) use self::inner::deeper;
    use super::Host;

    pub(super) const LIMIT: usize = 3;
    static SEEN: [u8; 2] = [1, { 2 }];
    type Alias = Vec<u8>;

    /// Documented.
    #[inline]
    #[must_use]
    pub(super) fn free(url: &str, key: &str) -> usize {
        url.len() + key.len() + private(Alias::new())
    }

    fn private(bytes: Alias) -> usize {
        bytes.len() + usize::from(SEEN[0])
    }

    pub(super) fn generic<T, const N: usize>(values: [T; N]) -> Option<T>
    where
        T: Clone + fmt::Debug,
    {
        let [first, ..] = &values[..] else {
            return None;
        };
        Some(first.clone())
    }

    pub(super) async fn waits<'a>(name: &'a str, key: String) -> Result<&'a str, fmt::Error> {
        std::future::ready(()).await;
        if key.is_empty() {
            Err(fmt::Error)
        } else {
            Ok(name)
        }
    }

    pub(super) const fn fixed() -> usize {
        LIMIT
    }

    pub(super) fn never(stop: bool) -> u8 {
        if stop { stopped() } else { 1 }
    }

    fn stopped() -> ! {
        panic!("stopped")
    }

    pub(super) unsafe fn trusted(n: u8) -> u8 {
        n
    }

    pub(super) extern "C" fn foreign(n: u8) -> u8 {
        n + 1
    }

    #[derive(Debug, Clone, PartialEq)]
    pub(super) struct Page<const N: usize = { 1 + 1 }>(pub(super) u8);

    impl Page {
        pub(super) const EMPTY: Self = Page(0);

        pub(super) fn new(n: u8) -> Self {
            Page(n)
        }

        pub(super) fn turn(&mut self) -> &mut u8 {
            self.0 += 1;
            &mut self.0
        }

        pub(super) const fn number(&self) -> u8 {
            self.0
        }
    }

    impl<const N: usize> fmt::Display for Page<N> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "page {}", self.0)
        }
    }

    impl std::ops::Add<u8> for Page {
        type Output = Self;

        fn add(self, n: u8) -> Self {
            Page(self.0 + n)
        }
    }

    impl From<u8> for Page {
        fn from(n: u8) -> Self {
            Page(n)
        }
    }

    impl Drop for Leaf {
        fn drop(&mut self) {}
    }

    pub(super) struct Leaf;

    impl Host for Page {
        fn host(&self) -> u8 {
            self.helper() + self.number()
        }
    }

    pub(super) trait Helper {
        fn helper(&self) -> u8 {
            1
        }
    }

    impl Helper for Page {}

    mod inner {
        pub(super) mod deepest {
            pub(in crate::modules::plain) fn bottom(n: u8) -> u8 {
                n
            }
        }

        pub(in crate::modules) fn deeper(n: u8) -> u8 {
            deepest::bottom(n) + 1
        }
    }

    macro_rules! made {
        ($name:ident) => {
            pub(super) fn $name() -> u8 {
                9
            }
        };
    }

    made!(by_macro);

    std::thread_local! {
        pub(super) static LOCAL: u8 = const { 4 };
    }

    #[cfg(any())]
    pub(super) fn configured_out(missing: Missing) -> Missing {
        missing
    }
}

trait Host {
    fn host(&self) -> u8;
}

#[test]
fn functions_of_a_module() {
    let trace = [
        "OPERATION free {\"url\":\"ab\"} -> 6",
        "  OPERATION private {\"bytes\":[]} -> 1",
    ];
    check(|| plain::free("ab", "key"), 6, &trace);
    let (_, trace) = capture_with(|| plain::free("", ""));
    let span = trace.span("free");
    assert_eq!(span.tags, ["plain"]);
    let function = span.source.as_ref().map(|source| &*source.function);
    assert!(function.is_some_and(|name| name.ends_with("::modules::plain::free")));
}

#[test]
fn generic_function_of_a_module() {
    let trace = ["OPERATION generic {\"values\":\"['a', 'b']\"} -> \"Some('a')\""];
    check(|| plain::generic(['a', 'b']), Some('a'), &trace);
    let trace = ["OPERATION generic {\"values\":\"[]\"} -> \"None\""];
    check(|| plain::generic::<u8, 0>([]), None, &trace);
}

#[test]
fn async_function_of_a_module() {
    let trace = ["OPERATION waits {\"name\":\"n\"} -> \"n\""];
    check_async(plain::waits("n", "k".into()), Ok("n"), &trace);
}

#[test]
fn unusual_functions_of_a_module() {
    let run = || {
        // SAFETY: it asks for nothing.
        let trusted = unsafe { plain::trusted(1) };
        trusted + plain::foreign(1) + plain::never(false)
    };
    let trace = [
        "OPERATION trusted {\"n\":1} -> 1",
        "OPERATION foreign {\"n\":1} -> 2",
        "OPERATION never {\"stop\":false} -> 1",
    ];
    check(run, 4, &trace);
}

#[test]
fn what_a_module_leaves_alone() {
    let run = || {
        let page = plain::Page::from(1) + 2;
        drop(plain::Leaf);
        let empty = plain::Page::EMPTY.clone();
        (
            plain::fixed() + plain::LIMIT,
            page.to_string(),
            page.number() + plain::by_macro(),
            plain::LOCAL.with(|local| *local),
            page == empty,
        )
    };
    check(run, (6, "page 3".into(), 12, 4, false), &[]);
}

#[test]
fn inherent_blocks_of_a_module() {
    let run = || {
        let mut page = plain::Page::new(4);
        *page.turn() += 1;
        page.number()
    };
    let trace = [
        "OPERATION new {\"n\":4} -> \"Page(4)\"",
        "OPERATION turn -> 5",
    ];
    check(run, 6, &trace);
}

#[test]
fn trait_blocks_of_a_module() {
    check(|| plain::Page(2).host(), 3, &["OPERATION host -> 3"]);
}

#[test]
fn modules_in_a_module() {
    let trace = [
        "OPERATION deeper {\"n\":1} -> 2",
        "  OPERATION bottom {\"n\":1} -> 1",
    ];
    check(|| plain::deeper(1), 2, &trace);
}

/// Each item in it says something for itself.
#[tool(capture_return = false)]
mod own {
    use crate::runtime::{agent, llm, session, skip, task};

    pub(super) fn inherits(n: u8) -> u8 {
        n
    }

    #[task(name = "its own")]
    pub(super) fn own_kind(n: u8) -> u8 {
        n
    }

    #[skip]
    pub(super) fn skipped(n: u8) -> u8 {
        n
    }

    #[agent(role = "r")]
    pub(super) mod agents {
        use crate::runtime::{tool, workflow};

        #[derive(Debug)]
        pub(in crate::modules) struct Planner(pub(in crate::modules) u8);

        impl Planner {
            pub(in crate::modules) fn new() -> Self {
                Self(1)
            }

            pub(in crate::modules) fn plan(&self) -> u8 {
                draft(self.0) + self.look_up(2)
            }

            #[tool]
            fn look_up(&self, n: u8) -> u8 {
                n * self.0
            }
        }

        #[workflow]
        impl Planner {
            pub(in crate::modules) fn flow(&self) -> u8 {
                self.plan()
            }
        }

        fn draft(n: u8) -> u8 {
            n
        }
    }

    pub(super) struct Thing(pub(super) u8);

    #[llm(model = "m-1")]
    impl Thing {
        pub(super) fn ask(&self, prompt: &str) -> usize {
            prompt.len() + usize::from(self.0)
        }
    }

    #[skip]
    impl Thing {
        pub(super) fn hot(&self) -> u8 {
            self.0
        }
    }

    impl Thing {
        #[task]
        pub(super) fn twice(&self) -> u8 {
            self.0 * 2
        }

        #[skip]
        pub(super) fn half(&self) -> u8 {
            self.0 / 2
        }
    }

    impl std::fmt::Display for Thing {
        #[task(skip_all, capture_return = false)]
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("thing")
        }
    }

    #[llm]
    impl Iterator for Thing {
        type Item = u8;

        fn next(&mut self) -> Option<u8> {
            self.0.checked_sub(1).inspect(|left| self.0 = *left)
        }
    }

    #[skip]
    pub(super) mod quiet {
        pub(in crate::modules) fn inside() -> u8 {
            5
        }
    }

    #[session(name = "whole")]
    pub(super) fn whole() -> u8 {
        inherits(1)
    }

    pub(super) trait Named {
        fn plain_default(&self) -> u8 {
            1
        }

        #[task]
        fn own_default(&self) -> u8 {
            2
        }
    }

    impl Named for Thing {}
}

#[test]
fn items_with_attributes_of_their_own() {
    use self::own::Named as _;

    let run = || {
        let mut thing = own::Thing(2);
        let sum = own::inherits(1)
            + own::own_kind(2)
            + own::skipped(3)
            + thing.hot()
            + thing.twice()
            + thing.half()
            + own::quiet::inside()
            + thing.plain_default()
            + thing.own_default();
        (sum, thing.ask("why"), thing.to_string(), thing.next())
    };
    let trace = [
        "TOOL inherits {\"n\":1}",
        "TASK its own {\"n\":2} -> 2",
        "TASK twice -> 4",
        "TASK own_default -> 2",
        "LLM ask · m-1 {\"prompt\":\"why\"} -> 5",
        "TASK fmt",
        "LLM next -> 1",
    ];
    check(run, (21, 5, "thing".into(), Some(1)), &trace);
}

#[test]
fn session_in_a_module() {
    let (found, trace) = capture_with(own::whole);
    assert_eq!(found, 1);
    assert_eq!(trace.session.facts.name, "whole");
    assert_eq!(trace.outline(), "SESSION whole\n  TOOL inherits\n");
}

#[test]
fn module_of_agents() {
    let trace = [
        "AGENT Planner",
        "  OPERATION plan -> 3",
        "    OPERATION draft {\"n\":1} -> 1",
        "    TOOL look_up {\"n\":2} -> 2",
    ];
    check(|| own::agents::Planner::new().plan(), 3, &trace);
    let (found, trace) = capture_with(|| own::agents::Planner(2).flow());
    assert_eq!(found, 6);
    let outline = trace.outline();
    assert!(
        outline.starts_with("WORKFLOW flow\n  AGENT Planner\n"),
        "{outline}"
    );
}

#[session]
mod sessions {
    pub(super) fn answer(n: u8) -> u8 {
        n
    }
}

#[workflow]
mod workflows {
    pub(super) fn all(n: u8) -> u8 {
        super::operations::step(n) + super::tasks::step(n)
    }
}

#[operation(operation_type = "step")]
mod operations {
    pub(super) fn step(n: u8) -> u8 {
        super::llms::ask("a") + n
    }
}

#[task]
mod tasks {
    pub(super) fn step(n: u8) -> u8 {
        u8::from(super::guardrails::allows(n))
    }
}

#[llm(model = "m-2", provider = "p")]
mod llms {
    pub(super) fn ask(prompt: &str) -> u8 {
        u8::from(!prompt.is_empty())
    }
}

#[guardrail(spec = "input")]
mod guardrails {
    pub(super) fn allows(n: u8) -> bool {
        n > 1
    }
}

#[test]
fn every_kind_on_a_module() {
    let (found, trace) = capture_with(|| sessions::answer(workflows::all(2)));
    assert_eq!(found, 4);
    let outline = trace.outline();
    let workflow =
        "WORKFLOW all\n  OPERATION step\n    LLM ask · m-2\n  TASK step\n    GUARDRAIL allows\n";
    assert!(outline.contains(workflow), "{outline}");
    assert!(outline.contains("SESSION answer\n"), "{outline}");
    let step = trace.spans.iter().find(|span| span.name == "step");
    let operation_type = step.and_then(|span| span.operation_type.as_deref());
    assert_eq!(operation_type, Some("step"));
}

macro_rules! module {
    ($vis:vis $name:ident { $($item:item)* }) => {
        #[tool]
        $vis mod $name {
            $($item)*
        }
    };
}

module! {
    pub written {
        const N: u8 = 2;
        pub(super) fn one() -> u8 { two() }
        fn two() -> u8 { N }
        impl Thing { pub(super) fn three(&self) -> u8 { self.0 } }
        pub(super) struct Thing(pub(super) u8);
    }
}

#[test]
fn module_that_a_macro_writes() {
    let trace = ["TOOL one -> 2", "  TOOL two -> 2", "TOOL three -> 1"];
    check(|| written::one() + written::Thing(1).three(), 3, &trace);
}

#[agent]
mod empty {}

/// In editions with names that the standard library has, and none of its own.
#[allow(non_camel_case_types, dead_code)]
#[runtime::instrument]
mod shadowed {
    pub(super) struct String;
    pub(super) enum Result {
        Ok,
        Err,
    }
    pub(super) mod core {
        pub(in crate::modules) fn inside(n: super::u8_) -> super::u8_ {
            n
        }
    }
    pub(super) mod std {}
    pub(super) type u8_ = u8;

    pub(super) fn judge(ok: bool) -> Result {
        let _ = String;
        if ok { Result::Ok } else { Result::Err }
    }
}

#[test]
fn module_with_shadowed_names() {
    let (found, trace) = capture_with(|| {
        matches!(shadowed::judge(true), shadowed::Result::Ok) && shadowed::core::inside(1) == 1
    });
    assert!(found);
    assert_eq!(trace.outline(), "OPERATION judge\nOPERATION inside\n");
}

#[no_implicit_prelude]
#[runtime::instrument]
mod without_prelude {
    pub(super) struct Half(pub(super) u8);

    impl Half {
        pub(super) fn of(self, n: u8) -> ::std::result::Result<u8, ::std::string::String> {
            if n < self.0 {
                return ::std::result::Result::Err(::std::string::String::new());
            }
            ::std::result::Result::Ok(n / self.0)
        }
    }

    pub(super) async fn some(n: u8) -> ::std::option::Option<u8> {
        ::std::option::Option::Some(n)
    }
}

#[test]
fn module_without_a_prelude() {
    let run = async {
        (
            without_prelude::Half(2).of(4),
            without_prelude::some(1).await,
        )
    };
    let trace = [
        "OPERATION of {\"n\":4} -> 2",
        "OPERATION some {\"n\":1} -> 1",
    ];
    check_async(run, (Ok(2), Some(1)), &trace);
}

#[cfg(test)]
#[tool]
mod with_tests {
    pub(super) fn helper(n: u8) -> u8 {
        n
    }

    #[test]
    fn a_test_is_no_tool() {
        let (found, trace) = crate::runtime::testing::capture_with(|| helper(1));
        assert_eq!(found, 1);
        assert_eq!(trace.outline(), "TOOL helper\n");
    }

    #[cfg(test)]
    mod tests {
        pub(super) fn fixture() -> u8 {
            super::helper(2)
        }

        #[test]
        fn a_fixture_is_no_tool() {
            let (found, trace) = crate::runtime::testing::capture_with(fixture);
            assert_eq!(found, 2);
            assert_eq!(trace.outline(), "TOOL helper\n");
        }
    }
}

/// Not in a module alone: as `tracing` has it.
#[runtime::instrument(skip(secret), operation_type = "fetch")]
fn instrumented(url: &str, secret: &str) -> Result<usize, String> {
    if secret.is_empty() {
        return Err("no secret".into());
    }
    Ok(url.len())
}

struct Methods(u8);

impl Methods {
    #[runtime::instrument(name = "get it")]
    async fn get(&self, n: u8) -> u8 {
        self.0 + n
    }
}

#[test]
fn instrument_on_functions() {
    let trace = ["OPERATION instrumented {\"url\":\"abc\"} -> 3"];
    check(|| instrumented("abc", "x"), Ok(3), &trace);
    let (_, trace) = capture_with(|| instrumented("abc", ""));
    assert_eq!(trace.outline(), "OPERATION instrumented ! String\n");
    let trace = ["OPERATION get it {\"n\":2} -> 3"];
    check_async(async { Methods(1).get(2).await }, 3, &trace);
}

#[cfg(not(feature = "renamed"))]
mod by_path {
    use crate::runtime::{skip, tool};

    /// An attribute of another crate that has the same name.
    use agentops::skip as instrument;

    #[tool]
    pub(super) mod tools {
        use super::instrument;

        #[agentops::instrument(name = "ours")]
        pub(in crate::modules) fn ours() -> u8 {
            1
        }

        #[instrument]
        pub(in crate::modules) fn another() -> u8 {
            2
        }
    }

    #[skip]
    pub(super) mod nothing {}
}

#[cfg(not(feature = "renamed"))]
#[test]
fn instrument_in_a_module_is_ours_by_its_path() {
    let trace = ["OPERATION ours -> 1", "TOOL another -> 2"];
    check(
        || by_path::tools::ours() + by_path::tools::another(),
        3,
        &trace,
    );
}

#[tool]
mod with_async_traits {
    use async_trait::async_trait;

    #[async_trait]
    pub(super) trait Fetch {
        async fn fetch(&self, url: &str) -> Result<usize, String>;

        async fn twice(&self, url: &str) -> Result<usize, String> {
            Ok(self.fetch(url).await? * 2)
        }
    }

    pub(super) struct Web(pub(super) usize);

    #[async_trait]
    impl Fetch for Web {
        async fn fetch(&self, url: &str) -> Result<usize, String> {
            url.len().checked_sub(self.0).ok_or_else(|| url.to_owned())
        }
    }
}

#[test]
fn async_traits_in_a_module() {
    use self::with_async_traits::Fetch as _;

    let trace = ["TOOL fetch {\"url\":\"abc\"} -> 2"];
    check_async(
        async { with_async_traits::Web(1).twice("abc").await },
        Ok(4),
        &trace,
    );
    let trace = ["TOOL fetch {\"url\":\"abc\"} ! String: abc"];
    let run = async { with_async_traits::Web(4).fetch("abc").await };
    check_async(run, Err("abc".into()), &trace);
}
