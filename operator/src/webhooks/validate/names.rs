//! One name in AWS has one object. What is derived from a name counts: dead-letter queues, the parts of a split rule.

use crds::{EventBus, EventRule, InboxQueue};

use super::{Others, bus_of, full_name, is_other};
use crate::controllers::{event_rule::names::parts, world::queues};

/// Another bus of the name.
pub(super) fn bus(candidate: &EventBus, others: &Others<'_>) -> Option<String> {
    let name = &candidate.spec.bus_name;
    let mut others = others.buses.iter().filter(|other| is_other(candidate, **other));
    let other = others.find(|other| other.spec.bus_name == *name)?;
    Some(format!("spec.busName: EventBus {} has '{name}' already; choose another", full_name(*other)))
}

/// Another inbox that has one of the queues.
pub(super) fn inbox(candidate: &InboxQueue, others: &Others<'_>) -> Option<String> {
    let wanted = queues(candidate);
    others.inboxes.iter().filter(|other| is_other(candidate, **other)).find_map(|other| {
        let taken = queues(other);
        let both = wanted.intersection(&taken).next()?;
        let (name, other) = (&candidate.spec.queue_name, full_name(*other));
        Some(if both.as_str() == name {
            format!("spec.queueName: InboxQueue {other} has '{both}' already; choose another")
        } else {
            format!(
                "spec.queueName: of '{name}' comes queue '{both}', which InboxQueue {other} has already; choose another"
            )
        })
    })
}

/// Another rule of the same bus that has one of the names in EventBridge.
pub(super) fn rule(candidate: &EventRule, others: &Others<'_>) -> Option<String> {
    let wanted = parts(candidate);
    let others = others.rules.iter().filter(|other| is_other(candidate, **other));
    others.filter(|other| bus_of(other) == bus_of(candidate)).find_map(|other| {
        let taken = parts(other);
        let both = wanted.intersection(&taken).next()?;
        let other = full_name(*other);
        Some(if wanted.len() == 1 && taken.len() == 1 {
            format!("spec.ruleName: EventRule {other} of the same bus has '{both}' already; choose another")
        } else {
            format!(
                "spec.ruleName: EventRule {other} of the same bus has '{both}' already (a rule of more than five \
                 targets has parts '-2' and so on); choose another"
            )
        })
    })
}
