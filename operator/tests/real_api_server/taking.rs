//! Adoption, the consent that it needs from above, giving up, and marking anew after a restore.

use crds::{
    EventBus, EventRule, InboxQueue, SigningKey,
    conditions::{TERMINAL, reason},
    names::PAUSED,
};
use kube::api::{Patch, PatchParams};
use operator_core::{
    names::{BusName, InboxQueueName},
    ports::{NewBus, NewQueue, QueueAttributes},
    tags::{ADOPT, Tags},
};
use serde_json::json;

use crate::{
    events::described,
    lifecycle::{BUS, INBOX, KEY, RULE, all_ready},
    rig::{Case, eventually, rig},
};

/// A bus that somebody made by hand.
async fn bus_by_hand(case: &Case, tags: Tags) {
    let name = BusName::parse(case.named("bus")).unwrap();
    let new = NewBus { name, settings: described("by hand"), tags };
    rig().fake.aws().buses.create_bus(&new).await.unwrap();
}

/// A queue that somebody made by hand.
async fn queue_by_hand(case: &Case, tags: Tags) {
    let name = InboxQueueName::parse(case.named("ledger")).unwrap().queue();
    let attributes = QueueAttributes {
        visibility_timeout_seconds: 30,
        retention_seconds: 345_600,
        max_message_bytes: 262_144,
        delay_seconds: 0,
        content_based_deduplication: false,
        encryption: operator_core::ports::Encryption::SqsManaged,
        policy: None,
        redrive: None,
    };
    rig().fake.aws().queues.create(&NewQueue { name, attributes, tags }).await.unwrap();
}

fn tags_of(case: &Case, kind: &str, name: &str) -> Tags {
    rig().fake.things()[&format!("{kind} {}", case.named(name))].0.clone()
}

fn adopting(document: &str) -> String {
    document.replace("spec:\n", "spec:\n  adoptionPolicy: AdoptOrCreate\n")
}

fn red() -> Tags {
    Tags::from([("team".to_owned(), "red".to_owned())])
}

#[tokio::test]
async fn what_nobody_marked_is_refused_and_says_how_to_take_it() {
    let case = Case::new().await;
    bus_by_hand(&case, red()).await;
    case.apply(BUS).await;
    let found = case.until::<EventBus>("platform", "core", TERMINAL, "True", reason::NOT_OURS).await;
    assert!(found.message.contains("spec.adoptionPolicy: AdoptOrCreate"), "{}", found.message);
    assert_eq!(tags_of(&case, "bus", "bus"), red());
}

#[tokio::test]
async fn adopting_needs_consent_from_above() {
    let case = Case::new().await;
    bus_by_hand(&case, red()).await;
    case.apply(&adopting(BUS)).await;
    let found = case.until::<EventBus>("platform", "core", TERMINAL, "True", reason::NOT_GRANTED).await;
    assert!(found.message.contains("spec.adoptionPolicy") && found.message.contains("tenancy"), "{}", found.message);
    assert_eq!(tags_of(&case, "bus", "bus"), red());
}

