//! Users' values in a compact binary form: written on the caller's thread, turned into JSON on the processor's.
//!
//! Writing this form costs a quarter of writing JSON. Limits apply while writing: a string is cut at a character
//! boundary, a collection after so many elements, a value that never ends after so many bytes; what is left always
//! reads as one whole value. The reader, [`read`], is here too so that the two cannot drift apart; it asks a
//! [`Filter`] what may be seen.

use std::fmt::{self, Display};

use serde::Serialize;
use serde::ser;

use super::bounded::{self, floor_char_boundary};
use super::ring::PROGRESS;
use crate::sync::Relaxed;
use crate::sync::fixed::AtomicUsize;

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const I64: u8 = 3;
const U64: u8 = 4;
const F64: u8 = 5;
const STR: u8 = 6;
pub(crate) const OBJECT: u8 = 7;
pub(crate) const ARRAY: u8 = 8;
pub(crate) const END: u8 = 9;
/// A type's name, of a value that could not be captured.
const OPAQUE: u8 = 11;
/// A string that was cut: its whole length, then what is left.
const CUT_STR: u8 = 12;
/// Where the length of a key begins to count, so that its first byte is never `END` or `CUT`.
const KEY: usize = 16;
/// Before `END`: elements were left out.
pub(crate) const CUT: u8 = 13;
/// A short float: its shortest digits are not those of the long one.
const F32: u8 = 14;

/// Bytes of a string that are captured: more than are kept, so that a secret at the limit is seen whole.
static CAPTURED: AtomicUsize = AtomicUsize::new(STRING_LIMIT + SLACK);
/// Elements of a collection that are kept.
static ELEMENTS: AtomicUsize = AtomicUsize::new(COLLECTION_LIMIT);
/// Bytes of a string that are kept, where nobody says.
pub(crate) const STRING_LIMIT: usize = 64 * 1024;
/// Bytes of a string in a model call that are kept, unless it is more everywhere.
pub(crate) const LLM_STRING_LIMIT: usize = 1 << 20;
/// Elements of a collection that are kept, where nobody says.
pub(crate) const COLLECTION_LIMIT: usize = 10_000;
/// Elements that are kept in any case: what we say ourselves has as many.
const LEAST_ELEMENTS: usize = 32;
/// No secret that has a form to be known by is longer.
const SLACK: usize = 8 * 1024;
/// Bytes after which a value is taken for endless.
const ENDLESS: usize = 4 << 20;
/// Elements that are left out before a collection is taken for endless.
const LEFT_OUT: usize = 1_000_000;
/// Bytes of JSON after which those who wait for room are told that there is progress.
const PROGRESS_EVERY: usize = 4 * 1024;
/// How deep containers may stand in one another.
/// JSON readers give up at 128, and a value stands in others where it is shown.
pub(crate) const DEPTH: usize = 96;

/// Writes one value after another to the end of a buffer.
#[derive(Debug)]
pub(crate) struct Writer<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    string_limit: usize,
    /// Elements of a collection that are kept.
    elements: usize,
    depth: usize,
    /// How many containers may stand in one another here.
    deepest: usize,
    after_key: bool,
}

/// Sets how much of a string, and how many elements of a collection, are to be left in the end.
pub(crate) fn configure(string_limit: usize, collection_limit: usize) {
    CAPTURED.store(string_limit.saturating_add(SLACK), Relaxed);
    ELEMENTS.store(collection_limit.max(LEAST_ELEMENTS), Relaxed);
}

/// How much of a text is captured, in bytes.
#[inline(always)]
pub(crate) fn captured() -> usize {
    CAPTURED.load(Relaxed)
}

/// Whether a collection that has so many bytes and elements takes one more.
#[inline(always)]
pub(crate) fn has_room(bytes: usize, elements: usize) -> bool {
    bytes <= ENDLESS && elements < ELEMENTS.load(Relaxed)
}

