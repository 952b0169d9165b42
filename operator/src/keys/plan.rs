//! What has to happen to a line of keys now: pure, and empty once it has been done.

use std::collections::BTreeSet;

use eventing::algorithm::Algorithm;

use super::{KeyPolicy, KeyState, Signing, StoredKey, UnixSeconds};

/// One write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyAction {
    /// Make a key. Its number is its name's, so two who try make one.
    Create(NewKey),
    /// Bring what stands beside a key up to date; without `keep_private` its private part is destroyed.
    Update(KeyUpdate),
    /// Nothing it signed is read any more: remove it.
    Forget {
        /// Which.
        number: u32,
    },
}

/// A key to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// One more than the highest there is.
    pub number: u32,
    /// Its scheme.
    pub algorithm: Algorithm,
    /// What it may sign.
    pub sources: BTreeSet<String>,
    /// From when it signs.
    pub nbf: UnixSeconds,
    /// Until when.
    pub exp: UnixSeconds,
    /// Its first state.
    pub state: KeyState,
    /// The request for rotation it answers, if any.
    pub rotate_request: Option<String>,
}

/// What a key is to look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyUpdate {
    /// Which.
    pub number: u32,
    /// Until when it signs.
    pub exp: UnixSeconds,
    /// What it may sign.
    pub sources: BTreeSet<String>,
    /// Its state.
    pub state: KeyState,
    /// Whether the private part stays.
    pub keep_private: bool,
}

/// Decides what to do with a line of keys. Applying the answer makes the next answer, at the same time, empty, and so
/// it does where it was stopped in between. New keys come before what is taken from old ones: there is no moment in
/// which nobody could sign.
pub fn plan_keys(policy: &KeyPolicy, existing: &[StoredKey], now: UnixSeconds) -> Vec<KeyAction> {
    let (forgotten, mut keys): (Vec<_>, Vec<_>) = existing.iter().cloned().partition(|key| outlived(policy, key, now));
    let mut actions = Vec::new();
    let mut number = existing.iter().map(|key| key.number).max().unwrap_or(0);

    let mut created = BTreeSet::new();
    while let Some(nbf) = next_nbf(policy, &keys, now) {
        number = number.saturating_add(1);
        created.insert(number);
        keys.push(StoredKey::planned(policy, number, nbf));
    }
    shorten(policy, &mut keys, now);

    let states = policy.states(&keys, now);
    let mut updates = Vec::new();
    for mut key in keys {
        key.state = states.get(&key.number).copied().unwrap_or(key.state);
        if created.contains(&key.number) {
            actions.push(KeyAction::Create(NewKey {
                number: key.number,
                algorithm: key.algorithm,
                sources: key.sources,
                nbf: key.nbf,
                exp: key.exp,
                state: key.state,
                rotate_request: key.rotate_request,
            }));
            continue;
        }
        let signs = policy.usable(&key);
        key.has_private = policy.keeps_private(&key, now);
        if key.has_private && signs {
            // Only ever more: what an earlier spec let it sign has to verify.
            key.sources.extend(policy.sources.iter().cloned());
        }
        if existing.contains(&key) {
            continue;
        }
        updates.push(KeyAction::Update(KeyUpdate {
            number: key.number,
            exp: key.exp,
            sources: key.sources,
            state: key.state,
            keep_private: key.has_private,
        }));
    }
    actions.extend(updates);
    // Last: the number of the next key is one more than the highest there is, for whoever looks meanwhile too.
    actions.extend(forgotten.iter().map(|key| KeyAction::Forget { number: key.number }));
    actions
}

/// Nothing the key signed is read any more. A revoked kid stays listed.
fn outlived(policy: &KeyPolicy, key: &StoredKey, now: UnixSeconds) -> bool {
    !policy.is_revoked(key) && key.exp.plus(policy.keep) <= now
}

/// The `nbf` of a key that is missing, or nothing when none is.
fn next_nbf(policy: &KeyPolicy, keys: &[StoredKey], now: UnixSeconds) -> Option<UnixSeconds> {
    if policy.signing != Signing::Wanted {
        return None;
    }
    // Nobody could sign: at once. Verifiers fetch the set for a kid they do not know, so this is safe; moving the
    // `nbf` of a published key would not be.
    if policy.signer(keys, now).is_none() {
        return Some(now);
    }
    if policy.rotate_request.is_some() && policy.handled_request(keys).is_none() {
        return Some(now);
    }
    let last = last_covered(policy, keys, now)?;
    let publish_before = policy.rotation.publish_before();
    // A late operator leaves verifiers less time to learn of the key, but never none, and the present one signs on.
    let published = now.plus(publish_before.min(now.until(last.exp) / 2));
    // Never before the last one: it would not follow it, and would be missing again.
    let published = published.max(last.nbf);
    let is_newest = has_time(policy, keys, now).all(|key| key.order() <= last.order());
    if is_newest && last.algorithm != policy.algorithm {
        return Some(published);
    }
    let due = policy.due(last);
    (due.minus(publish_before) <= now).then(|| published.max(due))
}

/// The last key of those that take over from one another without a gap, from the one that signs now. It is the newest,
/// unless one between was revoked, or has no time to sign in.
fn last_covered<'a>(policy: &KeyPolicy, keys: &'a [StoredKey], now: UnixSeconds) -> Option<&'a StoredKey> {
    let mut last = policy.signer(keys, now)?;
    while let Some(next) = has_time(policy, keys, now)
        .filter(|key| key.order() > last.order() && key.nbf <= last.exp)
        .max_by_key(|key| key.order())
    {
        last = next;
    }
    Some(last)
}

/// The keys that sign, or have time to.
fn has_time<'a>(policy: &KeyPolicy, keys: &'a [StoredKey], now: UnixSeconds) -> impl Iterator<Item = &'a StoredKey> {
    keys.iter().filter(move |key| policy.usable(key) && now < key.exp && key.nbf < key.exp)
}

/// A key signs until `publish_before` after the next one's `nbf` and no longer; one that cannot sign, not at all.
fn shorten(policy: &KeyPolicy, keys: &mut [StoredKey], now: UnixSeconds) {
    let mut order: Vec<_> = has_time(policy, keys, now).map(|key| (key.order(), key.nbf)).collect();
    order.sort_unstable();
    let counts = |key: &StoredKey| now < key.exp && !policy.is_revoked(key) && !policy.is_left(key);
    for key in keys.iter_mut().filter(|key| counts(key)) {
        let end = if policy.usable(key) {
            let next = order.iter().find(|(place, _)| *place > key.order()).map(|(_, nbf)| *nbf);
            next.map_or(key.exp, |nbf| nbf.plus(policy.rotation.publish_before()).max(now))
        } else {
            key.nbf.max(now)
        };
        key.exp = key.exp.min(end);
    }
}

#[cfg(test)]
mod tests;
