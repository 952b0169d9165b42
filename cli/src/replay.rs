//! `kubectl-qsl replay`: events of the journal, sent to inboxes again, for their handlers to handle once more.
//!
//! In: a bus, a span of time, and the service account to act as. Out: each event in the inboxes that are meant, body for
//! body as it was journalled, with a grant of its own. [`selection`] says which events are meant, [`routes`] which inboxes
//! get one, [`judge`] whether an inbox takes it, [`progress`] how far a replay is: these are pure. [`run`] goes through
//! the journal over the [`ports`], [`state_file`] keeps the progress, [`ground`] finds rules and inboxes, [`command`] is
//! the subcommand, [`report`] what it prints.

mod command;
mod ground;
mod judge;
mod ports;
mod progress;
mod report;
mod routes;
mod run;
mod selection;
mod state_file;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::process::ExitCode;

use eventing::time::Millis;
use eventing::types::{BusId, DetailType, Source};

use crate::access::AccessArgs;
use crate::access::account::Named;
use crate::cluster;
use crate::failure::Failure;
use crate::out::Output;
use crate::resend::pace::rate;
use crate::when::when;

/// Each event is sent to the inboxes that --to-inbox names, or else to those that the bus's rules send such an event to
/// now, and is handled there once more: the handler sees QSL-Replay: true. It is verified as if it had just entered the
/// queue at the time that the journal recorded, by this program and by the signature service, which then grants that it is
/// sent. What does not verify any more, as where its key was revoked, is listed and not sent.
///
/// How far a replay is stands in a file (--state). One that ended early (Ctrl-C, something away) is gone on with by
/// --resume, which sends nothing twice: of a sending that had no answer it repeats the same grant, and inboxes drop the
/// copy. Only where the inbox's skew has passed since, that grant holds no more, and this one event may come twice. A
/// second replay is another one: its events are handled again.
///
/// Acts as a service account (--as), by default qsl-tools of the release's namespace, with its short-lived tokens. You need:
/// create on serviceaccounts/token of that account; list on eventrules; get on the inboxqueues, on ConfigMap qsl-eventing
/// of their namespaces and on ConfigMap qsl-root of the release's; what kubectl port-forward needs there for
/// service/qsl-journal and, but for a dry run, service/qsl-signature-service. The account needs: get on eventjournals; to
/// be qsl-tools or one of each inbox's redriveServiceAccounts; the verb replay on each inboxqueue.
///
/// Exit code 0 when all were sent; 3 when some were not; 2 when the call is wrong; 1 when it ended early.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    what: What,
    /// Go on with the replay whose state is in this file, with what it was told.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["what", "state", "dry_run"])]
    resume: Option<PathBuf>,
    /// Where it is written down how far this replay is: a new file; replay-ID.json when absent.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// At most so many a second.
    #[arg(long, value_name = "COUNT", default_value_t = 10.0, value_parser = rate)]
    rate: f64,
    /// Say what would become of each, and send nothing.
    #[arg(long)]
    dry_run: bool,
    /// How it is told: columns at the end, or a line of JSON for each event and inbox as it goes, and one at the end.
    #[arg(short, long, value_enum, default_value = "table")]
    output: Output,
    #[command(flatten)]
    access: AccessArgs,
}

/// What is replayed, and where.
#[derive(clap::Args, Debug)]
#[group(id = "what", multiple = true)]
struct What {
    /// The EventBus whose events are meant: NAMESPACE/NAME.
    #[arg(long, value_name = "NAMESPACE/NAME", required_unless_present = "resume")]
    bus: Option<BusId>,
    /// Signed then or later: a time (RFC 3339), or how long ago (90m, 2days).
    #[arg(long, value_name = "TIME", value_parser = when, required_unless_present = "resume")]
    from: Option<Millis>,
    /// Signed before then; before now when absent.
    #[arg(long, value_name = "TIME", value_parser = when)]
    to: Option<Millis>,
    /// Of this detail-type alone; may be given more than once.
    #[arg(long, value_name = "DETAIL-TYPE")]
    detail_type: Vec<DetailType>,
    /// Of this source alone; may be given more than once.
    #[arg(long, value_name = "SOURCE")]
    source: Vec<Source>,
    /// To this InboxQueue (NAME or NAMESPACE/NAME), whatever the rules say now; may be given more than once.
    #[arg(long, value_name = "INBOX")]
    to_inbox: Vec<Named>,
    /// The message group, at a FIFO inbox, of what no rule gives one.
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
}

/// Does what was asked for.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    cluster::run(command::replay(args))
}
