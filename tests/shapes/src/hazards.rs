//! Values that are not easily written down: recording them must not fail, hang, lock, recurse, or show in the program.
//!
//! Implementations that are annotated themselves also run while values are captured, and leave no spans then.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::error::Error;
use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::{Mutex, RwLock};

use serde::ser::Error as _;
use serde::{Serialize, Serializer};

use crate::block_on;
use crate::runtime::testing::capture_with;
use crate::runtime::{operation, tool};
use crate::watch::{note, noted, recorded};

/// Calls a function, and gives what its span says.
macro_rules! spans {
    ($($call:expr => $expected:expr),* $(,)?) => { $({
        let (_, trace) = recorded(|| { let _returned = $call; });
        assert_eq!(trace, format!("TOOL {}\n", $expected));
    })* };
}

struct Nothing;

#[derive(Serialize)]
struct OnlySerialize {
    of: &'static str,
}

#[derive(Debug)]
struct OnlyDebug {
    _of: &'static str,
}

#[derive(Debug, Serialize)]
struct Both {
    of: &'static str,
}

#[tool]
fn no_traits(value: Nothing) -> Nothing {
    value
}

#[tool]
fn only_serialize(value: &OnlySerialize) -> usize {
    value.of.len()
}

#[tool]
fn only_debug(value: OnlyDebug) -> OnlyDebug {
    value
}

#[tool]
fn both(value: Both, list: Vec<Nothing>, option: Option<&Nothing>) -> Result<Both, Nothing> {
    if list.is_empty() && option.is_some() {
        Err(Nothing)
    } else {
        Ok(value)
    }
}

#[tool]
fn without_bounds<T>(value: T) -> T {
    value
}

#[tool]
fn with_bounds<T: Serialize>(value: T) -> T {
    value
}

#[tool]
fn anything(value: &dyn Any, shown: &dyn fmt::Debug, text: &dyn fmt::Display) -> String {
    format!("{shown:?}{text}{}", value.is::<u8>())
}

#[test]
fn what_a_value_implements_is_what_is_recorded() {
    spans! {
        no_traits(Nothing) => r#"no_traits {"value":{"$type":"shapes::hazards::Nothing"}} -> {"$type":"shapes::hazards::Nothing"}"#,
        only_serialize(&OnlySerialize { of: "a" }) => r#"only_serialize {"value":{"of":"a"}} -> 1"#,
        only_debug(OnlyDebug { _of: "a" }) => r#"only_debug {"value":"OnlyDebug { _of: \"a\" }"} -> "OnlyDebug { _of: \"a\" }""#,
        both(Both { of: "a" }, vec![], None) => r#"both {"value":{"of":"a"},"list":{"$type":"alloc::vec::Vec<shapes::hazards::Nothing>"},"option":{"$type":"core::option::Option<&shapes::hazards::Nothing>"}} -> {"of":"a"}"#,
        both(Both { of: "a" }, vec![], Some(&Nothing)) => r#"both {"value":{"of":"a"},"list":{"$type":"alloc::vec::Vec<shapes::hazards::Nothing>"},"option":{"$type":"core::option::Option<&shapes::hazards::Nothing>"}} ! Nothing: shapes::hazards::Nothing"#,
        without_bounds(1_u8) => r#"without_bounds {"value":{"$type":"u8"}} -> {"$type":"u8"}"#,
        with_bounds(1_u8) => r#"with_bounds {"value":1} -> 1"#,
        anything(&1_u8, &"a", &"b") => r#"anything {"value":"Any { .. }","shown":"\"a\"","text":{"$type":"&dyn core::fmt::Display"}} -> "\"a\"btrue""#,
    }
}

/// Fails or panics while it is written down.
struct Bad(&'static str);

impl fmt::Debug for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("half")?;
        match self.0 {
            "fails" => Err(fmt::Error),
            "throws" => std::panic::panic_any(Throws),
            _ => panic!("in Debug"),
        }
    }
}

/// A payload whose drop panics.
struct Throws;

