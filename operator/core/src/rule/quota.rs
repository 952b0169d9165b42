//! Which quota is used up. EventBridge says no more than that one is.

use super::{Action, Desired, EventPattern};
use crate::error::{AwsError, ErrorClass};
use crate::names::BusName;
use crate::ports::Aws;

/// How many rules of a bus may use `wildcard`.
const WILDCARD_RULES: usize = 30;

/// The error, and where a quota is used up: which, by what, and what can be done. Costs a read in that case alone.
pub(super) async fn explain(aws: &Aws, desired: &Desired, action: &Action, error: AwsError) -> AwsError {
    if error.class != ErrorClass::LimitExceeded {
        return error;
    }
    let message = match action {
        Action::PutRule(rule) => {
            let uses_wildcard = desired.event_pattern.uses_wildcard();
            let counted = count(aws, &rule.bus).await;
            Some(of_rules(&rule.bus, uses_wildcard, counted))
        }
        Action::PutTargets(_, rule, _) => Some(format!(
            "quota \"targets per rule\": EventBridge takes 5, and somebody else put targets on rule {rule}; they are \
             taken away at the next pass"
        )),
        _ => None,
    };
    match message {
        Some(message) => AwsError { message: format!("{message} ({})", error.message), ..error },
        None => error,
    }
}

/// Rules of a bus.
#[derive(Debug, Clone, Copy)]
struct Counted {
    all: usize,
    with_wildcards: usize,
}

async fn count(aws: &Aws, bus: &BusName) -> Option<Counted> {
    let rules = aws.buses.rules(bus, "").await.ok()?;
    let patterns = rules.iter().filter_map(|rule| EventPattern::parse(rule.pattern.clone()).ok());
    Some(Counted { all: rules.len(), with_wildcards: patterns.filter(EventPattern::uses_wildcard).count() })
}

fn of_rules(bus: &BusName, uses_wildcard: bool, counted: Option<Counted>) -> String {
    let others = "or attach the rule to another bus";
    match counted {
        Some(Counted { with_wildcards, .. }) if uses_wildcard && with_wildcards >= WILDCARD_RULES => format!(
            "quota \"rules with wildcards per event bus\": bus {bus} has {with_wildcards} (each part of a split rule \
             counts); use prefix or suffix in place of wildcard, {others}"
        ),
        Some(Counted { all, .. }) => format!(
            "quota \"rules per event bus\": bus {bus} has {all} (each part of a split rule counts, and so does the rule \
             of an archive); raise it for Amazon EventBridge in Service Quotas, {others}"
        ),
        None => format!(
            "quota \"rules per event bus\" of bus {bus}: raise it for Amazon EventBridge in Service Quotas, {others}"
        ),
    }
}
