//! The judgement of a message: in the order of the wire format, cheapest first, each failure with its code.

mod code;
mod verified;

use std::fmt;
use std::sync::Arc;

use crate::algorithm::Algorithm;
use crate::attributes::{self, Attributes};
use crate::compact::{Compact, CompactFault, Typ};
use crate::config::{Clock, VerificationConfig};
use crate::envelope::{self, Envelope, EnvelopeFault, Opened};
use crate::event_key;
use crate::grant::{self, Circumstances, Grant};
use crate::json::{self, Fault, Json, Limits};
use crate::keyset::{KeyRing, KeyUse};
use crate::time::Millis;
use crate::types::{Kid, QueueArn};

pub use code::{Code, Rejection};
pub use verified::{RawJson, Verified};

/// A message as the queue gave it.
#[derive(Debug, Clone, Copy)]
pub struct RawMessage<'a> {
    /// The body, byte for byte.
    pub body: &'a [u8],
    /// Its attributes.
    pub attributes: &'a Attributes,
    /// The queue's SentTimestamp.
    pub sent_at: Millis,
}

/// How an inbox judges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The algorithms that events may be signed with.
    pub allowed_algorithms: Vec<Algorithm>,
    /// How far the signed time may lie from the queue's, both ways, inclusive.
    pub skew_seconds: u32,
    /// Which clock the signed time is held against.
    pub clock: Clock,
    /// Whether an event without a signed envelope is refused.
    pub require_envelope_hash: bool,
    /// The queue polled, which a grant must name.
    pub queue_arn: QueueArn,
}

impl Policy {
    /// The policy of an inbox's configuration.
    pub fn new(verification: &VerificationConfig, queue_arn: QueueArn) -> Self {
        let VerificationConfig { allowed_algorithms, skew_seconds, clock, require_envelope_hash } = verification;
        Self {
            allowed_algorithms: allowed_algorithms.clone(),
            skew_seconds: *skew_seconds,
            clock: *clock,
            require_envelope_hash: *require_envelope_hash,
            queue_arn,
        }
    }

    fn skew_millis(&self) -> u64 {
        u64::from(self.skew_seconds) * 1_000
    }
}

/// Judges a message. An unknown kid is a verdict only against sets fetched, or confirmed, after the message was
/// received: the caller's to see to.
///
/// # Errors
/// The first failure, in the order of [`Code`].
pub fn verify(
    message: &RawMessage<'_>,
    ring: &KeyRing,
    policy: &Policy,
    received_at: Millis,
) -> Result<Verified, Rejection> {
    let mut known = Known { kid: None, grant: None };
    judge(message, ring, policy, received_at, &mut known).map_err(|(code, message_text)| Rejection {
        code,
        message: message_text,
        kid: known.kid,
        purpose: known.grant.map(|grant| grant.purpose),
        sent_at: known.grant.map_or(message.sent_at, |grant| grant.sent_at),
    })
}

/// What was learnt on the way, for a rejection to tell.
struct Known {
    kid: Option<Kid>,
    grant: Option<Grant>,
}

type Refusal = (Code, String);

fn refuse<T>(code: Code, why: impl fmt::Display) -> Result<T, Refusal> {
    Err((code, why.to_string()))
}

