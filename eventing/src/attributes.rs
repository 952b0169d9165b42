//! A message's attributes, by the names that are ours.

use std::collections::BTreeMap;
use std::fmt;

/// Why a dead letter is one.
pub const CODE: &str = "qsl.code";
/// One sentence about it, without data of the payload.
pub const MESSAGE: &str = "qsl.message";
/// Where it failed: `verify`, `route` or `handle`.
pub const STAGE: &str = "qsl.stage";
/// The kid it claimed.
pub const KID: &str = "qsl.kid";
/// The purpose of the grant it came with.
pub const PURPOSE: &str = "qsl.purpose";
/// Deliveries to the handler.
pub const ATTEMPTS: &str = "qsl.attempts";
/// The time that the skew was judged by: the grant's, or SentTimestamp; decimal milliseconds.
pub const SENT_AT: &str = "qsl.sentAt";
/// When it failed.
pub const FAILED_AT: &str = "qsl.failedAt";
/// The handler's last HTTP status.
pub const HANDLER_STATUS: &str = "qsl.handlerStatus";
/// How often it was sent again; informative.
pub const REDRIVES: &str = "qsl.redrives";
/// The grant of a message sent again.
pub const GRANT: &str = "qsl.grant";

/// The text attributes of a message. `Debug` does not show a grant.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Attributes(BTreeMap<String, String>);

impl Attributes {
    /// No attributes.
    pub fn new() -> Self {
        Self::default()
    }

    /// The attribute of this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Sets an attribute.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.insert(name.into(), value.into());
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.iter().map(|(name, value)| (name, if name == GRANT { ".." } else { value })))
            .finish()
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Attributes {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(attributes: I) -> Self {
        Self(attributes.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}
