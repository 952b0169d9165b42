//! The keys of a real API server's SigningKeys, as the program shows them.
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
kind: ServiceAccount
metadata: {name: reader, namespace: yard}
";

/// What the operator would have written.
const STATUS: &str = r#"{"status": {
    "activeKid": "trams-b", "nextRotationTime": "2100-01-01T00:00:00Z", "observedGeneration": 1,
    "conditions": [{"type": "Ready", "status": "True", "reason": "Ready", "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z"}],
    "keys": [
        {"kid": "trams-c", "algorithm": "ML-DSA-44", "state": "Pending", "notBefore": "2099-12-31T00:00:00Z",
            "notAfter": "2101-01-01T00:00:00Z", "publicKeySha256": "cc"},
        {"kid": "trams-b", "algorithm": "ML-DSA-44", "state": "Active", "notBefore": "2026-01-01T00:00:00Z",
            "notAfter": "2100-01-01T00:00:00Z", "publicKeySha256": "bb"},
        {"kid": "trams-a", "algorithm": "Dilithium2", "state": "Revoked", "notBefore": "2025-01-01T00:00:00Z",
            "notAfter": "2026-01-01T00:00:00Z", "publicKeySha256": "aa"}]}}"#;

fn signing_key(kubectl: &Kubectl, name: &str, source: &str) {
    let object = json!({"apiVersion": "eventing.qsl.dev/v1alpha1", "kind": "SigningKey",
        "metadata": {"name": name, "namespace": "city"},
        "spec": {"busRef": {"name": "lanes"}, "algorithm": "ML-DSA-44", "sources": [source]}});
    kubectl.apply(&object.to_string()).unwrap();
}

fn keys(kubectl: &Kubectl, more: &[&str]) -> Answer {
    let kubeconfig = kubectl.kubeconfig().display().to_string();
    run(&[&["keys", "--kubeconfig", &kubeconfig], more].concat(), "")
}

/// Every number of days, which pass, as `N`.
fn without_days(table: &str) -> String {
    let words = |line: &str| {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        for at in 1..words.len() {
            if words[at] == "d" {
                words[at - 1] = "N";
            }
        }
        words.join(" ")
    };
    table.lines().map(words).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_signs_and_what_is_accepted_is_shown_and_a_refusal_says_what_would_help() {
    let plane = ControlPlane::start().unwrap();
    let kubectl = plane.kubectl();
    kubectl.apply(OBJECTS).unwrap();
    let crds = concat!(env!("QSL_WORKSPACE"), "crds/generated");

    let before = keys(&kubectl, &["-n", "city"]);
    assert_eq!(before.code, 1);
    assert!(before.err.contains("cannot list signingkeys.eventing.qsl.dev in namespace city"), "{}", before.err);
    assert!(before.err.contains("does the cluster have the CustomResourceDefinitions"), "{}", before.err);

    kubectl.run(["apply", "--server-side", "-f", crds]).unwrap();
    kubectl.run(["wait", "--for=condition=Established", "crd", "--all"]).unwrap();
    let nothing = keys(&kubectl, &["-A"]);
    assert_eq!((nothing.code, nothing.err.as_str()), (0, ""));
    assert!(nothing.out.starts_with("There are no SigningKeys"), "{}", nothing.out);

    signing_key(&kubectl, "trams", "qsl.tram");
    signing_key(&kubectl, "unmade", "qsl.bell");
    kubectl
        .run(["-n", "city", "patch", "skey", "trams", "--subresource=status", "--type=merge", "-p", STATUS])
        .unwrap();

    let table = keys(&kubectl, &["-n", "city"]);
    assert_eq!((table.code, table.err.as_str()), (0, ""));
    let expected = "\
NAMESPACE SIGNINGKEY BUS SOURCES KID ALGORITHM STATE WHAT IT DOES
city trams lanes qsl.tram trams-c ML-DSA-44 Pending signs in N d
city trams lanes qsl.tram trams-b ML-DSA-44 Active signs; the next takes over in N d
city trams lanes qsl.tram trams-a Dilithium2 Revoked nothing it signed verifies
city unmade lanes qsl.bell - - - no key yet; the operator has not seen the present spec yet";
    assert_eq!(without_days(&table.out), expected);

    let json = keys(&kubectl, &["-A", "-o", "json"]);
    let shown: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(shown[0]["activeKid"], "trams-b");
    assert_eq!((&shown[0]["upToDate"], &shown[1]["upToDate"]), (&json!(true), &json!(false)));
    assert_eq!(shown[0]["keys"][2]["state"], "Revoked");

    let one = keys(&kubectl, &["-n", "city", "unmade"]);
    assert_eq!(one.out.lines().count(), 2, "{}", one.out);
    let none = keys(&kubectl, &["-n", "yard", "trams"]);
    assert_eq!(none.code, 2);
    assert_eq!(none.err, "error: there is no SigningKey trams in yard; -A looks into all namespaces\n");

    let token = kubectl.run(["-n", "yard", "create", "token", "reader"]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let stranger = folder.path().join("kubeconfig");
    std::fs::copy(kubectl.kubeconfig(), &stranger).unwrap();
    let stranger = Kubectl::new(kubectl.program(), &stranger);
    stranger.run(["config", "set-credentials", "reader", "--token", token.trim()]).unwrap();
    stranger.run(["config", "set-context", "--current", "--user", "reader"]).unwrap();
    let refused = keys(&stranger, &["-n", "city"]);
    assert_eq!((refused.code, refused.out.as_str()), (1, ""));
    assert!(refused.err.contains("whoever has the ClusterRole view there may read them"), "{}", refused.err);
    plane.stop().unwrap();
}
