//! Grants: the leave to send a message again, whose `sentAt` then stands for the time it first entered a queue.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::algorithm::Algorithm;
use crate::attributes::{self, Attributes};
use crate::compact::{Compact, Typ, b64url};
use crate::json::{self, Json, Limits, Object};
use crate::keyset::{KeyRing, KeyUse};
use crate::time::Millis;
use crate::types::{BusId, QueueArn};

/// Why a message is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// From a dead-letter queue.
    Redrive,
    /// From the journal.
    Replay,
}

impl Purpose {
    /// The word in a grant and in `qsl.purpose`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Redrive => "redrive",
            Self::Replay => "replay",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Redrive, Self::Replay].into_iter().find(|purpose| purpose.as_str() == text)
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a grant grants. `Debug` does not show the body.
#[derive(Clone, Copy)]
pub struct GrantFacts<'a> {
    /// The message's body, byte for byte.
    pub body: &'a [u8],
    /// The queue it may be sent to.
    pub inbox: &'a QueueArn,
    /// Why.
    pub purpose: Purpose,
    /// The time that is to be judged instead of SentTimestamp.
    pub sent_at: Millis,
}

impl fmt::Debug for GrantFacts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { body, inbox, purpose, sent_at } = self;
        let mut shown = f.debug_struct("GrantFacts");
        shown.field("body_bytes", &body.len()).field("inbox", inbox).field("purpose", purpose);
        shown.field("sent_at", sent_at).finish()
    }
}

impl GrantFacts<'_> {
    pub(crate) fn payload(&self) -> Vec<u8> {
        // Milliseconds of any true date are far below 2^53, so the double is exact.
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of a date")]
        let sent_at = self.sent_at.0 as f64;
        let members = [
            ("bodySha256", Json::String(Cow::Owned(b64url(&Sha256::digest(self.body))))),
            ("inbox", Json::from(self.inbox.as_str())),
            ("purpose", Json::from(self.purpose.as_str())),
            ("sentAt", Json::Number(sent_at)),
        ];
        Json::Object(members.into_iter().collect()).canonical()
    }
}

/// A grant that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// Why the message was sent again.
    pub purpose: Purpose,
    /// The time that stands instead of SentTimestamp.
    pub sent_at: Millis,
    /// SHA-256 of the grant, by which a granted message is deduplicated.
    pub digest: [u8; 32],
}

/// What a grant is held against.
pub(crate) struct Circumstances<'a> {
    pub(crate) ring: &'a KeyRing,
    /// The bus whose key verified the body.
    pub(crate) bus: &'a BusId,
    pub(crate) body: &'a [u8],
    pub(crate) attributes: &'a Attributes,
    /// The queue polled.
    pub(crate) inbox: &'a QueueArn,
    /// This message's own SentTimestamp.
    pub(crate) sent_timestamp: Millis,
    pub(crate) skew_millis: u64,
}

/// Judges a grant; the reason of a refusal is one sentence without data.
pub(crate) fn verify(text: &str, given: &Circumstances<'_>) -> Result<Grant, String> {
    let compact = Compact::split(text).map_err(|fault| fault.to_string())?;
    let header = compact.header(Typ::Grant).map_err(|fault| fault.to_string())?;
    if header.alg != Algorithm::MlDsa44.as_str() {
        return Err("the grant is not signed with ML-DSA-44".to_owned());
    }
    if header.jti.is_none() {
        return Err("the grant has no jti".to_owned());
    }
    let ts = header.ts.millis();
    let found = given
        .ring
        .find_in(given.bus, &header.kid)
        .filter(|found| found.key.key_use() == KeyUse::Grant && found.key.algorithm() == Algorithm::MlDsa44)
        .ok_or("the grant is not by a grant key of the event's bus")?;
    if found.is_revoked || found.key.is_expired(ts) || found.key.is_pending(ts) {
        return Err("the grant's key was not valid when it signed".to_owned());
    }
    if ts.distance(given.sent_timestamp) > given.skew_millis {
        return Err("the grant was not made for this sending: its time is outside the skew".to_owned());
    }
    let claims = Claims::read(compact.payload()).ok_or("the grant's payload has not the members of one")?;
    if claims.inbox != given.inbox.as_str() {
        return Err("the grant is for another inbox".to_owned());
    }
    if claims.body_sha256 != b64url(&Sha256::digest(given.body)) {
        return Err("the grant is for another body".to_owned());
    }
    let attribute = given.attributes.get(attributes::SENT_AT);
    if attribute != Some(claims.sent_at.0.to_string().as_str()) || claims.sent_at > ts {
        return Err("the grant is for another time".to_owned());
    }
    if !found.key.public().verify(compact.signed(), compact.signature()) {
        return Err("the grant's signature is not its key's".to_owned());
    }
    Ok(Grant { purpose: claims.purpose, sent_at: claims.sent_at, digest: Sha256::digest(text).into() })
}

struct Claims {
    body_sha256: String,
    inbox: String,
    purpose: Purpose,
    sent_at: Millis,
}

impl Claims {
    /// The payload is the canonical form of exactly four members.
    fn read(payload: &[u8]) -> Option<Self> {
        let json = json::parse(payload, Limits::BODY).ok()?;
        let object = json.as_object().filter(|object: &&Object| object.len() == 4)?;
        if !json.is_canonically(payload) {
            return None;
        }
        let text = |name: &str| object.get(name).and_then(Json::as_str);
        Some(Self {
            body_sha256: text("bodySha256")?.to_owned(),
            inbox: text("inbox")?.to_owned(),
            purpose: Purpose::parse(text("purpose")?)?,
            sent_at: Millis(object.get("sentAt")?.as_integer()?),
        })
    }
}
