//! Functions that return a future: the span begins with the call, and ends with what the future comes to.
//!
//! By `impl Future`, by a box under any name, or as `Self::Future`. What is no future in itself, or a concrete one, comes back as it was.

use std::fmt;
use std::future::{Future, IntoFuture, Ready, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;

use futures_util::future::{BoxFuture, FusedFuture, FutureExt as _, LocalBoxFuture};

use crate::block_on;
use crate::runtime::testing::capture_with;
use crate::runtime::{InCurrentSpan as _, agent, current_span, operation, task, tool};
use crate::watch::{note, noted, poll_once, recorded, recorded_async, unwound, yield_now};

#[task]
fn step(n: u32) -> u32 {
    n + 1
}

#[tool]
fn later(n: u32) -> impl Future<Output = u32> {
    async move {
        yield_now().await;
        step(n)
    }
}

#[tool(skip_all, capture_return = false)]
fn bare() -> impl Future<Output = u32> {
    async {
        yield_now().await;
        1
    }
}

#[operation]
fn nothing() -> impl Future<Output = ()> {
    async {}
}

#[tool]
fn sends(text: String) -> impl Future<Output = usize> + Send + Sync + 'static {
    async move {
        yield_now().await;
        text.len()
    }
}

#[tool]
fn unpins(n: u8) -> impl Future<Output = u8> + Unpin {
    ready(n)
}

#[tool]
fn borrows<'a>(text: &'a str) -> impl Future<Output = &'a str> + Send + 'a {
    async move {
        yield_now().await;
        text.trim()
    }
}

#[tool]
fn borrows_unnamed(text: &mut String) -> impl Future<Output = usize> + '_ {
    async {
        text.push('!');
        text.len()
    }
}

#[tool]
fn captures_precisely<'a, T: fmt::Debug>(
    text: &'a str,
    _by: &T,
) -> impl Future<Output = usize> + use<'a, T> {
    async { text.len() }
}

#[tool]
fn qualified() -> impl std::future::Future<Output = u8> {
    ready(4)
}

#[tool]
fn generic<F>(work: F) -> impl Future<Output = Vec<F::Output>>
where
    F: Future,
    F::Output: fmt::Debug,
{
    async { vec![work.await] }
}

#[test]
fn the_span_ends_with_the_future() {
    let expected = "TOOL later {\"n\":1} -> 2\n  TASK step {\"n\":1} -> 2\n";
    assert_eq!(
        recorded_async(async { later(1).await }),
        (2, expected.into())
    );
    assert_eq!(recorded(|| block_on(later(1))), (2, expected.into()));
    assert_eq!(recorded(|| block_on(bare())), (1, "TOOL bare\n".into()));
    assert_eq!(
        recorded(|| block_on(nothing())),
        ((), "OPERATION nothing\n".into())
    );
    let expected = "TOOL sends {\"text\":\"ab\"} -> 2\n";
    let sent = || thread::spawn(in_current(sends("ab".into())));
    assert_eq!(
        recorded(|| sent().join().expect("it runs")),
        (2, expected.into())
    );
    let expected = "TOOL unpins {\"n\":3} -> 3\n";
    assert_eq!(
        recorded(|| unpins(3).now_or_never()),
        (Some(3), expected.into())
    );
    let expected = "TOOL borrows {\"text\":\" a\"} -> \"a\"\n";
    assert_eq!(recorded(|| block_on(borrows(" a"))), ("a", expected.into()));
    let mut text = String::from("a");
    let expected = "TOOL borrows_unnamed {\"text\":\"a\"} -> 2\n";
    assert_eq!(
        recorded(|| block_on(borrows_unnamed(&mut text))),
        (2, expected.into())
    );
    assert_eq!(text, "a!");
    let expected = "TOOL captures_precisely {\"text\":\"a\",\"_by\":\"1\"} -> 1\n";
    assert_eq!(
        recorded(|| block_on(captures_precisely("a", &1))),
        (1, expected.into())
    );
    assert_eq!(
        recorded(|| block_on(qualified())),
        (4, "TOOL qualified -> 4\n".into())
    );
    let expected = "\
TOOL generic {\"work\":{\"$type\":\"core::future::ready::Ready<u8>\"}} -> \"[1]\"
";
    assert_eq!(
        recorded(|| block_on(generic(ready(1_u8)))),
        (vec![1], expected.into())
    );
}