/// Why a value could not be written to its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It is too large or too deep; what is written is kept.
    Limit,
    /// Its `Serialize` failed; nothing of it can be trusted.
    Failed,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>, llm: bool) -> Self {
        let (mut string_limit, mut elements) = (captured(), ELEMENTS.load(Relaxed));
        if llm {
            // What a call took stands among what was said.
            string_limit = string_limit.max(LLM_STRING_LIMIT + SLACK);
            elements = elements.max(COLLECTION_LIMIT);
        }
        Self {
            start: out.len(),
            out,
            string_limit,
            elements,
            depth: 0,
            deepest: DEPTH,
            after_key: false,
        }
    }

    /// A writer of what stands in so many containers already.
    #[inline(always)]
    pub(crate) fn inside(mut self, containers: usize) -> Self {
        self.deepest = DEPTH.saturating_sub(containers);
        self
    }

    /// One value of any serialisable type.
    pub(crate) fn serialize<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        match value.serialize(&mut *self) {
            // Whatever it did on the way, it is one value that stands here, and nothing of it is still open.
            Ok(()) if self.depth > 0 || self.after_key => Err(Stop::Failed),
            Err(Stop::Limit) => {
                self.close_all();
                Ok(())
            }
            written => written,
        }
    }

    /// What the value's `Debug` says.
    pub(crate) fn debug<T: fmt::Debug + ?Sized>(&mut self, value: &T) {
        self.format(format_args!("{value:?}"));
    }

    /// Formatted text, without building it elsewhere first.
    pub(crate) fn format(&mut self, arguments: fmt::Arguments<'_>) {
        let at = self.out.len();
        self.out
            .extend_from_slice(&[CUT_STR, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let text = self.out.len();
        let cut = !bounded::write(self.out, self.string_limit, arguments);
        let kept = (self.out.len() - text) as u32;
        if cut {
            // The whole length is not known: whoever wrote it was stopped.
            self.out[at + 1..at + 9].copy_from_slice(&u64::MAX.to_le_bytes());
            self.out[at + 9..at + 13].copy_from_slice(&kept.to_le_bytes());
        } else {
            self.out[at] = STR;
            self.out[at + 1..at + 5].copy_from_slice(&kept.to_le_bytes());
            self.out.drain(at + 5..at + 13);
        }
    }

    /// The name of a type whose value cannot be captured.
    pub(crate) fn opaque(&mut self, name: &str) {
        self.after_key = false;
        self.tagged(OPAQUE, name);
    }

    /// The key of an object's next value.
    pub(crate) fn key_of<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Stop> {
        let at = self.out.len();
        let made = key.serialize(&mut *self).and_then(|()| self.make_key(at));
        if made.is_err() {
            self.out.truncate(at);
        }
        made
    }

    pub(crate) fn null(&mut self) {
        self.out.push(NULL);
    }

    /// An element in the place of others that were left out of a list's middle.
    pub(crate) fn left_out(&mut self) {
        self.out.push(OBJECT);
        self.key("$truncated");
        self.out.push(OBJECT);
        self.key("bytes");
        self.out.extend_from_slice(&[NULL, END, END]);
        self.after_key = false;
    }

    /// Takes back what was written since `new`.
    pub(crate) fn take_back(&mut self) {
        self.out.truncate(self.start);
        (self.depth, self.after_key) = (0, false);
    }

    /// Where it stands, to go back to.
    pub(crate) fn mark(&self) -> (usize, usize) {
        (self.out.len(), self.depth)
    }

    /// Takes back what was written since a mark.
    pub(crate) fn go_back(&mut self, (length, depth): (usize, usize)) {
        self.out.truncate(length);
        (self.depth, self.after_key) = (depth, false);
    }

    /// Ends every container that is open, each as one of which something was left out.
    pub(crate) fn close_all(&mut self) {
        if self.after_key {
            self.out.push(NULL);
            self.after_key = false;
        }
        while self.depth > 0 {
            self.out.extend_from_slice(&[CUT, END]);
            self.depth -= 1;
        }
    }

    fn tagged(&mut self, tag: u8, text: &str) {
        self.out.push(tag);
        self.out
            .extend_from_slice(&(text.len() as u32).to_le_bytes());
        self.out.extend_from_slice(text.as_bytes());
    }

    #[inline(always)]
    fn number(&mut self, tag: u8, bits: [u8; 8]) -> Result<(), Stop> {
        let mut bytes = [tag; 9];
        bytes[1..].copy_from_slice(&bits);
        self.out.extend_from_slice(&bytes);
        self.after_key = false;
        Ok(())
    }

    #[inline(always)]
    fn byte(&mut self, tag: u8) -> Result<(), Stop> {
        self.out.push(tag);
        self.after_key = false;
        Ok(())
    }

    #[inline(always)]
    fn text(&mut self, text: &str) -> Result<(), Stop> {
        self.after_key = false;
        if text.len() > self.string_limit {
            self.cut_text(text);
        } else {
            let mut head = [STR, 0, 0, 0, 0];
            head[1..].copy_from_slice(&(text.len() as u32).to_le_bytes());
            self.out.extend_from_slice(&head);
            self.out.extend_from_slice(text.as_bytes());
        }
        Ok(())
    }

    #[cold]
    fn cut_text(&mut self, text: &str) {
        let kept = &text[..floor_char_boundary(text, self.string_limit)];
        self.out.push(CUT_STR);
        self.out
            .extend_from_slice(&(text.len() as u64).to_le_bytes());
        self.out
            .extend_from_slice(&(kept.len() as u32).to_le_bytes());
        self.out.extend_from_slice(kept.as_bytes());
    }

    /// The key of an object's next value, as it is.
    #[inline(always)]
    pub(crate) fn key(&mut self, key: &str) {
        let mut length = key.len() + KEY;
        while length >= 0x80 {
            self.out.push(length as u8 | 0x80);
            length >>= 7;
        }
        self.out.push(length as u8);
        self.out.extend_from_slice(key.as_bytes());
        self.after_key = true;
    }

    /// Turns the value from `at` on into a key. What is no text, number or boolean cannot be one.
    fn make_key(&mut self, at: usize) -> Result<(), Stop> {
        if self.out[at] != STR {
            let key = key_text(&self.out[at..]).ok_or(Stop::Failed)?;
            self.out.truncate(at);
            self.key(&key);
            return Ok(());
        }
        // In place: a text's head is at least as long as a key's.
        let text = at + 1 + size_of::<u32>();
        let end = self.out.len();
        let mut length = end - text + KEY;
        let mut head = at;
        while length >= 0x80 {
            self.out[head] = length as u8 | 0x80;
            length >>= 7;
            head += 1;
        }
        self.out[head] = length as u8;
        self.out.copy_within(text..end, head + 1);
        self.out.truncate(head + 1 + end - text);
        self.after_key = true;
        Ok(())
    }

    #[inline(always)]
    fn open(&mut self, tag: u8) -> Result<(), Stop> {
        if self.depth >= self.deepest || self.out.len() - self.start > ENDLESS {
            return Err(Stop::Limit);
        }
        self.depth += 1;
        self.byte(tag)
    }

    #[inline(always)]
    fn close(&mut self) -> Result<(), Stop> {
        self.depth -= 1;
        self.byte(END)
    }
}

impl Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Limit => "value too large",
            Self::Failed => "value refused to serialise",
        })
    }
}

