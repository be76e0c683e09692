//! Attributes on `impl` blocks, inherent and of traits, for types and members of every sort.

#![expect(clippy::needless_return, reason = "shapes are as people write them")]

use std::cell::Cell;
use std::fmt::{self, Debug};
use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::{Add, AddAssign, Deref, Index, IndexMut, Neg};
use std::panic::{Location, catch_unwind};
use std::pin::{Pin, pin};
use std::str::FromStr;
use std::task::{Context, Poll, Waker};

use crate::runtime;
use crate::runtime::testing::capture_with;
use crate::runtime::{agent, guardrail, llm, operation, session, skip, task, tool, workflow};

/// Runs it and compares what it gives with `value`, and the spans that it leaves with `expected`, line by line.
#[track_caller]
pub fn check<T: PartialEq + Debug>(run: impl FnOnce() -> T, value: T, expected: &[&str]) {
    let (found, trace) = capture_with(run);
    assert_eq!(found, value);
    drop(value);
    let trace = trace.to_string();
    assert_eq!(trace.lines().collect::<Vec<_>>(), expected);
}

// Inherent blocks.

#[derive(Debug, PartialEq)]
struct Stack<T>(Vec<T>);

#[tool]
impl<T> Stack<T>
where
    T: Debug + Clone,
{
    const LIMIT: usize = 2;

    /// Documented.
    #[must_use]
    pub(crate) fn of(first: T) -> Self {
        Self(vec![first])
    }

    #[inline]
    fn push(&mut self, value: T) -> Result<&mut T, String> {
        if self.0.len() == Self::LIMIT {
            return Err(format!("{value:?} is too much"));
        }
        self.0.push(value);
        Ok(self.0.last_mut().expect("it was pushed"))
    }

    const fn len(&self) -> usize {
        self.0.len()
    }
}

#[test]
fn generic_block() {
    let run = || {
        let mut stack = Stack::of(1);
        *stack.push(2).expect("there is room") += 5;
        let refused = stack.push(3).map(|value| *value);
        (stack.len(), stack, refused)
    };
    let refused = Err("3 is too much".to_owned());
    let trace = [
        "TOOL of {\"first\":\"1\"} -> \"Stack([1])\"",
        "TOOL push {\"value\":\"2\"} -> \"2\"",
        "TOOL push {\"value\":\"3\"} ! String: 3 is too much",
    ];
    check(run, (2, Stack(vec![1, 7]), refused), &trace);
}

struct Ring<const N: usize>([u8; N]);

#[operation(operation_type = "sum")]
impl<const N: usize> Ring<N> {
    fn sum(&self) -> u32 {
        self.0.iter().copied().map(u32::from).sum()
    }
}

#[operation]
impl Ring<{ 1 + 1 }> {
    fn pair(&self) -> (u8, u8) {
        (self.0[0], self.0[1])
    }
}

#[test]
fn const_generic_blocks() {
    let run = || (Ring([1, 2, 3]).sum(), Ring([4, 5]).pair());
    let trace = ["OPERATION sum -> 6", "OPERATION pair -> [4,5]"];
    check(run, (6, (4, 5)), &trace);
}

struct View<'a, 'b: 'a>(&'a str, &'b str);

#[task]
impl<'a> View<'a, '_> {
    fn first(&self) -> &'a str {
        self.0
    }

    fn longer<'s>(&'s self, other: &'s str) -> &'s str {
        if other.len() > self.1.len() {
            other
        } else {
            self.1
        }
    }
}

#[test]
fn block_with_lifetimes() {
    let run = || {
        let view = View("a", "bc");
        (view.first(), view.longer("d").len())
    };
    let trace = [
        "TASK first -> \"a\"",
        "TASK longer {\"other\":\"d\"} -> \"bc\"",
    ];
    check(run, ("a", 2), &trace);
}

struct Bare;

#[agent]
impl Bare {}

#[tool(level = "debug")]
impl Bare {}

macro_rules! answers {
    ($name:ident, $value:expr) => {
        #[allow(clippy::unused_self)]
        fn $name(&self) -> u8 {
            $value
        }
    };
}

