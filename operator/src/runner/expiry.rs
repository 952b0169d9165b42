//! Objects that are to last for a while: annotation `eventing.qsl.dev/expires-at`. Pure.

use std::{collections::BTreeMap, time::Duration};

use crds::names::EXPIRES_AT;
use k8s_openapi::jiff::Timestamp;

/// When an object is to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// When somebody deletes it.
    Never,
    /// In so long.
    In(Duration),
    /// Now.
    Over,
    /// The annotation cannot be read: the object stays. In a sentence.
    Unreadable(String),
}

/// What the annotations say at `now`.
pub fn expiry(annotations: &BTreeMap<String, String>, now: Timestamp) -> Expiry {
    let Some(text) = annotations.get(EXPIRES_AT) else { return Expiry::Never };
    let Ok(at) = text.parse::<Timestamp>() else {
        let shown: String = text.chars().take(64).collect();
        return Expiry::Unreadable(format!(
            "annotation {EXPIRES_AT}: '{shown}' is not a moment as of RFC 3339, such as 2026-11-27T12:00:00Z; the object stays"
        ));
    };
    match Duration::try_from(at.duration_since(now)) {
        Ok(left) if !left.is_zero() => Expiry::In(left),
        _ => Expiry::Over,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: Option<&str>) -> Expiry {
        let annotations = text.map(|text| (EXPIRES_AT.to_owned(), text.to_owned())).into_iter().collect();
        expiry(&annotations, Timestamp::from_second(1_000).unwrap_or_default())
    }

    #[test]
    fn an_object_goes_at_its_moment_and_not_before() {
        assert_eq!(at(None), Expiry::Never);
        assert_eq!(at(Some("1970-01-01T00:16:41Z")), Expiry::In(Duration::from_secs(1)));
        assert_eq!(at(Some("1970-01-01T01:16:41+01:00")), Expiry::In(Duration::from_secs(1)));
        assert_eq!(at(Some("1970-01-01T00:16:40Z")), Expiry::Over);
        assert_eq!(at(Some("1969-12-31T00:00:00Z")), Expiry::Over);
    }

    #[test]
    fn what_is_no_moment_keeps_the_object() {
        for text in ["", "tomorrow", "2026-11-27", "2026-11-27T12:00:00", "1795780800"] {
            assert!(
                matches!(at(Some(text)), Expiry::Unreadable(said) if said.contains(&format!("'{text}' is not a moment"))),
                "{text}"
            );
        }
    }
}
