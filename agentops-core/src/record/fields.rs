//! An object that is written field by field: the fields of a log, some ours and some formatted by users' code.
//!
//! A field that panics costs itself, one that is too long is cut, and what is left always reads as one whole object.
//! Knows values in their binary form, not what the fields mean.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer as _};

use super::capture::discard;
use super::value::{Container, Stop, Writer};

/// The object while it is being written.
#[derive(Debug)]
pub(crate) struct Fields<'w, 'a> {
    object: Container<'w, 'a>,
    /// No more fits.
    full: bool,
}

impl Fields<'_, '_> {
    /// Writes the object that `fill` puts together.
    pub(crate) fn write(writer: &mut Writer<'_>, fill: impl FnOnce(&mut Fields<'_, '_>)) {
        // The first object of a value always opens.
        let Ok(object) = writer.serialize_map(None) else {
            return;
        };
        let mut fields = Fields {
            object,
            full: false,
        };
        fill(&mut fields);
        let Fields { object, full } = fields;
        if full || object.end().is_err() {
            writer.close_all();
        }
    }

    /// Adds a field; where its value panics, `type_name` stands in for it.
    pub(crate) fn put<K, V>(&mut self, type_name: &str, key: &K, value: &V)
    where
        K: Serialize + ?Sized,
        V: Serialize + ?Sized,
    {
        self.put_if(type_name, key, value, || true);
    }

    /// As [`put`](Self::put), unless users' code says that there is nothing to add.
    pub(crate) fn put_if<K, V>(
        &mut self,
        type_name: &str,
        key: &K,
        value: &V,
        wanted: impl FnOnce() -> bool,
    ) where
        K: Serialize + ?Sized,
        V: Serialize + ?Sized,
    {
        if self.full {
            return;
        }
        let before = self.object.writer().mark();
        let write = || match wanted() {
            true => self.object.serialize_entry(key, value),
            false => Ok(()),
        };
        match catch_unwind(AssertUnwindSafe(write)) {
            Ok(Ok(())) => {}
            Ok(Err(Stop::Limit)) => self.full = true,
            Ok(Err(Stop::Failed)) => self.stand_in(before, type_name, key),
            Err(payload) => {
                discard(payload);
                self.stand_in(before, type_name, key);
            }
        }
    }

    #[cold]
    fn stand_in<K: Serialize + ?Sized>(
        &mut self,
        before: (usize, usize),
        type_name: &str,
        key: &K,
    ) {
        self.object.writer().go_back(before);
        if self.object.serialize_key(key).is_ok() {
            self.object.writer().opaque(type_name);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use serde_json::{Value, json};

    use super::super::value::to_json;
    use super::*;

    fn object(fill: impl FnOnce(&mut Fields<'_, '_>)) -> Value {
        let mut bytes = Vec::new();
        Fields::write(&mut Writer::new(&mut bytes, false), fill);
        let mut text = Vec::new();
        assert_eq!(to_json(&bytes, &mut text), bytes.len());
        serde_json::from_slice(&text).expect("it is JSON")
    }

    struct Panicking;
    impl fmt::Display for Panicking {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("half")?;
            panic!("inside Display")
        }
    }

    #[test]
    fn fields_are_written_as_they_are() {
        let empty = object(|_| {});
        assert_eq!(empty, json!({}));
        let some = object(|fields| {
            fields.put("", "n", &1_u64);
            fields.put("", &format_args!("{}.chain", "error"), &["a", "b"]);
            fields.put("", "text", &format_args!("{:?}", Some(1)));
        });
        assert_eq!(
            some,
            json!({"n": 1, "error.chain": ["a", "b"], "text": "Some(1)"})
        );
    }

    #[test]
    fn a_panic_costs_that_field_only() {
        let rest = object(|fields| {
            fields.put("", "a", &1);
            fields.put("Panicking", "b", &[[format_args!("{Panicking}")]]);
            fields.put("", "c", &3);
        });
        assert_eq!(rest, json!({"a": 1, "b": {"$type": "Panicking"}, "c": 3}));
    }

    #[test]
    fn what_does_not_fit_is_left_out_and_says_so() {
        let long = "x".repeat(1 << 16);
        let cut = object(|fields| {
            for n in 0..100_u8 {
                fields.put("", &n, &long);
            }
        });
        assert_eq!(cut["0"], long);
        assert_eq!(cut["$truncated"], json!({"bytes": null}));
        assert!(cut.as_object().expect("an object").len() < 80);
    }
}
