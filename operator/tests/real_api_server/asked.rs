//! What annotations ask of a controller, and a namespace that waits for what is in it.

use crds::{
    EventBus, InboxQueue,
    conditions::{DELETION_BLOCKED, SYNCED, reason},
    names::{FORCE_DELETE, PAUSED, POLL_INTERVAL, RECONCILE_REQUESTED_AT},
};
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, api::DeleteParams};
use operator_core::{
    names::{BusName, QueueName},
    ports::Counts,
};

use crate::{
    events::described,
    lifecycle::{BUS, INBOX},
    rig::{Case, eventually, rig, thing},
};

#[tokio::test]
async fn a_paused_object_is_not_repaired_and_a_request_waits_until_it_is_resumed() {
    let case = Case::new().await;
    case.apply(BUS).await;
    case.until_ready::<EventBus>("platform", "core").await;
    case.annotate::<EventBus>("platform", "core", PAUSED, "true").await;
    case.until::<EventBus>("platform", "core", SYNCED, "False", reason::RECONCILE_PAUSED).await;
    let name = BusName::parse(case.named("bus")).unwrap();
    rig().fake.aws().buses.change_bus(&name, &described("mine now")).await.unwrap();
    case.annotate::<EventBus>("platform", "core", RECONCILE_REQUESTED_AT, "monday").await;
    // Another bus, made after that, is what tells us that the operator went on.
    case.apply(&BUS.replace("name: core", "name: other").replace("busName: $bus", "busName: $other")).await;
    case.until_ready::<EventBus>("platform", "other").await;
    assert!(thing(&format!("bus {name}")).contains("mine now"));
    let handled = || async {
        let object = case.api::<EventBus>("platform").get("core").await.unwrap();
        object.status.and_then(|status| status.last_handled_reconcile_at)
    };
    assert_eq!(handled().await, None);
    case.annotate::<EventBus>("platform", "core", PAUSED, "false").await;
    eventually("the request is answered", || async {
        let handled = handled().await;
        if handled.as_deref() == Some("monday") { Ok(()) } else { Err(format!("{handled:?}")) }
    })
    .await;
    assert!(!thing(&format!("bus {name}")).contains("mine now"));
}

#[tokio::test]
async fn a_poll_interval_that_cannot_be_is_ignored_and_said() {
    let case = Case::new().await;
    let soon =
        BUS.replace("namespace: $platform", "namespace: $platform, annotations: {eventing.qsl.dev/poll-interval: 5s}");
    case.apply(&soon).await;
    case.until_ready::<EventBus>("platform", "core").await;
    let told = case.until_told::<EventBus>("platform", "core", "Warning InvalidAnnotation:").await;
    assert!(told.contains(POLL_INTERVAL) && told.contains("1m to 24h"), "{told}");
}

#[tokio::test]
async fn a_namespace_that_is_deleted_waits_for_messages_says_so_and_goes_when_it_is_forced() {
    let case = Case::new().await;
    case.apply(INBOX).await;
    case.until_ready::<InboxQueue>("books", "ledger").await;
    let counts = Counts { visible: 2, ..Counts::default() };
    rig().fake.set_counts(&QueueName::parse(case.named("ledger")).unwrap(), counts);
    let namespaces: Api<Namespace> = Api::all(case.client.clone());
    let name = case.namespace("books");
    namespaces.delete(&name, &DeleteParams::default()).await.unwrap();
    case.delete::<InboxQueue>("books", "ledger").await;
    let found = case.until::<InboxQueue>("books", "ledger", DELETION_BLOCKED, "True", reason::MESSAGES_LEFT).await;
    assert!(found.message.contains(&format!("namespace {name} is being deleted and waits for this")), "{found:?}");
    assert!(found.message.contains(FORCE_DELETE), "{}", found.message);
    case.annotate::<InboxQueue>("books", "ledger", FORCE_DELETE, "true").await;
    case.until_gone::<InboxQueue>("books", "ledger").await;
    assert!(case.things().is_empty(), "{:?}", case.things());
}
