//! `async fn`s: early ends, borrows, recursion, closures, futures that are never polled, given up, or panic.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;
use std::thread;

use futures_util::future::{Either, FutureExt as _, join, join_all, select};
use futures_util::stream::{FuturesUnordered, StreamExt as _};

use crate::block_on;
use crate::runtime::testing::capture_with;
use crate::runtime::{agent, llm, operation, task, tool, workflow};
use crate::watch::{Noisy, note, noted, poll_once, recorded, recorded_async, unwound, yield_now};

#[tool]
async fn nothing() {}

#[tool]
async fn unit() -> () {}

#[tool]
async fn add(a: u32, b: u32) -> u32 {
    a + b
}

#[tool(skip_all, capture_return = false)]
async fn bare(a: u32) -> u32 {
    yield_now().await;
    a
}

#[operation(skip_all)]
async fn only_output(_: u32) -> u32 {
    yield_now().await;
    2
}

#[operation(capture_return = false)]
async fn only_arguments(n: u32) -> u32 {
    yield_now().await;
    n
}

#[test]
fn plain() {
    assert_eq!(recorded_async(nothing()), ((), "TOOL nothing\n".into()));
    assert_eq!(recorded_async(unit()), ((), "TOOL unit\n".into()));
    assert_eq!(
        recorded_async(add(1, 2)),
        (3, "TOOL add {\"a\":1,\"b\":2} -> 3\n".into())
    );
    assert_eq!(recorded_async(bare(1)), (1, "TOOL bare\n".into()));
    assert_eq!(
        recorded_async(only_output(1)),
        (2, "OPERATION only_output -> 2\n".into())
    );
    assert_eq!(
        recorded_async(only_arguments(1)),
        (1, "OPERATION only_arguments {\"n\":1}\n".into())
    );
}

#[workflow]
async fn steps(n: u32) -> u32 {
    let one = add(n, 1).await;
    yield_now().await;
    let two = async { add(one, 1).await }.await;
    bare(two).await
}

#[test]
fn a_span_is_current_in_every_poll() {
    let expected = r#"WORKFLOW steps {"n":1} -> 3
  TOOL add {"a":1,"b":1} -> 2
  TOOL add {"a":2,"b":1} -> 3
  TOOL bare
"#;
    assert_eq!(recorded_async(steps(1)), (3, expected.into()));
}

#[tool]
async fn search(rows: &[&str], word: &str) -> Option<usize> {
    for (index, row) in rows.iter().enumerate() {
        yield_now().await;
        if *row == word {
            return Some(index);
        }
    }
    None
}

#[tool]
async fn parse(text: &str) -> Result<u8, std::num::ParseIntError> {
    yield_now().await;
    let number: u8 = text.parse()?;
    Ok(number + 1)
}

#[tool]
async fn blocks(n: u8) -> u8 {
    let early = async {
        if n > 1 {
            return 7;
        }
        yield_now().await;
        n
    };
    let closure = || {
        if n > 1 {
            return 1;
        }
        0
    };
    early.await + closure()
}

#[tool]
async fn labels(limit: u32) -> u32 {
    let mut count = 0;
    'outer: loop {
        loop {
            count += 1;
            yield_now().await;
            if count == limit {
                break 'outer count * 10;
            }
            if count % 2 == 0 {
                continue 'outer;
            }
        }
    }
}

#[tool]
async fn or_else(text: Option<&str>) -> usize {
    let Some(text) = text else {
        yield_now().await;
        return 0;
    };
    text.len()
}

