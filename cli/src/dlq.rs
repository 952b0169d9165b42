//! `kubectl-qsl dlq`: an inbox's dead letters, looked at, brought back, dropped.
//!
//! In: an InboxQueue, and the service account to act as. Out: its dead letters, whoever wrote them and in whichever of its
//! queues. [`letter`] reads one, [`filter`] says whether it is meant, [`judge`] what becomes of it: these are pure.
//! [`inbox`] finds the queues, [`scan`] walks through them, [`redrive`] moves one letter over the [`ports`], which
//! [`sqs`] stands behind, as replay moves an event ([`crate::resend`]), [`run`] all that are meant; [`commands`] are the four subcommands,
//! [`show`] what they print.

mod commands;
#[cfg(test)]
mod fake;
mod filter;
mod inbox;
mod judge;
mod letter;
mod ports;
mod redrive;
mod run;
#[cfg(test)]
mod samples;
mod scan;
mod show;
mod sqs;
#[cfg(test)]
mod tests;

use std::process::ExitCode;

use crate::access::AccessArgs;
use crate::access::account::Named;
use crate::cluster;
use crate::failure::Failure;
use crate::out::Output;
use crate::resend::pace::rate;
use filter::Filter;

/// Acts as a service account (--as), by default qsl-tools of the release's namespace, with its short-lived tokens.
///
/// You need: create on serviceaccounts/token of that account; get on the inboxqueue, on ConfigMap qsl-eventing of its
/// namespace and on ConfigMap qsl-root of the release's; for redrive, what kubectl port-forward
/// service/qsl-signature-service needs there; for a FIFO inbox, list on eventrules. The account needs: to be qsl-tools or
/// one of the inbox's redriveServiceAccounts; for redrive, the verb redrive (for what was a replay: replay) on the
/// inboxqueue.
///
/// What is received from a dead-letter queue is hidden from everybody for a while, half a minute for a look, a minute and a
/// half for work: a second look within that time may not find what the first one saw.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// Show dead letters, and which of them redrive would bring back.
    List(ListArgs),
    /// Show one dead letter whole.
    Show(ShowArgs),
    /// Verify dead letters again and send the good ones back to the inbox.
    Redrive(RedriveArgs),
    /// Delete dead letters for good.
    Drop(DropArgs),
}

/// What all of them are told.
#[derive(clap::Args, Debug)]
struct Of {
    /// The InboxQueue.
    #[arg(value_name = "INBOX")]
    inbox: Named,
    /// The namespace of the InboxQueue; the context's own when absent. NAMESPACE/NAME says it too.
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    #[command(flatten)]
    access: AccessArgs,
}

/// Exit code 0; 2 when the call is wrong; 1 when something is away or refuses.
#[derive(clap::Args, Debug)]
struct ListArgs {
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    filter: Filter,
    /// Show at most so many.
    #[arg(long, value_name = "COUNT", default_value_t = 500)]
    limit: usize,
    /// How they are printed: columns, or a line of JSON for each.
    #[arg(short, long, value_enum, default_value = "table")]
    output: Output,
}

/// Exit code 0; 2 when it is not there, or as for list.
#[derive(clap::Args, Debug)]
struct ShowArgs {
    #[command(flatten)]
    of: Of,
    /// The message's id: column ID of list.
    #[arg(value_name = "ID")]
    id: String,
    /// Print the body alone, byte for byte.
    #[arg(long)]
    body: bool,
}

/// Each event is verified as if it had entered the queue at its own time, by this program and by the signature service,
/// which then grants that it is sent again. What does not verify stays. A line of JSON tells of each letter.
///
/// A run that ends early (Ctrl-C, something away) loses nothing: the next one goes on with what is left. A letter that was
/// sent and could not be deleted is sent once more then; consumers drop the copy by its event key.
///
/// Exit code 0 when all that were meant went back; 3 when some stayed; 2 when the call is wrong; 1 when it ended
/// early.
#[derive(clap::Args, Debug)]
struct RedriveArgs {
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    filter: Filter,
    /// Take an event that came too late (TIMESTAMP_SKEW) at the time it was signed. Whoever says so vouches for that time,
    /// and the audit shows it: it is asked for, unless --yes is given.
    #[arg(long)]
    accept_late: bool,
    /// The message group for what has none: an event that EventBridge could not deliver to a FIFO inbox, by a rule that is
    /// gone.
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
    /// At most so many a second.
    #[arg(long, value_name = "COUNT", default_value_t = 10.0, value_parser = rate)]
    rate: f64,
    /// Stop after so many were sent.
    #[arg(long, value_name = "COUNT")]
    limit: Option<usize>,
    /// Say what would become of each, and send nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
}

/// They are gone for good: it is asked for, unless --yes is given. Without any of --code, --since, --until, --correlation
/// and --id, all of them are meant.
///
/// Exit code 0; 2 when the call is wrong; 1 when it ended early.
#[derive(clap::Args, Debug)]
struct DropArgs {
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    filter: Filter,
    /// Say which would be deleted, and delete nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
}

/// Does what was asked for.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    cluster::run(async {
        match &args.command {
            Command::List(args) => commands::list(args).await,
            Command::Show(args) => commands::show(args).await,
            Command::Redrive(args) => Box::pin(commands::redrive(args)).await,
            Command::Drop(args) => commands::drop(args).await,
        }
    })
}
