//! The API of QSL Eventing: the four kinds of `eventing.qsl.dev/v1alpha1`, as types.
//!
//! What comes in is what users write ([`EventBus`], [`EventRule`], [`InboxQueue`], [`SigningKey`]); what goes out is
//! the same types for controllers to read, and the CustomResourceDefinitions ([`generate`]) for the API server to
//! judge by. The rooms:
//! - one file a kind: [`event_bus`] (with its parts in [`bus_parts`]), [`event_rule`], [`inbox_queue`] (with its parts in
//!   [`inbox_parts`], [`inbox_aws`], [`inbox_delivery`], [`subscription`] and [`autoscaling`]), [`signing_key`];
//! - what they share: [`reference`](mod@reference) (references and consent), [`policy`] (adoption, management, deletion), [`duration`],
//!   [`conditions`] (condition types, reasons, and how one replaces another), [`names`] (annotations, labels, the
//!   finalizer), [`object`] (what a controller needs of each kind);
//! - [`generate`]: the YAML in `crds/generated/`.
//!
//! A field that is not here has no effect; there is none that is accepted and ignored.

#![expect(unreachable_pub, reason = "KubeSchema derives from a private copy of each struct that keeps its `pub`")]

pub mod autoscaling;
pub mod bus_parts;
pub mod conditions;
pub mod duration;
pub mod event_bus;
pub mod event_rule;
pub mod generate;
pub mod inbox_aws;
pub mod inbox_delivery;
pub mod inbox_parts;
pub mod inbox_queue;
pub mod names;
pub mod object;
pub mod policy;
pub mod reference;
mod schema;
pub mod signing_key;
pub mod subscription;

pub use duration::Span;
pub use event_bus::{EventBus, EventBusSpec, EventBusStatus};
pub use event_rule::{EventRule, EventRuleSpec, EventRuleStatus};
pub use inbox_queue::{InboxQueue, InboxQueueSpec, InboxQueueStatus};
pub use object::Eventing;
pub use policy::{AdoptionPolicy, DeletionPolicy, ManagementPolicy};
pub use reference::{AllowedNamespaces, NamespaceSource, ObjectRef};
pub use signing_key::{Algorithm, SigningKey, SigningKeySpec, SigningKeyStatus};

/// The API group of the four kinds.
pub const GROUP: &str = "eventing.qsl.dev";

/// The version of the API that is served and stored.
pub const VERSION: &str = "v1alpha1";
