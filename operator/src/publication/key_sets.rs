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
    // What may be left out last stands first: what signs or will, then what must stay known as revoked.
    let rank = |record: &KeyRecord| match state(record, revoked) {
        KeyState::Active | KeyState::Pending => 0,
        KeyState::Revoked => 1,
        KeyState::Accepted => 2,
        KeyState::Retired => 3,
    };
    records.sort_by_key(|record| (rank(record), std::cmp::Reverse(record.key.order()), record.key.kid.clone()));
    if let Some(left_out) = records.get(MAX_KEYS..).filter(|left_out| !left_out.is_empty()) {
        let kids: Vec<_> = left_out.iter().map(|record| record.key.kid.as_str()).collect();
        tracing::warn!(%bus, ?kids, "a key set has room for 64 keys: these are left out");
        records.truncate(MAX_KEYS);
    }
    // In an order that does not change with the states.
    records.sort_by_key(|record| (record.line.clone(), record.key.number));
    records.into_iter().filter_map(|record| jwk(record, revoked)).collect()
}

/// The retired keys that a bus's set has no room for, the oldest first: they leave it for good. `records` are of all
/// buses.
pub fn surplus<'a>(records: &'a [KeyRecord], revoked: &BTreeMap<String, BTreeSet<String>>) -> Vec<&'a KeyRecord> {
    let mut buses: BTreeMap<&BusId, Vec<&KeyRecord>> = BTreeMap::new();
    for record in records {
        buses.entry(record.line.bus()).or_default().push(record);
    }
    let none = BTreeSet::new();
    let of_bus = |(bus, records): (&BusId, Vec<&'a KeyRecord>)| {
        let revoked = revoked.get(&bus.to_string()).unwrap_or(&none);
        let many = records.len().saturating_sub(MAX_KEYS);
        let mut retired = records;
        retired.retain(|record| state(record, revoked) == KeyState::Retired);
        retired.sort_by_key(|record| (record.key.order(), record.key.kid.clone()));
        retired.truncate(many);
        retired
    };
    buses.into_iter().flat_map(of_bus).collect()
}

/// The state that counts: a revocation does before the key's Secret says so.
fn state(record: &KeyRecord, revoked: &BTreeSet<String>) -> KeyState {
    if revoked.contains(&record.key.kid) { KeyState::Revoked } else { record.key.state }
}

fn jwk(record: &KeyRecord, revoked: &BTreeSet<String>) -> Option<Jwk> {
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
        state: phase::in_key_set(state(record, revoked)),
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
        KeyRecord { line, key, public: vec![0; 1312], version: String::new() }
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

    #[test]
    fn what_leaves_a_full_set_for_good_is_its_oldest_retired() {
        let mut records: Vec<_> = (2..=65).map(|number| record(stock(), number, KeyState::Retired)).collect();
        assert!(surplus(&records, &BTreeMap::new()).is_empty());
        records.push(record(stock(), 66, KeyState::Active));
        records.push(record(stock(), 1, KeyState::Revoked));
        // Another bus's keys take no room in this one's set.
        records.push(record(Line::Grant { bus: "platform/other".parse().unwrap() }, 1, KeyState::Retired));
        let gone = |revoked: &BTreeMap<String, BTreeSet<String>>| {
            surplus(&records, revoked).iter().map(|record| record.key.number).collect::<Vec<_>>()
        };
        assert_eq!(gone(&BTreeMap::new()), [2, 3]);
        let revoked = BTreeMap::from([("platform/bus".to_owned(), BTreeSet::from(["stock-2".to_owned()]))]);
        assert_eq!(gone(&revoked), [3, 4]);
    }

    #[test]
    fn a_set_full_of_keys_that_are_not_retired_keeps_those_that_sign_and_those_revoked() {
        let mut records: Vec<_> = (3..=80).map(|number| record(stock(), number, KeyState::Accepted)).collect();
        records.push(record(stock(), 1, KeyState::Revoked));
        records.push(record(stock(), 2, KeyState::Active));
        assert!(surplus(&records, &BTreeMap::new()).is_empty(), "what is not retired is not forgotten");
        let sets = key_sets(&records, &BTreeMap::new());
        let kids = kids(&sets[stock().bus()]);
        assert_eq!(kids.len(), MAX_KEYS);
        assert!(kids.contains(&"stock-1 Revoked".to_owned()) && kids.contains(&"stock-2 Active".to_owned()));
        assert!(!kids.contains(&"stock-3 Accepted".to_owned()) && kids.contains(&"stock-80 Accepted".to_owned()));
    }
}
