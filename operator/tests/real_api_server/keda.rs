//! KEDA's objects, against KEDA's own definitions: a cluster without KEDA, in which it is then installed.

use std::time::Duration;

use crds::{
    InboxQueue,
    conditions::{AUTOSCALING, READY, reason},
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Client, ResourceExt,
    api::{DynamicObject, Patch, PatchParams},
    core::{GroupVersionKind, discovery::ApiResource},
};
use operator_core::fake::{FakeAws, FakeClock};
use serde_json::{Value, json};
use test_cluster::{ControlPlane, Definitions};
use tokio_util::sync::CancellationToken;

use crate::{
    inbox_status::look,
    rig::{Case, client_of, eventually, install, operate, place},
};

const INBOX: &str = r"
kind: InboxQueue
metadata: {name: ledger, namespace: $books}
spec:
  queueName: $ledger
  autoscaling: {scaleTargetRef: {name: ledger}, minReplicas: 0, maxReplicas: 4, messagesPerReplica: 50}
";

async fn install_keda(client: &Client) {
    let definitions = tokio::task::spawn_blocking(|| Definitions::Keda.all().unwrap()).await.unwrap();
    assert!(definitions.len() >= 4, "{}", definitions.len());
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    for definition in &definitions {
        let name = definition["metadata"]["name"].as_str().unwrap();
        api.patch(name, &PatchParams::apply("tests"), &Patch::Apply(definition)).await.unwrap();
    }
    for definition in &definitions {
        let name = definition["metadata"]["name"].as_str().unwrap();
        let established = kube::runtime::conditions::is_crd_established();
        let waiting = kube::runtime::wait::await_condition(api.clone(), name, established);
        tokio::time::timeout(Duration::from_mins(1), waiting).await.unwrap().unwrap();
    }
}

fn objects(case: &Case, kind: &str) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("keda.sh", "v1alpha1", kind));
    Api::namespaced_with(case.client.clone(), &case.namespace("books"), &resource)
}

async fn edit(case: &Case, spec: Value) {
    let patch = Patch::Merge(json!({"spec": spec}));
    case.api::<InboxQueue>("books").patch("ledger", &PatchParams::default(), &patch).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn consumers_are_scaled_where_keda_is_and_elsewhere_the_inbox_says_so() {
    eventing_service::install_crypto();
    let plane = tokio::task::spawn_blocking(ControlPlane::start).await.unwrap().unwrap();
    let client = client_of(plane.kubeconfig()).await;
    install(&client).await;
    let fake = FakeAws::new(&place(), &FakeClock::new());
    let stop = CancellationToken::new();
    let operator = tokio::spawn(operate(client.clone(), fake.aws(), place(), stop.clone()));
    let case = Case::with(client.clone());

    case.apply(INBOX).await;
    let found = case.until::<InboxQueue>("books", "ledger", AUTOSCALING, "False", reason::KEDA_NOT_INSTALLED).await;
    assert!(found.message.contains("nothing scales Deployment ledger"), "{}", found.message);
    case.until_ready::<InboxQueue>("books", "ledger").await;

    // KEDA comes; what is theirs under the inbox's name is left alone.
    install_keda(&client).await;
    let (scaled, authentications) = (objects(&case, "ScaledObject"), objects(&case, "TriggerAuthentication"));
    let foreign = json!({"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": {"name": "ledger"},
        "spec": {"scaleTargetRef": {"name": "other"}, "triggers": [{"type": "cron", "metadata": {}}]}});
    scaled.patch("ledger", &PatchParams::apply("tests"), &Patch::Apply(&foreign)).await.unwrap();
    look(&case, "keda is here").await;
    let found = case.until::<InboxQueue>("books", "ledger", AUTOSCALING, "False", reason::NOT_OURS).await;
    assert!(found.message.contains("ScaledObject ledger exists"), "{}", found.message);
    assert_eq!(scaled.get("ledger").await.unwrap().data["spec"]["scaleTargetRef"]["name"], "other");

    scaled.delete("ledger", &kube::api::DeleteParams::default()).await.unwrap();
    look(&case, "theirs is gone").await;
    case.until::<InboxQueue>("books", "ledger", AUTOSCALING, "True", reason::SCALED_OBJECT_APPLIED).await;
    let inbox = case.api::<InboxQueue>("books").get("ledger").await.unwrap();
    let made = scaled.get("ledger").await.unwrap();
    assert_eq!(made.owner_references()[0].uid, inbox.uid().unwrap());
    assert_eq!(made.data["spec"]["maxReplicaCount"], 4);
    let trigger = &made.data["spec"]["triggers"][0];
    assert_eq!(trigger["metadata"]["queueURL"], json!(inbox.status.unwrap().queue_url.unwrap()));
    assert_eq!(trigger["metadata"]["queueLength"], "50");
    let authentication = trigger["authenticationRef"]["name"].as_str().unwrap();
    assert_eq!(authentications.get(authentication).await.unwrap().data["spec"]["podIdentity"]["provider"], "aws");

    // An edit, a pause, and somebody else's hand.
    edit(&case, json!({"autoscaling": {"maxReplicas": 9}, "consuming": "Paused"})).await;
    eventually("the ScaledObject follows", || async {
        let now = scaled.get("ledger").await.unwrap();
        let paused = now.annotations().get("autoscaling.keda.sh/paused").cloned();
        let most = now.data["spec"]["maxReplicaCount"].clone();
        if most == 9 && paused.as_deref() == Some("true") { Ok(()) } else { Err(format!("{most} {paused:?}")) }
    })
    .await;
    let by_hand = Patch::Merge(json!({"spec": {"maxReplicaCount": 99}}));
    scaled.patch("ledger", &PatchParams::default(), &by_hand).await.unwrap();
    look(&case, "by hand").await;
    eventually("it is put right", || async {
        let most = scaled.get("ledger").await.unwrap().data["spec"]["maxReplicaCount"].clone();
        if most == 9 { Ok(()) } else { Err(most.to_string()) }
    })
    .await;
    let version = scaled.get("ledger").await.unwrap().resource_version();
    look(&case, "once more").await;
    assert_eq!(scaled.get("ledger").await.unwrap().resource_version(), version, "what stands is not written");

    // With the field everything goes.
    edit(&case, json!({"autoscaling": null})).await;
    eventually("KEDA's objects are gone", || async {
        let (one, other) = (scaled.get_opt("ledger").await.unwrap(), authentications.get_opt("ledger").await.unwrap());
        if one.is_none() && other.is_none() { Ok(()) } else { Err("one is left".to_owned()) }
    })
    .await;
    case.until_ready::<InboxQueue>("books", "ledger").await;
    let status = case.api::<InboxQueue>("books").get("ledger").await.unwrap().status.unwrap();
    assert!(crds::conditions::get(&status.conditions, AUTOSCALING).is_none(), "{:?}", status.conditions);
    assert!(crds::conditions::is_true(&status.conditions, READY));
    stop.cancel();
    operator.await.unwrap();
}
