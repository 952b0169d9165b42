//! Which bus: the name by which keys and configuration belong to it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ParseError;

/// The bus that a key set or a configuration is about: `NAMESPACE/NAME` of the EventBus.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BusId {
    namespace: Arc<str>,
    name: Arc<str>,
}

impl BusId {
    /// The bus `name` of `namespace`.
    ///
    /// # Errors
    /// When one of them is no Kubernetes name.
    pub fn new(namespace: &str, name: &str) -> Result<Self, ParseError> {
        if is_kubernetes_name(namespace, 63) && is_kubernetes_name(name, 253) {
            Ok(Self { namespace: Arc::from(namespace), name: Arc::from(name) })
        } else {
            Err(ParseError::new("bus", "must be NAMESPACE/NAME"))
        }
    }

    /// The namespace of the EventBus.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The name of the EventBus object.
    pub fn name(&self) -> &str {
        &self.name
    }
}

fn is_kubernetes_name(text: &str, most: usize) -> bool {
    let is_alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    (1..=most).contains(&text.len())
        && text.starts_with(is_alphanumeric)
        && text.ends_with(is_alphanumeric)
        && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.'))
}

impl fmt::Display for BusId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

impl fmt::Debug for BusId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

impl FromStr for BusId {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (namespace, name) = text.split_once('/').ok_or(ParseError::new("bus", "must be NAMESPACE/NAME"))?;
        Self::new(namespace, name)
    }
}

impl TryFrom<String> for BusId {
    type Error = ParseError;
    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<BusId> for String {
    fn from(bus: BusId) -> Self {
        bus.to_string()
    }
}