impl Drop for Throws {
    fn drop(&mut self) {
        panic!("in Drop");
    }
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl Error for Bad {}

struct BadSerialize(bool);

impl Serialize for BadSerialize {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        assert!(self.0, "in Serialize");
        Err(S::Error::custom("no"))
    }
}

#[tool]
fn bad_debug(value: &Bad, after: u8) -> u8 {
    note(value.0);
    after
}

#[tool]
async fn bad_debug_later(value: Bad) -> Bad {
    value
}

#[tool]
fn bad_serialize(value: BadSerialize, after: u8) -> BadSerialize {
    note(after);
    value
}

#[tool]
fn bad_error(value: &'static str) -> Result<(), Bad> {
    Err(Bad(value))
}

#[test]
fn values_that_fail_or_panic_show_by_their_type() {
    spans! {
        bad_debug(&Bad("fails"), 1) => r#"bad_debug {"value":{"$truncated":{"bytes":null},"text":"half"},"after":1} -> 1"#,
        bad_debug(&Bad("panics"), 1) => r#"bad_debug {"value":{"$type":"&shapes::hazards::Bad"},"after":1} -> 1"#,
        bad_debug(&Bad("throws"), 1) => r#"bad_debug {"value":{"$type":"&shapes::hazards::Bad"},"after":1} -> 1"#,
        block_on(bad_debug_later(Bad("panics"))) => r#"bad_debug_later {"value":{"$type":"shapes::hazards::Bad"}} -> {"$type":"shapes::hazards::Bad"}"#,
        bad_serialize(BadSerialize(true), 2) => r#"bad_serialize {"value":{"$type":"shapes::hazards::BadSerialize"},"after":2} -> {"$type":"shapes::hazards::BadSerialize"}"#,
        bad_serialize(BadSerialize(false), 2) => r#"bad_serialize {"value":{"$type":"shapes::hazards::BadSerialize"},"after":2} -> {"$type":"shapes::hazards::BadSerialize"}"#,
        bad_error("panics") => r#"bad_error {"value":"panics"} ! Bad: shapes::hazards::Bad"#,
        bad_error("throws") => r#"bad_error {"value":"throws"} ! Bad: shapes::hazards::Bad"#,
    }
    assert_eq!(noted(), "fails panics throws 2 2");
}

#[tool]
fn odd_keys(
    pairs: &BTreeMap<(u8, u8), u8>,
    lists: HashMap<Vec<u8>, u8>,
    numbers: &BTreeMap<i64, bool>,
) -> usize {
    pairs.len() + lists.len() + numbers.len()
}

#[derive(PartialEq, Eq, PartialOrd, Ord, Serialize)]
enum Key {
    Unit,
    Tuple(u8),
}

#[tool]
fn enum_keys(map: BTreeMap<Key, u8>, set: BTreeSet<Key>) -> usize {
    map.len() + set.len()
}

#[tool]
fn large_numbers(a: u128, b: i128) -> (u128, i128) {
    (a, b)
}

#[tool]
fn odd_numbers(a: f64, b: f32, c: f64) -> f64 {
    a + f64::from(b) + c
}

#[tool(skip(list))]
fn long_array(list: [u8; 200], all: [u8; 40]) -> [u8; 40] {
    let [first, ..] = list;
    let mut all = all;
    all[0] = first;
    all
}

type Thirteen = (u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8);
type Seventeen = (
    u8,
    u8,
    u8,
    u8,
    u8,
    u8,
    u8,
    u8,
    u8,
    u8,
    u8,
    u8,
    u8,
    u8,
    u8,
    u8,
    u8,
);

#[tool]
fn long_tuples(a: Thirteen, b: &Seventeen) -> u8 {
    a.12 + b.16
}

#[tool]
#[expect(
    clippy::many_single_char_names,
    clippy::too_many_arguments,
    reason = "that is the shape"
)]
fn many_arguments(
    a: u8,
    b: u8,
    c: u8,
    d: u8,
    e: u8,
    f: u8,
    g: u8,
    h: u8,
    i: u8,
    j: u8,
    k: u8,
    l: u8,
    m: u8,
    n: u8,
    o: u8,
    p: u8,
    q: u8,
) -> u16 {
    [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q]
        .iter()
        .map(|n| u16::from(*n))
        .sum()
}

