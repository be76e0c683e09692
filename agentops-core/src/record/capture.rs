//! How a value of any type is captured, without asking anything of its type.
//!
//! Generated code calls `(&&&&Probe(&value)).agentops_capture(sink)`. Method lookup takes the first rung that the type
//! satisfies: [`Capture`] → `Serialize` → `Debug` → the type's name. Inside a generic function the rung follows from
//! the bounds in scope, not from the caller's type.
//! Runs users' code, so it contains their panics and their recursion; knows nothing of spans.

use std::any::{Any, type_name};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::{Arc, Mutex, RwLock};

use serde::Serialize;

use super::local::{self, DEEPEST};
use super::value::{self, ARRAY, CUT, DEPTH, END, OBJECT, REDACTED, Stop, Writer};

/// A type that says itself how it is recorded, whatever else it implements.
///
/// Implement it where `Serialize` and `Debug` say too much, or are too slow. [`opaque!`](crate::opaque) implements it
/// for types of which nothing but their name should be seen. Locks implement it, so that recording never waits for one.
/// Options, lists, tuples and maps of types that implement it do so too: nothing of what is in them is captured in
/// another way. A type of yours that holds one decides itself, by its own `Capture`, `Serialize` or `Debug`.
/// That is so for an argument that is a lock; within a value of another type it is that type's `Serialize` which runs,
/// and serde's own for `Mutex` locks it. Take such a type out where its caller may hold the lock.
///
/// ```
/// use agentops_core::{Capture, Sink};
///
/// struct ApiKey(String);
///
/// impl Capture for ApiKey {
///     fn capture(&self, sink: &mut Sink<'_>) {
///         sink.text(format_args!("{}…", &self.0[..3.min(self.0.len())]));
///     }
/// }
/// ```
pub trait Capture {
    /// Writes one value. What is written after the first value is ignored.
    fn capture(&self, sink: &mut Sink<'_>);

    /// Ours alone: the implementation runs no user code, and needs no net.
    #[doc(hidden)]
    const PLAIN: bool = false;
}

/// Where a captured value goes.
#[derive(Debug)]
pub struct Sink<'a> {
    out: &'a mut Vec<u8>,
    llm: bool,
    pub(crate) failed: bool,
    /// While a user's `Capture` runs: whether it has written its one value.
    written: Option<bool>,
    /// Containers that are open around the next value, and where the outermost began.
    depth: usize,
    outermost: usize,
}

