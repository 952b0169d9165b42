//! `kubectl-qsl keys`: which keys sign, which verify, and when the next one takes over.
//!
//! In: SigningKey objects, read as the kubeconfig's user. Out: a table, or JSON. [`report`] is what is said of each, and
//! decides whether its status can be relied on; private keys are nowhere near.

mod report;

use std::io::{self, Write as _};
use std::process::ExitCode;

use crds::SigningKey;
use jiff::Timestamp;
use kube::Api;
use kube::api::ListParams;
use serde_json::json;

use crate::cluster::{self, ClusterArgs};
use crate::failure::Failure;
use crate::table::Table;
use report::{HEADINGS, KeyReport};

/// A line for each key: its state (active: it signs; pending: published, signs later; accepted, retired: signs no more,
/// what it signed verifies; revoked: verifies nothing), since when and until when it signs, and when the next one takes
/// over. STATUS says where the object's status is out of date and why.
///
/// Needs: get and list on signingkeys.eventing.qsl.dev. Exit code 0; 2 when the call or your rights must be put right; 1
/// when the API server cannot be reached.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    cluster: ClusterArgs,
    /// The namespace; the context's own when absent.
    #[arg(short, long, value_name = "NAMESPACE", conflicts_with = "all_namespaces")]
    namespace: Option<String>,
    /// Every namespace.
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// How it is printed.
    #[arg(short, long, value_enum, default_value = "table")]
    output: Output,
}

/// How something is printed.
#[derive(clap::ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Columns for people.
    Table,
    /// One JSON object.
    Json,
}

/// Shows the keys.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let objects = cluster::run(list(args))?;
    let now = Timestamp::now();
    let reports: Vec<KeyReport> = objects.iter().map(|object| KeyReport::of(object, &objects, now)).collect();
    match args.output {
        Output::Json => {
            let items = json!({"items": reports});
            writeln!(io::stdout().lock(), "{items:#}").map_err(Failure::of("write"))?;
        }
        Output::Table if reports.is_empty() => tell_there_are_none(args)?,
        Output::Table => {
            let mut table = Table::new(HEADINGS);
            reports.iter().flat_map(|report| report.rows(now)).for_each(|row| table.row(row));
            table.print()?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(args: &Args) -> Result<Vec<SigningKey>, Failure> {
    let cluster = args.cluster.connect().await?;
    let namespace = args.namespace.as_deref().unwrap_or(&cluster.namespace);
    let (api, place): (Api<SigningKey>, _) = if args.all_namespaces {
        (Api::all(cluster.client), "of all namespaces".to_owned())
    } else {
        (Api::namespaced(cluster.client.clone(), namespace), format!("of namespace {namespace}"))
    };
    let mut found = api.list(&ListParams::default()).await.map_err(cluster::failed(format!("list SigningKeys {place}")))?.items;
    found.sort_by_cached_key(|key| (key.metadata.namespace.clone(), key.metadata.name.clone()));
    Ok(found)
}

fn tell_there_are_none(args: &Args) -> Result<(), Failure> {
    let hint = if args.all_namespaces { "" } else { " in this namespace; -A looks in all" };
    writeln!(io::stderr().lock(), "No SigningKeys{hint}.").map_err(Failure::of("write"))
}
