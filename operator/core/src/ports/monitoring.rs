//! The port to CloudWatch: alarms, dashboards, and the newest value of a metric.

use super::Answer;
use crate::arn::{ActionArn, AlarmArn};
use crate::names::{AlarmName, DashboardName};
use crate::tags::Tags;
use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A metric: where it is, what it is called, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metric {
    /// The namespace, such as `AWS/Events`.
    pub namespace: String,
    /// The name, such as `FailedInvocations`.
    pub name: String,
    /// All of its dimensions, at most 30: a metric with fewer is another metric.
    pub dimensions: BTreeMap<String, String>,
}

/// How the values of a period become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Statistic {
    /// They are added.
    Sum,
    /// The greatest.
    Maximum,
}

/// What a value must be, beside the threshold, for the alarm to sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Greater than it.
    Greater,
    /// Greater than it, or equal.
    GreaterOrEqual,
}

/// What a period without data is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingData {
    /// As good as below the threshold: for metrics that are absent while they are zero.
    NotBreaching,
    /// Neither: the alarm stays as it is.
    Ignore,
    /// Data that is not enough, which is a state of its own; AWS's default.
    Missing,
    /// As bad as above the threshold.
    Breaching,
}

/// An alarm on one metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Alarm {
    /// Its name, unique in the account and Region.
    pub name: AlarmName,
    /// Its description; at most 1,024 characters.
    pub description: String,
    /// What it watches.
    pub metric: Metric,
    /// How the values of a period become one.
    pub statistic: Statistic,
    /// The length of a period, in seconds: a multiple of 60.
    pub period_seconds: u32,
    /// How many periods in a row must be beyond the threshold; all of them together last at most a day.
    pub evaluation_periods: u32,
    /// The threshold, in the metric's unit.
    pub threshold: f64,
    /// On which side of the threshold is beyond.
    pub comparison: Comparison,
    /// What a period without data is.
    pub missing_data: MissingData,
    /// What happens when it sounds; at most five.
    pub actions: BTreeSet<ActionArn>,
}

/// An alarm as AWS describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct AlarmFacts {
    /// Its name.
    pub name: AlarmName,
    /// Its ARN.
    pub arn: AlarmArn,
    /// Its description, empty where it has none.
    pub description: String,
    /// What it is, or `None` where it is or has what an alarm of ours never is or has: metric maths, a
    /// percentile, actions for other states, actions switched off.
    pub alarm: Option<Alarm>,
}

/// One metric to read the newest value of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricQuery {
    /// The metric.
    pub metric: Metric,
    /// How the values of a period become one.
    pub statistic: Statistic,
    /// The length of a period, in seconds: a multiple of 60.
    pub period_seconds: u32,
}

/// A span of time to read metrics of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// From when on.
    pub from: Timestamp,
    /// Until before when.
    pub until: Timestamp,
}

/// CloudWatch.
#[async_trait]
pub trait Monitoring: Send + Sync {
    /// The alarms of those names, as far as they are there.
    async fn alarms(&self, names: &BTreeSet<AlarmName>) -> Answer<Vec<AlarmFacts>>;
    /// The alarms whose names begin so.
    async fn alarms_under(&self, prefix: &str) -> Answer<Vec<AlarmFacts>>;
    /// Makes an alarm, or silently replaces the one of its name, whosoever it is. `tags` are ignored where the alarm
    /// exists. Read whose it is before and after.
    async fn put_alarm(&self, alarm: &Alarm, tags: &Tags) -> Answer<()>;
    /// Deletes alarms. Where one of them is not there AWS deletes none, which is a conflict: observe again.
    async fn delete_alarms(&self, names: &BTreeSet<AlarmName>) -> Answer<()>;
    /// Tags of an alarm; one that is not there is `Missing`.
    async fn alarm_tags(&self, arn: &AlarmArn) -> Answer<Tags>;
    /// Adds tags to an alarm.
    async fn tag_alarm(&self, arn: &AlarmArn, tags: &Tags) -> Answer<()>;
    /// Takes tags away from an alarm.
    async fn untag_alarm(&self, arn: &AlarmArn, keys: &BTreeSet<String>) -> Answer<()>;

    /// The body of a dashboard, if there is one. Dashboards have no tags: whose one is, its body must say.
    async fn dashboard(&self, name: &DashboardName) -> Answer<Option<Value>>;
    /// Makes a dashboard, or silently replaces the one of its name, whosoever it is.
    async fn put_dashboard(&self, name: &DashboardName, body: &Value) -> Answer<()>;
    /// Deletes a dashboard.
    async fn delete_dashboard(&self, name: &DashboardName) -> Answer<()>;

    /// The newest value of each metric in `window`, in the order asked for; `None` where there is none.
    async fn newest(&self, queries: &[MetricQuery], window: Window) -> Answer<Vec<Option<f64>>>;
}
