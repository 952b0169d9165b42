//! Sources and algorithms of signing keys.

use crds::{EventRule, InboxQueue, SigningKey};
use kube::ResourceExt as _;
use operator_core::pattern::may_come_from;

use super::{Others, bus_of, full_name, is_other};
use crate::controllers::event_rule::names::targets;

/// Every source of the bus that no other key names.
const ALL: &str = "*";

/// Another key of the bus that has one of the sources. An exact source beats `*`, so one of each may be.
pub(super) fn taken_source(candidate: &SigningKey, others: &Others<'_>) -> Option<String> {
    let mut others = others.signing_keys.iter().filter(|other| is_other(candidate, **other));
    others.find_map(|other| {
        let same_bus = other.namespace() == candidate.namespace() && other.spec.bus_ref == candidate.spec.bus_ref;
        let source = candidate.spec.sources.iter().find(|source| same_bus && other.spec.sources.contains(source))?;
        let name = other.name_any();
        Some(match source.as_str() {
            ALL => format!(
                "spec.sources: SigningKey {name} of the same bus has '*' already, all that no other key names; name \
                 sources here"
            ),
            source => format!(
                "spec.sources: SigningKey {name} of the same bus has '{source}' already; name it in one of the two"
            ),
        })
    })
}

/// Sources that nobody may publish, and inboxes that refuse what the key signs.
pub(super) fn warnings(key: &SigningKey, others: &Others<'_>) -> Vec<String> {
    let mut warnings = Vec::new();
    let bus = others.buses.iter().find(|bus| bus_of_key(key) == (bus.namespace().unwrap_or_default(), bus.name_any()));
    if let Some(bus) = bus {
        let published = |source: &str| bus.spec.publishers.iter().any(|one| one.sources.iter().any(|s| s == source));
        for source in key.spec.sources.iter().filter(|source| *source != ALL && !published(source)) {
            warnings.push(format!(
                "spec.sources: no publisher of EventBus {} may send '{source}'; add it to spec.publishers there, or \
                 nothing is signed",
                bus.name_any()
            ));
        }
    }
    for inbox in &others.inboxes {
        if others.rules.iter().any(|rule| brings(rule, key, inbox)) && !allows(inbox, key) {
            warnings.push(format!(
                "spec.algorithm: InboxQueue {}, which the bus feeds, does not allow {} \
                 (spec.verification.allowedAlgorithms): it dead-letters what this key signs",
                full_name(*inbox),
                algorithm(key)
            ));
        }
    }
    warnings
}

/// Keys whose signatures reach the inbox and are refused there.
pub(super) fn warnings_of_inbox(inbox: &InboxQueue, others: &Others<'_>) -> Vec<String> {
    let refused = others.signing_keys.iter().filter(|key| !allows(inbox, key));
    refused
        .filter(|key| others.rules.iter().any(|rule| brings(rule, key, inbox)))
        .map(|key| {
            format!(
                "spec.verification.allowedAlgorithms: SigningKey {} signs for a bus that feeds this inbox, with {}, \
                 which is not allowed here: it is dead-lettered",
                full_name(*key),
                algorithm(key)
            )
        })
        .collect()
}

/// Keys whose signatures the rule brings to an inbox that refuses them.
pub(super) fn warnings_of_rule(rule: &EventRule, others: &Others<'_>) -> Vec<String> {
    let mut warnings = Vec::new();
    for key in &others.signing_keys {
        for inbox in others.inboxes.iter().filter(|inbox| brings(rule, key, inbox) && !allows(inbox, key)) {
            warnings.push(format!(
                "spec.targets: InboxQueue {} does not allow {} (spec.verification.allowedAlgorithms), with which \
                 SigningKey {} of this bus signs: it dead-letters that",
                full_name(*inbox),
                algorithm(key),
                full_name(*key)
            ));
        }
    }
    warnings
}

/// Whether the rule may bring what the key signs to the inbox.
fn brings(rule: &EventRule, key: &SigningKey, inbox: &InboxQueue) -> bool {
    let matches = |source: &String| source == ALL || may_come_from(&rule.spec.event_pattern, source);
    bus_of(rule) == bus_of_key(key) && targets(rule, inbox) && key.spec.sources.iter().any(matches)
}

fn allows(inbox: &InboxQueue, key: &SigningKey) -> bool {
    inbox.spec.verification.allowed_algorithms.contains(&key.spec.algorithm)
}

fn bus_of_key(key: &SigningKey) -> (String, String) {
    (key.namespace().unwrap_or_default(), key.spec.bus_ref.name.clone())
}

/// The algorithm as users write it.
fn algorithm(key: &SigningKey) -> String {
    let written = serde_json::to_value(key.spec.algorithm).unwrap_or_default();
    written.as_str().unwrap_or_default().to_owned()
}
