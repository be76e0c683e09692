//! When what a function owns is dropped: locals first, arguments in reverse, unused ones too, `self` last.
//!
//! Each item stands beside its plain twin; both run, and what they wrote down while they dropped things is compared.

#![expect(
    clippy::await_holding_lock,
    clippy::boxed_local,
    clippy::future_not_send,
    clippy::needless_pass_by_value,
    clippy::toplevel_ref_arg,
    clippy::unused_self,
    reason = "they own what they do not need, to see when it goes"
)]

use std::cell::RefCell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard};

use futures_util::future::{FutureExt as _, LocalBoxFuture};
use futures_util::stream::{self, Stream, StreamExt as _};

use crate::block_on;
use crate::runtime::tool;
use crate::watch::{Noisy, note, noted, poll_once, recorded, yield_now};

/// Emits each item plain, with everything recorded, and with nothing recorded but that it ran.
macro_rules! twins {
    ($($item:item)*) => {
        mod plain {
            use super::*;
            pub(super) struct Owner(pub(super) Noisy);
            $($item)*
        }
        mod full {
            use super::*;
            use crate::runtime::tool;
            pub(super) struct Owner(pub(super) Noisy);
            $(#[tool] $item)*
        }
        mod bare {
            use super::*;
            use crate::runtime::operation;
            pub(super) struct Owner(pub(super) Noisy);
            $(#[operation(skip_all, capture_return = false)] $item)*
        }
    };
}

/// Runs a call of each of the twins: what is dropped is the same, and the span is there.
macro_rules! same {
    ($call:expr, $dropped:expr, $full:literal, $bare:literal) => {{
        let dropped: &str = $dropped;
        {
            use plain::*;
            let_go($call);
            assert_eq!(noted(), dropped, "plain");
        }
        {
            use full::*;
            let ((), trace) = recorded(|| let_go($call));
            assert_eq!((noted().as_str(), trace.as_str()), (dropped, $full));
        }
        {
            use bare::*;
            let ((), trace) = recorded(|| let_go($call));
            assert_eq!((noted().as_str(), trace.as_str()), (dropped, $bare));
        }
    }};
}

/// Drops what was returned, be it nothing.
fn let_go<R>(_: R) {}

/// Polls once, and gives up.
fn give_up(future: impl Future) {
    let mut future = Box::pin(future);
    assert!(poll_once(future.as_mut()).is_pending());
}

/// Lets a panic end here.
fn caught<R>(work: impl FnOnce() -> R) {
    let caught = catch_unwind(AssertUnwindSafe(|| drop(work())));
    note(if caught.is_err() {
        "caught"
    } else {
        "returned"
    });
}

fn noisy(name: &'static str) -> Noisy {
    Noisy(name)
}

fn length(noisy: &Noisy) -> usize {
    noisy.0.len()
}

struct Pair {
    left: Noisy,
    right: Noisy,
}

twins! {
    pub(super) fn arguments(_a: Noisy, _b: Noisy, _c: Noisy) {
        let _one = Noisy("one");
        let _two = Noisy("two");
        note("body");
    }

    pub(super) fn underscored(_: Noisy, _b: Noisy, _: Noisy) {
        note("body");
    }

    pub(super) fn used(a: Noisy, b: Noisy, c: Noisy) -> usize {
        drop(b);
        note("body");
        a.0.len() + c.0.len()
    }

    pub(super) fn given_back(a: Noisy, _b: Noisy, mut c: Noisy) -> Noisy {
        c.0 = "changed";
        note("body");
        a
    }

    pub(super) fn early(a: Noisy, stop: bool, _b: Noisy) -> usize {
        let _local = Noisy("local");
        if stop {
            return 0;
        }
        note("late");
        a.0.len()
    }

    pub(super) fn asks(_a: Noisy, value: Option<u8>, _b: Noisy) -> Option<u8> {
        let _local = Noisy("local");
        let value = value?;
        note("late");
        Some(value)
    }

    pub(super) fn taken_apart(Pair { left, right: _ }: Pair, _b: Noisy) -> usize {
        note("body");
        left.0.len()
    }

    pub(super) fn tuples((a, _b): (Noisy, Noisy), [_c, d]: [Noisy; 2]) {
        note("body");
        drop(a);
        note(format_args!("<{}>", d.0));
    }

    pub(super) fn by_reference(ref a: Noisy, ref mut b: Noisy) {
        b.0 = "changed";
        note(a.0);
    }

    pub(super) fn whole(a @ Noisy(_): Noisy, _b: Noisy) -> usize {
        a.0.len()
    }

    pub(super) fn unwinds(_a: Noisy, _b: Noisy) {
        let _local = Noisy("local");
        panic!("down");
    }

    pub(super) fn tail(_a: Noisy) -> usize {
        let _local = Noisy("local");
        noisy("temporary").0.len()
    }

    pub(super) fn tail_of_a_cell(_a: Noisy) -> usize {
        let cell = RefCell::new(vec![noisy("inside")]);
        let inside = cell.borrow();
        inside.len()
    }

    pub(super) fn generic<T, const N: usize>(_value: T, _many: [Noisy; N]) {
        note("body");
    }

    pub(super) fn into_iterator(_a: Noisy, all: impl IntoIterator<Item = Noisy>) -> usize {
        all.into_iter().map(|one| one.0.len()).sum()
    }

    pub(super) fn boxed(_a: Noisy, b: Box<Noisy>, _c: Option<Noisy>) -> Box<Noisy> {
        note("body");
        b
    }

    impl Owner {
        pub(super) fn by_value(self, _a: Noisy, _b: Noisy) {
            let _local = Noisy("local");
            note("body");
        }

        pub(super) fn boxed_self(self: Box<Self>, _a: Noisy) {
            note("body");
        }

        pub(super) fn changed(mut self, a: Noisy) -> Noisy {
            std::mem::replace(&mut self.0, a)
        }

        pub(super) fn moved_out(self, _a: Noisy) -> Noisy {
            self.0
        }

        pub(super) fn unused(self, _: Noisy) {}

        pub(super) async fn waits(self, _a: Noisy, _: Noisy) {
            let _local = Noisy("local");
            yield_now().await;
            note("body");
        }

        pub(super) async fn waits_changed(mut self, a: Noisy) -> Noisy {
            yield_now().await;
            std::mem::replace(&mut self.0, a)
        }
    }

    pub(super) async fn async_arguments(_a: Noisy, _b: Noisy, _c: Noisy) {
        let _one = Noisy("one");
        yield_now().await;
        let _two = Noisy("two");
        note("body");
    }

    pub(super) async fn async_underscored(_: Noisy, _b: Noisy, _: Noisy) {
        yield_now().await;
        note("body");
    }

    pub(super) async fn async_used(a: Noisy, b: Noisy, n: u8, c: Noisy) -> usize {
        drop(b);
        yield_now().await;
        a.0.len() + c.0.len() + usize::from(n)
    }

    pub(super) async fn async_early(_a: Noisy, stop: bool, b: Noisy) -> Noisy {
        let _local = Noisy("local");
        if stop {
            return b;
        }
        yield_now().await;
        note("late");
        b
    }

    pub(super) async fn async_patterns((a, _b): (Noisy, Noisy), Pair { right, left: _left }: Pair, _: &str) {
        yield_now().await;
        drop(a);
        note(format_args!("<{}>", right.0));
    }

    pub(super) async fn async_unwinds(_a: Noisy, _b: Noisy) {
        let _local = Noisy("local");
        yield_now().await;
        panic!("down");
    }

    pub(super) async fn async_tail(_a: Noisy) -> usize {
        let _local = Noisy("local");
        yield_now().await;
        noisy("temporary").0.len()
    }

    pub(super) fn returned(_a: Noisy, b: Noisy, _c: Noisy) -> impl Future<Output = usize> {
        let _local = Noisy("local");
        let kept = Noisy("kept");
        async move {
            let _inner = Noisy("inner");
            yield_now().await;
            length(&kept) + length(&b)
        }
    }

    pub(super) fn returned_in_a_box(
        a: Noisy,
        _b: Noisy,
        c: Noisy,
    ) -> Pin<Box<dyn Future<Output = usize>>> {
        Box::pin(async move {
            let _inner = Noisy("inner");
            yield_now().await;
            length(&c) + length(&a)
        })
    }

    pub(super) fn returned_after_work(a: Noisy, b: Noisy, _: Noisy) -> LocalBoxFuture<'static, Noisy> {
        drop(b);
        note("body");
        async move {
            yield_now().await;
            a
        }
        .boxed_local()
    }

    pub(super) fn streamed(a: Noisy, _b: Noisy) -> impl Stream<Item = usize> {
        let _local = Noisy("local");
        stream::iter([1, 2]).map(move |n| n + length(&a))
    }

    pub(super) fn iterated(a: Noisy, _b: Noisy) -> impl Iterator<Item = usize> {
        let _local = Noisy("local");
        [1, 2].into_iter().map(move |n| n + length(&a))
    }

    pub(super) async fn async_generic<T>(_a: Noisy, _value: T) {
        yield_now().await;
        note("body");
    }
}

#[test]
fn arguments_in_reverse() {
    same!(
        arguments(Noisy("a"), Noisy("b"), Noisy("c")),
        "body two one c b a",
        "TOOL arguments {\"_a\":\"a\",\"_b\":\"b\",\"_c\":\"c\"}\n",
        "OPERATION arguments\n"
    );
    same!(
        underscored(Noisy("a"), Noisy("b"), Noisy("c")),
        "body c b a",
        "TOOL underscored {\"_b\":\"b\"}\n",
        "OPERATION underscored\n"
    );
    same!(
        used(Noisy("a"), Noisy("b"), Noisy("c")),
        "b body c a",
        "TOOL used {\"a\":\"a\",\"b\":\"b\",\"c\":\"c\"} -> 2\n",
        "OPERATION used\n"
    );
    same!(
        given_back(Noisy("a"), Noisy("b"), Noisy("c")),
        "body changed b a",
        "TOOL given_back {\"a\":\"a\",\"_b\":\"b\",\"c\":\"c\"} -> \"a\"\n",
        "OPERATION given_back\n"
    );
    same!(
        generic(Noisy("a"), [Noisy("b"), Noisy("c")]),
        "body b c a",
        "TOOL generic {\"_value\":{\"$type\":\"shapes::watch::Noisy\"},\"_many\":\"[b, c]\"}\n",
        "OPERATION generic\n"
    );
    same!(
        into_iterator(Noisy("a"), [Noisy("b"), Noisy("c")]),
        "b c a",
        "TOOL into_iterator {\"_a\":\"a\",\"all\":{\"$type\":\"[shapes::watch::Noisy; 2]\"}} -> 2\n",
        "OPERATION into_iterator\n"
    );
    same!(
        boxed(Noisy("a"), Box::new(Noisy("b")), Some(Noisy("c"))),
        "body c a b",
        "TOOL boxed {\"_a\":\"a\",\"b\":\"b\",\"_c\":\"Some(c)\"} -> \"b\"\n",
        "OPERATION boxed\n"
    );
}

#[test]
fn at_early_ends() {
    same!(
        early(Noisy("a"), true, Noisy("b")),
        "local b a",
        "TOOL early {\"a\":\"a\",\"stop\":true,\"_b\":\"b\"} -> 0\n",
        "OPERATION early\n"
    );
    same!(
        early(Noisy("a"), false, Noisy("b")),
        "late local b a",
        "TOOL early {\"a\":\"a\",\"stop\":false,\"_b\":\"b\"} -> 1\n",
        "OPERATION early\n"
    );
    same!(
        asks(Noisy("a"), None, Noisy("b")),
        "local b a",
        "TOOL asks {\"_a\":\"a\",\"value\":null,\"_b\":\"b\"} -> null\n",
        "OPERATION asks\n"
    );
    same!(
        caught(|| unwinds(Noisy("a"), Noisy("b"))),
        "local b a caught",
        "TOOL unwinds {\"_a\":\"a\",\"_b\":\"b\"} ! panic: down\n",
        "OPERATION unwinds ! panic: down\n"
    );
}

/// The same in a package of edition 2021, where a tail's temporaries outlive the locals.
fn by_edition(older: &'static str, newer: &'static str) -> &'static str {
    if cfg!(feature = "renamed") {
        older
    } else {
        newer
    }
}

