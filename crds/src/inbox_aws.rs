//! The parts of an InboxQueue's spec that say how its queues stand in AWS: encryption and alarms.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// How SQS encrypts what the inbox and its dead-letter queues hold: with keys of its own, or with a KMS key.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Encryption {
    /// A customer managed KMS key of the installation's account and Region: its id, ARN, alias (`alias/payments`) or
    /// alias ARN. Absent (the default), SQS encrypts with keys that it manages, and nothing else is to be done. The
    /// key's own policy must let `events.amazonaws.com` use it: until it does, the inbox is not Ready, and its
    /// condition prints the statement that is missing. The operator never writes a key's policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512), regex(pattern = schema::KMS_KEY))]
    #[x_kube(
        validation = Rule::new("!self.startsWith('alias/aws/') && !self.contains(':alias/aws/')")
            .message("keys under alias/aws/ are AWS's own, and EventBridge cannot use them, since their policy cannot be changed: leave kmsKeyId out (SQS then encrypts with keys of its own) or name a customer managed key")
    )]
    pub kms_key_id: Option<String>,
    /// How long SQS uses a data key before it asks KMS for another, in seconds (default 300). It counts with kmsKeyId
    /// alone; longer costs fewer calls of KMS.
    #[serde(default = "five_minutes")]
    #[schemars(range(min = 60, max = 86400))]
    pub data_key_reuse_seconds: i32,
}

impl Default for Encryption {
    fn default() -> Self {
        Self { kms_key_id: None, data_key_reuse_seconds: five_minutes() }
    }
}

/// Alarms of an inbox in CloudWatch. Each costs what CloudWatch charges for an alarm.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct InboxAlarms {
    /// Whether there are alarms (default false): the oldest message's age, messages in each dead-letter queue, and
    /// messages in flight.
    #[serde(default)]
    pub enabled: bool,
    /// ARNs of what CloudWatch calls when an alarm goes off, such as an SNS topic: at most five, CloudWatch's limit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5), inner(length(min = 1, max = 1024), regex(pattern = schema::ALARM_ACTION)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub actions: Vec<String>,
    /// When they go off.
    #[serde(default)]
    pub thresholds: InboxThresholds,
}

/// When the alarms of an inbox go off.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InboxThresholds {
    /// The inbox's oldest message is older than this, in seconds (default 900). CloudWatch does not count messages
    /// that were received three times or more.
    #[serde(default = "fifteen_minutes")]
    #[schemars(range(min = 60, max = 1_209_600))]
    pub oldest_message_age_seconds: i32,
    /// A dead-letter queue holds more messages than this (default 0).
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub dead_letters: i32,
    /// More of the inbox's messages than this are in flight (default 100,000). SQS gives out no more at 120,000.
    #[serde(default = "near_the_limit")]
    #[schemars(range(min = 1, max = 120_000))]
    pub in_flight: i32,
}

impl Default for InboxThresholds {
    fn default() -> Self {
        Self { oldest_message_age_seconds: fifteen_minutes(), dead_letters: 0, in_flight: near_the_limit() }
    }
}

fn five_minutes() -> i32 {
    300
}

fn fifteen_minutes() -> i32 {
    900
}

fn near_the_limit() -> i32 {
    100_000
}
