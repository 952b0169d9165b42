//! No object reaches into another namespace without that namespace's consent.

use crds::{
    EventBus, EventRule, InboxQueue,
    conditions::{REFERENCES_RESOLVED, reason},
};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::json;

use crate::{
    lifecycle::{BUS, INBOX, RULE, all_ready},
    rig::{Case, eventually, thing},
};

/// A rule in a third namespace.
const FOREIGN_RULE: &str = r"
kind: EventRule
metadata: {name: spy, namespace: $guest}
spec:
  busRef: {name: core, namespace: $platform}
  eventPattern: {source: [qsl.coin]}
";

#[tokio::test]
async fn an_inbox_that_does_not_consent_gets_nothing() {
    let case = Case::new().await;
    case.apply(BUS).await;
    case.apply(&INBOX.replace("matchLabels: {kubernetes.io/metadata.name: $platform}", "matchLabels: {team: nobody}"))
        .await;
    case.apply(RULE).await;
    case.until_ready::<InboxQueue>("books", "ledger").await;
    let found =
        case.until::<EventRule>("platform", "coins-all", REFERENCES_RESOLVED, "False", reason::REF_NOT_PERMITTED).await;
    assert!(found.message.contains("InboxQueue"), "{}", found.message);
    let arn = format!("rule/{}/coins-all", case.named("bus"));
    assert!(!thing(&format!("queue {}", case.named("ledger"))).contains(&arn));
    assert!(!thing(&format!("rule {}/coins-all", case.named("bus"))).contains(&case.named("ledger")));

    case.apply(INBOX).await;
    all_ready(&case).await;
}

#[tokio::test]
async fn consent_that_is_withdrawn_cuts_the_target_off() {
    let case = Case::new().await;
    for document in [BUS, INBOX, RULE] {
        case.apply(document).await;
    }
    all_ready(&case).await;
    case.apply(&INBOX.replace(
        "matchLabels: {kubernetes.io/metadata.name: $platform}",
        "matchLabels: {kubernetes.io/metadata.name: nobody}",
    ))
    .await;
    case.until::<EventRule>("platform", "coins-all", REFERENCES_RESOLVED, "False", reason::REF_NOT_PERMITTED).await;
    eventually("target and policy are gone", || async {
        let rule = thing(&format!("rule {}/coins-all", case.named("bus")));
        let queue = thing(&format!("queue {}", case.named("ledger")));
        let arn = format!("rule/{}/coins-all", case.named("bus"));
        if rule.contains(&case.named("ledger")) || queue.contains(&arn) {
            Err(format!("{rule} {queue}"))
        } else {
            Ok(())
        }
    })
    .await;
}

/// Labels a namespace of the case for a team, or for none.
async fn label(case: &Case, short: &str, team: Option<&str>) {
    let patch = json!({"metadata": {"labels": {"team": team}}});
    let api: Api<Namespace> = Api::all(case.client.clone());
    api.patch(&case.namespace(short), &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
}

#[tokio::test]
async fn a_namespace_s_label_gives_what_consent_goes_by_and_its_loss_takes_it_back() {
    let case = Case::new().await;
    let selector = "allowedNamespaces: {from: Selector, selector: {matchLabels: {team: money}}}";
    case.apply(&format!("{BUS}  {selector}\n")).await;
    case.apply(&INBOX.replace("matchLabels: {kubernetes.io/metadata.name: $platform}", "matchLabels: {team: money}"))
        .await;
    case.apply(RULE).await;
    case.apply(FOREIGN_RULE).await;
    let refused =
        |short, name| case.until::<EventRule>(short, name, REFERENCES_RESOLVED, "False", reason::REF_NOT_PERMITTED);
    let (bus, inbox) = (case.named("bus"), case.named("ledger"));
    let spy = format!("rule {bus}/spy");
    refused("platform", "coins-all").await;
    refused("guest", "spy").await;

    label(&case, "platform", Some("money")).await;
    label(&case, "guest", Some("money")).await;
    all_ready(&case).await;
    case.until_ready::<EventRule>("guest", "spy").await;
    assert!(thing(&format!("rule {bus}/coins-all")).contains(&inbox) && case.things().contains(&spy));

    label(&case, "platform", Some("notes")).await;
    label(&case, "guest", None).await;
    refused("platform", "coins-all").await;
    refused("guest", "spy").await;
    eventually("target, policy and the other namespace's rule are gone", || async {
        let (rule, queue) = (thing(&format!("rule {bus}/coins-all")), thing(&format!("queue {inbox}")));
        let stands = rule.contains(&inbox) || queue.contains(&format!("rule/{bus}/coins-all"));
        if stands || case.things().contains(&spy) { Err(format!("{rule} {queue}")) } else { Ok(()) }
    })
    .await;
}

#[tokio::test]
async fn a_bus_that_does_not_consent_gets_no_rule() {
    let case = Case::new().await;
    case.apply(BUS).await;
    case.until_ready::<EventBus>("platform", "core").await;
    case.apply(FOREIGN_RULE).await;
    let found = case.until::<EventRule>("guest", "spy", REFERENCES_RESOLVED, "False", reason::REF_NOT_PERMITTED).await;
    assert!(found.message.contains("EventBus"), "{}", found.message);
    let rule = format!("rule {}/spy", case.named("bus"));
    assert!(!case.things().contains(&rule));

    case.apply(&format!("{BUS}  allowedNamespaces: {{from: All}}")).await;
    case.until_ready::<EventRule>("guest", "spy").await;
    assert!(case.things().contains(&rule));

    case.apply(&format!("{BUS}  allowedNamespaces: {{from: Same}}")).await;
    case.until::<EventRule>("guest", "spy", REFERENCES_RESOLVED, "False", reason::REF_NOT_PERMITTED).await;
    eventually("the rule is gone", || async { if case.things().contains(&rule) { Err(rule.clone()) } else { Ok(()) } })
        .await;
}
