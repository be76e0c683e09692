//! What a model call's stream yielded, as far as it is kept: its beginning, and its last items whatever came before.
//!
//! The last items say why the answer ended and what it took, so a long stream loses its middle. One buffer grows with
//! the beginning, two take turns with what comes after: no item has an allocation of its own.
//! Knows values in their binary form, not what they say.

use super::capture::Sink;
use super::value::{ARRAY, COLLECTION_LIMIT, END, Writer};

/// Bytes of the beginning beyond which no further item is added to it.
const BEGINNING: usize = 2 << 20;
/// Bytes, and items, beyond which the other buffer takes over: so many are kept at the least.
const LAST: usize = 32 * 1024;
const LAST_ITEMS: usize = 256;

/// Items of a stream, one after another.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    beginning: Part,
    /// The older one first.
    last: [Part; 2],
    /// Items between the two were left out.
    cut: bool,
}

#[derive(Debug, Default)]
struct Part {
    bytes: Vec<u8>,
    items: usize,
}

impl Part {
    fn is_full(&self, bytes: usize, items: usize) -> bool {
        self.bytes.len() > bytes || self.items >= items
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.items = 0;
    }
}

impl Kept {
    /// Adds the item that `fill` captures.
    pub(crate) fn push(&mut self, fill: &mut dyn FnMut(&mut Sink<'_>)) {
        let part = self.next();
        part.items += 1;
        fill(&mut Sink::new(&mut part.bytes, true));
    }

    fn next(&mut self) -> &mut Part {
        if !self.beginning.is_full(BEGINNING, COLLECTION_LIMIT) {
            return &mut self.beginning;
        }
        let [older, newer] = &mut self.last;
        if newer.is_full(LAST, LAST_ITEMS) {
            std::mem::swap(older, newer);
            self.cut |= newer.items > 0;
            newer.clear();
        }
        newer
    }

    /// Writes all of them as one array, with a mark where some were left out.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let [older, newer] = &self.last;
        let bytes = [&self.beginning, older, newer].map(|part| part.bytes.len());
        out.reserve(bytes.iter().sum::<usize>() + 64);
        out.push(ARRAY);
        out.extend_from_slice(&self.beginning.bytes);
        if self.cut {
            Writer::new(out, true).left_out();
        }
        out.extend_from_slice(&older.bytes);
        out.extend_from_slice(&newer.bytes);
        out.push(END);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::value::to_json;
    use super::*;

    fn kept(items: impl Iterator<Item = String>) -> Vec<Value> {
        let mut kept = Kept::default();
        items.for_each(|item| kept.push(&mut |sink| sink.serialize(&item)));
        let (mut bytes, mut text) = (Vec::new(), Vec::new());
        kept.write(&mut bytes);
        assert_eq!(to_json(&bytes, &mut text), bytes.len(), "it is one value");
        match serde_json::from_slice(&text).expect("it is JSON") {
            Value::Array(items) => items,
            other => panic!("{other} is no array"),
        }
    }

    #[test]
    fn what_is_not_long_is_kept_whole() {
        assert_eq!(kept(std::iter::empty()), Vec::<Value>::new());
        let some = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(kept(some.into_iter()), ["a", "b", "c"]);
        // More than the beginning has room for, and less than would cost anything.
        let items = COLLECTION_LIMIT + 2 * LAST_ITEMS;
        let all = kept((0..items).map(|n| n.to_string()));
        assert_eq!(all.len(), items);
        assert_eq!(all[items - 1], json!((items - 1).to_string()));
    }

    #[test]
    fn a_long_stream_loses_its_middle_and_says_so() {
        let mark = json!({"$truncated": {"bytes": null}});
        for (count, size) in [(50_000, 1), (4_000, 1024), (10, 1 << 20)] {
            let items = kept((0..count).map(|n| " ".repeat(size) + &n.to_string()));
            let at = |index: usize| items[index].as_str().map(str::trim_start);
            assert_eq!(at(0), Some("0"));
            let marks = items.iter().filter(|item| **item == mark).count();
            assert_eq!(marks, 1, "{count} of {size}");
            let last = (count - 1).to_string();
            assert_eq!(at(items.len() - 1), Some(&*last), "{count} of {size}");
            let bytes: usize = items.iter().map(|item| item.to_string().len()).sum();
            assert!(bytes <= BEGINNING + (4 << 20), "{bytes} of {count}");
        }
    }
}
