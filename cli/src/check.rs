//! `kubectl-qsl check`: who asked for a sidecar and has none, and whose sidecar waits, and for what.
//!
//! In: the workloads and pods of a namespace or of all, and the Events of the operator about them. Out: a line for each
//! finding, or JSON; [`findings`] decides, and is pure.

mod findings;

use std::fmt::Debug;
use std::process::ExitCode;

use eventing::time::Millis;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::events::v1::Event;
use kube::Resource;
use serde::de::DeserializeOwned;

use crate::cluster::{self, Scope, ScopeArgs};
use crate::failure::Failure;
use crate::out::{self, Output, tell};
use crate::table::{Table, span};
use findings::{Finding, WAITING, Workload, misplaced, missed, waiting};

/// Finds who asked for a sidecar and has none: by an annotation on a Deployment (StatefulSet, DaemonSet, Job, CronJob) where
/// its pod template should have it, or by a pod that the injector did not see. And whose sidecar waits, and for what: as
/// the operator last said it, in an Event.
///
/// You need list on these kinds and on events.events.k8s.io. Exit code 0 when nothing was found; 3 when something was.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    scope: ScopeArgs,
    /// How it is written; as JSON it is a list of findings.
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
}

/// Looks, and says what it found.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let found = cluster::run(find(args))?;
    match args.output {
        Output::Json => {
            out::print(&serde_json::to_string_pretty(&found).map_err(|error| Failure::of("write")(error.into()))?)?;
        }
        Output::Table if found.is_empty() => tell("Nothing was found: who asked for a sidecar has one.")?,
        Output::Table => table(&found, Millis::now()).print()?,
    }
    Ok(if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(3) })
}

async fn find(args: &Args) -> Result<Vec<Finding>, Failure> {
    let scope = args.scope.connect().await?;
    let mut found = workloads::<Deployment>(&scope).await?;
    found.extend(workloads::<StatefulSet>(&scope).await?);
    found.extend(workloads::<DaemonSet>(&scope).await?);
    found.extend(workloads::<Job>(&scope).await?);
    found.extend(workloads::<CronJob>(&scope).await?);
    let pods: Vec<Pod> = scope.all("").await?;
    found.extend(pods.iter().filter_map(missed));
    let events: Vec<Event> = scope.all(&format!("reason={WAITING}")).await?;
    found.extend(waiting(&pods, &events));
    Ok(found)
}

/// Those that have the annotation where it does nothing.
async fn workloads<K>(scope: &Scope) -> Result<Vec<Finding>, Failure>
where
    K: Workload + Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    Ok(scope.all::<K>("").await?.iter().filter_map(misplaced).collect())
}

fn table(found: &[Finding], now: Millis) -> Table<4> {
    let mut table = Table::new(["NAMESPACE", "OBJECT", "REASON", "WHAT IS SO"]);
    for Finding { namespace, object, reason, note, at } in found {
        let ago = at.map_or_else(String::new, |at| format!(" (said {} ago)", span(now.distance(at) / 1_000)));
        table.row([namespace.clone(), object.clone(), (*reason).to_owned(), format!("{note}{ago}")]);
    }
    table
}
