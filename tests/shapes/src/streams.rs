//! Functions that return a stream: the span begins with the call, and ends with the stream, or where that is dropped.

use std::cell::Cell;
use std::fmt;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::thread;

use futures_util::stream::{
    self, BoxStream, FusedStream, LocalBoxStream, Stream, StreamExt as _, TryStreamExt as _,
};

use crate::block_on;
use crate::runtime::{agent, current_span, llm, operation, task, tool};
use crate::watch::{Noisy, note, noted, recorded, unwound, yield_now};

#[task]
fn step(n: u32) -> u32 {
    n + 1
}

/// All that a stream yields.
fn all<S: Stream>(items: S) -> Vec<S::Item> {
    block_on(items.collect())
}

/// The first item, and then no more of the stream.
fn first<S: Stream>(items: S) -> Option<S::Item> {
    block_on(pin!(items).next())
}

#[tool]
fn counts(to: u32) -> impl Stream<Item = u32> {
    stream::iter(0..to).then(|n| async move {
        yield_now().await;
        step(n)
    })
}

#[llm(model = "gpt-4o-mini", skip_all, capture_return = false)]
fn bare() -> impl Stream<Item = &'static str> {
    stream::iter(["a", "b"])
}

#[tool]
fn sends(text: String) -> impl Stream<Item = u8> + Send + Sync + Unpin + 'static {
    stream::iter(text.into_bytes())
}

#[tool]
fn borrows(text: &str) -> impl Stream<Item = &str> + Send + '_ {
    stream::iter(text.split(' '))
}

#[tool]
fn nested(n: u8) -> impl Stream<Item = impl Stream<Item = u8>> {
    stream::iter(0..n).map(|n| stream::iter(0..n))
}

#[tool]
fn empty() -> impl Stream<Item = u8> {
    stream::empty()
}

#[tool]
fn generic<T: Clone + fmt::Debug>(item: T, count: usize) -> impl Stream<Item = T> {
    stream::repeat(item).take(count)
}

#[agent]
#[tool]
fn two_spans() -> impl Stream<Item = u32> {
    stream::once(async { step(1) })
}

