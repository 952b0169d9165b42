//! How an inbox's queues stand in AWS: FIFO, encryption, retention, the redrive role, alarms, room in the policies.

use crds::{
    EventBus, EventRule, InboxQueue,
    conditions::{self, POLICY_FULL, READY, TERMINAL, reason},
    names::{ALLOW_EXPIRY, RECONCILE_REQUESTED_AT},
};
use operator_core::{
    policy::{PolicyDocument, key::statement_for_eventbridge},
    ports::{Counts, KeyFacts},
};
use serde_json::json;

use crate::{
    lifecycle::{BUS, INBOX},
    rig::{Case, eventually, place, rig, thing},
};

/// What is added to a small inbox, and what the refusal must say.
const REFUSED: &[(&str, &[&str])] = &[
    ("encryption: {kmsKeyId: alias/aws/sqs}", &["spec.encryption.kmsKeyId", "name a customer managed key"]),
    (
        "encryption: {kmsKeyId: 'arn:aws:kms:eu-central-1:000000000000:alias/aws/sqs'}",
        &["spec.encryption.kmsKeyId", "name a customer managed key"],
    ),
    ("encryption: {kmsKeyId: payments}", &["spec.encryption.kmsKeyId", "should match"]),
    ("encryption: {dataKeyReuseSeconds: 59}", &["spec.encryption.dataKeyReuseSeconds", "60"]),
    ("alarms: {actions: ['arn:aws:s3:::b']}", &["spec.alarms.actions[0]", "should match"]),
    ("alarms: {actions: [a, b, c, d, e, f]}", &["spec.alarms.actions", "at most 5"]),
    ("alarms: {thresholds: {inFlight: 120001}}", &["spec.alarms.thresholds.inFlight", "120000"]),
    ("alarms: {thresholds: {oldestMessageAgeSeconds: 1}}", &["spec.alarms.thresholds.oldestMessageAgeSeconds", "60"]),
    ("redriveServiceAccounts: [A]", &["spec.redriveServiceAccounts[0]", "should match"]),
    ("redriveServiceAccounts: [a, a]", &["spec.redriveServiceAccounts", "uplicate"]),
];

/// The inbox with something more in its spec.
fn with(more: &str) -> String {
    format!("{}  {more}\n", INBOX.trim_start_matches('\n'))
}

