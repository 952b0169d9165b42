//! Rules: a pattern on a bus and the queues it delivers to, split over several where EventBridge's five targets
//! do not suffice.

mod apply;
mod delete;
mod desired;
mod difference;
mod observed;
mod plan;
mod quota;

pub use crate::pattern::EventPattern;
pub use apply::{Applied, apply};
pub use delete::{Deletion, ObservedDeletion, apply_deletion, observe_deletion, plan_deletion, plan_release};
pub use desired::{Desired, RuleTarget};
pub use difference::{differences, taken};
pub use observed::{Observed, SeenPart, observe};
pub use plan::{Action, plan};