#[test]
fn values_that_json_has_no_place_for() {
    let tuple = "1,1,1,1,1,1,1,1,1,1,1,1,1";
    let forty = ["9"; 40].join(",");
    let first = format!("7{}", &forty[1..]);
    spans! {
        odd_keys(&[((1, 2), 3)].into(), [(vec![1], 2)].into(), &[(-1, true)].into()) => r#"odd_keys {"pairs":{"[1,2]":3},"lists":{"[1]":2},"numbers":{"-1":true}} -> 3"#,
        enum_keys([(Key::Unit, 1), (Key::Tuple(1), 2)].into(), [Key::Unit].into()) => r#"enum_keys {"map":{"Unit":1,"{\"Tuple\":1}":2},"set":["Unit"]} -> 3"#,
        large_numbers(u128::MAX, i128::MIN) => r#"large_numbers {"a":"340282366920938463463374607431768211455","b":"-170141183460469231731687303715884105728"} -> ["340282366920938463463374607431768211455","-170141183460469231731687303715884105728"]"#,
        odd_numbers(f64::NAN, f32::INFINITY, -0.0) => r#"odd_numbers {"a":"NaN","b":"inf","c":-0.0} -> "NaN""#,
        long_array([7; 200], [9; 40]) => format!(r#"long_array {{"all":[{forty}]}} -> [{first}]"#),
        long_tuples((1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), &(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)) => format!(r#"long_tuples {{"a":[{tuple}],"b":{{"$type":"&({})"}}}} -> 2"#, ["u8"; 17].join(", ")),
        many_arguments(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16) => r#"many_arguments {"a":0,"b":1,"c":2,"d":3,"e":4,"f":5,"g":6,"h":7,"i":8,"j":9,"k":10,"l":11,"m":12,"n":13,"o":14,"p":15,"q":16} -> 136"#,
    }
}

#[derive(Debug)]
struct Locks {
    inside: Mutex<u8>,
}

#[tool]
fn locked(
    mutex: &Mutex<u8>,
    lock: &RwLock<u8>,
    both: (&Mutex<u8>, u8),
    list: &[Mutex<u8>],
) -> usize {
    usize::from(mutex.try_lock().is_err())
        + usize::from(lock.try_read().is_err())
        + usize::from(both.1)
        + list.len()
}

#[tool]
async fn locked_later(mutex: &Mutex<u8>, inside: &Locks) -> bool {
    mutex.try_lock().is_ok() && inside.inside.try_lock().is_ok()
}

#[tool]
fn borrowed(cell: &RefCell<Both>, count: &Cell<u8>) -> bool {
    count.get() > 0 && cell.try_borrow().is_err()
}

#[test]
fn locks_and_cells_that_the_caller_holds() {
    let (mutex, lock, list) = (Mutex::new(1), RwLock::new(2), [Mutex::new(3)]);
    let guards = (mutex.lock(), lock.write(), list[0].lock());
    let mutexes = r#"{"$type":"std::sync::poison::mutex::Mutex<u8>"}"#;
    let locks = r#"{"$type":"std::sync::poison::rwlock::RwLock<u8>"}"#;
    spans! {
        locked(&mutex, &lock, (&mutex, 1), &list) => format!(r#"locked {{"mutex":{mutexes},"lock":{locks},"both":[{mutexes},1],"list":[{mutexes}]}} -> 4"#),
    }
    drop(guards);
    let inside = Locks {
        inside: Mutex::new(1),
    };
    let guard = inside.inside.lock();
    spans! {
        block_on(locked_later(&mutex, &inside)) => format!(r#"locked_later {{"mutex":{mutexes},"inside":"Locks {{ inside: Mutex {{ data: \"<locked>\", poisoned: false, .. }} }}"}} -> false"#),
    }
    drop(guard);
    let (cell, count) = (RefCell::new(Both { of: "a" }), Cell::new(1));
    let guard = cell.borrow_mut();
    spans! {
        borrowed(&cell, &count) => r#"borrowed {"cell":{"$type":"&core::cell::RefCell<shapes::hazards::Both>"},"count":1} -> true"#,
    }
    drop(guard);
    spans! {
        borrowed(&cell, &count) => r#"borrowed {"cell":{"of":"a"},"count":1} -> false"#,
    }
}

#[derive(Debug)]
struct Ring {
    next: RefCell<Option<Rc<Self>>>,
}

/// Never ends by itself.
struct Endless;

impl fmt::Debug for Endless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        loop {
            f.write_str("again ")?;
        }
    }
}

struct EndlessList;

impl Serialize for EndlessList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(std::iter::repeat(1_u8))
    }
}

