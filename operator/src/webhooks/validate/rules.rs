//! Patterns and targets of rules.

use crds::{EventRule, InboxQueue};
use kube::ResourceExt as _;
use operator_core::pattern::EventPattern;
use serde_json::Value;

use super::Others;
use crate::controllers::event_rule::target::{group_fits, later_than_skew};

/// What is wrong with the pattern, where, and what would be right.
pub(super) fn pattern(rule: &EventRule) -> Option<String> {
    let pattern = Value::Object(rule.spec.event_pattern.clone());
    EventPattern::parse(pattern).err().map(|error| format!("spec.eventPattern: {error}"))
}

/// The same of the patterns of an inbox's subscriptions, which become rules.
pub(super) fn subscription_patterns(inbox: &InboxQueue) -> Option<String> {
    inbox.spec.subscriptions.iter().enumerate().find_map(|(number, subscription)| {
        let pattern = Value::Object(subscription.event_pattern.clone()?);
        let error = EventPattern::parse(pattern).err()?;
        Some(format!("spec.subscriptions[{number}].eventPattern: {error}"))
    })
}

/// Targets that are allowed and unwise, as far as their inboxes are known. A message group that does not go with its
/// inbox is the controller's to refuse, since the inbox may be another namespace's and not there yet.
pub(super) fn warnings(rule: &EventRule, others: &Others<'_>) -> Vec<String> {
    let own = rule.namespace().unwrap_or_default();
    let mut warnings = Vec::new();
    for (number, target) in rule.spec.targets.iter().enumerate() {
        let inbox = target.inbox_ref.as_ref().and_then(|reference| {
            let named = (Some(reference.namespace_or(&own).to_owned()), reference.name.clone());
            others.inboxes.iter().find(|inbox| (inbox.namespace(), inbox.name_any()) == named)
        });
        let Some(inbox) = inbox else { continue };
        if let Err(problem) = group_fits(target, inbox) {
            warnings.push(format!("spec.targets[{number}].messageGroupId: {problem}"));
        }
        if let Some(problem) = later_than_skew(target, inbox) {
            warnings.push(format!("spec.targets[{number}].retryPolicy: {problem}"));
        }
    }
    warnings
}
