//! Signing and grant keys of a bus.
//!
//! In: what a key's owner wants ([`KeyPolicy`]), the keys that stand in the key namespace ([`StoredKey`]) and the
//! time. Out: what to do ([`KeyAction`]) and what the owner's status says.
//!
//! - [`plan`] decides, purely: phases are computed from `nbf` and `exp`, never read back;
//! - [`material`] makes keys and kids;
//! - [`secret`] is the form of a key's Secret;
//! - [`store`] reads and writes those Secrets; the *create* of a deterministic name is the fence between replicas;
//! - [`maintain`] joins them: list, plan, apply;
//! - [`grant`] is the policy of a bus's grant key, which has no SigningKey.

pub mod grant;
pub mod maintain;
pub mod material;
pub mod phase;
pub mod plan;
pub mod policy;
pub mod secret;
pub mod store;
pub mod time;

pub use phase::KeyState;
pub use plan::{KeyAction, plan_keys};
pub use policy::{BadRotation, KeyPolicy, Rotation, Signing};
pub use secret::{KeyRecord, Line, StoredKey};
pub use time::UnixSeconds;
