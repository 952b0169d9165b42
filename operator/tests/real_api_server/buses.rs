//! A bus with all that can stand beside it: archives, alarms, dashboard, a customer's key and a dead-letter queue.

use std::collections::BTreeMap;

use crds::{
    EventBus, EventRule,
    conditions::{DELETION_BLOCKED, READY, REFERENCES_RESOLVED, TERMINAL, reason},
    names::RECONCILE_REQUESTED_AT,
};
use operator_core::{
    arn::KeyArn,
    names::{ArchiveName, KmsKeyId, QueueName},
    policy::PolicyDocument,
    ports::{KeyFacts, NewArchive, NewQueue, QueueChange, Queues},
    tags::Tags,
};
use serde_json::{Value, json};

use crate::{
    lifecycle::BUS,
    rig::{Case, eventually, place, rig},
};

const RULE: &str = r"
kind: EventRule
metadata: {name: coins-all, namespace: $platform}
spec: {busRef: {name: core}, eventPattern: {source: [qsl.coin]}}
";

const EXTRAS: &str = r"
  archives: [{name: $all}, {name: $coins, retentionDays: 30, eventPattern: {source: [qsl.coin]}}]
  alarms: {enabled: true, actions: ['arn:aws:sns:eu-central-1:000000000000:pager']}
  dashboard: {enabled: true}
  tags: {team: money}
";

fn with(extras: &str) -> String {
    format!("{}{}", BUS.trim_end(), extras.trim_end())
}

/// What the fake holds under names of this case, archives and dashboards included, without the names' prefixes.
fn standing(case: &Case) -> BTreeMap<String, String> {
    let prefix = case.named("");
    let of_case = |(name, (tags, text)): (String, (Tags, String))| {
        let ours = format!("{name}{tags:?}").contains(&prefix) && !name.starts_with("role ");
        // Names have hashes of the namespace in them.
        let readable = |text: &str| text.replace(&prefix, "").split("qsl-").map(after_hash).collect::<String>();
        ours.then(|| (readable(&name), readable(&text)))
    };
    rig().fake.things().into_iter().filter_map(of_case).collect()
}

fn after_hash(text: &str) -> String {
    match text.split_at_checked(16) {
        Some((hash, rest)) if hash.bytes().all(|b| b.is_ascii_hexdigit()) => rest.to_owned(),
        _ => text.to_owned(),
    }
}

fn count(case: &Case, kind: &str) -> usize {
    standing(case).keys().filter(|name| name.starts_with(&format!("{kind} "))).count()
}

async fn until_count(case: &Case, kind: &str, wanted: usize) {
    eventually(&format!("{wanted} of kind {kind}"), || async {
        match count(case, kind) {
            found if found == wanted => Ok(()),
            found => Err(format!("{found}: {:?}", standing(case).keys())),
        }
    })
    .await;
}

#[tokio::test]
async fn what_stands_beside_a_bus_is_made_and_its_status_names_it() {
    let case = Case::of("naming").await;
    case.apply(RULE).await;
    case.apply(&with(EXTRAS)).await;
    case.until_ready::<EventBus>("platform", "core").await;
    let status = case.api::<EventBus>("platform").get("core").await.unwrap().status.unwrap();
    let archives: Vec<(&str, &str)> =
        status.archives.iter().map(|archive| (archive.name.as_str(), archive.archive_arn.as_str())).collect();
    let name = case.named("all");
    let arn = format!("arn:aws:events:eu-central-1:000000000000:archive/{name}");
    assert!(archives.contains(&(name.as_str(), arn.as_str())), "{archives:?}");
    assert_eq!((status.alarm_count, status.alarm_names.len()), (Some(5), 5), "four of the rule, one of all buses");
    let things = rig().fake.things();
    assert!(status.alarm_names.iter().all(|name| things.contains_key(&format!("alarm {name}"))));
    let dashboard = status.dashboard_name.unwrap();
    assert!(things.contains_key(&format!("dashboard {dashboard}")));
    let columns: Value = serde_json::to_value(<EventBus as kube::CustomResourceExt>::crd()).unwrap();
    let columns = columns["spec"]["versions"][0]["additionalPrinterColumns"].to_string();
    assert!(columns.contains(".status.alarmCount") && columns.contains(".status.dashboardName"), "{columns}");
}

