//! EventRule: which events of a bus reach which inboxes.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{AdoptionPolicy, DeletionPolicy, ManagementPolicy, ObjectRef, schema};

/// Whether a rule matches events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum RuleState {
    /// It does.
    #[default]
    Enabled,
    /// It does not.
    Disabled,
}

/// How EventBridge retries a target that it cannot reach. What a target's policy refuses is never retried.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RetryPolicy {
    /// How old an event may become, in seconds (60 to 86,400), before it goes to the dead-letter queue. By default the
    /// inbox's `verification.skewSeconds` less 60, since what arrives later than the skew is refused there: a larger
    /// value is taken, and warned of. For a queueArn the default is AWS's, 86,400.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 60, max = 86400))]
    pub maximum_event_age_seconds: Option<i32>,
    /// How often delivery is tried again within that age, 0 to 185; by default 185, which is AWS's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 185))]
    pub maximum_retry_attempts: Option<i32>,
}

/// Where matching events go: an InboxQueue, or a queue that no InboxQueue stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, KubeSchema)]
#[x_kube(
    validation = Rule::new("has(self.inboxRef) != has(self.queueArn)")
        .message("a target has one of inboxRef (an InboxQueue) and queueArn (a queue that no InboxQueue stands for)"),
    validation = Rule::new("has(self.queueArn) == has(self.deadLetterArn)")
        .message("deadLetterArn (the queue of what cannot be delivered) goes with queueArn: an inbox has its own"),
    validation = Rule::new("!has(self.queueArn) || self.queueArn.endsWith('.fifo') == has(self.messageGroupId)")
        .message("messageGroupId goes with a FIFO queue: give one where queueArn ends in '.fifo', and none where not"),
    validation = Rule::new("!has(self.deadLetterArn) || !self.deadLetterArn.endsWith('.fifo')")
        .message("deadLetterArn names a standard queue: EventBridge takes no FIFO queue for what it cannot deliver")
        .field_path(".deadLetterArn")
)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// The InboxQueue; of the rule's own namespace when `namespace` is absent. An inbox of another namespace must
    /// allow this one in its `allowedNamespaces`. What cannot be delivered goes to its dead-letter queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inbox_ref: Option<ObjectRef>,
    /// A queue that no InboxQueue stands for, in the account and Region of this installation. Its owner lets the rule
    /// in: its policy must allow `events.amazonaws.com` sqs:SendMessage for the ARNs in `status.ruleArns`, and so must
    /// that of `deadLetterArn`; a FIFO queue needs content-based deduplication. The installation may demand consent
    /// (chart value `tenancy`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200), regex(pattern = schema::QUEUE_ARN))]
    pub queue_arn: Option<String>,
    /// The standard queue that takes what EventBridge cannot deliver to `queueArn`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200), regex(pattern = schema::QUEUE_ARN))]
    pub dead_letter_arn: Option<String>,
    /// How EventBridge retries when it cannot reach the queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_policy: Option<RetryPolicy>,
    /// The message group of all this target's events, 1 to 100 printable ASCII characters without spaces: required
    /// where the queue is FIFO, refused where it is not. One target is one group, and the order in it is the order of
    /// arrival, since EventBridge keeps none. For groups side by side, use several rules whose patterns do not overlap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100), regex(pattern = schema::MESSAGE_GROUP))]
    pub message_group_id: Option<String>,
}

