//! Inboxes: a queue, its dead-letter queues, who may send to them, and the consumers' role.

mod apply;
mod delete;
mod desired;
mod difference;
mod holding;
mod observed;
mod plan;

pub use apply::{Applied, AppliedQueue, apply};
pub use delete::{Deletion, ObservedDeletion, apply_deletion, observe_deletion, plan_deletion, plan_release};
pub use desired::{Desired, Part, consumer_role_name};
pub use difference::{differences, taken};
pub use holding::holding;
pub use observed::{Observed, SeenQueue, observe};
pub use plan::{Action, plan};