impl<'a> Sink<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>, llm: bool) -> Self {
        Self {
            out,
            llm,
            failed: false,
            written: None,
            depth: 0,
            outermost: 0,
        }
    }

    /// Writes a value as its `Serialize` has it; its type's name where that fails.
    pub fn serialize<T: Serialize + ?Sized>(&mut self, value: &T) {
        if !self.takes_one() {
            return;
        }
        let mut writer = self.writer();
        if writer.serialize(value) == Err(Stop::Failed) {
            writer.take_back();
            writer.opaque(type_name::<T>());
        }
    }

    /// Writes text, formatted in place.
    pub fn text(&mut self, text: fmt::Arguments<'_>) {
        if self.takes_one() {
            self.writer().format(text);
        }
    }

    /// Writes a type's name in the place of a value.
    pub fn opaque(&mut self, name: &str) {
        if self.takes_one() {
            self.writer().opaque(name);
        }
    }

    /// A second value of a user's `Capture` would be taken for that of the next argument.
    #[inline(always)]
    fn takes_one(&mut self) -> bool {
        match &mut self.written {
            Some(written) => !std::mem::replace(written, true),
            None => true,
        }
    }

    /// A container of values that say themselves how they are recorded.
    fn elements<I>(
        &mut self,
        tag: u8,
        items: impl Iterator<Item = I>,
        mut write: impl FnMut(&mut Self, I),
    ) {
        if !self.takes_one() {
            return;
        }
        if self.depth == 0 {
            self.outermost = self.out.len();
        }
        self.out.push(tag);
        self.depth += 1;
        for (number, item) in items.enumerate() {
            let bytes = self.out.len() - self.outermost;
            if self.depth > DEPTH || !value::has_room(bytes, number) {
                self.out.push(CUT);
                break;
            }
            write(self, item);
        }
        self.depth -= 1;
        self.out.push(END);
    }

    /// One value, whatever `write` writes.
    fn one(&mut self, write: impl FnOnce(&mut Self)) {
        let start = self.out.len();
        let around = self.written.replace(false);
        write(self);
        self.written = around;
        if self.out.len() == start {
            self.writer().null();
        }
    }

    /// One value, whatever its `Capture` writes.
    fn element<T: Capture + ?Sized>(&mut self, value: &T) {
        self.one(|sink| value.capture(sink));
    }

    /// Takes errors only: whatever else is captured into it is left out, and its code not run.
    pub(crate) fn for_errors(out: &'a mut Vec<u8>) -> Self {
        Self {
            written: Some(true),
            ..Self::new(out, false)
        }
    }

    pub(crate) fn writer(&mut self) -> Writer<'_> {
        Writer::new(self.out, self.llm).inside(self.depth)
    }

    /// As [`serialize`](Self::serialize), with the type's panics contained.
    #[inline]
    pub(crate) fn serialize_contained<T: Serialize + ?Sized>(&mut self, value: &T) {
        self.contained(type_name::<T>(), |sink| sink.serialize(value));
    }

    /// Runs `write`, and takes back what it wrote if it panics; a value that says nothing is null.
    pub(crate) fn contained(&mut self, name: &'static str, write: impl FnOnce(&mut Self)) {
        let around = self.written;
        if around == Some(true) {
            return;
        }
        let quiet = local::Quiet::enter();
        // A value within one that is being captured is no other code that needs this one.
        if quiet.is_below(if around.is_some() {
            DEPTH as u8
        } else {
            DEEPEST
        }) {
            return self.opaque(name);
        }
        let (start, depth) = (self.out.len(), self.depth);
        self.written = Some(false);
        let outcome = catch_unwind(AssertUnwindSafe(|| write(self)));
        self.written = around;
        if let Err(payload) = outcome {
            discard(payload);
            self.out.truncate(start);
            self.depth = depth;
            self.opaque(name);
        } else if self.out.len() == start {
            self.writer().null();
        }
        self.written = around.map(|_| true);
        drop(quiet);
    }
}

/// An object of a derived `Capture`, whose fields are asked for by number.
pub fn object(
    sink: &mut Sink<'_>,
    keys: &'static [&'static str],
    field: &mut dyn FnMut(&mut Sink<'_>, usize),
) {
    sink.elements(OBJECT, keys.iter().enumerate(), |sink, (number, key)| {
        sink.writer().key(key);
        sink.one(|sink| field(sink, number));
    });
}

/// A list of a derived `Capture`, whose elements are asked for by number.
pub fn list(sink: &mut Sink<'_>, length: usize, element: &mut dyn FnMut(&mut Sink<'_>, usize)) {
    sink.elements(ARRAY, 0..length, |sink, number| {
        sink.one(|sink| element(sink, number));
    });
}

/// What stands in the place of a value that its type's author keeps to himself.
pub fn redacted(sink: &mut Sink<'_>) {
    sink.serialize(REDACTED);
}

/// Captures what an expression of the user's gives. That runs beside the program, so its panics cost its value only.
pub fn computed(sink: &mut Sink<'_>, capture: &mut dyn FnMut(&mut Sink<'_>)) {
    // The value's type, as far as one may speak of it.
    sink.contained("panicked", |sink| capture(sink));
}

/// Drops what users' code threw. That may throw again: what it throws then is never dropped.
pub(crate) fn discard(payload: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(again);
    }
}

/// Takes types out of recording: they show as their name, whatever they implement.
///
/// ```
/// struct Client {
///     key: String,
/// }
/// agentops_core::opaque!(Client);
/// ```
#[macro_export]
macro_rules! opaque {
    ($($type:ty),+ $(,)?) => { $(
        impl $crate::Capture for $type {
            fn capture(&self, sink: &mut $crate::Sink<'_>) {
                sink.opaque(::core::any::type_name::<Self>());
            }
        }
    )+ };
}

macro_rules! plain {
    ($($type:ty)*) => { $(impl Capture for $type {
        #[inline]
        fn capture(&self, sink: &mut Sink<'_>) {
            // Writing a primitive cannot fail.
            let _ = sink.writer().serialize(self);
        }
        const PLAIN: bool = true;
    })* };
}
plain!(() bool char str String i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize f32 f64);

macro_rules! through {
    ($($pointer:ty)*) => { $(impl<T: Capture + ?Sized> Capture for $pointer {
        #[inline]
        fn capture(&self, sink: &mut Sink<'_>) {
            T::capture(self, sink);
        }
        const PLAIN: bool = T::PLAIN;
    })* };
}
through!(&T &mut T Box<T> Arc<T> Rc<T>);

