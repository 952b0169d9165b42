//! What the injector does to a pod: pure. In: the pod as it was sent and what the installation gives sidecars. Out: a
//! patch, empty for a pod that has its sidecar, or a [`Refusal`] whose text is what the user reads.
//!
//! - [`annotations`] parses what the pod asks for, strictly;
//! - [`checks`] refuses pods a sidecar cannot serve;
//! - [`sidecar`] and [`volumes`] say what is added, every default written out, so that a pod the API server has
//!   defaulted equals what was added to it;
//! - [`patch`] compares and writes the difference.

pub mod annotations;
pub mod checks;
pub mod patch;
pub mod refusal;
pub mod sidecar;
pub mod volumes;

use k8s_openapi::api::core::v1::Pod;

pub use annotations::Request;
pub use refusal::Refusal;

/// What the installation gives sidecars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The sidecar's image.
    pub image: String,
    /// When the kubelet pulls it.
    pub image_pull_policy: String,
    /// The hashes of the roots that sidecars trust, in lower-case hex; never empty.
    pub root_sha256: Vec<String>,
    /// The AWS region.
    pub region: String,
    /// Where AWS is, when not at AWS's own addresses.
    pub aws_endpoint: Option<String>,
    /// The audience of the token for AWS.
    pub aws_audience: String,
    /// The log level where the pod names none.
    pub log_level: String,
    /// Where sidecars send their spans, if anywhere.
    pub otlp_endpoint: Option<String>,
}

/// The label of pods with a sidecar.
pub const INJECTED: &str = "eventing.qsl.dev/injected";
/// The port the application posts events to, on loopback.
pub const LISTEN_PORT: u16 = 15_080;
/// The port of health and metrics.
pub const ADMIN_PORT: u16 = 15_081;
/// The audience of tokens for the signature service.
pub const SIGNATURE_SERVICE_AUDIENCE: &str = "signature-service.eventing.qsl.dev";
/// The audience of tokens for the journal.
pub const JOURNAL_AUDIENCE: &str = "journal.eventing.qsl.dev";

/// What has to change in a pod of `namespace` for it to have its sidecar.
pub fn inject(pod: &Pod, namespace: &str, settings: &Settings) -> Result<json_patch::Patch, Refusal> {
    let Some(request) = Request::parse(pod, namespace)? else { return Ok(json_patch::Patch(Vec::new())) };
    checks::check(pod)?;
    patch::difference(pod, &request, settings)
}

#[cfg(test)]
mod tests;
