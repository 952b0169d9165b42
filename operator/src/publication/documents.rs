//! A signed document: its content, and whether what stands is to be signed anew.

use std::{collections::BTreeSet, time::Duration};

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

/// Who signs, and whose signatures count besides.
#[derive(Clone, Copy, Debug)]
pub struct Signer<'a> {
    /// The root that signs.
    pub root: &'a Root,
    /// The public keys of the other roots: while one takes over, what the other signed is signed anew, but under a
    /// higher version.
    pub others: &'a [Vec<u8>],
}

/// A document as it is to stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The text.
    pub text: String,
    /// Its version: milliseconds since 1970 at its issue, or one more than the last one's.
    pub version: u64,
    /// Until when it holds, in seconds since 1970.
    pub expires: i64,
    /// Whether it was signed anew, and is to be written.
    pub is_new: bool,
}

/// The document that is to stand: `present` where that says the same, is young enough and of no lower version than
/// `last`, the highest that is known of it; else one that is signed now.
pub fn refresh(
    content: &Content,
    present: Option<&str>,
    last: Option<u64>,
    signer: Signer<'_>,
    lifetime: Duration,
    now: Millis,
) -> Result<Document, SignError> {
    // What no root of ours signed counts for nothing, its version least of all.
    let standing = present.and_then(|text| open(text, content.typ(), signer).map(|opened| (text, opened)));
    let renew_after = i64::try_from(RENEW_AFTER.min(lifetime / 4).as_secs()).unwrap_or(i64::MAX);
    if let Some((text, Opened { term, said, is_current })) = &standing {
        let Term { version, issued, expires } = *term;
        let age = now.seconds().saturating_sub(issued);
        // A shorter lifetime than it was signed for is to be seen at once, a longer one with the next renewal.
        let is_within = expires <= issued.saturating_add_unsigned(lifetime.as_secs());
        let is_young = (0..renew_after).contains(&age);
        let is_last = last.is_none_or(|last| version >= last);
        if *is_current && is_last && is_within && is_young && content.value().as_ref() == Some(said) {
            return Ok(Document { text: (*text).to_owned(), version, expires, is_new: false });
        }
    }
    let before = standing.map(|(_, opened)| opened.term.version).max(last);
    let issued = u64::try_from(now.0).unwrap_or(0);
    let term = Term {
        version: before.map_or(issued, |before| issued.max(before.saturating_add(1))),
        issued: now.seconds(),
        expires: now.seconds().saturating_add_unsigned(lifetime.as_secs()),
    };
    let text = content.sign(signer.root, term, Micros::from(now))?;
    Ok(Document { text, version: term.version, expires: term.expires, is_new: true })
}

/// The version of a document that a root of ours signed.
pub fn version(text: &str, content: &Content, signer: Signer<'_>) -> Option<u64> {
    open(text, content.typ(), signer).map(|opened| opened.term.version)
}

/// The buses that an inbox's entry of ours lists.
pub fn listed_buses(text: &str, signer: Signer<'_>) -> BTreeSet<BusId> {
    let opened = open(text, Typ::Config, signer);
    let buses = opened.and_then(|opened| opened.said.pointer("/config/buses").cloned());
    buses.and_then(|buses| serde_json::from_value(buses).ok()).unwrap_or_default()
}

/// What a document of ours says.
struct Opened {
    term: Term,
    said: Value,
    /// Whether the root that signs now signed it.
    is_current: bool,
}

