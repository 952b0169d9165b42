//! The flow of a real API server's objects, as the program shows it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

mod program;

use program::{Answer, run};
use serde_json::{Value, json};
use test_cluster::{ControlPlane, Kubectl};

const OBJECTS: &str = r"
apiVersion: v1
kind: Namespace
metadata: {name: city}
---
apiVersion: v1
kind: Namespace
metadata: {name: yard}
---
apiVersion: v1
kind: Pod
metadata: {name: arrivals-1, namespace: yard, annotations: {eventing.qsl.dev/inbox: arrivals}}
spec: {automountServiceAccountToken: false, containers: [{name: app, image: app}]}
---
apiVersion: v1
kind: Pod
metadata: {name: arrivals-2, namespace: yard, annotations: {eventing.qsl.dev/inbox: arrivals}}
spec: {automountServiceAccountToken: false, containers: [{name: app, image: app}]}
---
apiVersion: v1
kind: Pod
metadata: {name: done, namespace: yard, annotations: {eventing.qsl.dev/inbox: arrivals}}
spec: {automountServiceAccountToken: false, containers: [{name: app, image: app}]}
";
const FLOW: &str = r"
apiVersion: eventing.qsl.dev/v1alpha1
kind: EventBus
metadata: {name: lanes, namespace: city}
spec: {busName: city-lanes, publishers: [{serviceAccountRef: {name: driver}, sources: [qsl.tram]}]}
---
apiVersion: eventing.qsl.dev/v1alpha1
kind: SigningKey
metadata: {name: trams, namespace: city}
spec: {busRef: {name: lanes}, algorithm: ML-DSA-44, sources: [qsl.tram]}
---
apiVersion: eventing.qsl.dev/v1alpha1
kind: EventRule
metadata: {name: all, namespace: city}
spec:
  busRef: {name: lanes}
  eventPattern: {source: [qsl.tram]}
  targets: [{inboxRef: {name: arrivals, namespace: yard}}]
---
apiVersion: eventing.qsl.dev/v1alpha1
kind: InboxQueue
metadata: {name: arrivals, namespace: yard}
spec: {queueName: arrivals}
---
apiVersion: eventing.qsl.dev/v1alpha1
kind: InboxQueue
metadata: {name: lost, namespace: yard}
spec: {queueName: lost, consuming: Paused}
";

fn told(kubectl: &Kubectl, namespace: &str, kind: &str, name: &str, status: Value) {
    let mut status = status;
    status["conditions"] = json!([{"type": "Ready", "status": "True", "reason": "Available", "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z"}]);
    patch(kubectl, namespace, kind, name, &status);
}

fn patch(kubectl: &Kubectl, namespace: &str, kind: &str, name: &str, status: &Value) {
    let patch = json!({ "status": status }).to_string();
    kubectl.run(["-n", namespace, "patch", kind, name, "--subresource=status", "--type=merge", "-p", &patch]).unwrap();
}

fn status(kubectl: &Kubectl, more: &[&str]) -> Answer {
    let kubeconfig = kubectl.kubeconfig().display().to_string();
    run(&[&["status", "--kubeconfig", &kubeconfig], more].concat(), "")
}

#[test]
fn the_flow_is_a_tree_from_buses_to_pods_and_what_is_not_well_says_why() {
    let plane = ControlPlane::start().unwrap();
    let kubectl = plane.kubectl();
    kubectl.apply(OBJECTS).unwrap();
    let crds = concat!(env!("QSL_WORKSPACE"), "crds/generated");
    kubectl.run(["apply", "--server-side", "-f", crds]).unwrap();
    kubectl.run(["wait", "--for=condition=Established", "crd", "--all"]).unwrap();
    let nothing = status(&kubectl, &["-A"]);
    assert_eq!((nothing.code, nothing.out.as_str()), (0, ""));
    assert!(nothing.err.starts_with("There are no EventBuses"), "{}", nothing.err);

    kubectl.apply(FLOW).unwrap();
    let unseen = status(&kubectl, &["-n", "city"]);
    assert_eq!(unseen.code, 3);
    assert!(
        unseen.out.contains("EventBus city/lanes  city-lanes, 1 publisher  ! not ready: the operator has not seen it")
    );
    assert!(unseen.out.contains("InboxQueue yard/arrivals (not looked at)"), "{}", unseen.out);

    let counted = jiff::Timestamp::now().to_string();
    told(&kubectl, "city", "ebus", "lanes", json!({}));
    told(
        &kubectl,
        "city",
        "skey",
        "trams",
        json!({"activeKid": "trams-b", "nextRotationTime": "2100-01-01T00:00:00Z"}),
    );
    told(&kubectl, "city", "erule", "all", json!({}));
    let depths =
        json!({"depth": 3, "inFlight": 1, "deadLetters": 0, "oldestMessageAgeSeconds": 200, "countedAt": counted});
    told(&kubectl, "yard", "inbox", "arrivals", depths);
    told(&kubectl, "yard", "inbox", "lost", json!({"depth": 0, "inFlight": 0, "deadLetters": 0, "countedAt": counted}));
    let ready = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]});
    patch(&kubectl, "yard", "pod", "arrivals-1", &ready);
    patch(&kubectl, "yard", "pod", "arrivals-2", &ready);
    patch(&kubectl, "yard", "pod", "done", &json!({"phase": "Succeeded"}));
    let well = status(&kubectl, &["-A"]);
    let expected = "\
EventBus city/lanes  city-lanes, 1 publisher
├─ SigningKey city/trams  ML-DSA-44, trams-b signs
└─ EventRule city/all
   └─ InboxQueue yard/arrivals  3 waiting, the oldest 3m, 1 in flight
      └─ 2 pods ready
Inboxes that no rule here feeds
└─ InboxQueue yard/lost  ! paused, 0 waiting, 0 in flight
   └─ no pod consumes it
";
    assert_eq!((well.code, well.out.as_str(), well.err.as_str()), (0, expected, ""));

    patch(&kubectl, "yard", "inbox", "arrivals", &json!({"deadLetters": 2}));
    let pending = json!({"conditions": [{"type": "Ready", "status": "False"}]});
    kubectl
        .run([
            "-n",
            "yard",
            "patch",
            "pod",
            "arrivals-2",
            "--subresource=status",
            "-p",
            &json!({"status": pending}).to_string(),
        ])
        .unwrap();
    patch(&kubectl, "city", "skey", "trams", &json!({"nextRotationTime": "2026-01-01T00:00:00Z"}));
    let ill = status(&kubectl, &["-A"]);
    assert_eq!(ill.code, 3);
    for said in ["! 2 dead: kubectl qsl dlq list -n yard arrivals", "! 1 of 2 pods ready", "! the next is overdue"] {
        assert!(ill.out.contains(said), "{said}: {}", ill.out);
    }
    let json: Value = serde_json::from_str(&status(&kubectl, &["-A", "-o", "json"]).out).unwrap();
    let inbox = &json["buses"][0]["rules"][0]["targets"][0]["inbox"];
    assert_eq!(
        (&inbox["name"], &inbox["deadLetters"], &inbox["pods"]["ready"]),
        (&json!("arrivals"), &json!(2), &json!(1))
    );
    assert_eq!(json["unfedInboxes"][0]["consuming"], false);
    plane.stop().unwrap();
}
