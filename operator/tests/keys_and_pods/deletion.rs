//! A SigningKey goes only when nothing is on its way that it may have signed.

use crds::{InboxQueue, SigningKey, conditions};
use kube::api::{DeleteParams, Patch, PatchParams};
use operator::keys::material::hash16;
use operator_core::{
    owner::{Kind, Owner},
    ports::{Counts, NewQueue, QueueAttributes},
    tags::{self, Tags},
};
use serde_json::json;

use crate::rig::{Case, KEYS, aws, eventually, place};

/// An inbox that the bus feeds, whose queue (made as the inbox's controller makes it) holds messages.
async fn fed_inbox(case: &Case, counts: Counts) -> operator_core::names::QueueName {
    let (platform, books) = (case.namespace("platform"), case.namespace("books"));
    let consent = json!({"from": "Selector", "selector": {"matchLabels": {"kubernetes.io/metadata.name": platform}}});
    let spec =
        json!({"queueName": case.namespace("held"), "serviceAccounts": ["ledger"], "allowedNamespaces": consent});
    case.apply("InboxQueue", "books", "ledger", &spec).await.unwrap();
    let target = json!({"inboxRef": {"name": "ledger", "namespace": books}});
    let rule = json!({"busRef": {"name": "core"}, "eventPattern": {"source": ["qsl.coin"]}, "targets": [target]});
    case.apply("EventRule", "platform", "coins-all", &rule).await.unwrap();

    let inbox = case.api::<InboxQueue>("books").get("ledger").await.unwrap();
    let owner = Owner {
        kind: Kind::InboxQueue,
        namespace: books,
        name: "ledger".to_owned(),
        uid: inbox.metadata.uid.unwrap_or_default(),
    };
    let name = operator_core::names::InboxQueueName::parse(case.namespace("held")).unwrap().queue();
    let attributes = QueueAttributes {
        visibility_timeout_seconds: 30,
        retention_seconds: 600,
        max_message_bytes: 1024,
        delay_seconds: 0,
        content_based_deduplication: false,
        encryption: operator_core::ports::Encryption::SqsManaged,
        policy: None,
        redrive: None,
    };
    let tags = tags::wanted(&place(), &owner, &Tags::new());
    aws().aws().queues.create(&NewQueue { name: name.clone(), attributes, tags }).await.unwrap();
    aws().set_counts(&name, counts);
    // The entry lists the bus once the operator has seen inbox and rule.
    let maps = case.maps(&case.namespace("books"));
    let key = format!("keyset_{platform}_core");
    eventually("the bus feeds the inbox", || async {
        let data = maps.get("qsl-eventing").await.map_err(|error| error.to_string())?.data.unwrap_or_default();
        if data.contains_key(&key) { Ok(()) } else { Err(format!("{:?}", data.keys())) }
    })
    .await;
    name
}

async fn blocked(case: &Case) -> String {
    let api = case.api::<SigningKey>("platform");
    eventually("the deletion is blocked", || async {
        let status = api.get("coins").await.unwrap().status.unwrap_or_default();
        let condition = conditions::get(&status.conditions, conditions::DELETION_BLOCKED).cloned();
        condition.filter(|condition| condition.status == "True").map(|condition| condition.message).ok_or(status)
    })
    .await
}

async fn until_gone(case: &Case) {
    let api = case.api::<SigningKey>("platform");
    eventually("the object is gone", || async {
        if api.get_opt("coins").await.unwrap().is_none() { Ok(()) } else { Err("there") }
    })
    .await;
}

async fn has_private(case: &Case) -> bool {
    let name = format!("skey-{}-1", hash16(&format!("{}/coins", case.namespace("platform"))));
    case.secrets(KEYS).get(&name).await.unwrap().data.unwrap().contains_key("private")
}

#[tokio::test]
async fn a_key_whose_bus_feeds_an_inbox_with_messages_stays_and_names_inbox_and_counts_until_forced() {
    let case = Case::new().await;
    case.bus_and_key().await;
    fed_inbox(&case, Counts { visible: 7, in_flight: 2, delayed: 0 }).await;
    let api = case.api::<SigningKey>("platform");
    api.delete("coins", &DeleteParams::default()).await.unwrap();
    let said = blocked(&case).await;
    let inbox = format!("InboxQueue {}/ledger", case.namespace("books"));
    assert!(said.contains(&inbox) && said.contains("7 waiting, 2 in flight"), "{said}");
    assert!(said.contains("eventing.qsl.dev/force-delete=true"), "{said}");
    case.until_told("platform", "coins", "Deleting", &inbox).await;
    assert!(has_private(&case).await, "it may still sign");

    let patch = json!({"metadata": {"annotations": {"eventing.qsl.dev/force-delete": "true"}}});
    api.patch("coins", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    until_gone(&case).await;
    assert!(!has_private(&case).await);
}

#[tokio::test]
async fn a_key_whose_bus_feeds_empty_inboxes_goes() {
    let case = Case::new().await;
    case.bus_and_key().await;
    fed_inbox(&case, Counts::default()).await;
    case.api::<SigningKey>("platform").delete("coins", &DeleteParams::default()).await.unwrap();
    until_gone(&case).await;
    assert!(!has_private(&case).await);
}

#[tokio::test]
async fn a_retained_key_goes_at_once_and_its_private_part_stays_for_who_adopts_it() {
    let case = Case::new().await;
    case.bus_and_key().await;
    let kid = case.active("coins").await;
    fed_inbox(&case, Counts { visible: 1, in_flight: 0, delayed: 0 }).await;
    let api = case.api::<SigningKey>("platform");
    let retain = json!({"spec": {"deletionPolicy": "Retain"}});
    api.patch("coins", &PatchParams::default(), &Patch::Merge(&retain)).await.unwrap();
    api.delete("coins", &DeleteParams::default()).await.unwrap();
    until_gone(&case).await;
    assert!(has_private(&case).await);

    // Who does not ask for them gets a key of its own, and leaves them be.
    case.key("coins", &["qsl.coin"]).await.unwrap();
    let own = case.active("coins").await;
    assert_ne!(own, kid);
    assert!(has_private(&case).await);
    let adopt = json!({"spec": {"adoptionPolicy": "AdoptOrCreate"}});
    api.patch("coins", &PatchParams::default(), &Patch::Merge(&adopt)).await.unwrap();
    eventually("the key left behind may sign again", || async {
        let status = api.get("coins").await.unwrap().status.unwrap_or_default();
        let state = status.keys.iter().find(|key| key.kid == kid).map(|key| key.state);
        if state == Some(crds::signing_key::KeyState::Accepted) { Ok(()) } else { Err(status.keys) }
    })
    .await;
    assert_eq!(case.active("coins").await, own, "the newest signs");
}
