//! InboxQueue: a service's queue, its dead-letter queue, and how its events are handed on.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    AdoptionPolicy, AllowedNamespaces, DeletionPolicy, ManagementPolicy,
    autoscaling::Autoscaling,
    inbox_aws::{Encryption, InboxAlarms},
    inbox_parts::{DeadLetter, Deduplication, Forward, Verification},
    schema,
    subscription::{Subscription, SubscriptionStatus},
};

/// Whether sidecars receive from the inbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Consuming {
    /// They do.
    #[default]
    Enabled,
    /// They do not; messages wait in the queue.
    Paused,
}

/// A service's queue in SQS, its dead-letter queue, the role of its consumers, and how its events are handed on.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Deserialize, Serialize)]
#[kube(
    group = "eventing.qsl.dev",
    version = "v1alpha1",
    kind = "InboxQueue",
    namespaced,
    status = "InboxQueueStatus",
    derive = "PartialEq",
    doc = "A service's queue in SQS, its dead-letter queue, the role of its consumers, and how its events are handed on.",
    shortname = "inbox",
    category = "qsl",
    annotation("helm.sh/resource-policy", "keep"),
    validation = Rule::new("size(self.metadata.name) <= 63").message("metadata.name has at most 63 characters"),
    printcolumn(name = "Queue", type_ = "string", json_path = ".spec.queueName"),
    printcolumn(name = "Consuming", type_ = "string", json_path = ".spec.consuming"),
    printcolumn(name = "Buses", type_ = "string", json_path = ".status.buses"),
    printcolumn(name = "Depth", type_ = "integer", json_path = ".status.depth"),
    printcolumn(name = "Dead", type_ = "integer", json_path = ".status.deadLetters"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "InFlight", type_ = "integer", json_path = ".status.inFlight", priority = 1),
    printcolumn(name = "Oldest", type_ = "integer", json_path = ".status.oldestMessageAgeSeconds", priority = 1),
    printcolumn(name = "ReplayProtected", type_ = "string", json_path = ".status.conditions[?(@.type==\"ReplayProtected\")].status", priority = 1),
    printcolumn(name = "URL", type_ = "string", json_path = ".status.queueUrl", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[x_kube(
    validation = Rule::new("self.deadLetter.retentionSeconds > self.messageRetentionSeconds")
        .message("deadLetter.retentionSeconds is longer than messageRetentionSeconds: a dead letter's time runs from its first sending")
        .field_path(".deadLetter.retentionSeconds"),
    validation = Rule::new("self.fifo == oldSelf.fifo")
        .message("fifo cannot be changed: SQS cannot make one kind of queue of the other; make another InboxQueue and move to it")
        .field_path(".fifo")
)]
#[serde(rename_all = "camelCase")]
pub struct InboxQueueSpec {
    /// Name of the queue in SQS, without `.fifo`; its dead-letter queue is named after it, with `-dlq`. At most 68
    /// characters, which leaves room for `-undelivered`. It cannot be changed.
    #[schemars(length(min = 1, max = 68), regex(pattern = schema::QUEUE_NAME))]
    #[x_kube(
        validation = Rule::new("self == oldSelf").message("queueName cannot be changed: make another InboxQueue and move to it")
    )]
    pub queue_name: String,
    /// A FIFO queue (default false): `<queueName>.fifo`, with content-based deduplication. It has two dead-letter
    /// queues: `<queueName>-dlq.fifo` for what is rejected or received too often, and the standard queue
    /// `<queueName>-undelivered` for what EventBridge cannot deliver. Rules that target it need a `messageGroupId`; each
    /// of its own subscriptions is a group. It cannot be changed.
    #[serde(default)]
    pub fifo: bool,
    /// How long a received message is hidden from other receivers, in seconds; the sidecar prolongs it while the
    /// application works (default 60).
    #[serde(default = "sixty")]
    #[schemars(range(min = 10, max = 43200))]
    pub visibility_timeout_seconds: i32,
    /// How long a message is kept, in seconds (default 7 days).
    #[serde(default = "seven_days")]
    #[schemars(range(min = 60, max = 1_209_600))]
    pub message_retention_seconds: i32,
    /// How often an event is given to the application before it goes to the dead-letter queue (default 5). SQS's own
    /// limit of receives is three times that.
    #[serde(default = "five")]
    #[schemars(range(min = 1, max = 333))]
    pub max_attempts: i32,
    /// Only the inbox's rules may send to it, and nobody else, not even with permissions of the account (default).
    #[serde(default = "yes")]
    pub sealed: bool,
    /// The namespaces whose EventRules may target this inbox.
    #[serde(default)]
    pub allowed_namespaces: AllowedNamespaces,
    /// The events that the inbox takes, the short way: each becomes an EventRule of this namespace, owned by the
    /// inbox. Rules that others write may target it besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".to_owned()]))]
    pub subscriptions: Vec<Subscription>,
    /// How SQS encrypts what the inbox and its dead-letter queues hold: with keys that it manages, unless a KMS key is
    /// named.
    #[serde(default)]
    pub encryption: Encryption,
    /// The dead-letter queue.
    #[serde(default)]
    pub dead_letter: DeadLetter,
    /// The service accounts, of this namespace, whose sidecars receive from the inbox. One IAM role serves them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), inner(length(min = 1, max = 253), regex(pattern = schema::SERVICE_ACCOUNT)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub service_accounts: Vec<String>,
    /// The service accounts, of this namespace, that may bring dead letters back to the inbox. A second IAM role serves
    /// them, and the installation's own tools: receive and delete on the dead-letter queues, send on the inbox.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), inner(length(min = 1, max = 253), regex(pattern = schema::SERVICE_ACCOUNT)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub redrive_service_accounts: Vec<String>,
    /// How the sidecar hands events to the application.
    #[serde(default)]
    pub forward: Forward,
    /// What a signed event must satisfy.
    #[serde(default)]
    pub verification: Verification,
    /// How copies are recognised, beside the event's own key.
    #[serde(default)]
    pub deduplication: Deduplication,
    /// Enabled (the default) or Paused: sidecars do not receive, messages wait.
    #[serde(default)]
    pub consuming: Consuming,
    /// Scales the consumers by what the queue holds, where KEDA is installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<Autoscaling>,
    /// Alarms in CloudWatch: none, unless they are enabled.
    #[serde(default)]
    pub alarms: InboxAlarms,
    /// Tags of the AWS resources, beside those that mark whose they are.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::tags")]
    pub tags: BTreeMap<String, String>,
    /// Never (the default): a queue, or a role, of our names that carries no mark of an owner is refused. AdoptOrCreate: it is
    /// taken over, where the installation's `tenancy` lets this namespace adopt: its attributes are set and it is
    /// marked; tags that are not ours stay. What another object or another cluster owns is never taken.
    #[serde(default)]
    pub adoption_policy: AdoptionPolicy,
    /// Manage (the default), or Observe: AWS is read and the status reports it, `Synced` says what differs from the
    /// spec, and nothing is written or deleted.
    #[serde(default)]
    pub management_policy: ManagementPolicy,
    /// Delete (the default): deleting the object deletes its queues, once they are empty. Retain: they stay.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