#[tool]
impl Bare {
    #![allow(clippy::unused_self)]

    answers! { one, 1 }
    answers!(two, 2);

    fn three(&self) -> u8 {
        self.one() + self.two()
    }

    #[cfg(any())]
    fn four(&self) -> Missing {
        nothing
    }
}

#[test]
fn what_macros_write_in_a_block_is_left_alone() {
    check(|| Bare.three(), 3, &["TOOL three -> 3"]);
}

struct Kinds(u8);

#[session(tags = ["kinds"])]
impl Kinds {
    fn in_session(&self) -> u8 {
        self.in_workflow()
    }
}

#[workflow]
impl Kinds {
    fn in_workflow(&self) -> u8 {
        self.asks("how many") + u8::from(self.allows("it"))
    }
}

#[llm(model = "m-1", provider = "p")]
impl Kinds {
    fn asks(&self, prompt: &str) -> u8 {
        self.0 + u8::from(prompt.is_empty())
    }
}

#[guardrail(spec = "output", capture_return = false)]
impl Kinds {
    fn allows(&self, text: &str) -> bool {
        text.len() > usize::from(self.0)
    }
}

#[runtime::instrument(skip_all)]
impl Kinds {
    fn observed(&self, text: &str) -> usize {
        text.len() + usize::from(self.0)
    }
}

#[test]
fn every_kind_on_a_block() {
    let (value, trace) = capture_with(|| Kinds(3).in_session());
    assert_eq!(value, 3);
    assert_eq!(
        trace.outline(),
        "SESSION in_session\n  WORKFLOW in_workflow\n    LLM asks · m-1\n    GUARDRAIL allows\n"
    );
    let (value, trace) = capture_with(|| Kinds(3).observed("four"));
    assert_eq!(value, 7);
    assert_eq!(trace.to_string(), "OPERATION observed -> 7\n");
}

struct Mixed;

#[workflow]
impl Mixed {
    fn all(&self) -> u32 {
        self.own(1) + self.untouched(2) + Self::fixed(3) + self.r#type() + self.twice(5)
    }

    #[tool(name = "its own")]
    fn own(&self, n: u32) -> u32 {
        n + u32::from(self.fixed_one())
    }

    #[skip]
    fn untouched(&self, n: u32) -> u32 {
        n * u32::from(self.fixed_one())
    }

    const fn fixed(n: u32) -> u32 {
        n
    }

    const fn fixed_one(&self) -> u8 {
        let Self = self;
        1
    }

    fn r#type(&self) -> u32 {
        4 * u32::from(self.fixed_one())
    }

    #[task]
    #[tool]
    fn twice(&self, n: u32) -> u32 {
        n * u32::from(self.fixed_one())
    }
}

#[test]
fn methods_with_attributes_of_their_own() {
    let trace = [
        "WORKFLOW all -> 16",
        "  TOOL its own {\"n\":1} -> 2",
        "  WORKFLOW type -> 4",
        "  TASK twice {\"n\":5} -> 5",
        "    TOOL twice {\"n\":5} -> 5",
    ];
    check(|| Mixed.all(), 16, &trace);
}

struct Where;

#[tool]
impl Where {
    #[track_caller]
    fn caller(&self) -> u32 {
        let Self = self;
        Location::caller().line()
    }
}

#[test]
fn callers_are_tracked_in_a_block() {
    let (line, trace) = capture_with(|| Where.caller());
    assert_eq!(line, line!() - 1);
    assert_eq!(trace.outline(), "TOOL caller\n");
}

#[test]
fn block_in_a_function() {
    struct Local(u8);

    #[tool]
    impl Local {
        fn get(self) -> u8 {
            self.0
        }
    }
    check(|| Local(7).get(), 7, &["TOOL get -> 7"]);
}

macro_rules! block {
    ($vis:vis $ty:ty, $of:path, $name:ident($n:ident) $body:block) => {
        #[tool]
        impl $of for $ty {
            fn $name(&self, $n: u8) -> u8 $body
        }

        #[task]
        impl $ty {
            $vis fn $name(&self) -> u8 {
                Named::$name(self, 1)
            }
        }
    };
}

