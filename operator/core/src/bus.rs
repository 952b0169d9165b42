//! Buses: the bus itself, its rollback switch, and a role for each of its publishers.

mod apply;
mod delete;
mod desired;
mod difference;
mod observed;
mod plan;

pub use apply::{Applied, PublisherRole, apply};
pub use delete::{Deletion, ObservedDeletion, SeenRule, apply_deletion, observe_deletion, plan_deletion, plan_release};
pub use desired::{Desired, Publishing, publisher_role_name};
pub use difference::{differences, taken};
pub use observed::{Observed, SeenBus, observe};
pub use plan::{Action, plan};
