//! Attributes on the default methods of traits.

use std::fmt::Debug;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;

use crate::async_traits::check_async;
use crate::block_on;
use crate::blocks::check;
use crate::runtime::testing::{capture_with, capture_with_async};
use crate::runtime::{agent, guardrail, llm, operation, task, tool};

trait Greet {
    const LOUD: bool = false;
    type Name: Debug + Default;

    fn name(&self) -> String;

    #[tool]
    fn greet(&self, greeting: &str) -> String {
        format!("{greeting} {}", self.name())
    }

    #[task]
    fn loud() -> bool {
        Self::LOUD
    }

    #[operation(capture(self))]
    fn shown(&self) -> usize
    where
        Self: Debug,
    {
        self.name().len()
    }

    #[llm(model = "m-1")]
    fn into_name(self) -> String
    where
        Self: Sized,
    {
        let own = self;
        own.name()
    }

    #[operation]
    fn boxed(self: Box<Self>) -> usize {
        self.name().len()
    }

    #[operation]
    fn counted(self: Rc<Self>) -> usize {
        Rc::strong_count(&self)
    }

    #[operation]
    fn shared(self: Arc<Self>, n: usize) -> usize {
        n + self.name().len()
    }

    #[operation]
    fn rename(&mut self, name: Self::Name) -> Self::Name
    where
        Self::Name: Clone,
    {
        let _ = self.name();
        name
    }

    #[guardrail(spec = "input", skip_all)]
    fn accepts<T: AsRef<str> + ?Sized>(&self, text: &T) -> Result<(), String> {
        if text.as_ref().starts_with(&self.name()) {
            return Err("it is the same".into());
        }
        Ok(())
    }

    #[agent(role = "greets")]
    fn attend(&self) -> String {
        self.greet("Hello")
    }
}

#[derive(Debug)]
struct Ann(u8);

impl Greet for Ann {
    type Name = u8;

    fn name(&self) -> String {
        "Ann".repeat(usize::from(self.0))
    }
}

/// Takes one of the defaults on itself, with an attribute and without.
#[derive(Debug)]
struct Bob;

impl Greet for Bob {
    type Name = ();

    fn name(&self) -> String {
        "Bob".into()
    }

    fn greet(&self, greeting: &str) -> String {
        greeting.into()
    }

    #[tool(name = "bob's")]
    fn shown(&self) -> usize {
        0
    }
}

#[test]
fn default_method() {
    let trace = ["TOOL greet {\"greeting\":\"Hi\"} -> \"Hi Ann\""];
    check(|| Ann(1).greet("Hi"), "Hi Ann".into(), &trace);
}

#[test]
fn default_method_through_an_object() {
    let object: &dyn Greeter = &Ann(1);
    check(|| object.hail(2), 3, &["TOOL hail {\"n\":2} -> 3"]);
}

trait Greeter {
    fn base(&self) -> u8;

    #[tool]
    fn hail(&self, n: u8) -> u8 {
        self.base() + n
    }

    #[agent(name = "sizeless", capture(self))]
    fn sizeless(&self) -> u8 {
        self.base()
    }

    #[tool]
    fn sized(&self) -> u8
    where
        Self: Sized,
    {
        self.sizeless()
    }
}

impl Greeter for Ann {
    fn base(&self) -> u8 {
        self.0
    }
}

impl Greeter for str {
    fn base(&self) -> u8 {
        7
    }
}

#[test]
fn default_methods_with_and_without_a_size() {
    let (found, trace) = capture_with(|| (Ann(1).sized(), "a".sizeless()));
    assert_eq!(found, (1, 7));
    assert_eq!(
        trace.outline(),
        "TOOL sized\n  AGENT sizeless\nAGENT sizeless\n"
    );
}

#[test]
fn default_function_without_a_receiver() {
    check(Ann::loud, false, &["TASK loud -> false"]);
}

#[test]
fn default_method_that_captures_its_receiver() {
    let trace = ["OPERATION shown {\"self\":\"Ann(2)\"} -> 6"];
    check(|| Ann(2).shown(), 6, &trace);
}

#[test]
fn default_methods_that_own_the_receiver() {
    let (found, trace) = capture_with(|| {
        (
            Ann(1).into_name(),
            Box::new(Ann(2)).boxed(),
            Rc::new(Ann(1)).counted(),
            Arc::new(Ann(1)).shared(4),
        )
    });
    assert_eq!(found, ("Ann".to_owned(), 6, 1, 7));
    assert_eq!(
        trace.outline(),
        "LLM into_name · m-1\nOPERATION boxed\nOPERATION counted\nOPERATION shared\n"
    );
}

#[test]
fn default_method_with_types_of_the_trait() {
    let trace = ["OPERATION rename {\"name\":\"3\"} -> \"3\""];
    check(|| Ann(1).rename(3), 3, &trace);
}

#[test]
fn generic_default_method() {
    let (found, trace) = capture_with(|| (Ann(1).accepts("Bob"), Ann(1).accepts("Ann")));
    assert_eq!(found, (Ok(()), Err("it is the same".to_owned())));
    assert_eq!(
        trace.outline(),
        "GUARDRAIL accepts\nGUARDRAIL accepts ! String\n"
    );
}

