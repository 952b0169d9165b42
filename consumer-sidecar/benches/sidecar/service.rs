//! A signer that answers at once. One event signed a moment ago stands for all: the sidecar looks at its time, and does
//! not verify it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use axum::response::IntoResponse as _;
use serde_json::{Value, json};
use sidecar_ground::Key;
use sidecar_ground::signature_service::Sign;

use crate::events::event;

/// How old the event may be.
const AGE: Duration = Duration::from_secs(30);

/// Answers with as many copies as it was asked to sign events.
pub fn at_once(key: &Arc<Key>) -> Result<Sign> {
    let signed = Mutex::new(Signed::by(Arc::clone(key))?);
    Ok(Arc::new(move |body| {
        let asked: Value = serde_json::from_slice(body).unwrap_or_default();
        let count = asked.get("events").and_then(Value::as_array).map_or(0, Vec::len);
        let event = signed.lock().unwrap_or_else(PoisonError::into_inner).fresh();
        json!({"events": vec![event; count]}).to_string().into_response()
    }))
}

/// One event, signed anew every now and then.
struct Signed {
    key: Arc<Key>,
    at: Instant,
    event: Value,
}

impl Signed {
    fn by(key: Arc<Key>) -> Result<Self> {
        let signed = event(&key, 0)?;
        let event = json!({"detail": signed.detail, "kid": signed.kid, "jti": signed.jti});
        Ok(Self { key, at: Instant::now(), event })
    }

    fn fresh(&mut self) -> Value {
        if self.at.elapsed() > AGE {
            // One that cannot be signed shows as a problem of the sidecar's, in the end.
            if let Ok(anew) = Self::by(Arc::clone(&self.key)) {
                *self = anew;
            }
        }
        self.event.clone()
    }
}
