//! Inboxes: a queue, its dead-letter queues, who may send to them, the roles of consumers and of those who bring dead
//! letters back, and alarms.
//!
//! `desired` (with `roles`, `alarms`) says what should be, `observed` (with `key`) what is; `room` which rules the
//! policies can name, `retention` what must not be shortened yet; `plan`, `apply` and `delete` act on it.

mod alarms;
mod apply;
mod delete;
mod desired;
mod difference;
mod holding;
mod key;
mod observed;
mod plan;
mod retention;
mod roles;
mod room;

pub use alarms::Alarms;
pub use apply::{Applied, AppliedQueue, apply};
pub use delete::{Deletion, ObservedDeletion, apply_deletion, observe_deletion, plan_deletion, plan_release};
pub use desired::{Desired, Part};
pub use difference::{differences, taken};
pub use holding::holding;
pub use key::{judge_key, with_key};
pub use observed::{Observed, SeenQueue, observe};
pub use plan::{Action, plan, retire_keys};
pub use retention::{Expiring, oldest_message_age, weigh_expiry};
pub use roles::{TrustTooLong, consumer_role_name, redrive_role_name};
pub use room::{Room, give_room};