impl std::error::Error for Stop {}

impl ser::Error for Stop {
    fn custom<T: Display>(_: T) -> Self {
        Self::Failed
    }
}

/// A container that is being written.
#[derive(Debug)]
pub(crate) struct Container<'w, 'a> {
    writer: &'w mut Writer<'a>,
    elements: usize,
    /// How deep its elements stand.
    depth: usize,
    /// A variant with data is an object around what it holds.
    wrapped: bool,
}

impl<'w, 'a> Container<'w, 'a> {
    #[inline(always)]
    fn new(
        writer: &'w mut Writer<'a>,
        tag: u8,
        variant: Option<&'static str>,
    ) -> Result<Self, Stop> {
        if let Some(variant) = variant {
            writer.open(OBJECT)?;
            writer.key(variant);
        }
        writer.open(tag)?;
        Ok(Self {
            depth: writer.depth,
            writer,
            elements: 0,
            wrapped: variant.is_some(),
        })
    }

    pub(crate) fn writer(&mut self) -> &mut Writer<'a> {
        self.writer
    }

    /// A `Serialize` that goes on after an error, or names what it has not, would take what stands beside it for its own.
    #[inline(always)]
    fn check(&self) -> Result<(), Stop> {
        if self.writer.depth == self.depth && !self.writer.after_key {
            Ok(())
        } else {
            Err(Stop::Failed)
        }
    }

    /// Whether one more element may be written.
    #[inline(always)]
    fn more(&mut self) -> Result<bool, Stop> {
        self.check()?;
        self.elements += 1;
        if self.elements <= self.writer.elements {
            return if self.writer.out.len() - self.writer.start > ENDLESS {
                Err(Stop::Limit)
            } else {
                Ok(true)
            };
        }
        self.at_limit()
    }

    #[cold]
    fn at_limit(&mut self) -> Result<bool, Stop> {
        // What is left out still runs the user's iterator; one that never ends is stopped here, twice if need be.
        let most = self.writer.elements.saturating_add(LEFT_OUT);
        if self.elements > most.saturating_add(LEFT_OUT) {
            bounded::stop_endless();
        }
        if self.elements > most {
            Err(Stop::Limit)
        } else {
            Ok(false)
        }
    }

    #[inline(always)]
    fn finish(self) -> Result<(), Stop> {
        self.check()?;
        if self.elements > self.writer.elements {
            self.writer.out.push(CUT);
        }
        self.writer.close()?;
        if self.wrapped {
            self.writer.close()
        } else {
            Ok(())
        }
    }

    #[inline(always)]
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        if self.more()? {
            value.serialize(&mut *self.writer)
        } else {
            Ok(())
        }
    }

    #[inline(always)]
    fn field<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), Stop> {
        if self.more()? {
            self.writer.key(key);
            value.serialize(&mut *self.writer)?;
        }
        Ok(())
    }
}

