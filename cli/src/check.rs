//! `kubectl-qsl check`: what keeps an installation from working, before it is made and after, and what would mend it.
//!
//! In: what the API server knows; nothing is asked of AWS but the time. Out: a line for each thing that is well and for
//! each that is not, or JSON. Rooms: [`ground`] and [`before`] look at what an installation stands on, [`release`] and
//! [`webhook`] at its own parts, [`objects`], [`accounts`] and [`findings`] at what users made; [`report`] is what is said.

mod accounts;
mod before;
mod findings;
mod ground;
mod objects;
mod release;
mod report;
mod webhook;

use std::fmt::Debug;
use std::process::ExitCode;

use crds::{EventBus, EventRule, Eventing, InboxQueue, SigningKey};
use eventing::time::Millis;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, ServiceAccount};
use k8s_openapi::api::events::v1::Event;
use kube::Resource;
use serde::de::DeserializeOwned;

use crate::cluster::{self, Scope, ScopeArgs};
use crate::failure::Failure;
use crate::out::{self, Output};
use before::Wanted;
use findings::{WAITING, Workload, misplaced, missed, waiting};
use release::Release;
use report::{Finding, Report, Verdict};

/// Looks for what keeps events from flowing, and says what would mend it.
///
/// After an installation: Kubernetes' version and the clocks; the definitions, programs, leader, version and webhooks of
/// the release; and in the namespaces that are looked at the objects' conditions, keys and signed documents, roles on
/// service accounts, annotations that are where they do nothing, and pods whose sidecar is missing or waits. With --pre,
/// before one: Kubernetes' version, the clocks, your rights, and what the values need.
///
/// What you may not look at is said and is no failure: for the namespaces, the ClusterRole view is enough. Exit code 0 when
/// nothing failed; 3 when something did; 2 when the call is wrong; 1 when something is away.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    scope: ScopeArgs,
    /// The namespace that the chart is installed in, or is to be.
    #[arg(long, value_name = "NAMESPACE", env = "QSL_RELEASE_NAMESPACE", default_value = "qsl-system")]
    release_namespace: String,
    /// Whether the chart can be installed.
    #[arg(long)]
    pre: bool,
    /// What values of the chart, or autoscaled inboxes, will need; may be given more than once.
    #[arg(long, value_enum, value_name = "WHAT", requires = "pre")]
    with: Vec<Wanted>,
    /// How it is written; as JSON it is an object of lists: passed, notLookedAt, noted, found.
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
}

/// Looks, and says what it found.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let report = cluster::run(look(args))?;
    match args.output {
        Output::Json => {
            out::print(&serde_json::to_string_pretty(&report).map_err(|error| Failure::of("write")(error.into()))?)?;
        }
        Output::Table => out::print(&report.told(Millis::now()).trim_end())?,
    }
    Ok(if report.found.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(3) })
}

async fn look(args: &Args) -> Result<Report, Failure> {
    let scope = args.scope.connect().await?;
    let (client, release, mut report) = (scope.client(), args.release_namespace.as_str(), Report::default());
    report.take("kubernetes", ground::kubernetes(client).await)?;
    report.take("clock", ground::clock(client).await)?;
    report.take("clock-of-aws", ground::clock_of_aws().await)?;
    if args.pre {
        report.take("permissions", before::permissions(client, release).await)?;
        report.take("other-release", before::other_release(client, release).await)?;
        for wanted in &args.with {
            report.take("wanted", before::wanted(client, *wanted).await)?;
        }
        return Ok(report);
    }
    report.take("definitions", release::definitions(client).await)?;
    let of = Release { client, namespace: release };
    report.take("programs", of.workloads().await)?;
    report.take("version", of.version().await)?;
    report.take("leader", of.leader().await)?;
    report.take("webhooks", webhook::configured(client, release).await)?;
    let asked = scope.namespace.as_deref().filter(|name| ![release, "kube-system"].contains(name)).unwrap_or("default");
    report.take("injector", webhook::answers(client, asked).await)?;
    in_namespaces(&scope, &mut report).await?;
    Ok(report)
}

/// What users made, in the namespaces that are looked at.
async fn in_namespaces(scope: &Scope, report: &mut Report) -> Result<(), Failure> {
    let pods: Vec<Pod> = scope.all("").await?;
    let mut sidecars = workloads::<Deployment>(scope).await?;
    sidecars.extend(workloads::<StatefulSet>(scope).await?);
    sidecars.extend(workloads::<DaemonSet>(scope).await?);
    sidecars.extend(workloads::<Job>(scope).await?);
    sidecars.extend(workloads::<CronJob>(scope).await?);
    sidecars.extend(pods.iter().filter_map(missed));
    let events: Vec<Event> = scope.all(&format!("reason={WAITING}")).await?;
    sidecars.extend(waiting(&pods, &events));
    report.take("sidecars", Ok(Verdict::of(sidecars, "who asked for one has it")))?;

    // The objects of kinds that are not there cannot be listed, and it was said that they are not.
    if report.found.iter().any(|found| ["DefinitionMissing", "DefinitionNotServed"].contains(&found.reason)) {
        let why = Verdict::Unseen("the definitions of our kinds are not there".to_owned());
        return report.take("objects", Ok(why));
    }
    let (buses, inboxes): (Vec<EventBus>, Vec<InboxQueue>) = (scope.all("").await?, scope.all("").await?);
    let (rules, keys): (Vec<EventRule>, Vec<SigningKey>) = (scope.all("").await?, scope.all("").await?);
    let now = Millis::now();
    let troubles = [of_kind(&buses), of_kind(&rules), of_kind(&inboxes), of_kind(&keys)].concat();
    let looked_at = buses.len() + rules.len() + inboxes.len() + keys.len();
    report.take("objects", Ok(Verdict::of(troubles, format!("{looked_at} objects of ours are Ready"))))?;
    let late = keys.iter().filter_map(|key| objects::keys(key, now)).collect();
    report.take("keys", Ok(Verdict::of(late, "a key of each SigningKey signs, and none is late")))?;
    let maps: Vec<ConfigMap> = scope.all("metadata.name=qsl-eventing").await?;
    let documents = maps.iter().flat_map(|map| objects::documents(map, now)).collect();
    report.take("documents", Ok(Verdict::of(documents, "what the operator signed is renewed in time")))?;
    let accounts: Vec<ServiceAccount> = scope.all("").await?;
    let (wrong, noted) = accounts::annotated(&accounts, &pods, &buses, &inboxes);
    report.noted.extend(noted);
    report.take("service-accounts", Ok(Verdict::of(wrong, "none gives an application the role of a sidecar")))
}

fn of_kind<K: Eventing>(objects: &[K]) -> Vec<Finding> {
    objects.iter().flat_map(objects::troubles).collect()
}

/// Those that have the annotation where it does nothing.
async fn workloads<K>(scope: &Scope) -> Result<Vec<Finding>, Failure>
where
    K: Workload + Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    Ok(scope.all::<K>("").await?.iter().filter_map(misplaced).collect())
}
