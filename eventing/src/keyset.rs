//! Key sets: the public keys of one bus, signed by the root, and the ring of those that feed one inbox.

mod error;
mod jwk;
mod key;
mod ring;

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use crate::compact::Typ;
use crate::json::{self, Json, Limits};
use crate::root::{self, RootHashes, Term};
use crate::time::Millis;
use crate::types::{BusId, Kid};

pub use error::KeySetError;
pub use jwk::{Jwk, KeyState, KeyUse, SourcePattern};
pub use key::Key;
pub use ring::{Found, KeyRing, KeysUnavailable};

/// The most keys a set holds.
pub const MAX_KEYS: usize = 64;

/// A key set as the operator writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeySetDocument {
    /// The bus the keys belong to.
    pub bus: BusId,
    /// Milliseconds of its issue, or the last plus one where that is more.
    pub version: u64,
    /// Seconds since 1970.
    pub issued: i64,
    /// Seconds since 1970; nobody takes the set from then on.
    pub expires: i64,
    /// The keys, at most [`MAX_KEYS`].
    pub keys: Vec<Jwk>,
}

/// The keys of one bus, ready for look-up.
#[derive(Debug, Clone)]
pub struct KeySet {
    bus: BusId,
    term: Term,
    keys: HashMap<Kid, Key>,
    revoked: BTreeSet<Kid>,
    left_out: usize,
}

impl KeySet {
    /// A set from a document that is trusted already.
    ///
    /// # Errors
    /// [`KeySetError::DuplicateKid`]
    pub fn new(document: &KeySetDocument) -> Result<Self, KeySetError> {
        let term = Term { version: document.version, issued: document.issued, expires: document.expires };
        let entries = document.keys.iter().map(|jwk| Entry {
            kid: Some(jwk.kid.clone()),
            key: Key::try_from(jwk).ok(),
            is_revoked: jwk.state == KeyState::Revoked,
        });
        Self::from_entries(document.bus.clone(), term, entries)
    }

    /// The keys of a plain `{"keys":[…]}`, as the signature service serves it to people: it says neither whose it is nor
    /// how long it holds, so the caller answers for both. It never expires.
    ///
    /// # Errors
    /// [`KeySetError::Malformed`] or [`KeySetError::DuplicateKid`]
    pub fn from_plain(bus: BusId, text: &[u8]) -> Result<Self, KeySetError> {
        let json = json::parse(text, Limits::BODY).map_err(|fault| KeySetError::Malformed(fault.to_string()))?;
        let keys = json.as_object().and_then(|set| set.get("keys")).and_then(Json::as_array);
        let keys = keys.ok_or_else(|| KeySetError::Malformed("has no list of keys".to_owned()))?;
        let term = Term { version: 0, issued: 0, expires: i64::MAX };
        Self::from_entries(bus, term, keys.iter().map(Entry::read))
    }

    fn from_entries(bus: BusId, term: Term, entries: impl IntoIterator<Item = Entry>) -> Result<Self, KeySetError> {
        let mut set = Self { bus, term, keys: HashMap::new(), revoked: BTreeSet::new(), left_out: 0 };
        let mut seen = BTreeSet::new();
        for Entry { kid, key, is_revoked } in entries {
            let Some(kid) = kid else {
                set.left_out += 1;
                continue;
            };
            if !seen.insert(kid.clone()) {
                return Err(KeySetError::DuplicateKid);
            }
            if is_revoked {
                set.revoked.insert(kid.clone());
            }
            match key {
                Some(key) => drop(set.keys.insert(kid, key)),
                None => set.left_out += 1,
            }
        }
        Ok(set)
    }

    /// The key of this kid.
    pub fn get(&self, kid: &Kid) -> Option<&Key> {
        self.keys.get(kid)
    }

    /// Whether the set says that the key verifies nothing.
    pub fn is_revoked(&self, kid: &Kid) -> bool {
        self.revoked.contains(kid)
    }

    /// The kids the set revokes, whether their keys parse or not.
    pub fn revoked(&self) -> impl Iterator<Item = &Kid> {
        self.revoked.iter()
    }

    /// The bus the keys belong to.
    pub fn bus(&self) -> &BusId {
        &self.bus
    }

    /// The set's version.
    pub fn version(&self) -> u64 {
        self.term.version
    }

    /// When it was issued.
    pub fn issued(&self) -> Millis {
        Millis::from_seconds(self.term.issued)
    }

    /// From when on the set is of no use.
    pub fn expires(&self) -> Millis {
        Millis::from_seconds(self.term.expires)
    }

    /// How many keys are ready.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no key is ready.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many keys were left out because they do not parse.
    pub fn left_out(&self) -> usize {
        self.left_out
    }
}

/// What one member of `keys` says, as far as it can be read.
struct Entry {
    kid: Option<Kid>,
    key: Option<Key>,
    is_revoked: bool,
}

impl Entry {
    fn read(json: &Json) -> Self {
        let member = |name: &str| json.as_object().and_then(|key| key.get(name)).and_then(Json::as_str);
        let jwk: Option<Jwk> = serde_json::from_value(json.to_value()).ok();
        Self {
            kid: member("kid").and_then(|kid| Kid::parse(kid).ok()),
            key: jwk.and_then(|jwk| Key::try_from(&jwk).ok()),
            is_revoked: member("state") == Some("revoked"),
        }
    }
}

/// Opens a signed key set.
///
/// # Errors
/// The first of the outcomes in the order of [`KeySetError`].
pub fn open_keyset(
    jws: &str,
    roots: &RootHashes,
    bus: &BusId,
    now: Millis,
    last_version: Option<u64>,
) -> Result<KeySet, KeySetError> {
    let payload = root::open(jws, Typ::KeySet, roots)?;
    let malformed = |what: &str| KeySetError::Malformed(format!("the payload has no proper {what}"));
    let term = Term::read(&payload).ok_or_else(|| malformed("version, issued and expires"))?;
    let named = payload.get("bus").and_then(Json::as_str).ok_or_else(|| malformed("bus"))?;
    let keys = payload.get("keys").and_then(Json::as_array).ok_or_else(|| malformed("keys"))?;
    if !term.holds(now) {
        return Err(KeySetError::Expired);
    }
    if named != bus.to_string() {
        return Err(KeySetError::BusMismatch);
    }
    let set = KeySet::from_entries(bus.clone(), term, keys.iter().map(Entry::read))?;
    if term.is_rolled_back(last_version) {
        return Err(KeySetError::RolledBack);
    }
    Ok(set)
}

#[cfg(test)]
mod tests;
