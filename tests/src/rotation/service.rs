//! The signature service: its pods deleted, killed, all of them away.

use std::time::Duration;

use anyhow::Context as _;
use eventing::time::Millis;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::json;

use super::book::{Away, Shared};
use crate::ground::Ground;
use crate::wait::until;

const NAME: &str = "qsl-signature-service";
const REPLICAS: i32 = 2;
const PATIENCE: Duration = Duration::from_mins(2);

fn deployment(ground: &Ground) -> Api<Deployment> {
    Api::namespaced(ground.client.clone(), &ground.release)
}

async fn pods(ground: &Ground) -> anyhow::Result<Vec<String>> {
    let api: Api<Pod> = Api::namespaced(ground.client.clone(), &ground.release);
    let pods = api.list(&ListParams::default().labels(&format!("app.kubernetes.io/name={NAME}"))).await?;
    Ok(pods.iter().map(ResourceExt::name_any).collect())
}

async fn available(ground: &Ground) -> anyhow::Result<i32> {
    let status = deployment(ground).get(NAME).await?.status.unwrap_or_default();
    Ok(status.available_replicas.unwrap_or(0))
}

/// Waits until all of it is there.
pub(super) async fn whole(ground: &Ground) -> anyhow::Result<()> {
    until("the signature service is whole", PATIENCE, async || Ok(available(ground).await? >= REPLICAS)).await
}

/// Deletes a pod of it; with a grace of nothing it is killed. The other one goes on.
pub(super) async fn lose_pod(ground: &Ground, book: &Shared, is_killed: bool) -> anyhow::Result<()> {
    let api: Api<Pod> = Api::namespaced(ground.client.clone(), &ground.release);
    let name = pods(ground).await?.into_iter().next().context("no pod of the signature service")?;
    let grace = if is_killed { DeleteParams::default().grace_period(0) } else { DeleteParams::default() };
    api.delete(&name, &grace).await?;
    book.with(|book| book.pods_gone += 1);
    Ok(())
}

/// Scales it to nothing, and waits until no pod is left.
pub(super) async fn leave(ground: &Ground, book: &Shared) -> anyhow::Result<()> {
    book.with(|book| book.aways.push(Away { from: Millis::now(), to: None }));
    scale(ground, 0).await?;
    until("the signature service is gone", PATIENCE, async || Ok(pods(ground).await?.is_empty())).await
}

/// Scales it up, and waits until one pod is available.
pub(super) async fn come_back(ground: &Ground, book: &Shared) -> anyhow::Result<()> {
    scale(ground, REPLICAS).await?;
    until("the signature service is back", PATIENCE, async || Ok(available(ground).await? > 0)).await?;
    book.with(|book| {
        if let Some(away) = book.aways.last_mut() {
            away.to = Some(Millis::now());
        }
    });
    Ok(())
}

async fn scale(ground: &Ground, replicas: i32) -> anyhow::Result<()> {
    let patch = json!({"spec": {"replicas": replicas}});
    deployment(ground).patch_scale(NAME, &PatchParams::default(), &Patch::Merge(patch)).await?;
    Ok(())
}
