//! Replay on the node: events older than the inbox's skew go to one inbox, killed in the middle and resumed. Each is
//! handled once for each replay, and marked.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::environment::Endpoints;
use crate::forward::Kubectl;
use crate::services::{Handled, Services, Trace};
use crate::tool::Tool;

/// The consumer whose inbox is replayed to; its namespace has the same name.
const CONSUMER: &str = "treasury";
const BUS: &str = "platform/qsl-core";
/// The least skew that an inbox takes, in seconds.
const SKEW: u64 = 120;
/// How many events are published at the same time.
const AT_ONCE: usize = 8;
/// How long anything may take that is not waited out.
const PATIENCE: Duration = Duration::from_mins(5);

/// A running system, with the examples on it, and the program that replays.
#[derive(Debug)]
pub struct Ground {
    kubectl: Kubectl,
    services: Services,
    endpoints: Endpoints,
    tool: Tool,
    trace: Trace,
    /// What the program writes down is here.
    folder: PathBuf,
}

impl Ground {
    /// The system that `endpoints` names, with the program that `QSL_CLI` names.
    ///
    /// # Errors
    /// When the publishers cannot be reached.
    pub async fn connect(endpoints: &Endpoints) -> anyhow::Result<Self> {
        let kubectl = Kubectl::new(&endpoints.kubeconfig);
        let run = uuid::Uuid::new_v4();
        let folder = std::env::temp_dir().join(format!("qsl-replay-{run}"));
        std::fs::create_dir(&folder)?;
        Ok(Self {
            services: Services::connect(kubectl.clone()).await?,
            kubectl,
            endpoints: endpoints.clone(),
            tool: Tool::from_env(endpoints)?,
            trace: Trace { correlation_id: format!("c-replay-{run}"), user_id: "u-1".into(), tenant_id: "t-1".into() },
            folder,
        })
    }

    /// The arguments of a replay.
    fn arguments<'a>(&'a self, what: &[&'a str]) -> Vec<&'a str> {
        let release = self.endpoints.release_namespace.as_str();
        [&["replay"], what, &["--release-namespace", release, "--rate", "1000", "-o", "json"]].concat()
    }

    /// Runs one to its end, and gives its summary.
    async fn replayed(&self, what: &[&str]) -> anyhow::Result<Value> {
        let said = self.tool.run(&self.arguments(what), "").await?;
        Ok(said.lines.last().context("it said nothing")?["summary"].clone())
    }

    /// Runs one until it has sent so many, and kills it.
    async fn killed_after(&self, what: &[&str], sent: usize) -> anyhow::Result<()> {
        let mut replay = self.tool.follow(&self.arguments(what))?;
        let mut told = 0;
        while told < sent {
            told += usize::from(replay.next().await?["outcome"] == "sent");
        }
        replay.kill().await
    }

    /// A new file for the state of a replay.
    fn state(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    async fn set_skew(&self) -> anyhow::Result<()> {
        let patch = json!({"spec": {"verification": {"skewSeconds": SKEW}}}).to_string();
        self.kubectl.run(["-n", CONSUMER, "patch", "inbox", CONSUMER, "--type=merge", "-p", &patch]).await?;
        let generation = self.generation("{.metadata.generation}").await?;
        let deadline = Instant::now() + PATIENCE;
        while self.generation("{.status.observedGeneration}").await? < generation {
            ensure!(Instant::now() < deadline, "the operator did not see the new skew");
            sleep(Duration::from_millis(500)).await;
        }
        Ok(())
    }

    async fn generation(&self, path: &str) -> anyhow::Result<u64> {
        let path = format!("jsonpath={path}");
        let said = self.kubectl.run(["-n", CONSUMER, "get", "inbox", CONSUMER, "-o", &path]).await?;
        Ok(said.trim().parse().unwrap_or(0))
    }

    /// Waits until all events were delivered so often, and a little longer for what should not come.
    async fn delivered(&self, events: usize, times: u64) -> anyhow::Result<Vec<Handled>> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let handled = self.services.handled(CONSUMER, &self.trace.correlation_id).await?;
            let all: u64 = handled.iter().map(|one| one.deliveries).sum();
            if all >= times * events as u64 {
                break;
            }
            ensure!(
                Instant::now() < deadline,
                "{all} deliveries of {events} events, {times} each, within {PATIENCE:?}"
            );
            sleep(Duration::from_secs(1)).await;
        }
        sleep(Duration::from_secs(5)).await;
        self.services.handled(CONSUMER, &self.trace.correlation_id).await
    }

    /// Each event was delivered so often, and all but the first time as a replay.
    async fn each_was_handled(&self, events: usize, times: u64) -> anyhow::Result<()> {
        let handled = self.delivered(events, times).await?;
        ensure!(handled.len() == events, "{} events instead of {events}", handled.len());
        let wrong: Vec<&Handled> =
            handled.iter().filter(|one| (one.deliveries, one.replays) != (times, times - 1)).collect();
        ensure!(wrong.is_empty(), "{} of {events} not handled {times} times: {:?}", wrong.len(), wrong.first());
        Ok(())
    }
}

/// Publishes the events, waits the skew out, and replays them: killed in the middle, resumed, and once more.
///
/// # Errors
/// When a promise is broken, with what was seen.
pub async fn run(ground: &Ground, events: usize, narrate: &dyn Fn(&str)) -> anyhow::Result<()> {
    ground.set_skew().await?;
    narrate(&format!("the skew of inbox {CONSUMER} is {SKEW} s"));
    let from = jiff::Timestamp::now();
    stream::iter(0..events)
        .map(|at| async move {
            let payment = format!("p-{}-{at}", ground.trace.correlation_id);
            ground.services.payment(&payment, "initiated", &ground.trace).await
        })
        .buffer_unordered(AT_ONCE)
        .try_for_each(async |_| Ok(()))
        .await?;
    let (to, published) = (jiff::Timestamp::now(), Instant::now());
    narrate(&format!("{events} events are published"));
    ground.each_was_handled(events, 1).await?;
    narrate("each was handled once");
    tokio::time::sleep_until(published + Duration::from_secs(SKEW + 10)).await;
    narrate("the skew is waited out");

    let (from, to) = (from.to_string(), to.to_string());
    let inbox = format!("{CONSUMER}/{CONSUMER}");
    let what = ["--bus", BUS, "--from", &from, "--to", &to, "--source", "qsl.payment", "--to-inbox", &inbox];
    let (state, second) = (ground.state("first.json"), ground.state("second.json"));
    let first = [&what[..], &["--state", &state]].concat();
    ground.killed_after(&first, events / 2).await?;
    narrate(&format!("a replay was killed after {} events", events / 2));
    let summary = ground.replayed(&["--resume", &state]).await?;
    narrate(&format!("it was resumed: {summary}"));
    ensure!(summary["complete"] == true && summary["sent"] == events, "{summary}");
    ground.each_was_handled(events, 2).await?;
    narrate("each was handled once more, and marked");
    let summary = ground.replayed(&[&what[..], &["--state", &second]].concat()).await?;
    ensure!(summary["sent"] == events, "{summary}");
    ground.each_was_handled(events, 3).await?;
    narrate("and again by a second replay");
    std::fs::remove_dir_all(&ground.folder)?;
    Ok(())
}
