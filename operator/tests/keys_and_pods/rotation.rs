//! What people ask of keys: rotations, another algorithm, revocations. Each phase is an Event.

use std::time::Duration;

use crds::{SigningKey, signing_key::KeyState};
use eventing::{algorithm::Algorithm, types::BusId};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use operator::keys::{
    Line, UnixSeconds,
    material::{generate, hash16},
    plan::NewKey,
    store::{KeyStore, Keys as _},
};
use serde_json::{Value, json};

use crate::rig::{Case, KEYS, UNJUDGED, apply, eventually};

async fn patch(case: &Case, name: &str, patch: &Value) {
    let api = case.api::<SigningKey>("platform");
    api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
}

/// The kids in that state, newest first.
async fn in_state(case: &Case, name: &str, state: KeyState) -> Vec<String> {
    let status = case.api::<SigningKey>("platform").get(name).await.unwrap().status.unwrap_or_default();
    status.keys.into_iter().filter(|key| key.state == state).map(|key| key.kid).collect()
}

#[tokio::test]
async fn a_requested_rotation_is_answered_in_the_status_and_each_phase_is_an_event() {
    let case = Case::new().await;
    case.bus_and_key().await;
    let old = case.active("coins").await;
    case.until_told("platform", "coins", "KeyActive", &old).await;
    patch(&case, "coins", &json!({"metadata": {"annotations": {"eventing.qsl.dev/rotate-requested-at": "today"}}}))
        .await;
    let status = eventually("the request is answered", || async {
        let status = case.api::<SigningKey>("platform").get("coins").await.unwrap().status.unwrap_or_default();
        if status.last_handled_rotate_at.as_deref() == Some("today") { Ok(status) } else { Err(status) }
    })
    .await;
    let new = status.active_kid.unwrap();
    assert_ne!(new, old);
    case.until_told("platform", "coins", "KeyActive", &new).await;
    case.until_told("platform", "coins", "KeyAccepted", &old).await;
    assert_eq!(case.told("platform", "coins", "KeyActive").await.len(), 2, "an Event for each key");
}

#[tokio::test]
async fn another_algorithm_is_a_rotation_whose_key_is_published_before_it_signs() {
    let case = Case::new().await;
    case.bus_and_key().await;
    let old = case.active("coins").await;
    patch(&case, "coins", &json!({"spec": {"algorithm": "Dilithium2"}})).await;
    let pending = eventually("the next key is published", || async {
        in_state(&case, "coins", KeyState::Pending).await.pop().ok_or("none yet")
    })
    .await;
    case.until_told("platform", "coins", "KeyPending", &pending).await;
    let status = case.api::<SigningKey>("platform").get("coins").await.unwrap().status.unwrap();
    assert_eq!(status.active_kid, Some(old));
    let next = status.keys.iter().find(|key| key.kid == pending).unwrap();
    assert_eq!(next.algorithm, crds::Algorithm::Dilithium2);
    assert_eq!(status.next_rotation_time.as_ref(), Some(&next.not_before));
    let ahead = next.not_before.0.duration_since(k8s_openapi::jiff::Timestamp::now()).as_hours();
    assert!((23..=24).contains(&ahead), "publishBefore is a day: {ahead} h");
}

