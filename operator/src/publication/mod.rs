//! What pods and services are told, signed by the root: key sets and configuration.
//!
//! In: the objects of the four kinds, the keys that stand in the key namespace, the root key. Out: ConfigMap
//! `keyset-<hash>` of each bus in the key namespace, and ConfigMap `qsl-eventing` in each namespace that has an inbox
//! or a publisher. Besides, keys that have no SigningKey are kept here: grant keys, and what deleted SigningKeys left.
//!
//! Pure: [`feeding`] and [`memory`] (which buses feed an inbox, and which did), [`holders`] (whose a name in AWS is),
//! [`entries`] (an inbox's and a bus's configuration), [`key_sets`], [`desired`] (what should stand where), [`documents`] (what is to be signed anew, and when). Then [`keys`],
//! [`maps`] (reading and writing), [`metrics`] and [`run`]: wake, compare, write the difference.

pub mod desired;
pub mod documents;
pub mod entries;
pub mod feeding;
pub mod holders;
pub mod key_sets;
pub mod keys;
pub mod maps;
pub mod memory;
pub mod metrics;
pub mod run;
mod wake;

pub use run::{Publisher, PublisherSettings};
