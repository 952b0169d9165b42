//! `kubectl-qsl keys`: which keys sign, which still verify, and when the next one takes over.
//!
//! In: the SigningKeys of a namespace or of all. Out: a table with a line for each key, or JSON; [`table`] draws it.

mod table;

use std::io::{self, Write as _};
use std::process::ExitCode;

use crds::SigningKey;
use crds::signing_key::KeyStatus;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};
use serde::Serialize;

use crate::cluster::Place;
use crate::failure::Failure;

/// Shows the keys of SigningKeys: what signs, what is accepted, and the next rotation.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    place: Place,
    /// How it is written.
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
    /// Only the SigningKey of this name.
    #[arg(value_name = "SIGNINGKEY")]
    name: Option<String>,
}

/// How an answer is written.
#[derive(clap::ValueEnum, Clone, Copy, Debug)]
enum Output {
    /// For people.
    Table,
    /// For programs: a list of SigningKeys with their keys.
    Json,
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
            ready: status.conditions.into_iter().find(|condition| condition.type_ == "Ready"),
            keys: status.keys,
        }
    }
}

/// Asks, and writes the answer.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let keys = runtime.map_err(Failure::of("start"))?.block_on(read(args))?;
    let text = match args.output {
        Output::Json => serde_json::to_string_pretty(&keys).map_err(|error| Failure::of("write")(error.into()))? + "\n",
        Output::Table => table::draw(&keys, Timestamp::now()),
    };
    io::stdout().write_all(text.as_bytes()).map_err(Failure::of("write"))?;
    Ok(ExitCode::SUCCESS)
}

async fn read(args: &Args) -> Result<Vec<Shown>, Failure> {
    let cluster = args.place.find().await?;
    let api: Api<SigningKey> = match &cluster.namespace {
        Some(namespace) => Api::namespaced(cluster.client.clone(), namespace),
        None => Api::all(cluster.client.clone()),
    };
    let named = args.name.as_ref().map(|name| format!("metadata.name={name}"));
    let params = ListParams { field_selector: named, ..ListParams::default() };
    let list = api.list(&params).await.map_err(|error| cluster.not_listed::<SigningKey>(&error))?;
    match &args.name {
        Some(name) if list.items.is_empty() => {
            let place = cluster.namespace.as_deref().unwrap_or("any namespace");
            Err(Failure::Usage(format!("there is no SigningKey {name} in {place}; -A looks into all namespaces")))
        }
        _ => Ok(list.items.into_iter().map(Shown::from).collect()),
    }
}
