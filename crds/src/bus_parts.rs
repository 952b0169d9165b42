//! The parts of an EventBus's spec and status beside the bus itself: its dead-letter queue, archives, alarms, dashboard.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::schema;

/// Where events go that EventBridge cannot encrypt or decrypt.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct BusDeadLetter {
    /// ARN of a standard queue of the same account and Region. It is yours: the operator neither makes it nor changes
    /// it. Its policy must let `events.amazonaws.com` send for the bus; until it does, the condition prints the
    /// statement that is missing. An inbox's queues are sealed and do not take it.
    #[schemars(length(min = 1, max = 256), regex(pattern = schema::QUEUE_ARN))]
    #[x_kube(
        validation = Rule::new("!self.endsWith('.fifo')")
            .message("deadLetter.queueArn names a standard queue: EventBridge takes no FIFO queue for what it cannot deliver")
    )]
    pub queue_arn: String,
}

/// An archive of the bus: EventBridge keeps matching events, so that they can be replayed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Archive {
    /// Its name, unique in the account and Region.
    #[schemars(length(min = 1, max = 48), regex(pattern = schema::ARCHIVE_NAME))]
    pub name: String,
    /// How long events are kept, in days; for ever when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 36500))]
    pub retention_days: Option<i32>,
    /// The events that are kept, in EventBridge's own grammar, as an object: `{source: [qsl.payment]}`; all when
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::event_pattern")]
    pub event_pattern: Option<Map<String, Value>>,
}

/// Alarms of a bus in CloudWatch. Each costs what CloudWatch charges for an alarm.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct BusAlarms {
    /// Whether there are alarms (default false): for each of the bus's rules on FailedInvocations,
    /// InvocationsSentToDlq, InvocationsFailedToBeSentToDlq and ThrottledRules; and one for all buses of the
    /// installation on PutEventsFailedEntriesCount, which AWS counts for the account alone.
    #[serde(default)]
    pub enabled: bool,
    /// ARNs of what CloudWatch calls when an alarm goes off, such as an SNS topic: at most five, CloudWatch's limit.
    /// The one alarm for all buses has the actions of the oldest EventBus with alarms.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5), inner(length(min = 1, max = 1024), regex(pattern = schema::ALARM_ACTION)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub actions: Vec<String>,
}

/// The dashboard of a bus in CloudWatch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BusDashboard {
    /// Whether there is one (default false). It is put right when somebody edits it: copy it to change it.
    #[serde(default)]
    pub enabled: bool,
}

/// An archive that stands.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ArchiveStatus {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub archive_arn: String,
}
