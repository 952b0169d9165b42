#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use crds::{EventRule, InboxQueue};
use eventing::compact::b64url;
use serde_json::{Value, json};

use super::*;

fn inbox(conditions: &Value) -> InboxQueue {
    serde_json::from_value(json!({"apiVersion": "eventing.qsl.dev/v1alpha1", "kind": "InboxQueue",
        "metadata": {"name": "tills", "namespace": "shop"}, "spec": {"queueName": "tills"},
        "status": {"conditions": conditions}}))
    .unwrap()
}

fn condition(type_: &str, status: &str) -> Value {
    json!({"type": type_, "status": status, "reason": "Why", "message": "so it is",
        "lastTransitionTime": "2026-11-27T12:00:00Z"})
}

#[test]
fn of_an_object_what_stands_in_its_way_most_is_told() {
    let reasons =
        |conditions: &Value| -> Vec<_> { troubles(&inbox(conditions)).iter().map(|one| one.reason).collect() };
    assert_eq!(reasons(&json!([])), ["NotSeen"]);
    assert!(reasons(&json!([condition("Ready", "True"), condition("Terminal", "False")])).is_empty());
    let not_ready = condition("Ready", "False");
    assert_eq!(reasons(&json!([not_ready])), ["NotReady"]);
    assert_eq!(reasons(&json!([not_ready, condition("ReferencesResolved", "False")])), ["ReferencesUnresolved"]);
    assert_eq!(reasons(&json!([not_ready, condition("PolicyFull", "True")])), ["PolicyFull"]);
    let all = json!([not_ready, condition("PolicyFull", "True"), condition("Terminal", "True")]);
    assert_eq!(reasons(&all), ["Terminal"]);
    assert_eq!(troubles(&inbox(&all))[0].note, "Why: so it is");
}

#[test]
fn a_rule_that_is_ready_may_still_deliver_too_late() {
    let rule: EventRule = serde_json::from_value(json!({"apiVersion": "eventing.qsl.dev/v1alpha1", "kind": "EventRule",
        "metadata": {"name": "all", "namespace": "shop"},
        "spec": {"busRef": {"name": "core"}, "eventPattern": {"source": ["qsl.till"]}, "targets": [{"inboxRef": {"name": "tills"}}]},
        "status": {"conditions": [condition("Ready", "True"), condition("WithinSkew", "False")]}}))
    .unwrap();
    assert_eq!(troubles(&rule)[0].reason, "LaterThanSkew");
}

#[test]
fn a_key_that_is_missing_over_or_late_is_found() {
    let now = Millis::parse_rfc3339("2026-11-27T12:00:00Z").unwrap();
    let key = |state: &str, ends: &str, next: &str| {
        let key: SigningKey = serde_json::from_value(json!({
            "apiVersion": "eventing.qsl.dev/v1alpha1", "kind": "SigningKey",
            "metadata": {"name": "tills", "namespace": "shop"}, "spec": {"busRef": {"name": "core"}, "sources": ["qsl.till"]},
            "status": {"nextRotationTime": next, "keys": [{"kid": "tills-b", "algorithm": "ML-DSA-44", "state": state,
                "notBefore": "2026-01-01T00:00:00Z", "notAfter": ends, "publicKeySha256": "bb"}]}}))
        .unwrap();
        keys(&key, now).map(|found| found.reason)
    };
    let (later, over) = ("2026-12-27T00:00:00Z", "2026-11-27T12:00:00Z");
    assert_eq!(key("Active", later, later), None);
    assert_eq!(key("Active", later, "2026-11-27T11:00:00Z"), None, "the operator may be an hour late");
    assert_eq!(key("Active", later, "2026-11-27T10:59:59Z"), Some("RotationLate"));
    assert_eq!(key("Active", over, later), Some("KeyExpired"));
    assert_eq!(key("Pending", later, later), Some("NoActiveKey"));
}

#[test]
fn a_document_is_told_when_half_of_its_life_is_over_and_when_all_is() {
    let reason = |text: &str, now: i64| {
        let map = json!({"metadata": {"name": "qsl-eventing", "namespace": "shop"}, "data": {"inbox_tills": text}});
        let map: ConfigMap = serde_json::from_value(map).unwrap();
        documents(&map, Millis::from_seconds(now)).first().map(|found| found.reason)
    };
    let payload = b64url(json!({"issued": 1_000, "expires": 5_000}).to_string().as_bytes());
    let text = format!("{}.{payload}.{}", b64url(b"{}"), b64url(&[0; 2_420]));
    assert_eq!(reason(&text, 3_000), None);
    assert_eq!(reason(&text, 3_001), Some("DocumentNotRenewed"));
    assert_eq!(reason(&text, 5_000), Some("DocumentExpired"));
    assert_eq!(reason("a.b", 1_000), Some("DocumentUnreadable"));
}
