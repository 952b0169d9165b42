//! `managementPolicy: Observe`: what is there is reported, what differs is said, and nothing is written or deleted.

use crds::{
    EventBus, EventRule, InboxQueue,
    conditions::{READY, SYNCED, TERMINAL, reason},
};
use kube::ResourceExt;
use operator_core::{
    names::{BusName, InboxQueueName},
    ports::{NewBus, QueueChange},
    tags::Tags,
};

use crate::{
    events::described,
    lifecycle::{BUS, INBOX, RULE, all_ready},
    rig::{Case, eventually, rig, thing},
};

fn observing(document: &str) -> String {
    document.replace("spec:\n", "spec:\n  managementPolicy: Observe\n")
}

#[tokio::test]
async fn who_observes_says_what_is_not_there_and_makes_nothing() {
    let case = Case::new().await;
    case.apply(&observing(BUS)).await;
    case.apply(&INBOX.replace("spec:\n", "spec:\n  managementPolicy: Observe\n")).await;
    let bus = case.until::<EventBus>("platform", "core", SYNCED, "False", reason::DIFFERS).await;
    assert!(bus.message.starts_with(&format!("bus {} is not there", case.named("bus"))), "{}", bus.message);
    let inbox = case.until::<InboxQueue>("books", "ledger", READY, "False", reason::DIFFERS).await;
    assert!(inbox.message.contains(&format!("queue {}-dlq is not there", case.named("ledger"))), "{}", inbox.message);
    assert_eq!(case.things(), Vec::<String>::new());
    let object = case.api::<EventBus>("platform").get("core").await.unwrap();
    assert!(object.finalizers().is_empty(), "{:?}", object.finalizers());
    case.delete::<EventBus>("platform", "core").await;
    case.until_gone::<EventBus>("platform", "core").await;
}

#[tokio::test]
async fn who_changes_to_observing_leaves_everything_and_repairs_nothing() {
    let case = Case::new().await;
    for document in [BUS, INBOX, RULE] {
        case.apply(document).await;
    }
    all_ready(&case).await;
    for document in [BUS, INBOX, RULE] {
        case.apply(&observing(document)).await;
    }
    case.until::<EventBus>("platform", "core", SYNCED, "True", reason::OBSERVED).await;
    case.until::<EventRule>("platform", "coins-all", SYNCED, "True", reason::OBSERVED).await;
    case.until::<InboxQueue>("books", "ledger", SYNCED, "True", reason::OBSERVED).await;
    let status = case.api::<InboxQueue>("books").get("ledger").await.unwrap().status.unwrap();
    assert!(status.queue_arn.is_some_and(|arn| arn.ends_with(&case.named("ledger"))));
    assert_eq!(status.allowed_rules.len(), 1);

    let aws = rig().fake.aws();
    let queue = InboxQueueName::parse(case.named("ledger")).unwrap().queue();
    let url = aws.queues.url(&queue).await.unwrap().unwrap();
    let change = QueueChange { retention_seconds: Some(600), ..QueueChange::default() };
    aws.queues.change(&url, &change).await.unwrap();
    let before = case.things();
    case.annotate::<InboxQueue>("books", "ledger", crds::names::RECONCILE_REQUESTED_AT, "now").await;
    let found = case.until::<InboxQueue>("books", "ledger", SYNCED, "False", reason::DIFFERS).await;
    assert_eq!(found.message, format!("queue {}: retention is 600, not 604800", case.named("ledger")));

    case.delete::<EventRule>("platform", "coins-all").await;
    case.delete::<InboxQueue>("books", "ledger").await;
    case.delete::<EventBus>("platform", "core").await;
    case.until_gone::<EventRule>("platform", "coins-all").await;
    case.until_gone::<InboxQueue>("books", "ledger").await;
    case.until_gone::<EventBus>("platform", "core").await;
    assert_eq!(case.things(), before);
    assert!(thing(&format!("queue {}", case.named("ledger"))).contains("600"));
}

#[tokio::test]
async fn who_observes_sees_what_somebody_else_made() {
    let case = Case::new().await;
    let name = BusName::parse(case.named("bus")).unwrap();
    let tags = Tags::from([("team".to_owned(), "red".to_owned())]);
    let new = NewBus { name: name.clone(), settings: described(""), tags: tags.clone() };
    rig().fake.aws().buses.create_bus(&new).await.unwrap();
    case.apply(&observing("kind: EventBus\nmetadata: {name: core, namespace: $platform}\nspec:\n  busName: $bus\n"))
        .await;
    let found = case.until::<EventBus>("platform", "core", SYNCED, "False", reason::DIFFERS).await;
    assert!(found.message.contains("tags[eventing.qsl.dev/cluster] is unset, not test-cluster"), "{}", found.message);
    eventually("the ARN is reported", || async {
        let object = case.api::<EventBus>("platform").get("core").await.unwrap();
        let arn = object.status.and_then(|status| status.bus_arn).unwrap_or_default();
        if arn.ends_with(name.as_str()) { Ok(()) } else { Err(arn) }
    })
    .await;
    let found = rig().fake.things();
    assert_eq!(found[&format!("bus {name}")].0, tags);
}

#[tokio::test]
async fn a_rule_is_put_on_its_event_bus_s_own_bus_alone() {
    let case = Case::new().await;
    let name = BusName::parse(case.named("bus")).unwrap();
    let tags = Tags::from([("team".to_owned(), "red".to_owned())]);
    let new = NewBus { name: name.clone(), settings: described(""), tags };
    rig().fake.aws().buses.create_bus(&new).await.unwrap();
    for document in [&observing(BUS), INBOX, RULE] {
        case.apply(document).await;
    }
    let refused = case.until::<EventRule>("platform", "coins-all", TERMINAL, "True", reason::NOT_OURS).await;
    let expected = format!("spec.busRef: bus {name} belongs to somebody else");
    assert!(refused.message.starts_with(&expected), "{}", refused.message);
    assert!(refused.message.contains(&format!("EventBus {}/core", case.namespace("platform"))), "{}", refused.message);
    let rules = rig().fake.things().into_keys().filter(|thing| thing.starts_with(&format!("rule {name}/")));
    assert_eq!(rules.count(), 0);
}