trait Named {
    fn named(&self, n: u8) -> u8;
}

struct FromMacro;

block!(pub(crate) FromMacro, Named, named(n) { return n + 2; });

#[test]
fn blocks_that_a_macro_writes() {
    let trace = ["TASK named -> 3", "  TOOL named {\"n\":1} -> 3"];
    check(|| FromMacro.named(), 3, &trace);
}

// Blocks of traits.

trait Shape {
    const SIDES: u32;
    type Length: Debug;
    type Parts<'a>: Iterator<Item = &'a u32>
    where
        Self: 'a;

    fn new(side: u32) -> Self
    where
        Self: Sized;
    fn around(&self) -> Self::Length;
    fn parts(&self) -> Self::Parts<'_>;
}

struct Square([u32; 1]);

#[operation]
impl Shape for Square {
    const SIDES: u32 = 4;
    type Length = u32;
    type Parts<'a> = std::slice::Iter<'a, u32>;

    fn new(side: u32) -> Self {
        Self([side])
    }

    fn around(&self) -> Self::Length {
        self.0[0] * Self::SIDES
    }

    fn parts(&self) -> Self::Parts<'_> {
        self.0.iter()
    }
}

#[test]
fn trait_block_with_constants_and_types() {
    let (value, trace) = capture_with(|| {
        let square = Square::new(3);
        (square.around(), square.parts().copied().sum())
    });
    assert_eq!(value, (12, 3_u32));
    assert_eq!(
        trace.outline(),
        "OPERATION new\nOPERATION around\nOPERATION parts\n"
    );
    assert_eq!(trace.span("around").output, Some(12.into()));
}

trait Describe {
    fn describe(&self, n: usize) -> String;
}

/// Implemented for all that can be shown.
trait DescribeAll {
    fn describe_all(&self) -> String;
}

#[tool]
impl<T: Debug + ?Sized> DescribeAll for T {
    fn describe_all(&self) -> String {
        format!("{self:?}")
    }
}

#[test]
fn blanket_block() {
    let run = || (1_u8.describe_all(), "a".describe_all());
    let trace = [
        "TOOL describe_all -> \"1\"",
        "TOOL describe_all -> \"\\\"a\\\"\"",
    ];
    check(run, ("1".into(), "\"a\"".into()), &trace);
}

#[tool]
impl Describe for dyn Fn() -> u8 + '_ {
    fn describe(&self, n: usize) -> String {
        self().to_string().repeat(n)
    }
}

#[agent]
impl Describe for dyn Fn(u8) -> u8 + Send {
    fn describe(&self, n: usize) -> String {
        self(1).to_string().repeat(n)
    }
}

#[tool]
impl Describe for &u8 {
    fn describe(&self, n: usize) -> String {
        self.to_string().repeat(n)
    }
}

#[agent]
impl<T: Debug> Describe for [T] {
    fn describe(&self, n: usize) -> String {
        format!("{:?}", &self[..n])
    }
}

#[tool]
impl<const N: usize> Describe for [u8; N] {
    fn describe(&self, n: usize) -> String {
        format!("{n} of {N}")
    }
}

#[tool]
impl<A, B: Debug> Describe for (A, B) {
    fn describe(&self, n: usize) -> String {
        format!("{:?}", self.1).repeat(n)
    }
}

#[tool]
impl Describe for fn(u8) -> u8 {
    fn describe(&self, n: usize) -> String {
        self(2).to_string().repeat(n)
    }
}

#[tool]
impl Describe for str {
    fn describe(&self, n: usize) -> String {
        self.repeat(n)
    }
}

