//! What the object's status says of its keys.

use crds::{
    SigningKeyStatus,
    signing_key::{KeyState, KeyStatus},
};
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use sha2::{Digest as _, Sha256};

use crate::keys::{KeyPolicy, KeyRecord, UnixSeconds, material::word};

/// The status; its conditions are the runner's.
pub(super) fn status(policy: &KeyPolicy, records: &[KeyRecord], now: UnixSeconds) -> SigningKeyStatus {
    let keys: Vec<_> = records.iter().map(|record| record.key.clone()).collect();
    let states = policy.states(&keys, now);
    let mut newest: Vec<&KeyRecord> = records.iter().collect();
    newest.sort_by_key(|record| std::cmp::Reverse(record.key.order()));
    SigningKeyStatus {
        last_handled_rotate_at: policy.handled_request(&keys),
        active_kid: policy.signer(&keys, now).map(|key| key.kid.clone()),
        next_rotation_time: policy.next_rotation(&keys, now).map(time),
        keys: newest
            .into_iter()
            .map(|record| KeyStatus {
                kid: record.key.kid.clone(),
                algorithm: word(record.key.algorithm),
                state: states.get(&record.key.number).copied().unwrap_or(KeyState::Retired),
                not_before: time(record.key.nbf),
                not_after: time(record.key.exp),
                public_key_sha256: hex::encode(Sha256::digest(&record.public)),
            })
            .collect(),
        ..SigningKeyStatus::default()
    }
}

fn time(at: UnixSeconds) -> Time {
    Time(Timestamp::from_second(at.0).unwrap_or_default())
}
