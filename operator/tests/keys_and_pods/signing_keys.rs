//! From a SigningKey to a signed key set.

use crds::{DeletionPolicy, SigningKey, conditions};
use eventing::{
    keyset::{KeySet, KeyState, KeyUse, open_keyset},
    time::Millis,
    types::{BusId, Kid},
};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use operator::{keys::material::hash16, publication::run::set_name};
use serde_json::json;

use crate::rig::{Case, KEYS, eventually};

fn bus(case: &Case) -> BusId {
    BusId::new(&case.namespace("platform"), "core").unwrap()
}

/// The bus's set as it stands, opened as a verifier does.
async fn set(case: &Case) -> Result<KeySet, String> {
    let map = case.maps(KEYS).get(&set_name(&bus(case))).await.map_err(|error| error.to_string())?;
    let text = &map.data.unwrap_or_default()["keyset"];
    open_keyset(text, &case.roots().await, &bus(case), Millis::now(), None).map_err(|error| error.to_string())
}

async fn until_listed(case: &Case, kid: &str, state: KeyState) -> KeySet {
    let kid = Kid::parse(kid).unwrap();
    eventually("the set lists the key so", || async {
        let set = set(case).await?;
        let found = set.get(&kid).map(eventing::keyset::Key::state);
        if found == Some(state) { Ok(set) } else { Err(format!("{found:?}")) }
    })
    .await
}

fn secret_name(case: &Case, key: &str, number: u32) -> String {
    format!("skey-{}-{number}", hash16(&format!("{}/{key}", case.namespace("platform"))))
}

#[tokio::test]
async fn a_key_is_made_kept_in_a_secret_and_published_in_a_signed_set() {
    let case = Case::new().await;
    case.bus_and_key().await;
    let kid = case.active("coins").await;
    assert!(kid.starts_with("coins-"), "{kid}");
    let secret = case.secrets(KEYS).get(&secret_name(&case, "coins", 1)).await.unwrap();
    assert_eq!(secret.data.unwrap().keys().collect::<Vec<_>>(), ["private", "public"]);

    let set = until_listed(&case, &kid, KeyState::Active).await;
    let key = set.get(&Kid::parse(&kid).unwrap()).unwrap();
    assert!(key.covers(&"qsl.coin".parse().unwrap()) && !key.covers(&"qsl.note".parse().unwrap()));

    let grant = ListParams::default()
        .labels(&format!("eventing.qsl.dev/bus-hash={},eventing.qsl.dev/use=grant", hash16(&bus(&case).to_string())));
    let grants = eventually("the bus has a grant key", || async {
        let found = case.secrets(KEYS).list(&grant).await.unwrap().items;
        if found.is_empty() { Err("none") } else { Ok(found) }
    })
    .await;
    assert_eq!(grants.len(), 1);
    let kid = &grants[0].metadata.annotations.as_ref().unwrap()["eventing.qsl.dev/kid"];
    let set = until_listed(&case, kid, KeyState::Active).await;
    assert_eq!(set.get(&Kid::parse(kid).unwrap()).unwrap().key_use(), KeyUse::Grant);
}

#[tokio::test]
async fn a_revoked_key_is_said_to_be_and_another_signs() {
    let case = Case::new().await;
    case.bus_and_key().await;
    let old = case.active("coins").await;
    until_listed(&case, &old, KeyState::Active).await;
    let patch = Patch::Merge(json!({"spec": {"revokedKids": [old]}}));
    let api = case.api::<SigningKey>("platform");
    api.patch("coins", &PatchParams::default(), &patch).await.unwrap();
    until_listed(&case, &old, KeyState::Revoked).await;
    let new = eventually("another key signs", || async {
        let status = api.get("coins").await.unwrap().status.unwrap();
        status.active_kid.clone().filter(|kid| *kid != old).ok_or(status)
    })
    .await;
    until_listed(&case, &new, KeyState::Active).await;
    let secret = case.secrets(KEYS).get(&secret_name(&case, "coins", 1)).await.unwrap();
    assert!(!secret.data.unwrap().contains_key("private"));
}

#[tokio::test]
async fn asking_for_a_rotation_makes_one_key() {
    let case = Case::new().await;
    case.bus_and_key().await;
    let old = case.active("coins").await;
    let api = case.api::<SigningKey>("platform");
    let patch = Patch::Merge(json!({"metadata": {"annotations": {"eventing.qsl.dev/rotate-requested-at": "now"}}}));
    api.patch("coins", &PatchParams::default(), &patch).await.unwrap();
    let new = eventually("another key signs", || async {
        let status = api.get("coins").await.unwrap().status.unwrap();
        status.active_kid.clone().filter(|kid| *kid != old).ok_or(status)
    })
    .await;
    until_listed(&case, &new, KeyState::Active).await;
    until_listed(&case, &old, KeyState::Accepted).await;
    assert_eq!(api.get("coins").await.unwrap().status.unwrap().keys.len(), 2);
}

#[tokio::test]
async fn a_deleted_key_s_private_part_is_destroyed_and_its_public_one_stays() {
    let case = Case::new().await;
    case.bus_and_key().await;
    let kid = case.active("coins").await;
    until_listed(&case, &kid, KeyState::Active).await;
    let api = case.api::<SigningKey>("platform");
    assert_eq!(api.get("coins").await.unwrap().spec.deletion_policy, DeletionPolicy::Delete);
    api.delete("coins", &DeleteParams::default()).await.unwrap();
    until_listed(&case, &kid, KeyState::Retired).await;
    let secret = case.secrets(KEYS).get(&secret_name(&case, "coins", 1)).await.unwrap();
    assert_eq!(secret.data.unwrap().keys().collect::<Vec<_>>(), ["public"]);
    eventually("the object is gone", || async {
        if api.get_opt("coins").await.unwrap().is_none() { Ok(()) } else { Err("there") }
    })
    .await;
}

#[tokio::test]
async fn a_key_waits_for_its_bus() {
    let case = Case::new().await;
    case.key("coins", &["qsl.coin"]).await.unwrap();
    let api = case.api::<SigningKey>("platform");
    eventually("it says that it waits", || async {
        let status = api.get("coins").await.unwrap().status.unwrap_or_default();
        let condition = conditions::get(&status.conditions, conditions::REFERENCES_RESOLVED).cloned();
        condition.filter(|condition| condition.reason == conditions::reason::REF_NOT_FOUND).ok_or(status)
    })
    .await;
    case.bus_and_key().await;
}

#[tokio::test]
async fn a_source_that_no_publisher_has_is_terminal() {
    let case = Case::new().await;
    case.bus_and_key().await;
    case.key("stray", &["qsl.stray"]).await.unwrap();
    let api = case.api::<SigningKey>("platform");
    let condition = eventually("it is terminal", || async {
        let status = api.get("stray").await.unwrap().status.unwrap_or_default();
        conditions::get(&status.conditions, conditions::TERMINAL).cloned().ok_or(status)
    })
    .await;
    assert!(condition.message.contains("qsl.stray"), "{}", condition.message);
}
