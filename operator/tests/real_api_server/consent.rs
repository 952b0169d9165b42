//! No object reaches into another namespace without that namespace's consent.

use crds::{
    EventBus, EventRule, InboxQueue,
    conditions::{REFERENCES_RESOLVED, reason},
};

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
