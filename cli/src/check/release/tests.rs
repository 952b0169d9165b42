#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use serde_json::json;

use super::*;

fn ill(verdict: Verdict) -> Vec<(String, &'static str, String)> {
    match verdict {
        Verdict::Ill(found) => found.into_iter().map(|one| (one.object, one.reason, one.note)).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_definition_that_is_missing_not_served_or_of_another_version_is_told_apart() {
    let wanted = crds::generate::definitions().remove(0);
    let reason = |there: Option<&CustomResourceDefinition>| definition(&wanted, there).map(|found| found.reason);
    assert_eq!(reason(Some(&wanted)), None);
    assert_eq!(reason(None), Some("DefinitionMissing"));
    let mut not_served = wanted.clone();
    not_served.spec.versions[0].served = false;
    assert_eq!(reason(Some(&not_served)), Some("DefinitionOutdated"));
    let mut other = wanted.clone();
    other.spec.versions[0].schema = None;
    assert_eq!(reason(Some(&other)), Some("DefinitionOutdated"));
    let mut clashing = serde_json::to_value(&wanted).unwrap();
    clashing["status"] = json!({"conditions": [{"type": "NamesAccepted", "status": "False", "message": "taken"}]});
    assert_eq!(reason(Some(&serde_json::from_value(clashing).unwrap())), Some("DefinitionNotServed"));
}

#[test]
fn a_program_that_is_missing_not_ready_or_scaled_to_none_is_found() {
    let of = |signers: (i32, i32), journal: bool| {
        let mut standing = BTreeMap::from([
            (("Deployment", OPERATOR.to_owned()), (2, 2)),
            (("Deployment", "qsl-signature-service".to_owned()), signers),
        ]);
        if journal {
            standing.insert(("StatefulSet", "qsl-journal".to_owned()), (1, 1));
        }
        programs("ops", &standing)
    };
    assert!(matches!(of((2, 2), true), Verdict::Well(_)));
    assert_eq!(ill(of((2, 1), true))[0].2, "1 of 2 replicas are ready");
    assert_eq!(ill(of((0, 0), true))[0].2, "it is scaled to none");
    assert_eq!(ill(of((2, 2), false))[0].0, "StatefulSet/qsl-journal");
}

#[test]
fn a_lease_that_nobody_renews_has_no_leader() {
    let lease = |holder: &str, renewed: &str| -> Lease {
        let spec = json!({"holderIdentity": holder, "renewTime": renewed, "leaseDurationSeconds": 30});
        serde_json::from_value(json!({"spec": spec})).unwrap()
    };
    let now = Millis::parse_rfc3339("2026-11-27T12:00:30Z").unwrap();
    let of = |lease: &Lease| leads("ops", Some(lease), now);
    assert_eq!(of(&lease("a", "2026-11-27T12:00:00.000000Z")), Verdict::Well("a leads".to_owned()));
    let late = ill(of(&lease("a", "2026-11-27T11:59:59.000000Z")));
    assert_eq!(late[0].2, "no operator leads: a last renewed the Lease 31 s ago");
    assert_eq!(ill(of(&lease("", "2026-11-27T12:00:00.000000Z")))[0].1, "NoLeader");
    assert_eq!(ill(leads("ops", None, now))[0].2, "no operator has led yet");
}

#[test]
fn the_operators_version_is_its_images_tag_or_else_its_label() {
    let of = |image: &str, label: &str| -> Verdict {
        let operator = json!({"metadata": {"name": OPERATOR, "namespace": "ops", "labels": {VERSION: label}},
            "spec": {"selector": {}, "template": {"spec": {"containers": [{"name": "operator", "image": image}]}}}});
        same_version(&serde_json::from_value(operator).unwrap())
    };
    let own = |tag: &str| tag.replace("OWN", OWN);
    for (image, label) in [
        ("qsl-operator:OWN", "9.9.9"),
        ("registry:5000/qsl/qsl-operator:vOWN@sha256:00", "9.9.9"),
        ("registry:5000/qsl/qsl-operator", "OWN"),
        ("qsl-operator:dev", "OWN"),
    ] {
        assert!(matches!(of(&own(image), &own(label)), Verdict::Well(_)), "{image} {label}");
    }
    for (image, label) in [("qsl-operator:9.9.9", OWN), ("qsl-operator:dev", "9.9.9")] {
        assert_eq!(ill(of(image, label))[0].2, format!("the operator is 9.9.9 and this program {OWN}"));
    }
}
