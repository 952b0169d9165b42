//! The four kinds' objects as the operator speaks of them, their keys, and what it published: pure.

use crds::conditions::{self, DELETION_BLOCKED, POLICY_FULL, READY, REFERENCES_RESOLVED, TERMINAL, WITHIN_SKEW};
use crds::object::CommonStatus;
use crds::signing_key::KeyState;
use crds::{Eventing, SigningKey};
use eventing::compact::Compact;
use eventing::time::Millis;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde::Deserialize;

use super::report::Finding;
use crate::out::rfc3339;

/// What stands in the way of an object most, by condition: its type, the status that is bad, and what would mend it.
const TROUBLES: [(&str, &str, &str, &str); 5] = [
    (TERMINAL, "True", "Terminal", "edit the object as it says: nothing else changes anything"),
    (
        DELETION_BLOCKED,
        "True",
        "DeletionBlocked",
        "remove what it names, or annotate eventing.qsl.dev/force-delete: \"true\"",
    ),
    (
        POLICY_FULL,
        "True",
        "PolicyFull",
        "have fewer EventRules target this inbox: one rule with more patterns, or a second inbox",
    ),
    (
        REFERENCES_RESOLVED,
        "False",
        "ReferencesUnresolved",
        "make what it names, or let its owner consent (allowedNamespaces)",
    ),
    (READY, "False", "NotReady", "see its Events (kubectl describe); the operator tries again by itself"),
];
/// How long a rotation may be late, in milliseconds: the operator comes by within its resync.
const LATE: u64 = 3_600_000;

/// What is wrong with an object: what stands in its way most; of a rule, that its events come too late, too.
pub fn troubles<K: Eventing>(object: &K) -> Vec<Finding> {
    let conditions = object.status().map(CommonStatus::conditions).unwrap_or_default();
    if conditions.is_empty() {
        let fix = "have an operator lead (line leader of this check), and see its log".to_owned();
        let note = "the operator has not looked at it yet".to_owned();
        return vec![Finding::of(object, "NotSeen", note, fix)];
    }
    let has = |type_: &str, bad: &str| conditions::get(conditions, type_).filter(|one| one.status == bad);
    let most = TROUBLES.iter().find_map(|(type_, bad, reason, fix)| Some((has(type_, bad)?, *reason, *fix)));
    let late = has(WITHIN_SKEW, "False").map(|one| {
        (one, "LaterThanSkew", "raise the inbox's verification.skewSeconds, or lower the rule's maximumEventAgeSeconds")
    });
    let told = |(condition, reason, fix): (&Condition, &'static str, &str)| {
        Finding::of(object, reason, format!("{}: {}", condition.reason, condition.message), fix.to_owned())
    };
    most.into_iter().chain(late).map(told).collect()
}

/// What is wrong with the keys of a SigningKey: none signs, or the next is late.
pub fn keys(key: &SigningKey, now: Millis) -> Option<Finding> {
    let status = key.status.as_ref()?;
    let look = "see its conditions and the operator's log; annotation eventing.qsl.dev/rotate-requested-at makes a new key now";
    let ill = |reason, note: String| Some(Finding::of(key, reason, note, look.to_owned()));
    let Some(active) = status.keys.iter().find(|one| one.state == KeyState::Active) else {
        return ill("NoActiveKey", "no key signs, so nothing is published of its sources".to_owned());
    };
    let at = |time: k8s_openapi::jiff::Timestamp| Millis(time.as_millisecond());
    let (ends, next) = (at(active.not_after.0), status.next_rotation_time.as_ref().map(|time| at(time.0)));
    if ends <= now {
        return ill("KeyExpired", format!("{} signs and may not since {}", active.kid, rfc3339(ends)));
    }
    let late = next.filter(|next| *next < now && now.distance(*next) > LATE)?;
    ill("RotationLate", format!("the next key should have taken over at {}", rfc3339(late)))
}

/// When a document was signed and when it runs out, in seconds.
#[derive(Deserialize)]
struct Term {
    issued: i64,
    expires: i64,
}

/// What is wrong with the signed documents of a namespace: a pod takes none that has run out.
pub fn documents(map: &ConfigMap, now: Millis) -> Vec<Finding> {
    let entries = map.data.iter().flatten();
    entries.filter_map(|(key, text)| document(map, key, text, now)).collect()
}

fn document(map: &ConfigMap, key: &str, text: &str, now: Millis) -> Option<Finding> {
    let fix = "the operator renews it hourly: have one lead (line leader of this check), and see its log".to_owned();
    let ill = |reason, note: String| Some(Finding::of(map, reason, format!("{key} {note}"), fix.clone()));
    let term = Compact::split(text).ok().and_then(|split| serde_json::from_slice::<Term>(split.payload()).ok());
    let Some(Term { issued, expires }) = term else {
        return ill("DocumentUnreadable", "is no document of the operator's".to_owned());
    };
    let end = rfc3339(Millis::from_seconds(expires));
    if expires <= now.seconds() {
        return ill("DocumentExpired", format!("ran out at {end}: consumers receive and publish nothing with it"));
    }
    // It is renewed after an hour, or a quarter of its life where that is less.
    let is_old = now.seconds().saturating_sub(issued) > expires.saturating_sub(issued) / 2;
    if is_old { ill("DocumentNotRenewed", format!("runs out at {end}, and half of its life is over")) } else { None }
}

#[cfg(test)]
mod tests;
