//! Values of attributes: from the wire to JSON, and from JSON to the types that our records have.
//!
//! Under every decoder of [`wire`](super). Conversions hand a value back where it does not fit, so that the caller
//! can keep it as it is; knows no attribute's name.

use std::str::FromStr;

use serde_json::{Map, Number, Value};

use super::WireError;
use super::proto::{Field, Fields, any};
use super::put::MAX_DEPTH;

/// Values, events and links that one message may have: decoded, each takes far more memory than its two bytes.
pub(super) const MAX_VALUES: usize = 1 << 20;

/// How many values may still be decoded, and how many were not, as they are nested too deep.
#[derive(Debug)]
pub(super) struct Budget {
    left: usize,
    pub(super) cut: u64,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self {
            left: MAX_VALUES,
            cut: 0,
        }
    }

    pub(super) fn spend(&mut self) -> Result<(), WireError> {
        self.left = self.left.checked_sub(1).ok_or(WireError::TOO_MANY)?;
        Ok(())
    }
}

/// Decodes a `KeyValue`.
pub(super) fn pair(message: &[u8], budget: &mut Budget) -> Result<(String, Value), WireError> {
    pair_at(message, budget, MAX_DEPTH)
}

/// Decodes an `AnyValue`.
pub(super) fn any_value(message: &[u8], budget: &mut Budget) -> Result<Value, WireError> {
    any_at(message, budget, MAX_DEPTH)
}

/// Decodes all pairs of a message that has them in field `number`.
pub(super) fn pairs(message: &[u8], number: u8) -> Result<Map<String, Value>, WireError> {
    let mut budget = Budget::new();
    let mut pairs = Map::new();
    for field in Fields::new(message) {
        if let (found, Field::Bytes(bytes)) = field?
            && found == number
        {
            let (key, value) = pair(bytes, &mut budget)?;
            pairs.insert(key, value);
        }
    }
    Ok(pairs)
}

fn pair_at(
    message: &[u8],
    budget: &mut Budget,
    depth: usize,
) -> Result<(String, Value), WireError> {
    let mut key = String::new();
    let mut value = Value::Null;
    for field in Fields::new(message) {
        match field? {
            (any::KEY, Field::Bytes(bytes)) => key = lossy(bytes),
            (any::VALUE, Field::Bytes(bytes)) => value = any_at(bytes, budget, depth)?,
            _ => {}
        }
    }
    Ok((key, value))
}

fn any_at(message: &[u8], budget: &mut Budget, depth: usize) -> Result<Value, WireError> {
    budget.spend()?;
    let mut value = Value::Null;
    for field in Fields::new(message) {
        value = match field? {
            (any::STRING, Field::Bytes(bytes)) => Value::String(lossy(bytes)),
            (any::BOOL, Field::Varint(bit)) => Value::Bool(bit != 0),
            (any::INT, Field::Varint(int)) => Value::from(int.cast_signed()),
            (any::DOUBLE, Field::Fixed64(bits)) => float(f64::from_bits(bits)),
            (any::BYTES, Field::Bytes(bytes)) => Value::String(base64(bytes)),
            (any::ARRAY | any::LIST, Field::Bytes(_)) if depth == 0 => {
                budget.cut += 1;
                Value::from("[nested too deep]")
            }
            (any::ARRAY, Field::Bytes(bytes)) => array(bytes, budget, depth - 1)?,
            (any::LIST, Field::Bytes(bytes)) => object(bytes, budget, depth - 1)?,
            _ => value,
        };
    }
    Ok(value)
}

fn array(message: &[u8], budget: &mut Budget, depth: usize) -> Result<Value, WireError> {
    let mut values = Vec::new();
    for field in Fields::new(message) {
        if let (any::VALUES, Field::Bytes(bytes)) = field? {
            values.push(any_at(bytes, budget, depth)?);
        }
    }
    Ok(Value::Array(values))
}

fn object(message: &[u8], budget: &mut Budget, depth: usize) -> Result<Value, WireError> {
    let mut pairs = Map::new();
    for field in Fields::new(message) {
        if let (any::VALUES, Field::Bytes(bytes)) = field? {
            // Also where it has no value, which would cost nothing otherwise.
            budget.spend()?;
            let (key, value) = pair_at(bytes, budget, depth)?;
            pairs.insert(key, value);
        }
    }
    Ok(Value::Object(pairs))
}

/// JSON has no word for some floats; protobuf's JSON mapping gives these as text.
fn float(value: f64) -> Value {
    match Number::from_f64(value) {
        Some(number) => Value::Number(number),
        None if value.is_nan() => Value::from("NaN"),
        None if value > 0.0 => Value::from("Infinity"),
        None => Value::from("-Infinity"),
    }
}

pub(super) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Bytes as text, the way OTLP's own JSON has them.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * at) & 63) as usize];
            text.push(if at <= group.len() { digit.into() } else { '=' });
        }
    }
    text
}

/// A text.
pub(in crate::model) fn text(value: Value) -> Result<String, Value> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(other),
    }
}

/// True or false.
pub(super) fn flag(value: Value) -> Result<bool, Value> {
    value.as_bool().ok_or(value)
}

/// An unsigned integer: a number, or digits where it was too large for one.
pub(in crate::model) fn unsigned<T: TryFrom<u64>>(value: Value) -> Result<T, Value> {
    let number = match &value {
        Value::String(digits) => digits.parse().ok(),
        other => other.as_u64(),
    };
    number
        .and_then(|number: u64| T::try_from(number).ok())
        .ok_or(value)
}

/// An integer.
pub(super) fn signed(value: Value) -> Result<i64, Value> {
    value.as_i64().ok_or(value)
}

/// A number of any kind.
pub(super) fn number(value: Value) -> Result<f64, Value> {
    value.as_f64().ok_or(value)
}

/// Texts, or the only one.
pub(in crate::model) fn texts(value: Value) -> Result<Vec<String>, Value> {
    match value {
        Value::String(text) => Ok(vec![text]),
        Value::Array(values) if values.iter().all(Value::is_string) => Ok(values
            .into_iter()
            .filter_map(|value| text(value).ok())
            .collect()),
        other => Err(other),
    }
}

/// What reads as a `T`: a kind, a session's id.
pub(super) fn parsed<T: FromStr>(value: Value) -> Result<T, Value> {
    value
        .as_str()
        .and_then(|text| text.parse().ok())
        .ok_or(value)
}

/// What a JSON text says; text that is no JSON says itself, and what was no text is what it is.
pub(in crate::model) fn json(value: Value) -> Value {
    match value {
        Value::String(text) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_read_as_otlp_json_has_them() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn what_does_not_fit_comes_back() {
        assert_eq!(
            unsigned::<u32>(Value::from(1_u64 << 32)),
            Err(Value::from(1_u64 << 32))
        );
        assert_eq!(unsigned::<u64>(Value::from(-1)), Err(Value::from(-1)));
        assert_eq!(unsigned(Value::from("18446744073709551615")), Ok(u64::MAX));
        assert_eq!(
            texts(serde_json::json!(["a", 1])),
            Err(serde_json::json!(["a", 1]))
        );
    }
}
