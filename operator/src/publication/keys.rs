//! Keys that have no SigningKey: each bus's grant keys, and what deleted SigningKeys left behind.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use crds::SigningKey;
use eventing::types::BusId;
use kube::ResourceExt as _;

use super::metrics::KeySample;
use crate::keys::{
    BadRotation, KeyAction, KeyPolicy, KeyRecord, Line, Rotation, Signing, StoredKey, UnixSeconds, grant, plan_keys,
};

/// What exists, as far as keys depend on it.
#[derive(Debug, Default)]
pub struct Owners {
    /// The buses that are not going away.
    pub buses: BTreeSet<BusId>,
    /// The SigningKeys, as the lines of their keys.
    pub signing_keys: BTreeSet<Line>,
    /// What the SigningKeys of each bus revoke.
    pub revoked: BTreeMap<String, BTreeSet<String>>,
}

/// One line, what stands of it, and what is to be done.
#[derive(Debug)]
pub struct LinePlan {
    /// The line.
    pub line: Line,
    /// Its keys, as they were read.
    pub records: Vec<KeyRecord>,
    /// What to do.
    pub actions: Vec<KeyAction>,
}

/// What is to be done about these lines; those with nothing to do are left out.
pub fn plan(
    owners: &Owners,
    records: &[KeyRecord],
    keep: Duration,
    now: UnixSeconds,
) -> Result<Vec<LinePlan>, BadRotation> {
    let mut lines: BTreeMap<Line, Vec<KeyRecord>> = BTreeMap::new();
    for bus in &owners.buses {
        lines.insert(Line::Grant { bus: bus.clone() }, Vec::new());
    }
    for record in records.iter().filter(|record| !owners.signing_keys.contains(&record.line)) {
        lines.entry(record.line.clone()).or_default().push(record.clone());
    }
    let mut plans = Vec::new();
    for (line, records) in lines {
        let keys: Vec<_> = records.iter().map(|record| record.key.clone()).collect();
        let actions = plan_keys(&policy(owners, &line, keep)?, &keys, now);
        if !actions.is_empty() {
            plans.push(LinePlan { line, records, actions });
        }
    }
    Ok(plans)
}

fn policy(owners: &Owners, line: &Line, keep: Duration) -> Result<KeyPolicy, BadRotation> {
    let signing = match line {
        Line::Grant { bus } if owners.buses.contains(bus) => Signing::Wanted,
        Line::Grant { .. } => Signing::Ended,
        // Its controller destroyed the private parts, or was told to leave them.
        Line::Signing { .. } => Signing::Left,
    };
    let revoked = owners.revoked.get(&line.bus().to_string()).cloned().unwrap_or_default();
    grant::policy(revoked, keep, signing)
}

/// Each line of keys that signs at `now`, for metrics.
pub fn samples(
    records: &[KeyRecord],
    signing_keys: &[Arc<SigningKey>],
    keep: Duration,
    now: UnixSeconds,
) -> Vec<KeySample> {
    let mut lines: BTreeMap<&Line, Vec<StoredKey>> = BTreeMap::new();
    for record in records {
        lines.entry(&record.line).or_default().push(record.key.clone());
    }
    let sample = |(line, keys): (&Line, Vec<StoredKey>)| {
        let mut policy = grant::policy(BTreeSet::new(), keep, Signing::Wanted).ok()?;
        if let Line::Signing { bus, name } = line {
            let is_it =
                |key: &SigningKey| key.namespace().as_deref() == Some(bus.namespace()) && key.name_any() == *name;
            let owner = signing_keys.iter().find(|key| is_it(key))?;
            policy.adopts = false;
            policy.rotation = Rotation::of(&owner.spec.rotation).ok()?;
        }
        let since = policy.signer(&keys, now)?.nbf;
        let (bus, key) = (line.bus().to_string(), line.kid_name().to_owned());
        Some(KeySample { bus, key, since, next: policy.next_rotation(&keys, now) })
    };
    lines.into_iter().filter_map(sample).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use eventing::algorithm::Algorithm;

    use super::*;
    use crate::keys::KeyState;

    const KEEP: Duration = Duration::from_hours(24 * 30);
    const NOW: UnixSeconds = UnixSeconds(1_795_420_800);

    fn bus() -> BusId {
        "platform/bus".parse().unwrap()
    }

    fn record(line: Line) -> KeyRecord {
        let key = StoredKey {
            number: 1,
            kid: "kid".to_owned(),
            algorithm: Algorithm::Dilithium2,
            sources: BTreeSet::new(),
            nbf: UnixSeconds(NOW.0 - 60),
            exp: UnixSeconds(NOW.0 + 3600 * 24 * 20),
            state: KeyState::Active,
            has_private: true,
            rotate_request: None,
        };
        KeyRecord { line, key, public: Vec::new(), version: String::new() }
    }

    #[test]
    fn a_bus_gets_a_grant_key() {
        let owners = Owners { buses: BTreeSet::from([bus()]), ..Owners::default() };
        let plans = plan(&owners, &[], KEEP, NOW).unwrap();
        assert_eq!(plans[0].line, Line::Grant { bus: bus() });
        assert!(matches!(&plans[0].actions[..], [KeyAction::Create(new)] if new.algorithm == Algorithm::MlDsa44));
    }

    #[test]
    fn a_grant_key_ends_with_its_bus_and_a_signing_key_s_keys_are_its_controller_s() {
        let line = Line::Signing { bus: bus(), name: "stock".to_owned() };
        let owners = Owners { signing_keys: BTreeSet::from([line.clone()]), ..Owners::default() };
        let plans = plan(&owners, &[record(line), record(Line::Grant { bus: bus() })], KEEP, NOW).unwrap();
        assert_eq!(plans.len(), 1);
        assert!(matches!(&plans[0].actions[..], [KeyAction::Update(update)] if !update.keep_private));
    }

    #[test]
    fn keys_without_a_signing_key_are_retired_and_run_out() {
        let line = Line::Signing { bus: bus(), name: "gone".to_owned() };
        let plans = plan(&Owners::default(), &[record(line)], KEEP, NOW).unwrap();
        let [KeyAction::Update(update)] = &plans[0].actions[..] else { unreachable!("{plans:?}") };
        assert_eq!((update.state, update.keep_private), (KeyState::Retired, true));
    }

    #[test]
    fn lines_that_sign_are_shown_with_their_age_and_the_time_of_the_next_key() {
        let line = Line::Signing { bus: bus(), name: "stock".to_owned() };
        let records = [record(line), record(Line::Signing { bus: bus(), name: "gone".to_owned() })];
        let key = serde_json::json!({
            "apiVersion": "eventing.qsl.dev/v1alpha1", "kind": "SigningKey",
            "metadata": {"name": "stock", "namespace": "platform"},
            "spec": {"busRef": {"name": "bus"}, "sources": ["*"], "rotation": {"period": "240h"}},
        });
        let samples = samples(&records, &[Arc::new(serde_json::from_value(key).unwrap())], KEEP, NOW);
        let sample = KeySample {
            bus: "platform/bus".to_owned(),
            key: "stock".to_owned(),
            since: UnixSeconds(NOW.0 - 60),
            next: Some(UnixSeconds(NOW.0 - 60 + 10 * 86_400)),
        };
        assert_eq!(samples, [sample]);
    }
}
