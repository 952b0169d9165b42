//! The words of the envelope, each a type with one fallible constructor. Nothing behind these types checks again.

mod bus_id;
mod event_key;
mod forms;
mod inbox_id;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use bus_id::BusId;
pub use event_key::EventKey;
pub use inbox_id::InboxId;

/// A word that does not have its form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {reason}")]
pub struct ParseError {
    /// What was to be parsed, in the words of the API ("source", "detail-type", …).
    pub what: &'static str,
    /// Why it was refused; never contains the value.
    pub reason: &'static str,
}

impl ParseError {
    pub(crate) fn new(what: &'static str, reason: &'static str) -> Self {
        Self { what, reason }
    }
}

macro_rules! word {
    ($(#[$doc:meta])* $name:ident, $what:literal, $valid:path, $reason:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Parses the word.
            ///
            /// # Errors
            /// When the text does not have the form that the type names.
            pub fn parse(text: &str) -> Result<Self, ParseError> {
                if $valid(text) {
                    Ok(Self(Arc::from(text)))
                } else {
                    Err(ParseError::new($what, $reason))
                }
            }

            /// The word as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = ParseError;
            fn from_str(text: &str) -> Result<Self, ParseError> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = ParseError;
            fn try_from(text: String) -> Result<Self, ParseError> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(word: $name) -> Self {
                word.0.as_ref().to_owned()
            }
        }
    };
}

word!(
    /// Who sends: `qsl.` and a lower-case name, as EventBridge's `source`.
    Source, "source", forms::is_source, "must be qsl. followed by a lower-case letter and at most 62 of a-z, 0-9 and -"
);
word!(
    /// What happened: `Thing.Action.vN`, as EventBridge's `detail-type`.
    DetailType, "detail-type", forms::is_detail_type, "must be Thing.Action.vN, such as Payment.Initiated.v1"
);
word!(
    /// What it happened to: `urn:qsl:service:kind:id`.
    Resource, "resource", forms::is_resource, "must be urn:qsl:service:kind:id, the id 1 to 256 printable characters without space"
);
word!(
    /// What holds a story together: 1 to 128 characters.
    CorrelationId, "correlationId", forms::is_correlation_id, "must have 1 to 128 characters"
);
word!(
    /// EventBridge's own id of a delivery: unsigned, identifies nothing.
    EventId, "id", forms::is_event_id, "must have 1 to 64 characters"
);
word!(
    /// A key's name: a look-up key, never a path, an address or a query.
    Kid, "kid", forms::is_kid, "must be 1 to 128 of A-Z a-z 0-9 . _ : -"
);
word!(
    /// The name of one signing: a UUID with hyphens, in lower case.
    Jti, "jti", forms::is_jti, "must be a UUID with hyphens, in lower case"
);
word!(
    /// The ARN of an SQS queue.
    QueueArn, "queueArn", forms::is_queue_arn, "must be arn:PARTITION:sqs:REGION:ACCOUNT:NAME"
);

impl DetailType {
    /// The middle word: what happened to the thing ("Initiated").
    pub fn action(&self) -> &str {
        self.0.split('.').nth(1).unwrap_or_default()
    }
}

impl Jti {
    /// The jti of a UUID.
    pub fn from_uuid(uuid: uuid::Uuid) -> Self {
        Self(Arc::from(uuid.hyphenated().to_string()))
    }
}

impl QueueArn {
    /// The AWS region the queue is in.
    pub fn region(&self) -> &str {
        self.0.split(':').nth(3).unwrap_or_default()
    }

    /// The AWS account that owns the queue.
    pub fn account(&self) -> &str {
        self.0.split(':').nth(4).unwrap_or_default()
    }

    /// The queue's name.
    pub fn name(&self) -> &str {
        self.0.split(':').nth(5).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
