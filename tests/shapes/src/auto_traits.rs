//! What a future may do: go to another thread, be shared, be moved, outlive its caller. All as without the attribute.
//!
//! Each function stands beside its plain twin, and both futures are asked for the same traits.

#![expect(
    clippy::future_not_send,
    clippy::unused_async,
    reason = "all kinds of futures are asked what they are"
)]

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::thread;

use crate::block_on;
use crate::runtime::InCurrentSpan as _;
use crate::watch::{recorded, recorded_async, yield_now};

/// Asks for a type.
struct Probe<T>(PhantomData<T>);

macro_rules! ask {
    ($($question:ident $no:ident $method:ident: $auto:ident;)*) => { $(
        trait $question { fn $method(&self) -> bool; }
        impl<T: $auto> $question for &Probe<T> { fn $method(&self) -> bool { true } }
        trait $no { fn $method(&self) -> bool; }
        impl<T> $no for Probe<T> { fn $method(&self) -> bool { false } }
    )* };
}
ask! {
    IsSend IsNotSend send: Send;
    IsSync IsNotSync sync: Sync;
    IsUnpin IsNotUnpin unpin: Unpin;
    IsUnwindSafe IsNotUnwindSafe unwind_safe: UnwindSafe;
    IsRefUnwindSafe IsNotRefUnwindSafe ref_unwind_safe: RefUnwindSafe;
}

impl<T> Probe<T> {
    const fn of(_: &T) -> Self {
        Self(PhantomData)
    }
}

/// What the compiler says of a value's type.
macro_rules! auto {
    ($value:expr) => {{
        let probe = Probe::of($value);
        [
            ("Send", (&&probe).send()),
            ("Sync", (&&probe).sync()),
            ("Unpin", (&&probe).unpin()),
            ("UnwindSafe", (&&probe).unwind_safe()),
            ("RefUnwindSafe", (&&probe).ref_unwind_safe()),
        ]
    }};
}