fn in_current<F: Future>(future: F) -> impl FnOnce() -> F::Output {
    move || block_on(future)
}

#[tool]
fn eager(n: u32) -> impl Future<Output = u32> {
    note("eager");
    current_span().set_attribute("early", true);
    let first = step(n);
    async move {
        note("late");
        current_span().set_attribute("late", true);
        yield_now().await;
        step(first)
    }
}

#[tool]
fn chooses(early: bool) -> impl Future<Output = &'static str> {
    if early {
        return ready("early").left_future();
    }
    let text = "late";
    async move {
        yield_now().await;
        text
    }
    .right_future()
}

#[test]
fn code_before_the_future_runs_at_once_and_within_the_span() {
    let (future, before) = recorded(|| {
        let future = eager(1);
        assert_eq!(noted(), "eager");
        block_on(future)
    });
    assert_eq!((future, noted().as_str()), (3, "late"));
    let expected = "\
TOOL eager {\"n\":1} -> 3 early=true late=true
  TASK step {\"n\":1} -> 2
  TASK step {\"n\":2} -> 3
";
    assert_eq!(before, expected);
    for (early, text) in [(true, "early"), (false, "late")] {
        let expected = format!("TOOL chooses {{\"early\":{early}}} -> \"{text}\"\n");
        assert_eq!(recorded(|| block_on(chooses(early))), (text, expected));
    }
}

#[tool]
fn parses(text: &str) -> impl Future<Output = Result<u8, std::num::ParseIntError>> + '_ {
    async move {
        yield_now().await;
        Ok(text.parse::<u8>()? + 1)
    }
}

#[tool(skip_all, capture_return = false)]
fn parses_bare(
    text: &str,
) -> Pin<Box<dyn Future<Output = Result<u8, std::num::ParseIntError>> + '_>> {
    Box::pin(async move { text.parse() })
}

#[tool(err = false, returns(is_ok = |result| result.is_ok()))]
fn parses_silently(text: String) -> impl Future<Output = Result<u8, std::num::ParseIntError>> {
    async move { text.parse() }
}

#[test]
fn errors_are_the_futures() {
    let (value, trace) = recorded(|| block_on(parses("1")));
    assert_eq!(
        (value, trace.as_str()),
        (Ok(2), "TOOL parses {\"text\":\"1\"} -> 2\n")
    );
    let (value, trace) = recorded(|| block_on(parses("x")));
    value.expect_err("x is no number");
    assert_eq!(
        trace,
        "TOOL parses {\"text\":\"x\"} ! ParseIntError: invalid digit found in string\n"
    );
    let (value, trace) = recorded(|| block_on(parses_bare("x")));
    value.expect_err("x is no number");
    assert_eq!(
        trace,
        "TOOL parses_bare ! ParseIntError: invalid digit found in string\n"
    );
    let (value, trace) = recorded(|| block_on(parses_bare("1")));
    assert_eq!((value, trace.as_str()), (Ok(1), "TOOL parses_bare\n"));
    let (value, trace) = recorded(|| block_on(parses_silently("x".into())));
    value.expect_err("x is no number");
    assert_eq!(
        trace,
        "TOOL parses_silently {\"text\":\"x\"} -> \"Err(ParseIntError { kind: InvalidDigit })\" is_ok=false\n"
    );
}

#[tool]
fn panics(early: bool) -> impl Future<Output = u8> {
    assert!(!early, "early");
    async {
        yield_now().await;
        panic!("late")
    }
}

#[test]
fn panics_go_on() {
    let (payload, trace) = unwound(|| panics(true));
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"early"));
    assert_eq!(trace, "TOOL panics {\"early\":true} ! panic: early\n");
    let (payload, trace) = unwound(|| block_on(panics(false)));
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"late"));
    assert_eq!(trace, "TOOL panics {\"early\":false} ! panic: late\n");
}

