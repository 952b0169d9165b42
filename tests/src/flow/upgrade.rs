//! What a platform team does with a release while events flow: it is upgraded to this checkout's chart, its services take
//! their new sidecars, its own test passes, it is not let go while it has objects, and then goes with all of AWS kept, and
//! comes back.

use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use eventing::time::Micros;
use tokio::process::Command;

use super::book::Shared;
use super::plan::Release;
use crate::ground::{BUS, Ground};
use crate::scenario::Narrate;
use crate::wait::until;

/// How many events flow before each step.
const BEFORE: usize = 50;
const PATIENCE: Duration = Duration::from_mins(3);
/// For how long nobody is there to sign.
const GONE: Duration = Duration::from_secs(20);
const NAME: &str = "qsl-eventing";
const CHART: &str = concat!(env!("QSL_WORKSPACE"), "charts/qsl-eventing");
const VALUES: &str = concat!(env!("QSL_WORKSPACE"), "tests/demo/values.yaml");
/// The services, each in a namespace of its name.
const SERVICES: [&str; 5] = ["orchestration", "paymentgateway", "treasury", "compliance", "notification"];
/// Every object, with what keeps it from being deleted.
const FINALIZERS: [&str; 5] = [
    "get",
    "eventbuses,eventrules,inboxqueues,signingkeys",
    "--all-namespaces",
    "--output",
    "jsonpath={range .items[*]}{.kind} {.metadata.namespace}/{.metadata.name}={.metadata.finalizers}{\"\\n\"}{end}",
];

/// Takes all the steps, and notes when each was done.
///
/// # Errors
/// When one fails.
pub(super) async fn play(
    ground: &Ground,
    book: &Shared,
    release: &Release,
    narrate: Narrate<'_>,
) -> anyhow::Result<()> {
    let steps = Steps { ground, book, release, narrate };
    steps.events_flow().await?;
    steps.install().await?;
    steps.done("1. upgraded");
    steps.events_flow().await?;
    for service in SERVICES {
        let deployment = format!("deployment/{service}");
        ground.kubectl.run(["-n", service, "rollout", "restart", &deployment]).await?;
        ground.kubectl.run(["-n", service, "rollout", "status", &deployment, "--timeout=180s"]).await?;
    }
    steps.helm(&["test", NAME, "--timeout", "4m"]).await?;
    steps.done("2. restarted");
    steps.events_flow().await?;
    let bring_back = steps.is_not_let_go().await?;
    steps.done("3. kept");
    steps.events_flow().await?;
    let bring_back: Vec<&str> = bring_back.split(' ').collect();
    steps.helm(&[&bring_back[..], &["--wait", "--timeout", "4m"]].concat()).await?;
    steps.helm(&["upgrade", NAME, CHART, "--reuse-values", "--set", "uninstall.keepAws=true", "--wait"]).await?;
    steps.helm(&["uninstall", NAME, "--wait", "--timeout", "4m"]).await?;
    let left = steps.objects().await?;
    ensure!(!left.is_empty() && left.iter().all(|object| object.ends_with('=')), "of the objects are left: {left:?}");
    steps.done("4. gone");
    tokio::time::sleep(GONE).await;
    steps.install().await?;
    until("finalizers of every object", PATIENCE, async || {
        Ok(steps.objects().await?.iter().all(|object| !object.ends_with('=')))
    })
    .await?;
    steps.events_flow().await?;
    steps.done("5. back");
    Ok(())
}

struct Steps<'a> {
    ground: &'a Ground,
    book: &'a Shared,
    release: &'a Release,
    narrate: Narrate<'a>,
}

impl Steps<'_> {
    fn done(&self, step: &str) {
        (self.narrate)(step);
        self.book.with(|book| book.steps.push((Micros::now(), step.to_owned())));
    }

    /// So many more are on the bus.
    async fn events_flow(&self) -> anyhow::Result<()> {
        let published =
            || self.book.with(|book| book.events.values().filter(|event| event.published.is_some()).count());
        let before = published();
        until("more events", PATIENCE, async || Ok(published() >= before + BEFORE)).await
    }

    /// This checkout's chart, and every object as its operator has it.
    async fn install(&self) -> anyhow::Result<()> {
        let aws = format!("aws.endpointUrl={}", self.release.aws);
        let values = ["--values", VALUES, "--set", &aws, "--wait", "--timeout", "4m"];
        self.helm(&[&["upgrade", "--install", NAME, CHART][..], &values].concat()).await?;
        for kind in ["eventbus", "signingkey", "inboxqueue", "eventrule"] {
            let ready = ["wait", kind, "--all", "-A", "--for=condition=Ready", "--timeout=180s"];
            self.ground.kubectl.run(ready).await?;
        }
        Ok(())
    }

    /// The uninstallation ends with the names of what would be left behind, and with what brings the release back: what
    /// comes after the word `helm`.
    async fn is_not_let_go(&self) -> anyhow::Result<String> {
        let output = self.ask_helm(&["uninstall", NAME, "--timeout", "4m"]).await?;
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(!output.status.success(), "a release with objects was uninstalled: {said}");
        let bus = format!("EventBus {}/{}", BUS.0, BUS.1);
        let named = [bus.as_str(), "SigningKey platform/payments", "InboxQueue treasury/treasury"];
        for object in named {
            ensure!(said.contains(object), "the refusal does not name {object}: {said}");
        }
        let bring_back = said.split_once("(helm ").and_then(|(_, rest)| rest.split_once(')'));
        Ok(bring_back.with_context(|| format!("the refusal names no way back: {said}"))?.0.to_owned())
    }

    /// A line for each object: what it is, `=`, its finalizers.
    async fn objects(&self) -> anyhow::Result<Vec<String>> {
        let said = self.ground.kubectl.run(FINALIZERS).await?;
        Ok(said.lines().map(|line| line.trim_end().to_owned()).collect())
    }

    async fn helm(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let output = self.ask_helm(arguments).await?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "helm {}: {}", arguments.join(" "), said.trim());
        Ok(())
    }

    async fn ask_helm(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        let mut helm = Command::new(&self.release.helm);
        helm.args(arguments).args(["--namespace", &self.ground.release]).envs(self.ground.kubectl.environment());
        let helm = helm.stdin(Stdio::null()).kill_on_drop(true);
        helm.output().await.with_context(|| format!("{}", self.release.helm.display()))
    }
}
