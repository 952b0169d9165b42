//! Alarms in CloudWatch, which buses and inboxes make.
//!
//! `PutMetricAlarm` replaces silently whatever has the name, and ignores tags where it exists; so whose an alarm is,
//! is read before one is replaced and after one was made.

use crate::arn::AlarmArn;
use crate::claim::Claim;
use crate::difference::Difference;
use crate::error::AwsError;
use crate::installation::Installation;
use crate::names::{AlarmName, alarm_prefix};
use crate::owner::Owner;
use crate::ports::{Alarm, AlarmFacts, Aws};
use crate::tags::{self, TagChange, Tags};
use std::collections::{BTreeMap, BTreeSet};

/// An alarm of ours that is there.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenAlarm {
    /// The alarm.
    pub facts: AlarmFacts,
    /// Its tags.
    pub tags: Tags,
}

/// Something to do about alarms.
#[derive(Debug, Clone, PartialEq)]
pub enum AlarmAction {
    /// Make one, or set it right.
    Put(Box<Alarm>, Tags),
    /// Add tags.
    Tag(AlarmArn, Tags),
    /// Take away tags that were set by us.
    Untag(AlarmArn, BTreeSet<String>),
    /// Delete them.
    Delete(BTreeSet<AlarmName>),
}

impl AlarmAction {
    /// A change of tags.
    pub fn of_tags(arn: &AlarmArn, change: TagChange) -> Self {
        match change {
            TagChange::Put(tags) => Self::Tag(arn.clone(), tags),
            TagChange::Take(keys) => Self::Untag(arn.clone(), keys),
        }
    }

    /// What it does, in a reader's words.
    pub fn describe(&self) -> String {
        match self {
            Self::Put(alarm, _) => format!("set alarm {}", alarm.name),
            Self::Tag(arn, _) => format!("tag {arn}"),
            Self::Untag(arn, _) => format!("untag {arn}"),
            Self::Delete(names) => {
                let names: Vec<&str> = names.iter().map(AlarmName::as_str).collect();
                format!("delete alarms {}", names.join(", "))
            }
        }
    }
}

/// What an action that is planned puts right of the alarms that are there.
pub(crate) fn differences(seen: &BTreeMap<AlarmName, SeenAlarm>, action: &AlarmAction) -> Vec<Difference> {
    let tags = |arn: &AlarmArn| {
        arn.name().and_then(|name| seen.get(&name)).map(|alarm| alarm.tags.clone()).unwrap_or_default()
    };
    match action {
        AlarmAction::Put(alarm, _) if seen.contains_key(&alarm.name) => {
            vec![Difference::document(format!("alarm {}", alarm.name), "settings")]
        }
        AlarmAction::Put(alarm, _) => vec![Difference::missing(format!("alarm {}", alarm.name))],
        AlarmAction::Tag(arn, put) => Difference::tags_put(arn, put, &tags(arn)),
        AlarmAction::Untag(arn, keys) => Difference::tags_taken(arn, keys, &tags(arn)),
        AlarmAction::Delete(names) => {
            names.iter().map(|name| Difference::superfluous(format!("alarm {name}"))).collect()
        }
    }
}

/// Reads the alarms of `owner`, wanted or not. One under its prefix that its claim does not reach is refused.
pub(crate) async fn observe(
    aws: &Aws,
    installation: &Installation,
    owner: &Owner,
    claim: Claim,
) -> Result<BTreeMap<AlarmName, SeenAlarm>, AwsError> {
    let mut seen = BTreeMap::new();
    for facts in aws.monitoring.alarms_under(&alarm_prefix(installation, owner)).await? {
        let tags = aws.monitoring.alarm_tags(&facts.arn).await?;
        claim.check(installation, owner, &tags, "CloudWatch", &format!("alarm {}", facts.name))?;
        seen.insert(facts.name.clone(), SeenAlarm { facts, tags });
    }
    Ok(seen)
}

/// Reads the ARNs of the alarms that are `owner`'s own.
pub(crate) async fn observe_own(
    aws: &Aws,
    installation: &Installation,
    owner: &Owner,
) -> Result<BTreeMap<AlarmName, AlarmArn>, AwsError> {
    let mut own = BTreeMap::new();
    for facts in aws.monitoring.alarms_under(&alarm_prefix(installation, owner)).await? {
        let found = aws.monitoring.alarm_tags(&facts.arn).await?;
        if tags::check_owner(installation, owner, &found, "CloudWatch", "alarm").is_ok() {
            own.insert(facts.name, facts.arn);
        }
    }
    Ok(own)
}

/// What makes an alarm nobody's.
pub(crate) fn release(arn: &AlarmArn, owner: &Owner) -> [AlarmAction; 2] {
    tags::release(owner).map(|change| AlarmAction::of_tags(arn, change))
}

/// What makes `seen` into `wanted`: all of these, with these tags, and no other.
pub(crate) fn plan(wanted: &[Alarm], tags: &Tags, seen: &BTreeMap<AlarmName, SeenAlarm>) -> Vec<AlarmAction> {
    let mut actions = Vec::new();
    for alarm in wanted {
        let found = seen.get(&alarm.name);
        if let Some(SeenAlarm { facts, tags: found }) = found {
            // Marked first: what is adopted is ours before it is changed.
            let changes = tags::changes(tags, found).into_iter();
            actions.extend(changes.map(|change| AlarmAction::of_tags(&facts.arn, change)));
        }
        if found.and_then(|found| found.facts.alarm.as_ref()) != Some(alarm) {
            actions.push(AlarmAction::Put(Box::new(alarm.clone()), tags.clone()));
        }
    }
    let wanted: BTreeSet<&AlarmName> = wanted.iter().map(|alarm| &alarm.name).collect();
    let superfluous: BTreeSet<AlarmName> = seen.keys().filter(|name| !wanted.contains(name)).cloned().collect();
    if !superfluous.is_empty() {
        actions.push(AlarmAction::Delete(superfluous));
    }
    actions
}

/// Does it. An alarm of the name that somebody else made meanwhile is refused after.
pub(crate) async fn apply(
    aws: &Aws,
    installation: &Installation,
    owner: &Owner,
    action: &AlarmAction,
) -> Result<(), AwsError> {
    match action {
        AlarmAction::Put(alarm, tags) => {
            aws.monitoring.put_alarm(alarm, tags).await?;
            let found = aws.monitoring.alarm_tags(&installation.alarm_arn(&alarm.name)).await?;
            tags::check_owner(installation, owner, &found, "CloudWatch", &format!("alarm {}", alarm.name))
        }
        AlarmAction::Tag(arn, tags) => aws.monitoring.tag_alarm(arn, tags).await,
        AlarmAction::Untag(arn, keys) => aws.monitoring.untag_alarm(arn, keys).await,
        AlarmAction::Delete(names) => aws.monitoring.delete_alarms(names).await,
    }
}
