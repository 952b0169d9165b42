//! What an inbox's status tells of its messages and of its consumers.

use std::collections::BTreeMap;

use crds::{
    InboxQueue,
    conditions::{REPLAY_PROTECTED, reason},
};
use kube::ResourceExt;
use operator_core::{
    names::QueueName,
    ports::{Counts, Metric},
};

use crate::{
    lifecycle::INBOX,
    rig::{Case, eventually, rig},
};

fn hold(case: &Case, queue: &str, visible: u64, in_flight: u64) {
    let counts = Counts { visible, in_flight, ..Counts::default() };
    rig().fake.set_counts(&QueueName::parse(case.named(queue)).unwrap(), counts);
}

/// Asks for a look, and waits until it was taken.
pub async fn look(case: &Case, value: &str) -> InboxQueue {
    case.annotate::<InboxQueue>("books", "ledger", crds::names::RECONCILE_REQUESTED_AT, value).await;
    eventually("the look was taken", || async {
        let inbox = case.api::<InboxQueue>("books").get("ledger").await.unwrap();
        let handled = inbox.status.as_ref().and_then(|status| status.last_handled_reconcile_at.clone());
        if handled.as_deref() == Some(value) { Ok(inbox) } else { Err(format!("{handled:?}")) }
    })
    .await
}

#[tokio::test]
async fn counts_are_shown_at_most_once_a_minute_and_an_idle_queue_writes_nothing() {
    let case = Case::new().await;
    case.apply(INBOX).await;
    case.until_ready::<InboxQueue>("books", "ledger").await;
    let first = look(&case, "one").await.status.unwrap();
    assert_eq!((first.depth, first.in_flight, first.dead_letters), (Some(0), Some(0), Some(0)));

    // Within the minute the figures stay, whatever the queue holds.
    hold(&case, "ledger", 7, 2);
    hold(&case, "ledger-dlq", 3, 0);
    let soon = look(&case, "two").await.status.unwrap();
    assert_eq!((soon.depth, &soon.counted_at), (Some(0), &first.counted_at));

    // The same object, as if its counts had been written two minutes ago.
    let api = case.api::<InboxQueue>("books");
    let long_ago = k8s_openapi::jiff::Timestamp::now().as_second() - 120;
    let long_ago = k8s_openapi::jiff::Timestamp::from_second(long_ago).unwrap();
    let patch = serde_json::json!({"status": {"countedAt": long_ago.to_string()}});
    let parameters = kube::api::PatchParams::default();
    api.patch_status("ledger", &parameters, &kube::api::Patch::Merge(patch)).await.unwrap();
    let shown = look(&case, "three").await.status.unwrap();
    assert_eq!((shown.depth, shown.in_flight, shown.dead_letters), (Some(7), Some(2), Some(3)));

    // Nothing changes any more, and so nothing but the answer to the request is written.
    let before = look(&case, "four").await;
    case.annotate::<InboxQueue>("books", "ledger", "team", "books").await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let after = api.get("ledger").await.unwrap();
    assert_eq!(before.status, after.status);
    let by_operator = |inbox: &InboxQueue| {
        inbox
            .managed_fields()
            .iter()
            .filter(|by| by.manager.as_deref() == Some("qsl-operator"))
            .map(|by| by.time.clone())
            .max()
    };
    assert_eq!(by_operator(&before), by_operator(&after));
}

#[tokio::test]
async fn the_oldest_message_s_age_is_shown_where_there_are_alarms() {
    let case = Case::new().await;
    let age = Metric {
        namespace: "AWS/SQS".to_owned(),
        name: "ApproximateAgeOfOldestMessage".to_owned(),
        dimensions: BTreeMap::from([("QueueName".to_owned(), case.named("ledger"))]),
    };
    rig().fake.add_value(&age, 41.2);
    case.apply(INBOX).await;
    case.until_ready::<InboxQueue>("books", "ledger").await;
    let status = look(&case, "one").await.status.unwrap();
    assert_eq!(status.oldest_message_age_seconds, None, "CloudWatch is asked only where alarms are paid for");

    let watched = Case::new().await;
    let dimensions = BTreeMap::from([("QueueName".to_owned(), watched.named("ledger"))]);
    rig().fake.add_value(&Metric { dimensions, ..age }, 41.2);
    watched.apply(&format!("{INBOX}  alarms: {{enabled: true}}\n")).await;
    watched.until_ready::<InboxQueue>("books", "ledger").await;
    let status = look(&watched, "one").await.status.unwrap();
    assert_eq!(status.oldest_message_age_seconds, Some(42));
}

#[tokio::test]
async fn memory_of_one_replica_is_no_protection_and_the_status_says_so() {
    let case = Case::new().await;
    case.apply(&format!("{INBOX}  deduplication: {{store: Journal}}")).await;
    case.until::<InboxQueue>("books", "ledger", REPLAY_PROTECTED, "True", reason::SHARED_STORE).await;
    case.apply(INBOX).await;
    let found =
        case.until::<InboxQueue>("books", "ledger", REPLAY_PROTECTED, "False", reason::MEMORY_OF_ONE_REPLICA).await;
    assert!(found.message.contains("deduplication.store is Memory"), "{}", found.message);
    case.until_ready::<InboxQueue>("books", "ledger").await;
}