#[test]
fn temporaries_of_the_tail_as_the_edition_has_it() {
    same!(
        tail(Noisy("a")),
        by_edition("local temporary a", "temporary local a"),
        "TOOL tail {\"_a\":\"a\"} -> 9\n",
        "OPERATION tail\n"
    );
    same!(
        tail_of_a_cell(Noisy("a")),
        "inside a",
        "TOOL tail_of_a_cell {\"_a\":\"a\"} -> 1\n",
        "OPERATION tail_of_a_cell\n"
    );
    same!(
        block_on(async_tail(Noisy("a"))),
        by_edition("local temporary a", "temporary local a"),
        "TOOL async_tail {\"_a\":\"a\"} -> 9\n",
        "OPERATION async_tail\n"
    );
}

#[test]
fn of_patterns() {
    let pair = || Pair {
        left: Noisy("left"),
        right: Noisy("right"),
    };
    same!(
        taken_apart(pair(), Noisy("b")),
        "body b left right",
        "TOOL taken_apart {\"left\":\"left\",\"_b\":\"b\"} -> 4\n",
        "OPERATION taken_apart\n"
    );
    same!(
        tuples((Noisy("a"), Noisy("b")), [Noisy("c"), Noisy("d")]),
        "body a <d> d c b",
        "TOOL tuples {\"a\":\"a\",\"_b\":\"b\",\"_c\":\"c\",\"d\":\"d\"}\n",
        "OPERATION tuples\n"
    );
    same!(
        by_reference(Noisy("a"), Noisy("b")),
        "a changed a",
        "TOOL by_reference {\"a\":\"a\",\"b\":\"b\"}\n",
        "OPERATION by_reference\n"
    );
    same!(
        whole(Noisy("a"), Noisy("b")),
        "b a",
        "TOOL whole {\"a\":\"a\",\"_b\":\"b\"} -> 1\n",
        "OPERATION whole\n"
    );
    same!(
        block_on(async_patterns((Noisy("a"), Noisy("b")), pair(), "")),
        "a <right> left right b",
        "TOOL async_patterns {\"a\":\"a\",\"_b\":\"b\",\"right\":\"right\",\"_left\":\"left\"}\n",
        "OPERATION async_patterns\n"
    );
}

