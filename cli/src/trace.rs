//! `kubectl-qsl trace`: the story of a correlation, in the order in which its events were signed.
//!
//! In: a correlationId, and the service account to act as. Out: a line for each event and for each dead letter that
//! consumers told of, or JSON; [`story`] says how it reads.

mod story;

use std::process::ExitCode;

use eventing::types::CorrelationId;
use eventing_http::{ClientError, DeadLetterReport, Entry, JournalClient};
use serde_json::json;

use crate::access::configuration::Configuration;
use crate::access::{Access, AccessArgs};
use crate::cluster;
use crate::failure::Failure;
use crate::out::{self, Output, tell};

/// Events that the journal gives at once.
const PAGE: usize = 500;
/// Dead letters that are shown, the newest.
const DEAD_LETTERS: usize = 100;

/// Shows what the journal has of a correlation: its events by their signed time, who sent each, what it happened to, how
/// long after the one before, and the key that it verified with; and what consumers told of its dead letters.
///
/// Acts as a service account (--as), by default qsl-tools of the release's namespace, with its short-lived tokens. You need:
/// create on serviceaccounts/token of that account; get on ConfigMaps qsl-root and qsl-eventing of the release's namespace;
/// what kubectl port-forward needs there for service/qsl-journal. The account needs get on eventjournals.
///
/// Exit code 0; 3 when the journal knows no such correlation; 2 when the call is wrong; 1 when something is away.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The correlation.
    #[arg(value_name = "CORRELATION")]
    correlation: CorrelationId,
    /// Each event's payload too, as it was signed.
    #[arg(long)]
    payload: bool,
    /// At most so many events, the first.
    #[arg(long, value_name = "COUNT", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// How it is told: columns, or a line of JSON for each event ({"event": …}) and dead letter ({"deadLetter": …}).
    #[arg(short, long, value_enum, default_value = "table")]
    output: Output,
    #[command(flatten)]
    access: AccessArgs,
}

/// Does what was asked for.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    cluster::run(trace(args))
}

async fn trace(args: &Args) -> Result<ExitCode, Failure> {
    let access = args.access.connect().await?;
    let Story { events, dead_letters, more } = read(&access, args).await?;
    match args.output {
        Output::Table => out::print(&story::told(&events, &dead_letters, args.payload).trim_end())?,
        Output::Json => {
            for event in &events {
                out::print(&json!({ "event": event }))?;
            }
            for letter in &dead_letters {
                out::print(&json!({ "deadLetter": letter }))?;
            }
        }
    }
    if more {
        tell(&format!("There are more events: these are the first {} (--limit).", args.limit))?;
    }
    if dead_letters.len() == DEAD_LETTERS {
        tell(&format!(
            "Of the dead letters these are the newest {DEAD_LETTERS}; kubectl qsl dlq list shows an inbox's."
        ))?;
    }
    if events.is_empty() && dead_letters.is_empty() {
        tell(&format!("The journal knows nothing of correlation {}.", args.correlation))?;
        return Ok(ExitCode::from(3));
    }
    Ok(ExitCode::SUCCESS)
}

/// What the journal has.
struct Story {
    events: Vec<Entry>,
    dead_letters: Vec<DeadLetterReport>,
    /// Whether there are events behind these.
    more: bool,
}

async fn read(access: &Access, args: &Args) -> Result<Story, Failure> {
    let services = Configuration::read(access, access.release_namespace()).await?.services()?;
    let reached = access.journal(&services).await?;
    let journal = JournalClient::over(reached.service.clone());
    let (mut events, mut cursor) = (Vec::new(), None::<String>);
    let more = loop {
        let left = (args.limit as usize).saturating_sub(events.len());
        if left == 0 {
            break true;
        }
        let page = journal.timeline(args.correlation.as_str(), PAGE.min(left), cursor.as_deref()).await;
        let page = page.map_err(|error| refused(&error))?;
        events.extend(page.events);
        cursor = page.next;
        if cursor.is_none() {
            break false;
        }
    };
    let letters = journal.dead_letters(&args.correlation, DEAD_LETTERS).await.map_err(|error| refused(&error))?;
    Ok(Story { events, dead_letters: letters.dead_letters, more })
}

fn refused(error: &ClientError) -> Failure {
    Failure::Remote { doing: "read the journal".to_owned(), why: error.to_string() }
}
