//! Waiting until objects are ready, by one watch a kind.

use std::{collections::BTreeSet, pin::pin, time::Duration};

use anyhow::{Context as _, Result, bail};
use crds::{Eventing, conditions, object::CommonStatus};
use futures::TryStreamExt;
use kube::{
    Api, ResourceExt,
    runtime::{WatchStreamExt, watcher},
};

/// Nothing takes longer, or something is broken.
const PATIENCE: Duration = Duration::from_hours(1);

/// Waits until so many objects of a kind are ready.
pub async fn all_ready<K: Eventing>(api: Api<K>, count: usize) -> Result<()> {
    let waiting = async {
        let mut ready = BTreeSet::new();
        let mut objects = pin!(watcher(api, watcher::Config::default()).default_backoff().applied_objects());
        while let Some(object) = objects.try_next().await? {
            let name = object.name_any();
            let said = object.status().map(CommonStatus::conditions).unwrap_or_default();
            if conditions::is_true(said, conditions::READY) {
                ready.insert(name)
            } else {
                ready.remove(&name)
            };
            if ready.len() == count {
                return Ok(());
            }
        }
        bail!("the watch of {} ended", K::KIND)
    };
    let outcome = tokio::time::timeout(PATIENCE, waiting).await;
    outcome.with_context(|| format!("the {} are not all ready after an hour", K::KIND))?
}
