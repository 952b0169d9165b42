//! Buses: the bus itself, its rollback switch, a role for each of its publishers, its archives, and what watches it.
//!
//! - `desired`, `observed`, `plan`, `apply`, `delete`: the way of every kind
//! - `encryption`: whether EventBridge can use the key and the dead-letter queue that are named; `obstacle`: why not
//! - `archives`, `alarms`, `dashboard`: what is made beside the bus; `mark`: whose it is where there are no tags

mod alarms;
mod apply;
mod archives;
mod dashboard;
mod delete;
mod desired;
mod difference;
mod encryption;
mod mark;
mod observed;
mod obstacle;
mod plan;

pub use alarms::{DesiredAlarms, SharedAlarm};
pub use apply::{Applied, PublisherRole, apply};
pub use archives::{ArchiveAction, DesiredArchive};
pub use dashboard::DashboardAction;
pub use delete::{Deletion, ObservedDeletion, SeenRule, apply_deletion, observe_deletion, plan_deletion, plan_release};
pub use desired::{Desired, Publishing, publisher_role_name};
pub use difference::{differences, taken};
pub use observed::{Observed, SeenBus, check_owner, observe};
pub use obstacle::Obstacle;
pub use plan::{Action, plan};
