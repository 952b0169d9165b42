//! Rules: split and merged, targets by ARN, what is refused that no schema sees, and who is woken by what.

use std::time::{Duration, Instant};

use crds::{
    EventBus, EventRule, InboxQueue,
    conditions::{self, READY, REFERENCES_RESOLVED, TERMINAL, WITHIN_SKEW, reason},
};

use crate::{
    lifecycle::{BUS, INBOX, RULE},
    rig::{Case, eventually, thing},
};

/// An inbox of that name in namespace `books`, which takes rules from everywhere.
fn inbox(name: &str) -> String {
    let text = "kind: InboxQueue\nmetadata: {name: NAME, namespace: $books}\n\
                spec: {queueName: $NAME, allowedNamespaces: {from: All}}";
    text.replace("NAME", name)
}

/// The rule with these targets, in YAML.
fn rule(targets: &str) -> String {
    RULE.replace("[{inboxRef: {name: ledger, namespace: $books}}]", targets)
}

fn to(names: &[&str]) -> String {
    let targets: Vec<String> =
        names.iter().map(|n| format!("{{inboxRef: {{name: {n}, namespace: $books}}}}")).collect();
    format!("[{}]", targets.join(", "))
}

/// The rules in AWS that deliver to a queue of this case.
fn delivering(case: &Case, queue: &str) -> Vec<String> {
    let rules = case.things().into_iter().filter(|name| name.starts_with("rule "));
    let queue = format!(":{}\"", case.named(queue));
    rules.filter(|rule| thing(rule).contains(&queue)).collect()
}

#[tokio::test]
async fn a_rule_of_seven_targets_is_split_and_says_so_and_is_merged_again() {
    let case = Case::new().await;
    let names = ["a", "b", "c", "d", "e", "f", "g"];
    case.apply(BUS).await;
    for name in names {
        case.apply(&inbox(name)).await;
    }
    case.apply(&rule(&to(&names))).await;
    case.until_ready::<EventRule>("platform", "coins-all").await;
    let status = case.api::<EventRule>("platform").get("coins-all").await.unwrap().status.unwrap();
    assert_eq!((status.parts, status.targets), (Some(2), Some(7)));
    let first = format!("arn:aws:events:eu-central-1:000000000000:rule/{}/coins-all", case.named("bus"));
    assert_eq!(status.rule_arns, [first.clone(), format!("{first}-2")]);
    for name in names {
        assert_eq!(delivering(&case, name).len(), 1, "{name}");
        let queue = thing(&format!("queue {}", case.named(name)));
        assert!(queue.contains(&first) && queue.contains(&format!("{first}-2")), "{queue}");
    }

    case.apply(&rule(&to(&names[3..]))).await;
    case.until_ready::<EventRule>("platform", "coins-all").await;
    let status = case.api::<EventRule>("platform").get("coins-all").await.unwrap().status.unwrap();
    assert_eq!((status.parts, status.targets, status.rule_arns), (Some(1), Some(4), vec![first.clone()]));
    let rules: Vec<String> = case.things().into_iter().filter(|name| name.starts_with("rule ")).collect();
    assert_eq!(rules, [format!("rule {}/coins-all", case.named("bus"))]);
    eventually("the policies name what is left", || async {
        let (kept, left) = (thing(&format!("queue {}", case.named("g"))), thing(&format!("queue {}", case.named("a"))));
        let right = kept.contains(&first) && !kept.contains(&format!("{first}-2")) && !left.contains(&first);
        if right { Ok(()) } else { Err(format!("{kept} {left}")) }
    })
    .await;
}

const ARN: &str = "arn:aws:sqs:eu-central-1:000000000000:outside";

#[tokio::test]
async fn what_no_schema_sees_of_targets_is_terminal_with_the_field_and_leaves_aws_alone() {
    let case = Case::new().await;
    case.apply(BUS).await;
    case.apply(INBOX).await;
    case.apply(RULE).await;
    case.until_ready::<EventRule>("platform", "coins-all").await;
    let before = thing(&format!("rule {}/coins-all", case.named("bus")));
    for (targets, why, parts) in [
        (
            format!("[{{queueArn: '{ARN}', deadLetterArn: '{ARN}-dlq'}}]"),
            reason::NOT_GRANTED,
            ["spec.targets[0].queueArn", "may not name this ARN", "tenancy"],
        ),
        (
            "[{inboxRef: {name: ledger, namespace: $books}, messageGroupId: all}]".to_owned(),
            reason::INVALID_SPEC,
            ["spec.targets[0].messageGroupId", "/ledger is not FIFO", "leave it out"],
        ),
    ] {
        case.apply(&rule(&targets)).await;
        let found = case.until::<EventRule>("platform", "coins-all", TERMINAL, "True", why).await;
        assert!(parts.iter().all(|part| found.message.contains(part)), "{}: expected {parts:?}", found.message);
    }
    assert_eq!(thing(&format!("rule {}/coins-all", case.named("bus"))), before);
}

