//! Business keys: what an inbox says makes two events the same, as JSON pointers into the envelope.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::json::{Json, Limits};
use crate::verify::Verified;

/// SHA-256 over parts, a zero octet between them.
pub(super) fn digest(purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(purpose.as_bytes());
    for part in parts {
        hash.update([0]);
        hash.update(part);
    }
    hash.finalize().into()
}

/// The business key of an event: of all pointers' values together, `None` without pointers and where one finds nothing.
pub(super) fn business_key(event: &Verified, pointers: &[String]) -> Option<[u8; 32]> {
    if pointers.is_empty() {
        return None;
    }
    let envelope = envelope(event);
    let found = pointers.iter().map(|pointer| envelope.pointer(pointer).cloned());
    let values = Value::Array(found.collect::<Option<_>>()?);
    let text = Json::from_value(&values, Limits::BODY.depth).ok()?.canonical();
    Some(digest("business", &[&text]))
}

/// The envelope as verified, `detailCore` as it was signed.
fn envelope(event: &Verified) -> Value {
    json!({
        "source": event.source,
        "detail-type": event.detail_type,
        "resources": [event.resource],
        "detail": {
            "version": "v1",
            "resource": event.resource,
            "trace": event.trace,
            "detailCore": event.detail_core.to_value(),
        },
    })
}
