//! What others say of signatures and canonical JSON, and that we say the same. `docs/trust.md` names each proof.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod acvp;
mod canonical_python;
mod python;
mod rfc_8785;
mod round_3;
mod second_rust;
mod vectors;
mod wycheproof;