#[tokio::test]
async fn an_inbox_names_by_hand_only_what_is_granted() {
    let topic = "arn:aws:sns:eu-central-1:000000000000:pager";
    for (more, field) in [
        ("encryption: {kmsKeyId: alias/$key}".to_owned(), "spec.encryption.kmsKeyId: "),
        (format!("alarms: {{enabled: true, actions: ['{topic}']}}"), "spec.alarms.actions[0]: "),
    ] {
        let case = Case::new().await;
        case.apply(&format!("{INBOX}  {more}\n")).await;
        let found = case.until::<InboxQueue>("books", "ledger", TERMINAL, "True", reason::NOT_GRANTED).await;
        let names_the_value = found.message.contains("chart value tenancy") && found.message.contains("arns: [");
        assert!(found.message.starts_with(field) && names_the_value, "{}", found.message);
        assert_eq!(case.things(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn with_consent_a_bus_and_a_queue_are_taken_by_name() {
    let case = Case::of("adopt").await;
    bus_by_hand(&case, red()).await;
    queue_by_hand(&case, red()).await;
    for document in [BUS, INBOX] {
        case.apply(&adopting(document)).await;
    }
    case.apply(RULE).await;
    all_ready(&case).await;
    for (kind, name) in [("bus", "bus"), ("queue", "ledger")] {
        let tags = tags_of(&case, kind, name);
        assert_eq!(tags.get("team").map(String::as_str), Some("red"), "{tags:?}");
        assert_eq!(tags.get("eventing.qsl.dev/cluster").map(String::as_str), Some("test-cluster"), "{tags:?}");
    }
    let told = case.until_told::<EventBus>("platform", "core", "Normal Adopted:").await;
    assert!(told.contains(&format!("bus {}", case.named("bus"))), "{told}");
    case.until_told::<InboxQueue>("books", "ledger", "Normal Adopted:").await;
}

#[tokio::test]
async fn with_the_lesser_consent_only_what_is_tagged_for_the_object_is_taken() {
    let case = Case::of("tagged").await;
    bus_by_hand(&case, red()).await;
    let invitation = format!("{}/ledger", case.namespace("books"));
    queue_by_hand(&case, Tags::from([(ADOPT.to_owned(), invitation)])).await;
    for document in [BUS, INBOX] {
        case.apply(&adopting(document)).await;
    }
    case.until_ready::<InboxQueue>("books", "ledger").await;
    assert!(!tags_of(&case, "queue", "ledger").contains_key(ADOPT));
    let found = case.until::<EventBus>("platform", "core", TERMINAL, "True", reason::NOT_OURS).await;
    let expected = format!("tag it {ADOPT}={}/core", case.namespace("platform"));
    assert!(found.message.contains(&expected), "{}", found.message);
    assert_eq!(tags_of(&case, "bus", "bus"), red());
}

#[tokio::test]
async fn what_is_retained_belongs_to_nobody_and_finds_its_way_back() {
    let case = Case::of("tagged").await;
    let retained = |document: &str| document.replace("spec:\n", "spec:\n  deletionPolicy: Retain\n");
    for document in [BUS, INBOX, RULE] {
        case.apply(&retained(document)).await;
    }
    all_ready(&case).await;
    case.delete::<EventRule>("platform", "coins-all").await;
    case.until_gone::<EventRule>("platform", "coins-all").await;
    case.delete::<InboxQueue>("books", "ledger").await;
    case.delete::<EventBus>("platform", "core").await;
    case.until_gone::<InboxQueue>("books", "ledger").await;
    case.until_gone::<EventBus>("platform", "core").await;
    assert_eq!(case.things(), Vec::<String>::new(), "nothing carries a mark");
    let things = rig().fake.things();
    let rule = format!("rule {}/coins-all", case.named("bus"));
    let kept = [format!("bus {}", case.named("bus")), format!("queue {}", case.named("ledger")), rule];
    for name in &kept {
        assert!(things[name].0.contains_key(ADOPT), "{name}");
    }
    // Its target is as it was. The inbox, which outlived the rule's object, let it in no longer: nobody vouches for it.
    assert!(things[&kept[2]].1.contains(&case.named("ledger")), "{:?}", things[&kept[2]]);
    assert!(things[&kept[1]].1.contains("QslSealed"), "{:?}", things[&kept[1]]);

    for document in [BUS, INBOX, RULE] {
        case.apply(&adopting(&retained(document))).await;
    }
    all_ready(&case).await;
}

#[tokio::test]
async fn an_object_that_comes_back_from_a_backup_keeps_what_it_made() {
    let case = Case::new().await;
    case.apply(BUS).await;
    case.until_ready::<EventBus>("platform", "core").await;
    // As a restore sees it: the object is gone without a trace in AWS, and comes under another uid.
    case.annotate::<EventBus>("platform", "core", PAUSED, "true").await;
    let api = case.api::<EventBus>("platform");
    let before = api.get("core").await.unwrap();
    let patch = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    api.patch("core", &PatchParams::default(), &patch).await.unwrap();
    case.delete::<EventBus>("platform", "core").await;
    case.until_gone::<EventBus>("platform", "core").await;
    case.apply(BUS).await;
    let told = case.until_told::<EventBus>("platform", "core", "Normal Restamped:").await;
    assert!(told.contains(&format!("(of uid {})", before.metadata.uid.unwrap())), "{told}");
    let after = api.get("core").await.unwrap();
    eventually("the new uid is on the bus", || async {
        let tags = tags_of(&case, "bus", "bus");
        if tags.get("eventing.qsl.dev/uid") == after.metadata.uid.as_ref() { Ok(()) } else { Err(format!("{tags:?}")) }
    })
    .await;
}

#[tokio::test]
async fn a_namespace_without_a_grant_may_name_and_sign_nothing() {
    let case = Case::of("outsider").await;
    for document in [BUS, KEY, INBOX] {
        case.apply(document).await;
    }
    let bus = case.until::<EventBus>("platform", "core", TERMINAL, "True", reason::NOT_GRANTED).await;
    let entry = format!("{{namespaces: [{}], namePrefixes: [{}]}}", case.namespace("platform"), case.named("bus"));
    assert!(bus.message.starts_with("spec.busName: ") && bus.message.ends_with(&entry), "{}", bus.message);
    let key = case.until::<SigningKey>("platform", "coins", TERMINAL, "True", reason::NOT_GRANTED).await;
    assert!(key.message.starts_with("spec.sources: "), "{}", key.message);
    let inbox = case.until::<InboxQueue>("books", "ledger", TERMINAL, "True", reason::NOT_GRANTED).await;
    assert!(inbox.message.starts_with("spec.queueName: "), "{}", inbox.message);
    assert_eq!(case.things(), Vec::<String>::new());
}