impl<'w, 'a> ser::Serializer for &'w mut Writer<'a> {
    type Ok = ();
    type Error = Stop;
    type SerializeSeq = Container<'w, 'a>;
    type SerializeTuple = Container<'w, 'a>;
    type SerializeTupleStruct = Container<'w, 'a>;
    type SerializeTupleVariant = Container<'w, 'a>;
    type SerializeMap = Container<'w, 'a>;
    type SerializeStruct = Container<'w, 'a>;
    type SerializeStructVariant = Container<'w, 'a>;

    #[inline(always)]
    fn serialize_bool(self, v: bool) -> Result<(), Stop> {
        self.byte(if v { TRUE } else { FALSE })
    }
    #[inline(always)]
    fn serialize_i8(self, v: i8) -> Result<(), Stop> {
        self.serialize_i64(v.into())
    }
    #[inline(always)]
    fn serialize_i16(self, v: i16) -> Result<(), Stop> {
        self.serialize_i64(v.into())
    }
    #[inline(always)]
    fn serialize_i32(self, v: i32) -> Result<(), Stop> {
        self.serialize_i64(v.into())
    }
    #[inline(always)]
    fn serialize_i64(self, v: i64) -> Result<(), Stop> {
        self.number(I64, v.to_le_bytes())
    }
    fn serialize_i128(self, v: i128) -> Result<(), Stop> {
        match i64::try_from(v) {
            Ok(v) => self.serialize_i64(v),
            // In digits: a number would be rounded by who reads it.
            Err(_) => self.text(&v.to_string()),
        }
    }
    #[inline(always)]
    fn serialize_u8(self, v: u8) -> Result<(), Stop> {
        self.serialize_u64(v.into())
    }
    #[inline(always)]
    fn serialize_u16(self, v: u16) -> Result<(), Stop> {
        self.serialize_u64(v.into())
    }
    #[inline(always)]
    fn serialize_u32(self, v: u32) -> Result<(), Stop> {
        self.serialize_u64(v.into())
    }
    #[inline(always)]
    fn serialize_u64(self, v: u64) -> Result<(), Stop> {
        self.number(U64, v.to_le_bytes())
    }
    fn serialize_u128(self, v: u128) -> Result<(), Stop> {
        match u64::try_from(v) {
            Ok(v) => self.serialize_u64(v),
            Err(_) => self.text(&v.to_string()),
        }
    }
    #[inline(always)]
    fn serialize_f32(self, v: f32) -> Result<(), Stop> {
        let [a, b, c, d] = v.to_le_bytes();
        self.out.extend_from_slice(&[F32, a, b, c, d]);
        self.after_key = false;
        Ok(())
    }
    #[inline(always)]
    fn serialize_f64(self, v: f64) -> Result<(), Stop> {
        self.number(F64, v.to_le_bytes())
    }
    fn serialize_char(self, v: char) -> Result<(), Stop> {
        self.text(v.encode_utf8(&mut [0; 4]))
    }
    #[inline(always)]
    fn serialize_str(self, v: &str) -> Result<(), Stop> {
        self.text(v)
    }
    fn serialize_bytes(self, v: &[u8]) -> Result<(), Stop> {
        v.serialize(self)
    }
    #[inline(always)]
    fn serialize_none(self) -> Result<(), Stop> {
        self.byte(NULL)
    }
    #[inline(always)]
    fn serialize_some<T: Serialize + ?Sized>(self, v: &T) -> Result<(), Stop> {
        v.serialize(self)
    }
    #[inline(always)]
    fn serialize_unit(self) -> Result<(), Stop> {
        self.byte(NULL)
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Stop> {
        self.byte(NULL)
    }
    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), Stop> {
        self.text(variant)
    }
    #[inline(always)]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        v: &T,
    ) -> Result<(), Stop> {
        v.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        v: &T,
    ) -> Result<(), Stop> {
        self.open(OBJECT)?;
        self.key(variant);
        v.serialize(&mut *self)?;
        self.close()
    }
    #[inline(always)]
    fn serialize_seq(self, _: Option<usize>) -> Result<Container<'w, 'a>, Stop> {
        Container::new(self, ARRAY, None)
    }
    fn serialize_tuple(self, _: usize) -> Result<Container<'w, 'a>, Stop> {
        Container::new(self, ARRAY, None)
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Container<'w, 'a>, Stop> {
        Container::new(self, ARRAY, None)
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Container<'w, 'a>, Stop> {
        Container::new(self, ARRAY, Some(variant))
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Container<'w, 'a>, Stop> {
        Container::new(self, OBJECT, None)
    }
    #[inline(always)]
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Container<'w, 'a>, Stop> {
        Container::new(self, OBJECT, None)
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Container<'w, 'a>, Stop> {
        Container::new(self, OBJECT, Some(variant))
    }
    fn collect_str<T: Display + ?Sized>(self, v: &T) -> Result<(), Stop> {
        self.after_key = false;
        self.format(format_args!("{v}"));
        Ok(())
    }
}

/// Serde has a trait for each kind of container; they differ in a method's name.
macro_rules! containers {
    ($($kind:ident: $method:ident($($key:ident)?),)*) => { $(impl ser::$kind for Container<'_, '_> {
        type Ok = ();
        type Error = Stop;

        #[inline(always)]
        fn $method<T: Serialize + ?Sized>(
            &mut self,
            $($key: &'static str,)?
            value: &T,
        ) -> Result<(), Stop> {
            containers!(@put self, $($key,)? value)
        }

        #[inline(always)]
        fn end(self) -> Result<(), Stop> {
            self.finish()
        }
    })* };
    (@put $container:ident, $value:ident) => { $container.element($value) };
    (@put $container:ident, $key:ident, $value:ident) => { $container.field($key, $value) };
}
containers! {
    SerializeSeq: serialize_element(),
    SerializeTuple: serialize_element(),
    SerializeTupleStruct: serialize_field(),
    SerializeTupleVariant: serialize_field(),
    SerializeStruct: serialize_field(key),
    SerializeStructVariant: serialize_field(key),
}

impl ser::SerializeMap for Container<'_, '_> {
    type Ok = ();
    type Error = Stop;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Stop> {
        if !self.more()? {
            return Ok(());
        }
        let at = self.writer.out.len();
        key.serialize(&mut *self.writer)?;
        self.writer.make_key(at)
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, v: &T) -> Result<(), Stop> {
        if self.elements > self.writer.elements {
            Ok(())
        } else if self.writer.after_key {
            v.serialize(&mut *self.writer)
        } else {
            Err(Stop::Failed)
        }
    }
    fn serialize_entry<K: Serialize + ?Sized, V: Serialize + ?Sized>(
        &mut self,
        key: &K,
        v: &V,
    ) -> Result<(), Stop> {
        self.serialize_key(key)?;
        self.serialize_value(v)
    }
    fn end(self) -> Result<(), Stop> {
        self.finish()
    }
}

fn key_text(value: &[u8]) -> Option<String> {
    let mut json = Vec::new();
    to_json(value, &mut json);
    match serde_json::from_slice(&json).ok()? {
        serde_json::Value::String(text) => Some(text),
        // A key that was cut is what is left of it.
        serde_json::Value::Object(cut) if cut.contains_key("$truncated") => {
            Some(cut.get("text")?.as_str()?.into())
        }
        // Of a pair or a list its JSON is as good a name as of a number.
        other => Some(other.to_string()),
    }
}

/// What of a value may be seen. Places are told in order: of a container's elements each, and those within it first.
pub(crate) trait Filter {
    /// A container opens: what is told next is in it.
    fn open(&mut self);
    /// It ends.
    fn close(&mut self);
    /// Appends the next element's key, as a JSON string; `false`: its value is not to be seen.
    fn key(&mut self, key: &[u8], out: &mut Vec<u8>) -> bool;
    /// An array's next element; `false`: it is not to be seen.
    fn item(&mut self) -> bool;
    /// Appends a text, as JSON. `whole`: it was cut, and was so long.
    fn text(&mut self, text: &[u8], whole: Option<u64>, out: &mut Vec<u8>);
    /// A number or a boolean has been appended from `at` on.
    fn scalar(&mut self, at: usize, out: &mut Vec<u8>);
}

/// Everything may be seen.
#[derive(Debug)]
pub(crate) struct Unfiltered;

impl Filter for Unfiltered {
    fn open(&mut self) {}
    fn close(&mut self) {}
    fn key(&mut self, key: &[u8], out: &mut Vec<u8>) -> bool {
        string(key, out);
        true
    }
    fn item(&mut self) -> bool {
        true
    }
    fn text(&mut self, text: &[u8], whole: Option<u64>, out: &mut Vec<u8>) {
        match whole {
            None => string(text, out),
            Some(whole) => truncated(text, whole, out),
        }
    }
    fn scalar(&mut self, _: usize, _: &mut Vec<u8>) {}
}

/// What stands in the place of a value that is not to be seen.
pub(crate) const REDACTED: &str = "[redacted]";

/// Appends the first value in `bytes` to `out` as JSON text, all of it, and tells how many bytes it was.
pub(crate) fn to_json(bytes: &[u8], out: &mut Vec<u8>) -> usize {
    read(bytes, &mut Unfiltered, out)
}

/// Appends what may be seen of the first value in `bytes` to `out` as JSON text, and tells how many bytes it was.
///
/// Bytes that are no value end as `null`: they come out of our own rings, but nothing here relies on it.
pub(crate) fn read(bytes: &[u8], filter: &mut impl Filter, out: &mut Vec<u8>) -> usize {
    let mut reader = Reader { bytes, at: 0 };
    reader.value(filter, out);
    reader.at
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Iterative: a value may be deeper than the stack of a thread that did not make it.
    fn value(&mut self, filter: &mut impl Filter, out: &mut Vec<u8>) {
        // For each open container whether it is an object, and whether it has an element already.
        let mut open: Vec<(bool, bool)> = Vec::new();
        let mut told = out.len();
        loop {
            if let Some((object, filled)) = open.last_mut() {
                let tag = self.bytes.get(self.at).copied().unwrap_or(END);
                if tag == END || tag == CUT && self.bytes.get(self.at + 1) == Some(&END) {
                    self.at = (self.at + 1 + usize::from(tag == CUT)).min(self.bytes.len());
                    let object = *object;
                    if tag == CUT {
                        cut_mark(out, object, *filled);
                    }
                    out.push(if object { b'}' } else { b']' });
                    filter.close();
                    open.pop();
                    if open.is_empty() {
                        return;
                    }
                    continue;
                }
                if std::mem::replace(filled, true) {
                    out.push(b',');
                }
                let visible = if *object {
                    let visible = filter.key(self.key(), out);
                    out.push(b':');
                    visible
                } else {
                    filter.item()
                };
                if !visible {
                    self.hide(out);
                    continue;
                }
            }
            match self.byte() {
                OBJECT => {
                    out.push(b'{');
                    open.push((true, false));
                    filter.open();
                }
                ARRAY => {
                    out.push(b'[');
                    open.push((false, false));
                    filter.open();
                }
                tag => {
                    self.scalar(tag, filter, out);
                    if out.len() - told > PROGRESS_EVERY {
                        // A long value is work, not a standstill.
                        PROGRESS.0.fetch_add(1, Relaxed);
                        told = out.len();
                    }
                }
            }
            if open.is_empty() {
                return;
            }
        }
    }

    /// Passes over a value that is not to be seen.
    #[cold]
    fn hide(&mut self, out: &mut Vec<u8>) {
        let at = out.len();
        self.value(&mut Unfiltered, out);
        out.truncate(at);
        string(REDACTED.as_bytes(), out);
    }

    fn scalar(&mut self, tag: u8, filter: &mut impl Filter, out: &mut Vec<u8>) {
        let at = out.len();
        match tag {
            STR => return filter.text(self.tagged(), None, out),
            CUT_STR => {
                let whole = self.eight();
                return filter.text(self.tagged(), Some(whole), out);
            }
            OPAQUE => {
                out.extend_from_slice(b"{\"$type\":");
                string(self.tagged(), out);
                out.push(b'}');
                return;
            }
            FALSE => out.extend_from_slice(b"false"),
            TRUE => out.extend_from_slice(b"true"),
            I64 => decimal(self.eight() as i64, out),
            U64 => decimal(self.eight(), out),
            F64 => float(f64::from_bits(self.eight()), out),
            F32 => {
                let number = self.take(4).try_into().map_or(0.0, f32::from_le_bytes);
                float(number, out);
            }
            _ => return out.extend_from_slice(b"null"),
        }
        filter.scalar(at, out);
    }

    fn byte(&mut self) -> u8 {
        let byte = self.bytes.get(self.at).copied().unwrap_or(NULL);
        self.at = (self.at + 1).min(self.bytes.len());
        byte
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        let end = self.at.saturating_add(length).min(self.bytes.len());
        let taken = &self.bytes[self.at..end];
        self.at = end;
        taken
    }

    fn eight(&mut self) -> u64 {
        self.take(8).try_into().map_or(0, u64::from_le_bytes)
    }

    fn tagged(&mut self) -> &'a [u8] {
        let length = self.take(4).try_into().map_or(0, u32::from_le_bytes);
        self.take(length as usize)
    }

    fn key(&mut self) -> &'a [u8] {
        let (mut length, mut shift) = (0_usize, 0);
        loop {
            let byte = self.byte();
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 || shift > 28 {
                return self.take(length.saturating_sub(KEY));
            }
        }
    }
}

/// A text that was cut. `whole` bytes it was long; all that there can be where that is not known.
pub(crate) fn truncated(text: &[u8], whole: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"$truncated\":{\"bytes\":");
    if whole == u64::MAX {
        out.extend_from_slice(b"null");
    } else {
        decimal(whole, out);
    }
    out.extend_from_slice(b"},\"text\":");
    string(text, out);
    out.push(b'}');
}

fn cut_mark(out: &mut Vec<u8>, object: bool, filled: bool) {
    if filled {
        out.push(b',');
    }
    let mark: &[u8] = if object {
        b"\"$truncated\":{\"bytes\":null}"
    } else {
        b"{\"$truncated\":{\"bytes\":null}}"
    };
    out.extend_from_slice(mark);
}

fn decimal(number: impl Display, out: &mut Vec<u8>) {
    use std::io::Write as _;
    // Writing into memory cannot fail.
    let _ = write!(out, "{number}");
}

fn float(number: impl Into<f64> + Serialize + Display + Copy, out: &mut Vec<u8>) {
    if number.into().is_finite() {
        let _ = serde_json::to_writer(out, &number);
    } else {
        string(number.to_string().as_bytes(), out);
    }
}

/// A JSON string with its quotes.
pub(crate) fn string(bytes: &[u8], out: &mut Vec<u8>) {
    let plain = |byte: &u8| *byte >= 0x20 && *byte < 0x7f && *byte != b'"' && *byte != b'\\';
    if bytes.iter().all(plain) {
        out.reserve(bytes.len() + 2);
        out.push(b'"');
        out.extend_from_slice(bytes);
        out.push(b'"');
    } else {
        let _ = serde_json::to_writer(out, &*String::from_utf8_lossy(bytes));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::*;

    fn round<T: Serialize + ?Sized>(value: &T) -> Value {
        let mut bytes = Vec::new();
        Writer::new(&mut bytes, false)
            .serialize(value)
            .expect("it serialises");
        let mut text = Vec::new();
        assert_eq!(to_json(&bytes, &mut text), bytes.len());
        serde_json::from_slice(&text).expect("it is JSON")
    }

    #[derive(Serialize)]
    enum Shape {
        Unit,
        New(u8),
        Tuple(u8, &'static str),
        Struct { a: Option<u8>, b: f32 },
    }

    #[test]
    fn every_shape_of_serde_reads_as_serde_json_writes_it() {
        let shapes = [
            Shape::Unit,
            Shape::New(1),
            Shape::Tuple(2, "x\n\"ü"),
            Shape::Struct { a: None, b: 0.1 },
        ];
        let expected = json!(["Unit", {"New": 1}, {"Tuple": [2, "x\n\"ü"]}, {"Struct": {"a": null, "b": 0.1}}]);
        assert_eq!(round(&shapes[..]), expected);
        assert_eq!(
            round(&BTreeMap::from([(1, [true]), (2, [false])])),
            json!({"1": [true], "2": [false]})
        );
        assert_eq!(
            round(&(i64::MIN, u64::MAX, 'c', ())),
            json!([i64::MIN, u64::MAX, "c", null])
        );
        assert_eq!(round(&f64::NAN), json!("NaN"));
        assert_eq!(
            round(&json!({"a": {"b": [1, 2.5, "c"]}})),
            json!({"a": {"b": [1, 2.5, "c"]}})
        );
    }

    #[test]
    fn keys_of_any_length_are_keys() {
        for length in (0..40).chain([126, 127, 128, 16_384]) {
            let object = BTreeMap::from([("k".repeat(length), 1)]);
            assert_eq!(round(&object), json!(object), "{length}");
        }
    }

    #[test]
    fn a_long_string_is_cut_at_a_character_and_says_so() {
        let long = "ü".repeat(64 * 1024);
        let cut = round(&json!({"usage": 7, "text": long}));
        assert_eq!(cut["usage"], 7);
        assert_eq!(cut["text"]["$truncated"]["bytes"], 128 * 1024);
        assert_eq!(
            cut["text"]["text"].as_str().map(str::len),
            Some(64 * 1024 + SLACK),
            "with what is needed to see a secret whole"
        );
    }

    #[test]
    fn a_long_collection_is_cut_and_says_so() {
        let cut = round(&vec![1; COLLECTION_LIMIT + 1]);
        let elements = cut.as_array().expect("an array");
        assert_eq!(elements.len(), COLLECTION_LIMIT + 1);
        assert_eq!(
            elements[COLLECTION_LIMIT],
            json!({"$truncated": {"bytes": null}})
        );
    }

    #[test]
    fn a_deep_value_is_cut_and_still_whole() {
        #[derive(Serialize)]
        struct Deep {
            next: Option<Box<Deep>>,
        }
        let mut deep = Deep { next: None };
        for _ in 0..1000 {
            deep = Deep {
                next: Some(Box::new(deep)),
            };
        }
        assert!(round(&deep).is_object());
    }

    #[test]
    fn a_serialize_that_never_ends_is_stopped() {
        struct Endless;
        impl Serialize for Endless {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq(std::iter::repeat(0))
            }
        }
        assert!(round(&Endless).is_array());
    }

    #[test]
    fn a_serialize_that_fails_fails() {
        struct Failing;
        impl Serialize for Failing {
            fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                Err(ser::Error::custom("no"))
            }
        }
        let mut bytes = Vec::new();
        assert_eq!(
            Writer::new(&mut bytes, false).serialize(&[Failing]),
            Err(Stop::Failed)
        );
    }

    /// Each breaks serde's rules in its own way; none may take in what is written next to it.
    #[test]
    fn a_serialize_that_breaks_the_rules_is_one_value_or_none() {
        use serde::ser::{SerializeMap as _, SerializeStruct as _};
        struct Odd(u8);
        struct FailsMidway;
        impl Serialize for FailsMidway {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(None)?;
                map.serialize_entry("half", &1)?;
                Err(ser::Error::custom("no"))
            }
        }
        impl Serialize for Odd {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if self.0 == 4 {
                    let mut fields = serializer.serialize_struct("Odd", 1)?;
                    let _ = fields.serialize_field("a", &FailsMidway);
                    return fields.end();
                }
                let mut map = serializer.serialize_map(None)?;
                match self.0 {
                    0 => {
                        map.serialize_key("a")?;
                        map.serialize_key("b")?;
                        map.serialize_value(&1)?;
                    }
                    1 => map.serialize_key("a")?,
                    2 => map.serialize_value(&1)?,
                    _ => _ = map.serialize_entry("a", &FailsMidway),
                }
                map.end()
            }
        }
        for odd in 0..5 {
            let mut bytes = Vec::new();
            let written = Writer::new(&mut bytes, false).serialize(&Odd(odd));
            assert_eq!(written, Err(Stop::Failed), "{odd}");
        }
    }

    #[test]
    fn any_bytes_read_as_something() {
        for length in 0..40_u8 {
            for first in 0..=255 {
                let bytes: Vec<u8> = (0..length).map(|at| first ^ at.wrapping_mul(37)).collect();
                assert!(to_json(&bytes, &mut Vec::new()) <= bytes.len());
            }
        }
    }
}
