//! A signed document: its content, and whether what stands is to be signed anew.

use std::time::Duration;

use eventing::{
    algorithm::{Algorithm, PublicKey},
    compact::{Compact, Typ},
    config::{BusConfig, ConfigDocument, EVENT_BUS, INBOX_QUEUE, InboxConfig},
    keyset::{Jwk, KeySetDocument},
    signing::{SignError, sign_config, sign_keyset},
    time::{Micros, Millis},
    types::BusId,
};
use serde_json::Value;

use crate::installation::Root;

/// How old a document gets before it is signed anew with the same content.
const RENEW_AFTER: Duration = Duration::from_hours(1);

/// What a document says, but for its version and its time.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// The public keys of a bus.
    KeySet {
        /// The bus.
        bus: BusId,
        /// Its keys.
        keys: Vec<Jwk>,
    },
    /// An inbox's configuration.
    Inbox {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// The configuration.
        config: Box<InboxConfig>,
    },
    /// A bus's configuration for one namespace.
    Bus {
        /// The namespace it is for.
        namespace: String,
        /// The bus.
        bus: BusId,
        /// The configuration.
        config: Box<BusConfig>,
    },
}

/// A document's version and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Term {
    version: u64,
    issued: i64,
    expires: i64,
}

impl Content {
    fn typ(&self) -> Typ {
        match self {
            Self::KeySet { .. } => Typ::KeySet,
            Self::Inbox { .. } | Self::Bus { .. } => Typ::Config,
        }
    }

    fn sign(&self, root: &Root, term: Term, ts: Micros) -> Result<String, SignError> {
        let Term { version, issued, expires } = term;
        match self.clone() {
            Self::KeySet { bus, keys } => {
                sign_keyset(root.key(), &KeySetDocument { bus, version, issued, expires, keys }, ts)
            }
            Self::Inbox { namespace, name, config } => {
                let kind = INBOX_QUEUE.to_owned();
                sign_config(root.key(), &ConfigDocument { namespace, kind, name, version, issued, expires, config }, ts)
            }
            Self::Bus { namespace, bus, config } => {
                let (kind, name) = (EVENT_BUS.to_owned(), bus.to_string());
                sign_config(root.key(), &ConfigDocument { namespace, kind, name, version, issued, expires, config }, ts)
            }
        }
    }

    /// As it would be signed, for comparison.
    fn value(&self) -> Option<Value> {
        let (version, issued, expires) = (0, 0, 0);
        let value = match self.clone() {
            Self::KeySet { bus, keys } => serde_json::to_value(KeySetDocument { bus, version, issued, expires, keys }),
            Self::Inbox { namespace, name, config } => {
                let kind = INBOX_QUEUE.to_owned();
                serde_json::to_value(ConfigDocument { namespace, kind, name, version, issued, expires, config })
            }
            Self::Bus { namespace, bus, config } => {
                let (kind, name) = (EVENT_BUS.to_owned(), bus.to_string());
                serde_json::to_value(ConfigDocument { namespace, kind, name, version, issued, expires, config })
            }
        };
        value.ok().map(|value| without_term(value).1)
    }
}

/// The document to write in place of `present`, or nothing where that says the same and is young enough.
pub fn refresh(
    content: &Content,
    present: Option<&str>,
    root: &Root,
    lifetime: Duration,
    now: Millis,
) -> Result<Option<String>, SignError> {
    // What the root did not sign counts for nothing, its version least of all.
    let standing = present.and_then(|text| open(text, content.typ(), root));
    let renew_after = i64::try_from(RENEW_AFTER.min(lifetime / 4).as_secs()).unwrap_or(i64::MAX);
    if let Some((term, said)) = &standing {
        let age = now.seconds().saturating_sub(term.issued);
        if content.value().as_ref() == Some(said) && (0..renew_after).contains(&age) {
            return Ok(None);
        }
    }
    let now_version = u64::try_from(now.0).unwrap_or(0);
    let term = Term {
        version: standing.map_or(now_version, |(term, _)| now_version.max(term.version.saturating_add(1))),
        issued: now.seconds(),
        expires: now.seconds().saturating_add_unsigned(lifetime.as_secs()),
    };
    content.sign(root, term, Micros::from(now)).map(Some)
}

