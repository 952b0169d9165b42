//! How an inbox's consumers are scaled by KEDA.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// What is scaled: anything with a scale subresource, in the inbox's namespace.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScaleTargetRef {
    /// API version of the target (default `apps/v1`).
    #[serde(default = "apps_v1")]
    #[schemars(length(min = 2, max = 128), regex(pattern = schema::API_VERSION))]
    pub api_version: String,
    /// Kind of the target (default `Deployment`).
    #[serde(default = "deployment")]
    #[schemars(length(min = 1, max = 63), regex(pattern = schema::KIND))]
    pub kind: String,
    /// Name of the target.
    #[schemars(length(min = 1, max = 253), regex(pattern = schema::SERVICE_ACCOUNT))]
    pub name: String,
}

/// Scales the consumers by what the queue holds: a KEDA ScaledObject and TriggerAuthentication, owned by the inbox.
/// KEDA asks SQS with its own operator's role, which must allow `sqs:GetQueueAttributes` on the queue. Without KEDA in
/// the cluster nothing is scaled, and condition `Autoscaling` says so.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, KubeSchema)]
#[x_kube(
    validation = Rule::new("self.minReplicas <= self.maxReplicas")
        .message("minReplicas is at most maxReplicas")
        .field_path(".minReplicas")
)]
#[serde(rename_all = "camelCase")]
pub struct Autoscaling {
    /// The workload whose pods consume the inbox.
    pub scale_target_ref: ScaleTargetRef,
    /// The fewest replicas (default 1). 0 scales to nothing while the queue is empty.
    #[serde(default = "one")]
    #[schemars(range(min = 0, max = 1000))]
    pub min_replicas: i32,
    /// The most replicas (default 10).
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 1000))]
    pub max_replicas: i32,
    /// How many messages of the queue, waiting and in flight, one replica is for (default 100).
    #[serde(default = "hundred")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub messages_per_replica: i32,
    /// How often KEDA counts the messages, in seconds (default 30).
    #[serde(default = "thirty")]
    #[schemars(range(min = 5, max = 3600))]
    pub polling_interval_seconds: i32,
    /// How long the queue must be empty before KEDA scales to 0, in seconds (default 300).
    #[serde(default = "three_hundred")]
    #[schemars(range(min = 0, max = 86400))]
    pub cooldown_seconds: i32,
}

fn apps_v1() -> String {
    "apps/v1".to_owned()
}

fn deployment() -> String {
    "Deployment".to_owned()
}

fn one() -> i32 {
    1
}

fn ten() -> i32 {
    10
}

fn hundred() -> i32 {
    100
}

fn thirty() -> i32 {
    30
}

fn three_hundred() -> i32 {
    300
}
