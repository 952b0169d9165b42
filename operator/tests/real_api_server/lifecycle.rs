//! From objects to AWS.

use crds::{
    EventBus, EventRule, InboxQueue, SigningKey,
    conditions::{READY, REFERENCES_RESOLVED, SYNCED, TERMINAL, reason},
};
use kube::ResourceExt;

use crate::rig::{Case, eventually, thing};

/// A bus and a rule in one namespace, an inbox in another that lets them in.
pub const BUS: &str = r"
kind: EventBus
metadata: {name: core, namespace: $platform}
spec:
  busName: $bus
  publishers: [{serviceAccountRef: {name: cashier, namespace: $shop}, sources: [qsl.coin]}]
";
pub const KEY: &str = r"
kind: SigningKey
metadata: {name: coins, namespace: $platform}
spec: {busRef: {name: core}, algorithm: ML-DSA-44, sources: [qsl.coin]}
";
pub const RULE: &str = r"
kind: EventRule
metadata: {name: coins-all, namespace: $platform}
spec:
  busRef: {name: core}
  eventPattern: {source: [qsl.coin]}
  targets: [{inboxRef: {name: ledger, namespace: $books}}]
";
pub const INBOX: &str = r"
kind: InboxQueue
metadata: {name: ledger, namespace: $books}
spec:
  queueName: $ledger
  serviceAccounts: [ledger]
  allowedNamespaces: {from: Selector, selector: {matchLabels: {kubernetes.io/metadata.name: $platform}}}
";

pub async fn all_ready(case: &Case) {
    case.until_ready::<EventBus>("platform", "core").await;
    case.until_ready::<InboxQueue>("books", "ledger").await;
    case.until_ready::<EventRule>("platform", "coins-all").await;
}

#[tokio::test]
async fn the_four_kinds_become_ready_and_aws_is_as_they_say() {
    let case = Case::new().await;
    for document in [BUS, KEY, INBOX, RULE] {
        case.apply(document).await;
    }
    all_ready(&case).await;
    case.until_ready::<SigningKey>("platform", "coins").await;

    let (bus, queue) = (case.named("bus"), case.named("ledger"));
    let things = case.things();
    for expected in
        [format!("bus {bus}"), format!("queue {queue}"), format!("queue {queue}-dlq"), format!("rule {bus}/coins-all")]
    {
        assert!(things.contains(&expected), "{expected} in {things:?}");
    }
    // A publisher's, the consumers', and that of those who bring dead letters back.
    assert_eq!(things.iter().filter(|name| name.starts_with("role ")).count(), 3, "{things:?}");
    let rule_arn = format!("arn:aws:events:eu-central-1:000000000000:rule/{bus}/coins-all");
    assert!(thing(&format!("queue {queue}")).contains(&rule_arn));
    assert!(thing(&format!("queue {queue}-dlq")).contains(&rule_arn));
    let rule = thing(&format!("rule {bus}/coins-all"));
    assert!(rule.contains(&format!("arn:aws:sqs:eu-central-1:000000000000:{queue}")), "{rule}");

    let inbox = case.api::<InboxQueue>("books").get("ledger").await.unwrap().status.unwrap();
    assert_eq!(inbox.buses, [format!("{}/core", case.namespace("platform"))]);
    assert_eq!(inbox.allowed_rules.len(), 1);
    let bus = case.api::<EventBus>("platform").get("core").await.unwrap().status.unwrap();
    assert_eq!(bus.publisher_roles.len(), 1);
    let rule = case.api::<EventRule>("platform").get("coins-all").await.unwrap().status.unwrap();
    assert_eq!((rule.targets, rule.rule_arns), (Some(1), vec![rule_arn]));
}

#[tokio::test]
async fn what_is_named_may_come_later_and_wakes_who_waits() {
    let case = Case::new().await;
    case.apply(RULE).await;
    let found =
        case.until::<EventRule>("platform", "coins-all", REFERENCES_RESOLVED, "False", reason::REF_NOT_FOUND).await;
    assert!(found.message.contains("EventBus"), "{}", found.message);
    case.apply(BUS).await;
    eventually("the rule waits for its inbox", || async {
        let found = case.until::<EventRule>("platform", "coins-all", READY, "False", reason::REF_NOT_FOUND).await;
        if found.message.contains("InboxQueue") { Ok(()) } else { Err(found.message) }
    })
    .await;
    case.apply(INBOX).await;
    all_ready(&case).await;
}

