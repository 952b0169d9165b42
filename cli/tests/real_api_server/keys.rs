//! `kubectl-qsl keys`.

use serde_json::{Value, json};

use crate::plane::Plane;
use crate::program::run;

const OBJECTS: &str = r"
apiVersion: v1
kind: Namespace
metadata: {name: city}
---
apiVersion: v1
kind: Namespace
metadata: {name: depot}
---
apiVersion: eventing.qsl.dev/v1alpha1
kind: SigningKey
metadata: {name: trams, namespace: city}
spec: {busRef: {name: lines}, algorithm: ML-DSA-44, sources: [qsl.tram]}
---
apiVersion: eventing.qsl.dev/v1alpha1
kind: SigningKey
metadata: {name: carts, namespace: depot}
spec: {busRef: {name: yard}, sources: ['*']}
";

#[test]
fn the_keys_of_a_cluster_are_shown_as_they_stand() {
    let plane = Plane::start();
    plane.kubectl.apply(OBJECTS).unwrap();
    let kid = "trams-Zm9vYmFyYmF6cXV4";
    plane.status("signingkey", "city", "trams", &json!({
        "observedGeneration": 1, "activeKid": kid, "nextRotationTime": "2126-12-14T12:00:00Z",
        "keys": [{"kid": kid, "algorithm": "ML-DSA-44", "state": "Active", "notBefore": "2026-11-14T12:00:00Z",
                  "notAfter": "2126-12-15T12:00:00Z", "publicKeySha256": "00"}]}));

    let all = plane.qsl(&["keys", "-A"]);
    assert_eq!((all.code, all.err.as_str()), (0, ""));
    let lines: Vec<Vec<&str>> = all.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0][..7], ["NAMESPACE", "NAME", "BUS", "SOURCES", "STATE", "KID", "ALGORITHM"]);
    assert_eq!(lines[1][..7], ["city", "trams", "city/lines", "qsl.tram", "active", kid, "ML-DSA-44"]);
    assert_eq!(lines[1].last(), Some(&"current"));
    assert_eq!(lines[2][..7], ["depot", "carts", "depot/yard", "*", "none", "-", "Dilithium2"]);
    assert!(all.out.ends_with("stale: the operator has not looked at it yet\n"), "{}", all.out);

    let one = plane.qsl(&["keys", "-n", "city", "-o", "json"]);
    let shown: Value = serde_json::from_str(&one.out).unwrap();
    assert_eq!(shown["items"].as_array().unwrap().len(), 1);
    assert_eq!((&shown["items"][0]["stale"], &shown["items"][0]["keys"][0]["kid"]), (&json!(false), &json!(kid)));

    let none = plane.qsl(&["keys"]);
    assert_eq!((none.code, none.out.as_str()), (0, ""));
    assert_eq!(none.err, "No SigningKeys in this namespace; -A looks in all.\n");

    let stranger = plane.kubeconfig_as("mo");
    let refused = run(&["keys", "-n", "city", "--kubeconfig", &stranger], "");
    assert_eq!((refused.code, refused.out.as_str()), (2, ""));
    for part in ["error: cannot list SigningKeys of namespace city", "does not let you", "\"mo\"", "RBAC"] {
        assert!(refused.err.contains(part), "{part} in {}", refused.err);
    }
}

#[test]
fn a_cluster_without_our_kinds_and_one_that_is_not_there_are_told_apart() {
    let plane = Plane::bare();
    let bare = plane.qsl(&["keys", "-A"]);
    assert_eq!(bare.code, 2);
    assert!(bare.err.contains("this cluster has no kinds of eventing.qsl.dev"), "{}", bare.err);

    let context = plane.qsl(&["keys", "--context", "elsewhere"]);
    assert_eq!(context.code, 2);
    assert!(context.err.contains("elsewhere"), "{}", context.err);

    let gone = plane.kubeconfig_as("mo");
    let text = std::fs::read_to_string(&gone).unwrap();
    let server = text.split("https://127.0.0.1:").nth(1).unwrap().split('"').next().unwrap();
    std::fs::write(&gone, text.replace(&format!("https://127.0.0.1:{server}"), "https://127.0.0.1:1")).unwrap();
    let away = run(&["keys", "-A", "--kubeconfig", &gone], "");
    assert_eq!(away.code, 1);
    assert!(away.err.contains("cannot list SigningKeys of all namespaces") && away.err.contains("refused"), "{}", away.err);
}