#[tokio::test]
async fn a_setting_that_aws_would_not_take_is_refused_with_the_field_and_the_reason() {
    let case = Case::new().await;
    let mut wrong = Vec::new();
    for (more, expected) in REFUSED {
        let said = match case.try_apply(&case.documents(&with(more))[0]).await {
            Ok(()) => "accepted".to_owned(),
            Err(error) => error.to_string(),
        };
        if !expected.iter().all(|part| said.contains(part)) {
            wrong.push(format!("{more}: expected {expected:?}, got {said}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn fifo_is_for_ever() {
    let case = Case::new().await;
    case.apply(INBOX).await;
    for edit in ["fifo: true", "fifo: false"] {
        let outcome = case.try_apply(&case.documents(&with(edit))[0]).await;
        assert_eq!(outcome.is_err(), edit.ends_with("true"), "{edit}");
        if let Err(error) = outcome {
            let said = error.to_string();
            assert!(said.contains("spec.fifo") && said.contains("make another InboxQueue"), "{said}");
        }
    }
}

#[tokio::test]
async fn a_fifo_inbox_has_two_dead_letter_queues_and_says_where() {
    let case = Case::new().await;
    case.apply(&with("fifo: true")).await;
    case.until_ready::<InboxQueue>("books", "ledger").await;
    let status = case.api::<InboxQueue>("books").get("ledger").await.unwrap().status.unwrap();
    let queue = case.named("ledger");
    let arn = |suffix: &str| Some(format!("arn:aws:sqs:eu-central-1:000000000000:{queue}{suffix}"));
    assert_eq!(status.queue_arn, arn(".fifo"));
    assert_eq!(status.dead_letter_queue_arn, arn("-dlq.fifo"));
    assert_eq!(status.undelivered_queue_arn, arn("-undelivered"));
    assert!(status.undelivered_queue_url.unwrap().ends_with("-undelivered"));
    assert!(status.redrive_role_arn.unwrap().contains("redrive"));
    assert!(thing(&format!("queue {queue}.fifo")).contains("content_based_deduplication: true"));
}

#[tokio::test]
async fn an_inbox_waits_for_a_key_that_eventbridge_can_use_and_says_what_is_missing() {
    let case = Case::of("naming").await;
    let alias = format!("alias/{}", case.named("key"));
    case.apply(&with(&format!("encryption: {{kmsKeyId: {alias}}}"))).await;
    let found = case.until::<InboxQueue>("books", "ledger", READY, "False", reason::KEY_NOT_USABLE).await;
    assert!(found.message.contains("does not exist"), "{}", found.message);
    let make_key = |statement: serde_json::Value| {
        let arn = format!("arn:aws:kms:eu-central-1:000000000000:key/{}", case.named("key")).parse().unwrap();
        let facts = KeyFacts { arn, aws_managed: false, enabled: true, symmetric: true };
        rig().fake.set_key(&facts, &alias.parse().unwrap(), &PolicyDocument::new(json!({"Statement": statement})));
    };
    make_key(json!([]));
    case.annotate::<InboxQueue>("books", "ledger", RECONCILE_REQUESTED_AT, "1").await;
    let statement = statement_for_eventbridge(&place());
    eventually("the statement is printed", || async {
        let found = case.until::<InboxQueue>("books", "ledger", READY, "False", reason::KEY_NOT_USABLE).await;
        if found.message.ends_with(&statement.to_string()) { Ok(()) } else { Err(found.message) }
    })
    .await;
    assert!(case.things().is_empty(), "nothing is encrypted with it before: {:?}", case.things());
    make_key(statement);
    case.annotate::<InboxQueue>("books", "ledger", RECONCILE_REQUESTED_AT, "2").await;
    case.until_ready::<InboxQueue>("books", "ledger").await;
    assert!(thing(&format!("queue {}", case.named("ledger"))).contains(&alias));
}

#[tokio::test]
async fn a_retention_that_would_lose_messages_waits_for_a_persons_word() {
    let case = Case::new().await;
    case.apply(INBOX).await;
    case.until_ready::<InboxQueue>("books", "ledger").await;
    let queue = case.named("ledger");
    let hold = |visible| {
        rig().fake.set_counts(&queue.parse().unwrap(), Counts { visible, in_flight: 0, delayed: 0 });
    };
    hold(2);
    case.apply(&with("messageRetentionSeconds: 3600")).await;
    let found = case.until::<InboxQueue>("books", "ledger", READY, "False", reason::MESSAGES_WOULD_EXPIRE).await;
    assert!(
        found.message.ends_with(&format!("annotate the object {ALLOW_EXPIRY}=3600 to lose them")),
        "{}",
        found.message
    );
    assert!(thing(&format!("queue {queue}")).contains("retention_seconds: 604800"));
    case.annotate::<InboxQueue>("books", "ledger", ALLOW_EXPIRY, "3600").await;
    case.until_ready::<InboxQueue>("books", "ledger").await;
    assert!(thing(&format!("queue {queue}")).contains("retention_seconds: 3600"));
    hold(0);
}

#[tokio::test]
async fn alarms_come_and_go_with_their_switch() {
    let case = Case::of("naming").await;
    let alarms = || case.things().into_iter().filter(|name| name.starts_with("alarm ")).count();
    case.apply(&with("alarms: {enabled: true, actions: ['arn:aws:sns:eu-central-1:000000000000:pager']}")).await;
    case.until_ready::<InboxQueue>("books", "ledger").await;
    assert_eq!(alarms(), 3);
    case.apply(&with("alarms: {enabled: false}")).await;
    eventually("the alarms go", || async { if alarms() == 0 { Ok(()) } else { Err(alarms().to_string()) } }).await;
}

#[tokio::test]
async fn rules_that_the_policies_have_no_room_for_are_named_on_the_inbox_and_terminal_themselves() {
    let case = Case::new().await;
    // Long ARNs, so that few of them fill the policies.
    let bus = format!("{}-{}", case.named("bus"), "b".repeat(220));
    case.apply(&BUS.replace("$bus", &bus)).await;
    case.apply(INBOX).await;
    case.until_ready::<EventBus>("platform", "core").await;
    for number in 0..14 {
        let name = format!("rule-{number:02}");
        case.apply(&format!(
            "kind: EventRule\nmetadata: {{name: {name}, namespace: $platform}}\nspec:\n  busRef: {{name: core}}\n  \
             eventPattern: {{source: [qsl.coin]}}\n  targets: [{{inboxRef: {{name: ledger, namespace: $books}}}}]\n"
        ))
        .await;
    }
    let found = case.until::<InboxQueue>("books", "ledger", POLICY_FULL, "True", reason::NO_ROOM).await;
    assert!(found.message.contains("/rule-13"), "{}", found.message);
    case.until_ready::<InboxQueue>("books", "ledger").await;
    case.until_ready::<EventRule>("platform", "rule-00").await;
    let found = case.until::<EventRule>("platform", "rule-13", TERMINAL, "True", reason::NO_ROOM).await;
    assert!(found.message.contains(&format!("{}/ledger", case.namespace("books"))), "{}", found.message);
    // One leaves, and there is room for one more.
    let inbox = case.api::<InboxQueue>("books").get("ledger").await.unwrap();
    let waiting = inbox.status.unwrap().rules_without_room;
    let first = waiting[0].rsplit('/').next().unwrap().to_owned();
    case.until::<EventRule>("platform", &first, TERMINAL, "True", reason::NO_ROOM).await;
    case.delete::<EventRule>("platform", "rule-01").await;
    case.until_ready::<EventRule>("platform", &first).await;
    let status = case.api::<EventRule>("platform").get(&first).await.unwrap().status.unwrap();
    assert!(conditions::get(&status.conditions, TERMINAL).is_none(), "{:?}", status.conditions);
}