#[tokio::test]
async fn an_edit_reaches_aws_and_a_steady_object_is_not_written() {
    let case = Case::new().await;
    for document in [BUS, INBOX, RULE] {
        case.apply(document).await;
    }
    all_ready(&case).await;
    case.apply(&RULE.replace("[qsl.coin]", "[qsl.coin, qsl.note]")).await;
    case.until_ready::<EventRule>("platform", "coins-all").await;
    let rule = thing(&format!("rule {}/coins-all", case.named("bus")));
    assert!(rule.contains("qsl.note"), "{rule}");

    let before = case.api::<InboxQueue>("books").get("ledger").await.unwrap();
    case.annotate::<InboxQueue>("books", "ledger", crds::names::RECONCILE_REQUESTED_AT, "now").await;
    let after = eventually("the request is answered", || async {
        let inbox = case.api::<InboxQueue>("books").get("ledger").await.unwrap();
        let handled = inbox.status.as_ref().and_then(|status| status.last_handled_reconcile_at.clone());
        if handled.as_deref() == Some("now") { Ok(inbox) } else { Err(format!("{handled:?}")) }
    })
    .await;
    let (before, after) = (before.status.unwrap(), after.status.unwrap());
    assert_eq!(before.conditions, after.conditions);
    assert_eq!(before.allowed_rules, after.allowed_rules);
}

#[tokio::test]
async fn a_paused_object_is_left_alone() {
    let case = Case::new().await;
    let paused =
        BUS.replace("namespace: $platform", "namespace: $platform, annotations: {eventing.qsl.dev/paused: 'true'}");
    case.apply(&paused).await;
    case.until::<EventBus>("platform", "core", SYNCED, "False", reason::RECONCILE_PAUSED).await;
    assert!(case.things().is_empty());
    case.annotate::<EventBus>("platform", "core", crds::names::PAUSED, "false").await;
    case.until_ready::<EventBus>("platform", "core").await;
}

#[tokio::test]
async fn what_only_an_edit_can_fix_is_terminal_and_the_edit_fixes_it() {
    let case = Case::new().await;
    case.apply(BUS).await;
    case.apply(INBOX).await;
    case.apply(&RULE.replace("{source: [qsl.coin]}", "{sorce: [qsl.coin]}")).await;
    let found = case.until::<EventRule>("platform", "coins-all", TERMINAL, "True", reason::INVALID_SPEC).await;
    assert!(found.message.contains("spec.eventPattern: at /sorce: 'sorce'"), "{}", found.message);
    let rule: serde_json::Value = serde_json::to_value(case.documents(RULE)).unwrap();
    // Applied by another manager than the tests' own, so that the wrong member goes.
    let patch = serde_json::json!({"spec": {"eventPattern": {"sorce": null, "source": rule[0]["spec"]["eventPattern"]["source"]}}});
    let api = case.api::<EventRule>("platform");
    api.patch("coins-all", &kube::api::PatchParams::default(), &kube::api::Patch::Merge(patch)).await.unwrap();
    all_ready(&case).await;
    let status = api.get("coins-all").await.unwrap().status.unwrap();
    assert!(crds::conditions::get(&status.conditions, TERMINAL).is_none(), "{:?}", status.conditions);
}

#[tokio::test]
async fn what_stands_in_aws_and_is_not_ours_is_not_touched() {
    let (case, other) = (Case::new().await, Case::new().await);
    other.apply(BUS).await;
    other.until_ready::<EventBus>("platform", "core").await;
    let before = thing(&format!("bus {}", other.named("bus")));
    case.apply(&BUS.replace("busName: $bus", &format!("busName: {}", other.named("bus")))).await;
    let found = case.until::<EventBus>("platform", "core", TERMINAL, "True", reason::NOT_OURS).await;
    assert!(found.message.contains(&other.namespace("platform")), "{}", found.message);
    assert_eq!(thing(&format!("bus {}", other.named("bus"))), before);
    case.delete::<EventBus>("platform", "core").await;
    case.until_gone::<EventBus>("platform", "core").await;
    assert_eq!(thing(&format!("bus {}", other.named("bus"))), before);
}

#[tokio::test]
async fn events_say_what_was_changed() {
    let case = Case::new().await;
    case.apply(BUS).await;
    case.until_ready::<EventBus>("platform", "core").await;
    let events: kube::Api<k8s_openapi::api::events::v1::Event> =
        kube::Api::namespaced(case.client.clone(), &case.namespace("platform"));
    eventually("an Event tells of the bus", || async {
        let found = events.list(&kube::api::ListParams::default()).await.map_err(|error| error.to_string())?;
        let notes: Vec<String> = found.items.iter().filter_map(|event| event.note.clone()).collect();
        let told = notes.iter().any(|note| note.contains(&format!("create bus {}", case.named("bus"))));
        if told {
            Ok(())
        } else {
            Err(format!("{notes:?} of {}", found.items.iter().map(ResourceExt::name_any).count()))
        }
    })
    .await;
}