#[tokio::test]
async fn any_signing_key_of_the_bus_revokes_its_grant_key_and_another_is_made_at_once() {
    let case = Case::new().await;
    case.bus_and_key().await;
    let bus = format!("{}/core", case.namespace("platform"));
    let selector = format!("eventing.qsl.dev/bus-hash={},eventing.qsl.dev/use=grant", hash16(&bus));
    let grants = || async {
        let found = case.secrets(KEYS).list(&ListParams::default().labels(&selector)).await.unwrap().items;
        let mut keys: Vec<_> = found
            .into_iter()
            .map(|secret| {
                let notes = secret.metadata.annotations.unwrap();
                let private = secret.data.unwrap().contains_key("private");
                (notes["eventing.qsl.dev/kid"].clone(), notes["eventing.qsl.dev/state"].clone(), private)
            })
            .collect();
        keys.sort_by_key(|(_, state, _)| state.clone());
        keys
    };
    let old = eventually("the bus has a grant key", || async { grants().await.pop().ok_or("none") }).await.0;
    patch(&case, "coins", &json!({"spec": {"revokedKids": [old]}})).await;
    let new = eventually("the grant key has a successor", || async {
        match grants().await.as_slice() {
            [(new, active, true), (kid, revoked, false)] if *kid == old => {
                assert_eq!((active.as_str(), revoked.as_str()), ("Active", "Revoked"));
                Ok(new.clone())
            }
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    case.until_told("platform", "core", "KeyRevoked", &old).await;
    case.until_told("platform", "core", "KeyActive", &new).await;
    assert_eq!(case.told("platform", "coins", "UnknownKid").await, Vec::<String>::new(), "the bus has that kid");
}

#[tokio::test]
async fn a_kid_that_the_bus_does_not_have_is_warned_of() {
    let case = Case::new().await;
    case.bus_and_key().await;
    case.active("coins").await;
    patch(&case, "coins", &json!({"spec": {"revokedKids": ["coins-misspelt"]}})).await;
    case.until_told("platform", "coins", "UnknownKid", "'coins-misspelt'").await;
    case.active("coins").await;
}

#[tokio::test]
async fn of_two_keys_for_one_source_that_no_webhook_saw_the_older_signs_and_the_younger_waits_for_it() {
    let case = Case::new().await;
    case.bus_and_key().await;
    // Object times are whole seconds.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let metadata = json!({"name": "a-late", "namespace": case.namespace("platform"), "labels": {UNJUDGED: "true"}});
    let spec = json!({"busRef": {"name": "core"}, "algorithm": "ML-DSA-44", "sources": ["qsl.note", "qsl.coin"]});
    let late =
        json!({"apiVersion": "eventing.qsl.dev/v1alpha1", "kind": "SigningKey", "metadata": metadata, "spec": spec});
    apply(&case.client, &late).await.unwrap();
    let api = case.api::<SigningKey>("platform");
    let said = eventually("the younger is refused", || async {
        let status = api.get("a-late").await.unwrap().status.unwrap_or_default();
        let terminal = crds::conditions::get(&status.conditions, crds::conditions::TERMINAL).cloned();
        terminal.map(|condition| condition.message).ok_or(status)
    })
    .await;
    assert!(said.contains("SigningKey coins") && said.contains("'qsl.coin'"), "{said}");
    assert_eq!(api.get("a-late").await.unwrap().status.unwrap().keys, []);
    case.active("coins").await;
    // The older goes; the younger is woken and takes over.
    api.delete("coins", &DeleteParams::default()).await.unwrap();
    let kid = case.active("a-late").await;
    assert!(kid.starts_with("a-late-"), "{kid}");
}

#[tokio::test]
async fn a_key_whose_bus_withdraws_the_source_gets_no_successor_and_can_still_be_revoked() {
    let case = Case::new().await;
    case.bus_and_key().await;
    let kid = case.active("coins").await;
    let account = json!({"name": "clerk", "namespace": case.namespace("shop")});
    let publishers = json!([{"serviceAccountRef": account, "sources": ["qsl.note"]}]);
    let bus = json!({"busName": case.namespace("bus"), "publishers": publishers});
    case.apply("EventBus", "platform", "core", &bus).await.unwrap();
    let api = case.api::<SigningKey>("platform");
    eventually("the key cannot work any more", || async {
        let status = api.get("coins").await.unwrap().status.unwrap_or_default();
        let terminal = crds::conditions::get(&status.conditions, crds::conditions::TERMINAL).cloned();
        terminal.filter(|condition| condition.message.contains("'qsl.coin'")).ok_or(status)
    })
    .await;
    patch(&case, "coins", &json!({"spec": {"revokedKids": [kid]}})).await;
    let name = format!("skey-{}-1", hash16(&format!("{}/coins", case.namespace("platform"))));
    eventually("the private part is destroyed", || async {
        let secret = case.secrets(KEYS).get(&name).await.unwrap();
        if secret.data.unwrap().contains_key("private") { Err("there") } else { Ok(()) }
    })
    .await;
    let second = format!("{}2", name.trim_end_matches('1'));
    assert!(case.secrets(KEYS).get_opt(&second).await.unwrap().is_none());
}

#[tokio::test]
async fn the_oldest_retired_leave_a_full_set_each_with_an_event() {
    let case = Case::new().await;
    case.bus_and_key().await;
    let kid = case.active("coins").await;
    // What a SigningKey left that was deleted yesterday: with the bus's own two keys, two more than a set has room for.
    let bus = BusId::new(&case.namespace("platform"), "core").unwrap();
    let line = Line::Signing { bus, name: "gone".to_owned() };
    let store = KeyStore::new(case.client.clone(), KEYS);
    let (now, hours) = (UnixSeconds::now(), |hours: u64| Duration::from_hours(hours));
    let mut kids = Vec::new();
    for number in 1..=64_u32 {
        let material = generate("gone", Algorithm::MlDsa44).unwrap();
        let nbf = now.minus(hours(200 - u64::from(number)));
        let (sources, exp) = (["qsl.note".to_owned()].into(), now.minus(hours(24)));
        let (algorithm, state, rotate_request) = (Algorithm::MlDsa44, KeyState::Retired, None);
        let new = NewKey { number, algorithm, sources, nbf, exp, state, rotate_request };
        store.create(&line, &new, &material).await.unwrap();
        kids.push(material.kid.as_str().to_owned());
    }
    for gone in &kids[..2] {
        case.until_told("platform", "core", "KeySetFull", gone).await;
    }
    let left: Vec<_> = store.list(line.bus()).await.unwrap().into_iter().map(|record| record.key.kid).collect();
    assert_eq!(left.len(), 64);
    assert!(left.contains(&kid) && !left.contains(&kids[0]) && !left.contains(&kids[1]) && left.contains(&kids[2]));
    assert_eq!(case.told("platform", "core", "KeySetFull").await.len(), 2);
}
