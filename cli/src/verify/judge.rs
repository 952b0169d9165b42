//! The keys, and what they say of a message.

use std::collections::BTreeMap;
use std::fmt;

use eventing::algorithm::Algorithm;
use eventing::attributes::Attributes;
use eventing::config::VerificationConfig;
use eventing::json::Limits;
use eventing::keyset::{KeyRing, KeySet};
use eventing::time::Millis;
use eventing::types::{BusId, EventKey, Kid, QueueArn};
use eventing::verify::{Code, Policy, RawMessage, verify};
use serde::{Deserialize, Deserializer, Serialize};

use crate::failure::Failure;
use crate::input::Input;

/// A message as a queue gave it, and how its inbox judges.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// The body.
    pub body: Body,
    /// The queue's SentTimestamp.
    pub sent_timestamp_ms: i64,
    /// Its text attributes.
    pub attributes: Option<BTreeMap<String, String>>,
    /// The queue; without it no grant holds.
    pub inbox: Option<QueueArn>,
    /// How the inbox judges.
    pub options: Option<Options>,
}

/// The bytes of a body. In JSON a text; one with half of a surrogate pair is none, and is judged rather than refused.
#[derive(Debug, PartialEq, Eq)]
pub struct Body(pub Vec<u8>);

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Body;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }
            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Body, E> {
                Ok(Body(bytes.to_vec()))
            }
        }
        // As bytes, `serde_json` gives the half as it stands.
        deserializer.deserialize_bytes(Visitor)
    }
}

/// What an inbox may say of verification. A misspelt one would judge otherwise than was meant, so none is ignored.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Options {
    /// Whether an event without a signed envelope is rejected.
    pub require_envelope_hash: Option<bool>,
    /// How far the signed time may lie from the queue's.
    pub skew_seconds: Option<u32>,
    /// The algorithms that events may be signed with.
    pub allowed_algorithms: Option<Vec<Algorithm>>,
}

/// What is said of a message.
#[derive(Debug, Serialize)]
#[serde(tag = "verdict", rename_all = "lowercase", rename_all_fields = "camelCase")]
pub enum Verdict {
    /// It has passed everything.
    Ok {
        /// The key that signed.
        kid: Kid,
        /// What names the event.
        event_key: EventKey,
    },
    /// It has not.
    Rejected {
        /// Why.
        code: Code,
        /// One sentence, without data of the payload.
        message: String,
    },
}

impl Verdict {
    /// Whether the message is good.
    pub const fn is_ok(&self) -> bool {
        matches!(self, Self::Ok { .. })
    }
}

/// The most that is read of a file of keys: what the strict pass takes.
const KEYS_BYTES: u64 = Limits::BODY.bytes as u64;

/// Judges messages by one set of keys.
#[derive(Debug)]
pub struct Judge {
    ring: KeyRing,
    defaults: Options,
    no_inbox: QueueArn,
}

impl Judge {
    /// Reads the keys, which are taken as those of one bus that feeds every inbox.
    pub fn new(keys: &Input, defaults: Options) -> Result<Self, Failure> {
        let wrong = |why: &dyn fmt::Display| Failure::Usage(format!("{keys}: {why}"));
        let bus: BusId = "given/keys".parse().map_err(|error| wrong(&error))?;
        // No account has this number, so no grant names it.
        let no_inbox = QueueArn::parse("arn:aws:sqs:none:000000000000:none").map_err(|error| wrong(&error))?;
        let text = keys.read_at_most(KEYS_BYTES)?;
        let set = KeySet::from_plain(bus.clone(), &text).map_err(|error| wrong(&error))?;
        tell_left_out(keys, set.left_out());
        let mut ring = KeyRing::new([bus]);
        ring.take(set).map_err(|error| wrong(&error))?;
        Ok(Self { ring, defaults, no_inbox })
    }

    /// The verdict on one message.
    pub fn judge(&self, message: &Message) -> Verdict {
        let Message { body, sent_timestamp_ms, attributes, inbox, options } = message;
        let attributes: Attributes =
            attributes.iter().flatten().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let policy = self.policy(options.as_ref(), inbox.as_ref());
        let sent_at = Millis(*sent_timestamp_ms);
        let message = RawMessage { body: &body.0, attributes: &attributes, sent_at };
        match verify(&message, &self.ring, &policy, sent_at) {
            Ok(verified) => Verdict::Ok { kid: verified.kid, event_key: verified.event_key },
            Err(rejection) => Verdict::Rejected { code: rejection.code, message: rejection.message },
        }
    }

    /// The message's options, then those of the call, then the product's.
    fn policy(&self, options: Option<&Options>, inbox: Option<&QueueArn>) -> Policy {
        let product = VerificationConfig::default();
        let given = [options, Some(&self.defaults)];
        let given = given.iter().flatten();
        let verification = VerificationConfig {
            require_envelope_hash: given
                .clone()
                .find_map(|options| options.require_envelope_hash)
                .unwrap_or(product.require_envelope_hash),
            skew_seconds: given.clone().find_map(|options| options.skew_seconds).unwrap_or(product.skew_seconds),
            allowed_algorithms: given
                .clone()
                .find_map(|options| options.allowed_algorithms.clone())
                .unwrap_or(product.allowed_algorithms),
            clock: product.clock,
        };
        Policy::new(&verification, inbox.unwrap_or(&self.no_inbox).clone())
    }
}

#[allow(clippy::print_stderr, reason = "this is what a person at the terminal reads")]
fn tell_left_out(keys: &Input, count: usize) {
    if count > 0 {
        eprintln!("warning: {keys}: left out {count} that cannot be read as a key");
    }
}