#[test]
fn blocks_for_types_without_a_name() {
    let closure: &dyn Fn() -> u8 = &|| 7;
    let trace = ["TOOL describe {\"n\":2} -> \"77\""];
    check(|| closure.describe(2), "77".into(), &trace);
    check(|| (&&7_u8).describe(2), "77".into(), &trace);
    check(|| ((), 7).describe(2), "77".into(), &trace);
    check(|| "7".describe(2), "77".into(), &trace);
    let doubled: fn(u8) -> u8 = |n| n * 2;
    let trace = ["TOOL describe {\"n\":1} -> \"4\""];
    check(|| doubled.describe(1), "4".into(), &trace);
    let trace = ["TOOL describe {\"n\":1} -> \"1 of 3\""];
    check(|| [1_u8, 2, 3].describe(1), "1 of 3".into(), &trace);
}

#[test]
fn agents_without_a_name_go_by_their_type() {
    let closure: &(dyn Fn(u8) -> u8 + Send) = &|n| n + 1;
    let trace = [
        "AGENT dyn Fn(u8) -> u8 + Send",
        "  OPERATION describe {\"n\":1} -> \"2\"",
    ];
    check(|| closure.describe(1), "2".into(), &trace);
    let trace = ["AGENT [T]", "  OPERATION describe {\"n\":1} -> \"[1]\""];
    check(|| [1_i8, 2][..].describe(1), "[1]".into(), &trace);
}

/// # Safety
///
/// There is nothing to keep to.
unsafe trait Trusted {
    /// # Safety
    ///
    /// There is nothing to keep to.
    unsafe fn trusted(&self) -> u8;
}

#[tool]
unsafe impl Trusted for Bare {
    unsafe fn trusted(&self) -> u8 {
        4
    }
}

#[test]
fn unsafe_block() {
    // SAFETY: it asks for nothing.
    check(|| unsafe { Bare.trusted() }, 4, &["TOOL trusted -> 4"]);
}

trait Convert<T, const N: usize = 1> {
    fn convert(self) -> [T; N];
}

#[tool]
impl<T> Convert<T, { 1 + 1 }> for Box<T>
where
    T: Clone + Debug,
{
    fn convert(self) -> [T; 2] {
        [(*self).clone(), *self]
    }
}

#[test]
fn block_of_a_generic_trait() {
    check(
        || Box::new(1).convert(),
        [1, 1],
        &["TOOL convert -> \"[1, 1]\""],
    );
}

// Blocks of the standard library's traits: who annotates one wants to see it.

#[derive(Debug, PartialEq)]
struct Count(u32);

#[tool]
impl Iterator for Count {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        self.0 = self.0.checked_sub(1)?;
        Some(self.0)
    }
}

