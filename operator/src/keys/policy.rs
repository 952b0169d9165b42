//! What the owner of a line of keys wants: a SigningKey's spec, or the fixed policy of a bus's grant key.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crds::Span;
use eventing::algorithm::Algorithm;

use super::{KeyState, StoredKey, UnixSeconds};

/// How keys follow one another. Always `period` > `publish_before` > 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    period: Duration,
    publish_before: Duration,
    overlap: Duration,
}

/// A rotation in which a key would be due before it is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRotation {
    /// The next key would be made before this one is valid.
    #[error("rotation.period must be longer than rotation.publishBefore")]
    PeriodTooShort,
    /// Nobody could learn of a key before it signs.
    #[error("rotation.publishBefore must be at least one second")]
    NeverPublished,
}

impl Rotation {
    /// A rotation whose next key is published `publish_before` its `nbf`, and which goes on for ever.
    pub fn new(period: Duration, publish_before: Duration, overlap: Duration) -> Result<Self, BadRotation> {
        if publish_before.as_secs() == 0 {
            return Err(BadRotation::NeverPublished);
        }
        if period.as_secs() <= publish_before.as_secs() {
            return Err(BadRotation::PeriodTooShort);
        }
        Ok(Self { period, publish_before, overlap })
    }

    /// What a SigningKey's spec asks for, or the field that is wrong and how.
    pub fn of(spec: &crds::signing_key::Rotation) -> Result<Self, (&'static str, String)> {
        let crds::signing_key::Rotation { period, publish_before, overlap } = spec;
        let length = |span: &Span, field| span.length().map_err(|error| (field, error.to_string()));
        let rotation = Self::new(
            length(period, "rotation.period")?,
            length(publish_before, "rotation.publishBefore")?,
            length(overlap, "rotation.overlap")?,
        );
        rotation.map_err(|error| ("rotation", error.to_string()))
    }

    /// From one key's `nbf` to the next one's.
    pub fn period(&self) -> Duration {
        self.period
    }

    /// How long before its `nbf` a key is published, and how long after the next one's `nbf` it may still sign.
    pub fn publish_before(&self) -> Duration {
        self.publish_before
    }

    /// How long after `exp` a key counts as accepted.
    pub fn overlap(&self) -> Duration {
        self.overlap
    }
}

/// Whether the line of keys goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signing {
    /// There is always a key that signs.
    Wanted,
    /// The owner is there, and something keeps it from new keys: those it has go through their phases and run out.
    Held,
    /// The owner is gone and left its keys: they run out, and stay as retired.
    Left,
    /// The owner is going away: private keys go at once, public ones stay as retired.
    Ended,
}

/// What is wanted of one line of keys.
#[derive(Clone, Debug)]
pub struct KeyPolicy {
    /// The scheme of the next key. Another than the present one's is an ordinary rotation.
    pub algorithm: Algorithm,
    /// The sources keys of this line are bound to; empty for grant keys.
    pub sources: BTreeSet<String>,
    /// How keys follow one another.
    pub rotation: Rotation,
    /// How long after `exp` a public key stays in the set.
    pub keep: Duration,
    /// Kids that verify nothing from now on.
    pub revoked: BTreeSet<String>,
    /// The value of `rotate-requested-at`: a new value is a new key at once.
    pub rotate_request: Option<String>,
    /// Whether private keys that an earlier owner of the line left behind sign again.
    pub adopts: bool,
    /// Whether the line goes on.
    pub signing: Signing,
}

impl KeyPolicy {
    /// The state of each key at `now`, by number.
    pub fn states(&self, keys: &[StoredKey], now: UnixSeconds) -> BTreeMap<u32, KeyState> {
        let signer = self.signer(keys, now).map(|key| key.number);
        keys.iter().map(|key| (key.number, self.state(key, signer == Some(key.number), now))).collect()
    }

    /// The key that signs at `now`: the newest of those valid.
    pub fn signer<'a>(&self, keys: &'a [StoredKey], now: UnixSeconds) -> Option<&'a StoredKey> {
        keys.iter().filter(|key| self.usable(key) && key.nbf <= now && now < key.exp).max_by_key(|key| key.order())
    }

    /// When the next key takes over: the one that is published already, or the one that will be.
    pub fn next_rotation(&self, keys: &[StoredKey], now: UnixSeconds) -> Option<UnixSeconds> {
        let pending = keys.iter().filter(|key| self.usable(key) && key.nbf > now).map(|key| key.nbf).min();
        let goes_on = self.signing == Signing::Wanted;
        pending.or_else(|| self.signer(keys, now).filter(|_| goes_on).map(|key| self.due(key)))
    }

    /// When the key after this one is to sign: a period after it began, and never so late that this one has run out
    /// before (its `exp` was made known, and is not moved on when the period grows).
    pub fn due(&self, key: &StoredKey) -> UnixSeconds {
        key.nbf.plus(self.rotation.period).min(key.exp.minus(self.rotation.publish_before))
    }

    /// The request for rotation that was answered, if the present one was.
    pub fn handled_request(&self, keys: &[StoredKey]) -> Option<String> {
        let answered = |request: &String| keys.iter().any(|key| key.rotate_request.as_ref() == Some(request));
        self.rotate_request.clone().filter(answered)
    }

    /// The next moment at which the passing of time alone changes something.
    pub fn next_change(&self, keys: &[StoredKey], now: UnixSeconds) -> Option<UnixSeconds> {
        let rotation = &self.rotation;
        keys.iter()
            .flat_map(|key| {
                [
                    key.nbf,
                    self.due(key).minus(rotation.publish_before),
                    key.exp,
                    key.exp.plus(rotation.overlap),
                    key.exp.plus(self.keep),
                ]
            })
            .filter(|at| *at > now)
            .min()
    }

    /// Whether the key is revoked: by this policy, or once and for all before.
    pub(super) fn is_revoked(&self, key: &StoredKey) -> bool {
        key.state == KeyState::Revoked || self.revoked.contains(key.kid.as_str())
    }

    /// Whether the key could sign if the time were right.
    pub(super) fn usable(&self, key: &StoredKey) -> bool {
        self.signing != Signing::Ended && key.has_private && !self.is_revoked(key) && !self.is_left(key)
    }

    /// Whether the key is one that an earlier owner left, and that is not taken over: no other key is retired before
    /// its private part has gone.
    pub(super) fn is_left(&self, key: &StoredKey) -> bool {
        let goes_on = matches!(self.signing, Signing::Wanted | Signing::Held);
        goes_on && !self.adopts && key.has_private && key.state == KeyState::Retired
    }

    /// Whether the private part stays.
    pub(super) fn keeps_private(&self, key: &StoredKey, now: UnixSeconds) -> bool {
        key.has_private && now < key.exp && (self.usable(key) || self.is_left(key))
    }

    fn state(&self, key: &StoredKey, signs: bool, now: UnixSeconds) -> KeyState {
        // Only one that signs again for who adopts it comes back from there.
        let was_retired = key.state == KeyState::Retired && !self.usable(key);
        if self.is_revoked(key) {
            KeyState::Revoked
        } else if matches!(self.signing, Signing::Left | Signing::Ended) || was_retired {
            KeyState::Retired
        } else if now < key.nbf {
            KeyState::Pending
        } else if signs {
            KeyState::Active
        } else if key.exp.plus(self.rotation.overlap) <= now {
            KeyState::Retired
        } else {
            KeyState::Accepted
        }
    }
}
