//! What a controller needs of each kind alike.

use k8s_openapi::{NamespaceResourceScope, apimachinery::pkg::apis::meta::v1::Condition};
use kube::{CustomResourceExt, Resource};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    AdoptionPolicy, DeletionPolicy, EventBus, EventBusStatus, EventRule, EventRuleStatus, InboxQueue, InboxQueueStatus,
    ManagementPolicy, SigningKey, SigningKeyStatus,
};

/// The part of a status that all four kinds have.
pub trait CommonStatus:
    Clone + std::fmt::Debug + Default + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// The conditions.
    fn conditions(&self) -> &[Condition];
    /// The generation that the status speaks of.
    fn observed_generation(&self) -> Option<i64>;
    /// The last value of the annotation that asks for a reconcile.
    fn last_handled_reconcile_at(&self) -> Option<&str>;
    /// The hash of what AWS was last brought to; of a kind that lives there.
    fn applied_hash(&self) -> Option<&str> {
        None
    }
    /// Sets that hash, where the kind has one.
    fn set_applied_hash(&mut self, _hash: Option<String>) {}
    /// The conditions, to be changed.
    fn conditions_mut(&mut self) -> &mut Vec<Condition>;
    /// The generation that the status speaks of.
    fn set_observed_generation(&mut self, generation: Option<i64>);
    /// The last value of the annotation that asks for a reconcile.
    fn set_last_handled_reconcile_at(&mut self, value: Option<String>);
}

/// One of the four kinds.
pub trait Eventing:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + CustomResourceExt
    + Clone
    + std::fmt::Debug
    + Serialize
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
    /// Its status.
    type Status: CommonStatus;
    /// The kind's name.
    const KIND: &'static str;
    /// The status, where one was written.
    fn status(&self) -> Option<&Self::Status>;
    /// What becomes of the AWS resources on deletion.
    fn deletion_policy(&self) -> DeletionPolicy;
    /// Whether it may take over what it finds in AWS.
    fn adoption_policy(&self) -> AdoptionPolicy;
    /// Whether it changes anything in AWS.
    fn management_policy(&self) -> ManagementPolicy;
}

macro_rules! eventing {
    ($kind:ident, $status:ident $(, $applied_hash:ident)?) => {
        impl CommonStatus for $status {
            fn conditions(&self) -> &[Condition] {
                &self.conditions
            }
            $(
                fn applied_hash(&self) -> Option<&str> {
                    self.$applied_hash.as_deref()
                }
                fn set_applied_hash(&mut self, hash: Option<String>) {
                    self.$applied_hash = hash;
                }
            )?
            fn observed_generation(&self) -> Option<i64> {
                self.observed_generation
            }
            fn last_handled_reconcile_at(&self) -> Option<&str> {
                self.last_handled_reconcile_at.as_deref()
            }
            fn conditions_mut(&mut self) -> &mut Vec<Condition> {
                &mut self.conditions
            }
            fn set_observed_generation(&mut self, generation: Option<i64>) {
                self.observed_generation = generation;
            }
            fn set_last_handled_reconcile_at(&mut self, value: Option<String>) {
                self.last_handled_reconcile_at = value;
            }
        }

        impl Eventing for $kind {
            type Status = $status;
            const KIND: &'static str = stringify!($kind);
            fn status(&self) -> Option<&$status> {
                self.status.as_ref()
            }
            fn deletion_policy(&self) -> DeletionPolicy {
                self.spec.deletion_policy
            }
            fn adoption_policy(&self) -> AdoptionPolicy {
                self.spec.adoption_policy
            }
            fn management_policy(&self) -> ManagementPolicy {
                self.spec.management_policy
            }
        }
    };
}

eventing!(EventBus, EventBusStatus, applied_hash);
eventing!(EventRule, EventRuleStatus, applied_hash);
eventing!(InboxQueue, InboxQueueStatus, applied_hash);
eventing!(SigningKey, SigningKeyStatus);
