//! SigningKey: a key that rotates, and the sources it signs.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AdoptionPolicy, DeletionPolicy, ManagementPolicy, Span, schema};

/// A signature scheme.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
pub enum Algorithm {
    /// CRYSTALS-Dilithium round 3, level 2.
    #[default]
    Dilithium2,
    /// FIPS 204, level 2: what new deployments should choose.
    #[serde(rename = "ML-DSA-44")]
    MlDsa44,
}

/// A bus of the key's own namespace.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct BusRef {
    /// Name of the EventBus.
    #[schemars(length(min = 1, max = 63), regex(pattern = schema::OBJECT_NAME))]
    pub name: String,
}

/// When a key makes room for its successor.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, KubeSchema)]
#[x_kube(
    validation = Rule::new("duration(self.publishBefore) < duration(self.period)")
        .message("publishBefore is shorter than period: a key is published before it signs, and signs for one period")
)]
#[serde(rename_all = "camelCase")]
pub struct Rotation {
    /// How long a key signs before the next one does (default 720h).
    #[serde(default = "thirty_days")]
    pub period: Span,
    /// How long a key is published before it signs, and how long it may still sign after its successor began
    /// (default 24h).
    #[serde(default = "one_day")]
    pub publish_before: Span,
    /// How long a key that signs no more is listed as accepted (default 168h); after that it is listed as retired.
    #[serde(default = "seven_days")]
    pub overlap: Span,
}

impl Default for Rotation {
    fn default() -> Self {
        Self { period: thirty_days(), publish_before: one_day(), overlap: seven_days() }
    }
}

/// A key that rotates, and the sources it signs. The private key stays in the operator's key namespace; the public
/// key is published in the bus's signed key set.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Deserialize, Serialize)]
#[kube(
    group = "eventing.qsl.dev",
    version = "v1alpha1",
    kind = "SigningKey",
    namespaced,
    status = "SigningKeyStatus",
    derive = "PartialEq",
    doc = "A key that rotates, and the sources it signs.",
    shortname = "skey",
    category = "qsl",
    annotation("helm.sh/resource-policy", "keep"),
    validation = Rule::new("size(self.metadata.name) <= 63").message("metadata.name has at most 63 characters"),
    validation = Rule::new("self.metadata.name != 'grant'")
        .message("metadata.name 'grant' is taken: each bus's grant key has that name"),
    printcolumn(name = "Bus", type_ = "string", json_path = ".spec.busRef.name"),
    printcolumn(name = "Algorithm", type_ = "string", json_path = ".spec.algorithm"),
    printcolumn(name = "Active", type_ = "string", json_path = ".status.activeKid"),
    printcolumn(name = "Next", type_ = "string", json_path = ".status.nextRotationTime"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct SigningKeySpec {
    /// The EventBus, of this namespace, that the key signs for. It cannot be changed.
    #[x_kube(
        validation = Rule::new("self == oldSelf").message("busRef cannot be changed: make another SigningKey")
    )]
    pub bus_ref: BusRef,
    /// Dilithium2 (the default) or ML-DSA-44. A change is a rotation: a key of the new algorithm is published at once
    /// and signs after rotation.publishBefore; what the old one signed verifies on.
    #[serde(default)]
    pub algorithm: Algorithm,
    /// The sources that the key signs; `*` is every source of the bus that no other key names.
    #[schemars(length(min = 1, max = 32), inner(length(max = 67), regex(pattern = schema::SOURCE_OR_ALL)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub sources: Vec<String>,
    /// When the key makes room for its successor.
    #[serde(default)]
    pub rotation: Rotation,
    /// Kids of the bus, its grant key's too, that verify nothing from now on, whatever they signed and whichever
    /// SigningKey they are of. A key that signed is followed by another at once. It cannot be taken back: a kid once
    /// revoked stays so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 128), regex(pattern = schema::KID)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub revoked_kids: Vec<String>,
    /// Never (the default): keys that an earlier SigningKey of this name left behind (`deletionPolicy: Retain`) sign
    /// nothing any more, and a new key is made. AdoptOrCreate: this object goes on with them, where the
    /// installation's `tenancy` lets this namespace adopt.
    #[serde(default)]
    pub adoption_policy: AdoptionPolicy,
    /// Manage (the default), or Observe: the status reports the keys there are, and none is made, rotated or
    /// destroyed.
    #[serde(default)]
    pub management_policy: ManagementPolicy,
    /// Delete (the default) or Retain the private keys: those that stay sign nothing, unless a SigningKey of the same
    /// name adopts them before they run out. Public keys stay in the bus's set as retired either way. With Delete the object stays, with
    /// condition DeletionBlocked, while its bus feeds an inbox that holds messages.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

/// What is known of the key.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SigningKeyStatus {
    /// Ready, Synced, ReferencesResolved, Terminal, DeletionBlocked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// The generation of the spec that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The last handled value of annotation eventing.qsl.dev/reconcile-requested-at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
    /// The last value of annotation eventing.qsl.dev/rotate-requested-at that a key was made for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_handled_rotate_at: Option<String>,
    /// The kid that signs now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_kid: Option<String>,
    /// When the next key takes over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_rotation_time: Option<Time>,
    /// The keys, newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<KeyStatus>,
}

/// One key.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyStatus {
    /// Its id.
    pub kid: String,
    /// Its algorithm.
    pub algorithm: Algorithm,
    /// Its phase.
    pub state: KeyState,
    /// From when it signs.
    pub not_before: Time,
    /// Until when it may sign.
    pub not_after: Time,
    /// SHA-256 of the public key, in hex.
    pub public_key_sha256: String,
}

/// The phase of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum KeyState {
    /// Published, not signing yet.
    Pending,
    /// The one that signs.
    Active,
    /// Signing no more; what it signed verifies.
    Accepted,
    /// As accepted, and out of its overlap.
    Retired,
    /// Verifies nothing.
    Revoked,
}

fn thirty_days() -> Span {
    Span::from_secs(2_592_000)
}

fn one_day() -> Span {
    Span::from_secs(86_400)
}

fn seven_days() -> Span {
    Span::from_secs(604_800)
}
