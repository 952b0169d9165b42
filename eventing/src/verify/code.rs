//! The codes of the wire format: what a dead letter says of why it is one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::grant::Purpose;
use crate::time::Millis;
use crate::types::{Kid, ParseError};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Why a message was not handled, in the order of judgement. Up to `SIGNATURE_INVALID` it is about what the
        /// message claims; the last four come after verification.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Code {
            $($(#[$doc])* #[serde(rename = $text)] $name,)*
        }

        impl Code {
            /// Every code, in order.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The code as it is written everywhere.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

codes! {
    /// More than 1,048,576 bytes.
    BodyTooLarge = "BODY_TOO_LARGE",
    /// No JSON.
    BodyMalformed = "BODY_MALFORMED",
    /// Deeper than 64.
    NestingTooDeep = "NESTING_TOO_DEEP",
    /// One name twice in an object.
    DuplicateMember = "DUPLICATE_MEMBER",
    /// A number that no double holds as it is written.
    NumberNotExact = "NUMBER_NOT_EXACT",
    /// `detail.version` is not `v1`.
    VersionUnsupported = "VERSION_UNSUPPORTED",
    /// The envelope does not have its form.
    EnvelopeInvalid = "ENVELOPE_INVALID",
    /// No signature.
    SignatureMissing = "SIGNATURE_MISSING",
    /// The signature is no compact signature.
    SignatureMalformed = "SIGNATURE_MALFORMED",
    /// The signature's header breaks a rule.
    HeaderInvalid = "HEADER_INVALID",
    /// The header demands an extension that is not known.
    CritUnknown = "CRIT_UNKNOWN",
    /// The inbox does not allow the algorithm.
    AlgNotAllowed = "ALG_NOT_ALLOWED",
    /// No bus of this inbox has the key.
    KidUnknown = "KID_UNKNOWN",
    /// The key is of another algorithm.
    AlgKeyMismatch = "ALG_KEY_MISMATCH",
    /// The key verifies nothing any more.
    KeyRevoked = "KEY_REVOKED",
    /// The key had ended signing.
    KeyExpired = "KEY_EXPIRED",
    /// The key had not begun signing.
    KeyNotYetValid = "KEY_NOT_YET_VALID",
    /// The key may not sign events of this source.
    SourceNotAllowed = "SOURCE_NOT_ALLOWED",
    /// The grant does not hold.
    GrantInvalid = "GRANT_INVALID",
    /// The signed time is too far from the queue's.
    TimestampSkew = "TIMESTAMP_SKEW",
    /// `detailCore` is not what was signed.
    PayloadMismatch = "PAYLOAD_MISMATCH",
    /// The envelope is not what was signed.
    EnvelopeMismatch = "ENVELOPE_MISMATCH",
    /// The envelope is not signed, and the inbox demands it.
    EnvelopeHashMissing = "ENVELOPE_HASH_MISSING",
    /// The signature is not the key's.
    SignatureInvalid = "SIGNATURE_INVALID",
    /// No route takes the event.
    NoRoute = "NO_ROUTE",
    /// The handler refused it for good.
    HandlerRejected = "HANDLER_REJECTED",
    /// The handler failed as often as it is asked.
    HandlerExhausted = "HANDLER_EXHAUSTED",
    /// Received as often as the queue allows.
    ReceivesExhausted = "RECEIVES_EXHAUSTED",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Code {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let code = Self::ALL.iter().copied().find(|code| code.as_str() == text);
        code.ok_or(ParseError::new("code", "is none of the wire format"))
    }
}

/// A message that is not an event of ours, or not one for this inbox now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Rejection {
    /// Why.
    pub code: Code,
    /// One sentence, without data of the payload.
    pub message: String,
    /// The key it claims, as far as the header could be read.
    pub kid: Option<Kid>,
    /// The purpose of the grant it came with, where that held.
    pub purpose: Option<Purpose>,
    /// The time to keep in a dead letter: the grant's where it held, else SentTimestamp.
    pub sent_at: Millis,
}
