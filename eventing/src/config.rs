//! Configuration signed by the root: what an inbox and a bus are to a sidecar, the journal and the gateway.

mod bus;
mod inbox;
mod supported;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::compact::Typ;
use crate::json::Json;
use crate::root::{self, RootFault, RootHashes, Term};
use crate::time::Millis;

pub use bus::{BusConfig, PublisherConfig, Publishing, ServicesConfig};
pub use inbox::{
    BackoffConfig, BatchConfig, Clock, Consuming, DeduplicationConfig, Format, ForwardConfig, InboxConfig, Route,
    Store, Unrouted, VerificationConfig, WhenUnavailable,
};
pub use supported::{Unsupported, unsupported};

/// `kind` of an inbox's configuration; its `name` is the object's.
pub const INBOX_QUEUE: &str = "InboxQueue";
/// `kind` of a bus's configuration; its `name` is `NAMESPACE/NAME` of the bus.
pub const EVENT_BUS: &str = "EventBus";

/// An entry of configuration as the operator writes it. It holds only in pods of `namespace`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigDocument<C> {
    /// The namespace whose pods may use it.
    pub namespace: String,
    /// [`INBOX_QUEUE`] or [`EVENT_BUS`].
    pub kind: String,
    /// What is configured.
    pub name: String,
    /// Milliseconds of its issue, or the last plus one where that is more.
    pub version: u64,
    /// Seconds since 1970.
    pub issued: i64,
    /// Seconds since 1970; nobody takes the entry from then on.
    pub expires: i64,
    /// The configuration itself.
    pub config: C,
}

/// Why an entry is not taken; the last good one stays.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// No signed configuration.
    #[error("the configuration is malformed: {0}")]
    Malformed(String),
    /// Signed by a key that is no root of this installation.
    #[error("the configuration is signed by a root that is not known")]
    RootUnknown,
    /// The root did not sign it.
    #[error("the configuration's signature is not the root's")]
    SignatureInvalid,
    /// Past its time, or issued too far ahead.
    #[error("the configuration is out of its time")]
    Expired,
    /// Of another namespace, kind or name.
    #[error("the configuration is of something else")]
    SubjectMismatch,
    /// Older than one already seen.
    #[error("the configuration is older than one already seen")]
    RolledBack,
}

impl ConfigError {
    /// The outcome as a word for metrics and logs.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "MALFORMED",
            Self::RootUnknown => "ROOT_UNKNOWN",
            Self::SignatureInvalid => "SIGNATURE_INVALID",
            Self::Expired => "EXPIRED",
            Self::SubjectMismatch => "SUBJECT_MISMATCH",
            Self::RolledBack => "ROLLED_BACK",
        }
    }
}

impl From<RootFault> for ConfigError {
    fn from(fault: RootFault) -> Self {
        match fault {
            RootFault::Malformed(why) => Self::Malformed(why),
            RootFault::RootUnknown => Self::RootUnknown,
            RootFault::SignatureInvalid => Self::SignatureInvalid,
        }
    }
}

/// Opens a signed entry of configuration.
///
/// # Errors
/// The first of the outcomes in the order of [`ConfigError`].
pub fn open_config<C: DeserializeOwned>(
    jws: &str,
    roots: &RootHashes,
    namespace: &str,
    kind: &str,
    name: &str,
    now: Millis,
    last_version: Option<u64>,
) -> Result<ConfigDocument<C>, ConfigError> {
    let payload = root::open(jws, Typ::Config, roots)?;
    let malformed = || ConfigError::Malformed("the payload has not the members of one".to_owned());
    let term = Term::read(&payload).ok_or_else(malformed)?;
    let text = |name: &str| payload.get(name).and_then(Json::as_str).ok_or_else(malformed);
    let subject = [text("namespace")?, text("kind")?, text("name")?];
    if !term.holds(now) {
        return Err(ConfigError::Expired);
    }
    if subject != [namespace, kind, name] {
        return Err(ConfigError::SubjectMismatch);
    }
    if term.is_rolled_back(last_version) {
        return Err(ConfigError::RolledBack);
    }
    serde_json::from_value(Json::Object(payload).to_value()).map_err(|error| ConfigError::Malformed(error.to_string()))
}

#[cfg(test)]
mod tests;
