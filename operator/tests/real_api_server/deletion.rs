//! The way out.

use crds::{
    EventBus, EventRule, InboxQueue, SigningKey,
    conditions::{DELETION_BLOCKED, SYNCED, reason},
    names::{FORCE_DELETE, PAUSED},
};
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, api::DeleteParams};
use operator_core::{names::QueueName, ports::Counts};

use crate::{
    lifecycle::{BUS, INBOX, KEY, RULE, all_ready},
    rig::{Case, eventually, rig, thing},
};

async fn ready() -> Case {
    let case = Case::new().await;
    for document in [BUS, KEY, INBOX, RULE] {
        case.apply(document).await;
    }
    all_ready(&case).await;
    case
}

fn hold(case: &Case, queue: &str, visible: u64) {
    let counts = Counts { visible, ..Counts::default() };
    rig().fake.set_counts(&QueueName::parse(case.named(queue)).unwrap(), counts);
}

#[tokio::test]
async fn deleting_all_at_once_leaves_aws_empty() {
    let case = ready().await;
    assert!(!case.things().is_empty());
    case.delete::<EventBus>("platform", "core").await;
    case.delete::<InboxQueue>("books", "ledger").await;
    case.delete::<EventRule>("platform", "coins-all").await;
    case.delete::<SigningKey>("platform", "coins").await;
    case.until_gone::<EventRule>("platform", "coins-all").await;
    case.until_gone::<InboxQueue>("books", "ledger").await;
    case.until_gone::<EventBus>("platform", "core").await;
    case.until_gone::<SigningKey>("platform", "coins").await;
    assert_eq!(case.things(), Vec::<String>::new());
}

#[tokio::test]
async fn an_inbox_with_dead_letters_stays_until_it_is_forced() {
    let case = ready().await;
    hold(&case, "ledger-dlq", 3);
    case.delete::<InboxQueue>("books", "ledger").await;
    let found = case.until::<InboxQueue>("books", "ledger", DELETION_BLOCKED, "True", reason::MESSAGES_LEFT).await;
    assert!(found.message.contains(&format!("{} holds 3 messages", case.named("ledger-dlq"))), "{}", found.message);
    assert!(found.message.contains(FORCE_DELETE), "{}", found.message);
    // Its rule has lost it meanwhile, and says so.
    case.until::<EventRule>("platform", "coins-all", crds::conditions::READY, "False", reason::REF_NOT_FOUND).await;
    case.annotate::<InboxQueue>("books", "ledger", FORCE_DELETE, "true").await;
    case.until_gone::<InboxQueue>("books", "ledger").await;
    assert!(case.things().iter().all(|name| !name.starts_with("queue ")), "{:?}", case.things());
}

#[tokio::test]
async fn a_bus_with_rules_stays_until_they_are_gone() {
    let case = ready().await;
    case.delete::<EventBus>("platform", "core").await;
    let found = case.until::<EventBus>("platform", "core", DELETION_BLOCKED, "True", reason::RULES_LEFT).await;
    assert!(found.message.contains(&format!("{}/coins-all", case.namespace("platform"))), "{}", found.message);
    case.delete::<EventRule>("platform", "coins-all").await;
    case.until_gone::<EventBus>("platform", "core").await;
    assert!(!case.things().contains(&format!("bus {}", case.named("bus"))));
}

#[tokio::test]
async fn a_bus_that_is_forced_goes_with_what_its_rules_made_and_they_wait_for_another() {
    let case = ready().await;
    case.delete::<EventBus>("platform", "core").await;
    let found = case.until::<EventBus>("platform", "core", DELETION_BLOCKED, "True", reason::RULES_LEFT).await;
    assert!(found.message.contains(&format!("{FORCE_DELETE}=true")), "{}", found.message);
    assert!(case.things().contains(&format!("rule {}/coins-all", case.named("bus"))), "nothing is gone before");
    case.annotate::<EventBus>("platform", "core", FORCE_DELETE, "true").await;
    case.until_gone::<EventBus>("platform", "core").await;
    case.until::<EventRule>("platform", "coins-all", crds::conditions::READY, "False", reason::REF_NOT_FOUND).await;
    let left: Vec<String> = case.things().into_iter().filter(|name| !name.contains("ledger")).collect();
    assert_eq!(left, Vec::<String>::new(), "of the bus, its rule and its publishers");
    let arn = format!("rule/{}/coins-all", case.named("bus"));
    eventually("the inbox lets the rule in no more", || async {
        let queue = thing(&format!("queue {}", case.named("ledger")));
        if queue.contains(&arn) { Err(queue) } else { Ok(()) }
    })
    .await;
    // The rule is there, and goes on where there is a bus again.
    case.apply(BUS).await;
    all_ready(&case).await;
    assert!(case.things().contains(&format!("rule {}/coins-all", case.named("bus"))));
}

#[tokio::test]
async fn what_is_retained_stays() {
    let case = Case::new().await;
    let retained = INBOX.replace("serviceAccounts", "deletionPolicy: Retain\n  serviceAccounts");
    case.apply(&retained).await;
    case.until_ready::<InboxQueue>("books", "ledger").await;
    case.delete::<InboxQueue>("books", "ledger").await;
    case.until_gone::<InboxQueue>("books", "ledger").await;
    assert!(rig().fake.things().contains_key(&format!("queue {}", case.named("ledger"))));
}

#[tokio::test]
async fn an_object_that_never_came_to_anything_goes_at_once() {
    let case = Case::new().await;
    case.apply(RULE).await;
    case.until::<EventRule>("platform", "coins-all", crds::conditions::READY, "False", reason::REF_NOT_FOUND).await;
    case.delete::<EventRule>("platform", "coins-all").await;
    case.until_gone::<EventRule>("platform", "coins-all").await;
}

#[tokio::test]
async fn nothing_is_made_in_a_namespace_that_is_going_away() {
    let case = Case::new().await;
    let paused =
        INBOX.replace("namespace: $books", "namespace: $books, annotations: {eventing.qsl.dev/paused: 'true'}");
    case.apply(&paused).await;
    case.until::<InboxQueue>("books", "ledger", SYNCED, "False", reason::RECONCILE_PAUSED).await;
    let namespaces: Api<Namespace> = Api::all(case.client.clone());
    namespaces.delete(&case.namespace("books"), &DeleteParams::default()).await.unwrap();
    case.annotate::<InboxQueue>("books", "ledger", PAUSED, "false").await;
    // Another inbox, made after that, is what tells us that the operator went on.
    case.apply(&INBOX.replace("$books", "$shelf").replace("queueName: $ledger", "queueName: $shelf")).await;
    case.until_ready::<InboxQueue>("shelf", "ledger").await;
    assert!(!case.things().contains(&format!("queue {}", case.named("ledger"))), "{:?}", case.things());
    let inbox = case.api::<InboxQueue>("books").get("ledger").await.unwrap();
    assert!(inbox.metadata.finalizers.is_none());
}
