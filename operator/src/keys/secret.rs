//! A key's Secret: what stands where, and how it is read back.

use std::collections::{BTreeMap, BTreeSet};

use eventing::{
    algorithm::Algorithm,
    types::{BusId, Kid},
};
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::api::ObjectMeta;

use super::{
    KeyChange, KeyPolicy, KeyState, UnixSeconds,
    change::What,
    material::{NewMaterial, hash16},
    phase,
    plan::{KeyUpdate, NewKey},
};
use crate::secrets::Wiped;

/// Label: [`hash16`] of the bus, `NAMESPACE/NAME`.
pub const BUS_HASH: &str = "eventing.qsl.dev/bus-hash";
/// Label: `sig` or `grant`.
pub const USE: &str = "eventing.qsl.dev/use";
/// Data: the private part; absent when the key signs no more.
pub const PRIVATE: &str = "private";
/// Data: the public part.
pub const PUBLIC: &str = "public";
/// Annotation: the bus, `NAMESPACE/NAME`.
pub const BUS: &str = "eventing.qsl.dev/bus";

const SIGNING_KEY: &str = "eventing.qsl.dev/signing-key";
const KID: &str = "eventing.qsl.dev/kid";
const ALGORITHM: &str = "eventing.qsl.dev/algorithm";
const SOURCES: &str = "eventing.qsl.dev/sources";
const NBF: &str = "eventing.qsl.dev/nbf";
const EXP: &str = "eventing.qsl.dev/exp";
const STATE: &str = "eventing.qsl.dev/state";
const NUMBER: &str = "eventing.qsl.dev/number";
const ROTATE_REQUEST: &str = "eventing.qsl.dev/rotate-requested-at";

/// Whose keys: those of one SigningKey, or the grant keys of one bus.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Line {
    /// Of the SigningKey of that name, in the bus's namespace.
    Signing {
        /// The bus.
        bus: BusId,
        /// The SigningKey's name.
        name: String,
    },
    /// Of the bus itself, for grants.
    Grant {
        /// The bus.
        bus: BusId,
    },
}

impl Line {
    /// The bus whose set lists the keys.
    pub fn bus(&self) -> &BusId {
        match self {
            Self::Signing { bus, .. } | Self::Grant { bus } => bus,
        }
    }

    /// The name that kids begin with.
    pub fn kid_name(&self) -> &str {
        match self {
            Self::Signing { name, .. } => name,
            Self::Grant { .. } => "grant",
        }
    }

    /// As the label and a key set have it.
    pub fn usage(&self) -> &'static str {
        match self {
            Self::Signing { .. } => "sig",
            Self::Grant { .. } => "grant",
        }
    }

    /// The name of the Secret of key number `number`: the same for whoever makes it.
    pub fn secret_name(&self, number: u32) -> String {
        match self {
            Self::Signing { bus, name } => format!("skey-{}-{number}", hash16(&format!("{}/{name}", bus.namespace()))),
            Self::Grant { bus } => format!("grant-{}-{number}", hash16(&bus.to_string())),
        }
    }
}

/// What is known of a key that stands in the key namespace, its bytes apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredKey {
    /// Its place in its line, from 1.
    pub number: u32,
    /// Its id.
    pub kid: String,
    /// Its scheme.
    pub algorithm: Algorithm,
    /// What it may sign.
    pub sources: BTreeSet<String>,
    /// From when it signs.
    pub nbf: UnixSeconds,
    /// Until when.
    pub exp: UnixSeconds,
    /// The state last written.
    pub state: KeyState,
    /// Whether the private part is still there.
    pub has_private: bool,
    /// The request for rotation it answered.
    pub rotate_request: Option<String>,
}

impl StoredKey {
    /// A key as it will be once it was made.
    pub fn planned(policy: &KeyPolicy, number: u32, nbf: UnixSeconds) -> Self {
        Self {
            number,
            kid: String::new(),
            algorithm: policy.algorithm,
            sources: policy.sources.clone(),
            nbf,
            exp: nbf.plus(policy.rotation.period()).plus(policy.rotation.publish_before()),
            state: KeyState::Pending,
            has_private: true,
            rotate_request: policy.rotate_request.clone(),
        }
    }

    /// By what a key is newer than another.
    pub fn order(&self) -> (UnixSeconds, u32) {
        (self.nbf, self.number)
    }
}

/// A key as it was read, with its line, its public part and the Secret's version.
#[derive(Clone, Debug)]
pub struct KeyRecord {
    /// Whose it is.
    pub line: Line,
    /// What is known of it.
    pub key: StoredKey,
    /// The public part.
    pub public: Vec<u8>,
    /// The version of the Secret that all this was read from: what is decided by it holds for no other.
    pub version: String,
}

impl KeyRecord {
    /// The name of its Secret.
    pub fn secret_name(&self) -> String {
        self.line.secret_name(self.key.number)
    }

    /// Something that was done to it.
    pub fn changed(&self, what: What) -> KeyChange {
        KeyChange { secret: self.secret_name(), kid: self.key.kid.clone(), what }
    }
}

