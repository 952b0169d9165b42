//! CloudWatch, in memory.

use super::{FakeAws, State, refuse};
use crate::arn::AlarmArn;
use crate::error::{AwsError, ErrorClass};
use crate::names::{AlarmName, DashboardName};
use crate::ports::{Alarm, AlarmFacts, Answer, Metric, MetricQuery, Monitoring, Window};
use crate::tags::Tags;
use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const SERVICE: &str = "CloudWatch";
/// Actions of one state of an alarm.
const ACTIONS: usize = 5;
/// Characters of an alarm's description.
const DESCRIPTION: usize = 1024;
/// Seconds that all periods of an alarm last together.
const DAY: u32 = 86_400;

/// What CloudWatch holds.
#[derive(Debug, Default)]
pub(super) struct CloudWatch {
    pub(super) alarms: BTreeMap<AlarmName, StoredAlarm>,
    pub(super) dashboards: BTreeMap<DashboardName, Value>,
    values: BTreeMap<Metric, Vec<(Timestamp, f64)>>,
}

#[derive(Debug)]
pub(super) struct StoredAlarm {
    pub(super) alarm: Alarm,
    pub(super) tags: Tags,
    /// Whether somebody gave it what an alarm of ours never has.
    pub(super) edited: bool,
}

impl FakeAws {
    /// Lets a metric have a value now.
    pub fn add_value(&self, metric: &Metric, value: f64) {
        let now = self.0.clock.now();
        self.state().monitoring.values.entry(metric.clone()).or_default().push((now, value));
    }

    /// Somebody gives an alarm what an alarm of ours never has, such as an action for another state.
    pub fn edit_alarm(&self, name: &AlarmName) {
        if let Some(stored) = self.state().monitoring.alarms.get_mut(name) {
            stored.edited = true;
        }
    }
}

impl State {
    fn alarm_mut(&mut self, operation: &'static str, arn: &AlarmArn) -> Result<&mut StoredAlarm, AwsError> {
        let name = arn.name();
        name.and_then(|name| self.monitoring.alarms.get_mut(&name))
            .ok_or_else(|| AwsError::new(ErrorClass::Missing, SERVICE, operation, format!("{arn} does not exist")))
    }
}

/// What AWS says of an alarm, if it refuses it.
fn refusal(alarm: &Alarm) -> Option<&'static str> {
    let Alarm { description, period_seconds, evaluation_periods, actions, .. } = alarm;
    if description.chars().count() > DESCRIPTION {
        return Some("the description is too long");
    }
    if actions.len() > ACTIONS {
        return Some("the collection AlarmActions must not have a size greater than 5");
    }
    if *period_seconds == 0 || !period_seconds.is_multiple_of(60) {
        return Some("Period must be 10, 30 or a multiple of 60");
    }
    let span = period_seconds.checked_mul(*evaluation_periods);
    (*evaluation_periods == 0 || span.is_none_or(|span| span > DAY))
        .then_some("Metrics cannot be checked across more than a day")
}

#[async_trait]
impl Monitoring for FakeAws {
    async fn alarms(&self, names: &BTreeSet<AlarmName>) -> Answer<Vec<AlarmFacts>> {
        self.call(SERVICE, "DescribeAlarms", false, |state| {
            let stored = state.monitoring.alarms.values();
            Ok(stored.filter(|stored| names.contains(&stored.alarm.name)).map(|stored| self.facts(stored)).collect())
        })
        .await
    }

    async fn alarms_under(&self, prefix: &str) -> Answer<Vec<AlarmFacts>> {
        self.call(SERVICE, "DescribeAlarms", false, |state| {
            let stored = state.monitoring.alarms.values();
            let found = stored.filter(|stored| stored.alarm.name.as_str().starts_with(prefix));
            Ok(found.map(|stored| self.facts(stored)).collect())
        })
        .await
    }

