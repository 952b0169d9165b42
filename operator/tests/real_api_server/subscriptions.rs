//! An inbox's subscriptions are EventRules that it owns.

use crds::{
    EventBus, EventRule, InboxQueue,
    conditions::{READY, REFERENCES_RESOLVED, reason},
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use operator_core::subscription::SubscriptionId;
use serde_json::json;

use crate::{
    lifecycle::BUS,
    rig::{Case, eventually, thing},
};

const INBOX: &str = r"
kind: InboxQueue
metadata: {name: ledger, namespace: $books}
spec:
  queueName: $ledger
  subscriptions:
  - {name: coins, busRef: {name: core, namespace: $platform}, sources: [qsl.coin], detailTypes: [Coin.Found.v1]}
  - {name: notes, busRef: {name: core, namespace: $platform}, eventPattern: {source: [{prefix: qsl.note}]}}
";

fn open_bus() -> String {
    format!("{BUS}  allowedNamespaces: {{from: All}}")
}

fn id<'a>(namespace: &'a str, name: &'a str) -> SubscriptionId<'a> {
    SubscriptionId { namespace, inbox: "ledger", name }
}

/// What stands in AWS for a subscription.
fn in_aws(case: &Case, subscription: &str) -> String {
    let rule = id(&case.namespace("books"), subscription).rule_name(&case.named("ledger")).unwrap();
    thing(&format!("rule {}/{rule}", case.named("bus")))
}

async fn names(rules: &Api<EventRule>) -> Vec<String> {
    let mut names: Vec<String> =
        rules.list(&ListParams::default()).await.unwrap().items.iter().map(ResourceExt::name_any).collect();
    names.sort();
    names
}

/// The inbox's list of subscriptions, replaced as a whole.
async fn subscribe(case: &Case, subscriptions: serde_json::Value) {
    let patch = json!({"spec": {"subscriptions": subscriptions}});
    case.api::<InboxQueue>("books").patch("ledger", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
}

async fn until_gone_from_aws(case: &Case, subscription: &str) {
    let what = format!("the rule of {subscription} is gone from AWS");
    eventually(&what, || async {
        Some(in_aws(case, subscription)).filter(|rule| !rule.is_empty()).map_or(Ok(()), Err)
    })
    .await;
}

#[tokio::test]
async fn each_subscription_is_a_rule_that_delivers_and_goes_with_it() {
    let case = Case::new().await;
    case.apply(&open_bus()).await;
    case.apply(INBOX).await;
    case.until_ready::<InboxQueue>("books", "ledger").await;

    let (coins, notes) = (in_aws(&case, "coins"), in_aws(&case, "notes"));
    assert!(
        coins.contains("qsl.coin") && coins.contains("Coin.Found.v1") && coins.contains(&case.named("ledger")),
        "{coins}"
    );
    assert!(notes.contains("prefix") && notes.contains(&case.named("ledger")), "{notes}");
    let inbox = case.api::<InboxQueue>("books").get("ledger").await.unwrap();
    let status = inbox.status.clone().unwrap();
    assert_eq!(status.buses, [format!("{}/core", case.namespace("platform"))]);
    assert!(status.subscriptions.iter().all(|one| one.ready) && status.subscriptions.len() == 2, "{status:?}");
    let rules = case.api::<EventRule>("books");
    let namespace = case.namespace("books");
    let rule = rules.get(&id(&namespace, "coins").object_name()).await.unwrap();
    let owner = rule.owner_references().first().unwrap();
    assert_eq!((&owner.uid, owner.controller), (&inbox.uid().unwrap(), Some(true)));

    // One changes, one goes.
    let bus = json!({"name": "core", "namespace": case.namespace("platform")});
    subscribe(&case, json!([{"name": "coins", "busRef": bus, "detailTypes": ["Coin.Lost.v1"]}])).await;
    case.until_gone::<EventRule>("books", &id(&namespace, "notes").object_name()).await;
    until_gone_from_aws(&case, "notes").await;
    eventually("the pattern is the new one", || async {
        let coins = in_aws(&case, "coins");
        if coins.contains("Coin.Lost.v1") && !coins.contains("qsl.coin") { Ok(()) } else { Err(coins) }
    })
    .await;
    case.until_ready::<InboxQueue>("books", "ledger").await;

    // The last goes.
    subscribe(&case, json!([])).await;
    until_gone_from_aws(&case, "coins").await;
    eventually("no bus feeds it", || async {
        let shown = case.api::<InboxQueue>("books").get("ledger").await.unwrap().status.unwrap().buses;
        if shown.is_empty() { Ok(()) } else { Err(format!("{shown:?}")) }
    })
    .await;
    case.until_ready::<InboxQueue>("books", "ledger").await;
    let status = case.api::<InboxQueue>("books").get("ledger").await.unwrap().status.unwrap();
    assert!(crds::conditions::get(&status.conditions, REFERENCES_RESOLVED).is_none(), "{:?}", status.conditions);
}

#[tokio::test]
async fn a_bus_that_does_not_consent_is_named_on_the_inbox_and_its_consent_is_enough() {
    let case = Case::new().await;
    case.apply(BUS).await;
    case.apply(INBOX).await;
    let found =
        case.until::<InboxQueue>("books", "ledger", REFERENCES_RESOLVED, "False", reason::REF_NOT_PERMITTED).await;
    assert!(
        found.message.contains("subscription coins") && found.message.contains("spec.allowedNamespaces"),
        "{}",
        found.message
    );
    assert_eq!(in_aws(&case, "coins"), "");
    assert!(case.things().contains(&format!("queue {}", case.named("ledger"))), "the queue itself waits for nobody");

    case.apply(&open_bus()).await;
    case.until_ready::<InboxQueue>("books", "ledger").await;
    assert_ne!(in_aws(&case, "coins"), "");
}

#[tokio::test]
async fn a_rule_of_that_name_that_is_not_ours_is_left_alone_and_named() {
    let case = Case::new().await;
    case.apply(&open_bus()).await;
    case.until_ready::<EventBus>("platform", "core").await;
    let namespace = case.namespace("books");
    let name = id(&namespace, "coins").object_name();
    case.apply(&format!(
        "kind: EventRule\nmetadata: {{name: {name}, namespace: $books}}\nspec: {{ruleName: mine, busRef: {{name: core, namespace: $platform}}, eventPattern: {{source: [qsl.mine]}}}}"
    ))
    .await;
    let rules = case.api::<EventRule>("books");
    let before = rules.get(&name).await.unwrap();
    case.apply(INBOX).await;
    let found = case.until::<InboxQueue>("books", "ledger", READY, "False", reason::NOT_OURS).await;
    assert!(found.message.contains(&format!("EventRule {namespace}/{name} exists")), "{}", found.message);
    let after = rules.get(&name).await.unwrap();
    assert_eq!((before.spec, before.metadata.owner_references), (after.spec, after.metadata.owner_references));

    rules.delete(&name, &DeleteParams::default()).await.unwrap();
    case.until_ready::<InboxQueue>("books", "ledger").await;
    assert!(in_aws(&case, "coins").contains("qsl.coin"));
}

#[tokio::test]
async fn what_somebody_changes_on_an_owned_rule_is_put_right() {
    let case = Case::new().await;
    case.apply(&open_bus()).await;
    case.apply(INBOX).await;
    case.until_ready::<InboxQueue>("books", "ledger").await;
    let rules = case.api::<EventRule>("books");
    let name = id(&case.namespace("books"), "coins").object_name();
    let by_hand = json!({"spec": {"eventPattern": {"source": ["qsl.other"], "region": ["a"]}, "state": "Disabled"}});
    rules.patch(&name, &PatchParams::default(), &Patch::Merge(by_hand)).await.unwrap();
    eventually("the rule is as the subscription says", || async {
        let spec = rules.get(&name).await.unwrap().spec;
        let said = json!(spec.event_pattern);
        let wanted = json!({"source": ["qsl.coin"], "detail-type": ["Coin.Found.v1"]});
        if said == wanted && spec.state == crds::event_rule::RuleState::Enabled { Ok(()) } else { Err(said) }
            .map_err(|said| said.to_string())
    })
    .await;
    rules.delete(&name, &DeleteParams::default()).await.unwrap();
    eventually("the rule is made again", || async {
        let found = rules.get_opt(&name).await.unwrap().filter(|rule| rule.metadata.deletion_timestamp.is_none());
        found.map(drop).ok_or_else(|| "not there".to_owned())
    })
    .await;
    case.until_ready::<InboxQueue>("books", "ledger").await;
}

#[tokio::test]
async fn an_inbox_that_goes_takes_its_rules_along() {
    let case = Case::new().await;
    case.apply(&open_bus()).await;
    case.apply(INBOX).await;
    case.until_ready::<InboxQueue>("books", "ledger").await;
    case.delete::<InboxQueue>("books", "ledger").await;
    case.until_gone::<InboxQueue>("books", "ledger").await;
    let rules = case.api::<EventRule>("books");
    eventually("no rule is left", || async {
        let left = names(&rules).await;
        if left.is_empty() { Ok(()) } else { Err(left.join(", ")) }
    })
    .await;
    assert_eq!(in_aws(&case, "coins") + &in_aws(&case, "notes"), "");
}

#[tokio::test]
async fn a_subscription_taken_from_a_retained_inbox_leaves_nothing_in_aws() {
    let case = Case::new().await;
    case.apply(&open_bus()).await;
    case.apply(&format!("{INBOX}  deletionPolicy: Retain")).await;
    case.until_ready::<InboxQueue>("books", "ledger").await;
    subscribe(&case, json!([])).await;
    until_gone_from_aws(&case, "coins").await;
    until_gone_from_aws(&case, "notes").await;
}
