//! What matters of each object. One that cannot be read is logged, never with its data, and counts as absent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crds::event_bus::Publishing;
use crds::{EventBus, SigningKey};
use eventing::algorithm::Algorithm;
use eventing::keyset::SourcePattern;
use eventing::signing::PrivateKey;
use eventing::types::{BusId, InboxId, Kid, Source};
use eventing_service::authentication::ServiceAccount;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use zeroize::Zeroize as _;

use super::known::Entries;
use crate::directory::{BusFacts, HeldKey, PublishedSet, Serves, SigningKeyFacts};

/// The Secrets that hold keys, for events and for grants.
pub(super) const PRIVATE_KEY_SELECTOR: &str = "eventing.qsl.dev/use in (sig,grant)";

/// The ConfigMaps of signed configuration, one a namespace.
pub(super) const CONFIGURATION_SELECTOR: &str = "metadata.name=qsl-eventing";

const USE: &str = "eventing.qsl.dev/use";
const BUS: &str = "eventing.qsl.dev/bus";
const SIGNING_KEY: &str = "eventing.qsl.dev/signing-key";
const KID: &str = "eventing.qsl.dev/kid";
const ALGORITHM: &str = "eventing.qsl.dev/algorithm";
const PRIVATE: &str = "private";
const KEY_SET: &str = "keyset";
const INBOX: &str = "inbox_";

pub(super) fn bus(object: &EventBus) -> Option<(BusId, BusFacts)> {
    let namespace = object.metadata.namespace.as_deref()?;
    let id = BusId::new(namespace, object.metadata.name.as_deref()?).ok()?;
    let mut publishers: BTreeMap<ServiceAccount, BTreeSet<Source>> = BTreeMap::new();
    for publisher in &object.spec.publishers {
        let account = &publisher.service_account_ref;
        let account = ServiceAccount::new(account.namespace.as_deref().unwrap_or(namespace), account.name.as_str());
        let sources = publisher.sources.iter().filter_map(|source| Source::parse(source).ok());
        publishers.entry(account).or_default().extend(sources);
    }
    Some((id, BusFacts { publishing: object.spec.publishing == Publishing::Enabled, publishers }))
}

pub(super) fn signing_key(object: &SigningKey) -> Option<((String, String), SigningKeyFacts)> {
    let (namespace, name) = (object.metadata.namespace.clone()?, object.metadata.name.clone()?);
    let facts = SigningKeyFacts {
        bus: BusId::new(&namespace, &object.spec.bus_ref.name).ok()?,
        sources: object.spec.sources.iter().filter_map(|s| SourcePattern::try_from(s.clone()).ok()).collect(),
        revoked: object.spec.revoked_kids.iter().filter_map(|kid| Kid::parse(kid).ok()).collect(),
    };
    Some(((namespace, name), facts))
}

/// Reads a private key and wipes the Secret's bytes. A key that signs no more has no private part.
pub(super) fn private_key(mut secret: Secret) -> Option<HeldKey> {
    let mut data = secret.data.take().unwrap_or_default();
    let read = data.get(PRIVATE).map(|private| held_key(&secret, &private.0));
    for bytes in data.values_mut() {
        bytes.0.zeroize();
    }
    match read? {
        Ok(held) => Some(held),
        Err(why) => {
            let name = secret.metadata.name.unwrap_or_default();
            tracing::warn!(secret = name, why, "a Secret holds no key that can sign");
            None
        }
    }
}

fn held_key(secret: &Secret, private: &[u8]) -> Result<HeldKey, &'static str> {
    let note = |key, missing| secret.metadata.annotations.as_ref().and_then(|all| all.get(key)).ok_or(missing);
    let algorithm: Algorithm = note(ALGORITHM, "no algorithm")?.parse().map_err(|_| "its algorithm is unknown")?;
    let serves = match secret.metadata.labels.as_ref().and_then(|labels| labels.get(USE)).map(String::as_str) {
        Some("sig") => Serves::Sig { signing_key: note(SIGNING_KEY, "no SigningKey")?.clone() },
        Some("grant") => Serves::Grant,
        _ => return Err("its use is neither sig nor grant"),
    };
    Ok(HeldKey {
        bus: note(BUS, "no bus")?.parse().map_err(|_| "its bus is not NAMESPACE/NAME")?,
        serves,
        kid: note(KID, "no kid")?.parse().map_err(|_| "its kid has not the form of one")?,
        private: Arc::new(PrivateKey::from_secret_bytes(algorithm, private).map_err(|_| "not a private key")?),
    })
}

