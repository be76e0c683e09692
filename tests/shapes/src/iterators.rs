//! Functions that return `impl Iterator`: the span ends with the iterator, or where that is dropped.

use std::cell::RefCell;
use std::fmt;

use crate::runtime::{operation, task, tool, workflow};
use crate::watch::{Noisy, note, noted, recorded, unwound};

#[task]
fn step(n: u32) -> u32 {
    n + 1
}

#[tool]
fn counts(to: u32) -> impl Iterator<Item = u32> {
    (0..to).map(step)
}

#[tool(skip_all, capture_return = false)]
fn bare() -> impl Iterator<Item = char> {
    "ab".chars()
}

#[tool]
fn words(text: &str) -> impl Iterator<Item = &str> + '_ {
    text.split(' ')
}

#[tool]
fn pairs<'a, T: fmt::Debug>(
    left: &'a [T],
    right: &'a [T],
) -> impl Iterator<Item = (&'a T, &'a T)> + use<'a, T> {
    left.iter().zip(right)
}

#[tool]
fn from_any<I: IntoIterator<Item = u32>>(items: I) -> impl Iterator<Item = u32> + Send
where
    I::IntoIter: Send,
{
    items.into_iter().filter(|n| n % 2 == 0)
}

#[tool]
fn nested(n: u8) -> impl Iterator<Item = impl Iterator<Item = u8>> {
    (0..n).map(|n| 0..n)
}

fn length(guard: &Noisy) -> usize {
    guard.0.len()
}

#[tool]
fn lazy(guard: Noisy) -> impl Iterator<Item = usize> {
    note("eager");
    std::iter::from_fn(move || {
        note("late");
        Some(length(&guard))
    })
}

#[workflow]
fn boxed(n: u32) -> Box<dyn Iterator<Item = u32>> {
    if n == 0 {
        return Box::new(std::iter::empty());
    }
    Box::new((0..n).map(step))
}