/// What is known of the inbox.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct InboxQueueStatus {
    /// Ready, Synced, ReferencesResolved (with subscriptions), ReplayProtected, Autoscaling, Terminal, DeletionBlocked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// The generation of the spec that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The last handled value of annotation eventing.qsl.dev/reconcile-requested-at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
    /// Hash of what AWS was last brought to: it tells what somebody changed there by hand from what follows an edit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applied_hash: Option<String>,
    /// URL of the queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_url: Option<String>,
    /// ARN of the queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_arn: Option<String>,
    /// URL of the dead-letter queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_letter_queue_url: Option<String>,
    /// ARN of the dead-letter queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_letter_queue_arn: Option<String>,
    /// URL of the queue that takes what EventBridge cannot deliver: the dead-letter queue, or a FIFO inbox's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undelivered_queue_url: Option<String>,
    /// ARN of that queue: the dead letter of every rule's target that is this inbox.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undelivered_queue_arn: Option<String>,
    /// ARN of the consumers' role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// ARN of the role of those who bring dead letters back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redrive_role_arn: Option<String>,
    /// The buses whose rules feed the inbox, as `namespace/name`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub buses: Vec<String>,
    /// The rules that the queues' policies let in, and when that has come into effect.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed_rules: Vec<AllowedRule>,
    /// The EventRules of the subscriptions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subscriptions: Vec<SubscriptionStatus>,
    /// How many messages wait in the queue, by SQS's approximate count of `countedAt`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depth: Option<i64>,
    /// How many messages of the queue are received and not yet acknowledged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<i64>,
    /// How many messages the dead-letter queues hold, all together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_letters: Option<i64>,
    /// Age of the oldest message in the queue, in seconds, where `alarms` is on: CloudWatch's figure, which leaves out
    /// what was received three times or more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest_message_age_seconds: Option<i64>,
    /// When these counts last changed here: at most once a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counted_at: Option<Time>,
    /// ARNs of the rules that the queues' policies have no room for (SQS takes 8,192 bytes): the youngest of those that
    /// target the inbox. They are Terminal until fewer rules target it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules_without_room: Vec<String>,
}

/// A rule that the inbox's policies let in.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AllowedRule {
    /// ARN of the rule.
    pub rule_arn: String,
    /// From when on SQS can be relied upon to let it in.
    pub policy_settled_at: Time,
}

fn sixty() -> i32 {
    60
}

fn seven_days() -> i32 {
    604_800
}

fn five() -> i32 {
    5
}

fn yes() -> bool {
    true
}
