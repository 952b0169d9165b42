//! A bus's alarms: four for each of its rules, and one for the account.
//!
//! The metrics of `AWS/Events` that a rule of a custom bus has carry its bus and its name, and are absent while they
//! are zero. `PutEventsFailedEntriesCount` has no dimensions at all, so the account needs one alarm on it, whatever
//! the number of buses: it belongs to the installation, and every bus with alarms keeps it
//! (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html>).

use super::Desired;
use crate::arn::ActionArn;
use crate::installation::Installation;
use crate::names::{AlarmName, RulePartName, alarm_name};
use crate::owner::{Kind, Owner};
use crate::ports::{Alarm, Comparison, Metric, MissingData, Statistic};
use std::collections::{BTreeMap, BTreeSet};

const NAMESPACE: &str = "AWS/Events";
const PERIOD_SECONDS: u32 = 60;

/// Each metric of a rule that wants a person, and what it means.
const OF_A_RULE: [(&str, &str); 4] = [
    ("FailedInvocations", "EventBridge gave up on events of this rule: a permission or a target is missing."),
    ("InvocationsSentToDlq", "Events of this rule went to a dead-letter queue instead of their inbox."),
    ("InvocationsFailedToBeSentToDlq", "Events of this rule are LOST: not even a dead-letter queue took them."),
    ("ThrottledRules", "This rule is throttled: its events are late."),
];

/// The metric of the account that wants a person.
const OF_THE_ACCOUNT: &str = "PutEventsFailedEntriesCount";

/// The alarms of a bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredAlarms {
    /// The rules on the bus, all parts of them.
    pub rules: BTreeSet<RulePartName>,
    /// What happens when one sounds.
    pub actions: BTreeSet<ActionArn>,
}

/// What becomes of the alarm that all buses of the installation share.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SharedAlarm {
    /// It is kept, with the actions of the bus that has had alarms longest.
    Kept(BTreeSet<ActionArn>),
    /// No bus wants it any more: it goes.
    Unwanted,
    /// This bus has no alarms and others do: it is theirs to keep.
    #[default]
    OfOthers,
}

/// The owner of what all buses of an installation share.
pub(super) fn shared_owner(installation: &Installation) -> Owner {
    Owner {
        kind: Kind::Installation,
        namespace: installation.region.to_string(),
        name: installation.account.to_string(),
        uid: String::new(),
    }
}

/// The alarms that the bus's own object keeps.
pub(super) fn own(desired: &Desired) -> Vec<Alarm> {
    let Some(DesiredAlarms { rules, actions }) = &desired.alarms else {
        return Vec::new();
    };
    let bus = &desired.bus_name;
    let of_rule = |rule: &RulePartName, (metric, meaning): (&str, &str)| {
        let dimensions = [("EventBusName", bus.as_str()), ("RuleName", rule.as_str())];
        let name = alarm_name(&desired.installation, &desired.owner, &format!("{rule}-{metric}"));
        alarm(name, format!("{meaning} Bus {bus}, rule {rule}."), metric, &dimensions, actions)
    };
    rules.iter().flat_map(|rule| OF_A_RULE.map(|metric| of_rule(rule, metric))).collect()
}

/// The alarm that all buses share, where it is wanted.
pub(super) fn shared(desired: &Desired) -> Option<Alarm> {
    let SharedAlarm::Kept(actions) = &desired.shared_alarm else {
        return None;
    };
    let name = shared_name(&desired.installation);
    let meaning = "EventBridge refused entries of PutEvents, on some bus of this account.";
    Some(alarm(name, meaning.to_owned(), OF_THE_ACCOUNT, &[], actions))
}

/// Its name.
pub(super) fn shared_name(installation: &Installation) -> AlarmName {
    alarm_name(installation, &shared_owner(installation), OF_THE_ACCOUNT)
}

/// An alarm that sounds at the first event of a minute. AWS has no data of these metrics while nothing happens.
fn alarm(
    name: AlarmName,
    description: String,
    metric: &str,
    dimensions: &[(&str, &str)],
    actions: &BTreeSet<ActionArn>,
) -> Alarm {
    let dimensions = dimensions.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Alarm {
        name,
        description,
        metric: Metric {
            namespace: NAMESPACE.to_owned(),
            name: metric.to_owned(),
            dimensions: dimensions.collect::<BTreeMap<_, _>>(),
        },
        statistic: Statistic::Sum,
        period_seconds: PERIOD_SECONDS,
        evaluation_periods: 1,
        threshold: 1.0,
        comparison: Comparison::GreaterOrEqual,
        missing_data: MissingData::NotBreaching,
        actions: actions.clone(),
    }
}
