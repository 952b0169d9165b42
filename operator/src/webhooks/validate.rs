//! What no schema sees: two objects that claim one thing in AWS, or one source; patterns in EventBridge's grammar; and
//! what is allowed and unwise. Pure. The controllers judge again, so this may be late, or away; it only says it sooner.
//!
//! What a spec names and is not there is no error: the object waits for it.
//!
//! - [`names`]: one name in AWS has one object; [`keys`]: sources and algorithms; [`rules`]: patterns and targets
//! - [`admit`]: what an update is held against: what it makes wrong, and not what was so before

mod keys;
mod names;
mod rules;
#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests build objects that are right")]
mod tests;

use crds::{EventBus, EventRule, Eventing, InboxQueue, SigningKey};
use kube::ResourceExt as _;

/// The objects there are.
#[derive(Debug, Default)]
pub struct Others<'a> {
    /// EventBuses.
    pub buses: Vec<&'a EventBus>,
    /// EventRules.
    pub rules: Vec<&'a EventRule>,
    /// InboxQueues.
    pub inboxes: Vec<&'a InboxQueue>,
    /// SigningKeys.
    pub signing_keys: Vec<&'a SigningKey>,
}

/// What is said of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Why it may not be, if so: the field, what is wrong, what would be right.
    pub refusal: Option<String>,
    /// What is allowed and unwise.
    pub warnings: Vec<String>,
}

/// A kind that is judged beside the others.
pub trait Judged: Eventing {
    /// What is said of the object, among the others.
    fn judge(&self, others: &Others<'_>) -> Judgement;
}

impl Judged for EventBus {
    fn judge(&self, others: &Others<'_>) -> Judgement {
        Judgement { refusal: names::bus(self, others), warnings: Vec::new() }
    }
}

impl Judged for EventRule {
    fn judge(&self, others: &Others<'_>) -> Judgement {
        let mut warnings = rules::warnings(self, others);
        warnings.extend(keys::warnings_of_rule(self, others));
        Judgement { refusal: rules::pattern(self).or_else(|| names::rule(self, others)), warnings }
    }
}

impl Judged for InboxQueue {
    fn judge(&self, others: &Others<'_>) -> Judgement {
        let refusal = rules::subscription_patterns(self).or_else(|| names::inbox(self, others));
        Judgement { refusal, warnings: keys::warnings_of_inbox(self, others) }
    }
}

impl Judged for SigningKey {
    fn judge(&self, others: &Others<'_>) -> Judgement {
        Judgement { refusal: keys::taken_source(self, others), warnings: keys::warnings(self, others) }
    }
}

/// What is said of an object that is made, or of the change from `old`. What was refused already (the webhook was away
/// when it was made) is only warned of: an edit of something else is not held up by it.
pub fn admit<K: Judged>(new: &K, old: Option<&K>, others: &Others<'_>) -> Judgement {
    let Judgement { refusal, mut warnings } = new.judge(others);
    let was_refused = |why: &String| old.is_some_and(|old| old.judge(others).refusal.as_ref() == Some(why));
    match refusal {
        Some(why) if was_refused(&why) => {
            warnings.push(why);
            Judgement { refusal: None, warnings }
        }
        refusal => Judgement { refusal, warnings },
    }
}

/// Another object, which is not on its way out.
fn is_other<K: Eventing>(candidate: &K, other: &K) -> bool {
    !is_same(candidate, other) && other.meta().deletion_timestamp.is_none()
}

fn is_same<K: Eventing>(one: &K, two: &K) -> bool {
    one.namespace() == two.namespace() && one.name_any() == two.name_any()
}

fn full_name<K: Eventing>(object: &K) -> String {
    format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any())
}

/// The bus that a rule attaches to, as namespace and name.
fn bus_of(rule: &EventRule) -> (String, String) {
    let own = rule.namespace().unwrap_or_default();
    (rule.spec.bus_ref.namespace_or(&own).to_owned(), rule.spec.bus_ref.name.clone())
}
