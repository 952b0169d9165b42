//! One measured run: an operator from its start until all objects are ready, and through a resync.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use bench_figures::process;
use crds::{EventBus, EventRule, Eventing, InboxQueue};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use serde_json::json;

use crate::{
    api_server::{self, Requests},
    child::{self, Asked},
    objects, readiness,
};

/// Time between two looks at an object: the first falls well after the last object is ready.
const RESYNC: Duration = Duration::from_mins(3);

/// What is run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Course {
    /// So many inboxes and as many rules.
    pub objects: usize,
    /// Milliseconds that every AWS call takes.
    pub latency: u64,
    /// Of a thousand calls, so many are throttled.
    pub throttled: u16,
    /// Whether the product's call budgets are kept.
    pub budgets: bool,
    /// Whether a resync is measured too.
    pub resync: bool,
}

/// What it came to.
#[derive(Debug)]
pub struct Outcome {
    pub objects: usize,
    pub until_ready: Duration,
    pub asked: Asked,
    pub inbox_writes: u64,
    pub rule_writes: u64,
    pub spec_writes: u64,
    pub events: u64,
    pub resident: u64,
    pub cpu_seconds: f64,
    pub resync: Option<Resync>,
}

/// What one look at every object came to.
#[derive(Debug)]
pub struct Resync {
    pub queue_reads: u64,
    pub role_reads: u64,
    pub bus_and_rule_reads: u64,
    pub aws_writes: u64,
    pub api_writes: u64,
}

impl Course {
    /// Runs it on an API server on which nothing of ours is.
    pub async fn run(self, kubeconfig: &Path) -> Result<Outcome> {
        let client = child::client(kubeconfig).await?;
        objects::prepare(&client).await?;
        let mut operator = Operator::start(kubeconfig, self)?;
        let before = api_server::requests(&client).await?;
        let start = Instant::now();
        tokio::try_join!(
            objects::make(&client, self.objects),
            readiness::all_ready(objects::api::<EventBus>(&client), objects::buses(self.objects)),
            readiness::all_ready(objects::api::<InboxQueue>(&client), self.objects),
            readiness::all_ready(objects::api::<EventRule>(&client), self.objects),
        )?;
        let until_ready = start.elapsed();
        // Passes that were woken by the last status.
        tokio::time::sleep(Duration::from_secs(5)).await;
        let (asked, requests) = (operator.asked()?, api_server::requests(&client).await?);
        let usage = process::usage(operator.child.id())?;
        let resync = if self.resync {
            ensure!(until_ready < RESYNC / 2, "{until_ready:?} until all were ready is too long for one resync of all");
            // The first look at an object comes after at most 1.1 of this, the second after at least 1.8.
            tokio::time::sleep_until((start + until_ready + RESYNC.mul_f64(1.15)).into()).await;
            Some(Resync::between(&asked, &operator.asked()?, &requests, &api_server::requests(&client).await?))
        } else {
            None
        };
        operator.stop()?;
        let spec_writes = spec_writes::<EventBus>(&client).await?
            + spec_writes::<InboxQueue>(&client).await?
            + spec_writes::<EventRule>(&client).await?;
        clear(&client).await?;
        let writes = |resource| requests.operator_writes(resource) - before.operator_writes(resource);
        Ok(Outcome {
            objects: self.objects,
            until_ready,
            inbox_writes: writes("inboxqueues"),
            rule_writes: writes("eventrules"),
            spec_writes,
            events: requests.events() - before.events(),
            resident: usage.resident,
            cpu_seconds: usage.cpu_seconds,
            asked,
            resync,
        })
    }
}

impl Resync {
    fn between(before: &Asked, after: &Asked, requests_before: &Requests, requests: &Requests) -> Self {
        let api = |requests: &Requests| {
            ["eventbuses", "eventrules", "inboxqueues"]
                .map(|resource| requests.operator_writes(resource))
                .iter()
                .sum::<u64>()
        };
        Self {
            queue_reads: after.sqs - before.sqs,
            role_reads: after.iam - before.iam,
            bus_and_rule_reads: after.event_bridge - before.event_bridge,
            aws_writes: after.writes - before.writes,
            api_writes: api(requests) - api(requests_before),
        }
    }
}

/// The child process.
struct Operator {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Operator {
    fn start(kubeconfig: &Path, course: Course) -> Result<Self> {
        // Where no resync is measured, none comes in between.
        let resync = if course.resync { RESYNC } else { Duration::from_hours(12) };
        let mut command = Command::new(std::env::current_exe()?);
        if course.budgets {
            command.arg("operate").arg("--budgets");
        } else {
            command.arg("operate");
        }
        let mut child = command
            .arg("--kubeconfig")
            .arg(kubeconfig)
            .args(["--latency", &course.latency.to_string(), "--throttled", &course.throttled.to_string()])
            .args(["--resync", &resync.as_secs().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let questions = child.stdin.take().context("its input")?;
        let answers = BufReader::new(child.stdout.take().context("its output")?);
        let mut operator = Self { child, questions, answers };
        ensure!(operator.line()? == "ready", "the operator did not start");
        Ok(operator)
    }

    fn asked(&mut self) -> Result<Asked> {
        self.questions.write_all(b"\n")?;
        Ok(serde_json::from_str(&self.line()?)?)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Ok(line.trim().to_owned())
    }

    fn stop(self) -> Result<()> {
        let Self { mut child, questions, answers: _ } = self;
        drop(questions);
        let ended = child.wait()?;
        ensure!(ended.success(), "the operator ended with {ended}");
        Ok(())
    }
}

/// How often the specs of a kind were written to after they were made: the API server counts that as generations.
async fn spec_writes<K: Eventing>(client: &Client) -> Result<u64> {
    let objects = objects::api::<K>(client).list_metadata(&ListParams::default()).await?;
    let written = |generation: i64| u64::try_from(generation - 1);
    objects.iter().map(|object| Ok(written(object.metadata.generation.context("no generation")?)?)).sum()
}

/// Removes the objects without an operator; nothing of them is anywhere else.
async fn clear(client: &Client) -> Result<()> {
    clear_kind::<EventRule>(client).await?;
    clear_kind::<InboxQueue>(client).await?;
    clear_kind::<EventBus>(client).await
}

async fn clear_kind<K: Eventing>(client: &Client) -> Result<()> {
    let api: Api<K> = objects::api(client);
    let names: Vec<String> =
        api.list(&ListParams::default()).await?.items.iter().map(kube::ResourceExt::name_any).collect();
    let gone = |name: String| {
        let api = &api;
        async move {
            let patch = json!({"metadata": {"finalizers": null}});
            api.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await?;
            api.delete(&name, &DeleteParams::default()).await?;
            anyhow::Ok(())
        }
    };
    stream::iter(names).map(gone).buffer_unordered(16).try_collect().await
}
