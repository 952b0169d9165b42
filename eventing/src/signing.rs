//! The signing side: events, key sets, configuration and grants. Nothing is signed that a verifier would refuse.

mod detail_core;
mod private_key;

use std::fmt;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::algorithm::Algorithm;
use crate::compact::{self, Heading, Typ};
use crate::config::ConfigDocument;
use crate::envelope::{self, Trace};
use crate::grant::GrantFacts;
use crate::json::{Fault, Json, Limits};
use crate::keyset::{KeySetDocument, MAX_KEYS};
use crate::publish::NewEvent;
use crate::time::Micros;
use crate::types::{DetailType, Jti, Kid, Resource, Source};

pub use crate::time::MonotonicStamp;
pub use detail_core::DetailCore;
pub use private_key::{PrivateKey, kid_for};

/// Why nothing was signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// A verifier would refuse `detailCore`.
    #[error("detailCore {0}")]
    DetailCore(Fault),
    /// `detailCore` is not an object.
    #[error("detailCore must be an object")]
    NotAnObject,
    /// A verifier would refuse a document.
    #[error("the document cannot be signed: {0}")]
    Document(String),
    /// The library failed.
    #[error("the library refused to sign")]
    Library,
}

/// What a publisher says of an event.
#[derive(Debug, Clone, Copy)]
pub struct EventFacts<'a> {
    /// Who sends.
    pub source: &'a Source,
    /// What happened.
    pub detail_type: &'a DetailType,
    /// What it happened to.
    pub resource: &'a Resource,
    /// Whose and which story.
    pub trace: &'a Trace,
    /// The event's own data: an object, as JSON.
    pub detail_core: &'a str,
}

/// A signed event. It is published with its source and detail-type and with `resources` = its resource alone.
#[derive(Debug, Clone)]
pub struct SignedEvent {
    /// The compact signature, which is in `detail` too.
    pub sig_compact: String,
    /// The whole `detail`, in its canonical form.
    pub detail: Box<RawValue>,
    /// When it was signed.
    pub ts: Micros,
    /// The key that signed.
    pub kid: Kid,
    /// The name of this signing.
    pub jti: Jti,
}

/// Signs an event: `env` and `jti` are always there. `ts` comes from the signer's [`MonotonicStamp`].
///
/// # Errors
/// When a verifier would refuse the event, or the library fails.
pub fn sign_event(
    key: &PrivateKey,
    kid: &Kid,
    facts: EventFacts<'_>,
    jti: Jti,
    ts: Micros,
) -> Result<SignedEvent, SignError> {
    let EventFacts { source, detail_type, resource, trace, detail_core } = facts;
    let event = NewEvent {
        source: source.clone(),
        detail_type: detail_type.clone(),
        resource: resource.clone(),
        trace: trace.clone(),
        detail_core: DetailCore::parse(detail_core)?,
    };
    sign_new_event(key, kid, &event, jti, ts)
}

/// The same of an event that was read already.
///
/// # Errors
/// When the library fails.
pub fn sign_new_event(
    key: &PrivateKey,
    kid: &Kid,
    event: &NewEvent,
    jti: Jti,
    ts: Micros,
) -> Result<SignedEvent, SignError> {
    let NewEvent { source, detail_type, resource, trace, detail_core } = event;
    let env = envelope::hash(&envelope::canonical(source, detail_type, resource, trace));
    let heading = Heading { typ: Typ::Event, kid, ts, env: Some(&env), jti: Some(&jti), with_public_key: false };
    let sig_compact = compact::sign(key, &heading, detail_core.as_str().as_bytes())?;
    let written = |error: serde_json::Error| SignError::Document(error.to_string());
    let trace: Box<RawValue> = serde_json::from_slice(&trace.to_json().canonical()).map_err(written)?;
    let detail =
        Detail { core: detail_core, resource, sig_compact: &sig_compact, trace: &trace, version: envelope::VERSION };
    let detail = to_raw_value(&detail).map_err(written)?;
    Ok(SignedEvent { sig_compact, detail, ts, kid: kid.clone(), jti })
}

/// `detail`, whose members stand in the order of their canonical form; its texts are ASCII without escapes.
#[derive(Serialize)]
struct Detail<'a> {
    #[serde(rename = "detailCore")]
    core: &'a DetailCore,
    resource: &'a Resource,
    sig_compact: &'a str,
    trace: &'a RawValue,
    version: &'a str,
}

/// Signs a key set with the root.
///
/// # Errors
/// When the set has too many keys or a kid twice, the root is not of ML-DSA-44, or the library fails.
pub fn sign_keyset(root: &PrivateKey, document: &KeySetDocument, ts: Micros) -> Result<String, SignError> {
    let mut kids: Vec<&Kid> = document.keys.iter().map(|key| &key.kid).collect();
    kids.sort_unstable();
    kids.dedup();
    if kids.len() < document.keys.len() || kids.len() > MAX_KEYS {
        return Err(SignError::Document("a set has at most 64 keys, each kid once".to_owned()));
    }
    sign_document(root, Typ::KeySet, document, ts)
}

/// Signs an entry of configuration with the root.
///
/// # Errors
/// When the entry is no JSON of ours, the root is not of ML-DSA-44, or the library fails.
pub fn sign_config<C: Serialize>(
    root: &PrivateKey,
    document: &ConfigDocument<C>,
    ts: Micros,
) -> Result<String, SignError> {
    sign_document(root, Typ::Config, document, ts)
}

/// Signs a grant with a bus's grant key.
///
/// # Errors
/// When the key is not of ML-DSA-44, or the library fails.
pub fn sign_grant(
    key: &PrivateKey,
    kid: &Kid,
    facts: GrantFacts<'_>,
    jti: &Jti,
    ts: Micros,
) -> Result<String, SignError> {
    needs_ml_dsa_44(key)?;
    let heading = Heading { typ: Typ::Grant, kid, ts, env: None, jti: Some(jti), with_public_key: false };
    compact::sign(key, &heading, &facts.payload())
}

fn sign_document(root: &PrivateKey, typ: Typ, document: &impl Serialize, ts: Micros) -> Result<String, SignError> {
    needs_ml_dsa_44(root)?;
    let refused = |error: &dyn fmt::Display| SignError::Document(error.to_string());
    let value = serde_json::to_value(document).map_err(|error| refused(&error))?;
    let payload = Json::from_value(&value, Limits::BODY.depth).map_err(|fault| refused(&fault))?.canonical();
    if payload.len() > Limits::BODY.bytes {
        return Err(refused(&Fault::TooLarge));
    }
    let kid = kid_for("root", &root.public_key()).map_err(|error| refused(&error))?;
    compact::sign(root, &Heading { typ, kid: &kid, ts, env: None, jti: None, with_public_key: true }, &payload)
}

fn needs_ml_dsa_44(key: &PrivateKey) -> Result<(), SignError> {
    match key.algorithm() {
        Algorithm::MlDsa44 => Ok(()),
        Algorithm::Dilithium2 => Err(SignError::Document("only ML-DSA-44 signs it".to_owned())),
    }
}

#[cfg(test)]
mod tests;