#[test]
fn self_last() {
    let owner = || Noisy("self");
    same!(
        Owner(owner()).by_value(Noisy("a"), Noisy("b")),
        "body local b a self",
        "TOOL by_value {\"_a\":\"a\",\"_b\":\"b\"}\n",
        "OPERATION by_value\n"
    );
    same!(
        Box::new(Owner(owner())).boxed_self(Noisy("a")),
        "body a self",
        "TOOL boxed_self {\"_a\":\"a\"}\n",
        "OPERATION boxed_self\n"
    );
    same!(
        Owner(owner()).changed(Noisy("a")),
        "a self",
        "TOOL changed {\"a\":\"a\"} -> \"self\"\n",
        "OPERATION changed\n"
    );
    same!(
        Owner(owner()).moved_out(Noisy("a")),
        "a self",
        "TOOL moved_out {\"_a\":\"a\"} -> \"self\"\n",
        "OPERATION moved_out\n"
    );
    same!(
        Owner(owner()).unused(Noisy("a")),
        "a self",
        "TOOL unused\n",
        "OPERATION unused\n"
    );
    same!(
        block_on(Owner(owner()).waits(Noisy("a"), Noisy("b"))),
        "body local b a self",
        "TOOL waits {\"_a\":\"a\"}\n",
        "OPERATION waits\n"
    );
    same!(
        give_up(Owner(owner()).waits(Noisy("a"), Noisy("b"))),
        "local b a self",
        "TOOL waits {\"_a\":\"a\"} (cancelled)\n",
        "OPERATION waits (cancelled)\n"
    );
    same!(
        block_on(Owner(owner()).waits_changed(Noisy("a"))),
        "a self",
        "TOOL waits_changed {\"a\":\"a\"} -> \"self\"\n",
        "OPERATION waits_changed\n"
    );
}