#[test]
fn iterator() {
    let trace = ["TOOL next -> 1", "TOOL next -> 0", "TOOL next -> null"];
    check(|| Count(2).sum::<u32>(), 1, &trace);
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Meters(i32);

#[operation]
impl Add for Meters {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

#[operation]
impl<'a> Add<&'a Meters> for &'a Meters {
    type Output = Meters;

    fn add(self, other: &Meters) -> Meters {
        Meters(self.0 + other.0)
    }
}

#[operation]
impl AddAssign<i32> for Meters {
    fn add_assign(&mut self, n: i32) {
        self.0 += n;
    }
}

#[operation]
impl Neg for Meters {
    type Output = Self;

    fn neg(self) -> Self::Output {
        Self(-self.0)
    }
}

#[test]
fn operators() {
    let run = || {
        let mut sum = -(Meters(1) + Meters(2));
        sum += 5;
        let one = Meters(1);
        Add::add(&sum, &one)
    };
    let trace = [
        "OPERATION add {\"other\":\"Meters(2)\"} -> \"Meters(3)\"",
        "OPERATION neg -> \"Meters(-3)\"",
        "OPERATION add_assign {\"n\":5}",
        "OPERATION add {\"other\":\"Meters(1)\"} -> \"Meters(3)\"",
    ];
    check(run, Meters(3), &trace);
}

struct Grid(Vec<u8>);

#[tool]
impl Index<usize> for Grid {
    type Output = u8;

    fn index(&self, at: usize) -> &u8 {
        &self.0[at]
    }
}

#[tool]
impl IndexMut<usize> for Grid {
    fn index_mut(&mut self, at: usize) -> &mut u8 {
        &mut self.0[at]
    }
}

#[tool]
impl Deref for Grid {
    type Target = [u8];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

#[test]
fn places_in_a_value() {
    let run = || {
        let mut grid = Grid(vec![1, 2]);
        grid[0] = 3;
        grid[0] + grid.first().copied().unwrap_or(0)
    };
    let trace = [
        "TOOL index_mut {\"at\":0} -> 1",
        "TOOL index {\"at\":0} -> 3",
        "TOOL deref -> [3,2]",
    ];
    check(run, 6, &trace);
}

struct Noisy<'a>(&'a Cell<u32>);

#[task]
impl Drop for Noisy<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

#[test]
fn drop_runs_once() {
    let dropped = Cell::new(0);
    check(|| drop(Noisy(&dropped)), (), &["TASK drop"]);
    assert_eq!(dropped.get(), 1);
}

#[test]
fn drop_while_unwinding() {
    let (caught, trace) = capture_with(|| {
        catch_unwind(|| {
            let dropped = Cell::new(0);
            let _noisy = Noisy(&dropped);
            std::panic::panic_any(7_u8);
        })
    });
    let payload = caught.expect_err("it panics");
    assert_eq!(payload.downcast_ref::<u8>(), Some(&7));
    assert_eq!(trace.outline(), "TASK drop\n");
}

struct Twice(bool);

#[operation]
impl Future for Twice {
    type Output = &'static str;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready("done");
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

#[test]
fn future() {
    let run = || {
        let mut twice = pin!(Twice(false));
        let mut cx = Context::from_waker(Waker::noop());
        (twice.as_mut().poll(&mut cx), twice.poll(&mut cx))
    };
    let (found, trace) = capture_with(run);
    assert_eq!(found, (Poll::Pending, Poll::Ready("done")));
    assert_eq!(trace.outline(), "OPERATION poll\nOPERATION poll\n");
}

#[tool]
impl FromStr for Count {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.parse()?))
    }
}

#[test]
fn from_str() {
    let trace = ["TOOL from_str {\"text\":\"7\"} -> \"Count(7)\""];
    check(|| "7".parse::<Count>(), Ok(Count(7)), &trace);
    let (found, trace) = capture_with(|| "x".parse::<Count>());
    found.expect_err("it is no number");
    let error = trace.span("from_str").error.as_ref().expect("it failed");
    assert_eq!(error.details, "invalid digit found in string");
}

struct Shown(u8);

#[operation]
impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.0)
    }
}

/// Recording it asks for it once more.
impl Debug for Shown {
    #[operation(capture(self))]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("shown")
    }
}

#[test]
fn values_that_show_themselves() {
    let (text, trace) = capture_with(|| format!("{} {:?}", Shown(1), Shown(2)));
    assert_eq!(text, "<1> shown");
    // The call that recording made is none of the program's.
    let shown: Vec<_> = trace.spans.iter().map(|span| span.input.clone()).collect();
    assert_eq!(shown.iter().flatten().count(), 2, "{shown:?}");
    assert_eq!(shown.len(), 2);
}

#[derive(Debug, Default, PartialEq)]
struct Bag(Vec<u8>);

#[tool]
impl From<u8> for Bag {
    fn from(byte: u8) -> Self {
        Self(vec![byte])
    }
}

#[tool]
impl Extend<u8> for Bag {
    fn extend<I: IntoIterator<Item = u8>>(&mut self, bytes: I) {
        self.0.extend(bytes);
    }
}

#[tool]
impl FromIterator<u8> for Bag {
    fn from_iter<I>(bytes: I) -> Self
    where
        I: IntoIterator<Item = u8>,
    {
        Self(bytes.into_iter().collect())
    }
}

