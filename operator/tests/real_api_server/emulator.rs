//! Once more through the real adapters, against the emulator, with time to settle: apply, look, delete, look again.

use crds::{EventBus, EventRule, InboxQueue};
use operator_core::{
    names::{BusName, QueueName, role_path},
    owner::{Kind, Owner},
};
use test_cluster::ControlPlane;
use tokio_util::sync::CancellationToken;

use crate::{
    lifecycle::{BUS, INBOX, RULE, all_ready},
    rig::{Case, client_of, install, operate, place},
};

#[tokio::test(flavor = "multi_thread")]
async fn the_emulated_aws_is_as_the_objects_say_and_empty_after_them() {
    eventing_service::install_crypto();
    let endpoint = std::env::var("QSL_TEST_AWS_ENDPOINT")
        .expect("QSL_TEST_AWS_ENDPOINT is not set: this test needs an emulated AWS, which `cargo xtask test` starts");
    let plane = tokio::task::spawn_blocking(ControlPlane::start).await.unwrap().unwrap();
    let config = aws_config::defaults(aws_config::BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(aws_config::Region::new("eu-central-1"))
        .test_credentials()
        .load()
        .await;
    let caller = operator_aws::caller(&config).await.unwrap();
    let mut place = place();
    place.account = caller.account;
    place.settle = std::time::Duration::from_secs(2);
    let aws = operator_aws::connect(&config);
    let client = client_of(plane.kubeconfig()).await;
    install(&client).await;
    let stop = CancellationToken::new();
    let operator = tokio::spawn(operate(client.clone(), aws.clone(), place.clone(), stop.clone()));

    let case = Case::with(client);
    for document in [BUS, INBOX, RULE] {
        case.apply(document).await;
    }
    all_ready(&case).await;
    let allowed = case.api::<InboxQueue>("books").get("ledger").await.unwrap().status.unwrap().allowed_rules;
    let ready = case.api::<EventRule>("platform").get("coins-all").await.unwrap().status.unwrap().conditions;
    let ready = crds::conditions::get(&ready, crds::conditions::READY).unwrap();
    assert!(ready.last_transition_time >= allowed[0].policy_settled_at, "{ready:?} before {allowed:?}");

    let bus = BusName::parse(case.named("bus")).unwrap();
    let rules = aws.buses.rules(&bus, "").await.unwrap();
    assert_eq!(rules.iter().map(|rule| rule.name.as_str()).collect::<Vec<_>>(), ["coins-all"]);
    let targets = aws.buses.targets(&bus, &rules[0].name).await.unwrap();
    assert_eq!(targets.len(), 1);
    let queue = QueueName::parse(case.named("ledger")).unwrap();
    assert!(aws.queues.url(&queue).await.unwrap().is_some());

    case.delete::<EventBus>("platform", "core").await;
    case.delete::<InboxQueue>("books", "ledger").await;
    case.delete::<EventRule>("platform", "coins-all").await;
    case.until_gone::<EventBus>("platform", "core").await;
    case.until_gone::<InboxQueue>("books", "ledger").await;
    assert!(aws.buses.bus(&bus).await.unwrap().is_none());
    assert!(aws.queues.url(&queue).await.unwrap().is_none());
    for (kind, short, name) in [(Kind::EventBus, "platform", "core"), (Kind::InboxQueue, "books", "ledger")] {
        let owner = Owner { kind, namespace: case.namespace(short), name: name.into(), uid: String::new() };
        assert!(aws.roles.under(&role_path(&place, &owner)).await.unwrap().is_empty(), "{owner}");
    }
    stop.cancel();
    operator.await.unwrap();
}