#[test]
fn the_span_ends_with_the_stream() {
    let expected = "\
TOOL counts {\"to\":2} stream.items=2
  TASK step {\"n\":0} -> 1
  TASK step {\"n\":1} -> 2
";
    assert_eq!(recorded(|| all(counts(2))), (vec![1, 2], expected.into()));
    let expected = "LLM bare · gpt-4o-mini stream.items=2 stream.ended=\"end\"\n";
    assert_eq!(recorded(|| all(bare())), (vec!["a", "b"], expected.into()));
    let sent = || {
        thread::spawn(with_items(sends("ab".into())))
            .join()
            .expect("it runs")
    };
    let expected = "TOOL sends {\"text\":\"ab\"} stream.items=2\n";
    assert_eq!(recorded(sent), (vec![b'a', b'b'], expected.into()));
    let expected = "TOOL borrows {\"text\":\"a b\"} stream.items=2\n";
    assert_eq!(
        recorded(|| all(borrows("a b"))),
        (vec!["a", "b"], expected.into())
    );
    let expected = "TOOL nested {\"n\":3} stream.items=3\n";
    assert_eq!(
        recorded(|| all(nested(3).flatten())),
        (vec![0, 0, 1], expected.into())
    );
    let expected = "TOOL empty stream.items=0\n";
    assert_eq!(recorded(|| all(empty())), (vec![], expected.into()));
    let expected = "TOOL generic {\"item\":\"\\\"a\\\"\",\"count\":2} stream.items=2\n";
    assert_eq!(
        recorded(|| all(generic("a", 2))),
        (vec!["a", "a"], expected.into())
    );
    let expected = "\
AGENT two_spans stream.items=1
  TOOL two_spans stream.items=1
    TASK step {\"n\":1} -> 2
";
    assert_eq!(recorded(|| all(two_spans())), (vec![2], expected.into()));
}

fn with_items<S: Stream>(items: S) -> impl FnOnce() -> Vec<S::Item> {
    move || all(items)
}

#[tool]
fn lazy() -> impl Stream<Item = u8> {
    note("eager");
    current_span().set_attribute("early", true);
    stream::once(async {
        note("late");
        current_span().set_attribute("late", true);
        1
    })
}

#[test]
fn items_are_made_when_they_are_asked_for() {
    let (items, trace) = recorded(|| {
        let items = lazy();
        assert_eq!(noted(), "eager");
        all(items)
    });
    assert_eq!((items, noted().as_str()), (vec![1], "late"));
    assert_eq!(trace, "TOOL lazy early=true late=true stream.items=1\n");
    let ((), trace) = recorded(|| drop(lazy()));
    assert_eq!(noted(), "eager");
    assert_eq!(trace, "TOOL lazy early=true stream.items=0 (cancelled)\n");
    assert_eq!(recorded(|| first(counts(9))).0, Some(1));
    let expected =
        "TOOL counts {\"to\":9} stream.items=1 (cancelled)\n  TASK step {\"n\":0} -> 1\n";
    assert_eq!(recorded(|| first(counts(9))), (Some(1), expected.into()));
}

#[tool]
fn holds(guard: Noisy) -> impl Stream<Item = usize> {
    stream::iter([1, 2]).map(move |n| n + guard.0.len() + usize::from(name(&guard).is_empty()))
}

#[operation]
fn name(noisy: &Noisy) -> &'static str {
    noisy.0
}

#[test]
fn what_a_stream_holds_goes_with_it() {
    let (item, trace) = recorded(|| first(holds(Noisy("guard"))));
    assert_eq!((item, noted().as_str()), (Some(6), "guard"));
    assert_eq!(
        trace,
        "TOOL holds {\"guard\":\"guard\"} stream.items=1 (cancelled)\n  OPERATION name {\"noisy\":\"guard\"} -> \"guard\"\n"
    );
}

#[test]
fn hints_are_passed_on() {
    let (hint, _) = recorded(|| (empty().size_hint(), generic(1, 3).size_hint()));
    assert_eq!(hint, ((0, Some(0)), (3, Some(3))));
    let (hints, _) = recorded(|| {
        let mut items = pin!(sends("ab".into()));
        let before = items.size_hint();
        block_on(items.next());
        (before, items.size_hint(), boxed(2).size_hint())
    });
    assert_eq!(hints, ((2, Some(2)), (1, Some(1)), (2, Some(2))));
}

#[test]
fn after_its_end_a_stream_is_quiet() {
    let (items, trace) = recorded(|| {
        let mut items = pin!(sends("a".into()));
        [(); 3].map(|()| block_on(items.next()))
    });
    assert_eq!(items, [Some(b'a'), None, None]);
    assert_eq!(trace, "TOOL sends {\"text\":\"a\"} stream.items=1\n");
}

#[tool]
fn fails(at: u8) -> impl Stream<Item = Result<u8, fmt::Error>> {
    stream::iter(0..4).map(move |n| {
        if n == at || n == 3 {
            Err(fmt::Error)
        } else {
            Ok(n)
        }
    })
}

#[tool(err = false)]
fn fails_silently() -> impl Stream<Item = Result<u8, fmt::Error>> {
    stream::iter([Ok(1), Err(fmt::Error)])
}

#[tool]
fn fails_first() -> BoxStream<'static, Result<u8, std::num::ParseIntError>> {
    stream::iter(["x", "1"]).map(str::parse).boxed()
}

#[test]
fn the_first_item_that_is_an_error_is_the_spans() {
    let text = "an error occurred when formatting an argument";
    let (items, trace) = recorded(|| all(fails(1)));
    assert_eq!(items, [Ok(0), Err(fmt::Error), Ok(2), Err(fmt::Error)]);
    assert_eq!(
        trace,
        format!("TOOL fails {{\"at\":1}} stream.items=4 ! Error: {text}\n")
    );
    let (item, trace) = recorded(|| block_on(pin!(fails(0)).try_next()));
    item.expect_err("it is an error");
    assert_eq!(
        trace,
        format!("TOOL fails {{\"at\":0}} stream.items=1 ! Error: {text}\n")
    );
    let (items, trace) = recorded(|| all(fails_silently()));
    assert_eq!(items, [Ok(1), Err(fmt::Error)]);
    assert_eq!(trace, "TOOL fails_silently stream.items=2\n");
    let (items, trace) = recorded(|| all(fails_first()));
    assert_eq!((items.len(), &items[1]), (2, &Ok(1)));
    assert_eq!(
        trace,
        "TOOL fails_first stream.items=2 ! ParseIntError: invalid digit found in string\n"
    );
}

#[tool]
fn panics(early: bool) -> impl Stream<Item = u8> {
    assert!(!early, "early");
    stream::iter([1, 2]).map(|n| if n == 2 { panic!("late") } else { n })
}

#[test]
fn panics_go_on() {
    let (payload, trace) = unwound(|| panics(true));
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"early"));
    assert_eq!(trace, "TOOL panics {\"early\":true} ! panic: early\n");
    let (payload, trace) = unwound(|| all(panics(false)));
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"late"));
    assert_eq!(
        trace,
        "TOOL panics {\"early\":false} stream.items=1 ! panic: late\n"
    );
}