#[tool]
fn ring(of: &Rc<Ring>) -> bool {
    of.next.borrow().is_some()
}

#[tool]
fn endless(_text: &Endless, _list: EndlessList) -> u8 {
    1
}

#[tool]
fn long_text(text: &str) -> String {
    text.chars().rev().collect()
}

#[test]
fn values_without_an_end() {
    let one = Rc::new(Ring {
        next: RefCell::default(),
    });
    *one.next.borrow_mut() = Some(Rc::clone(&one));
    let (is_ring, trace) = recorded(|| ring(&one));
    assert!(
        is_ring
            && trace.starts_with("TOOL ring {\"of\":{\"$truncated\":{\"bytes\":null},\"text\":\"Ring { next: RefCell { value: Some(Ring {")
    );
    assert!(trace.ends_with(" -> true\n") && trace.len() < 1_000_000);
    *one.next.borrow_mut() = None;

    let (value, trace) = recorded(|| endless(&Endless, EndlessList));
    assert_eq!(value, 1);
    assert!(trace.starts_with(
        "TOOL endless {\"_text\":{\"$truncated\":{\"bytes\":null},\"text\":\"again again "
    ));
    assert!(trace.contains("\"_list\":[1,1,1,") && trace.ends_with(" -> 1\n"));
    assert!(trace.len() < 2_000_000);

    // Cut at any byte, some cut is in the middle of one of these.
    for start in ["", "a", "ab", "abc"] {
        let text = format!("{start}{}", "🦀".repeat(225_000));
        let (reversed, trace) = recorded(|| long_text(&text));
        assert_eq!(reversed.len(), text.len());
        let bytes = text.len();
        assert!(trace.starts_with(&format!("TOOL long_text {{\"text\":{{\"$truncated\":{{\"bytes\":{bytes}}},\"text\":\"{start}🦀🦀")));
        assert!(trace.len() < text.len() && !trace.contains('\u{fffd}'));
    }
}

struct Shows(u8);

impl fmt::Debug for Shows {
    #[tool(skip_all)]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shown(self);
        write!(f, "shows {}", self.0)
    }
}

impl fmt::Display for Shows {
    #[tool(capture(self))]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl Error for Shows {}

impl Serialize for Key2 {
    #[tool(capture(self))]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.0)
    }
}

struct Key2(u8);

impl Drop for Key2 {
    #[tool(capture(self))]
    fn drop(&mut self) {
        note(self.0);
    }
}

#[operation]
fn shown(value: &Shows) -> u8 {
    value.0
}

#[tool]
fn failing(value: Shows) -> Result<u8, Shows> {
    Err(value)
}

#[tool]
fn serialized(value: &Key2) -> u8 {
    value.0
}