#[test]
fn what_is_dropped_before_its_end_is_cancelled() {
    let ((), trace) = recorded(|| drop(eager(1)));
    assert_eq!(noted(), "eager");
    let expected = "\
TOOL eager {\"n\":1} early=true (cancelled)
  TASK step {\"n\":1} -> 2
";
    assert_eq!(trace, expected);
    let (pending, trace) = recorded(|| poll_once(Box::pin(later(1)).as_mut()).is_pending());
    assert!(pending);
    assert_eq!(trace, "TOOL later {\"n\":1} (cancelled)\n");
    let mut future = Box::pin(later(1));
    let (pending, trace) = capture_with(|| poll_once(future.as_mut()).is_pending());
    assert!(pending);
    assert_eq!(trace.to_string(), "");
}

type Work<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
type WorkFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

#[tool]
fn boxed<'a>(text: &'a str) -> Pin<Box<dyn Future<Output = usize> + Send + 'a>> {
    Box::pin(async move {
        yield_now().await;
        text.len()
    })
}

#[tool]
fn boxed_static(n: u32) -> Pin<Box<dyn Future<Output = u32>>> {
    Box::pin(later(n))
}

#[tool]
fn boxed_shared(n: u8) -> Pin<Box<dyn Future<Output = u8> + Send + Sync>> {
    Box::pin(ready(n))
}

#[tool]
fn boxed_after_work(n: u32) -> Pin<Box<dyn Future<Output = u32> + Send>> {
    let first = step(n);
    Box::pin(async move { step(first) })
}

#[tool]
fn by_futures_name<'a>(text: &'a str) -> BoxFuture<'a, usize> {
    async move {
        yield_now().await;
        text.len()
    }
    .boxed()
}

#[tool]
fn by_local_name(n: u32) -> LocalBoxFuture<'static, u32> {
    let rc = std::rc::Rc::new(n);
    async move {
        yield_now().await;
        *rc
    }
    .boxed_local()
}

#[tool]
fn by_own_name(n: u32) -> WorkFuture<'static, u32> {
    Box::pin(async move { n })
}

#[tool]
fn by_another_name(n: u32) -> Work<'static, u32> {
    note("eager");
    Box::pin(async move {
        note("late");
        n
    })
}

#[tool]
fn recurses(n: u32) -> BoxFuture<'static, u32> {
    async move { if n == 0 { 0 } else { 1 + recurses(n - 1).await } }.boxed()
}

#[agent]
#[tool]
fn two_spans(n: u8) -> Pin<Box<dyn Future<Output = u8> + Send>> {
    Box::pin(async move {
        yield_now().await;
        n
    })
}

#[agent]
#[tool]
fn two_spans_unboxed(n: u8) -> impl Future<Output = u8> {
    async move {
        yield_now().await;
        n
    }
}

