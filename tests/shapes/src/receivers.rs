//! Ways in which a method takes `self`.

#![expect(
    clippy::future_not_send,
    clippy::needless_arbitrary_self_type,
    reason = "shapes are as people write them"
)]

use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;

use crate::runtime::{agent, operation, session, task, tool, workflow};
use crate::{block_on, check};

#[derive(Debug, PartialEq)]
struct Counter(u32);

impl Counter {
    #[tool]
    fn by_reference(&self, n: u32) -> u32 {
        self.0 + n
    }

    #[tool]
    fn by_lifetime<'a>(&'a self, other: &'a Self) -> &'a Self {
        if self.0 < other.0 { other } else { self }
    }

    #[task]
    fn by_mutable_reference(&mut self, n: u32) -> &mut u32 {
        self.0 += n;
        &mut self.0
    }

    #[operation]
    fn by_value(self, n: u32) -> Self {
        Self(self.0 + n)
    }

    #[operation]
    fn by_mutable_value(mut self, n: u32) -> Self {
        self.0 += n;
        self
    }

    #[tool]
    fn by_box(self: Box<Self>) -> u32 {
        self.0
    }

    #[tool]
    fn by_mutable_box(mut self: Box<Self>) -> Box<Self> {
        self.0 += 1;
        self
    }

    #[tool]
    fn by_arc(self: Arc<Self>) -> usize {
        Arc::strong_count(&self)
    }

    #[tool]
    fn by_rc(self: Rc<Self>) -> usize {
        Rc::strong_count(&self)
    }

    #[tool]
    fn by_reference_to_arc(self: &Arc<Self>) -> Arc<Self> {
        Arc::clone(self)
    }

    #[tool]
    fn by_pin(mut self: Pin<&mut Self>, n: u32) -> u32 {
        self.0 += n;
        self.0
    }

    #[tool]
    fn by_boxed_pin(self: Pin<Box<Self>>) -> u32 {
        self.0
    }

    #[tool]
    fn by_typed_reference(self: &Self) -> u32 {
        self.0
    }

    #[tool]
    fn by_typed_value(self: Self) -> u32 {
        self.0
    }

    #[tool]
    fn by_typed_mutable_reference(self: &mut Self) {
        self.0 += 1;
    }

    #[tool]
    fn without(n: u32) -> Self {
        Self(n)
    }

    #[tool(capture(self))]
    fn captured_by_reference(&self) {}

    #[tool(capture(self))]
    fn captured_by_value(self) {}

    #[tool(capture(self, n))]
    fn captured_by_box(self: Box<Self>, n: u8) -> u8 {
        n
    }

    #[tool(capture(self))]
    fn captured_by_pin(self: Pin<&mut Self>) {}

    #[agent]
    fn agent(&self) -> u32 {
        self.0
    }

    #[session]
    fn session(self: Rc<Self>) -> u32 {
        self.0
    }
}

impl Counter {
    #[tool]
    async fn async_by_reference(&self, n: u32) -> u32 {
        self.0 + n
    }

    #[task]
    async fn async_by_mutable_reference(&mut self) -> &mut u32 {
        self.0 += 1;
        &mut self.0
    }

    #[operation]
    async fn async_by_value(self) -> u32 {
        self.0
    }

    #[operation]
    async fn async_by_mutable_value(mut self, n: u32) -> Self {
        self.0 += n;
        self
    }

    #[tool]
    async fn async_by_box(self: Box<Self>) -> Box<Self> {
        self
    }

    #[tool]
    async fn async_by_mutable_box(mut self: Box<Self>) -> u32 {
        self.0 += 1;
        self.0
    }

    #[tool]
    async fn async_by_arc(self: Arc<Self>) -> usize {
        Arc::strong_count(&self)
    }

    #[tool]
    async fn async_by_rc(self: Rc<Self>) -> usize {
        Rc::strong_count(&self)
    }

    #[tool]
    async fn async_by_reference_to_arc(self: &Arc<Self>) -> Arc<Self> {
        Arc::clone(self)
    }

    #[workflow]
    async fn async_by_pin(mut self: Pin<&mut Self>) -> u32 {
        self.0 += 1;
        self.0
    }

    #[tool]
    async fn async_by_typed_reference(self: &Self) -> u32 {
        self.0
    }

    #[tool]
    async fn async_without(n: u32) -> Self {
        Self(n)
    }

    #[tool(capture(self))]
    async fn async_captured_by_value(self) {}
}

#[test]
fn references() {
    check(
        || Counter(1).by_reference(2),
        3,
        r#"TOOL by_reference {"n":2} -> 3"#,
    );
    check(
        || Counter(1).by_lifetime(&Counter(2)).0,
        2,
        r#"TOOL by_lifetime {"other":"Counter(2)"} -> "Counter(2)""#,
    );
    check(
        || {
            let mut counter = Counter(1);
            *counter.by_mutable_reference(2) += 4;
            counter
        },
        Counter(7),
        r#"TASK by_mutable_reference {"n":2} -> 3"#,
    );
    check(
        || Counter(1).by_typed_reference(),
        1,
        "TOOL by_typed_reference -> 1",
    );
    check(
        || {
            let mut counter = Counter(1);
            counter.by_typed_mutable_reference();
            counter
        },
        Counter(2),
        "TOOL by_typed_mutable_reference",
    );
}