pub(super) fn key_set(map: &ConfigMap) -> Option<(BusId, Arc<PublishedSet>)> {
    let bus: BusId = map.metadata.annotations.as_ref()?.get(BUS)?.parse().ok()?;
    let signed = map.data.as_ref()?.get(KEY_SET)?;
    match PublishedSet::read(&bus, signed) {
        Ok(set) => Some((bus, Arc::new(set))),
        Err(fault) => {
            tracing::warn!(%bus, error = %fault, "a key set is not served");
            None
        }
    }
}

/// The inboxes of the ConfigMap's namespace, each with its entry as it stands: the root's word is asked for later.
pub(super) fn inboxes(map: ConfigMap) -> Option<Entries> {
    let namespace = map.metadata.namespace?;
    let entries = map.data?.into_iter().filter_map(|(key, text)| {
        let inbox = InboxId::new(&namespace, key.strip_prefix(INBOX)?).ok()?;
        Some((inbox, Arc::from(text)))
    });
    Some(entries.collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use k8s_openapi::ByteString;
    use serde_json::json;

    use super::*;

    fn secret(private: &[u8]) -> Secret {
        let mut secret: Secret = serde_json::from_value(json!({"metadata": {"name": "skey-1",
            "labels": {USE: "sig"},
            "annotations": {BUS: "city/trams", SIGNING_KEY: "trams", KID: "trams-1", ALGORITHM: "ML-DSA-44"}}}))
        .unwrap();
        secret.data = Some([(PRIVATE.to_owned(), ByteString(private.to_vec()))].into());
        secret
    }

    #[test]
    fn a_private_key_is_read_and_never_shown() {
        let key = PrivateKey::generate(Algorithm::MlDsa44).unwrap();
        let held = private_key(secret(&key.secret_bytes())).unwrap();
        assert_eq!(held.private.public_key(), key.public_key());
        assert_eq!(format!("{held:?}"), r#"HeldKey { kid: "trams-1", .. }"#);
    }

    #[test]
    fn the_label_alone_says_what_a_key_serves() {
        let key = PrivateKey::generate(Algorithm::MlDsa44).unwrap();
        let labelled = |text: Option<&str>| {
            let mut secret = secret(&key.secret_bytes());
            secret.metadata.labels = text.map(|text| [(USE.to_owned(), text.to_owned())].into());
            private_key(secret).map(|held| held.serves)
        };
        assert_eq!(labelled(Some("sig")), Some(Serves::Sig { signing_key: "trams".to_owned() }));
        assert_eq!(labelled(Some("grant")), Some(Serves::Grant));
        assert_eq!(labelled(Some("root")), None);
        assert_eq!(labelled(None), None);
    }

    #[test]
    fn a_secret_without_private_part_or_with_another_is_absent() {
        assert!(private_key(secret(b"nonsense")).is_none());
        let mut gone = secret(b"");
        gone.data = None;
        assert!(private_key(gone).is_none());
    }

    #[test]
    fn of_a_namespaces_configuration_the_inboxes_are_read() {
        let map: ConfigMap = serde_json::from_value(json!({"metadata": {"name": "qsl-eventing", "namespace": "depot"},
            "data": {"inbox_arrivals": "a.b.c", "inbox_No Name": "a.b.c", "bus_city_trams": "a.b.c",
                     "keyset_city_trams": "a.b.c",
                     "bus_departures": "a.b.c"}}))
        .unwrap();
        let read = inboxes(map).unwrap();
        assert_eq!(read, [(InboxId::new("depot", "arrivals").unwrap(), Arc::from("a.b.c"))]);
    }

    #[test]
    fn a_publisher_without_namespace_is_of_the_buss_and_entries_of_one_account_add_up() {
        let object: EventBus = serde_json::from_value(json!({
            "apiVersion": "eventing.qsl.dev/v1alpha1", "kind": "EventBus",
            "metadata": {"name": "trams", "namespace": "city"},
            "spec": {"busName": "trams", "publishing": "Disabled", "publishers": [
                {"serviceAccountRef": {"name": "driver"}, "sources": ["qsl.tram"]},
                {"serviceAccountRef": {"name": "driver", "namespace": "city"}, "sources": ["qsl.bell"]}]}}))
        .unwrap();
        let (id, facts) = bus(&object).unwrap();
        assert_eq!(id.to_string(), "city/trams");
        assert!(!facts.publishing);
        let granted = facts.publishers.get(&ServiceAccount::new("city", "driver")).unwrap();
        assert_eq!(granted.iter().map(Source::as_str).collect::<Vec<_>>(), ["qsl.bell", "qsl.tram"]);
    }
}