#[test]
fn default_method_that_calls_another() {
    let trace = [
        "AGENT attend -> \"Hello Ann\"",
        "  TOOL greet {\"greeting\":\"Hello\"} -> \"Hello Ann\"",
    ];
    check(|| Ann(1).attend(), "Hello Ann".into(), &trace);
}

#[test]
fn an_impl_replaces_a_default() {
    check(|| Bob.greet("Hi"), "Hi".into(), &[]);
    check(|| Bob.shown(), 0, &["TOOL bob's -> 0"]);
}

trait Parts<'a, T: Debug + 'a> {
    type Part<'b>: Debug
    where
        Self: 'b;

    fn part(&self) -> Option<Self::Part<'_>>;

    #[tool]
    fn part_again(&self, _again: Option<T>) -> Option<Self::Part<'_>> {
        let part = self.part()?;
        Some(part)
    }

    #[tool]
    fn each(&'a self, n: usize) -> impl Iterator<Item = usize> + 'a {
        (0..n).filter(move |n| n % 2 == 0 || self.part().is_none())
    }

    #[tool]
    fn this(&self) -> &Self {
        self
    }
}

impl Parts<'_, u8> for Vec<u8> {
    type Part<'b> = &'b u8;

    fn part(&self) -> Option<Self::Part<'_>> {
        self.first()
    }
}

#[test]
fn default_methods_of_a_generic_trait() {
    let (found, trace) = capture_with(|| {
        let parts = vec![3_u8];
        let part = parts.part_again(Some(1)).copied();
        (part, parts.each(4).sum::<usize>(), parts.this().len())
    });
    assert_eq!(found, (Some(3), 2, 1));
    assert_eq!(trace.outline(), "TOOL part_again\nTOOL each\nTOOL this\n");
}

trait Build: Sized {
    fn step(self) -> Result<Self, String>;

    #[operation]
    fn build(mut self, steps: usize) -> Result<Self, String> {
        for _ in 0..steps {
            self = self.step()?;
        }
        Ok(self)
    }
}

impl Build for u8 {
    fn step(self) -> Result<Self, String> {
        self.checked_mul(16)
            .ok_or_else(|| format!("{self} is large"))
    }
}

#[test]
fn default_method_that_returns_itself() {
    let trace = ["OPERATION build {\"steps\":1} -> {\"$type\":\"u8\"}"];
    check(|| 2.build(1), Ok(32), &trace);
    let trace = ["OPERATION build {\"steps\":2} ! String: 32 is large"];
    check(|| 2.build(2), Err("32 is large".into()), &trace);
}

trait Asks {
    #[allow(async_fn_in_trait)]
    #[llm(model = "m-2")]
    async fn ask(&self, prompt: &str) -> Result<String, String> {
        if prompt.is_empty() {
            return Err("nothing is asked".into());
        }
        std::future::ready(()).await;
        Ok(prompt.to_uppercase())
    }

    #[allow(async_fn_in_trait)]
    #[tool(capture(self))]
    async fn ask_once(self, prompt: String) -> String
    where
        Self: Sized + Debug,
    {
        self.ask(&prompt).await.unwrap_or(prompt)
    }

    fn promised(&self, n: u8) -> impl Future<Output = u8> + Send;
}

#[tool]
impl Asks for Ann {
    async fn promised(&self, n: u8) -> u8 {
        std::future::ready(self.0 + n).await
    }
}

#[test]
fn async_default_methods() {
    let trace = [
        "TOOL ask_once {\"self\":\"Ann(1)\"} -> \"WHY\"",
        "  LLM ask · m-2 {\"prompt\":\"why\"} -> \"WHY\"",
    ];
    check_async(Ann(1).ask_once("why".into()), "WHY".into(), &trace);
    let (found, trace) = block_on(capture_with_async(Ann(1).ask("")));
    assert_eq!(found, Err("nothing is asked".to_owned()));
    assert_eq!(trace.outline(), "LLM ask · m-2 ! String\n");
}

#[test]
fn an_async_fn_implements_a_promise() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let trace = ["TOOL promised {\"n\":2} -> 3"];
    check_async(is_send(Ann(1).promised(2)), 3, &trace);
}

trait AsyncParts {
    #[allow(async_fn_in_trait)]
    async fn part(&mut self) -> Option<u8>;

    #[allow(async_fn_in_trait)]
    #[operation]
    async fn sum(&mut self) -> u32 {
        let mut sum = 0;
        while let Some(part) = self.part().await {
            sum += u32::from(part);
        }
        sum
    }
}

#[agent(name = "parts")]
impl AsyncParts for Vec<u8> {
    async fn part(&mut self) -> Option<u8> {
        self.pop()
    }
}

#[test]
fn async_trait_methods_of_an_agent() {
    let run = async { vec![1, 2].sum().await };
    let trace = [
        "OPERATION sum -> 3",
        "  AGENT parts",
        "    OPERATION part -> 2",
        "  AGENT parts",
        "    OPERATION part -> 1",
        "  AGENT parts",
        "    OPERATION part -> null",
    ];
    check_async(run, 3, &trace);
}
