//! What an inbox's configuration may ask for and consumers of this version cannot do.
//!
//! The format of a configuration is ahead of its consumers: the operator signs whatever the object says. A consumer
//! that read past what it cannot do would do something else than the object says, so it refuses the entry, with the
//! field and the way out; the last good one stays in place. The operator asks the same question and says it on the
//! object.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::inbox::{Format, ForwardConfig, InboxConfig};

/// A setting that consumers of this version cannot do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: consumers of this version cannot do {asked}; {instead}")]
pub struct Unsupported {
    /// The field, as it stands in the InboxQueue's spec.
    pub field: &'static str,
    /// What it asks for.
    pub asked: String,
    /// What they can do.
    pub instead: &'static str,
}

impl InboxConfig {
    /// What of it consumers of this version cannot do; empty where they can do all of it.
    pub fn unsupported(&self) -> Vec<Unsupported> {
        unsupported(&self.forward)
    }
}

/// What of it consumers of this version cannot do; empty where they can do all of it.
pub fn unsupported(forward: &ForwardConfig) -> Vec<Unsupported> {
    let cannot = |field, asked, instead| Unsupported { field, asked, instead };
    let batch = match forward.format {
        Format::Envelope | Format::CloudEventsStructured => None,
        // A request has one set of headers, and these have an event's facts in them.
        format @ (Format::DetailCore | Format::CloudEventsBinary) => forward.batch.as_ref().map(|_| {
            let asked = format!("several events in one POST of format {format:?}");
            cannot(
                "forward.batch",
                asked,
                "they can with Envelope and CloudEventsStructured: set format, or leave batch out",
            )
        }),
    };
    batch.into_iter().collect()
}

impl Serialize for InboxConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for InboxConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let config = Self::deserialize(deserializer)?;
        match config.unsupported().as_slice() {
            [] => Ok(config),
            several => Err(D::Error::custom(Sentences(several))),
        }
    }
}

struct Sentences<'a>(&'a [Unsupported]);

impl fmt::Display for Sentences<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, one) in self.0.iter().enumerate() {
            write!(f, "{}{one}", if number == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}