#[tokio::test]
async fn a_fifo_inbox_needs_a_group_and_gets_what_cannot_be_delivered_into_its_second_dead_letter_queue() {
    let case = Case::new().await;
    case.apply(BUS).await;
    case.apply(&INBOX.replace("queueName: $ledger", "queueName: $ledger\n  fifo: true")).await;
    case.apply(RULE).await;
    let found = case.until::<EventRule>("platform", "coins-all", TERMINAL, "True", reason::INVALID_SPEC).await;
    assert!(found.message.contains("spec.targets[0].messageGroupId: InboxQueue"), "{}", found.message);
    assert!(found.message.contains("is FIFO: name the group"), "{}", found.message);
    case.apply(&rule("[{inboxRef: {name: ledger, namespace: $books}, messageGroupId: coins}]")).await;
    case.until_ready::<EventRule>("platform", "coins-all").await;
    let found = thing(&format!("rule {}/coins-all", case.named("bus")));
    for part in ["ledger.fifo\"", "ledger-undelivered", "message_group_id: Some(\"coins\")"] {
        assert!(found.contains(part), "{part} in {found}");
    }
}

#[tokio::test]
async fn events_that_may_come_later_than_the_skew_are_warned_of_until_they_may_not() {
    let case = Case::new().await;
    case.apply(BUS).await;
    case.apply(INBOX).await;
    let aged = |age: u32| {
        let retry = format!("retryPolicy: {{maximumEventAgeSeconds: {age}}}");
        rule(&format!("[{{inboxRef: {{name: ledger, namespace: $books}}, {retry}}}]"))
    };
    case.apply(&aged(600)).await;
    let found = case.until::<EventRule>("platform", "coins-all", WITHIN_SKEW, "False", reason::LATER_THAN_SKEW).await;
    assert!(found.message.contains("spec.targets[0].retryPolicy: maximumEventAgeSeconds of 600"), "{}", found.message);
    case.until_ready::<EventRule>("platform", "coins-all").await;
    case.apply(&aged(240)).await;
    eventually("the warning goes", || async {
        let rule = case.api::<EventRule>("platform").get("coins-all").await.unwrap();
        let status = rule.status.unwrap_or_default();
        let seen = status.observed_generation == rule.metadata.generation;
        let warned = conditions::get(&status.conditions, WITHIN_SKEW).is_some();
        if seen && !warned { Ok(()) } else { Err(format!("{:?}", status.conditions)) }
    })
    .await;
}

#[tokio::test]
async fn an_inbox_whose_policy_is_full_makes_the_rule_terminal_and_the_others_are_served() {
    let case = Case::new().await;
    // Long ARNs fill a policy sooner: 8,192 bytes take about ten of these, twice each in a sealed queue's.
    let long = format!("$bus{}", "x".repeat(230));
    case.apply(&BUS.replace("$bus", &long)).await;
    for name in ["ledger", "spare"] {
        case.apply(&inbox(name)).await;
    }
    let full = eventually("a rule finds no room", || async {
        for number in 0..14 {
            let named = rule(&to(&["ledger", "spare"])).replace("coins-all", &format!("coins-{number:02}"));
            case.apply(&named).await;
        }
        let rules = case.api::<EventRule>("platform").list(&kube::api::ListParams::default()).await.unwrap().items;
        let refused = rules.into_iter().find(|rule| {
            let status = rule.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
            conditions::is_true(status, TERMINAL)
        });
        refused.ok_or_else(|| "all have room".to_owned())
    })
    .await;
    let status = full.status.unwrap();
    let terminal = conditions::get(&status.conditions, TERMINAL).unwrap();
    assert_eq!(terminal.reason, reason::NO_ROOM);
    let parts = ["spec.targets", &format!("InboxQueue {}/", case.namespace("books")), "8,192 bytes", "fewer rules"];
    assert!(parts.iter().all(|part| terminal.message.contains(part)), "{}", terminal.message);
}

#[tokio::test]
async fn what_a_rule_waits_for_wakes_it_at_once() {
    // Nothing here looks again by the clock within the hour: only what arrives wakes.
    const AT_ONCE: Duration = Duration::from_secs(20);
    let case = Case::new().await;
    case.apply(RULE).await;
    case.until::<EventRule>("platform", "coins-all", REFERENCES_RESOLVED, "False", reason::REF_NOT_FOUND).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    case.apply(BUS).await;
    case.until_ready::<EventBus>("platform", "core").await;
    let since = Instant::now();
    eventually("the rule waits for its inbox", || async {
        let found = case.until::<EventRule>("platform", "coins-all", READY, "False", reason::REF_NOT_FOUND).await;
        if found.message.contains("InboxQueue") { Ok(()) } else { Err(found.message) }
    })
    .await;
    assert!(since.elapsed() < AT_ONCE, "woken after {:?}", since.elapsed());
    case.apply(INBOX).await;
    case.until_ready::<InboxQueue>("books", "ledger").await;
    let since = Instant::now();
    case.until_ready::<EventRule>("platform", "coins-all").await;
    assert!(since.elapsed() < AT_ONCE, "woken after {:?}", since.elapsed());
}
