//! The SigningKey: rotated, its algorithm changed, its kids revoked.

use anyhow::Context as _;
use crds::SigningKey;
use crds::names::ROTATE_REQUESTED_AT;
use eventing::time::Millis;
use futures::{StreamExt as _, pin_mut};
use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::watch_object;
use serde_json::{Value, json};
use tokio::time::interval;
use tokio_util::sync::CancellationToken;

use super::book::{Revocation, Shared};
use super::plan::Plan;
use crate::ground::{Ground, SIGNING_KEY};

/// The most kids a run revokes: they stay in the bus's set, whose 64 places the rotating keys need.
pub(super) const REVOCATIONS: usize = 30;

async fn patch(ground: &Ground, patch: &Value) -> anyhow::Result<SigningKey> {
    let api = ground.platform::<SigningKey>();
    Ok(api.patch(SIGNING_KEY, &PatchParams::default(), &Patch::Merge(patch)).await?)
}

/// Phases of seconds: a set has 64 places.
pub(super) async fn hasten(ground: &Ground) -> anyhow::Result<()> {
    let rotation = json!({"period": "24h", "publishBefore": "15s", "overlap": "15s"});
    patch(ground, &json!({"spec": {"rotation": rotation}})).await.map(drop)
}

/// As the example has it. What was revoked stays so.
pub(super) async fn restore(ground: &Ground) -> anyhow::Result<()> {
    let rotation = json!({"period": "720h", "publishBefore": "24h", "overlap": "168h"});
    patch(ground, &json!({"spec": {"rotation": rotation, "algorithm": "Dilithium2"}})).await.map(drop)
}

/// Asks for a new key every few seconds, and now and then for one of the other algorithm, until `stop`.
pub(super) async fn rotate(
    ground: &Ground,
    book: &Shared,
    plan: &Plan,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let (mut rotate, mut flip) = (interval(plan.rotate_every), interval(plan.flip_every));
    // At once is what an interval begins with.
    flip.tick().await;
    let mut algorithms = ["ML-DSA-44", "Dilithium2"].into_iter().cycle();
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            _ = rotate.tick() => {
                let asked = json!({ROTATE_REQUESTED_AT: Timestamp::now().to_string()});
                patch(ground, &json!({"metadata": {"annotations": asked}})).await?;
                book.with(|book| book.rotations_asked += 1);
            }
            _ = flip.tick() => {
                patch(ground, &json!({"spec": {"algorithm": algorithms.next()}})).await?;
                book.with(|book| book.flips_asked += 1);
            }
        }
    }
}

/// Notes every kid of the SigningKey until `stop`.
pub(super) async fn watch(ground: &Ground, book: &Shared, stop: &CancellationToken) -> anyhow::Result<()> {
    let seen = watch_object(ground.platform::<SigningKey>(), SIGNING_KEY).default_backoff();
    pin_mut!(seen);
    loop {
        let seen = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            seen = seen.next() => seen.context("the watch ended")?,
        };
        // A watch that broke begins anew by itself.
        let Some(status) = seen.ok().flatten().and_then(|key| key.status) else { continue };
        book.with(|book| {
            for key in status.keys {
                let algorithm = serde_json::to_value(key.algorithm).ok();
                let algorithm = algorithm.and_then(|name| Some(name.as_str()?.to_owned())).unwrap_or_default();
                book.kids.insert(key.kid, algorithm);
            }
            if book.first_kids.is_empty() {
                book.first_kids = book.kids.keys().cloned().collect();
            }
        });
    }
}

/// Revokes kids. From the moment that is noted on, their end is due.
pub(super) async fn revoke(ground: &Ground, book: &Shared, kids: &[String]) -> anyhow::Result<Millis> {
    let mut all: Vec<String> = book.with(|book| book.revocations.iter().map(|one| one.kid.clone()).collect());
    all.extend(kids.iter().cloned());
    let at = Millis::now();
    book.with(|book| book.revocations.extend(kids.iter().map(|kid| Revocation { kid: kid.clone(), at })));
    patch(ground, &json!({"spec": {"revokedKids": all}})).await?;
    Ok(at)
}