#[test]
fn the_span_ends_with_the_iterator() {
    let expected = "\
TOOL counts {\"to\":2} stream.items=2
  TASK step {\"n\":0} -> 1
  TASK step {\"n\":1} -> 2
";
    assert_eq!(
        recorded(|| counts(2).collect()),
        (vec![1, 2], expected.into())
    );
    let expected = "TOOL bare stream.items=2\n";
    assert_eq!(
        recorded(|| bare().collect::<String>()),
        ("ab".into(), expected.into())
    );
    let expected = "TOOL words {\"text\":\"a b\"} stream.items=2\n";
    assert_eq!(
        recorded(|| words("a b").last()),
        (Some("b"), expected.into())
    );
    let expected = "TOOL pairs {\"left\":\"[1]\",\"right\":\"[2]\"} stream.items=1\n";
    assert_eq!(recorded(|| pairs(&[1], &[2]).count()), (1, expected.into()));
    let expected =
        "TOOL from_any {\"items\":{\"$type\":\"alloc::vec::Vec<u32>\"}} stream.items=1\n";
    assert_eq!(
        recorded(|| from_any(vec![1, 2]).sum()),
        (2_u32, expected.into())
    );
    let expected = "TOOL nested {\"n\":3} stream.items=3\n";
    assert_eq!(
        recorded(|| nested(3).flatten().collect()),
        (vec![0, 0, 1], expected.into())
    );
    let expected = "WORKFLOW boxed {\"n\":1} stream.items=1\n  TASK step {\"n\":0} -> 1\n";
    assert_eq!(recorded(|| boxed(1).collect()), (vec![1], expected.into()));
    let expected = "WORKFLOW boxed {\"n\":0} stream.items=0\n";
    assert_eq!(
        recorded(|| boxed(0).collect()),
        (Vec::<u32>::new(), expected.into())
    );
}

#[test]
fn iterators_stay_lazy_and_let_go_of_what_they_hold() {
    let (taken, trace) = recorded(|| {
        let mut items = lazy(Noisy("guard"));
        assert_eq!(noted(), "eager");
        let taken = (items.next(), items.nth(1));
        drop(items);
        taken
    });
    assert_eq!(
        (taken, noted().as_str()),
        ((Some(5), Some(5)), "late late late guard")
    );
    assert_eq!(trace, "TOOL lazy {\"guard\":\"guard\"} stream.items=2\n");
    let (hint, trace) = recorded(|| counts(3).size_hint());
    assert_eq!(hint, (3, Some(3)));
    assert_eq!(trace, "TOOL counts {\"to\":3} stream.items=0\n");
}

#[workflow]
fn loops(n: u32) -> u32 {
    let mut sum = 0;
    for item in counts(n) {
        if item > 2 {
            break;
        }
        sum += step(item);
    }
    sum
}

#[test]
fn what_runs_between_two_items_is_not_the_iterators() {
    let expected = "\
WORKFLOW loops {\"n\":2} -> 5
  TOOL counts {\"to\":2} stream.items=2
    TASK step {\"n\":0} -> 1
    TASK step {\"n\":1} -> 2
  TASK step {\"n\":1} -> 2
  TASK step {\"n\":2} -> 3
";
    assert_eq!(recorded(|| loops(2)), (5, expected.into()));
}

#[tool]
fn fails() -> impl Iterator<Item = Result<u8, std::num::ParseIntError>> {
    ["1", "x", "2"].into_iter().map(str::parse)
}

#[tool]
fn panics() -> impl Iterator<Item = u8> {
    (0..2).map(|n| if n == 1 { panic!("late") } else { n })
}

#[test]
fn errors_and_panics() {
    let (items, trace) = recorded(|| fails().filter_map(Result::ok).collect::<Vec<_>>());
    assert_eq!(items, [1, 2]);
    assert_eq!(
        trace,
        "TOOL fails stream.items=3 ! ParseIntError: invalid digit found in string\n"
    );
    let (sum, trace) = recorded(|| fails().sum::<Result<u8, _>>());
    sum.expect_err("one is no number");
    assert_eq!(
        trace,
        "TOOL fails stream.items=2 ! ParseIntError: invalid digit found in string\n"
    );
    let (payload, trace) = unwound(|| panics().for_each(drop));
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"late"));
    assert_eq!(trace, "TOOL panics stream.items=1 ! panic: late\n");
}

#[tool]
fn both_ends(n: u8) -> impl DoubleEndedIterator<Item = u8> + ExactSizeIterator + Clone {
    0..n
}

#[tool]
fn cloned(n: u8) -> impl Iterator<Item = u8> + Clone {
    0..n
}

#[tool]
fn becomes(n: u8) -> impl IntoIterator<Item = u8> {
    vec![n; 2]
}

#[tool]
fn concrete(n: u8) -> std::ops::Range<u8> {
    0..n
}

#[tool]
fn tried(n: u8) -> Result<impl Iterator<Item = u8>, fmt::Error> {
    if n == 0 { Err(fmt::Error) } else { Ok(0..n) }
}

#[operation]
fn consumed(items: &mut dyn Iterator<Item = u8>, other: impl Iterator<Item = u8>) -> usize {
    items.count() + other.count()
}

#[test]
fn what_cannot_be_wrapped_is_what_it_was() {
    fn same<T>(_: fn(u8) -> T) {}
    same::<std::ops::Range<u8>>(concrete);
    let kind = |trace: &str| trace.split(" -> ").next().map(str::to_owned);
    let (items, trace) = recorded(|| (both_ends(2).len(), both_ends(2).rev().collect::<Vec<_>>()));
    assert_eq!(items, (2, vec![1, 0]));
    assert_eq!(kind(&trace), Some("TOOL both_ends {\"n\":2}".into()));
    let (items, trace) = recorded(|| {
        let items = cloned(2);
        items.clone().count() + items.count()
    });
    assert_eq!(
        (items, kind(&trace)),
        (4, Some("TOOL cloned {\"n\":2}".into()))
    );
    let (items, trace) = recorded(|| becomes(2).into_iter().count());
    assert_eq!(
        (items, kind(&trace)),
        (2, Some("TOOL becomes {\"n\":2}".into()))
    );
    let (items, trace) = recorded(|| tried(2).map(Iterator::count));
    assert_eq!(
        (items, kind(&trace)),
        (Ok(2), Some("TOOL tried {\"n\":2}".into()))
    );
    let (items, trace) = recorded(|| consumed(&mut (0..2), 0..3));
    assert_eq!(items, 5);
    assert!(trace.ends_with("}} -> 5\n"), "{trace}");
}

struct Rows(RefCell<Vec<u32>>);

impl Rows {
    #[tool]
    fn all(&self) -> impl Iterator<Item = u32> + '_ {
        let mut at = 0;
        std::iter::from_fn(move || {
            at += 1;
            self.0.borrow().get(at - 1).copied()
        })
    }

    #[tool]
    fn each(&mut self) -> impl Iterator<Item = &mut u32> {
        self.0.get_mut().iter_mut()
    }

    #[tool]
    fn into_all(self) -> impl Iterator<Item = u32> {
        self.0.into_inner().into_iter()
    }
}

#[test]
fn methods() {
    let mut rows = Rows(RefCell::new(vec![1, 2]));
    let sum = |rows: &Rows| rows.all().sum::<u32>();
    assert_eq!(
        recorded(|| sum(&rows)),
        (3, "TOOL all stream.items=2\n".into())
    );
    let ((), trace) = recorded(|| rows.each().for_each(|row| *row += 1));
    assert_eq!(
        (sum(&rows), trace.as_str()),
        (5, "TOOL each stream.items=2\n")
    );
    let expected = "TOOL into_all stream.items=2\n";
    assert_eq!(
        recorded(|| rows.into_all().collect()),
        (vec![2, 3], expected.into())
    );
}

#[tool]
fn numbers(n: u64) -> impl Iterator<Item = u64> {
    0..n
}

#[test]
fn counting_is_as_quick_as_it_was() {
    let expected = "TOOL numbers {\"n\":1099511627776} stream.items=1099511627776\n";
    assert_eq!(
        recorded(|| numbers(1 << 40).count()),
        (1 << 40, expected.into())
    );
    let (count, trace) = recorded(|| fails().flatten().count());
    assert_eq!(count, 2);
    assert!(trace.contains("stream.items=3 ! ParseIntError"), "{trace}");
}
