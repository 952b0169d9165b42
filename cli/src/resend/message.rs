//! What is sent, and why something is not.

use std::sync::Arc;

use eventing::attributes;
use eventing_http::Granted;
use sha2::{Digest as _, Sha256};

/// A message for an inbox. `Debug` shows neither body nor grant.
#[derive(Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The body, untouched.
    pub body: Arc<str>,
    /// Its attributes.
    pub attributes: Vec<(&'static str, String)>,
    /// The group, for a FIFO inbox.
    pub group: Option<String>,
    /// What a FIFO inbox knows copies of this sending by.
    pub deduplication_id: Option<String>,
}

impl Outgoing {
    /// A body with the grant that was given for it.
    pub fn new(body: &Arc<str>, granted: &Granted, group: Option<&str>) -> Self {
        let Granted { grant, sent_at, .. } = granted;
        Self {
            body: Arc::clone(body),
            attributes: vec![(attributes::SENT_AT, sent_at.0.to_string()), (attributes::GRANT, grant.clone())],
            group: group.map(str::to_owned),
            deduplication_id: group.map(|_| hex::encode(Sha256::digest(grant))),
        }
    }

    /// The same, which says how often it was sent again.
    #[must_use]
    pub fn with_redrives(mut self, redrives: u32) -> Self {
        self.attributes.push((attributes::REDRIVES, redrives.to_string()));
        self
    }
}

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { body, attributes: _, group, deduplication_id } = self;
        let mut shown = f.debug_struct("Outgoing");
        shown.field("body_bytes", &body.len()).field("group", group).field("deduplication_id", deduplication_id);
        shown.finish_non_exhaustive()
    }
}

/// Why a message is not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaving {
    /// The code.
    pub code: String,
    /// The same in a sentence, with what would be right.
    pub why: String,
}

impl Leaving {
    /// It stays for this.
    pub fn new(code: impl Into<String>, why: impl Into<String>) -> Self {
        Self { code: code.into(), why: why.into() }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use eventing::time::Millis;

    use super::*;

    #[test]
    fn what_is_sent_carries_the_grant_and_on_a_fifo_inbox_is_known_by_it() {
        let granted: Granted = serde_json::from_value(serde_json::json!({
            "grant": "a.b.c", "queueArn": "arn:aws:sqs:eu-west-1:111122223333:arrivals", "sentAt": Millis(7),
            "kid": "grant-1", "jti": "0d9c39a8-5b3e-4d0a-9c33-0d4b6a1f7e52"}))
        .unwrap();
        let body: Arc<str> = Arc::from("{\"a\": 1}");
        let plain = Outgoing::new(&body, &granted, None);
        let expected = vec![("qsl.sentAt", "7".to_owned()), ("qsl.grant", "a.b.c".to_owned())];
        assert_eq!((plain.attributes, plain.body), (expected, Arc::clone(&body)));
        assert_eq!((plain.group, plain.deduplication_id), (None, None));
        let fifo = Outgoing::new(&body, &granted, Some("line")).with_redrives(3);
        assert_eq!(fifo.attributes.last(), Some(&("qsl.redrives", "3".to_owned())));
        assert_eq!(fifo.group.as_deref(), Some("line"));
        assert_eq!(fifo.deduplication_id, Some(hex::encode(Sha256::digest("a.b.c"))));
        assert!(!format!("{fifo:?}").contains("a.b.c"));
    }
}