    async fn put_alarm(&self, alarm: &Alarm, tags: &Tags) -> Answer<()> {
        let operation = "PutMetricAlarm";
        self.call(SERVICE, operation, true, |state| {
            if let Some(reason) = refusal(alarm) {
                return refuse(ErrorClass::Invalid, SERVICE, operation, reason.to_owned());
            }
            let alarms = &mut state.monitoring.alarms;
            let tags = alarms.get(&alarm.name).map_or_else(|| tags.clone(), |stored| stored.tags.clone());
            alarms.insert(alarm.name.clone(), StoredAlarm { alarm: alarm.clone(), tags, edited: false });
            Ok(())
        })
        .await
    }

    async fn delete_alarms(&self, names: &BTreeSet<AlarmName>) -> Answer<()> {
        let operation = "DeleteAlarms";
        self.call(SERVICE, operation, true, |state| {
            let alarms = &mut state.monitoring.alarms;
            if let Some(name) = names.iter().find(|name| !alarms.contains_key(*name)) {
                return refuse(ErrorClass::Conflict, SERVICE, operation, format!("alarm {name} does not exist"));
            }
            alarms.retain(|name, _| !names.contains(name));
            Ok(())
        })
        .await
    }

    async fn alarm_tags(&self, arn: &AlarmArn) -> Answer<Tags> {
        let operation = "ListTagsForResource";
        self.call(SERVICE, operation, false, |state| Ok(state.alarm_mut(operation, arn)?.tags.clone())).await
    }

    async fn tag_alarm(&self, arn: &AlarmArn, tags: &Tags) -> Answer<()> {
        let operation = "TagResource";
        self.call(SERVICE, operation, true, |state| {
            state.alarm_mut(operation, arn)?.tags.extend(tags.clone());
            Ok(())
        })
        .await
    }

    async fn untag_alarm(&self, arn: &AlarmArn, keys: &BTreeSet<String>) -> Answer<()> {
        let operation = "UntagResource";
        self.call(SERVICE, operation, true, |state| {
            state.alarm_mut(operation, arn)?.tags.retain(|key, _| !keys.contains(key));
            Ok(())
        })
        .await
    }

    async fn dashboard(&self, name: &DashboardName) -> Answer<Option<Value>> {
        self.call(SERVICE, "GetDashboard", false, |state| Ok(state.monitoring.dashboards.get(name).cloned())).await
    }

    async fn put_dashboard(&self, name: &DashboardName, body: &Value) -> Answer<()> {
        let operation = "PutDashboard";
        self.call(SERVICE, operation, true, |state| {
            if !body.get("widgets").is_some_and(Value::is_array) {
                return refuse(ErrorClass::Invalid, SERVICE, operation, "the body has no widgets".to_owned());
            }
            state.monitoring.dashboards.insert(name.clone(), body.clone());
            Ok(())
        })
        .await
    }

    async fn delete_dashboard(&self, name: &DashboardName) -> Answer<()> {
        self.call(SERVICE, "DeleteDashboards", true, |state| {
            state.monitoring.dashboards.remove(name);
            Ok(())
        })
        .await
    }

    async fn newest(&self, queries: &[MetricQuery], window: Window) -> Answer<Vec<Option<f64>>> {
        self.call(SERVICE, "GetMetricData", false, |state| {
            let newest = |query: &MetricQuery| {
                let values = state.monitoring.values.get(&query.metric)?;
                let inside = values.iter().filter(|(at, _)| *at >= window.from && *at < window.until);
                inside.max_by_key(|(at, _)| *at).map(|(_, value)| *value)
            };
            Ok(queries.iter().map(newest).collect())
        })
        .await
    }
}

impl FakeAws {
    fn facts(&self, stored: &StoredAlarm) -> AlarmFacts {
        let StoredAlarm { alarm, tags: _, edited } = stored;
        AlarmFacts {
            name: alarm.name.clone(),
            arn: self.0.installation.alarm_arn(&alarm.name),
            description: alarm.description.clone(),
            alarm: (!edited).then(|| alarm.clone()),
        }
    }
}
