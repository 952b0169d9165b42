//! EventBus: a bus in EventBridge, and who may publish on it.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    AdoptionPolicy, AllowedNamespaces, DeletionPolicy, ManagementPolicy,
    bus_parts::{Archive, ArchiveStatus, BusAlarms, BusDashboard, BusDeadLetter},
    schema,
};

/// Whether the bus takes events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Publishing {
    /// It does.
    #[default]
    Enabled,
    /// It does not: signing is refused, the publishers' roles deny. Consumers go on.
    Disabled,
}

/// A service account that may sign and publish, and what.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Publisher {
    /// The service account; of the bus's own namespace when `namespace` is absent. It needs no annotation.
    pub service_account_ref: ServiceAccountRef,
    /// The sources that it may sign and publish.
    #[schemars(
        length(min = 1, max = 32),
        inner(length(max = 67), regex(pattern = schema::SOURCE))
    )]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub sources: Vec<String>,
}

/// A reference to a service account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
pub struct ServiceAccountRef {
    /// Name of the service account.
    #[schemars(length(min = 1, max = 253), regex(pattern = schema::SERVICE_ACCOUNT))]
    pub name: String,
    /// Its namespace; the bus's own when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = schema::DNS_LABEL))]
    pub namespace: Option<String>,
}

/// A bus in EventBridge, and who may publish on it. One AWS event bus, and one IAM role for each publisher.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Deserialize, Serialize)]
#[kube(
    group = "eventing.qsl.dev",
    version = "v1alpha1",
    kind = "EventBus",
    plural = "eventbuses",
    namespaced,
    status = "EventBusStatus",
    derive = "PartialEq",
    doc = "A bus in EventBridge, and who may publish on it.",
    shortname = "ebus",
    category = "qsl",
    annotation("helm.sh/resource-policy", "keep"),
    validation = Rule::new("size(self.metadata.name) <= 63").message("metadata.name has at most 63 characters"),
    printcolumn(name = "Bus", type_ = "string", json_path = ".spec.busName"),
    printcolumn(name = "Publishing", type_ = "string", json_path = ".spec.publishing"),
    printcolumn(name = "Alarms", type_ = "integer", json_path = ".status.alarmCount"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "ARN", type_ = "string", json_path = ".status.busArn", priority = 1),
    printcolumn(name = "Dashboard", type_ = "string", json_path = ".status.dashboardName", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[x_kube(
    validation = Rule::new("!has(self.kmsKeyId) || has(self.deadLetter)")
        .message("deadLetter is required with kmsKeyId: an event that EventBridge cannot encrypt or decrypt would be lost; name a standard queue in deadLetter.queueArn")
        .field_path(".deadLetter")
)]
#[serde(rename_all = "camelCase")]
pub struct EventBusSpec {
    /// Name of the event bus in EventBridge. It cannot be changed.
    #[schemars(length(min = 1, max = 256), regex(pattern = schema::BUS_NAME))]
    #[x_kube(
        validation = Rule::new("self == oldSelf").message("busName cannot be changed: make another EventBus and move to it"),
        validation = Rule::new("self != 'default' && !self.startsWith('aws.')")
            .message("busName is neither 'default', which is the account's own bus, nor starts with 'aws.', which is AWS's")
    )]
    pub bus_name: String,
    /// What the bus is for; shown in AWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub description: Option<String>,
    /// Enabled (the default) or Disabled: the switch for a rollback. Disabled, nothing is signed for this bus and its
    /// publishers' roles deny; consumers go on with what is in their inboxes.
    #[serde(default)]
    pub publishing: Publishing,
    /// Who may sign and publish which source: the one place that says so. Each becomes an IAM role that may put
    /// events of these sources on this bus and nothing else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub publishers: Vec<Publisher>,
    /// The namespaces whose EventRules may attach to this bus.
    #[serde(default)]
    pub allowed_namespaces: AllowedNamespaces,
    /// A customer managed KMS key of the installation's account and Region, which encrypts events on the bus and in
    /// its archives: its id, ARN, alias (`alias/payments`) or alias ARN. Absent (the default), EventBridge encrypts
    /// with a key of its own. The key's own policy must let `events.amazonaws.com` use it: until it does, the bus is
    /// not Ready, and its condition prints the statements that are missing. The operator never writes a key's policy.
    /// Publishers need no permission on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512), regex(pattern = schema::KMS_KEY))]
    #[x_kube(
        validation = Rule::new("!self.startsWith('alias/aws/') && !self.contains(':alias/aws/')")
            .message("keys under alias/aws/ are AWS's own, which a bus cannot use: leave kmsKeyId out (EventBridge then encrypts with a key of its own) or name a customer managed key")
    )]
    pub kms_key_id: Option<String>,
    /// Where events go that EventBridge cannot encrypt or decrypt; required with `kmsKeyId`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter: Option<BusDeadLetter>,
    /// Archives: EventBridge keeps matching events, so that they can be replayed. Each takes one of the bus's 300
    /// rules. One that is taken out of the list is deleted, with what it holds; so are all of them with the bus.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub archives: Vec<Archive>,
    /// Alarms in CloudWatch.
    #[serde(default)]
    pub alarms: BusAlarms,
    /// The dashboard in CloudWatch.
    #[serde(default)]
    pub dashboard: BusDashboard,
    /// Tags of the AWS resources, beside those that mark whose they are.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::tags")]
    pub tags: BTreeMap<String, String>,
    /// Never (the default): a bus, or a publisher's role, of our names that carries no mark of an owner is refused. AdoptOrCreate: it is
    /// taken over, where the installation's `tenancy` lets this namespace adopt: its attributes are set and it is
    /// marked; tags that are not ours stay. What another object or another cluster owns is never taken.
    #[serde(default)]
    pub adoption_policy: AdoptionPolicy,
    /// Manage (the default), or Observe: AWS is read and the status reports it, `Synced` says what differs from the
    /// spec, and nothing is written or deleted.
    #[serde(default)]
    pub management_policy: ManagementPolicy,
    /// Delete (the default): deleting the object deletes the bus, once no rule is attached to it. Retain: it stays.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

/// What is known of the bus.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct EventBusStatus {
    /// Ready, Synced, Terminal, DeletionBlocked.
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
    /// ARN of the event bus.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bus_arn: Option<String>,
    /// The role of each publisher.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub publisher_roles: Vec<PublisherRole>,
    /// Its archives.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub archives: Vec<ArchiveStatus>,
    /// How many alarms it has, the one that all buses share included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alarm_count: Option<i32>,
    /// Their names; the first hundred.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alarm_names: Vec<String>,
    /// Name of its dashboard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dashboard_name: Option<String>,
}

/// The IAM role of a publisher.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PublisherRole {
    /// Namespace of the service account.
    pub namespace: String,
    /// Name of the service account.
    pub service_account: String,
    /// ARN of its role.
    pub role_arn: String,
}