/// A Secret that should be a key and is not.
#[derive(Debug, thiserror::Error)]
#[error("Secret {secret} is no key: {what}")]
pub struct NotAKey {
    secret: String,
    what: &'static str,
}

/// The Secret of a new key.
pub fn new_secret(namespace: &str, line: &Line, new: &NewKey, material: &NewMaterial) -> Wiped {
    let key = StoredKey {
        number: new.number,
        kid: material.kid.as_str().to_owned(),
        algorithm: new.algorithm,
        sources: new.sources.clone(),
        nbf: new.nbf,
        exp: new.exp,
        state: new.state,
        has_private: true,
        rotate_request: new.rotate_request.clone(),
    };
    Wiped::from(Secret {
        metadata: ObjectMeta {
            name: Some(line.secret_name(new.number)),
            namespace: Some(namespace.to_owned()),
            labels: Some(BTreeMap::from([
                (BUS_HASH.to_owned(), hash16(&line.bus().to_string())),
                (USE.to_owned(), line.usage().to_owned()),
            ])),
            annotations: Some(annotations(line, &key)),
            ..ObjectMeta::default()
        },
        data: Some(BTreeMap::from([
            (PRIVATE.to_owned(), ByteString(material.private.to_vec())),
            (PUBLIC.to_owned(), ByteString(material.public.clone())),
        ])),
        ..Secret::default()
    })
}

/// Writes an update into a Secret that was read.
pub fn update_secret(secret: &mut Wiped, record: &KeyRecord, update: &KeyUpdate) {
    let key = StoredKey { exp: update.exp, sources: update.sources.clone(), state: update.state, ..record.key.clone() };
    secret.metadata.annotations.get_or_insert_default().extend(annotations(&record.line, &key));
    if !update.keep_private {
        secret.destroy(PRIVATE);
    }
}

/// Reads a key back.
pub fn read_secret(secret: &Secret) -> Result<KeyRecord, NotAKey> {
    let name = secret.metadata.name.clone().unwrap_or_default();
    let not = |what| NotAKey { secret: name.clone(), what };
    let empty = BTreeMap::new();
    let notes = secret.metadata.annotations.as_ref().unwrap_or(&empty);
    let note = |key: &str, what| notes.get(key).ok_or_else(|| not(what));

    let bus: BusId = note(BUS, "no bus")?.parse().map_err(|_| not("its bus is no NAMESPACE/NAME"))?;
    let line = match secret.metadata.labels.as_ref().and_then(|labels| labels.get(USE)).map(String::as_str) {
        Some("sig") => Line::Signing { bus, name: note(SIGNING_KEY, "no SigningKey")?.clone() },
        Some("grant") => Line::Grant { bus },
        _ => return Err(not("its use is neither sig nor grant")),
    };
    let data = secret.data.as_ref();
    let public = data.and_then(|data| data.get(PUBLIC)).ok_or_else(|| not("no public part"))?.0.clone();
    let kid: Kid = note(KID, "no kid")?.parse().map_err(|_| not("its kid has no kid's form"))?;
    let key = StoredKey {
        number: note(NUMBER, "no number")?.parse().map_err(|_| not("its number is none"))?,
        kid: kid.as_str().to_owned(),
        algorithm: note(ALGORITHM, "no algorithm")?.parse().map_err(|_| not("its algorithm is unknown"))?,
        sources: note(SOURCES, "no sources")?.split(',').filter(|part| !part.is_empty()).map(str::to_owned).collect(),
        nbf: note(NBF, "no nbf")?.parse().map_err(|_| not("its nbf is no time"))?,
        exp: note(EXP, "no exp")?.parse().map_err(|_| not("its exp is no time"))?,
        state: phase::parse(note(STATE, "no state")?).ok_or_else(|| not("its state is unknown"))?,
        has_private: data.is_some_and(|data| data.contains_key(PRIVATE)),
        rotate_request: notes.get(ROTATE_REQUEST).cloned(),
    };
    Ok(KeyRecord { line, key, public, version: secret.metadata.resource_version.clone().unwrap_or_default() })
}

fn annotations(line: &Line, key: &StoredKey) -> BTreeMap<String, String> {
    let sources: Vec<_> = key.sources.iter().map(String::as_str).collect();
    let mut notes = BTreeMap::from([
        (BUS.to_owned(), line.bus().to_string()),
        (KID.to_owned(), key.kid.clone()),
        (ALGORITHM.to_owned(), key.algorithm.as_str().to_owned()),
        (SOURCES.to_owned(), sources.join(",")),
        (NBF.to_owned(), key.nbf.to_string()),
        (EXP.to_owned(), key.exp.to_string()),
        (STATE.to_owned(), phase::as_str(key.state).to_owned()),
        (NUMBER.to_owned(), key.number.to_string()),
    ]);
    if let Line::Signing { name, .. } = line {
        notes.insert(SIGNING_KEY.to_owned(), name.clone());
    }
    if let Some(request) = &key.rotate_request {
        notes.insert(ROTATE_REQUEST.to_owned(), request.clone());
    }
    notes
}