#[tokio::test]
async fn alarms_follow_the_rules_of_the_bus() {
    let case = Case::of("naming").await;
    case.apply(&with("\n  alarms: {enabled: true}")).await;
    case.until_ready::<EventBus>("platform", "core").await;
    until_count(&case, "alarm", 0).await;
    case.apply(RULE).await;
    until_count(&case, "alarm", 4).await;
    case.delete::<EventRule>("platform", "coins-all").await;
    until_count(&case, "alarm", 0).await;
}

#[tokio::test]
async fn a_walk_through_changes_and_removals_ends_where_a_fresh_bus_begins() {
    let end = with("\n  archives: [{name: $all, retentionDays: 7}]\n  alarms: {enabled: true}");
    let fresh = Case::of("naming").await;
    fresh.apply(RULE).await;
    fresh.apply(&end).await;
    fresh.until_ready::<EventBus>("platform", "core").await;

    let case = Case::of("naming").await;
    case.apply(RULE).await;
    for step in [
        BUS.to_owned(),
        with(EXTRAS),
        with(EXTRAS).replace("eventPattern: {source: [qsl.coin]}}]", "eventPattern: {source: [qsl.note]}}]"),
        with(EXTRAS).replace(", eventPattern: {source: [qsl.coin]}}]", "}]"),
        with("\n  publishing: Disabled\n  description: away"),
        with(EXTRAS),
        with("\n  dashboard: {enabled: false}"),
        end,
    ] {
        case.apply(&step).await;
        case.until_ready::<EventBus>("platform", "core").await;
    }
    assert_eq!(standing(&case), standing(&fresh));
}

#[tokio::test]
async fn a_bus_with_a_foreign_archive_stays_and_with_its_own_it_goes() {
    let case = Case::of("naming").await;
    case.apply(&with(EXTRAS)).await;
    case.until_ready::<EventBus>("platform", "core").await;
    let name = ArchiveName::parse(case.named("audit")).unwrap();
    let theirs = NewArchive {
        name: name.clone(),
        bus: place().bus_arn(&case.named("bus").parse().unwrap()),
        description: "of the auditors".into(),
        pattern: json!({"source": ["qsl.coin"]}),
        retention_days: 0,
        kms_key: None,
    };
    let buses = rig().fake.aws().buses;
    buses.create_archive(&theirs).await.unwrap();
    case.delete::<EventBus>("platform", "core").await;
    let found = case.until::<EventBus>("platform", "core", DELETION_BLOCKED, "True", reason::RULES_LEFT).await;
    assert!(found.message.contains(&format!("Events-Archive-{name}")), "{}", found.message);
    assert_eq!(count(&case, "archive"), 3, "and nothing of it is gone");
    buses.delete_archive(&name).await.unwrap();
    case.annotate::<EventBus>("platform", "core", RECONCILE_REQUESTED_AT, "now").await;
    case.until_gone::<EventBus>("platform", "core").await;
    assert_eq!(standing(&case), BTreeMap::new());
}

/// A policy with one statement that lets EventBridge do that, under that condition.
fn lets(action: &str, condition: &Value) -> PolicyDocument {
    PolicyDocument::new(json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": action, "Resource": "*",
        "Condition": condition}]}))
}

