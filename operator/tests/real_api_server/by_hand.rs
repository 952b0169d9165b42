//! What somebody changes by hand in AWS is put right and told as drift, with what differed; an edit is told as an edit.

use crds::{EventBus, EventRule, Eventing, InboxQueue, names::RECONCILE_REQUESTED_AT};
use operator_core::{
    names::{BusName, InboxQueueName, RuleName},
    ports::QueueChange,
};
use std::collections::BTreeSet;

use crate::{
    events::described,
    lifecycle::{BUS, INBOX, RULE, all_ready},
    rig::{Case, eventually, rig, thing},
};

async fn ready() -> Case {
    let case = Case::new().await;
    for document in [BUS, INBOX, RULE] {
        case.apply(document).await;
    }
    all_ready(&case).await;
    case
}

/// Has the object looked at, as the next resync would.
async fn look<K: Eventing>(case: &Case, short: &str, name: &str) {
    case.annotate::<K>(short, name, RECONCILE_REQUESTED_AT, "now").await;
}

#[tokio::test]
async fn a_bus_that_was_changed_by_hand_is_put_right_and_told() {
    let case = ready().await;
    let name = BusName::parse(case.named("bus")).unwrap();
    rig().fake.aws().buses.change_bus(&name, &described("mine now")).await.unwrap();
    look::<EventBus>(&case, "platform", "core").await;
    let told = case.until_told::<EventBus>("platform", "core", "Warning DriftRepaired:").await;
    assert!(told.ends_with(&format!("bus {name}: description is mine now, not empty")), "{told}");
    assert!(!thing(&format!("bus {name}")).contains("mine now"));
}

#[tokio::test]
async fn a_rule_whose_target_was_taken_by_hand_gets_it_back_and_it_is_told() {
    let case = ready().await;
    let bus = BusName::parse(case.named("bus")).unwrap();
    let part = RuleName::parse("coins-all").unwrap().part(1);
    let aws = rig().fake.aws();
    let ids: BTreeSet<String> = aws.buses.targets(&bus, &part).await.unwrap().into_iter().map(|t| t.id).collect();
    aws.buses.remove_targets(&bus, &part, &ids).await.unwrap();
    look::<EventRule>(&case, "platform", "coins-all").await;
    let told = case.until_told::<EventRule>("platform", "coins-all", "Warning DriftRepaired:").await;
    assert!(told.contains("target arn:aws:sqs") && told.ends_with("is not there"), "{told}");
    assert_eq!(aws.buses.targets(&bus, &part).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_inbox_that_was_changed_by_hand_is_put_right_and_told() {
    let case = ready().await;
    let aws = rig().fake.aws();
    let queue = InboxQueueName::parse(case.named("ledger")).unwrap().queue();
    let url = aws.queues.url(&queue).await.unwrap().unwrap();
    let change = QueueChange { visibility_timeout_seconds: Some(7), policy: Some(None), ..QueueChange::default() };
    aws.queues.change(&url, &change).await.unwrap();
    look::<InboxQueue>(&case, "books", "ledger").await;
    let told = case.until_told::<InboxQueue>("books", "ledger", "Warning DriftRepaired:").await;
    assert!(told.contains(&format!("queue {queue}: visibility timeout is 7, not 60")), "{told}");
    assert!(told.contains(&format!("queue {queue}: policy says something else")), "{told}");
    assert!(thing(&format!("queue {queue}")).contains("coins-all"));
}

#[tokio::test]
async fn what_follows_an_edit_or_a_reference_is_not_drift() {
    let case = ready().await;
    case.apply(&INBOX.replace("queueName: $ledger", "queueName: $ledger\n  visibilityTimeoutSeconds: 90")).await;
    eventually("the edit is in AWS", || async {
        let queue = thing(&format!("queue {}", case.named("ledger")));
        if queue.contains("90") { Ok(()) } else { Err(queue) }
    })
    .await;
    // The rule goes, and with it its place in the inbox's policy.
    case.delete::<EventRule>("platform", "coins-all").await;
    case.until_gone::<EventRule>("platform", "coins-all").await;
    eventually("the policy has let the rule go", || async {
        let queue = thing(&format!("queue {}", case.named("ledger")));
        if queue.contains("coins-all") { Err(queue) } else { Ok(()) }
    })
    .await;
    let told = case.events::<InboxQueue>("books", "ledger").await;
    assert!(told.iter().any(|event| event.starts_with("Normal Applied:")), "{told:?}");
    assert!(!told.iter().any(|event| event.contains("DriftRepaired")), "{told:?}");
}