/// Emits each function annotated, in two ways, and plain.
macro_rules! twins {
    ($($item:item)*) => {
        mod annotated {
            use super::*;
            use crate::runtime::tool;
            $(#[tool] $item)*
        }
        mod bare {
            use super::*;
            use crate::runtime::operation;
            $(#[operation(skip_all, capture_return = false)] $item)*
        }
        mod plain {
            use super::*;
            $($item)*
        }
    };
}

twins! {
    pub(super) async fn nothing() {}

    pub(super) async fn numbers(a: u32, b: f64) -> f64 {
        yield_now().await;
        f64::from(a) + b
    }

    pub(super) async fn text(text: String, list: Vec<String>) -> usize {
        yield_now().await;
        text.len() + list.len()
    }

    pub(super) async fn cell_by_value(count: Cell<u32>) -> u32 {
        yield_now().await;
        count.get()
    }

    pub(super) async fn cell_by_reference(count: &Cell<u32>) -> u32 {
        yield_now().await;
        count.get()
    }

    pub(super) async fn ref_cell(names: RefCell<Vec<String>>) -> usize {
        yield_now().await;
        names.borrow().len()
    }

    pub(super) async fn counted(text: Rc<str>) -> usize {
        yield_now().await;
        text.len()
    }

    pub(super) async fn shared(total: Arc<Mutex<u32>>) -> u32 {
        yield_now().await;
        let total = total.lock().expect("nobody panicked");
        *total
    }

    pub(super) async fn pointer(at: *const u8) -> bool {
        yield_now().await;
        at.is_null()
    }

    pub(super) async fn pointer_is_gone_before_the_wait(at: *const u8) -> bool {
        at.is_null()
    }

    pub(super) async fn boxed(value: Box<dyn fmt::Debug>) -> String {
        yield_now().await;
        format!("{value:?}")
    }

    pub(super) async fn boxed_send(value: Box<dyn fmt::Debug + Send>) -> String {
        yield_now().await;
        format!("{value:?}")
    }

    pub(super) async fn marker(_: PhantomData<*mut u8>) {
        yield_now().await;
    }

    pub(super) async fn local_rc() -> u32 {
        let rc = Rc::new(1);
        yield_now().await;
        *rc
    }

    pub(super) async fn local_rc_is_gone() -> u32 {
        let one = {
            let rc = Rc::new(1);
            *rc
        };
        yield_now().await;
        one
    }

    pub(super) async fn unique(out: &mut Vec<u8>) {
        yield_now().await;
        out.push(1);
    }

    pub(super) async fn rc_output() -> Rc<u8> {
        Rc::new(1)
    }

    pub(super) async fn cell_output() -> Cell<u8> {
        yield_now().await;
        Cell::new(1)
    }

    pub(super) async fn rc_error(fail: bool) -> Result<u8, Rc<str>> {
        yield_now().await;
        if fail { Err("no".into()) } else { Ok(1) }
    }

    pub(super) async fn mapped(f: impl for<'x> Fn(&'x str) -> &'x str) -> usize {
        yield_now().await;
        f(" a ").len()
    }

    pub(super) async fn generic<T: fmt::Debug>(value: T) -> T {
        yield_now().await;
        value
    }

    pub(super) fn nested(n: u32) -> Vec<Rc<Cell<u32>>> {
        vec![Rc::new(Cell::new(n))]
    }

    pub(super) fn opaque(n: u32) -> (impl Fn() -> u32, u8) {
        (move || n, 0)
    }
}

macro_rules! same {
    ($($call:ident $arguments:tt)*) => { $({
        let plain = auto!(&plain::$call $arguments);
        assert_eq!(auto!(&annotated::$call $arguments), plain, stringify!($call));
        assert_eq!(auto!(&bare::$call $arguments), plain, stringify!($call));
    })* };
}

#[test]
fn futures_have_the_traits_of_their_twins() {
    let cell = Cell::new(1);
    let seven = 7;
    let mut list = vec![];
    recorded(|| {
        same! {
            nothing()
            numbers(1, 2.0)
            text(String::new(), vec![])
            cell_by_value(Cell::new(1))
            cell_by_reference(&cell)
            ref_cell(RefCell::default())
            counted("a".into())
            shared(Arc::default())
            pointer(std::ptr::null())
            pointer_is_gone_before_the_wait(std::ptr::null())
            boxed(Box::new(1))
            boxed_send(Box::new(1))
            marker(PhantomData)
            local_rc()
            local_rc_is_gone()
            unique(&mut list)
            rc_output()
            cell_output()
            rc_error(true)
            mapped(str::trim)
            generic(1)
            generic(Rc::new(1))
            generic(Cell::new(&seven))
            nested(1)
            opaque(1)
        }
    });
}

#[test]
fn twins_do_the_same() {
    let (sum, trace) = recorded_async(annotated::numbers(1, 0.5));
    assert_eq!(
        (sum, trace.as_str()),
        (1.5, "TOOL numbers {\"a\":1,\"b\":0.5} -> 1.5\n")
    );
    let (count, trace) = recorded_async(annotated::cell_by_value(Cell::new(3)));
    assert_eq!(
        (count, trace.as_str()),
        (3, "TOOL cell_by_value {\"count\":3} -> 3\n")
    );
    let (length, trace) = recorded_async(annotated::counted("abc".into()));
    assert_eq!(
        (length, trace.as_str()),
        (3, "TOOL counted {\"text\":\"abc\"} -> 3\n")
    );
    let (length, trace) = recorded_async(bare::counted("abc".into()));
    assert_eq!((length, trace.as_str()), (3, "OPERATION counted\n"));
    let (failed, trace) = recorded_async(bare::rc_error(true));
    assert_eq!(
        (failed, trace.as_str()),
        (Err("no".into()), "OPERATION rc_error ! Rc: no\n")
    );
    let (value, trace) = recorded_async(annotated::shared(Arc::new(Mutex::new(2))));
    assert_eq!(value, 2);
    assert_eq!(
        trace,
        "TOOL shared {\"total\":{\"$type\":\"std::sync::poison::mutex::Mutex<u32>\"}} -> 2\n"
    );
}

const fn is_static<T: 'static>(_: &T) {}

fn task<F: Future<Output = R> + Send + 'static, R: Send + 'static>(future: F) -> R {
    let future = future.in_current_span();
    thread::spawn(move || block_on(future))
        .join()
        .expect("it runs")
}

fn passes_on<T: fmt::Debug + Send + 'static>(value: T) -> impl Future<Output = T> + Send + 'static {
    annotated::generic(value)
}

#[test]
fn futures_go_where_they_went() {
    let (sum, trace) = recorded(|| {
        let future = annotated::numbers(1, 1.0);
        is_static(&future);
        task(future)
    });
    assert_eq!(
        (sum, trace.as_str()),
        (2.0, "TOOL numbers {\"a\":1,\"b\":1.0} -> 2.0\n")
    );
    let (value, trace) = recorded(|| task(passes_on(Cell::new(1))));
    assert_eq!(value, Cell::new(1));
    assert_eq!(
        trace,
        "TOOL generic {\"value\":\"Cell { value: 1 }\"} -> \"Cell { value: 1 }\"\n"
    );
    let boxed: Box<dyn Future<Output = usize> + Send + Sync> =
        Box::new(annotated::text("a".into(), vec![]));
    is_static(&boxed);
    assert_eq!(block_on(Box::into_pin(boxed)), 1);
    assert_eq!(
        block_on(
            annotated::nested(1)
                .into_iter()
                .map(|n| async move { n.get() })
                .next()
                .expect("one")
        ),
        1
    );
    assert_eq!((annotated::opaque(3).0)(), 3);
}
