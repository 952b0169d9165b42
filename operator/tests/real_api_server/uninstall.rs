//! Before the release goes: nothing is left behind that nobody can delete.

use crds::{EventBus, EventRule, InboxQueue, SigningKey, names::FINALIZER};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams},
};
use operator::uninstall::{Args, Refusal, run};
use operator_core::fake::{FakeAws, FakeClock};
use test_cluster::ControlPlane;
use tokio_util::sync::CancellationToken;

use crate::{
    lifecycle::{BUS, INBOX, KEY, RULE, all_ready},
    rig::{Case, client_of, eventually, install, operate, place},
};

fn args(keep_aws: bool) -> Args {
    let bring_back = "helm rollback quay 7 -n ops".to_owned();
    Args { release_namespace: "qsl-system".to_owned(), keep_aws, bring_back, stop_seconds: 5 }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_there_are_objects_it_stops_and_names_them_and_keeping_aws_frees_them_and_their_namespaces() {
    eventing_service::install_crypto();
    let plane = tokio::task::spawn_blocking(ControlPlane::start_with_controllers).await.unwrap().unwrap();
    let place = place();
    let fake = FakeAws::new(&place, &FakeClock::new());
    let client = client_of(plane.kubeconfig()).await;
    install(&client).await;
    run(&client, &args(false)).await.expect("an installation without objects may go");
    let stop = CancellationToken::new();
    let operator = tokio::spawn(operate(client.clone(), fake.aws(), place, stop.clone()));
    let case = Case::with(client.clone());
    for document in [BUS, KEY, INBOX, RULE] {
        case.apply(document).await;
    }
    all_ready(&case).await;
    case.until_ready::<SigningKey>("platform", "coins").await;

    let refusal = run(&client, &args(false)).await.unwrap_err();
    let said = refusal.to_string();
    let (platform, books) = (case.namespace("platform"), case.namespace("books"));
    assert!(said.starts_with("4 objects are there"), "{said}");
    for object in [
        format!("EventBus {platform}/core"),
        format!("SigningKey {platform}/coins"),
        format!("EventRule {platform}/coins-all"),
        format!("InboxQueue {books}/ledger"),
    ] {
        assert!(said.contains(&object), "{object}: {said}");
    }
    assert!(said.contains("(helm rollback quay 7 -n ops)") && said.contains("uninstall.keepAws=true"), "{said}");
    let bus = case.api::<EventBus>("platform").get("core").await.unwrap();
    assert!(bus.finalizers().contains(&FINALIZER.to_owned()), "a refusal changes nothing");

    // As the chart's Deployment is, which is scaled to nothing first.
    stop.cancel();
    operator.await.unwrap();
    let before = case.things();
    run(&client, &args(true)).await.unwrap();
    assert!(case.api::<EventRule>("platform").get("coins-all").await.unwrap().finalizers().is_empty());
    assert!(case.api::<InboxQueue>("books").get("ledger").await.unwrap().finalizers().is_empty());
    let namespaces: Api<Namespace> = Api::all(client.clone());
    for namespace in [&platform, &books] {
        namespaces.delete(namespace, &DeleteParams::default()).await.unwrap();
    }
    eventually("the namespaces go with all that is in them", async || {
        let left = namespaces.list(&ListParams::default()).await.unwrap();
        let left: Vec<String> = left.items.iter().map(ResourceExt::name_any).collect();
        if left.contains(&platform) || left.contains(&books) { Err(left) } else { Ok(()) }
    })
    .await;
    assert_eq!(case.things(), before, "what is in AWS stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_that_does_not_end_is_named_and_no_finalizer_is_taken_away() {
    eventing_service::install_crypto();
    let plane = tokio::task::spawn_blocking(ControlPlane::start).await.unwrap().unwrap();
    let client = client_of(plane.kubeconfig()).await;
    install(&client).await;
    crate::rig::make_namespace(&client, "qsl-system").await;
    let case = Case::with(client.clone());
    case.apply(&BUS.replace("namespace: $platform}", &format!("namespace: $platform, finalizers: [{FINALIZER}]}}")))
        .await;
    let pod = serde_json::json!({"apiVersion": "v1", "kind": "Pod", "metadata": {
        "name": "qsl-operator-1", "namespace": "qsl-system", "labels": {"app.kubernetes.io/name": "qsl-operator"},
    }, "spec": {"automountServiceAccountToken": false, "containers": [{"name": "operator", "image": "operator"}]}});
    let pods: Api<k8s_openapi::api::core::v1::Pod> = Api::namespaced(client.clone(), "qsl-system");
    pods.create(&kube::api::PostParams::default(), &serde_json::from_value(pod).unwrap()).await.unwrap();
    let refusal = run(&client, &Args { stop_seconds: 1, ..args(true) }).await.unwrap_err();
    assert!(matches!(&refusal, Refusal::Running { pods, .. } if pods == "qsl-operator-1"), "{refusal}");
    let bus = case.api::<EventBus>("platform").get("core").await.unwrap();
    assert_eq!(bus.finalizers(), [FINALIZER]);
}
