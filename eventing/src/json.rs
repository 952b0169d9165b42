//! Strict JSON: what is read has one meaning, and one spelling.
//!
//! In: bytes. Out: a [`Json`] whose numbers are exact doubles and whose names are unique, or the first [`Fault`] in
//! byte order. [`Json::canonical`] is RFC 8785. `serde_json` does neither: it drops repeated names, turns `1e-400` into
//! zero and accepts integers that a double cannot hold.

mod canonical;
mod number;
mod parse;
mod plain;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde_json::Value;

pub use parse::{Limits, parse};

/// Why text is not the JSON we take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Fault {
    /// More bytes than are taken.
    #[error("is too large")]
    TooLarge,
    /// No JSON: syntax, UTF-8, a lone surrogate, text before or after the value.
    #[error("is not JSON")]
    Malformed,
    /// Deeper than is taken.
    #[error("is nested too deep")]
    TooDeep,
    /// One name twice in an object.
    #[error("has a member twice")]
    DuplicateMember,
    /// A number that no double holds as it is written.
    #[error("has a number that a double does not hold exactly")]
    NumberNotExact,
}

/// A JSON value read by the strict pass. Texts without escapes stay where they were read from: most of a body is never
/// copied.
#[derive(Debug, Clone, PartialEq)]
pub enum Json<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number: finite, never -0, no integer beyond what a double holds exactly.
    Number(f64),
    /// A string.
    String(Cow<'a, str>),
    /// A list.
    Array(Vec<Self>),
    /// An object.
    Object(Object<'a>),
}

/// An object's members, each name once, in the order of RFC 8785.
#[derive(Debug, Clone, Default)]
pub struct Object<'a> {
    members: Vec<(Cow<'a, str>, Json<'a>)>,
    /// The text it was read from, where that is the canonical form already: nothing has to be written to compare it.
    spelled: Option<&'a str>,
}

/// However it was spelled.
impl PartialEq for Object<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.members == other.members
    }
}

impl<'a> Object<'a> {
    /// From members in whatever order, no name twice.
    pub(crate) fn from_unique(mut members: Vec<(Cow<'a, str>, Json<'a>)>) -> Self {
        members.sort_unstable_by(|(a, _), (b, _)| utf16_order(a, b));
        Self { members, spelled: None }
    }

    /// From members that stand in the order of RFC 8785, no name twice.
    fn from_sorted(members: Vec<(Cow<'a, str>, Json<'a>)>, spelled: Option<&'a str>) -> Self {
        Self { members, spelled }
    }

    /// The member of this name.
    pub fn get(&self, name: &str) -> Option<&Json<'a>> {
        let at = self.members.binary_search_by(|(other, _)| utf16_order(other, name)).ok()?;
        self.members.get(at).map(|(_, value)| value)
    }

    /// The members, in canonical order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Json<'a>)> {
        self.members.iter().map(|(name, value)| (name.as_ref(), value))
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The same object by itself, apart from what it was read from.
    pub fn into_owned(self) -> Object<'static> {
        let own = |(name, value): (Cow<'_, str>, Json<'_>)| (Cow::Owned(name.into_owned()), value.into_owned());
        Object { members: self.members.into_iter().map(own).collect(), spelled: None }
    }
}

impl<'a> From<&'a str> for Json<'a> {
    fn from(text: &'a str) -> Self {
        Self::String(Cow::Borrowed(text))
    }
}

/// Of a name given twice, the last stands.
impl<'a> FromIterator<(&'a str, Json<'a>)> for Object<'a> {
    fn from_iter<I: IntoIterator<Item = (&'a str, Json<'a>)>>(members: I) -> Self {
        let unique: BTreeMap<&str, Json> = members.into_iter().collect();
        Self::from_unique(unique.into_iter().map(|(name, value)| (Cow::Borrowed(name), value)).collect())
    }
}

/// The order of UTF-16 code units, told from UTF-8: the two differ only where a character past U+FFFF (a lead byte of
/// F0 or more; in UTF-16 a surrogate, D800 to DFFF) meets one of U+E000 to U+FFFF (EE or EF).
fn utf16_order(a: &str, b: &str) -> Ordering {
    let weight = |byte: u8| {
        if byte == 0xEE || byte == 0xEF { byte + 0x10 } else { byte }
    };
    // The first byte that differs decides; where there is none, the shorter text is the first.
    match a.bytes().zip(b.bytes()).find(|(a, b)| a != b) {
        Some((a, b)) => weight(a).cmp(&weight(b)),
        None => a.len().cmp(&b.len()),
    }
}

