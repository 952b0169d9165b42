//! `kubectl-qsl status`: the whole flow as a tree, from buses through rules to inboxes and the pods behind them.
//!
//! In: the four kinds' objects and the pods of a namespace or of all; nothing is asked of AWS: depths are what the operator
//! last counted. Out: a tree, or JSON; [`tree`] puts it together, [`shown`] says how it reads: both are pure.

mod shown;
mod tree;

use std::fmt::Debug;
use std::io::IsTerminal as _;
use std::process::ExitCode;

use crds::{EventBus, EventRule, InboxQueue, SigningKey};
use eventing::time::Millis;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;

use crate::cluster::{self, ScopeArgs};
use crate::failure::Failure;
use crate::out::{self, Output, tell};
use tree::{Objects, Tree};

/// Shows each EventBus with its keys and rules, the InboxQueues that the rules feed, with what waits in them and in their
/// dead-letter queues as the operator last counted it, and the pods that consume them. What is not well is marked, and says
/// why.
///
/// You need list on the four kinds and on pods. An inbox of a namespace that is not looked at is named alone (-A looks at
/// all).
///
/// Exit code 0 when all is well; 3 when something is not; 2 when the call is wrong; 1 when something is away.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    scope: ScopeArgs,
    /// How it is written: a tree, or JSON of the same.
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
}

/// Looks, and shows it.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let tree = cluster::run(look(args))?;
    match args.output {
        Output::Json => {
            out::print(&serde_json::to_string_pretty(&tree).map_err(|error| Failure::of("write")(error.into()))?)?;
        }
        Output::Table if tree.is_empty() => tell("There are no EventBuses and no InboxQueues here (-A: everywhere).")?,
        Output::Table => out::print(&shown::lines(&tree, std::io::stdout().is_terminal()).trim_end())?,
    }
    Ok(if tree.is_well() { ExitCode::SUCCESS } else { ExitCode::from(3) })
}

async fn look(args: &Args) -> Result<Tree, Failure> {
    let scope = args.scope.connect().await?;
    let objects = Objects {
        buses: scope.all::<EventBus>("").await?,
        keys: scope.all::<SigningKey>("").await?,
        rules: scope.all::<EventRule>("").await?,
        inboxes: scope.all::<InboxQueue>("").await?,
        pods: scope.all::<Pod>("").await?,
    };
    let now = Timestamp::from_millisecond(Millis::now().0).unwrap_or_default();
    Ok(tree::grow(&objects, now))
}
