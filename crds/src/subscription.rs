//! A subscription: the short way to an EventRule, from the inbox's side.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{ObjectRef, schema};

/// Which events of a bus the inbox takes. The operator makes an EventRule of it, in the inbox's namespace and owned by
/// the inbox; the bus must let that namespace attach rules (its `allowedNamespaces`).
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, KubeSchema)]
#[x_kube(
    validation = Rule::new(
        "has(self.eventPattern) ? !has(self.sources) && !has(self.detailTypes) : has(self.sources) || has(self.detailTypes)"
    )
    .message("a subscription has either eventPattern, or sources, detailTypes, or both")
)]
#[serde(rename_all = "camelCase")]
pub struct Subscription {
    /// Name of the subscription, unique in this inbox: a part of the EventRule's name. Under another name it is
    /// another subscription.
    #[schemars(length(min = 1, max = 40), regex(pattern = schema::DNS_LABEL))]
    pub name: String,
    /// The EventBus; of the inbox's own namespace when `namespace` is absent. A bus of another namespace must allow
    /// this one in its `allowedNamespaces`. For another bus make another subscription: here it cannot be changed.
    #[x_kube(
        validation = Rule::new("self == oldSelf")
            .message("busRef of a subscription cannot be changed: give the subscription another name")
    )]
    pub bus_ref: ObjectRef,
    /// Events of these sources; of any source when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 32), inner(length(min = 1, max = 67), regex(pattern = schema::SOURCE)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub sources: Vec<String>,
    /// Events of these detail-types; of any detail-type when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 32), inner(length(min = 1, max = 128), regex(pattern = schema::DETAIL_TYPE)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub detail_types: Vec<String>,
    /// The events that match, in EventBridge's own grammar, as an object: `{source: [{prefix: qsl.}]}`. In place of
    /// `sources` and `detailTypes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::event_pattern")]
    pub event_pattern: Option<Map<String, Value>>,
}

/// What is known of a subscription.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubscriptionStatus {
    /// Name of the subscription.
    pub name: String,
    /// Name of its EventRule, in the inbox's namespace.
    pub event_rule: String,
    /// Whether the rule delivers: it is Ready.
    pub ready: bool,
}
