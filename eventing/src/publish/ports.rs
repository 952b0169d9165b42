//! What publishing needs from outside: somebody who signs, and a bus.

use std::future::Future;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::envelope::Trace;
use crate::signing::DetailCore;
use crate::types::{BusId, DetailType, Jti, Kid, Resource, Source};

/// One event, as the signature service is asked to sign it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ToSign {
    /// Who sends.
    pub source: Source,
    /// What happened.
    pub detail_type: DetailType,
    /// What it happened to.
    pub resource: Resource,
    /// Whose and which story.
    pub trace: Trace,
    /// The payload.
    pub detail_core: DetailCore,
    /// The name of this signing; the service makes one where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jti: Option<Jti>,
}

/// One signed event.
#[derive(Clone, Debug, Deserialize)]
pub struct Signed {
    /// The whole `detail`, to be put on the bus byte for byte.
    pub detail: Box<RawValue>,
    /// The key that signed.
    pub kid: Kid,
    /// The name of this signing.
    pub jti: Jti,
}

/// A field of a request, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// The field, as a path from the body's top; empty for the body itself.
    pub field: String,
    /// What it must be.
    pub reason: String,
}

/// Why nothing was signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignFailure {
    /// The service says no, and would again.
    #[error("{code}: {detail}")]
    Refused {
        /// The HTTP status of the refusal.
        status: u16,
        /// Its code.
        code: String,
        /// One sentence.
        detail: String,
        /// The fields at fault.
        errors: Vec<FieldError>,
    },
    /// Later, perhaps.
    #[error("{code}: {detail}")]
    Unavailable {
        /// A code.
        code: String,
        /// One sentence.
        detail: String,
        /// When to ask again, where the service said so.
        retry_after: Option<Duration>,
    },
}

/// Signs events of a bus.
pub trait Signer: Send + Sync + 'static {
    /// Signs all or none; the answers are in the order of the events.
    fn sign(&self, bus: &BusId, events: &[ToSign]) -> impl Future<Output = Result<Vec<Signed>, SignFailure>> + Send;
}

/// One entry of a put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// EventBridge's `Source`.
    pub source: Source,
    /// EventBridge's `DetailType`.
    pub detail_type: DetailType,
    /// EventBridge's `Resources`, of which ours have one.
    pub resource: Resource,
    /// EventBridge's `Detail`: the signed object as text.
    pub detail: String,
}

impl Entry {
    /// The size EventBridge counts.
    pub fn size(&self) -> usize {
        self.source.as_str().len() + self.detail_type.as_str().len() + self.resource.as_str().len() + self.detail.len()
    }
}

/// Why the bus did not take one entry of a put it answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryFault {
    /// EventBridge's `ErrorCode`.
    pub code: String,
    /// EventBridge's `ErrorMessage`.
    pub message: String,
}

impl EntryFault {
    /// Whether the same entry may succeed later: throttling and EventBridge's own failures, nothing else.
    pub fn is_passing(&self) -> bool {
        matches!(
            self.code.as_str(),
            "ThrottlingException" | "Throttling" | "InternalFailure" | "InternalException" | "ServiceUnavailable"
        )
    }
}

/// Why a put has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PutError {
    /// It was not taken, and may be later: throttled, no connection, a role that cannot be assumed (yet).
    #[error("{0}")]
    NotSent(String),
    /// It may have arrived, or not.
    #[error("{0}")]
    Uncertain(String),
    /// It was refused whole, and would be again.
    #[error("{0:?}")]
    Refused(EntryFault),
}

/// A bus.
pub trait Bus: Send + Sync + 'static {
    /// Puts entries (at most ten, of one source); the answers, event ids or faults, are in their order.
    fn put(&self, entries: &[Entry]) -> impl Future<Output = Result<Vec<Result<String, EntryFault>>, PutError>> + Send;
}
