//! `kubectl-qsl keys`: which keys sign, which still verify, and when the next one takes over.
//!
//! In: the SigningKeys of a namespace or of all. Out: a table with a line for each key, or JSON; [`table`] has its rows.

mod table;

use std::process::ExitCode;

use crds::signing_key::KeyStatus;
use crds::{SigningKey, conditions};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::ListParams;
use kube::{Resource as _, ResourceExt as _};
use serde::Serialize;

use crate::cluster::{self, Scope, ScopeArgs, failed};
use crate::failure::Failure;
use crate::out::{self, Output};

/// Shows the keys of SigningKeys: what signs, what is accepted, and the next rotation.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    scope: ScopeArgs,
    /// How it is written; as JSON it is a list of SigningKeys with their keys.
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
    /// Only the SigningKey of this name.
    #[arg(value_name = "SIGNINGKEY")]
    name: Option<String>,
}

/// A SigningKey, as far as its keys go.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    namespace: String,
    name: String,
    bus: String,
    sources: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    active_kid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_rotation_time: Option<Timestamp>,
    /// Whether the operator has seen the present spec: what is below may be of an older one otherwise.
    up_to_date: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ready: Option<Condition>,
    keys: Vec<KeyStatus>,
}

impl From<SigningKey> for Shown {
    fn from(object: SigningKey) -> Self {
        let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
        let generation = object.metadata.generation;
        let SigningKey { spec, status, .. } = object;
        let status = status.unwrap_or_default();
        Self {
            namespace,
            name,
            bus: spec.bus_ref.name,
            sources: spec.sources,
            active_kid: status.active_kid,
            next_rotation_time: status.next_rotation_time.map(|time| time.0),
            up_to_date: status.observed_generation == generation,
            ready: conditions::get(&status.conditions, conditions::READY).cloned(),
            keys: status.keys,
        }
    }
}

/// Asks, and writes the answer.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let keys = cluster::run(read(args))?;
    match args.output {
        Output::Json => {
            out::print(&serde_json::to_string_pretty(&keys).map_err(|error| Failure::of("write")(error.into()))?)?;
        }
        Output::Table if keys.is_empty() => {
            out::print(&"There are no SigningKeys here; -A looks into all namespaces.")?;
        }
        Output::Table => table::of(&keys, Timestamp::now()).print()?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn read(args: &Args) -> Result<Vec<Shown>, Failure> {
    let scope = args.scope.connect().await?;
    let named = args.name.as_ref().map(|name| format!("metadata.name={name}"));
    let params = ListParams { field_selector: named, ..ListParams::default() };
    let list = scope.api::<SigningKey>().list(&params).await.map_err(|error| not_listed(&scope, error))?;
    match &args.name {
        Some(name) if list.items.is_empty() => {
            let place = scope.namespace.as_deref().unwrap_or("any namespace");
            Err(Failure::Usage(format!("there is no SigningKey {name} in {place}; -A looks into all namespaces")))
        }
        _ => Ok(list.items.into_iter().map(Shown::from).collect()),
    }
}

fn not_listed(scope: &Scope, error: kube::Error) -> Failure {
    let doing = format!("list {}.{} in {}", SigningKey::plural(&()), SigningKey::group(&()), scope.place());
    match error {
        kube::Error::Api(status) if status.code == 403 => {
            let why = format!("{}; whoever has the ClusterRole view there may read them", status.message);
            Failure::Remote { doing, why }
        }
        other => failed(doing)(other),
    }
}