#[test]
fn of_futures() {
    same!(
        block_on(async_arguments(Noisy("a"), Noisy("b"), Noisy("c"))),
        "body two one c b a",
        "TOOL async_arguments {\"_a\":\"a\",\"_b\":\"b\",\"_c\":\"c\"}\n",
        "OPERATION async_arguments\n"
    );
    same!(
        block_on(async_underscored(Noisy("a"), Noisy("b"), Noisy("c"))),
        "body c b a",
        "TOOL async_underscored {\"_b\":\"b\"}\n",
        "OPERATION async_underscored\n"
    );
    same!(
        block_on(async_used(Noisy("a"), Noisy("b"), 1, Noisy("c"))),
        "b c a",
        "TOOL async_used {\"a\":\"a\",\"b\":\"b\",\"n\":1,\"c\":\"c\"} -> 3\n",
        "OPERATION async_used\n"
    );
    same!(
        block_on(async_early(Noisy("a"), true, Noisy("b"))),
        "local a b",
        "TOOL async_early {\"_a\":\"a\",\"stop\":true,\"b\":\"b\"} -> \"b\"\n",
        "OPERATION async_early\n"
    );
    same!(
        block_on(async_early(Noisy("a"), false, Noisy("b"))),
        "late local a b",
        "TOOL async_early {\"_a\":\"a\",\"stop\":false,\"b\":\"b\"} -> \"b\"\n",
        "OPERATION async_early\n"
    );
    same!(
        block_on(async_generic(Noisy("a"), Noisy("b"))),
        "body b a",
        "TOOL async_generic {\"_a\":\"a\",\"_value\":{\"$type\":\"shapes::watch::Noisy\"}}\n",
        "OPERATION async_generic\n"
    );
    same!(
        caught(|| block_on(async_unwinds(Noisy("a"), Noisy("b")))),
        "local b a caught",
        "TOOL async_unwinds {\"_a\":\"a\",\"_b\":\"b\"} ! panic: down\n",
        "OPERATION async_unwinds ! panic: down\n"
    );
}

