#![allow(clippy::unwrap_used)]
use serde_json::{Value, json};

use super::*;
use crate::table::Table;

const NOW: &str = "2026-11-27T12:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn key(kid: &str, state: &str, from: &str, until: &str) -> Value {
    json!({"kid": kid, "algorithm": "ML-DSA-44", "state": state, "notBefore": from, "notAfter": until,
           "publicKeySha256": "00"})
}

fn object(name: &str, spec: &Value, status: &Value) -> SigningKey {
    let mut whole = json!({"busRef": {"name": "trams"}, "algorithm": "ML-DSA-44", "sources": ["qsl.tram"]});
    whole.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    let metadata = json!({"name": name, "namespace": "city", "generation": 2});
    let kind = json!({"apiVersion": "eventing.qsl.dev/v1alpha1", "kind": "SigningKey", "metadata": metadata,
                      "spec": whole, "status": status});
    serde_json::from_value(kind).unwrap()
}

fn well(keys: &[Value]) -> Value {
    json!({"observedGeneration": 2, "nextRotationTime": "2026-12-14T12:00:00Z", "keys": keys})
}

fn notes(object: &SigningKey) -> (bool, Vec<String>) {
    let report = KeyReport::of(object, std::slice::from_ref(object), now());
    (report.stale, report.notes)
}

#[test]
fn every_state_has_its_line_and_the_object_is_told_of_once() {
    let in_use = [
        key("tram-next", "Pending", "2026-11-28T12:00:00Z", "2026-12-29T12:00:00Z"),
        key("tram-now", "Active", "2026-11-14T12:00:00Z", "2026-12-15T12:00:00Z"),
        key("tram-old", "Accepted", "2026-10-14T12:00:00Z", "2026-11-15T12:00:00Z"),
        key("tram-stolen", "Accepted", "2026-10-01T12:00:00Z", "2026-11-01T12:00:00Z"),
    ];
    let trams = object("trams", &json!({}), &well(&in_use));
    let others = object("works", &json!({"sources": ["qsl.rail", "qsl.power"], "revokedKids": ["tram-stolen", "grant-1"]}), &json!(null));
    let all = [trams, others];
    let mut table = Table::new(HEADINGS);
    for report in all.iter().map(|object| KeyReport::of(object, &all, now())) {
        report.rows(now()).into_iter().for_each(|row| table.row(row));
    }
    insta::assert_snapshot!(table.to_string());
}

#[test]
fn a_status_is_stale_where_the_operator_is_behind() {
    let active = |until: &str| key("tram-now", "Active", "2026-11-14T12:00:00Z", until);
    let good = well(&[active("2026-12-15T12:00:00Z")]);
    let with = |name: &str, value: Value| {
        let mut status = good.clone();
        status.as_object_mut().unwrap().insert(name.to_owned(), value);
        object("trams", &json!({}), &status)
    };
    assert_eq!(notes(&object("trams", &json!({}), &good)), (false, Vec::new()));
    for (object, why) in [
        (object("trams", &json!({}), &json!(null)), "the operator has not looked at it yet"),
        (with("observedGeneration", json!(1)), "its spec was changed, and the operator has not taken that up"),
        (with("nextRotationTime", json!("2026-11-27T09:00:00Z")), "the next key was due to take over 3h ago"),
        (with("keys", json!([active("2026-11-25T12:00:00Z")])), "tram-now ran out 2d ago, and signs nothing"),
    ] {
        assert_eq!(notes(&object), (true, vec![why.to_owned()]));
    }
    // Within its minute the operator is not late.
    assert_eq!(notes(&with("nextRotationTime", json!("2026-11-27T11:59:30Z"))), (false, Vec::new()));
}

#[test]
fn what_keeps_the_object_from_being_ready_is_said_and_is_no_staleness() {
    let condition = |type_: &str, status: &str, reason: &str, message: &str| {
        json!({"type": type_, "status": status, "reason": reason, "message": message, "lastTransitionTime": NOW})
    };
    let mut status = well(&[]);
    status["conditions"] = json!([condition("Ready", "False", "BusMissing", "no EventBus trams"), condition("Synced", "True", "ReconcileSuccess", "")]);
    let told = notes(&object("trams", &json!({}), &status));
    assert_eq!(told, (false, vec!["not Ready (BusMissing): no EventBus trams".to_owned()]));
    status["conditions"] = json!([condition("Synced", "False", "ReconcilePaused", "")]);
    assert_eq!(notes(&object("trams", &json!({}), &status)), (false, vec!["not Synced (ReconcilePaused)".to_owned()]));
}

#[test]
fn a_kid_is_revoked_at_once_whatever_the_status_says() {
    let listed = well(&[key("tram-now", "Active", "2026-11-14T12:00:00Z", "2026-12-15T12:00:00Z")]);
    let object = object("trams", &json!({"revokedKids": ["tram-now"]}), &listed);
    let report = serde_json::to_value(KeyReport::of(&object, std::slice::from_ref(&object), now())).unwrap();
    assert_eq!(report["keys"], json!([{"kid": "tram-now", "algorithm": "ML-DSA-44", "state": "Revoked",
        "notBefore": "2026-11-14T12:00:00Z", "notAfter": "2026-12-15T12:00:00Z", "ageSeconds": 1_123_200}]));
}
