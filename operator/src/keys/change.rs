//! What was done to a key, as an Event says it: one for each phase that a key enters, and for what is destroyed.

use std::fmt;

use eventing::algorithm::Algorithm;

use super::{KeyState, UnixSeconds};

/// Something that was done to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyChange {
    /// The key's Secret.
    pub secret: String,
    /// The key.
    pub kid: String,
    /// What was done.
    pub what: What,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It was made, in that phase.
    Made {
        /// Its scheme.
        algorithm: Algorithm,
        /// Its first phase.
        state: KeyState,
        /// From when it signs.
        nbf: UnixSeconds,
    },
    /// It entered a phase.
    Entered(KeyState),
    /// Its private part was destroyed.
    Destroyed,
    /// It was removed: nothing it signed is read any more.
    Outlived,
    /// It was removed: it was the oldest retired of a set that had no room for it.
    CrowdedOut,
}

impl KeyChange {
    /// The Event's reason, in a word.
    pub fn reason(&self) -> &'static str {
        match self.what {
            What::Made { state, .. } | What::Entered(state) => match state {
                KeyState::Pending => "KeyPending",
                KeyState::Active => "KeyActive",
                KeyState::Accepted => "KeyAccepted",
                KeyState::Retired => "KeyRetired",
                KeyState::Revoked => "KeyRevoked",
            },
            What::Destroyed => "PrivateKeyDestroyed",
            What::Outlived => "KeyRemoved",
            What::CrowdedOut => "KeySetFull",
        }
    }

    /// Whether a person should look: something verifies no more that may still be on its way.
    pub fn is_warning(&self) -> bool {
        matches!(self.what, What::Made { state: KeyState::Revoked, .. } | What::Entered(KeyState::Revoked))
            || self.what == What::CrowdedOut
    }
}

impl fmt::Display for KeyChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kid = &self.kid;
        match &self.what {
            What::Made { algorithm, nbf, .. } => {
                write!(f, "key {kid} ({algorithm}) was made: it is published now and signs from {}", nbf.rfc3339())
            }
            What::Entered(KeyState::Pending) => write!(f, "key {kid} is published and does not sign yet"),
            What::Entered(KeyState::Active) => write!(f, "key {kid} signs now"),
            What::Entered(KeyState::Accepted) => {
                write!(f, "key {kid} made room for its successor; what it signed verifies")
            }
            What::Entered(KeyState::Retired) => {
                write!(f, "key {kid} is out of its overlap; what it signed in time verifies, however late it is read")
            }
            What::Entered(KeyState::Revoked) => write!(f, "key {kid} is revoked: nothing it signed verifies any more"),
            What::Destroyed => write!(f, "the private part of key {kid} was destroyed"),
            What::Outlived => write!(f, "key {kid} was removed: nothing it signed is read any more"),
            What::CrowdedOut => write!(
                f,
                "key {kid} left the key set, which has room for 64 keys and none for its oldest retired one: what it signed verifies no more"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(what: What) -> KeyChange {
        KeyChange { secret: "skey-1".to_owned(), kid: "stock-1".to_owned(), what }
    }

    #[test]
    fn each_phase_has_a_reason_of_its_own() {
        let states = [KeyState::Pending, KeyState::Active, KeyState::Accepted, KeyState::Retired, KeyState::Revoked];
        let reasons = states.map(|state| change(What::Entered(state)).reason());
        assert_eq!(reasons, ["KeyPending", "KeyActive", "KeyAccepted", "KeyRetired", "KeyRevoked"]);
        let warned = states.map(|state| change(What::Entered(state)).is_warning());
        assert_eq!(warned, [false, false, false, false, true]);
        assert!(change(What::CrowdedOut).is_warning());
    }

    #[test]
    fn every_sentence_names_the_key() {
        let made = What::Made { algorithm: Algorithm::MlDsa44, state: KeyState::Pending, nbf: UnixSeconds(0) };
        for what in [made, What::Entered(KeyState::Active), What::Destroyed, What::Outlived, What::CrowdedOut] {
            let said = change(what).to_string();
            assert!(said.contains("stock-1"), "{said}");
        }
        let said = change(What::Made { algorithm: Algorithm::MlDsa44, state: KeyState::Pending, nbf: UnixSeconds(0) });
        assert!(said.to_string().contains("1970-01-01T00:00:00Z"), "{said}");
    }
}
