//! What stands that a root signed: while it does, that root's hash is not taken from those who verify.

use eventing::compact::{Compact, Typ};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Client, api::ListParams};

use crate::publication::maps::{CONFIG_MAP, is_ours, selector};

/// How many signed documents in our ConfigMaps carry that public key.
pub async fn signed_by(client: &Client, key_namespace: &str, public: &[u8]) -> Result<usize, kube::Error> {
    let named = ListParams::default().fields(&format!("metadata.name={CONFIG_MAP}"));
    let maps = Api::<ConfigMap>::all(client.clone()).list(&named).await?;
    let sets = ListParams::default().labels(&selector());
    let sets = Api::<ConfigMap>::namespaced(client.clone(), key_namespace).list(&sets).await?;
    let all = maps.items.iter().filter(|map| is_ours(map)).chain(&sets.items);
    Ok(all.flat_map(|map| map.data.iter().flat_map(|data| data.values())).filter(|text| is_of(text, public)).count())
}

fn is_of(text: &str, public: &[u8]) -> bool {
    let Ok(compact) = Compact::split(text) else { return false };
    let header = [Typ::KeySet, Typ::Config].into_iter().find_map(|typ| compact.header(typ).ok());
    header.and_then(|header| header.public_key).is_some_and(|found| found == public)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use eventing::{
        algorithm::Algorithm,
        keyset::KeySetDocument,
        signing::{PrivateKey, sign_keyset},
        time::Micros,
    };

    use super::*;

    #[test]
    fn a_document_is_of_the_root_that_its_header_carries() {
        let root = PrivateKey::generate(Algorithm::MlDsa44).unwrap();
        let bus = "platform/stock".parse().unwrap();
        let document = KeySetDocument { bus, version: 1, issued: 1, expires: 2, keys: Vec::new() };
        let text = sign_keyset(&root, &document, Micros(1)).unwrap();
        assert!(is_of(&text, &root.public_key()));
        assert!(!is_of(&text, &PrivateKey::generate(Algorithm::MlDsa44).unwrap().public_key()));
        assert!(!is_of("no document", &root.public_key()));
    }
}
