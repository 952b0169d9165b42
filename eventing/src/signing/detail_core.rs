//! An event's own data, as it is signed.

use std::fmt;

use serde::Serialize;
use serde_json::value::RawValue;

use super::SignError;
use crate::json::{self, Fault, Json, Limits};

/// `detailCore` is the third value from outside.
const LIMITS: Limits = Limits { depth: Limits::BODY.depth - 2, ..Limits::BODY };

/// An event's own data: an object that a verifier takes, in its canonical form. Read once, it is signed without being
/// read again. In JSON it is itself; `Debug` shows its length, since payloads do not belong into logs.
#[derive(Clone, Serialize)]
#[serde(transparent)]
pub struct DetailCore(Box<RawValue>);

impl DetailCore {
    /// Reads it by a verifier's rules.
    ///
    /// # Errors
    /// [`SignError::DetailCore`], [`SignError::NotAnObject`].
    pub fn parse(text: &str) -> Result<Self, SignError> {
        Self::of(&json::parse(text.as_bytes(), LIMITS).map_err(SignError::DetailCore)?)
    }

    /// The same of what the strict pass has read.
    pub(crate) fn of(json: &Json) -> Result<Self, SignError> {
        let fault = SignError::DetailCore;
        if json.as_object().is_none() {
            return Err(SignError::NotAnObject);
        }
        if json.depth() > LIMITS.depth {
            return Err(fault(Fault::TooDeep));
        }
        let canonical = json.canonical();
        if canonical.len() > LIMITS.bytes {
            return Err(fault(Fault::TooLarge));
        }
        // The canonical form is JSON, so it is UTF-8 too.
        serde_json::from_slice(&canonical).map(Self).map_err(|_| fault(Fault::Malformed))
    }

    /// The canonical form.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }
}

impl fmt::Debug for DetailCore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DetailCore({} bytes)", self.as_str().len())
    }
}
