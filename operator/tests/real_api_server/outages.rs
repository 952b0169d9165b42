//! AWS is away, or refuses the operator: what the object says meanwhile, and that it goes on by itself. With a control
//! plane and an AWS of its own, since all calls fail.

use crds::{
    EventBus, InboxQueue,
    conditions::{READY, SYNCED, reason},
    names::{FINALIZER, RECONCILE_REQUESTED_AT},
};
use kube::ResourceExt;
use operator_core::{
    error::ErrorClass,
    fake::{FakeAws, FakeClock, Fault, Faults, When},
};
use test_cluster::ControlPlane;
use tokio_util::sync::CancellationToken;

use crate::{
    lifecycle::{BUS, INBOX},
    rig::{Case, client_of, install, operate, place},
};

/// Every call fails, and changes nothing.
fn away() -> Faults {
    Faults::seeded(1).with(Fault::Unavailable(When::Before), 1000)
}

#[tokio::test(flavor = "multi_thread")]
async fn while_aws_is_away_objects_say_so_stay_and_go_on_when_it_is_back() {
    eventing_service::install_crypto();
    let plane = tokio::task::spawn_blocking(ControlPlane::start).await.unwrap().unwrap();
    let client = client_of(plane.kubeconfig()).await;
    install(&client).await;
    let fake = FakeAws::new(&place(), &FakeClock::new());
    let stop = CancellationToken::new();
    let operator = tokio::spawn(operate(client.clone(), fake.aws(), place(), stop.clone()));
    let case = Case::with(client);

    // Made while AWS is away.
    fake.set_faults(Some(away()));
    case.apply(BUS).await;
    let found = case.until::<EventBus>("platform", "core", READY, "False", "Retryable").await;
    assert!(found.message.contains("EventBridge DescribeEventBus") && found.message.contains("503"), "{found:?}");
    case.until::<EventBus>("platform", "core", SYNCED, "False", reason::RECONCILE_ERROR).await;
    fake.set_faults(None);
    case.until_ready::<EventBus>("platform", "core").await;

    // What was ready stays ready: nothing is known to be wrong with it.
    fake.set_faults(Some(away()));
    case.annotate::<EventBus>("platform", "core", RECONCILE_REQUESTED_AT, "now").await;
    case.until::<EventBus>("platform", "core", SYNCED, "False", reason::RECONCILE_ERROR).await;
    case.until_ready::<EventBus>("platform", "core").await;

    // Deleted while AWS is away: it says why it stays, and goes by itself later.
    case.delete::<EventBus>("platform", "core").await;
    let found = case.until::<EventBus>("platform", "core", READY, "False", reason::DELETING).await;
    assert!(found.message.contains("503"), "{}", found.message);
    let object = case.api::<EventBus>("platform").get("core").await.unwrap();
    assert!(object.finalizers().iter().any(|finalizer| finalizer == FINALIZER));
    let things = fake.things();
    assert!(things.contains_key(&format!("bus {}", case.named("bus"))), "{:?}", things.keys());
    fake.set_faults(None);
    case.until_gone::<EventBus>("platform", "core").await;
    assert!(fake.things().is_empty(), "{:?}", fake.things().keys());

    // Refused for want of a permission: it says which, and is not terminal.
    fake.fail_next("CreateQueue", When::Before, ErrorClass::Denied);
    case.apply(INBOX).await;
    let found = case.until::<InboxQueue>("books", "ledger", READY, "False", "Denied").await;
    assert!(found.message.contains("lacks sqs:CreateQueue"), "{}", found.message);
    let conditions = case.api::<InboxQueue>("books").get("ledger").await.unwrap().status.unwrap().conditions;
    assert!(crds::conditions::get(&conditions, crds::conditions::TERMINAL).is_none(), "{conditions:?}");
    case.until_ready::<InboxQueue>("books", "ledger").await;

    stop.cancel();
    operator.await.unwrap();
}