type TokenStream<'a> = Pin<Box<dyn Stream<Item = String> + Send + 'a>>;

#[tool]
fn boxed(to: u32) -> BoxStream<'static, u32> {
    stream::iter(0..to).map(step).boxed()
}

#[tool]
fn boxed_locally<'a>(text: &'a Rc<str>) -> LocalBoxStream<'a, &'a str> {
    stream::iter(text.split(' ')).boxed_local()
}

#[tool]
fn boxed_by_hand(n: u8) -> Pin<Box<dyn Stream<Item = u8> + Send>> {
    Box::pin(stream::iter(0..n))
}

#[tool]
fn boxed_unsent<'a>(cell: &'a Cell<u8>) -> Pin<Box<dyn Stream<Item = u8> + 'a>> {
    Box::pin(stream::once(async { cell.replace(2) }))
}

#[tool]
fn by_own_name(text: &str) -> TokenStream<'_> {
    Box::pin(stream::iter(text.split(' ').map(str::to_owned)))
}

#[test]
fn boxes_go_on_by_their_type() {
    let expected = "\
TOOL boxed {\"to\":1} stream.items=1
  TASK step {\"n\":0} -> 1
";
    assert_eq!(recorded(|| all(boxed(1))), (vec![1], expected.into()));
    let text: Rc<str> = "a b".into();
    let expected = "TOOL boxed_locally {\"text\":\"a b\"} stream.items=2\n";
    assert_eq!(
        recorded(|| all(boxed_locally(&text))),
        (vec!["a", "b"], expected.into())
    );
    let expected = "TOOL boxed_by_hand {\"n\":2} stream.items=2\n";
    assert_eq!(
        recorded(|| all(boxed_by_hand(2))),
        (vec![0, 1], expected.into())
    );
    let cell = Cell::new(1);
    let expected = "TOOL boxed_unsent {\"cell\":1} stream.items=1\n";
    assert_eq!(
        recorded(|| all(boxed_unsent(&cell))),
        (vec![1], expected.into())
    );
    let expected = "TOOL by_own_name {\"text\":\"a b\"} stream.items=2\n";
    assert_eq!(
        recorded(|| all(by_own_name("a b"))),
        (vec!["a".into(), "b".into()], expected.into())
    );
}

type Streamed<T> = Result<BoxStream<'static, Result<T, fmt::Error>>, String>;

#[llm]
async fn opens(to: u8) -> Result<BoxStream<'static, Result<u8, fmt::Error>>, String> {
    yield_now().await;
    if to == 0 {
        return Err("nothing".into());
    }
    step(to.into());
    Ok(stream::iter(1..=to)
        .map(|n| if n < 3 { Ok(n) } else { Err(fmt::Error) })
        .boxed())
}

#[llm]
async fn opens_opaque(to: u8) -> Result<impl Stream<Item = u8> + Send, String> {
    yield_now().await;
    if to == 0 {
        Err("nothing".into())
    } else {
        Ok(stream::iter(0..to))
    }
}

#[llm]
fn opens_at_once(to: u8) -> Result<impl Stream<Item = u8>, fmt::Error> {
    let to = to.checked_sub(1).ok_or(fmt::Error)?;
    Ok(stream::iter(0..to))
}

