//! Attributes beside `#[async_trait]`, in every order.

use std::cell::Cell;
use std::fmt::Debug;
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;

use crate::block_on;
use crate::runtime;
use crate::runtime::testing::capture_with_async;
use crate::runtime::{agent, operation, session, skip, task, tool};

/// As [`check`](crate::blocks::check), for what is awaited.
#[track_caller]
pub fn check_async<T: PartialEq + Debug>(
    run: impl Future<Output = T>,
    value: T,
    expected: &[&str],
) {
    let (found, trace) = block_on(capture_with_async(run));
    assert_eq!(found, value);
    drop(value);
    let trace = trace.to_string();
    assert_eq!(trace.lines().collect::<Vec<_>>(), expected);
}

/// Comes back to its caller once before it goes on.
async fn pause() {
    let mut paused = false;
    poll_fn(|_| {
        if std::mem::replace(&mut paused, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

fn is_send<T: Send>(value: T) -> T {
    value
}

#[async_trait]
trait Search: Send + Sync {
    async fn find(&self, words: &str) -> Result<usize, String>;
    async fn refresh(&mut self, by: u8) -> u8;
    async fn close(self: Box<Self>) -> u8;
    async fn shared(self: Arc<Self>, n: u8) -> u8;
    fn plain(&self) -> u8;
    async fn open() -> Self
    where
        Self: Sized;
}

// The attribute on methods: `#[async_trait]` expands first, and leaves it on what it makes of them.

struct OnMethods(u8);

#[async_trait]
impl Search for OnMethods {
    #[tool(name = "search")]
    async fn find(&self, words: &str) -> Result<usize, String> {
        pause().await;
        let left = words.strip_prefix("the ").ok_or("no article")?;
        Ok(left.len() + usize::from(self.0))
    }

    #[operation]
    async fn refresh(&mut self, by: u8) -> u8 {
        self.0 += by;
        let found = self.find("the cat").await.unwrap_or(0);
        self.0 + u8::from(found > 1)
    }

    #[task]
    async fn close(self: Box<Self>) -> u8 {
        self.0
    }

    #[task]
    async fn shared(self: Arc<Self>, n: u8) -> u8 {
        self.0 + n
    }

    #[task]
    fn plain(&self) -> u8 {
        self.0
    }

    #[task(skip_all, capture_return = false)]
    async fn open() -> Self {
        Self(1)
    }
}

#[test]
fn on_methods() {
    let trace = ["TOOL search {\"words\":\"the cat\"} -> 4"];
    check_async(
        async { is_send(OnMethods(1).find("the cat")).await },
        Ok(4),
        &trace,
    );
    let trace = ["TOOL search {\"words\":\"cat\"} ! String: no article"];
    let run = async { OnMethods(1).find("cat").await };
    check_async(run, Err("no article".into()), &trace);
}

#[test]
fn on_methods_that_call_one_another() {
    let run = async { OnMethods(1).refresh(2).await };
    let trace = [
        "OPERATION refresh {\"by\":2} -> 4",
        "  TOOL search {\"words\":\"the cat\"} -> 6",
    ];
    check_async(run, 4, &trace);
}

#[test]
fn on_methods_that_own_the_receiver() {
    let run = async {
        let opened = OnMethods::open().await;
        let plain = opened.plain();
        let boxed: Box<dyn Search> = Box::new(opened);
        boxed.close().await + plain + Arc::new(OnMethods(1)).shared(3).await
    };
    let trace = [
        "TASK open",
        "TASK plain -> 1",
        "TASK close -> 1",
        "TASK shared {\"n\":3} -> 4",
    ];
    check_async(run, 6, &trace);
}

// The attribute above `#[async_trait]`: it expands first.

struct Above(u8);

#[agent]
#[async_trait]
impl Search for Above {
    #[tool(name = "search")]
    async fn find(&self, words: &str) -> Result<usize, String> {
        pause().await;
        let left = words.strip_prefix("the ").ok_or("no article")?;
        Ok(left.len() + usize::from(self.0))
    }

    async fn refresh(&mut self, by: u8) -> u8 {
        self.0 += by;
        let found = self.find("the cat").await.unwrap_or(0);
        self.0 + u8::from(found > 1)
    }

    async fn close(self: Box<Self>) -> u8 {
        self.0
    }

    async fn shared(self: Arc<Self>, n: u8) -> u8 {
        let this = self;
        this.0 + n
    }

    fn plain(&self) -> u8 {
        self.0
    }

    async fn open() -> Self {
        Self(1)
    }
}

#[test]
fn above() {
    let trace = ["AGENT Above", "  TOOL search {\"words\":\"the cat\"} -> 4"];
    check_async(
        async { is_send(Above(1).find("the cat")).await },
        Ok(4),
        &trace,
    );
    let run = async { Above(1).refresh(2).await };
    let trace = [
        "AGENT Above",
        "  OPERATION refresh {\"by\":2} -> 4",
        "    TOOL search {\"words\":\"the cat\"} -> 6",
    ];
    check_async(run, 4, &trace);
}

#[test]
fn above_where_methods_own_the_receiver() {
    let run = async {
        let opened = Above::open().await;
        let plain = opened.plain();
        let boxed: Box<dyn Search> = Box::new(opened);
        boxed.close().await + plain + Arc::new(Above(1)).shared(3).await
    };
    let trace = [
        "AGENT Above",
        "  OPERATION plain -> 1",
        "AGENT Above",
        "  OPERATION close -> 1",
        "AGENT Above",
        "  OPERATION shared {\"n\":3} -> 4",
    ];
    check_async(run, 6, &trace);
}

// The attribute below `#[async_trait]`: methods are functions by then that return futures.

struct Below(u8);

#[async_trait]
#[agent]
impl Search for Below {
    #[tool(name = "search")]
    async fn find(&self, words: &str) -> Result<usize, String> {
        pause().await;
        let left = words.strip_prefix("the ").ok_or("no article")?;
        Ok(left.len() + usize::from(self.0))
    }

    async fn refresh(&mut self, by: u8) -> u8 {
        self.0 += by;
        let found = self.find("the cat").await.unwrap_or(0);
        self.0 + u8::from(found > 1)
    }

    async fn close(self: Box<Self>) -> u8 {
        self.0
    }

    async fn shared(self: Arc<Self>, n: u8) -> u8 {
        let this = self;
        this.0 + n
    }

    fn plain(&self) -> u8 {
        self.0
    }

    async fn open() -> Self {
        Self(1)
    }
}

#[test]
fn below() {
    let trace = ["AGENT Below", "  TOOL search {\"words\":\"the cat\"} -> 4"];
    check_async(
        async { is_send(Below(1).find("the cat")).await },
        Ok(4),
        &trace,
    );
    let run = async { Below(1).refresh(2).await };
    let trace = [
        "AGENT Below",
        "  OPERATION refresh {\"by\":2} -> 4",
        "    TOOL search {\"words\":\"the cat\"} -> 6",
    ];
    check_async(run, 4, &trace);
}

#[test]
fn below_where_methods_own_the_receiver() {
    let run = async {
        let opened = Below::open().await;
        let plain = opened.plain();
        let boxed: Box<dyn Search> = Box::new(opened);
        boxed.close().await + plain + Arc::new(Below(1)).shared(3).await
    };
    let trace = [
        "AGENT Below",
        "  OPERATION plain -> 1",
        "AGENT Below",
        "  OPERATION close -> 1",
        "AGENT Below",
        "  OPERATION shared {\"n\":3} -> 4",
    ];
    check_async(run, 6, &trace);
}

// What cannot be sent.

#[async_trait(?Send)]
trait Local {
    async fn count(&self, by: Rc<Cell<u8>>) -> u8;
}

struct OnMethod;
struct LocalAbove;
struct LocalBelow;

#[async_trait(?Send)]
impl Local for OnMethod {
    #[tool(skip_all)]
    async fn count(&self, by: Rc<Cell<u8>>) -> u8 {
        pause().await;
        by.replace(7)
    }
}

#[tool(skip_all)]
#[async_trait(?Send)]
impl Local for LocalAbove {
    async fn count(&self, by: Rc<Cell<u8>>) -> u8 {
        pause().await;
        by.replace(7)
    }
}

#[async_trait(?Send)]
#[tool(skip_all)]
impl Local for LocalBelow {
    async fn count(&self, by: Rc<Cell<u8>>) -> u8 {
        pause().await;
        by.replace(7)
    }
}

#[test]
fn futures_that_stay_on_their_thread() {
    let locals: [&dyn Local; 3] = [&OnMethod, &LocalAbove, &LocalBelow];
    for local in locals {
        let by = Rc::new(Cell::new(3));
        let trace = ["TOOL count -> 3"];
        check_async(async { local.count(Rc::clone(&by)).await }, 3, &trace);
        assert_eq!(by.get(), 7);
    }
}

// Default methods.

#[async_trait]
trait Defaults: Sync {
    fn base(&self) -> u8;

    #[tool]
    async fn with_default(&self, n: u8) -> u8 {
        pause().await;
        self.base() + n
    }

    #[tool]
    async fn sized(self, n: u8) -> u8
    where
        Self: Sized + Send + 'async_trait,
    {
        pause().await;
        self.with_default(n).await
    }

    #[operation]
    async fn generic<T: Debug + Send>(&self, value: T) -> String
    where
        Self: Sized,
    {
        format!("{value:?}{}", self.base())
    }
}

impl Defaults for u8 {
    fn base(&self) -> u8 {
        *self
    }
}

#[test]
fn default_methods() {
    let trace = [
        "TOOL sized {\"n\":1} -> 6",
        "  TOOL with_default {\"n\":1} -> 6",
    ];
    check_async(async { 5.sized(1).await }, 6, &trace);
    let object: &dyn Defaults = &4;
    let trace = ["TOOL with_default {\"n\":1} -> 5"];
    check_async(async { object.with_default(1).await }, 5, &trace);
    let trace = ["OPERATION generic {\"value\":\"'c'\"} -> \"'c'7\""];
    check_async(async { 7.generic('c').await }, "'c'7".into(), &trace);
}

// Generic types, patterns, early returns, sessions.

struct Pool<T>(Vec<T>);

#[async_trait]
trait Take<T> {
    async fn take(&mut self, at: (usize, usize), mut left: u8) -> Option<T>;
    async fn none(&self);
}

#[operation(skip(left))]
#[async_trait]
impl<T> Take<T> for Pool<T>
where
    T: Clone + Debug + Send + Sync,
{
    async fn take(&mut self, (row, column): (usize, usize), mut left: u8) -> Option<T> {
        loop {
            if left == 0 {
                return None;
            }
            left -= 1;
            pause().await;
            let at = row.checked_sub(column)?;
            if let Some(value) = self.0.get(at) {
                return Some(value.clone());
            }
        }
    }

    async fn none(&self) {}
}

#[test]
fn generic_block_above() {
    let run = async {
        let mut pool = Pool(vec!['a', 'b']);
        pool.none().await;
        (pool.take((2, 1), 3).await, pool.take((9, 0), 1).await)
    };
    let trace = [
        "OPERATION none",
        "OPERATION take {\"row\":2,\"column\":1} -> \"Some('b')\"",
        "OPERATION take {\"row\":9,\"column\":0} -> \"None\"",
    ];
    check_async(run, (Some('b'), None), &trace);
}

struct Sessions;

#[async_trait]
trait Handle {
    async fn handle(&self, request: String) -> usize;
    async fn hot(&self) -> usize;
}

#[agent(name = "handler")]
#[async_trait]
impl Handle for Sessions {
    #[session(tags = ["request"])]
    async fn handle(&self, request: String) -> usize {
        request.len() + self.hot().await
    }

    #[skip]
    async fn hot(&self) -> usize {
        1
    }
}

#[test]
fn a_session_for_each_call() {
    let (found, trace) = block_on(capture_with_async(Sessions.handle("abc".into())));
    assert_eq!(found, 4);
    assert_eq!(trace.outline(), "SESSION handle\n  AGENT handler\n");
}

struct Instrumented;

#[runtime::instrument(level = "debug")]
#[async_trait]
impl Handle for Instrumented {
    async fn handle(&self, request: String) -> usize {
        self.hot().await + request.len()
    }

    async fn hot(&self) -> usize {
        pause().await;
        1
    }
}

#[test]
fn dropped_before_it_ends() {
    let (polled, trace) = block_on(capture_with_async(async {
        let mut work = Instrumented.handle("abc".into());
        let mut cx = Context::from_waker(Waker::noop());
        work.as_mut().poll(&mut cx).is_ready()
    }));
    assert!(!polled);
    assert_eq!(
        trace.outline(),
        "OPERATION handle (cancelled)\n  OPERATION hot (cancelled)\n"
    );
}

#[test]
fn what_is_never_polled_never_runs() {
    let ((), trace) = block_on(capture_with_async(async {
        drop(Instrumented.hot());
    }));
    assert_eq!(trace.outline(), "");
}
