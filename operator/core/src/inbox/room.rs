//! Which rules the queues' policies have room for.
//!
//! SQS takes 8,192 bytes a policy: about 70 rules, about 35 where the queue is sealed, since the denial lists them
//! again. Which rules fit does not depend on when one looks: they come in a fixed order, the first that does not fit
//! ends it, and a rule gets in with all its parts or not at all. What delivers already is never put out: a rule that
//! lost its place stays in the policy until its targets are gone.

use super::desired::{Desired, Part};
use crate::arn::RuleArn;
use crate::policy::queue::QUEUE_POLICY_MAX;
use crate::ports::NewQueue;
use std::collections::{BTreeMap, BTreeSet};

/// The rules that fit, and those that do not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Room {
    /// The rules whose parts all fit.
    pub admitted: BTreeSet<RuleArn>,
    /// The rules that there is no room for.
    pub without_room: BTreeSet<RuleArn>,
}

/// Gives room to rules (each is the ARNs of all its parts), in their order; `desired` says what else stands in the
/// policies, and its own rules do not count.
pub fn give_room(desired: &Desired, rules: &[BTreeSet<RuleArn>]) -> Room {
    let fits = |rules: BTreeSet<RuleArn>| {
        let desired = Desired { allowed_rule_arns: rules, ..desired.clone() };
        policies_fit(&desired.queues(&BTreeSet::new()))
    };
    let all = |rules: &[BTreeSet<RuleArn>]| rules.iter().flatten().cloned().collect::<BTreeSet<_>>();
    if fits(all(rules)) {
        return Room { admitted: all(rules), without_room: BTreeSet::new() };
    }
    // More rules never take less room, so the last count that fits is found by halving.
    let (mut fit, mut too_many) = (0, rules.len());
    while too_many - fit > 1 {
        let middle = fit.midpoint(too_many);
        if fits(all(rules.get(..middle).unwrap_or_default())) {
            fit = middle;
        } else {
            too_many = middle;
        }
    }
    let (admitted, others) = rules.split_at_checked(fit).unwrap_or_default();
    let admitted = all(admitted);
    let without_room = all(others).difference(&admitted).cloned().collect();
    Room { admitted, without_room }
}

/// Whether SQS takes all the policies.
pub(super) fn policies_fit(queues: &BTreeMap<Part, NewQueue>) -> bool {
    let mut policies = queues.values().filter_map(|queue| queue.attributes.policy.as_ref());
    policies.all(|policy| policy.as_text().len() <= QUEUE_POLICY_MAX)
}
