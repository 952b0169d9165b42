//! Canonical JSON from values rather than from text, so that no byte is spent on syntax.

use eventing::json::{Fault, Json, Limits, parse};
use serde_json::{Map, Value};

use crate::body::same_to_everybody;

/// The bytes are a recipe of a value.
pub fn check(data: &[u8]) {
    let value = Recipe { rest: data }.value(0);
    let text = value.to_string();
    let read = parse(text.as_bytes(), Limits { bytes: usize::MAX, ..Limits::BODY });
    let taken = Json::from_value(&value, Limits::BODY.depth);
    match (&read, &taken) {
        (Ok(read), Ok(taken)) => {
            assert_eq!(read, taken, "text and value are one");
            same_to_everybody(taken, &value);
        }
        // The value has the members in another order than the text, so each may find another number first.
        (Err(Fault::NumberNotExact), Err(Fault::NumberNotExact)) => {}
        _ => panic!("{read:?} but {taken:?}"),
    }
}

/// Reads a value off bytes: whatever they are, there is one.
struct Recipe<'a> {
    rest: &'a [u8],
}

impl Recipe<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.rest.split_first().unwrap_or((&0, &[]));
        self.rest = rest;
        *first
    }

    fn eight(&mut self) -> [u8; 8] {
        std::array::from_fn(|_| self.byte())
    }

    fn text(&mut self) -> String {
        let length = usize::from(self.byte() % 16).min(self.rest.len());
        let (text, rest) = self.rest.split_at(length);
        self.rest = rest;
        String::from_utf8_lossy(text).into_owned()
    }

    fn value(&mut self, depth: usize) -> Value {
        // Deeper than this is a matter of the other check.
        let kinds = if depth < 32 { 8 } else { 6 };
        match self.byte() % kinds {
            0 => Value::Null,
            1 => Value::Bool(self.byte().is_multiple_of(2)),
            2 => Value::from(f64::from_bits(u64::from_le_bytes(self.eight()))),
            3 => Value::from(i64::from_le_bytes(self.eight())),
            // Decimals as people write them.
            4 => {
                let digits = i16::from_le_bytes([self.byte(), self.byte()]);
                Value::from(f64::from(digits) / 10f64.powi(i32::from(self.byte() % 24)))
            }
            5 => Value::String(self.text()),
            6 => Value::Array((0..self.byte() % 8).map(|_| self.value(depth + 1)).collect()),
            _ => {
                let members = (0..self.byte() % 24).map(|_| (self.text(), self.value(depth + 1)));
                Value::Object(members.collect::<Map<_, _>>())
            }
        }
    }
}