#[test]
fn implementations_that_are_recorded_themselves() {
    let (text, trace) = recorded(|| format!("{:?}", Shows(1)));
    assert_eq!(text, "shows 1");
    assert_eq!(
        trace,
        "\
TOOL fmt -> null
  OPERATION shown {\"value\":\"shows 1\"} -> 1
"
    );
    let (text, trace) = recorded(|| Shows(1).to_string());
    assert_eq!(text, "shows 1");
    let expected = "\
TOOL fmt {\"self\":\"shows 1\"} -> null
  TOOL fmt -> null
    OPERATION shown {\"value\":\"shows 1\"} -> 1
";
    assert_eq!(trace, expected);
    let (value, trace) = recorded(|| failing(Shows(1)).is_err());
    assert!(value);
    assert_eq!(
        trace,
        "TOOL failing {\"value\":\"shows 1\"} ! shows: shows 1\n"
    );
    let key = Key2(1);
    let (value, trace) = recorded(|| serialized(&key));
    assert_eq!(
        (value, trace.as_str()),
        (1, "TOOL serialized {\"value\":1} -> 1\n")
    );
    let ((), trace) = recorded(|| drop(key));
    assert_eq!(
        (noted().as_str(), trace.as_str()),
        ("1", "TOOL drop {\"self\":1}\n")
    );
}

#[derive(Clone, Copy)]
union Either {
    _number: u8,
    _letter: char,
}

#[tool]
fn odd_types(
    union: Either,
    pointer: *const u8,
    function: fn(u8) -> u8,
    closure: impl Fn() -> u8,
    marker: PhantomData<Nothing>,
) -> impl Fn() -> u8 {
    let _ = (union, pointer, marker);
    move || function(closure())
}

#[tool]
fn not_consumed(
    mut items: impl Iterator<Item = u8>,
    boxed: &mut dyn Iterator<Item = u8>,
    chars: std::str::Chars<'_>,
) -> (Option<u8>, Option<u8>, usize) {
    (items.next(), boxed.next(), chars.count())
}

#[tool]
fn reads(
    mut reader: impl std::io::Read,
    writer: &mut dyn std::io::Write,
) -> std::io::Result<usize> {
    let mut text = String::new();
    reader.read_to_string(&mut text)?;
    writer.write(text.as_bytes())
}

#[test]
fn values_that_are_no_data() {
    let (value, trace) = recorded(|| {
        odd_types(
            Either { _number: 1 },
            std::ptr::null(),
            |n| n + 1,
            || 1,
            PhantomData,
        )()
    });
    assert_eq!(value, 2);
    assert!(trace.starts_with("TOOL odd_types {\"union\":{\"$type\":\"shapes::hazards::Either\"},\"pointer\":\"0x0\",\"function\":\"0x"), "{trace}");
    assert!(
        trace.contains("\"closure\":{\"$type\":\"shapes::hazards::values_that_are_no_data::"),
        "{trace}"
    );
    let (value, trace) = recorded(|| not_consumed([1, 2].into_iter(), &mut (3..5), "abc".chars()));
    assert_eq!(value, (Some(1), Some(3), 3));
    assert!(
        trace.ends_with("\"chars\":\"Chars(['a', 'b', 'c'])\"} -> [1,3,3]\n"),
        "{trace}"
    );
    let mut out = Vec::new();
    let (value, trace) = recorded(|| reads(&b"abc"[..], &mut out));
    assert_eq!((value.ok(), &*out), (Some(3), &b"abc"[..]));
    assert!(trace.ends_with("-> 3\n"), "{trace}");
}

#[derive(Debug)]
struct Looping;

impl fmt::Display for Looping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("round")
    }
}

impl Error for Looping {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self)
    }
}

#[tool]
fn looping() -> Result<u8, Looping> {
    Err(Looping)
}

#[tool]
fn dynamic() -> Result<u8, Box<dyn Error>> {
    Err("dynamic".into())
}

#[tool]
fn unprintable() -> Result<u8, Nothing> {
    Err(Nothing)
}

#[test]
fn errors_that_are_hard_to_tell() {
    let (failed, trace) = capture_with(|| looping().is_err());
    assert!(failed);
    assert_eq!(trace.to_string(), "TOOL looping ! Looping: round\n");
    let chain = &trace
        .span("looping")
        .error
        .as_ref()
        .expect("it failed")
        .chain;
    assert!(chain.len() < 100, "{}", chain.len());
    let (failed, trace) = recorded(|| dynamic().is_err());
    assert!(
        failed && trace.starts_with("TOOL dynamic ! ") && trace.ends_with(": dynamic\n"),
        "{trace}"
    );
    spans! { unprintable() => "unprintable ! Nothing: shapes::hazards::Nothing" }
}