fn judge(
    message: &RawMessage<'_>,
    ring: &KeyRing,
    policy: &Policy,
    received_at: Millis,
    known: &mut Known,
) -> Result<Verified, Refusal> {
    let body = json::parse(message.body, Limits::BODY).map_err(body_refusal)?;
    let Opened { envelope, detail_core, sig_compact } =
        envelope::open(&body).map_err(|fault| envelope_refusal(&fault))?;
    let sig_compact = match sig_compact {
        None => return refuse(Code::SignatureMissing, "the event is not signed"),
        Some(Json::String(text)) => text.as_ref(),
        Some(_) => return refuse(Code::SignatureMalformed, "the signature is not a text"),
    };
    let compact = Compact::split(sig_compact).map_err(|fault| compact_refusal(&fault))?;
    let header = compact.header(Typ::Event).map_err(|fault| compact_refusal(&fault))?;
    known.kid = Some(header.kid.clone());

    let alg = header.alg.parse().ok().filter(|alg| policy.allowed_algorithms.contains(alg));
    let Some(alg) = alg else {
        return refuse(Code::AlgNotAllowed, "the algorithm is not allowed");
    };
    let Some(found) = ring.find(&header.kid).filter(|found| found.key.key_use() == KeyUse::Sig) else {
        return refuse(Code::KidUnknown, "no bus of this inbox has the key");
    };
    let ts = header.ts.millis();
    if found.key.algorithm() != alg {
        return refuse(Code::AlgKeyMismatch, "the key is of another algorithm");
    }
    if found.is_revoked {
        return refuse(Code::KeyRevoked, "the key is revoked");
    }
    if found.key.is_expired(ts) {
        return refuse(Code::KeyExpired, "the key had ended signing");
    }
    if found.key.is_pending(ts) {
        return refuse(Code::KeyNotYetValid, "the key had not begun signing");
    }
    if !found.key.covers(&envelope.source) {
        return refuse(Code::SourceNotAllowed, "the key may not sign events of this source");
    }
    if let Some(text) = message.attributes.get(attributes::GRANT) {
        let circumstances = Circumstances {
            ring,
            bus: found.bus,
            body: message.body,
            attributes: message.attributes,
            inbox: &policy.queue_arn,
            sent_timestamp: message.sent_at,
            skew_millis: policy.skew_millis(),
        };
        known.grant = Some(grant::verify(text, &circumstances).map_err(|why| (Code::GrantInvalid, why))?);
    }
    let clock = match (known.grant, policy.clock) {
        (Some(grant), _) => grant.sent_at,
        (None, Clock::SentTimestamp) => message.sent_at,
        (None, Clock::Receive) => received_at,
    };
    if ts.distance(clock) > policy.skew_millis() {
        return refuse(Code::TimestampSkew, "the signed time is too far from the queue's");
    }
    if !detail_core.is_canonically(compact.payload()) {
        return refuse(Code::PayloadMismatch, "detailCore is not what was signed");
    }
    match header.env {
        Some(env) if env != envelope::hash(envelope.canonical()) => {
            return refuse(Code::EnvelopeMismatch, "the envelope is not what was signed");
        }
        None if policy.require_envelope_hash => {
            return refuse(Code::EnvelopeHashMissing, "the envelope is not signed");
        }
        _ => {}
    }
    if !found.key.public().verify(compact.signed(), compact.signature()) {
        return refuse(Code::SignatureInvalid, "the signature is not the key's");
    }

    // The payload equals a canonical form, which is UTF-8.
    let Ok(payload) = std::str::from_utf8(compact.payload()) else {
        return refuse(Code::PayloadMismatch, "the payload is not UTF-8");
    };
    let event_key = match (&header.jti, header.env) {
        (Some(jti), Some(_)) => event_key::of_jti(&envelope.source, jti),
        _ => event_key::of_signature(sig_compact, envelope.canonical()),
    };
    let Envelope { id, source, detail_type, resource, trace, time, .. } = envelope;
    Ok(Verified {
        correlation_id: trace.correlation_id().clone(),
        source,
        detail_type,
        resource,
        trace,
        event_id: id,
        time,
        detail_core: RawJson(Arc::from(payload)),
        bus: found.bus.clone(),
        kid: header.kid,
        algorithm: alg,
        ts: header.ts,
        jti: header.jti,
        has_env: header.env.is_some(),
        event_key,
        purpose: known.grant.map(|grant| grant.purpose),
        grant_digest: known.grant.map(|grant| grant.digest),
        sent_at: known.grant.map_or(message.sent_at, |grant| grant.sent_at),
    })
}

fn body_refusal(fault: Fault) -> Refusal {
    let code = match fault {
        Fault::TooLarge => Code::BodyTooLarge,
        Fault::Malformed => Code::BodyMalformed,
        Fault::TooDeep => Code::NestingTooDeep,
        Fault::DuplicateMember => Code::DuplicateMember,
        Fault::NumberNotExact => Code::NumberNotExact,
    };
    (code, format!("the body {fault}"))
}

fn envelope_refusal(fault: &EnvelopeFault) -> Refusal {
    let code = match fault {
        EnvelopeFault::VersionUnsupported => Code::VersionUnsupported,
        EnvelopeFault::Invalid(_) => Code::EnvelopeInvalid,
    };
    (code, fault.to_string())
}

fn compact_refusal(fault: &CompactFault) -> Refusal {
    let code = match fault {
        CompactFault::Malformed(_) => Code::SignatureMalformed,
        CompactFault::Header(_) => Code::HeaderInvalid,
        CompactFault::CritUnknown => Code::CritUnknown,
    };
    (code, fault.to_string())
}

#[cfg(test)]
mod tests;