#[test]
fn early_ends() {
    let rows = ["a", "b"];
    assert_eq!(
        recorded_async(search(&rows, "b")),
        (
            Some(1),
            "TOOL search {\"rows\":[\"a\",\"b\"],\"word\":\"b\"} -> 1\n".into()
        )
    );
    assert_eq!(
        recorded_async(search(&[], "b")),
        (
            None,
            "TOOL search {\"rows\":[],\"word\":\"b\"} -> null\n".into()
        )
    );
    let (parsed, trace) = recorded_async(parse("1"));
    assert_eq!(
        (parsed, trace.as_str()),
        (Ok(2), "TOOL parse {\"text\":\"1\"} -> 2\n")
    );
    let (parsed, trace) = recorded_async(parse("x"));
    parsed.expect_err("x is no number");
    assert_eq!(
        trace,
        "TOOL parse {\"text\":\"x\"} ! ParseIntError: invalid digit found in string\n"
    );
    assert_eq!(
        recorded_async(blocks(2)),
        (8, "TOOL blocks {\"n\":2} -> 8\n".into())
    );
    assert_eq!(
        recorded_async(blocks(1)),
        (1, "TOOL blocks {\"n\":1} -> 1\n".into())
    );
    assert_eq!(
        recorded_async(labels(3)),
        (30, "TOOL labels {\"limit\":3} -> 30\n".into())
    );
    assert_eq!(
        recorded_async(or_else(None)),
        (0, "TOOL or_else {\"text\":null} -> 0\n".into())
    );
    assert_eq!(
        recorded_async(or_else(Some("ab"))),
        (2, "TOOL or_else {\"text\":\"ab\"} -> 2\n".into())
    );
}

#[tool]
async fn first<'a>(words: &'a [String], _index: &str) -> &'a str {
    yield_now().await;
    &words[0]
}

#[tool]
async fn longer<'a, 'b: 'a>(a: &'a str, b: &'b str) -> &'a str {
    if a.len() > b.len() { a } else { b }
}

#[tool]
async fn slot(numbers: &mut [u32]) -> &mut u32 {
    yield_now().await;
    &mut numbers[0]
}

#[tool]
async fn fallible_slot(numbers: &mut Vec<u32>) -> Result<&mut u32, fmt::Error> {
    yield_now().await;
    numbers.first_mut().ok_or(fmt::Error)
}

#[tool]
async fn fill(out: &mut String) {
    out.push('a');
    yield_now().await;
    out.push('b');
}

#[test]
fn borrows() {
    let words = ["a".to_owned()];
    let (word, trace) = recorded_async(first(&words, "0"));
    assert_eq!(
        (word, trace.as_str()),
        (
            "a",
            "TOOL first {\"words\":[\"a\"],\"_index\":\"0\"} -> \"a\"\n"
        )
    );

    let a = "aa".to_owned();
    let (word, trace) = recorded_async(longer(&a, "b"));
    assert_eq!(
        (word, trace.as_str()),
        ("aa", "TOOL longer {\"a\":\"aa\",\"b\":\"b\"} -> \"aa\"\n")
    );

    let mut numbers = vec![1, 2];
    let (number, trace) = recorded_async(slot(&mut numbers));
    *number += 5;
    assert_eq!(
        (numbers[0], trace.as_str()),
        (6, "TOOL slot {\"numbers\":[1,2]} -> 1\n")
    );
    let (number, trace) = recorded_async(fallible_slot(&mut numbers));
    *number.expect("there is one") += 1;
    assert_eq!(
        (numbers[0], trace.as_str()),
        (7, "TOOL fallible_slot {\"numbers\":[6,2]} -> 6\n")
    );
    let mut none = Vec::new();
    let (number, trace) = recorded_async(fallible_slot(&mut none));
    number.expect_err("there is none");
    assert_eq!(
        trace,
        "TOOL fallible_slot {\"numbers\":[]} ! Error: an error occurred when formatting an argument\n"
    );

    let mut text = String::from("-");
    let ((), trace) = recorded_async(fill(&mut text));
    assert_eq!(
        (text.as_str(), trace.as_str()),
        ("-ab", "TOOL fill {\"out\":\"-\"}\n")
    );
}

#[tool]
async fn sum_to(n: u32) -> u32 {
    if n == 0 {
        return 0;
    }
    n + Box::pin(sum_to(n - 1)).await
}

#[agent(boxed)]
async fn dive(depth: u32) -> u32 {
    if depth == 0 {
        0
    } else {
        1 + dive(depth - 1).await
    }
}

#[task]
async fn even(n: u32) -> bool {
    if n == 0 {
        true
    } else {
        Box::pin(odd(n - 1)).await
    }
}