/// What a document of this root says; nothing for any other.
fn open(text: &str, typ: Typ, root: &Root) -> Option<(Term, Value)> {
    let compact = Compact::split(text).ok()?;
    let header = compact.header(typ).ok()?;
    let key = PublicKey::from_bytes(Algorithm::MlDsa44, root.public()).ok()?;
    if header.public_key.as_deref() != Some(root.public()) || !key.verify(compact.signed(), compact.signature()) {
        return None;
    }
    let (term, said) = without_term(serde_json::from_slice(compact.payload()).ok()?);
    Some((term?, said))
}

fn without_term(mut value: Value) -> (Option<Term>, Value) {
    let mut take = |name: &str| value.as_object_mut().and_then(|members| members.remove(name));
    let version = take("version").and_then(|version| version.as_u64());
    let issued = take("issued").and_then(|issued| issued.as_i64());
    let expires = take("expires").and_then(|expires| expires.as_i64());
    let term = match (version, issued, expires) {
        (Some(version), Some(issued), Some(expires)) => Some(Term { version, issued, expires }),
        _ => None,
    };
    (term, value)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use eventing::{
        keyset::{KeySet, KeySetError, KeyState, KeyUse, open_keyset},
        root::RootHashes,
        signing::{PrivateKey, kid_for},
    };

    use super::*;

    const LIFETIME: Duration = Duration::from_hours(72);
    const NOW: Millis = Millis(1_795_420_800_000);

    fn root() -> Root {
        Root::new(PrivateKey::generate(Algorithm::MlDsa44).unwrap())
    }

    fn bus() -> BusId {
        "platform/stock-bus".parse().unwrap()
    }

    fn content(state: KeyState) -> Content {
        let public_key = vec![7; 1312];
        let kid = kid_for("stock", &public_key).unwrap();
        let jwk = Jwk {
            kid,
            algorithm: Algorithm::Dilithium2,
            public_key,
            key_use: KeyUse::Sig,
            sources: vec!["qsl.stock".to_owned().try_into().unwrap()],
            nbf: 1,
            exp: 2,
            state,
        };
        Content::KeySet { bus: bus(), keys: vec![jwk] }
    }

    fn later(by: Duration) -> Millis {
        NOW.plus(by)
    }

    fn taken(text: &str, root: &Root, now: Millis, last: Option<u64>) -> Result<KeySet, KeySetError> {
        open_keyset(text, &RootHashes::of(root.public()), &bus(), now, last)
    }

    #[test]
    fn what_says_the_same_stays_for_an_hour() {
        let root = root();
        let content = content(KeyState::Active);
        let first = refresh(&content, None, &root, LIFETIME, NOW).unwrap().unwrap();
        assert_eq!(refresh(&content, Some(&first), &root, LIFETIME, later(Duration::from_mins(59))).unwrap(), None);
        let renewed =
            refresh(&content, Some(&first), &root, LIFETIME, later(Duration::from_hours(1))).unwrap().unwrap();
        let old = taken(&first, &root, NOW, None).unwrap();
        let new = taken(&renewed, &root, later(Duration::from_hours(72)), Some(old.version()));
        assert!(new.unwrap().version() > old.version());
    }

    #[test]
    fn what_changed_is_signed_at_once_under_a_higher_version() {
        let root = root();
        let first = refresh(&content(KeyState::Active), None, &root, LIFETIME, NOW).unwrap().unwrap();
        // A clock that went back does not take the version along.
        let now = Millis(NOW.0 - 5_000);
        let second = refresh(&content(KeyState::Revoked), Some(&first), &root, LIFETIME, now).unwrap().unwrap();
        let version = taken(&first, &root, NOW, None).unwrap().version();
        assert_eq!(taken(&second, &root, NOW, Some(version)).unwrap().version(), version + 1);
    }

    #[test]
    fn what_another_root_signed_is_replaced_and_its_version_is_not_followed() {
        let (ours, other) = (root(), root());
        let far = Millis(NOW.0 * 2);
        let foreign = refresh(&content(KeyState::Active), None, &other, LIFETIME, far).unwrap().unwrap();
        let written = refresh(&content(KeyState::Active), Some(&foreign), &ours, LIFETIME, NOW).unwrap().unwrap();
        assert_eq!(taken(&written, &ours, NOW, None).unwrap().version(), u64::try_from(NOW.0).unwrap());
        assert!(refresh(&content(KeyState::Active), Some("rubbish"), &ours, LIFETIME, NOW).unwrap().is_some());
    }
}