impl<T: Capture> Capture for Option<T> {
    #[inline]
    fn capture(&self, sink: &mut Sink<'_>) {
        match self {
            Some(value) => value.capture(sink),
            None => sink.serialize(&()),
        }
    }
    const PLAIN: bool = T::PLAIN;
}

macro_rules! lists {
    ($($list:ty $(, $length:ident)?;)*) => { $(impl<T: Capture $(, const $length: usize)?> Capture for $list {
        fn capture(&self, sink: &mut Sink<'_>) {
            sink.elements(ARRAY, self.iter(), |sink, item| sink.element(item));
        }
        const PLAIN: bool = T::PLAIN;
    })* };
}
lists!([T]; [T; N], N; Vec<T>; VecDeque<T>; BTreeSet<T>;);

impl<T: Capture, S> Capture for HashSet<T, S> {
    fn capture(&self, sink: &mut Sink<'_>) {
        sink.elements(ARRAY, self.iter(), |sink, item| sink.element(item));
    }
    const PLAIN: bool = T::PLAIN;
}

macro_rules! maps {
    ($($map:ty $(, $state:ident)?;)*) => { $(impl<K: Serialize, V: Capture $(, $state)?> Capture for $map {
        fn capture(&self, sink: &mut Sink<'_>) {
            sink.elements(OBJECT, self.iter(), |sink, (key, value)| {
                // A key that cannot be one leaves its value without.
                if sink.writer().key_of(key).is_ok() {
                    sink.element(value);
                }
            });
        }
    })* };
}
maps!(HashMap<K, V, S>, S; BTreeMap<K, V>;);

macro_rules! tuples {
    ($(($($name:ident $at:tt)+))*) => { $(impl<$($name: Capture),+> Capture for ($($name,)+) {
        fn capture(&self, sink: &mut Sink<'_>) {
            sink.elements(ARRAY, [$($at),+].into_iter(), |sink, at: usize| match at {
                $($at => sink.element(&self.$at),)+
                _ => {}
            });
        }
        const PLAIN: bool = $($name::PLAIN)&&+;
    })* };
}
tuples!((A 0) (A 0 B 1) (A 0 B 1 C 2) (A 0 B 1 C 2 D 3));

macro_rules! locks {
    ($($lock:ident)*) => { $(impl<T: ?Sized> Capture for $lock<T> {
        fn capture(&self, sink: &mut Sink<'_>) {
            sink.opaque(type_name::<Self>());
        }
        const PLAIN: bool = true;
    })* };
}
locks!(Mutex RwLock);

/// A value on the ladder.
#[derive(Debug)]
pub struct Probe<'a, T: ?Sized>(pub &'a T);

/// First rung.
pub trait ViaCapture {
    /// Captures the value.
    fn agentops_capture(&self, sink: &mut Sink<'_>);
}

impl<T: Capture + ?Sized> ViaCapture for &&&Probe<'_, T> {
    #[inline]
    fn agentops_capture(&self, sink: &mut Sink<'_>) {
        if T::PLAIN {
            self.0.capture(sink);
        } else {
            sink.contained(type_name::<T>(), |sink| self.0.capture(sink));
        }
    }
}

/// Second rung.
pub trait ViaSerialize {
    /// Captures the value.
    fn agentops_capture(&self, sink: &mut Sink<'_>);
}

impl<T: Serialize + ?Sized> ViaSerialize for &&Probe<'_, T> {
    #[inline]
    fn agentops_capture(&self, sink: &mut Sink<'_>) {
        sink.serialize_contained(self.0);
    }
}

/// Third rung.
pub trait ViaDebug {
    /// Captures the value.
    fn agentops_capture(&self, sink: &mut Sink<'_>);
}

impl<T: fmt::Debug + ?Sized> ViaDebug for &Probe<'_, T> {
    fn agentops_capture(&self, sink: &mut Sink<'_>) {
        sink.contained(type_name::<T>(), |sink| sink.writer().debug(self.0));
    }
}

/// Last rung: every type has a name.
pub trait ViaName {
    /// Captures the value.
    fn agentops_capture(&self, sink: &mut Sink<'_>);
}

impl<T: ?Sized> ViaName for Probe<'_, T> {
    fn agentops_capture(&self, sink: &mut Sink<'_>) {
        sink.opaque(type_name::<T>());
    }
}