#[test]
fn of_futures_that_do_not_end() {
    same!(
        async_arguments(Noisy("a"), Noisy("b"), Noisy("c")),
        "a b c",
        "",
        ""
    );
    same!(
        async_underscored(Noisy("a"), Noisy("b"), Noisy("c")),
        "a b c",
        "",
        ""
    );
    same!(
        give_up(async_arguments(Noisy("a"), Noisy("b"), Noisy("c"))),
        "one c b a",
        "TOOL async_arguments {\"_a\":\"a\",\"_b\":\"b\",\"_c\":\"c\"} (cancelled)\n",
        "OPERATION async_arguments (cancelled)\n"
    );
    same!(
        give_up(async_used(Noisy("a"), Noisy("b"), 1, Noisy("c"))),
        "b c a",
        "TOOL async_used {\"a\":\"a\",\"b\":\"b\",\"n\":1,\"c\":\"c\"} (cancelled)\n",
        "OPERATION async_used (cancelled)\n"
    );
}

#[test]
fn of_returned_futures() {
    same!(
        block_on(returned(Noisy("a"), Noisy("b"), Noisy("c"))),
        "local c a inner kept b",
        "TOOL returned {\"_a\":\"a\",\"b\":\"b\",\"_c\":\"c\"} -> 5\n",
        "OPERATION returned\n"
    );
    same!(
        returned(Noisy("a"), Noisy("b"), Noisy("c")),
        "local c a kept b",
        "TOOL returned {\"_a\":\"a\",\"b\":\"b\",\"_c\":\"c\"} (cancelled)\n",
        "OPERATION returned (cancelled)\n"
    );
    same!(
        block_on(returned_in_a_box(Noisy("a"), Noisy("b"), Noisy("c"))),
        "b inner c a",
        "TOOL returned_in_a_box {\"a\":\"a\",\"_b\":\"b\",\"c\":\"c\"} -> 2\n",
        "OPERATION returned_in_a_box\n"
    );
    same!(
        give_up(returned_in_a_box(Noisy("a"), Noisy("b"), Noisy("c"))),
        "b inner c a",
        "TOOL returned_in_a_box {\"a\":\"a\",\"_b\":\"b\",\"c\":\"c\"} (cancelled)\n",
        "OPERATION returned_in_a_box (cancelled)\n"
    );
    same!(
        block_on(returned_after_work(Noisy("a"), Noisy("b"), Noisy("c"))),
        "b body c a",
        "TOOL returned_after_work {\"a\":\"a\",\"b\":\"b\"} -> \"a\"\n",
        "OPERATION returned_after_work\n"
    );
}