#[llm]
async fn gives(to: u8) -> impl Stream<Item = u8> {
    yield_now().await;
    stream::iter(0..to)
}

#[llm]
async fn opens_by_another_name(to: u8) -> Streamed<u8> {
    yield_now().await;
    Ok(stream::iter(0..to).map(Ok).boxed())
}

#[test]
fn streams_that_are_awaited_or_tried() {
    let text = "an error occurred when formatting an argument";
    let (items, trace) = recorded(|| block_on(async { all(opens(2).await.expect("it opens")) }));
    assert_eq!(items, [Ok(1), Ok(2)]);
    assert_eq!(
        trace,
        "LLM opens {\"to\":2} -> [1,2] stream.items=2 stream.ended=\"end\"\n  TASK step {\"n\":2} -> 3\n"
    );
    let (items, trace) = recorded(|| all(block_on(opens(3)).expect("it opens")));
    assert_eq!(items, [Ok(1), Ok(2), Err(fmt::Error)]);
    assert_eq!(
        trace,
        format!(
            "LLM opens {{\"to\":3}} -> [1,2] stream.items=3 stream.ended=\"error\" ! Error: {text}\n  TASK step {{\"n\":3}} -> 4\n"
        )
    );
    let (failed, trace) = recorded(|| block_on(opens(0)).map(all));
    assert_eq!(
        (failed, trace.as_str()),
        (
            Err("nothing".into()),
            "LLM opens {\"to\":0} ! String: nothing\n"
        )
    );

    let expected = "LLM opens_opaque {\"to\":2} -> [0,1] stream.items=2 stream.ended=\"end\"\n";
    assert_eq!(
        recorded(|| block_on(opens_opaque(2)).map(all)),
        (Ok(vec![0, 1]), expected.into())
    );
    let expected = "LLM opens_opaque {\"to\":0} ! String: nothing\n";
    assert_eq!(
        recorded(|| block_on(opens_opaque(0)).map(all)),
        (Err("nothing".into()), expected.into())
    );
    let expected = "LLM opens_at_once {\"to\":2} -> [0] stream.items=1 stream.ended=\"end\"\n";
    assert_eq!(
        recorded(|| opens_at_once(2).map(all)),
        (Ok(vec![0]), expected.into())
    );
    let expected = format!("LLM opens_at_once {{\"to\":0}} ! Error: {text}\n");
    assert_eq!(
        recorded(|| opens_at_once(0).map(all)),
        (Err(fmt::Error), expected)
    );
    let expected = "LLM gives {\"to\":2} -> [0,1] stream.items=2 stream.ended=\"end\"\n";
    assert_eq!(
        recorded(|| all(block_on(gives(2)))),
        (vec![0, 1], expected.into())
    );

    // What a name hides, the type says.
    let expected =
        "LLM opens_by_another_name {\"to\":1} -> [0] stream.items=1 stream.ended=\"end\"\n";
    assert_eq!(
        recorded(|| block_on(opens_by_another_name(1)).map(all)),
        (Ok(vec![Ok(0)]), expected.into())
    );
}

#[test]
fn a_stream_is_cancelled_before_it_is_there() {
    let ((), trace) = recorded(|| {
        let mut future = Box::pin(opens(1));
        assert!(crate::watch::poll_once(future.as_mut()).is_pending());
    });
    assert_eq!(trace, "LLM opens {\"to\":1} (cancelled)\n");
}

#[tool]
fn concrete(to: u8) -> stream::Iter<std::ops::Range<u8>> {
    stream::iter(0..to)
}

#[tool]
fn fused(to: u8) -> impl FusedStream<Item = u8> {
    stream::iter(0..to).fuse()
}

#[tool]
fn cloned(to: u8) -> impl Stream<Item = u8> + Clone {
    stream::iter(0..to)
}

#[tool]
fn pair(to: u8) -> (impl Stream<Item = u8>, u8) {
    (stream::iter(0..to), to)
}

/// A trait of the user's, by the name that everybody's has.
mod other {
    pub(super) trait Stream {
        type Item;
        fn take_one(&mut self) -> Option<Self::Item>;
    }

    impl Stream for u8 {
        type Item = Self;
        fn take_one(&mut self) -> Option<Self> {
            self.checked_sub(1)
        }
    }
}

