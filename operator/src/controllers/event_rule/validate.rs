//! From the spec to what `operator-core` takes; after this the types cannot be wrong.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crds::{EventRule, EventRuleSpec, InboxQueue, event_rule::RuleState};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use operator_core::{
    Claim, Installation,
    arn::RuleArn,
    names::{BusName, RuleName},
    owner::Kind,
    ports,
    rule::{Desired, EventPattern},
};
use serde_json::Value;

use super::{dereference::Referenced, target};
use crate::{
    controllers::world::{full_name, owner},
    runner::Terminal,
};

/// A rule as it should be.
#[derive(Debug)]
pub(in crate::controllers) struct Validated {
    /// For `operator-core`.
    pub desired: Desired,
    /// The first inbox whose policy does not let the rule in yet.
    pub unsettled: Option<Unsettled>,
}

/// An inbox whose policy does not let the rule in yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::controllers) struct Unsettled {
    /// `namespace/name`.
    pub inbox: String,
    /// When it will, where that is a matter of time alone.
    pub remaining: Option<Duration>,
}

/// The rule as it should be, or which field is wrong.
pub(in crate::controllers) fn validate(
    installation: &Arc<Installation>,
    claim: Claim,
    object: &EventRule,
    referenced: &Referenced,
    now: Timestamp,
) -> Result<Validated, Terminal> {
    let EventRuleSpec {
        bus_ref: _,
        rule_name: _,
        event_pattern,
        state,
        targets,
        deletion_policy: _,
        adoption_policy: _,
        management_policy: _,
    } = &object.spec;
    let event_pattern = EventPattern::parse(Value::Object(event_pattern.clone()))
        .map_err(|error| Terminal::spec("eventPattern", error))?;
    let bus_name =
        BusName::parse(referenced.bus.spec.bus_name.as_str()).map_err(|error| Terminal::spec("busRef", error))?;
    let rule_name = rule_name(object)?;
    let arns = installation.rule_arns(&bus_name, &rule_name, targets.len());
    let mut unsettled: Option<Unsettled> = None;
    let mut resolved = Vec::new();
    for (number, target, inbox) in &referenced.targets {
        let Some(inbox) = inbox else {
            resolved.push(target::by_arn(installation, *number, target)?);
            continue;
        };
        let standing = standing(&arns, inbox, now);
        if let Err(remaining) = standing {
            let later = Unsettled { inbox: full_name(inbox.as_ref()), remaining };
            unsettled = Some(unsettled.take().map_or(later.clone(), |first| first.sooner(later)));
        }
        resolved.push(target::of_inbox(installation, *number, target, inbox, standing.is_ok())?);
    }
    let desired = Desired {
        installation: Arc::clone(installation),
        owner: owner(Kind::EventRule, object),
        claim,
        bus_name,
        rule_name,
        event_pattern,
        state: match state {
            RuleState::Enabled => ports::RuleState::Enabled,
            RuleState::Disabled => ports::RuleState::Disabled,
        },
        targets: resolved,
        tags: BTreeMap::new(),
    };
    Ok(Validated { desired, unsettled })
}

/// The rule's name in EventBridge.
pub(in crate::controllers) fn rule_name(object: &EventRule) -> Result<RuleName, Terminal> {
    let name = object.spec.rule_name.clone().unwrap_or_else(|| object.name_any());
    RuleName::parse(name).map_err(|error| Terminal::spec("ruleName", error))
}

/// Whether the inbox's policy lets all of the rule's parts in; if not, how long that takes, where that is known.
fn standing(arns: &[RuleArn], inbox: &InboxQueue, now: Timestamp) -> Result<(), Option<Duration>> {
    let allowed = inbox.status.as_ref().map(|status| status.allowed_rules.as_slice()).unwrap_or_default();
    for arn in arns {
        let arn = arn.to_string();
        let Some(rule) = allowed.iter().find(|rule| rule.rule_arn == arn) else { return Err(None) };
        if rule.policy_settled_at.0 > now {
            return Err(Some(rule.policy_settled_at.0.duration_since(now).unsigned_abs()));
        }
    }
    Ok(())
}

impl Unsettled {
    /// The one of the two that is ready sooner, as far as that is known.
    fn sooner(self, other: Self) -> Self {
        match (self.remaining, other.remaining) {
            (None, Some(_)) => other,
            (Some(one), Some(two)) if two < one => other,
            _ => self,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;
    use crate::controllers::tests::{at, object, place};

    fn inbox(name: &str, allowed: &[(&str, i64)]) -> Arc<InboxQueue> {
        let allowed: Vec<_> =
            allowed.iter().map(|(arn, second)| json!({"ruleArn": arn, "policySettledAt": at(*second)})).collect();
        let mut inbox: InboxQueue = object("InboxQueue", "books", name, &json!({"queueName": name}));
        inbox.status = Some(serde_json::from_value(json!({"allowedRules": allowed})).unwrap());
        Arc::new(inbox)
    }

    fn judge(pattern: &Value, inboxes: &[Arc<InboxQueue>]) -> Result<Validated, Terminal> {
        let targets: Vec<Value> =
            inboxes.iter().map(|i| json!({"inboxRef": {"name": i.name_any(), "namespace": "books"}})).collect();
        let spec = json!({"busRef": {"name": "core"}, "eventPattern": pattern, "targets": targets});
        let rule: EventRule = object("EventRule", "desk", "coins", &spec);
        let bus = object("EventBus", "desk", "core", &json!({"busName": "ferry"}));
        let targets = rule.spec.targets.iter().cloned().enumerate().zip(inboxes.iter().cloned().map(Some));
        let targets = targets.map(|((number, target), inbox)| (number, target, inbox)).collect();
        let referenced = Referenced { bus: Arc::new(bus), targets, missing: None };
        validate(&Arc::new(place()), Claim::Own, &rule, &referenced, at(100).0)
    }

    const ARN: &str = "arn:aws:events:eu-central-1:000000000000:rule/ferry/coins";

    #[test]
    fn a_target_is_ready_once_its_inbox_says_that_the_rule_is_let_in_and_since_long_enough() {
        let inboxes = [inbox("in", &[(ARN, 100)]), inbox("soon", &[(ARN, 107)]), inbox("not-yet", &[("other", 1)])];
        let judged = judge(&json!({"source": ["qsl.coin"]}), &inboxes).unwrap();
        let ready: Vec<bool> = judged.desired.targets.iter().map(|target| target.ready).collect();
        assert_eq!(ready, [true, false, false]);
        let soonest = Unsettled { inbox: "books/soon".into(), remaining: Some(Duration::from_secs(7)) };
        assert_eq!(judged.unsettled, Some(soonest));
    }

    #[test]
    fn events_grow_no_older_than_the_skew_lets_them() {
        let judged = judge(&json!({"source": ["qsl.coin"]}), &[inbox("in", &[(ARN, 1)])]).unwrap();
        assert_eq!(judged.desired.targets.first().unwrap().max_event_age_seconds, Some(240));
    }

    #[test]
    fn a_pattern_speaks_of_members_of_events() {
        let refused = judge(&json!({"detailType": ["Coin.Found.v1"]}), &[]).unwrap_err();
        assert!(
            refused.message.starts_with("spec.eventPattern: at /detailType: 'detailType' is no member"),
            "{refused}"
        );
    }
}
