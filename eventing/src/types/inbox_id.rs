//! Which inbox: the name by which configuration, grants and claims belong to it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{BusId, ParseError};

/// An inbox, `NAMESPACE/NAME` of the InboxQueue.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InboxId {
    namespace: Arc<str>,
    name: Arc<str>,
}

impl InboxId {
    /// The inbox `name` of `namespace`.
    ///
    /// # Errors
    /// When one of them is no Kubernetes name.
    pub fn new(namespace: &str, name: &str) -> Result<Self, ParseError> {
        // The two have the form of a bus's.
        BusId::new(namespace, name).map_err(|error| ParseError::new("inbox", error.reason))?;
        Ok(Self { namespace: Arc::from(namespace), name: Arc::from(name) })
    }

    /// The namespace of the InboxQueue.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The name of the InboxQueue.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl FromStr for InboxId {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (namespace, name) = text.split_once('/').ok_or(ParseError::new("inbox", "must be NAMESPACE/NAME"))?;
        Self::new(namespace, name)
    }
}

impl TryFrom<String> for InboxId {
    type Error = ParseError;
    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<InboxId> for String {
    fn from(inbox: InboxId) -> Self {
        inbox.to_string()
    }
}

impl fmt::Display for InboxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}
