//! The name of a signing out of the caller's idempotency key: the same key is the same event.

use uuid::{Uuid, uuid};

use crate::types::{BusId, Jti, ParseError, Source};

/// Under which names made of keys stand; any constant would do, as long as it never changes.
const NAMES: Uuid = uuid!("6f2c5a3e-8d1b-5c47-9a60-3b7e4d2f1c58");

/// A caller's `Idempotency-Key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// # Errors
    /// When the text is not 1 to 255 printable ASCII characters.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let printable = text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        if (1..=255).contains(&text.len()) && printable {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseError { what: "Idempotency-Key", reason: "must be 1 to 255 printable ASCII characters" })
        }
    }

    /// The jti of an event posted under this key. A UUID is taken itself (in lower case), anything else becomes a
    /// UUIDv5 of bus, source and key; in a batch each event has its index besides.
    pub fn jti(&self, bus: &BusId, source: &Source, index: Option<usize>) -> Jti {
        if let (None, Some(uuid)) = (index, as_uuid(&self.0)) {
            return Jti::from_uuid(uuid);
        }
        let mut name = format!("{bus}\0{source}\0{}", self.0);
        if let Some(index) = index {
            name.push('\0');
            name.push_str(&index.to_string());
        }
        Jti::from_uuid(Uuid::new_v5(&NAMES, name.as_bytes()))
    }
}

/// With hyphens, in either case; the other spellings of a UUID are keys like any other.
fn as_uuid(text: &str) -> Option<Uuid> {
    (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn jti(key: &str, source: &str, index: Option<usize>) -> String {
        let bus = "platform/lanes".parse().unwrap();
        IdempotencyKey::parse(key).unwrap().jti(&bus, &Source::parse(source).unwrap(), index).to_string()
    }

    #[test]
    fn a_uuid_is_taken_itself_in_lower_case() {
        let key = "0F8FAD5B-D9CB-469F-A165-70867728950E";
        assert_eq!(jti(key, "qsl.lane", None), key.to_ascii_lowercase());
    }

    #[test]
    fn any_other_key_names_one_event_of_a_source_of_a_bus() {
        assert_eq!(jti("order-1", "qsl.lane", None), jti("order-1", "qsl.lane", None));
        assert_ne!(jti("order-1", "qsl.lane", None), jti("order-2", "qsl.lane", None));
        assert_ne!(jti("order-1", "qsl.lane", None), jti("order-1", "qsl.tram", None));
        assert!(Jti::parse(&jti("order-1", "qsl.lane", None)).is_ok());
    }

    #[test]
    fn in_a_batch_each_event_has_its_own() {
        let key = "0f8fad5b-d9cb-469f-a165-70867728950e";
        assert_ne!(jti(key, "qsl.lane", Some(0)), jti(key, "qsl.lane", Some(1)));
        assert_ne!(jti(key, "qsl.lane", Some(0)), key);
    }

    #[test]
    fn a_key_that_no_header_should_carry_is_refused() {
        for bad in ["", "é", "a\nb", &"k".repeat(256)] {
            assert!(IdempotencyKey::parse(bad).is_err(), "{bad:?}");
        }
    }
}