#[test]
fn of_streams_and_iterators() {
    same!(
        block_on(streamed(Noisy("a"), Noisy("b")).collect::<Vec<_>>()),
        "local b a",
        "TOOL streamed {\"a\":\"a\",\"_b\":\"b\"} stream.items=2\n",
        "OPERATION streamed stream.items=2\n"
    );
    same!(
        iterated(Noisy("a"), Noisy("b")).sum::<usize>(),
        "local b a",
        "TOOL iterated {\"a\":\"a\",\"_b\":\"b\"} stream.items=2\n",
        "OPERATION iterated stream.items=2\n"
    );
}

#[tool]
fn guarded(_guard: MutexGuard<'_, u8>, lock: &Mutex<u8>) -> bool {
    lock.try_lock().is_err()
}

#[tool]
fn guarded_unbound(_: MutexGuard<'_, u8>, lock: &Mutex<u8>) -> bool {
    lock.try_lock().is_err()
}

#[tool]
async fn guarded_later(_guard: MutexGuard<'_, u8>, lock: &Mutex<u8>) -> bool {
    yield_now().await;
    lock.try_lock().is_err()
}

#[tool(skip_all)]
async fn guarded_bare(_: MutexGuard<'_, u8>, lock: &Mutex<u8>) -> bool {
    yield_now().await;
    lock.try_lock().is_err()
}

#[test]
fn guards_are_held_for_the_body_and_no_longer() {
    let lock = &Mutex::new(1);
    let guard = || lock.try_lock().expect("it is free");
    let opaque = r#""lock":{"$type":"std::sync::poison::mutex::Mutex<u8>"}"#;
    let (held, trace) = recorded(|| guarded(guard(), lock));
    assert!(held);
    assert_eq!(
        trace,
        format!("TOOL guarded {{\"_guard\":\"1\",{opaque}}} -> true\n")
    );
    let (held, trace) = recorded(|| guarded_unbound(guard(), lock));
    assert!(held);
    assert_eq!(
        trace,
        format!("TOOL guarded_unbound {{{opaque}}} -> true\n")
    );
    let (held, trace) = recorded(|| block_on(guarded_later(guard(), lock)));
    assert!(held);
    assert_eq!(
        trace,
        format!("TOOL guarded_later {{\"_guard\":\"1\",{opaque}}} -> true\n")
    );
    let (held, trace) = recorded(|| block_on(guarded_bare(guard(), lock)));
    assert!(held);
    assert_eq!(trace, "TOOL guarded_bare -> true\n");
    drop(guard());
}

/// Leaves a span where it is dropped.
struct Traced;

impl Drop for Traced {
    #[tool(name = "dropped")]
    fn drop(&mut self) {}
}

#[tool(skip_all)]
fn holds(_argument: Traced) {
    let _local = Traced;
}

#[tool(skip_all)]
async fn holds_later(_argument: Traced) {
    yield_now().await;
}

impl Traced {
    #[tool]
    fn consumed(self) {}
}

#[test]
fn what_is_dropped_is_dropped_within_the_span() {
    let expected = "TOOL holds\n  TOOL dropped\n  TOOL dropped\n";
    assert_eq!(recorded(|| holds(Traced)), ((), expected.into()));
    let expected = "TOOL holds_later\n  TOOL dropped\n";
    assert_eq!(
        recorded(|| block_on(holds_later(Traced))),
        ((), expected.into())
    );
    let expected = "TOOL consumed\n  TOOL dropped\n";
    assert_eq!(recorded(|| Traced.consumed()), ((), expected.into()));
}
