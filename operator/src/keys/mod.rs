//! Signing and grant keys of a bus.
//!
//! In: what a key's owner wants ([`KeyPolicy`]), the keys that stand in the key namespace ([`StoredKey`]) and the
//! time. Out: what to do ([`KeyAction`]) and what the owner's status says.
//!
//! - [`plan`] decides, purely: phases are computed from `nbf` and `exp`, never read back;
//! - [`material`] makes keys and kids;
//! - [`secret`] is the form of a key's Secret;
//! - [`store`] is the port to those Secrets and what stands behind it; the *create* of a deterministic name is the
//!   fence between replicas, and every other change holds only for the version it was decided by;
//! - [`maintain`] joins them: list, plan, apply, until nothing is left to do;
//! - [`change`] says what was done, and [`tell`] makes Events of it;
//! - [`grant`] is the policy of a bus's grant key, which has no SigningKey.

pub mod change;
pub mod grant;
pub mod maintain;
pub mod material;
pub mod phase;
pub mod plan;
pub mod policy;
pub mod secret;
pub mod store;
pub mod tell;
pub mod time;

pub use change::KeyChange;
pub use phase::KeyState;
pub use plan::{KeyAction, plan_keys};
pub use policy::{BadRotation, KeyPolicy, Rotation, Signing};
pub use secret::{KeyRecord, Line, StoredKey};
pub use time::UnixSeconds;
