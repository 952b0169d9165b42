//! What there is of a rule.

use super::Desired;
use crate::claim::Claim;
use crate::error::{AwsError, ErrorClass};
use crate::ports::{Aws, RuleFacts, Target};
use crate::tags::Tags;
use std::collections::BTreeMap;

/// One rule in EventBridge that is a part of the rule.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenPart {
    /// The rule.
    pub facts: RuleFacts,
    /// Its tags.
    pub tags: Tags,
    /// Its targets.
    pub targets: Vec<Target>,
}

/// What there is, by the numbers of the parts. All of it carries the owner's mark.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Observed {
    /// The parts.
    pub parts: BTreeMap<usize, SeenPart>,
}

/// Reads what there is. A rule of a wanted name that is somebody else's is refused; another's rule that merely
/// looks like a part is not ours to see. A bus that is not there is `Missing`.
pub async fn observe(aws: &Aws, desired: &Desired) -> Result<Observed, AwsError> {
    let Desired { installation, owner, claim, bus_name, rule_name, .. } = desired;
    let needed = desired.parts();
    let mut parts = BTreeMap::new();
    for facts in aws.buses.rules(bus_name, rule_name.as_str()).await? {
        let Some(number) = rule_name.part_number(facts.name.as_str()) else {
            continue;
        };
        let tags = aws.buses.rule_tags(&facts.arn).await?;
        let thing = format!("rule {} of bus {bus_name}", facts.name);
        // Only what is needed is adopted: what merely looks like a part may be somebody's who marks nothing.
        let claim = if number <= needed { *claim } else { Claim::Own };
        match claim.check(installation, owner, &tags, "EventBridge", &thing) {
            Err(refusal) if number <= needed => return Err(refusal),
            Err(refusal) if matches!(refusal.class, ErrorClass::NotOurs { .. }) => continue,
            other => other?,
        };
        let targets = aws.buses.targets(bus_name, &facts.name).await?;
        parts.insert(number, SeenPart { facts, tags, targets });
    }
    Ok(Observed { parts })
}
