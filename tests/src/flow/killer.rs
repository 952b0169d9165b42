//! Kills pods, and waits for what was killed to be whole again.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use eventing::time::Micros;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, ListParams};
use kube::{Api, ResourceExt};
use tokio::time::{Instant, sleep, timeout_at};

use super::book::{Killed, Shared};
use super::kills::{Kill, TARGETS, Target, drawn};
use super::plan::{Plan, Trouble};
use crate::ground::Ground;
use crate::scenario::Narrate;
use crate::wait::until;

/// How long a victim may take to be whole again: it drains, and the next one is scheduled, injected and Ready.
const RECOVERY: Duration = Duration::from_mins(3);

/// Who kills, and how many pods of each there are to be.
pub(super) struct Killer<'a> {
    ground: &'a Ground,
    book: &'a Shared,
    narrate: Narrate<'a>,
    replicas: BTreeMap<Target, usize>,
}

impl<'a> Killer<'a> {
    /// Counts the pods of a system that is whole.
    ///
    /// # Errors
    /// When a target has no pod.
    pub(super) async fn new(ground: &'a Ground, book: &'a Shared, narrate: Narrate<'a>) -> anyhow::Result<Self> {
        let mut replicas = BTreeMap::new();
        for target in TARGETS {
            until(target.name(), RECOVERY, async || settled(ground, target).await.map(|pods| !pods.is_empty())).await?;
            replicas.insert(target, settled(ground, target).await?.len());
        }
        Ok(Self { ground, book, narrate, replicas })
    }

    /// Kills one pod after the other, until shortly before the last event is published.
    ///
    /// # Errors
    /// When a victim does not come back, or the API server does not do as it is told.
    pub(super) async fn kill(&self, plan: &Plan, trouble: Trouble) -> anyhow::Result<()> {
        let end = Instant::now() + plan.publish.saturating_sub(trouble.quiet);
        for kill in drawn(trouble.seed) {
            match timeout_at(end, self.one(kill)).await {
                Ok(done) => done.with_context(|| format!("{kill:?}"))?,
                Err(_) => break,
            }
        }
        Ok(())
    }

    /// Waits until everything is there again.
    ///
    /// # Errors
    /// When something does not come back.
    pub(super) async fn whole(&self) -> anyhow::Result<()> {
        for target in TARGETS {
            self.is_whole(target).await?;
        }
        Ok(())
    }

    async fn is_whole(&self, target: Target) -> anyhow::Result<()> {
        let count = self.replicas.get(&target).copied().unwrap_or(1);
        let what = format!("{} is whole", target.name());
        until(&what, RECOVERY, async || settled(self.ground, target).await.map(|pods| pods.len() >= count)).await
    }

    async fn one(&self, kill: Kill) -> anyhow::Result<()> {
        let Kill { after, target, pod, is_graceful } = kill;
        sleep(after).await;
        self.is_whole(target).await?;
        let mut pods = settled(self.ground, target).await?;
        anyhow::ensure!(!pods.is_empty(), "{} has no pod", target.name());
        let pod = pods.swap_remove(pod % pods.len());
        let how = if is_graceful { "with its grace" } else { "without grace" };
        (self.narrate)(&format!("{pod} is killed {how}"));
        let killed = Killed { target, pod: pod.clone(), at: Micros::now(), is_graceful };
        self.book.with(|book| book.kills.push(killed));
        let grace = if is_graceful { DeleteParams::default() } else { DeleteParams::default().grace_period(0) };
        api(self.ground, target).delete(&pod, &grace).await?;
        Ok(())
    }
}

fn api(ground: &Ground, target: Target) -> Api<Pod> {
    let namespace = if target.is_example() { target.name() } else { &ground.release };
    Api::namespaced(ground.client.clone(), namespace)
}

/// A target's pods, where all are Ready and none is going; else none.
async fn settled(ground: &Ground, target: Target) -> anyhow::Result<Vec<String>> {
    let label = if target.is_example() { "app" } else { "app.kubernetes.io/name" };
    let pods = api(ground, target).list(&ListParams::default().labels(&format!("{label}={}", target.name()))).await?;
    let is_settled = pods.iter().all(|pod| pod.metadata.deletion_timestamp.is_none() && is_ready(pod));
    let mut names: Vec<String> = pods.iter().filter(|_| is_settled).map(ResourceExt::name_any).collect();
    names.sort();
    Ok(names)
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}