#[cfg(test)]
#[expect(
    clippy::needless_borrow,
    reason = "the references are the ladder, as in generated code"
)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::value::to_json;
    use super::*;

    macro_rules! json_of {
        ($value:expr) => {{
            let mut bytes = Vec::new();
            (&&&&Probe(&$value)).agentops_capture(&mut Sink::new(&mut bytes, false));
            let mut text = Vec::new();
            to_json(&bytes, &mut text);
            String::from_utf8(text).expect("JSON is UTF-8")
        }};
    }

    #[derive(Debug, Serialize)]
    struct Both {
        a: u8,
    }
    #[derive(Debug)]
    struct OnlyDebug;
    struct Nothing;
    struct Panicking;
    impl fmt::Debug for Panicking {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("inside Debug")
        }
    }
    #[derive(Debug, Serialize)]
    struct Taken;
    opaque!(Taken);

    #[test]
    fn each_type_takes_the_first_rung_it_satisfies() {
        assert_eq!(json_of!(Both { a: 1 }), r#"{"a":1}"#);
        assert_eq!(json_of!(&&Both { a: 1 }), r#"{"a":1}"#);
        assert_eq!(json_of!(*"text"), r#""text""#);
        assert_eq!(json_of!(OnlyDebug), r#""OnlyDebug""#);
        assert!(json_of!(Nothing).starts_with(r#"{"$type":"#));
        assert!(json_of!(vec![Nothing]).contains("Vec<"));
        assert!(json_of!(Taken).starts_with(r#"{"$type":"#));
    }

    /// Whatever it is in, if it is in something of the standard library's.
    #[test]
    fn what_was_taken_out_is_out_wherever_it_stands() {
        let taken = || Taken;
        let name = json_of!(taken());
        assert_eq!(json_of!(Some(taken())), name);
        assert_eq!(json_of!(Option::<Taken>::None), "null");
        assert_eq!(json_of!(vec![taken(), taken()]), format!("[{name},{name}]"));
        assert_eq!(json_of!([taken()]), format!("[{name}]"));
        assert_eq!(json_of!([Some(taken())][..]), format!("[{name}]"));
        assert_eq!(json_of!((taken(), 1)), format!("[{name},1]"));
        assert_eq!(
            json_of!(BTreeMap::from([(7, taken())])),
            format!("{{\"7\":{name}}}")
        );
        assert_eq!(
            json_of!(HashMap::from([("k", vec![taken()])])),
            format!("{{\"k\":[{name}]}}")
        );
        assert_eq!(json_of!(Arc::new(Box::new(&taken()))), name);
        assert_eq!(json_of!(vec![Mutex::new(1)]).matches("Mutex").count(), 1);
        // And what was not is as it was.
        assert_eq!(json_of!(vec![vec![1, 2], vec![]]), "[[1,2],[]]");
        assert_eq!(
            json_of!((1, "a", None::<u8>, [true])),
            r#"[1,"a",null,[true]]"#
        );
        assert_eq!(
            json_of!(vec![0_u8; 10_001]).matches("$truncated").count(),
            1
        );
    }

    /// A `Capture` that writes nothing, or more than it may, among others.
    #[test]
    fn each_element_is_one_value() {
        struct Says(usize);
        impl Capture for Says {
            fn capture(&self, sink: &mut Sink<'_>) {
                (0..self.0).for_each(|n| sink.serialize(&n));
            }
        }
        assert_eq!(json_of!(vec![Says(0), Says(1), Says(3)]), "[null,0,0]");
        assert_eq!(json_of!((Says(2), vec![Says(2)])), "[0,[0]]");
    }

    /// What derives print, for values that nobody thought of.
    #[derive(Debug, Clone)]
    enum Tree {
        Unit,
        Number(i64),
        Text(String),
        Taken,
        Panicking,
        Redacted,
        List(Vec<Tree>),
        Object(Vec<Tree>),
        Silent,
    }

    const KEYS: &[&str] = &["a", "", "c\n\"ü", "password", "$type"];

    impl Capture for Tree {
        fn capture(&self, sink: &mut Sink<'_>) {
            match self {
                Tree::Unit => sink.serialize("Unit"),
                Tree::Number(number) => (&&&&Probe(number)).agentops_capture(sink),
                Tree::Text(text) => object(sink, &["Text"], &mut |sink, _| {
                    (&&&&Probe(text)).agentops_capture(sink);
                }),
                Tree::Taken => (&&&&Probe(&Taken)).agentops_capture(sink),
                Tree::Panicking => (&&&&Probe(&Panicking)).agentops_capture(sink),
                Tree::Redacted => redacted(sink),
                Tree::List(trees) => list(sink, trees.len(), &mut |sink, at| {
                    (&&&&Probe(&trees[at])).agentops_capture(sink);
                }),
                Tree::Object(trees) => object(sink, &KEYS[..trees.len()], &mut |sink, at| {
                    (&&&&Probe(&trees[at])).agentops_capture(sink);
                }),
                Tree::Silent => {}
            }
        }
    }

    impl Tree {
        fn expected(&self) -> Value {
            match self {
                Tree::Unit => "Unit".into(),
                Tree::Number(number) => json!(number),
                Tree::Text(text) => json!({"Text": text}),
                Tree::Taken => json!({"$type": type_name::<Taken>()}),
                Tree::Panicking => json!({"$type": type_name::<Panicking>()}),
                Tree::Redacted => REDACTED.into(),
                Tree::List(trees) => trees.iter().map(Tree::expected).collect(),
                Tree::Object(trees) => {
                    let fields = KEYS.iter().map(|key| (*key).to_owned());
                    Value::Object(fields.zip(trees.iter().map(Tree::expected)).collect())
                }
                Tree::Silent => Value::Null,
            }
        }

        fn any() -> impl Strategy<Value = Tree> {
            let leaf = prop_oneof![
                Just(Tree::Unit),
                any::<i64>().prop_map(Tree::Number),
                any::<String>().prop_map(Tree::Text),
                Just(Tree::Taken),
                Just(Tree::Panicking),
                Just(Tree::Redacted),
                Just(Tree::Silent),
            ];
            leaf.prop_recursive(8, 64, 5, |inner| {
                let some = vec(inner, 0..KEYS.len());
                prop_oneof![
                    some.clone().prop_map(Tree::List),
                    some.prop_map(Tree::Object)
                ]
            })
        }
    }

    proptest! {
        #[test]
        fn a_value_of_fields_is_all_that_they_say(tree in Tree::any()) {
            let shown: Value = serde_json::from_str(&json_of!(tree)).expect("it is JSON");
            prop_assert_eq!(shown, tree.expected());
        }
    }

    #[test]
    fn fields_are_cut_where_they_are_too_deep_or_too_many() {
        let mut deep = Tree::Unit;
        for _ in 0..200 {
            deep = Tree::List(vec![deep]);
        }
        let shown: Value = serde_json::from_str(&json_of!(deep)).expect("it is JSON");
        let mut levels = 0;
        let mut at = &shown;
        while let Some(inner) = at.get(0) {
            (at, levels) = (inner, levels + 1);
        }
        assert_eq!(levels, DEPTH);

        let many = Tree::List(vec![Tree::Number(1); 20_000]);
        let shown: Value = serde_json::from_str(&json_of!(many)).expect("it is JSON");
        assert_eq!(shown.as_array().map(Vec::len), Some(10_001));
        let large = Tree::List(vec![
            Tree::List(vec![Tree::Text("x".repeat(1 << 16)); 100]);
            100
        ]);
        assert!(json_of!(large).len() < 5 << 20, "in all, not for each");
    }

    #[test]
    fn a_lock_is_never_taken() {
        let lock = Mutex::new(Both { a: 1 });
        let guard = lock.lock().expect("nobody panicked");
        assert!(json_of!(lock).contains("Mutex"));
        assert!(json_of!(&lock).contains("Mutex"));
        drop(guard);
    }

    #[test]
    fn a_panic_costs_that_value_only() {
        let mut bytes = Vec::new();
        let mut sink = Sink::new(&mut bytes, false);
        (&&&&Probe(&1)).agentops_capture(&mut sink);
        (&&&&Probe(&Panicking)).agentops_capture(&mut sink);
        (&&&&Probe(&2)).agentops_capture(&mut sink);
        let mut text = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            at += to_json(&bytes[at..], &mut text);
            text.push(b' ');
        }
        let text = String::from_utf8(text).expect("JSON is UTF-8");
        assert!(
            text.starts_with("1 {\"$type\":") && text.ends_with("Panicking\"} 2 "),
            "{text}"
        );
    }
}
