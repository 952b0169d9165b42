//! The outcomes of a set that is not taken.

use crate::root::RootFault;

/// Why a set is not taken; the last good one stays.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// No signed key set.
    #[error("the key set is malformed: {0}")]
    Malformed(String),
    /// Signed by a key that is no root of this installation.
    #[error("the key set is signed by a root that is not known")]
    RootUnknown,
    /// The root did not sign it.
    #[error("the key set's signature is not the root's")]
    SignatureInvalid,
    /// Past its time, or issued too far ahead.
    #[error("the key set is out of its time")]
    Expired,
    /// The keys of another bus.
    #[error("the key set is of another bus")]
    BusMismatch,
    /// One kid twice.
    #[error("the key set has a kid twice")]
    DuplicateKid,
    /// Older than one already seen.
    #[error("the key set is older than one already seen")]
    RolledBack,
}

impl KeySetError {
    /// The outcome as the wire format writes it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "MALFORMED",
            Self::RootUnknown => "ROOT_UNKNOWN",
            Self::SignatureInvalid => "SIGNATURE_INVALID",
            Self::Expired => "EXPIRED",
            Self::BusMismatch => "BUS_MISMATCH",
            Self::DuplicateKid => "DUPLICATE_KID",
            Self::RolledBack => "ROLLED_BACK",
        }
    }
}

impl From<RootFault> for KeySetError {
    fn from(fault: RootFault) -> Self {
        match fault {
            RootFault::Malformed(why) => Self::Malformed(why),
            RootFault::RootUnknown => Self::RootUnknown,
            RootFault::SignatureInvalid => Self::SignatureInvalid,
        }
    }
}
