//! Secret `qsl-root`: the root that signs, the other one during a rotation, and how far that has come. Each function
//! that changes it makes one step; the version that was read goes with it, so of two replicas one takes the step.

use std::collections::BTreeMap;

use crds::names::ROTATE_REQUESTED_AT;
use eventing::{
    algorithm::{Algorithm, PublicKey},
    signing::PrivateKey,
};
use jiff::Timestamp;
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::api::ObjectMeta;

use super::{NAME, Root, hash, plan::Phase};
use crate::{
    installation::{InstallError, authority::labels},
    secrets::Wiped,
};

const PRIVATE: &str = "private";
const PUBLIC: &str = "public";
const NEXT_PRIVATE: &str = "next.private";
const NEXT_PUBLIC: &str = "next.public";
const PREVIOUS_PUBLIC: &str = "previous.public";

/// Annotation: the request for rotation that was answered last.
const HANDLED: &str = "eventing.qsl.dev/rotate-handled";
/// Annotation: since when the rotation is in its phase.
const SINCE: &str = "eventing.qsl.dev/rotate-phase-since";

/// The roots as they stand.
#[derive(Debug)]
pub struct Roots {
    /// The root that signs.
    pub signing: Root,
    /// The public part of the other one, during a rotation: the next while announced, the last while signing.
    pub other: Option<Vec<u8>>,
    /// How far a rotation has come.
    pub phase: Phase,
    requested: Option<String>,
    handled: Option<String>,
}

impl Roots {
    /// Whether a rotation is asked for that was not answered yet.
    pub fn is_requested(&self) -> bool {
        self.requested.is_some() && self.requested != self.handled
    }

    /// The hashes that verifiers are given, in lower-case hex; the signing one's first.
    pub fn hashes(&self) -> Vec<String> {
        [self.signing.sha256().to_owned()].into_iter().chain(self.other.as_deref().map(hash)).collect()
    }
}

/// The Secret of an installation's first root.
pub fn first(root: &Root) -> Wiped {
    Wiped::from(Secret {
        metadata: ObjectMeta { name: Some(NAME.to_owned()), labels: Some(labels()), ..ObjectMeta::default() },
        data: Some(BTreeMap::from([(PRIVATE.to_owned(), private(root)), (PUBLIC.to_owned(), public(root))])),
        ..Secret::default()
    })
}

/// The Secret with a second root, which is made known from now on.
pub fn announce(secret: &Wiped, next: &Root, now: Timestamp) -> Wiped {
    let mut changed = since(secret, now);
    let notes = changed.metadata.annotations.get_or_insert_default();
    if let Some(request) = notes.get(ROTATE_REQUESTED_AT).cloned() {
        notes.insert(HANDLED.to_owned(), request);
    }
    changed.put(NEXT_PRIVATE, private(next));
    changed.put(NEXT_PUBLIC, public(next));
    changed
}

/// The Secret in which the second root signs. The first one's private part is destroyed: nothing needs it any more.
pub fn switch(secret: &Wiped, now: Timestamp) -> Result<Wiped, InstallError> {
    let mut changed = since(secret, now);
    let mut moved = |from: &'static str, to: &str| {
        let bytes = changed.take(from).ok_or(InstallError::Damaged { secret: NAME, key: from })?;
        changed.put(to, bytes);
        Ok::<_, InstallError>(())
    };
    moved(PUBLIC, PREVIOUS_PUBLIC)?;
    moved(NEXT_PUBLIC, PUBLIC)?;
    moved(NEXT_PRIVATE, PRIVATE)?;
    Ok(changed)
}

/// The Secret without the root before.
pub fn drop_previous(secret: &Wiped) -> Wiped {
    let mut changed = secret.clone();
    changed.destroy(PREVIOUS_PUBLIC);
    changed.metadata.annotations.get_or_insert_default().remove(SINCE);
    changed
}

/// Reads the roots back. Where the phase's moment cannot be read, it began `now`.
pub fn read(secret: &Wiped, now: Timestamp) -> Result<Roots, InstallError> {
    let empty = BTreeMap::new();
    let data = secret.data.as_ref();
    let notes = secret.metadata.annotations.as_ref().unwrap_or(&empty);
    let part = |key: &'static str| data.and_then(|data| data.get(key)).map(|bytes| bytes.0.as_slice());
    let damaged = |key| InstallError::Damaged { secret: NAME, key };
    let pair = |private: &'static str, public: &'static str| {
        let bytes = part(private).ok_or_else(|| damaged(private))?;
        let key = PrivateKey::from_secret_bytes(Algorithm::MlDsa44, bytes).map_err(|_| damaged(private))?;
        let root = Root::new(key);
        if part(public) == Some(root.public()) { Ok(root) } else { Err(damaged(public)) }
    };
    let signing = pair(PRIVATE, PUBLIC)?;
    let since = notes.get(SINCE).and_then(|text| text.parse().ok()).unwrap_or(now);
    let (other, phase) = if part(NEXT_PRIVATE).is_some() || part(NEXT_PUBLIC).is_some() {
        (Some(pair(NEXT_PRIVATE, NEXT_PUBLIC)?.public().to_vec()), Phase::Announced { since })
    } else if let Some(previous) = part(PREVIOUS_PUBLIC) {
        PublicKey::from_bytes(Algorithm::MlDsa44, previous).map_err(|_| damaged(PREVIOUS_PUBLIC))?;
        (Some(previous.to_vec()), Phase::Signing { since })
    } else {
        (None, Phase::Alone)
    };
    let (requested, handled) = (notes.get(ROTATE_REQUESTED_AT).cloned(), notes.get(HANDLED).cloned());
    Ok(Roots { signing, other, phase, requested, handled })
}

fn since(secret: &Wiped, now: Timestamp) -> Wiped {
    let mut changed = secret.clone();
    changed.metadata.annotations.get_or_insert_default().insert(SINCE.to_owned(), now.to_string());
    changed
}

fn private(root: &Root) -> ByteString {
    ByteString(root.key().secret_bytes().to_vec())
}

fn public(root: &Root) -> ByteString {
    ByteString(root.public().to_vec())
}

#[cfg(test)]
mod tests;
