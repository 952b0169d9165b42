//! The order that loses nothing: policies first, time to settle, then targets; the way back in the other order.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use crds::{EventBus, EventRule, InboxQueue, conditions::READY, conditions::reason};
use operator_core::fake::{Call, FakeAws, FakeClock, When};
use test_cluster::ControlPlane;
use tokio_util::sync::CancellationToken;

use crate::{
    lifecycle::{BUS, INBOX, RULE},
    rig::{Case, client_of, eventually, install, operate, place},
};

const SETTLE: Duration = Duration::from_secs(4);

/// What changed something in AWS, and when that was done.
type Done = Arc<Mutex<Vec<(&'static str, Instant)>>>;

fn recording(fake: &FakeAws) -> Done {
    let done = Done::default();
    let record = Arc::clone(&done);
    fake.set_hook(Some(Arc::new(move |when: When, call: &Call| {
        if when == When::After && call.write {
            record.lock().unwrap().push((call.operation, Instant::now()));
        }
        Box::pin(async {})
    })));
    done
}

fn operations(done: &Done) -> Vec<&'static str> {
    done.lock().unwrap().iter().map(|(operation, _)| *operation).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_come_after_their_policies_have_settled_and_go_before_them() {
    eventing_service::install_crypto();
    let plane = tokio::task::spawn_blocking(ControlPlane::start).await.unwrap().unwrap();
    let mut place = place();
    place.settle = SETTLE;
    let fake = FakeAws::new(&place, &FakeClock::new());
    let client = client_of(plane.kubeconfig()).await;
    install(&client).await;
    let stop = CancellationToken::new();
    let operator = tokio::spawn(operate(client.clone(), fake.aws(), place, stop.clone()));
    let case = Case::with(client);

    case.apply(BUS).await;
    case.apply(INBOX).await;
    case.until_ready::<EventBus>("platform", "core").await;
    case.until_ready::<InboxQueue>("books", "ledger").await;
    let done = recording(&fake);
    case.apply(RULE).await;
    case.until::<EventRule>("platform", "coins-all", READY, "False", reason::SETTLING).await;
    case.until_ready::<EventRule>("platform", "coins-all").await;
    let seen = done.lock().unwrap().clone();
    let last_policy = seen.iter().rfind(|(operation, _)| *operation == "SetQueueAttributes").unwrap().1;
    let targets = seen.iter().find(|(operation, _)| *operation == "PutTargets").unwrap().1;
    assert!(targets >= last_policy + SETTLE, "put {:?} after the policy: {seen:?}", targets - last_policy);

    done.lock().unwrap().clear();
    case.apply(&RULE.replace("targets: [{inboxRef: {name: ledger, namespace: $books}}]", "targets: []")).await;
    eventually("the policies are closed", || async {
        let operations = operations(&done);
        let closed = operations.iter().filter(|operation| **operation == "SetQueueAttributes").count();
        if closed >= 2 { Ok(()) } else { Err(format!("{operations:?}")) }
    })
    .await;
    let back = operations(&done);
    let at = |name: &str| back.iter().position(|operation| *operation == name).unwrap();
    assert!(at("RemoveTargets") < at("SetQueueAttributes"), "{back:?}");
    stop.cancel();
    operator.await.unwrap();
}
