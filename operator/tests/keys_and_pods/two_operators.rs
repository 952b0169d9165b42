//! Two operators that work at once on one key namespace: no phase has two keys.

use std::{collections::BTreeSet, time::Duration};

use eventing::{algorithm::Algorithm, types::BusId};
use operator::keys::{
    KeyPolicy, Line, Rotation, Signing, StoredKey, UnixSeconds,
    maintain::maintain,
    store::{KeyStore, Keys as _},
};

use crate::rig::{Case, make_namespace};

const DAY: Duration = Duration::from_hours(24);

fn policy() -> KeyPolicy {
    KeyPolicy {
        algorithm: Algorithm::MlDsa44,
        sources: BTreeSet::from(["qsl.coin".to_owned()]),
        rotation: Rotation::new(DAY * 30, DAY, DAY * 7).unwrap(),
        keep: DAY * 30,
        revoked: BTreeSet::new(),
        rotate_request: None,
        adopts: false,
        signing: Signing::Wanted,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_operators_at_once_make_one_key_for_each_phase() {
    let case = Case::new().await;
    // Of this test alone: the rig's own operator looks after another.
    let namespace = case.namespace("keys");
    make_namespace(&case.client, &namespace, &serde_json::json!({})).await;
    let stores: Vec<_> = (0..4).map(|_| KeyStore::new(case.client.clone(), &namespace)).collect();
    let bus = BusId::new(&case.namespace("platform"), "core").unwrap();
    let line = Line::Signing { bus: bus.clone(), name: "coins".to_owned() };
    let start = UnixSeconds::now();
    let mut policy = policy();
    let kids = |keys: &[StoredKey]| keys.iter().map(|key| key.kid.clone()).collect::<BTreeSet<_>>();

    // The first key, the next one's publication, its turn, the end of the first one, a request, a revocation.
    for (day, expected) in [(0, 1), (29, 2), (30, 2), (31, 2), (32, 3), (33, 4)] {
        let now = start.plus(DAY * day);
        if day == 32 {
            policy.rotate_request = Some("now".to_owned());
        }
        if day == 33 {
            let keys: Vec<_> = stores[0].list(&bus).await.unwrap().into_iter().map(|record| record.key).collect();
            policy.revoked.extend(policy.signer(&keys, now).map(|key| key.kid.clone()));
        }
        let passes = stores.iter().cloned().map(|store| {
            let (line, policy) = (line.clone(), policy.clone());
            tokio::spawn(async move { maintain(&store, &line, &policy, now).await })
        });
        let mut seen = Vec::new();
        let mut told = Vec::new();
        for pass in passes.collect::<Vec<_>>() {
            let maintained = pass.await.unwrap().unwrap();
            seen.push(kids(&maintained.keys()));
            told.extend(maintained.changes);
        }
        assert_eq!(seen[0].len(), expected, "day {day}");
        assert!(seen.iter().all(|one| *one == seen[0]), "all see the same keys: {seen:?}");
        let count = told.len();
        told.sort_by_key(|change| format!("{change:?}"));
        told.dedup();
        assert_eq!(told.len(), count, "each change is made, and told, once");
    }
}