#[test]
fn values() {
    check(
        || Counter(1).by_value(2),
        Counter(3),
        r#"OPERATION by_value {"n":2} -> "Counter(3)""#,
    );
    check(
        || Counter(1).by_mutable_value(2),
        Counter(3),
        r#"OPERATION by_mutable_value {"n":2} -> "Counter(3)""#,
    );
    check(
        || Counter(1).by_typed_value(),
        1,
        "TOOL by_typed_value -> 1",
    );
    check(
        || Counter::without(1),
        Counter(1),
        r#"TOOL without {"n":1} -> "Counter(1)""#,
    );
}

#[test]
fn pointers() {
    check(|| Box::new(Counter(1)).by_box(), 1, "TOOL by_box -> 1");
    check(
        || Box::new(Counter(1)).by_mutable_box(),
        Box::new(Counter(2)),
        r#"TOOL by_mutable_box -> "Counter(2)""#,
    );
    check(|| Arc::new(Counter(1)).by_arc(), 1, "TOOL by_arc -> 1");
    check(|| Rc::new(Counter(1)).by_rc(), 1, "TOOL by_rc -> 1");
    check(
        || Arc::strong_count(&Arc::new(Counter(1)).by_reference_to_arc()),
        2,
        r#"TOOL by_reference_to_arc -> "Counter(1)""#,
    );
    check(
        || pin!(Counter(1)).by_pin(2),
        3,
        r#"TOOL by_pin {"n":2} -> 3"#,
    );
    check(
        || Box::pin(Counter(1)).by_boxed_pin(),
        1,
        "TOOL by_boxed_pin -> 1",
    );
}

#[test]
fn captured() {
    check(
        || Counter(1).captured_by_reference(),
        (),
        r#"TOOL captured_by_reference {"self":"Counter(1)"}"#,
    );
    check(
        || Counter(1).captured_by_value(),
        (),
        r#"TOOL captured_by_value {"self":"Counter(1)"}"#,
    );
    check(
        || Box::new(Counter(1)).captured_by_box(2),
        2,
        r#"TOOL captured_by_box {"self":"Counter(1)","n":2} -> 2"#,
    );
    check(
        || pin!(Counter(1)).captured_by_pin(),
        (),
        r#"TOOL captured_by_pin {"self":"Counter(1)"}"#,
    );
    check(
        || block_on(Counter(1).async_captured_by_value()),
        (),
        r#"TOOL async_captured_by_value {"self":"Counter(1)"}"#,
    );
}

#[test]
fn kinds_that_open_a_place() {
    check(|| Counter(1).agent(), 1, "AGENT agent -> 1");
    check(|| Rc::new(Counter(1)).session(), 1, "SESSION session -> 1");
}

#[test]
fn asynchronous() {
    check(
        || block_on(Counter(1).async_by_reference(2)),
        3,
        r#"TOOL async_by_reference {"n":2} -> 3"#,
    );
    check(
        || {
            let mut counter = Counter(1);
            *block_on(counter.async_by_mutable_reference()) += 4;
            counter
        },
        Counter(6),
        "TASK async_by_mutable_reference -> 2",
    );
    check(
        || block_on(Counter(1).async_by_value()),
        1,
        "OPERATION async_by_value -> 1",
    );
    check(
        || block_on(Counter(1).async_by_mutable_value(2)),
        Counter(3),
        r#"OPERATION async_by_mutable_value {"n":2} -> "Counter(3)""#,
    );
    check(
        || block_on(Counter(1).async_by_typed_reference()),
        1,
        "TOOL async_by_typed_reference -> 1",
    );
    check(
        || block_on(Counter::async_without(1)),
        Counter(1),
        r#"TOOL async_without {"n":1} -> "Counter(1)""#,
    );
}

#[test]
fn asynchronous_pointers() {
    check(
        || block_on(Box::new(Counter(1)).async_by_box()),
        Box::new(Counter(1)),
        r#"TOOL async_by_box -> "Counter(1)""#,
    );
    check(
        || block_on(Box::new(Counter(1)).async_by_mutable_box()),
        2,
        "TOOL async_by_mutable_box -> 2",
    );
    check(
        || block_on(Arc::new(Counter(1)).async_by_arc()),
        1,
        "TOOL async_by_arc -> 1",
    );
    check(
        || block_on(Rc::new(Counter(1)).async_by_rc()),
        1,
        "TOOL async_by_rc -> 1",
    );
    check(
        || Arc::strong_count(&block_on(Arc::new(Counter(1)).async_by_reference_to_arc())),
        2,
        r#"TOOL async_by_reference_to_arc -> "Counter(1)""#,
    );
    check(
        || block_on(pin!(Counter(1)).async_by_pin()),
        2,
        "WORKFLOW async_by_pin -> 2",
    );
}