#[tool]
fn another_trait(n: u8) -> impl other::Stream<Item = u8> {
    n
}

/// A stream that can be named.
#[derive(Debug)]
struct CountStream(u8);

impl Stream for CountStream {
    type Item = u8;

    #[tool(skip_all)]
    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<u8>> {
        let next = self.0.checked_sub(1);
        self.0 = next.unwrap_or_default();
        Poll::Ready(next)
    }
}

#[tool]
fn named(to: u8) -> CountStream {
    CountStream(to)
}

#[test]
fn what_cannot_be_wrapped_is_what_it_was() {
    fn same<T>(_: fn(u8) -> T) {}
    same::<stream::Iter<std::ops::Range<u8>>>(concrete);
    same::<CountStream>(named);
    let kind = |trace: &str| trace.split(" -> ").next().map(str::to_owned);
    let (items, trace) = recorded(|| all(concrete(1)));
    assert_eq!(
        (items, kind(&trace)),
        (vec![0], Some("TOOL concrete {\"to\":1}".into()))
    );
    let (items, trace) = recorded(|| {
        let items = fused(1);
        assert!(!items.is_terminated());
        all(items)
    });
    assert_eq!(
        (items, kind(&trace)),
        (vec![0], Some("TOOL fused {\"to\":1}".into()))
    );
    let (items, trace) = recorded(|| {
        let items = cloned(1);
        (all(items.clone()), all(items))
    });
    assert_eq!(
        (items, kind(&trace)),
        ((vec![0], vec![0]), Some("TOOL cloned {\"to\":1}".into()))
    );
    let (items, trace) = recorded(|| {
        let (items, to) = pair(1);
        (all(items), to)
    });
    assert_eq!(
        (items, kind(&trace)),
        ((vec![0], 1), Some("TOOL pair {\"to\":1}".into()))
    );
    let (items, trace) = recorded(|| other::Stream::take_one(&mut another_trait(1)));
    assert_eq!(items, Some(0));
    assert_eq!(trace, "TOOL another_trait {\"n\":1}\n");
    let expected = "\
TOOL named {\"to\":1} -> \"CountStream(1)\"
TOOL poll_next -> \"Ready(Some(0))\"
TOOL poll_next -> \"Ready(None)\"
";
    assert_eq!(recorded(|| all(named(1))), (vec![0], expected.into()));
}

struct Model {
    tokens: Vec<&'static str>,
}

impl Model {
    #[llm(model = "gpt-4o-mini")]
    fn tokens<'a>(&'a self, prompt: &str) -> impl Stream<Item = &'static str> + use<'a> {
        let skipped = prompt.len();
        stream::iter(self.tokens.iter().copied().skip(skipped))
    }

    #[llm(skip_all)]
    fn drain(&mut self) -> impl Stream<Item = &'static str> + '_ {
        stream::iter(self.tokens.drain(..))
    }

    #[llm]
    async fn open(
        &self,
        from: usize,
    ) -> Result<BoxStream<'_, Result<&'static str, fmt::Error>>, fmt::Error> {
        yield_now().await;
        let tokens = self.tokens.get(from..).ok_or(fmt::Error)?;
        Ok(stream::iter(tokens.iter().copied().map(Ok)).boxed())
    }
}

#[test]
fn methods() {
    let mut model = Model {
        tokens: vec!["a", "b"],
    };
    let expected = "LLM tokens · gpt-4o-mini {\"prompt\":\"x\"} -> [\"b\"] stream.items=1 stream.ended=\"end\"\n";
    assert_eq!(
        recorded(|| all(model.tokens("x"))),
        (vec!["b"], expected.into())
    );
    let expected = "LLM open {\"from\":1} -> [\"b\"] stream.items=1 stream.ended=\"end\"\n";
    assert_eq!(
        recorded(|| block_on(async { all(model.open(1).await.expect("it opens")) })),
        (vec![Ok("b")], expected.into())
    );
    let expected = "LLM drain -> [\"a\",\"b\"] stream.items=2 stream.ended=\"end\"\n";
    assert_eq!(
        recorded(|| all(model.drain())),
        (vec!["a", "b"], expected.into())
    );
}
