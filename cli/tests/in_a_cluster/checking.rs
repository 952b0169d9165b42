//! `kubectl-qsl check`.

use serde_json::{Value, json};
use test_cluster::ControlPlane;

use crate::program::run;

const OBJECTS: &str = r#"
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: till, namespace: shop}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: till, namespace: shop, annotations: {eventing.qsl.dev/inject: "true"}}
spec:
  selector: {matchLabels: {app: till}}
  template:
    metadata: {labels: {app: till}}
    spec: {containers: [{name: till, image: till}]}
---
apiVersion: v1
kind: Pod
metadata: {name: missed, namespace: shop, annotations: {eventing.qsl.dev/inject: "true"}}
spec: {serviceAccountName: till, automountServiceAccountToken: false, containers: [{name: till, image: till}]}
---
apiVersion: v1
kind: Pod
metadata:
  name: waits
  namespace: shop
  annotations: {eventing.qsl.dev/inject: "true"}
  labels: {eventing.qsl.dev/injected: "true"}
spec: {serviceAccountName: till, automountServiceAccountToken: false, containers: [{name: till, image: till}]}
"#;

#[test]
fn who_asked_for_a_sidecar_and_has_none_and_whose_sidecar_waits_is_said() {
    let plane = ControlPlane::start().unwrap();
    let kubectl = plane.kubectl();
    let kubeconfig = kubectl.kubeconfig().display().to_string();
    let check = |more: &[&str]| run(&[&["check", "--kubeconfig", &kubeconfig], more].concat(), "");
    let nothing = check(&["-A"]);
    assert_eq!((nothing.code, nothing.out.as_str()), (0, ""), "{}", nothing.err);

    kubectl.apply(OBJECTS).unwrap();
    let uid = kubectl.run(["get", "pod", "waits", "-n", "shop", "-o", "jsonpath={.metadata.uid}"]).unwrap();
    let event = json!({"apiVersion": "events.k8s.io/v1", "kind": "Event",
        "metadata": {"name": "waits.1", "namespace": "shop"}, "reason": "SidecarWaiting", "type": "Normal",
        "note": "waits for InboxQueue shop/tills", "action": "Observe", "eventTime": "2026-11-27T12:00:00.000000Z",
        "reportingController": "qsl-operator", "reportingInstance": "qsl-operator-0",
        "regarding": {"apiVersion": "v1", "kind": "Pod", "name": "waits", "namespace": "shop", "uid": uid}});
    kubectl.apply(&event.to_string()).unwrap();

    let answer = check(&["-n", "shop", "-o", "json"]);
    assert_eq!((answer.code, answer.err.as_str()), (3, ""));
    let found: Vec<Value> = serde_json::from_str(&answer.out).unwrap();
    let found: Vec<_> = found.iter().map(|found| (found["object"].as_str(), found["reason"].as_str())).collect();
    let expected =
        [("Deployment/till", "AnnotationMisplaced"), ("Pod/missed", "SidecarMissing"), ("Pod/waits", "SidecarWaiting")];
    assert_eq!(found, expected.map(|(object, reason)| (Some(object), Some(reason))));
    let table = check(&["-n", "shop"]);
    assert!(table.out.contains("waits for InboxQueue shop/tills (said "), "{}", table.out);
    assert_eq!(check(&["-n", "default"]).code, 0, "another namespace is none of it");
    plane.stop().unwrap();
}