#[test]
fn boxes_go_on_by_their_type() {
    let expected = "TOOL boxed {\"text\":\"ab\"} -> 2\n";
    assert_eq!(recorded(|| block_on(boxed("ab"))), (2, expected.into()));
    let expected = "\
TOOL boxed_static {\"n\":1} -> 2
  TOOL later {\"n\":1} -> 2
    TASK step {\"n\":1} -> 2
";
    assert_eq!(recorded(|| block_on(boxed_static(1))), (2, expected.into()));
    let expected = "TOOL boxed_shared {\"n\":1} -> 1\n";
    assert_eq!(recorded(|| block_on(boxed_shared(1))), (1, expected.into()));
    let expected = "\
TOOL boxed_after_work {\"n\":1} -> 3
  TASK step {\"n\":1} -> 2
  TASK step {\"n\":2} -> 3
";
    assert_eq!(
        recorded(|| block_on(boxed_after_work(1))),
        (3, expected.into())
    );
    let expected = "TOOL by_futures_name {\"text\":\"ab\"} -> 2\n";
    assert_eq!(
        recorded(|| block_on(by_futures_name("ab"))),
        (2, expected.into())
    );
    let expected = "TOOL by_local_name {\"n\":1} -> 1\n";
    assert_eq!(
        recorded(|| block_on(by_local_name(1))),
        (1, expected.into())
    );
    let expected = "TOOL by_own_name {\"n\":1} -> 1\n";
    assert_eq!(recorded(|| block_on(by_own_name(1))), (1, expected.into()));
    let expected = "\
TOOL recurses {\"n\":1} -> 1
  TOOL recurses {\"n\":0} -> 0
";
    assert_eq!(recorded(|| block_on(recurses(1))), (1, expected.into()));
    let expected = "AGENT two_spans {\"n\":1} -> 1\n  TOOL two_spans {\"n\":1} -> 1\n";
    assert_eq!(recorded(|| block_on(two_spans(1))), (1, expected.into()));
    let expected =
        "AGENT two_spans_unboxed {\"n\":1} -> 1\n  TOOL two_spans_unboxed {\"n\":1} -> 1\n";
    assert_eq!(
        recorded(|| block_on(two_spans_unboxed(1))),
        (1, expected.into())
    );
}

#[test]
fn names_that_say_nothing_are_not_asked() {
    let (value, trace) = recorded(|| block_on(by_another_name(1)));
    assert_eq!((value, noted().as_str()), (1, "eager late"));
    let of = "core::pin::Pin<alloc::boxed::Box<dyn core::future::future::Future<Output = u32> + core::marker::Send>>";
    assert_eq!(
        trace,
        format!("TOOL by_another_name {{\"n\":1}} -> {{\"$type\":\"{of}\"}}\n")
    );
}

/// A future that can be named.
#[derive(Debug)]
struct CountFuture(u8);

impl Future for CountFuture {
    type Output = u8;

    #[operation(skip_all)]
    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<u8> {
        if self.0 == 0 {
            return Poll::Ready(7);
        }
        self.0 -= 1;
        task.waker().wake_by_ref();
        Poll::Pending
    }
}

#[tool]
fn concrete(n: u8) -> CountFuture {
    CountFuture(n)
}

#[tool]
fn concrete_of_std(n: u8) -> std::future::Ready<u8> {
    ready(n)
}

#[tool]
fn concrete_in_a_pin(n: u8) -> Pin<Box<CountFuture>> {
    Box::pin(CountFuture(n))
}

#[tool]
fn pair(n: u32) -> (impl Future<Output = u32>, u32) {
    (async move { n }, n)
}

#[tool]
fn maybe(n: u32) -> Option<impl Future<Output = u32>> {
    (n > 0).then_some(async move { n })
}

#[tool]
fn tried(n: u32) -> Result<impl Future<Output = u32>, fmt::Error> {
    if n == 0 {
        Err(fmt::Error)
    } else {
        Ok(async move { n })
    }
}

#[tool]
fn fused(n: u8) -> impl FusedFuture<Output = u8> {
    futures_util::future::ready(n)
}

#[tool]
fn cloned(n: u8) -> impl Future<Output = u8> + Clone {
    futures_util::future::ready(n)
}

#[tool]
fn becomes(n: u8) -> impl IntoFuture<Output = u8, IntoFuture = Ready<u8>> {
    ready(n)
}

#[tool]
fn opaque(n: u8) -> impl Future<Output = u8> {
    CountFuture(n)
}

#[test]
fn what_cannot_be_wrapped_is_what_it_was() {
    fn same<T>(_: fn(u8) -> T) {}
    same::<CountFuture>(concrete);
    same::<Ready<u8>>(concrete_of_std);
    same::<Pin<Box<CountFuture>>>(concrete_in_a_pin);
    let polled = "OPERATION poll -> \"Ready(7)\"\n";
    let (value, trace) = recorded(|| block_on(concrete(0)));
    assert_eq!(
        (value, trace),
        (
            7,
            format!("TOOL concrete {{\"n\":0}} -> \"CountFuture(0)\"\n{polled}")
        )
    );
    let (value, trace) = recorded(|| block_on(concrete_in_a_pin(0)));
    assert_eq!(
        (value, trace),
        (
            7,
            format!("TOOL concrete_in_a_pin {{\"n\":0}} -> \"CountFuture(0)\"\n{polled}")
        )
    );
    let (value, trace) = recorded(|| block_on(concrete_of_std(1)));
    assert_eq!(
        (value, trace.as_str()),
        (1, "TOOL concrete_of_std {\"n\":1} -> \"Ready(Some(1))\"\n")
    );
    let expected = "\
TOOL opaque {\"n\":1} -> 7
  OPERATION poll -> \"Pending\"
  OPERATION poll -> \"Ready(7)\"
";
    assert_eq!(recorded(|| block_on(opaque(1))), (7, expected.into()));

    let kind = |trace: &str| trace.split(" -> ").next().map(str::to_owned);
    let (value, trace) = recorded(|| {
        let (future, n) = pair(1);
        block_on(future) + n
    });
    assert_eq!(
        (value, kind(&trace)),
        (2, Some("TOOL pair {\"n\":1}".into()))
    );
    let (value, trace) = recorded(|| maybe(1).map(block_on));
    assert_eq!(
        (value, kind(&trace)),
        (Some(1), Some("TOOL maybe {\"n\":1}".into()))
    );
    let (value, trace) = recorded(|| maybe(0).map(block_on));
    assert_eq!(value, None);
    assert!(
        trace.starts_with("TOOL maybe {\"n\":0} -> {\"$type\""),
        "{trace}"
    );
    let (value, trace) = recorded(|| tried(1).map(block_on));
    assert_eq!(
        (value, kind(&trace)),
        (Ok(1), Some("TOOL tried {\"n\":1}".into()))
    );
    let (value, trace) = recorded(|| tried(0).map(block_on));
    value.expect_err("0 is none");
    assert_eq!(
        trace,
        "TOOL tried {\"n\":0} ! Error: an error occurred when formatting an argument\n"
    );
    let (value, trace) = recorded(|| {
        let future = fused(1);
        assert!(!future.is_terminated());
        block_on(future)
    });
    assert_eq!(
        (value, kind(&trace)),
        (1, Some("TOOL fused {\"n\":1}".into()))
    );
    let (value, trace) = recorded(|| {
        let future = cloned(1);
        block_on(future.clone()) + block_on(future)
    });
    assert_eq!(
        (value, kind(&trace)),
        (2, Some("TOOL cloned {\"n\":1}".into()))
    );
    let (value, trace) = recorded(|| block_on(becomes(1).into_future()));
    assert_eq!(
        (value, kind(&trace)),
        (1, Some("TOOL becomes {\"n\":1}".into()))
    );
}

/// What tower has services be.
trait Service<R> {
    type Response;
    type Error;
    type Future: Future<Output = Result<Self::Response, Self::Error>>;

    fn call(&mut self, request: R) -> Self::Future;
}

struct Length(u32);

impl Service<String> for Length {
    type Response = usize;
    type Error = fmt::Error;
    type Future = Pin<Box<dyn Future<Output = Result<usize, fmt::Error>> + Send>>;

    #[tool]
    fn call(&mut self, request: String) -> Self::Future {
        self.0 += 1;
        Box::pin(async move {
            yield_now().await;
            if request.is_empty() {
                Err(fmt::Error)
            } else {
                Ok(request.len())
            }
        })
    }
}

struct Fixed;

impl Service<u8> for Fixed {
    type Response = u8;
    type Error = fmt::Error;
    type Future = Ready<Result<u8, fmt::Error>>;

    #[tool(name = "fixed")]
    fn call(&mut self, request: u8) -> Self::Future {
        ready(Ok(request))
    }
}

#[test]
fn services() {
    let mut length = Length(0);
    let (value, trace) = recorded(|| block_on(length.call("ab".into())));
    assert_eq!(
        (value, trace.as_str()),
        (Ok(2), "TOOL call {\"request\":\"ab\"} -> 2\n")
    );
    let (value, trace) = recorded(|| block_on(length.call(String::new())));
    value.expect_err("there is nothing");
    assert_eq!(
        trace,
        "TOOL call {\"request\":\"\"} ! Error: an error occurred when formatting an argument\n"
    );
    assert_eq!(length.0, 2);
    let (value, trace) = recorded(|| block_on(Fixed.call(1)));
    assert_eq!(
        (value, trace.as_str()),
        (
            Ok(1),
            "TOOL fixed {\"request\":1} -> \"Ready(Some(Ok(1)))\"\n"
        )
    );
}

struct Client {
    base: String,
    calls: u32,
}

impl Client {
    #[tool]
    fn get<'a>(&'a self, path: &'a str) -> impl Future<Output = String> + Send + 'a {
        async move {
            yield_now().await;
            format!("{}/{path}", self.base)
        }
    }

    #[tool]
    fn post(&mut self, body: String) -> impl Future<Output = &mut u32> + Send {
        self.calls += 1;
        async move {
            yield_now().await;
            drop(body);
            &mut self.calls
        }
    }

    #[tool]
    fn into(self, n: u32) -> impl Future<Output = Self> {
        async move { Self { calls: n, ..self } }
    }

    #[tool]
    fn shared(self: Arc<Self>) -> BoxFuture<'static, usize> {
        Box::pin(async move { self.base.len() })
    }

    #[tool(capture(self))]
    fn boxed<'a>(&'a self, path: &'a str) -> BoxFuture<'a, String> {
        Box::pin(async move { self.get(path).await })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client of {}", self.base)
    }
}

#[test]
fn methods() {
    let mut client = Client {
        base: "b".into(),
        calls: 0,
    };
    let expected = "TOOL get {\"path\":\"p\"} -> \"b/p\"\n";
    assert_eq!(
        recorded(|| block_on(client.get("p"))),
        ("b/p".into(), expected.into())
    );
    let (calls, trace) = recorded(|| {
        let calls = block_on(client.post("body".into()));
        *calls += 10;
        *calls
    });
    assert_eq!(
        (calls, trace.as_str()),
        (11, "TOOL post {\"body\":\"body\"} -> 1\n")
    );
    let expected = "\
TOOL boxed {\"self\":\"client of b\"} -> \"b/p\"
  TOOL get {\"path\":\"p\"} -> \"b/p\"
";
    assert_eq!(
        recorded(|| block_on(client.boxed("p"))),
        ("b/p".into(), expected.into())
    );
    let (client, trace) = recorded(|| block_on(client.into(5)));
    assert_eq!(
        (client.calls, trace.as_str()),
        (5, "TOOL into {\"n\":5} -> \"client of b\"\n")
    );
    let client = Arc::new(client);
    assert_eq!(
        recorded(|| block_on(client.shared())),
        (1, "TOOL shared -> 1\n".into())
    );
}

#[test]
fn a_panic_that_was_caught_is_the_spans_also_where_the_future_outlives_it() {
    let (caught, trace) = recorded(|| {
        let mut future = Box::pin(panics(false));
        assert!(poll_once(future.as_mut()).is_pending());
        catch_unwind(AssertUnwindSafe(|| poll_once(future.as_mut()))).is_err()
    });
    assert!(caught);
    assert_eq!(trace, "TOOL panics {\"early\":false} ! panic: late\n");
}

#[test]
fn spans_go_to_other_tasks_with_their_futures() {
    let (sum, trace) = recorded(|| {
        let first = later(1).in_current_span();
        let second = later(2);
        thread::scope(|scope| {
            let first = scope.spawn(|| block_on(first));
            let second = scope.spawn(|| block_on(second));
            first.join().expect("it runs") + second.join().expect("it runs")
        })
    });
    assert_eq!(sum, 5);
    let expected = "\
TOOL later {\"n\":1} -> 2
  TASK step {\"n\":1} -> 2
TOOL later {\"n\":2} -> 3
  TASK step {\"n\":2} -> 3
";
    assert_eq!(trace, expected);
}

#[tool]
fn boxes_a_parameter<'a, T, F: Future<Output = T> + Send + 'a>(future: F) -> BoxFuture<'a, T> {
    Box::pin(future)
}

#[tool]
fn boxes_a_parameter_that_lives<'a, T: 'a, F>(future: F) -> BoxFuture<'a, T>
where
    F: Future<Output = T> + Send + 'a,
{
    Box::pin(future)
}

#[test]
fn boxes_of_what_a_caller_chooses() {
    // Only the second can be put into another box, in which its span goes on.
    let (value, trace) = recorded(|| block_on(boxes_a_parameter(later(1))));
    assert_eq!(value, 2);
    assert!(trace.contains("TOOL boxes_a_parameter {"), "{trace}");
    assert!(!trace.ends_with("-> {\"$type\":\"u32\"}\n"), "{trace}");
    let (value, trace) = recorded(|| block_on(boxes_a_parameter_that_lives(later(1))));
    assert_eq!(value, 2);
    assert!(trace.ends_with("-> {\"$type\":\"u32\"}\n"), "{trace}");
}
