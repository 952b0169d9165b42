//! A bus's key set: every key of it that verifiers may still meet.

use std::collections::{BTreeMap, BTreeSet};

use eventing::{
    keyset::{Jwk, KeyUse, MAX_KEYS, SourcePattern},
    types::{BusId, Kid, Source},
};

use super::documents::Content;
use crate::keys::{KeyRecord, KeyState, Line, phase};

/// The key set of each bus that has keys. `revoked` is what the SigningKeys of each bus revoke: it counts at once,
/// before the keys' Secrets say so.
pub fn key_sets(records: &[KeyRecord], revoked: &BTreeMap<String, BTreeSet<String>>) -> BTreeMap<BusId, Content> {
    let mut buses: BTreeMap<BusId, Vec<&KeyRecord>> = BTreeMap::new();
    for record in records {
        buses.entry(record.line.bus().clone()).or_default().push(record);
    }
    let none = BTreeSet::new();
    let set = |(bus, records): (BusId, Vec<&KeyRecord>)| {
        let keys = keys(&bus, records, revoked.get(&bus.to_string()).unwrap_or(&none));
        (bus.clone(), Content::KeySet { bus, keys })
    };
    buses.into_iter().map(set).collect()
}

fn keys(bus: &BusId, mut records: Vec<&KeyRecord>, revoked: &BTreeSet<String>) -> Vec<Jwk> {
    let is_revoked = |record: &KeyRecord| record.key.state == KeyState::Revoked || revoked.contains(&record.key.kid);
    let retires = |record: &KeyRecord| record.key.state == KeyState::Retired && !is_revoked(record);
    // Newest first, retired ones last, so that the oldest retired are those a full set has no room for.
    records.sort_by_key(|record| (retires(record), std::cmp::Reverse(record.key.order()), record.key.kid.clone()));
    if records.len() > MAX_KEYS {
        tracing::warn!(%bus, keys = records.len(), "a key set has room for 64 keys: the oldest retired are left out");
        records.truncate(MAX_KEYS);
    }
    // In an order that does not change with the states.
    records.sort_by_key(|record| (record.line.clone(), record.key.number));
    records.into_iter().filter_map(|record| jwk(record, is_revoked(record))).collect()
}

fn jwk(record: &KeyRecord, is_revoked: bool) -> Option<Jwk> {
    let key = &record.key;
    Some(Jwk {
        kid: Kid::parse(&key.kid).ok()?,
        algorithm: key.algorithm,
        public_key: record.public.clone(),
        key_use: match record.line {
            Line::Signing { .. } => KeyUse::Sig,
            Line::Grant { .. } => KeyUse::Grant,
        },
        sources: key.sources.iter().filter_map(|source| pattern(source)).collect(),
        nbf: key.nbf.0,
        exp: key.exp.0,
        state: phase::in_key_set(if is_revoked { KeyState::Revoked } else { key.state }),
    })
}

/// A source as a key set and a publisher's entry write it; nothing for text that is none.
pub(super) fn pattern(text: &str) -> Option<SourcePattern> {
    if text == "*" { Some(SourcePattern::Any) } else { Source::parse(text).ok().map(SourcePattern::Exact) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use eventing::{algorithm::Algorithm, keyset};

    use super::*;
    use crate::keys::{StoredKey, UnixSeconds};

    fn record(line: Line, number: u32, state: KeyState) -> KeyRecord {
        let key = StoredKey {
            number,
            kid: format!("{}-{number}", line.kid_name()),
            algorithm: Algorithm::MlDsa44,
            sources: ["qsl.stock".to_owned()].into(),
            nbf: UnixSeconds(number.into()),
            exp: UnixSeconds(1_000),
            state,
            has_private: false,
            rotate_request: None,
        };
        KeyRecord { line, key, public: vec![0; 1312] }
    }

    fn stock() -> Line {
        Line::Signing { bus: "platform/bus".parse().unwrap(), name: "stock".to_owned() }
    }

    fn kids(set: &Content) -> Vec<String> {
        let Content::KeySet { keys, .. } = set else { return Vec::new() };
        keys.iter().map(|key| format!("{} {:?}", key.kid, key.state)).collect()
    }

    #[test]
    fn each_bus_has_its_own_keys_and_grant_keys_say_what_they_are() {
        let other = Line::Grant { bus: "platform/other".parse().unwrap() };
        let sets =
            key_sets(&[record(stock(), 1, KeyState::Active), record(other, 1, KeyState::Active)], &BTreeMap::new());
        assert_eq!(sets.len(), 2);
        let Content::KeySet { keys, .. } = &sets[&"platform/other".parse().unwrap()] else { unreachable!() };
        assert_eq!(keys[0].key_use, KeyUse::Grant);
    }

    #[test]
    fn a_revoked_kid_is_listed_as_such_at_once() {
        let revoked = BTreeMap::from([("platform/bus".to_owned(), BTreeSet::from(["stock-1".to_owned()]))]);
        let sets = key_sets(&[record(stock(), 1, KeyState::Active)], &revoked);
        assert_eq!(kids(&sets[stock().bus()]), ["stock-1 Revoked"]);
        let Content::KeySet { keys, .. } = &sets[stock().bus()] else { unreachable!() };
        assert_eq!(keys[0].state, keyset::KeyState::Revoked);
    }

    #[test]
    fn a_full_set_leaves_out_the_oldest_retired_and_never_a_revoked_one() {
        let mut records: Vec<_> = (2..=65).map(|number| record(stock(), number, KeyState::Retired)).collect();
        records.push(record(stock(), 66, KeyState::Active));
        records.push(record(stock(), 1, KeyState::Revoked));
        let sets = key_sets(&records, &BTreeMap::new());
        let kids = kids(&sets[stock().bus()]);
        assert_eq!(kids.len(), MAX_KEYS);
        assert!(kids.contains(&"stock-1 Revoked".to_owned()) && kids.contains(&"stock-66 Active".to_owned()));
        assert!(!kids.contains(&"stock-2 Retired".to_owned()) && !kids.contains(&"stock-3 Retired".to_owned()));
    }
}