#[tokio::test]
async fn a_key_and_a_dead_letter_queue_are_waited_for_until_they_let_the_bus_in() {
    let case = Case::of("naming").await;
    let queue = QueueName::parse(format!("lost-{}", case.named("bus"))).unwrap();
    let arn = place().queue_arn(&queue);
    case.apply(&with(&format!("\n  kmsKeyId: alias/$key\n  deadLetter: {{queueArn: '{arn}'}}"))).await;
    let found = case.until::<EventBus>("platform", "core", REFERENCES_RESOLVED, "False", reason::REF_NOT_FOUND).await;
    assert!(found.message.contains(&format!("{arn} does not exist")), "{}", found.message);
    assert_eq!(count(&case, "bus"), 0, "a bus that could lose events is not made");

    let fake = rig().fake.clone();
    let attributes = operator_core::ports::QueueAttributes {
        policy: Some(lets("sqs:SendMessage", &json!({}))),
        ..attributes_of_any()
    };
    let new = NewQueue { name: queue.clone(), attributes, tags: Tags::new() };
    let url = Queues::create(&fake, &new).await.unwrap();
    let key = KeyFacts {
        arn: KeyArn::parse(&format!("arn:aws:kms:eu-central-1:000000000000:key/{}", case.named("key"))).unwrap(),
        aws_managed: false,
        enabled: true,
        symmetric: true,
    };
    let alias = KmsKeyId::parse(format!("alias/{}", case.named("key"))).unwrap();
    fake.set_key(&key, &alias, &PolicyDocument::new(json!({"Version": "2012-10-17", "Statement": []})));
    case.annotate::<EventBus>("platform", "core", RECONCILE_REQUESTED_AT, "one").await;
    let found = case.until::<EventBus>("platform", "core", READY, "False", reason::KEY_NOT_USABLE).await;
    assert!(!found.message.contains("lacks"), "the operator's role lacks nothing: {}", found.message);
    for part in ["kms:DescribeKey", "kms:GenerateDataKey", &case.named("bus")] {
        assert!(found.message.contains(part), "{part} in {}", found.message);
    }
    fake.set_key(&key, &alias, &lets("kms:*", &json!({"StringEquals": {"aws:SourceAccount": "000000000000"}})));
    case.annotate::<EventBus>("platform", "core", RECONCILE_REQUESTED_AT, "two").await;
    case.until_ready::<EventBus>("platform", "core").await;
    let text = standing(&case).get("bus bus").cloned().unwrap_or_default();
    assert!(text.contains(":key/key") && text.contains("\"lost-bus\""), "{text}");

    // Both are taken away; the queue is as it was.
    case.apply(BUS).await;
    case.until_ready::<EventBus>("platform", "core").await;
    let text = standing(&case).get("bus bus").cloned().unwrap_or_default();
    assert!(text.contains("kms_key: None, dead_letter: None"), "{text}");
    let change = QueueChange { policy: Some(None), ..QueueChange::default() };
    Queues::change(&fake, &url, &change).await.unwrap();
}

/// Attributes that any queue may have.
fn attributes_of_any() -> operator_core::ports::QueueAttributes {
    operator_core::ports::QueueAttributes {
        visibility_timeout_seconds: 30,
        retention_seconds: 1_209_600,
        max_message_bytes: 1_048_576,
        policy: None,
        redrive: None,
        delay_seconds: 0,
        content_based_deduplication: false,
        encryption: operator_core::ports::Encryption::SqsManaged,
    }
}

#[tokio::test]
async fn what_is_written_by_hand_is_taken_where_the_installation_grants_it() {
    let case = Case::new().await;
    case.apply(&with("\n  alarms: {actions: ['arn:aws:sns:eu-central-1:111111111111:pager']}")).await;
    let found = case.until::<EventBus>("platform", "core", TERMINAL, "True", reason::NOT_GRANTED).await;
    assert!(found.message.starts_with("spec.alarms.actions[0]: "), "{}", found.message);
    assert!(found.message.contains("tenancy"), "{}", found.message);
    assert_eq!(count(&case, "bus"), 0);
}

#[tokio::test]
async fn what_the_schema_cannot_see_is_terminal_and_names_the_field() {
    for (extras, said) in [
        ("\n  deadLetter: {queueArn: 'arn:aws:sqs:eu-west-1:000000000000:lost-x'}", "spec.deadLetter.queueArn: "),
        (
            &format!("\n  archives: [{{name: $a, eventPattern: {{source: [{}]}}}}]", "x".repeat(3000)),
            "spec.archives[0].eventPattern: ",
        ),
    ] {
        let case = Case::of("naming").await;
        case.apply(&with(extras)).await;
        let found = case.until::<EventBus>("platform", "core", TERMINAL, "True", reason::INVALID_SPEC).await;
        assert!(found.message.starts_with(said), "{}", found.message);
    }
}