/// Which events of a bus reach which inboxes: a rule in EventBridge.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Deserialize, Serialize)]
#[kube(
    group = "eventing.qsl.dev",
    version = "v1alpha1",
    kind = "EventRule",
    namespaced,
    status = "EventRuleStatus",
    derive = "PartialEq",
    doc = "Which events of a bus reach which inboxes.",
    shortname = "erule",
    category = "qsl",
    annotation("helm.sh/resource-policy", "keep"),
    validation = Rule::new("size(self.metadata.name) <= 63").message("metadata.name has at most 63 characters"),
    validation = Rule::new("has(self.spec.ruleName) || size(self.metadata.name) <= 60")
        .message("without ruleName the rule is named after the object, whose name then has at most 60 characters"),
    printcolumn(name = "Bus", type_ = "string", json_path = ".spec.busRef.name"),
    printcolumn(name = "State", type_ = "string", json_path = ".spec.state"),
    printcolumn(name = "Targets", type_ = "integer", json_path = ".status.targets"),
    printcolumn(name = "Parts", type_ = "integer", json_path = ".status.parts"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "ARN", type_ = "string", json_path = ".status.ruleArns", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[x_kube(
    validation = Rule::new("has(self.ruleName) == has(oldSelf.ruleName)")
        .message("ruleName cannot be added or removed: make another EventRule")
        .field_path(".ruleName")
)]
#[serde(rename_all = "camelCase")]
pub struct EventRuleSpec {
    /// The EventBus; of the rule's own namespace when `namespace` is absent. A bus of another namespace must allow
    /// this one in its `allowedNamespaces`. It cannot be changed.
    #[x_kube(
        validation = Rule::new("self == oldSelf").message("busRef cannot be changed: make another EventRule")
    )]
    pub bus_ref: ObjectRef,
    /// Name of the rule in EventBridge, unique on its bus; the object's name when absent. It cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 60), regex(pattern = schema::RULE_NAME))]
    #[x_kube(
        validation = Rule::new("self == oldSelf").message("ruleName cannot be changed: make another EventRule")
    )]
    pub rule_name: Option<String>,
    /// The events that match, in EventBridge's own grammar, as an object: `{source: [qsl.payment]}`. At most 2,048
    /// characters as JSON. A bus takes 30 rules whose patterns use `wildcard`.
    #[schemars(schema_with = "schema::event_pattern")]
    pub event_pattern: Map<String, Value>,
    /// Enabled (the default) or Disabled: then no event matches, and what would have matched is not kept.
    #[serde(default)]
    pub state: RuleState,
    /// Where matching events go: at most 25. EventBridge allows five a rule: past that there are several rules of the
    /// same pattern (`status.parts`). There is no input transformer: it would change what was signed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 25))]
    #[x_kube(
        validation = Rule::new(
            "self.all(t, !has(t.inboxRef) || self.exists_one(u, has(u.inboxRef) && u.inboxRef == t.inboxRef))"
        )
        .message("an inbox is named twice among targets: each gets an event once"),
        validation = Rule::new(
            "self.all(t, !has(t.queueArn) || self.exists_one(u, has(u.queueArn) && u.queueArn == t.queueArn))"
        )
        .message("a queueArn is named twice among targets: each gets an event once")
    )]
    pub targets: Vec<Target>,
    /// Never (the default): a rule of our names that carries no mark of an owner is refused. AdoptOrCreate: it is
    /// taken over, where the installation's `tenancy` lets this namespace adopt: its attributes are set and it is
    /// marked; tags that are not ours stay. What another object or another cluster owns is never taken.
    #[serde(default)]
    pub adoption_policy: AdoptionPolicy,
    /// Manage (the default), or Observe: AWS is read and the status reports it, `Synced` says what differs from the
    /// spec, and nothing is written or deleted.
    #[serde(default)]
    pub management_policy: ManagementPolicy,
    /// Delete (the default): deleting the object deletes the rule. Retain: it stays.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

/// What is known of the rule.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct EventRuleStatus {
    /// Ready, Synced, ReferencesResolved, WithinSkew (while it is False), Terminal.
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
    /// ARNs of the rules in EventBridge: one for every five targets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rule_arns: Vec<String>,
    /// How many they are: more than one where the targets are more than five.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parts: Option<i32>,
    /// How many targets they have now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub targets: Option<i32>,
    /// ARNs of the queues that they send to now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub target_queue_arns: Vec<String>,
}
