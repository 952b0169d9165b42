//! The alarms of an inbox: which there are, and when they go off.
//!
//! That an inbox has alarms is marked on its queue ([`ALARMED`]), so that an inbox without any costs no question to
//! CloudWatch, and one whose alarms were switched off loses them, whatever happened in between.

use super::Observed;
use super::desired::{Desired, Part};
use crate::alarm::{self, AlarmAction};
use crate::arn::ActionArn;
use crate::names::{QueueName, alarm_name};
use crate::ports::{Alarm, Comparison, Metric, MissingData, Statistic};
use crate::tags::{self, ALARMED};
use std::collections::{BTreeMap, BTreeSet};

/// The length of a period, in seconds: SQS has a value a minute.
const PERIOD: u32 = 60;
/// How many minutes in a row a value that goes up and down must be beyond its threshold.
const IN_A_ROW: u32 = 5;

/// What the alarms of an inbox go by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarms {
    /// What happens when one goes off; at most five.
    pub actions: BTreeSet<ActionArn>,
    /// The oldest message may be so old, in seconds.
    pub oldest_message_age_seconds: u32,
    /// So many messages may be in a dead-letter queue.
    pub dead_letters: u32,
    /// So many messages may be in flight; SQS gives out no more at 120,000.
    pub in_flight: u32,
}

impl Desired {
    /// The alarms that should be there.
    pub(super) fn alarms(&self) -> Vec<Alarm> {
        let Some(Alarms { actions, oldest_message_age_seconds, dead_letters, in_flight }) = &self.alarms else {
            return Vec::new();
        };
        let alarm = |what: &str, queue: &QueueName, metric: &str, threshold: u32, periods: u32, says: &str| Alarm {
            name: alarm_name(&self.installation, &self.owner, what),
            description: format!("Made by QSL Eventing for {}: {says} of queue {queue}", self.owner),
            metric: Metric {
                namespace: "AWS/SQS".to_owned(),
                name: metric.to_owned(),
                dimensions: BTreeMap::from([("QueueName".to_owned(), queue.to_string())]),
            },
            statistic: Statistic::Maximum,
            period_seconds: PERIOD,
            evaluation_periods: periods,
            threshold: f64::from(threshold),
            comparison: Comparison::Greater,
            // SQS has no values of a queue that nobody has used for some hours.
            missing_data: MissingData::NotBreaching,
            actions: actions.clone(),
        };
        let (inbox, rejects) = (self.queue_name.queue(), self.queue_name.dead_letter());
        let (age, held, received) = (
            "ApproximateAgeOfOldestMessage",
            "ApproximateNumberOfMessagesVisible",
            "ApproximateNumberOfMessagesNotVisible",
        );
        let oldest = *oldest_message_age_seconds;
        let mut alarms = vec![
            alarm("oldest-message", &inbox, age, oldest, IN_A_ROW, "age of the oldest message, in seconds,"),
            alarm("dead-letters", &rejects, held, *dead_letters, 1, "dead letters"),
            alarm("in-flight", &inbox, received, *in_flight, IN_A_ROW, "messages in flight"),
        ];
        if let Some(undelivered) = self.queue_name.undelivered() {
            alarms.push(alarm("undelivered", &undelivered, held, *dead_letters, 1, "events that were not delivered"));
        }
        alarms
    }
}

/// What to do about the alarms, after the queues are as they should be.
pub(super) fn plan(desired: &Desired, observed: &Observed) -> Vec<AlarmAction> {
    let tags = tags::wanted(&desired.installation, &desired.owner, &desired.tags);
    alarm::plan(&desired.alarms(), &tags, &observed.alarms)
}

/// Whether the inbox may have alarms: it should, or its queue says that it had.
pub(super) fn may_have_alarms(desired: &Desired, observed: &Observed) -> bool {
    desired.alarms.is_some() || is_marked(observed)
}

/// Whether the queue says that there are alarms.
pub(super) fn is_marked(observed: &Observed) -> bool {
    observed.queues.get(&Part::Inbox).is_some_and(|queue| queue.tags.contains_key(ALARMED))
}