#[task]
async fn odd(n: u32) -> bool {
    if n == 0 {
        false
    } else {
        Box::pin(even(n - 1)).await
    }
}

#[test]
fn recursion() {
    let expected = "\
TOOL sum_to {\"n\":2} -> 3
  TOOL sum_to {\"n\":1} -> 1
    TOOL sum_to {\"n\":0} -> 0
";
    assert_eq!(recorded_async(sum_to(2)), (3, expected.into()));
    let expected = "\
AGENT dive {\"depth\":1} -> 1
  AGENT dive {\"depth\":0} -> 0
";
    assert_eq!(recorded_async(dive(1)), (1, expected.into()));
    let expected = "\
TASK even {\"n\":2} -> true
  TASK odd {\"n\":1} -> true
    TASK even {\"n\":0} -> true
";
    assert_eq!(recorded_async(even(2)), (true, expected.into()));
}

#[tool(skip(f))]
async fn twice<F: AsyncFn(u32) -> u32>(f: F) -> u32 {
    f(1).await + f(2).await
}

#[tool(skip_all)]
async fn once(f: impl AsyncFnOnce(String) -> usize) -> usize {
    f("abc".into()).await
}

#[tool(skip_all)]
async fn each(f: &mut impl AsyncFnMut(&str)) {
    f("a").await;
    f("b").await;
}

#[tool(skip(map))]
async fn mapped<F>(word: &str, map: F) -> String
where
    F: for<'x> Fn(&'x str) -> Pin<Box<dyn Future<Output = String> + Send + 'x>>,
{
    map(word).await
}

#[tool(skip(work))]
async fn awaits(work: impl Future<Output = u32>) -> u32 {
    work.await
}

fn upper(word: &str) -> Pin<Box<dyn Future<Output = String> + Send + '_>> {
    async { word.to_uppercase() }.boxed()
}

#[tool]
async fn closures(n: u32) -> u32 {
    let add = async |m: u32| n + m;
    let offset = async move |m: u32| add(m).await + 1;
    offset(1).await
}

#[test]
fn closures_and_futures_as_arguments() {
    assert_eq!(
        recorded_async(twice(async |n| n * 10)),
        (30, "TOOL twice -> 30\n".into())
    );
    let owned = "x".to_owned();
    let measure = async move |text: String| text.len() + owned.len();
    assert_eq!(
        recorded_async(once(measure)),
        (4, "TOOL once -> 4\n".into())
    );
    let mut seen = String::new();
    let ((), trace) = recorded_async(each(&mut async |text: &str| seen.push_str(text)));
    assert_eq!((seen.as_str(), trace.as_str()), ("ab", "TOOL each\n"));
    assert_eq!(
        recorded_async(mapped("a", upper)),
        ("A".into(), "TOOL mapped {\"word\":\"a\"} -> \"A\"\n".into())
    );
    let expected = "TOOL awaits -> 3\n  TOOL add {\"a\":1,\"b\":2} -> 3\n";
    assert_eq!(recorded_async(awaits(add(1, 2))), (3, expected.into()));
    assert_eq!(
        recorded_async(closures(1)),
        (3, "TOOL closures {\"n\":1} -> 3\n".into())
    );
}

#[tool]
async fn shown<T: fmt::Debug>(value: T) -> T {
    yield_now().await;
    value
}

#[tool]
async fn total<const N: usize>(numbers: [u32; N]) -> u32 {
    yield_now().await;
    numbers.iter().sum()
}

#[tool]
async fn unsized_<T: fmt::Display + Sync + ?Sized>(value: &T) -> String {
    yield_now().await;
    value.to_string()
}

#[tool]
async fn later(n: u32) -> impl Future<Output = u32> {
    note("made");
    async move { n + 1 }
}

#[tool]
async fn patterns((a, b): (u8, u8), [first, ..]: [u8; 3], mut n: u8, _: Noisy) -> u8 {
    n += a + b + first;
    yield_now().await;
    note("body");
    n
}

#[test]
fn generics_opaque_outputs_and_patterns() {
    assert_eq!(
        recorded_async(shown(Some(1))),
        (
            Some(1),
            "TOOL shown {\"value\":\"Some(1)\"} -> \"Some(1)\"\n".into()
        )
    );
    assert_eq!(
        recorded_async(total([1, 2])),
        (3, "TOOL total {\"numbers\":[1,2]} -> 3\n".into())
    );
    assert_eq!(
        recorded_async(unsized_("a")),
        (
            "a".into(),
            "TOOL unsized_ {\"value\":{\"$type\":\"&str\"}} -> \"a\"\n".into()
        )
    );
    let ((), trace) = recorded_async(async { assert_eq!(later(1).await.await, 2) });
    assert_eq!(trace, "TOOL later {\"n\":1} -> 2\n");
    assert_eq!(noted(), "made");
    let (sum, trace) = recorded_async(patterns((1, 2), [3, 0, 0], 4, Noisy("dropped")));
    assert_eq!((sum, noted().as_str()), (10, "body dropped"));
    assert_eq!(
        trace,
        "TOOL patterns {\"a\":1,\"b\":2,\"first\":3,\"n\":4} -> 10\n"
    );
}

#[tool]
async fn eager(name: &'static str) {
    note(name);
}

#[tool(skip_all)]
async fn eager_bare(_held: Noisy) {
    note("ran");
}

#[test]
fn futures_that_are_never_polled_do_not_run() {
    let ((), trace) = recorded(|| {
        drop(eager("ran"));
        drop(eager_bare(Noisy("dropped")));
        note("after");
    });
    assert_eq!((noted().as_str(), trace.as_str()), ("dropped after", ""));
}

#[tool]
async fn held(_guard: Noisy, name: &'static str) -> u8 {
    let _local = Noisy(name);
    yield_now().await;
    note("never");
    1
}

#[tool(skip_all, capture_return = false)]
async fn held_bare(_guard: Noisy) {
    let _tool = DropTool;
    yield_now().await;
    note("never");
}

struct DropTool;

impl Drop for DropTool {
    #[tool]
    fn drop(&mut self) {
        note("tool");
    }
}

#[test]
fn futures_that_are_given_up_say_so() {
    let ((), trace) = recorded(|| {
        let mut future = Box::pin(held(Noisy("guard"), "local"));
        assert!(poll_once(future.as_mut()).is_pending());
        drop(future);
        note("after");
    });
    assert_eq!(noted(), "local guard after");
    assert_eq!(
        trace,
        "TOOL held {\"_guard\":\"guard\",\"name\":\"local\"} (cancelled)\n"
    );

    let ((), trace) = recorded(|| {
        let mut future = Box::pin(held_bare(Noisy("guard")));
        assert!(poll_once(future.as_mut()).is_pending());
        drop(future);
    });
    assert_eq!(noted(), "tool guard");
    assert_eq!(trace, "TOOL held_bare (cancelled)\n  TOOL drop\n");
}

#[tool]
async fn slow() -> u8 {
    yield_now().await;
    yield_now().await;
    1
}

#[test]
fn the_loser_of_a_race_is_cancelled() {
    let (winner, trace) = recorded_async(async {
        match select(Box::pin(slow()), Box::pin(add(1, 2))).await {
            Either::Left((first, _)) => first.into(),
            Either::Right((second, _)) => second,
        }
    });
    assert_eq!(winner, 3);
    assert_eq!(
        trace,
        "TOOL slow (cancelled)\nTOOL add {\"a\":1,\"b\":2} -> 3\n"
    );
}

#[tool]
async fn parent(name: &'static str) -> u32 {
    yield_now().await;
    let one = bare(1).await;
    yield_now().await;
    one + bare(1).await
}

#[test]
fn spans_do_not_mix_where_futures_take_turns() {
    let expected = "\
TOOL parent {\"name\":\"a\"} -> 2
  TOOL bare
  TOOL bare
TOOL parent {\"name\":\"b\"} -> 2
  TOOL bare
  TOOL bare
";
    assert_eq!(
        recorded_async(join(parent("a"), parent("b"))),
        ((2, 2), expected.into())
    );
    let (all, trace) = recorded_async(join_all([1, 2].map(bare)));
    assert_eq!(
        (all, trace.as_str()),
        (vec![1, 2], "TOOL bare\nTOOL bare\n")
    );
    let (all, trace) = recorded_async(async {
        let tasks: FuturesUnordered<_> = (0..3).map(bare).collect();
        tasks.map(|n| n + 1).collect::<Vec<u32>>().await
    });
    assert_eq!(all.iter().sum::<u32>(), 6);
    assert_eq!(trace, "TOOL bare\nTOOL bare\nTOOL bare\n");
}

#[test]
fn a_future_may_be_polled_on_one_thread_after_another() {
    let (sum, trace) = recorded(|| {
        let mut future = Box::pin(parent("moved"));
        assert!(poll_once(future.as_mut()).is_pending());
        thread::spawn(move || block_on(future))
            .join()
            .expect("it runs")
    });
    assert_eq!(sum, 2);
    let expected = "\
TOOL parent {\"name\":\"moved\"} -> 2
  TOOL bare
  TOOL bare
";
    assert_eq!(trace, expected);
}

#[derive(Debug, PartialEq)]
struct Payload(u8);

#[tool]
async fn panics(late: bool, kind: u8) -> u8 {
    let _local = Noisy("local");
    if late {
        yield_now().await;
    }
    match kind {
        0 => panic!("plain"),
        1 => panic!("kind {kind}"),
        _ => std::panic::panic_any(Payload(kind)),
    }
}

#[llm(skip_all, capture_return = false)]
async fn panics_bare() {
    yield_now().await;
    panic!("bare");
}

#[test]
fn panics_in_polls_go_on_as_they_were_thrown() {
    for late in [false, true] {
        let thrown = |kind| unwound(|| block_on(panics(late, kind)));
        let span = |kind, details: &str| {
            format!("TOOL panics {{\"late\":{late},\"kind\":{kind}}} ! panic{details}\n")
        };
        let (payload, trace) = thrown(0);
        assert_eq!(payload.downcast_ref::<&str>(), Some(&"plain"));
        assert_eq!(trace, span(0, ": plain"));
        let (payload, trace) = thrown(1);
        assert_eq!(
            payload.downcast_ref::<String>().map(String::as_str),
            Some("kind 1")
        );
        assert_eq!(trace, span(1, ": kind 1"));
        let (payload, trace) = thrown(2);
        assert_eq!(payload.downcast_ref(), Some(&Payload(2)));
        assert_eq!(trace, span(2, ": a value that is no text"));
        assert_eq!(noted(), "local local local");
    }
    let (payload, trace) = unwound(|| block_on(panics_bare()));
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"bare"));
    assert_eq!(trace, "LLM panics_bare ! panic: bare\n");
}

#[test]
fn a_future_that_is_polled_after_its_end_panics_as_before() {
    #[expect(clippy::unused_async, reason = "the twin of one that needs none")]
    async fn plain() {}
    let again = |mut future: Pin<Box<dyn Future<Output = ()>>>| {
        assert_eq!(poll_once(future.as_mut()), Poll::Ready(()));
        let again = AssertUnwindSafe(|| poll_once(future.as_mut()));
        message(&*catch_unwind(again).expect_err("it has ended"))
    };
    let (told, trace) = recorded(|| again(Box::pin(nothing())));
    assert_eq!(told, again(Box::pin(plain())));
    assert_eq!(trace, "TOOL nothing\n");
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .expect("a panic's text")
}

#[test]
fn a_panic_may_be_caught_in_a_future() {
    let (caught, trace) = recorded_async(async {
        AssertUnwindSafe(panics_bare())
            .catch_unwind()
            .await
            .is_err()
    });
    assert!(caught);
    assert_eq!(trace, "LLM panics_bare ! panic: bare\n");
}

#[test]
fn a_span_outlives_its_capture_no_longer_than_its_future() {
    let mut future = Box::pin(slow());
    let (pending, trace) = capture_with(|| poll_once(future.as_mut()).is_pending());
    assert!(pending);
    assert_eq!(trace.to_string(), "TOOL slow (open)\n");
    assert_eq!(block_on(future), 1);
}
