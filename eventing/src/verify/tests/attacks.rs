//! Attack 3: somebody changes an event that was validly signed, into another that has its form.

use serde_json::Value;

use super::*;
use crate::keyset::SourcePattern;

/// A key that may sign every source of its bus: nothing but the signature stands against a changed one.
fn key_of_all(algorithm: Algorithm) -> TestKey {
    let mut key = event_key(algorithm);
    key.jwk.sources = vec![SourcePattern::Any];
    key
}

fn changed(body: &[u8], changes: &[(&str, Value)]) -> Vec<u8> {
    let mut body: Value = serde_json::from_slice(body).unwrap();
    for (pointer, value) in changes {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = body.pointer_mut(parent).unwrap();
        match name.parse::<usize>() {
            Ok(at) => parent[at] = value.clone(),
            Err(_) => parent[name] = value.clone(),
        }
    }
    serde_json::to_vec(&body).unwrap()
}

#[test]
fn what_was_signed_cannot_be_changed_into_something_else_of_its_form() {
    const OTHER: &str = "urn:qsl:lighthouse:lamp:l-10";
    let changes: &[(&[(&str, Value)], Code)] = &[
        (&[("/source", json!("qsl.harbour"))], Code::EnvelopeMismatch),
        (&[("/detail-type", json!("Lamp.Lit.v3"))], Code::EnvelopeMismatch),
        (&[("/detail/resource", json!(OTHER)), ("/resources/0", json!(OTHER))], Code::EnvelopeMismatch),
        (&[("/resources", json!([crate::fixture::RESOURCE, OTHER]))], Code::EnvelopeMismatch),
        (&[("/detail/trace/userId", json!("u-6"))], Code::EnvelopeMismatch),
        (&[("/detail/trace/userId", json!(null))], Code::EnvelopeMismatch),
        (&[("/detail/trace/tenantId", json!("t-1"))], Code::EnvelopeMismatch),
        (&[("/detail/trace/correlationId", json!("story-18"))], Code::EnvelopeMismatch),
        (&[("/detail/detailCore/lumen", json!(901))], Code::PayloadMismatch),
        (&[("/detail/detailCore/more", json!(1))], Code::PayloadMismatch),
        (&[("/detail/detailCore", json!({}))], Code::PayloadMismatch),
    ];
    for algorithm in Algorithm::ALL {
        let key = key_of_all(algorithm);
        let ring = ring(&[(&bus("north"), &[&key])]);
        let body = key.body();
        assert!(plainly(&body, &ring).is_ok());
        for (change, code) in changes {
            let forged = changed(&body, change);
            assert_eq!(plainly(&forged, &ring).map(drop), Err(*code), "{change:?}");
        }
        let renamed = changed(&body, &[("/id", json!("another")), ("/time", json!("2027-01-15T08:00:00Z"))]);
        assert!(plainly(&renamed, &ring).is_ok(), "what is EventBridge's own is nobody's to sign");
    }
}

/// A signature of one event on another that is signed just as well.
#[test]
fn the_signature_of_one_event_does_not_carry_another() {
    for algorithm in Algorithm::ALL {
        let key = key_of_all(algorithm);
        let ring = ring(&[(&bus("north"), &[&key])]);
        let [one, other] = [1, 2].map(|n| key.event(NOW.into(), &json!({"n": n})));
        let swapped = changed(&body(&one.detail), &[("/detail/sig_compact", json!(other.sig_compact))]);
        assert_eq!(plainly(&swapped, &ring).map(drop), Err(Code::PayloadMismatch));

        let parts = |signed: &str| signed.split('.').map(str::to_owned).collect::<Vec<_>>();
        let (one_parts, other_parts) = (parts(&one.sig_compact), parts(&other.sig_compact));
        let spliced = format!("{}.{}.{}", one_parts[0], one_parts[1], other_parts[2]);
        let spliced = changed(&body(&one.detail), &[("/detail/sig_compact", json!(spliced))]);
        assert_eq!(plainly(&spliced, &ring).map(drop), Err(Code::SignatureInvalid));
    }
}