impl<'a> Json<'a> {
    /// The text, where this is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The members, where this is an object.
    pub fn as_object(&self) -> Option<&Object<'a>> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The elements, where this is a list.
    pub fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// The number, where this is an integer (in whichever spelling).
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            // Exact: integers past 2^53 do not get here, and 10^21 and more does not fit the bound.
            #[expect(clippy::cast_possible_truncation, reason = "within ±2^53 and without fraction")]
            Self::Number(number) if number.fract() == 0.0 && number.abs() < TWO_POW_53 => Some(*number as i64),
            _ => None,
        }
    }

    /// How deep it is: an object or list of no other has 1, and what is neither has 0.
    pub fn depth(&self) -> usize {
        match self {
            Self::Array(elements) => 1 + elements.iter().map(Self::depth).max().unwrap_or_default(),
            Self::Object(object) => 1 + object.iter().map(|(_, value)| value.depth()).max().unwrap_or_default(),
            _ => 0,
        }
    }

    /// The one spelling of RFC 8785.
    pub fn canonical(&self) -> Vec<u8> {
        canonical::to_bytes(self)
    }

    /// Whether these bytes are the canonical form, which is told without writing it down.
    pub fn is_canonically(&self, bytes: &[u8]) -> bool {
        canonical::is(self, bytes)
    }

    /// The same value by itself, apart from what it was read from.
    pub fn into_owned(self) -> Json<'static> {
        match self {
            Self::Null => Json::Null,
            Self::Bool(bool) => Json::Bool(bool),
            Self::Number(number) => Json::Number(number),
            Self::String(text) => Json::String(Cow::Owned(text.into_owned())),
            Self::Array(elements) => Json::Array(elements.into_iter().map(Json::into_owned).collect()),
            Self::Object(object) => Json::Object(object.into_owned()),
        }
    }

    /// Takes a value of `serde_json`, by the same rules as text. What that library has already lost (a repeated name,
    /// the digits of a number) cannot be seen any more: text from outside goes through [`parse`] first.
    ///
    /// # Errors
    /// When a number is not exact, or the value is deeper than `depth`.
    pub fn from_value(value: &'a Value, depth: usize) -> Result<Self, Fault> {
        Ok(match value {
            Value::Array(_) | Value::Object(_) if depth == 0 => return Err(Fault::TooDeep),
            Value::Null => Self::Null,
            Value::Bool(bool) => Self::Bool(*bool),
            Value::Number(number) => Self::Number(number::exact(&number.to_string())?),
            Value::String(text) => Self::String(Cow::Borrowed(text)),
            Value::Array(elements) => Self::Array(
                elements.iter().map(|element| Self::from_value(element, depth - 1)).collect::<Result<_, _>>()?,
            ),
            Value::Object(members) => {
                let members = members
                    .iter()
                    .map(|(name, value)| Ok((name.as_str(), Self::from_value(value, depth - 1)?)))
                    .collect::<Result<Vec<_>, Fault>>()?;
                Self::Object(members.into_iter().collect())
            }
        })
    }

    /// The same value for `serde_json`: an integer is one, whichever way it was spelled.
    pub fn to_value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(bool) => Value::Bool(*bool),
            Self::Number(number) => self.as_integer().map_or_else(|| Value::from(*number), Value::from),
            Self::String(text) => Value::String(text.clone().into_owned()),
            Self::Array(elements) => Value::Array(elements.iter().map(Self::to_value).collect()),
            Self::Object(object) => {
                Value::Object(object.iter().map(|(name, value)| (name.to_owned(), value.to_value())).collect())
            }
        }
    }
}

/// The one spelling of the object of these members, which stand in whatever order, no name twice.
pub(crate) fn canonical_object<const N: usize>(mut members: [(&str, &Json); N]) -> Vec<u8> {
    members.sort_unstable_by(|(a, _), (b, _)| utf16_order(a, b));
    canonical::object_to_bytes(members)
}

pub(crate) const TWO_POW_53: f64 = 9_007_199_254_740_992.0;

#[cfg(test)]
mod tests;