#[tool]
impl IntoIterator for Bag {
    type Item = u8;
    type IntoIter = std::vec::IntoIter<u8>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[test]
fn conversions_and_collections() {
    let (sum, trace) = capture_with(|| {
        let mut bag = Bag::from(1);
        bag.extend([2, 3]);
        bag.into_iter().collect::<Bag>()
    });
    assert_eq!(sum, Bag(vec![1, 2, 3]));
    assert_eq!(
        trace.outline(),
        "TOOL from\nTOOL extend\nTOOL into_iter\nTOOL from_iter\n"
    );
}

struct Keyed(u8, String);

#[tool]
impl PartialEq for Keyed {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

#[tool(skip(state))]
impl Hash for Keyed {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

#[tool]
impl Clone for Keyed {
    fn clone(&self) -> Self {
        Self(self.0, self.1.clone())
    }
}

#[test]
fn values_that_are_compared() {
    let (found, trace) = capture_with(|| {
        let key = Keyed(1, "a".into());
        let other = key.clone();
        key.hash(&mut DefaultHasher::new());
        key == other && key.1 == "a"
    });
    assert!(found);
    assert_eq!(trace.outline(), "TOOL clone\nTOOL hash\nTOOL eq\n");
}

#[tool]
impl std::io::Write for Bag {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
}

#[test]
fn writer() {
    use std::io::Write as _;

    let run = || {
        let mut bag = Bag::default();
        let written = bag.write(b"ab").ok();
        (written, bag.flush().map_err(|error| error.kind()))
    };
    let trace = [
        "TOOL write {\"bytes\":[97,98]} -> 2",
        "TOOL flush ! Unsupported: unsupported",
    ];
    let unsupported = Err(std::io::ErrorKind::Unsupported);
    check(run, (Some(2), unsupported), &trace);
}

// Agents.

trait Answer {
    fn answer(&self, question: &str) -> String;
    fn again(&mut self) -> usize;
    fn consume(self) -> usize
    where
        Self: Sized;
    fn build() -> Self
    where
        Self: Sized;
}

struct Assistant(usize);

#[agent(role = "answers", tags = ["t"])]
impl Answer for Assistant {
    fn answer(&self, question: &str) -> String {
        question.repeat(self.0)
    }

    fn again(&mut self) -> usize {
        self.0 += self.answer("ab").len();
        self.0
    }

    #[tool]
    fn consume(self) -> usize {
        self.0
    }

    fn build() -> Self {
        Self(1)
    }
}

#[test]
fn a_trait_block_may_be_an_agents() {
    let run = || {
        let mut assistant = Assistant::build();
        (assistant.again(), assistant.consume())
    };
    let trace = [
        "AGENT Assistant",
        "  OPERATION again -> 3",
        "    OPERATION answer {\"question\":\"ab\"} -> \"ab\"",
        "AGENT Assistant",
        "  TOOL consume -> 3",
    ];
    check(run, (3, 3), &trace);
    let (_, trace) = capture_with(|| Assistant(1).answer("a"));
    let source = trace.span("answer").source.as_ref();
    let function = source.map(|source| &*source.function);
    assert!(function.is_some_and(|name| name.ends_with("blocks::Assistant::answer")));
}

trait Delegate {
    fn delegate(self: Box<Self>, to: &dyn Describe) -> String;
}

#[agent(name = "lead")]
impl<T: Debug> Delegate for Stack<T> {
    fn delegate(self: Box<Self>, to: &dyn Describe) -> String {
        to.describe(self.0.len())
    }
}

struct Worker;

#[agent]
impl Describe for Worker {
    fn describe(&self, n: usize) -> String {
        "w".repeat(n)
    }
}

#[test]
fn agents_behind_trait_objects() {
    let run = || {
        let lead: Box<dyn Delegate> = Box::new(Stack(vec![1, 2]));
        lead.delegate(&Worker)
    };
    let (found, trace) = capture_with(run);
    assert_eq!(found, "ww");
    assert_eq!(
        trace.outline(),
        "AGENT lead\n  OPERATION delegate\n    AGENT Worker\n      OPERATION describe\n"
    );
}

#[session]
#[agent]
impl Worker {
    fn both(&self) -> u8 {
        1
    }
}

#[test]
fn two_attributes_on_a_block() {
    let (found, trace) = capture_with(|| Worker.both());
    assert_eq!(found, 1);
    let outline = trace.outline();
    assert!(outline.contains("SESSION both"), "{outline}");
    assert!(outline.contains("AGENT Worker"), "{outline}");
}