/// What a document of one of the roots says; nothing for any other.
fn open(text: &str, typ: Typ, signer: Signer<'_>) -> Option<Opened> {
    let compact = Compact::split(text).ok()?;
    let header = compact.header(typ).ok()?;
    let public = header.public_key.as_deref()?;
    let is_current = public == signer.root.public();
    if !is_current && !signer.others.iter().any(|other| other == public) {
        return None;
    }
    let key = PublicKey::from_bytes(Algorithm::MlDsa44, public).ok()?;
    if !key.verify(compact.signed(), compact.signature()) {
        return None;
    }
    let (term, said) = without_term(serde_json::from_slice(compact.payload()).ok()?);
    Some(Opened { term: term?, said, is_current })
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

    fn refreshed(state: KeyState, present: Option<&Document>, root: &Root, now: Millis) -> Document {
        let signer = Signer { root, others: &[] };
        refresh(&content(state), present.map(|present| present.text.as_str()), None, signer, LIFETIME, now).unwrap()
    }

    #[test]
    fn what_says_the_same_stays_for_an_hour() {
        let root = root();
        let first = refreshed(KeyState::Active, None, &root, NOW);
        assert!(first.is_new);
        let same = refreshed(KeyState::Active, Some(&first), &root, later(Duration::from_mins(59)));
        assert_eq!(same, Document { is_new: false, ..first.clone() });
        let renewed = refreshed(KeyState::Active, Some(&first), &root, later(Duration::from_hours(1)));
        assert!(renewed.is_new);
        let old = taken(&first.text, &root, NOW, None).unwrap();
        let new = taken(&renewed.text, &root, later(Duration::from_hours(72)), Some(old.version()));
        assert!(new.unwrap().version() > old.version());
        assert_eq!(renewed.expires, later(Duration::from_hours(73)).seconds());
    }

    #[test]
    fn what_changed_is_signed_at_once_under_a_higher_version() {
        let root = root();
        let first = refreshed(KeyState::Active, None, &root, NOW);
        // A clock that went back does not take the version along.
        let second = refreshed(KeyState::Revoked, Some(&first), &root, Millis(NOW.0 - 5_000));
        let version = taken(&first.text, &root, NOW, None).unwrap().version();
        assert_eq!((first.version, second.version), (version, version + 1));
        assert_eq!(taken(&second.text, &root, NOW, Some(version)).unwrap().version(), version + 1);
    }

    #[test]
    fn what_another_root_signed_is_replaced_and_its_version_is_not_followed() {
        let (ours, other) = (root(), root());
        let foreign = refreshed(KeyState::Active, None, &other, Millis(NOW.0 * 2));
        let written = refreshed(KeyState::Active, Some(&foreign), &ours, NOW);
        assert_eq!(taken(&written.text, &ours, NOW, None).unwrap().version(), u64::try_from(NOW.0).unwrap());
        let rubbish = Document { text: "rubbish".to_owned(), ..foreign };
        assert!(refreshed(KeyState::Active, Some(&rubbish), &ours, NOW).is_new);
    }

    #[test]
    fn what_the_root_before_signed_is_signed_anew_at_once_under_a_higher_version() {
        let (old, new) = (root(), root());
        let first = refreshed(KeyState::Active, None, &old, later(Duration::from_mins(10)));
        let others = [old.public().to_vec()];
        let signer = Signer { root: &new, others: &others };
        let content = content(KeyState::Active);
        let second = refresh(&content, Some(&first.text), None, signer, LIFETIME, NOW).unwrap();
        assert!(second.is_new);
        assert_eq!(second.version, first.version + 1);
        assert_eq!(version(&first.text, &content, signer), Some(first.version));
        taken(&second.text, &new, NOW, Some(first.version)).unwrap();
    }

    #[test]
    fn a_document_that_was_put_back_is_replaced_by_one_above_all_that_were_given_out() {
        let root = root();
        let old = refreshed(KeyState::Active, None, &root, NOW);
        let given = old.version + 7_000_000;
        let signer = Signer { root: &root, others: &[] };
        let content = content(KeyState::Active);
        // Deleted, or of a backup: what is known to be out counts.
        for present in [None, Some(old.text.as_str())] {
            let again = refresh(&content, present, Some(given), signer, LIFETIME, NOW).unwrap();
            assert!(again.is_new);
            assert_eq!(again.version, given + 1);
        }
    }

    #[test]
    fn a_shorter_lifetime_is_taken_up_at_once() {
        let root = root();
        let long = refreshed(KeyState::Active, None, &root, NOW);
        let signer = Signer { root: &root, others: &[] };
        let short =
            refresh(&content(KeyState::Active), Some(&long.text), None, signer, LIFETIME / 2, later(Duration::ZERO));
        assert_eq!(short.unwrap().expires, NOW.seconds() + 36 * 3600);
    }
}
