//! The phases of a key's life, and how Secrets and key sets write them.
//!
//! A phase is computed from `nbf`, `exp` and the revocations; what is stored is for readers, `Revoked` excepted:
//! a kid once revoked stays so.

pub use crds::signing_key::KeyState;
use eventing::keyset;

/// As a Secret's annotation has it, and as status does.
pub fn as_str(state: KeyState) -> &'static str {
    match state {
        KeyState::Pending => "Pending",
        KeyState::Active => "Active",
        KeyState::Accepted => "Accepted",
        KeyState::Retired => "Retired",
        KeyState::Revoked => "Revoked",
    }
}

/// As a key set has it.
pub fn in_key_set(state: KeyState) -> keyset::KeyState {
    match state {
        KeyState::Pending => keyset::KeyState::Pending,
        KeyState::Active => keyset::KeyState::Active,
        KeyState::Accepted => keyset::KeyState::Accepted,
        KeyState::Retired => keyset::KeyState::Retired,
        KeyState::Revoked => keyset::KeyState::Revoked,
    }
}

/// The state that a Secret's annotation names.
pub fn parse(text: &str) -> Option<KeyState> {
    [KeyState::Pending, KeyState::Active, KeyState::Accepted, KeyState::Retired, KeyState::Revoked]
        .into_iter()
        .find(|state| as_str(*state) == text)
}
