//! What a bus is to whoever publishes on it, and where our own services are.

use serde::{Deserialize, Serialize};

use crate::keyset::SourcePattern;

/// Where our own services are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServicesConfig {
    /// The signature service's address.
    pub signature_service: String,
    /// The journal's address.
    pub journal: String,
    /// The certificate authority of both, as PEM.
    pub ca: String,
}

/// A bus, as the pods of one namespace see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BusConfig {
    /// The bus's name in EventBridge.
    pub bus_name: String,
    /// The bus's ARN.
    pub bus_arn: String,
    /// The AWS region.
    pub region: String,
    /// Whether events may be published.
    #[serde(default)]
    pub publishing: Publishing,
    /// Who of this namespace may publish what.
    #[serde(default)]
    pub publishers: Vec<PublisherConfig>,
    /// Our own services.
    pub services: ServicesConfig,
}

/// Whether a bus takes events: the rollback switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Publishing {
    /// Yes.
    #[default]
    Enabled,
    /// Not now.
    Disabled,
}

/// One service account that may publish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PublisherConfig {
    /// The service account.
    pub service_account: String,
    /// The sources it may sign and publish.
    pub sources: Vec<SourcePattern>,
    /// The IAM role it publishes with.
    pub role_arn: String,
}
