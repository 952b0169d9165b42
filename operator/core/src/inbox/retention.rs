//! Shortening a queue's retention, by which messages expire at once, and for good.
//!
//! It is done where none would: the queue is empty, or its oldest message is younger. SQS itself does not know how
//! old that is, CloudWatch does, to the minute; where it does not say either, the retention stays as it is until
//! the queue is empty or a person allows it.

use super::Observed;
use super::desired::{Desired, Part};
use crate::error::AwsError;
use crate::names::QueueName;
use crate::ports::{Aws, Metric, MetricQuery, Statistic, Window};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::fmt;

/// How far back a value of CloudWatch still counts.
const RECENT: SignedDuration = SignedDuration::from_mins(15);

/// A retention that stays longer than it should be, since messages would expire now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiring {
    /// The queue.
    pub queue: QueueName,
    /// What it holds, all together.
    pub messages: u64,
    /// The age of the oldest, in seconds, where that is known.
    pub oldest_seconds: Option<u64>,
    /// The retention that stays, in seconds.
    pub found_seconds: u32,
    /// The retention that is asked for, in seconds.
    pub wanted_seconds: u32,
}

impl fmt::Display for Expiring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { queue, messages, oldest_seconds, found_seconds, wanted_seconds } = self;
        write!(f, "the retention of queue {queue} stays {found_seconds} s: at {wanted_seconds} s, ")?;
        match oldest_seconds {
            Some(age) => write!(f, "messages would expire now (it holds {messages}, the oldest is {age} s old)"),
            None => write!(f, "messages may expire now (it holds {messages}, of an age that CloudWatch does not say)"),
        }
    }
}

/// Which queues' retention has to stay as it is for now. Asks CloudWatch where a retention is to become shorter and
/// the queue is not empty; `now` is the time.
pub async fn weigh_expiry(
    aws: &Aws,
    desired: &Desired,
    observed: &Observed,
    now: Timestamp,
) -> Result<BTreeMap<Part, Expiring>, AwsError> {
    let mut asked = Vec::new();
    for (part, wanted) in desired.queues(&observed.lingering) {
        let Some(seen) = observed.queues.get(&part) else { continue };
        let (wanted_seconds, found_seconds) =
            (wanted.attributes.retention_seconds, seen.facts.attributes.retention_seconds);
        let messages = seen.facts.counts.total();
        let allowed = desired.allow_expiry == Some(wanted_seconds);
        if wanted_seconds < found_seconds && messages > 0 && !allowed {
            let queue = wanted.name;
            asked.push((part, Expiring { queue, messages, oldest_seconds: None, found_seconds, wanted_seconds }));
        }
    }
    if asked.is_empty() {
        return Ok(BTreeMap::new());
    }
    let queries: Vec<MetricQuery> = asked.iter().map(|(_, expiring)| age_of(&expiring.queue)).collect();
    let from = now.checked_sub(RECENT).unwrap_or(now);
    let ages = aws.monitoring.newest(&queries, Window { from, until: now }).await?;
    let inbox = observed.queues.get(&Part::Inbox).map_or(0, |seen| seen.facts.attributes.retention_seconds);
    let mut stay = BTreeMap::new();
    for ((part, mut expiring), age) in asked.into_iter().zip(ages.into_iter().chain(std::iter::repeat(None))) {
        expiring.oldest_seconds = age.and_then(whole_seconds).map(|age| match part {
            Part::Inbox => age,
            // The clock of a dead letter began when it was first sent; its age here is that of its arrival.
            Part::DeadLetter | Part::Undelivered => age.saturating_add(u64::from(inbox)),
        });
        if expiring.oldest_seconds.is_none_or(|age| age >= u64::from(expiring.wanted_seconds)) {
            stay.insert(part, expiring);
        }
    }
    Ok(stay)
}

/// The age of the inbox's oldest message, in whole seconds, where the inbox has alarms (what CloudWatch says is paid
/// for) and CloudWatch has a recent value. It does not count messages that were received three times or more.
pub async fn oldest_message_age(aws: &Aws, desired: &Desired, now: Timestamp) -> Result<Option<u64>, AwsError> {
    if desired.alarms.is_none() {
        return Ok(None);
    }
    let from = now.checked_sub(RECENT).unwrap_or(now);
    let ages = aws.monitoring.newest(&[age_of(&desired.queue_name.queue())], Window { from, until: now }).await?;
    Ok(ages.first().copied().flatten().and_then(whole_seconds))
}

fn age_of(queue: &QueueName) -> MetricQuery {
    MetricQuery {
        metric: Metric {
            namespace: "AWS/SQS".to_owned(),
            name: "ApproximateAgeOfOldestMessage".to_owned(),
            dimensions: BTreeMap::from([("QueueName".to_owned(), queue.to_string())]),
        },
        statistic: Statistic::Maximum,
        period_seconds: 60,
    }
}

/// Seconds, rounded up; a value that is no age is none.
fn whole_seconds(value: f64) -> Option<u64> {
    let rounded = value.ceil();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the bounds were just checked")]
    let whole = (0.0..=1e9).contains(&rounded).then_some(rounded as u64);
    whole
}
