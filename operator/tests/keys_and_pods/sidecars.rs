//! Pods that want something: a sidecar that they asked for, or what their sidecar waits for.

use crds::InboxQueue;
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, ResourceExt as _,
    api::{Patch, PatchParams, PostParams},
};
use prometheus_client::registry::Registry;
use serde_json::{Value, json};

use crate::{
    pods::{admitted, pod},
    rig::{Case, RELEASE, eventually, pod_metrics},
};

const MISSING: &str = "SidecarMissing";
const WAITING: &str = "SidecarWaiting";

/// Annotations of a pod that publishes on the case's bus.
fn publishes(case: &Case) -> Value {
    let bus = format!("{}/core", case.namespace("platform"));
    json!({"eventing.qsl.dev/inject": "true", "eventing.qsl.dev/publish-to": bus})
}

fn receives() -> Value {
    json!({
        "eventing.qsl.dev/inject": "true", "eventing.qsl.dev/inbox": "ledger", "eventing.qsl.dev/app-port": "8080",
    })
}

/// Annotates a pod that has been made.
async fn annotate(case: &Case, name: &str, annotations: &Value) {
    let api: Api<Pod> = Api::namespaced(case.client.clone(), &case.namespace("strict"));
    let patch = Patch::Merge(json!({"metadata": {"annotations": annotations}}));
    api.patch(name, &PatchParams::default(), &patch).await.unwrap();
}

/// The value of a metric of pods; other tests of this program may add to it.
fn counted(line: &str) -> i64 {
    let mut registry = Registry::with_prefix("qsl_operator");
    registry.register_collector(Box::new(pod_metrics()));
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    text.lines().find_map(|found| found.strip_prefix(line)).map_or(0, |value| value.trim().parse().unwrap())
}

#[tokio::test]
async fn a_pod_that_the_injector_missed_is_told_so_once_and_counted() {
    let case = Case::new().await;
    let names = [admitted(&case, json!({})).await, admitted(&case, json!({})).await];
    let [first, second] = names.map(|pod| pod.unwrap().name_any());
    annotate(&case, &first, &publishes(&case)).await;
    case.until_told("strict", &first, MISSING, "annotated afterwards").await;
    assert!(counted("qsl_operator_missed_pods ") >= 1);
    // When another is told, at least one more round has seen the first.
    annotate(&case, &second, &publishes(&case)).await;
    case.until_told("strict", &second, MISSING, "annotated afterwards").await;
    let told = case.events(&case.namespace("strict"), &first).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].series, None);
    assert_eq!(told[0].type_.as_deref(), Some("Warning"));
}

#[tokio::test]
async fn an_annotated_pod_where_none_is_injected_starts_and_is_told_so() {
    let case = Case::new().await;
    for (namespace, why) in [("kube-system", "namespace kube-system"), (RELEASE, "QSL Eventing is installed in")] {
        let api: Api<Pod> = Api::namespaced(case.client.clone(), namespace);
        let made = api.create(&PostParams::default(), &pod(&publishes(&case))).await.unwrap();
        let name = made.name_any();
        assert_eq!(made.spec.unwrap().init_containers, None);
        eventually("it is told", || async {
            let told = case.events(namespace, &name).await;
            let notes: Vec<_> = told.into_iter().filter_map(|event| event.note).collect();
            if notes.iter().any(|note| note.contains(why)) { Ok(()) } else { Err(notes) }
        })
        .await;
    }
}

#[tokio::test]
async fn a_pod_that_has_the_label_and_no_sidecar_was_missed_too() {
    let case = Case::new().await;
    let name = admitted(&case, json!({})).await.unwrap().name_any();
    let api: Api<Pod> = Api::namespaced(case.client.clone(), &case.namespace("strict"));
    let label = json!({"metadata": {"labels": {"eventing.qsl.dev/injected": "true"}, "annotations": receives()}});
    api.patch(&name, &PatchParams::default(), &Patch::Merge(&label)).await.unwrap();
    case.until_told("strict", &name, MISSING, "asks for a sidecar").await;
}

#[tokio::test]
async fn a_pod_whose_inbox_does_not_exist_yet_starts_and_is_told_what_it_waits_for() {
    let case = Case::new().await;
    let name = admitted(&case, receives()).await.unwrap().name_any();
    case.until_told("strict", &name, WAITING, "InboxQueue ledger of this namespace, which does not exist").await;
    assert!(counted(r#"qsl_operator_waiting_pods{reason="InboxNotFound"} "#) >= 1);

    let spec = json!({"queueName": case.namespace("ledger")});
    case.apply("InboxQueue", "strict", "ledger", &spec).await.unwrap();
    case.until_told("strict", &name, WAITING, "the role of InboxQueue ledger").await;

    // Its controller, which does not run here, makes the role.
    let status = json!({"status": {"roleArn": "arn:aws:iam::000000000000:role/ledger"}});
    let api = case.api::<InboxQueue>("strict");
    api.patch_status("ledger", &PatchParams::default(), &Patch::Merge(&status)).await.unwrap();
    eventually("its configuration is published", || async {
        let map = case.maps(&case.namespace("strict")).get_opt("qsl-eventing").await.unwrap();
        let has = |data: &std::collections::BTreeMap<String, String>| data.contains_key("inbox_ledger");
        map.as_ref().and_then(|map| map.data.as_ref()).is_some_and(has).then_some(()).ok_or(map)
    })
    .await;
    // Both notes stay; once all is there nothing more is said, as the Events of a later pod show.
    let marker = admitted(&case, publishes(&case)).await.unwrap().name_any();
    case.until_told("strict", &marker, WAITING, "which does not exist").await;
    let told = case.told("strict", &name, WAITING).await;
    let about = |what: &str| told.iter().filter(|note| note.contains(what)).count();
    assert_eq!((about("which does not exist"), about("the role of")), (1, 1), "{told:?}");
}

#[tokio::test]
async fn a_pod_whose_bus_is_not_there_or_does_not_grant_it_is_told_so() {
    let case = Case::new().await;
    let name = admitted(&case, publishes(&case)).await.unwrap().name_any();
    let bus = format!("EventBus {}/core", case.namespace("platform"));
    case.until_told("strict", &name, WAITING, &format!("{bus}, which does not exist")).await;

    let publisher = |account: &str| {
        let account = json!({"name": account, "namespace": case.namespace("strict")});
        json!({"serviceAccountRef": account, "sources": ["qsl.coin"]})
    };
    let spec = |publishers: &[Value]| json!({"busName": case.namespace("bus"), "publishers": publishers});
    case.apply("EventBus", "platform", "core", &spec(&[publisher("clerk")])).await.unwrap();
    let account = format!("service account {}/ledger", case.namespace("strict"));
    let told = case.until_told("strict", &name, WAITING, &account).await;
    assert!(told.contains(&bus), "{told}");

    case.apply("EventBus", "platform", "core", &spec(&[publisher("clerk"), publisher("ledger")])).await.unwrap();
    case.until_told("strict", &name, WAITING, &format!("its role at {bus}")).await;
    let types: Vec<_> = case.events(&case.namespace("strict"), &name).await;
    let warnings = types.iter().filter(|event| event.type_.as_deref() == Some("Warning")).count();
    assert_eq!((warnings, types.len()), (2, 3), "what comes by itself is no warning: {types:?}");
}
