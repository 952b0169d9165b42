//! The subcommand: reads what it is told, opens what it needs, and runs.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use eventing::time::Millis;
use eventing_http::{GrantClient, JournalClient};
use tokio::signal::ctrl_c;

use super::ground::Ground;
use super::ports::{Book, NoBook, Record};
use super::progress::Progress;
use super::report::Report;
use super::run::{Outcome, Run};
use super::selection::Selection;
use super::state_file::StateFile;
use super::{Args, What};
use crate::access::Access;
use crate::failure::Failure;
use crate::out::tell;
use crate::resend::pace::pace;

pub(super) async fn replay(args: &Args) -> Result<ExitCode, Failure> {
    let access = args.access.connect().await?;
    let (mut progress, held) = match &args.resume {
        Some(path) => {
            let (file, progress) = StateFile::open(path)?;
            (progress, Some(file))
        }
        None => (Progress::new(selection(&args.what, &access.cluster.namespace, Millis::now())?), None),
    };
    if progress.is_complete {
        let why = "that replay is complete: without --resume a second one begins, whose events are handled again";
        return Err(Failure::Usage(why.to_owned()));
    }
    let ground = Ground::open(&access, &progress.selection).await?;
    let journal = access.journal(&ground.services).await?;
    let journal = (JournalClient::over(journal.service.clone()), journal);
    if args.dry_run {
        return run(args, &ground, &journal.0, None, &mut NoBook, None, &mut progress).await;
    }
    let service = access.signature_service(&ground.services).await?;
    let grants = GrantClient::new(service.service.clone());
    let mut file = match held {
        Some(file) => file,
        None => StateFile::create(&state_path(args), &progress)?,
    };
    said_at_the_beginning(&ground, &access, file.path())?;
    let path = file.path().to_owned();
    run(args, &ground, &journal.0, Some(&grants), &mut file, Some(&path), &mut progress).await
}

async fn run(
    args: &Args,
    ground: &Ground,
    journal: &JournalClient,
    grants: Option<&GrantClient>,
    book: &mut impl Book,
    state: Option<&Path>,
    progress: &mut Progress,
) -> Result<ExitCode, Failure> {
    let mut pace = pace(args.rate);
    let mut turn = async || {
        pace.tick().await;
    };
    let interrupted = async {
        let _ = ctrl_c().await;
    };
    let mut report = Report::new(args.output, args.dry_run);
    let mut told = |record: &Record, inbox: &str, outcome: &Outcome| report.tell(record, inbox, outcome);
    let Ground { routes, inboxes, .. } = ground;
    let mut run = Run { journal, routes, inboxes, grants, book, progress };
    let ended = run.go(&mut turn, interrupted, &mut told).await;
    report.end(progress, state)?;
    if let (Err(_), Some(state)) = (&ended, state) {
        tell(&format!("It is not complete: kubectl qsl replay --resume {} goes on.", state.display()))?;
    }
    ended?;
    Ok(if progress.tally.left() == 0 { ExitCode::SUCCESS } else { ExitCode::from(3) })
}

fn said_at_the_beginning(ground: &Ground, access: &Access, state: &Path) -> Result<(), Failure> {
    let inboxes = ground.inboxes.keys().cloned().collect::<Vec<_>>().join(", ");
    let (account, state) = (&access.account, state.display());
    tell(&format!("Replays to {inboxes} as {account}; how far it is stands in {state}."))
}

fn state_path(args: &Args) -> PathBuf {
    let made = || PathBuf::from(format!("replay-{}.json", uuid::Uuid::new_v4()));
    args.state.clone().unwrap_or_else(made)
}

/// What was told; inboxes without a namespace are of `own`.
fn selection(what: &What, own: &str, now: Millis) -> Result<Selection, Failure> {
    let What { bus, from, to, detail_type, source, to_inbox, group } = what;
    let (Some(bus), Some(from)) = (bus.clone(), *from) else {
        return Err(Failure::Usage("--bus and --from say what is replayed".to_owned()));
    };
    let to = to.unwrap_or(now);
    if from >= to {
        return Err(Failure::Usage(format!("--from ({from}) must be before --to ({to})")));
    }
    let inbox = |named: &crate::access::account::Named| {
        let (namespace, name) = named.within(own);
        format!("{namespace}/{name}")
    };
    Ok(Selection {
        bus,
        from,
        to,
        detail_types: detail_type.iter().cloned().collect(),
        sources: source.iter().cloned().collect(),
        to_inboxes: to_inbox.iter().map(inbox).collect(),
        group: group.clone(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn parsed(arguments: &[&str]) -> Result<Args, String> {
        let line = Line::try_parse_from([&["replay"], arguments].concat());
        line.map(|line| line.args).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_told_is_what_is_selected() {
        let now = Millis(1_800_000_000_000);
        let told = ["--bus", "city/trams", "--from", "2026-11-27T12:00:00Z", "--source", "qsl.tram", "--to-inbox"];
        let args = parsed(&[&told[..], &["arrivals", "--to-inbox", "yard/arrivals"]].concat()).unwrap();
        let selected = selection(&args.what, "depot", now).unwrap();
        assert_eq!((selected.from, selected.to), (Millis(1_795_780_800_000), now), "until now");
        assert_eq!(selected.to_inboxes.iter().collect::<Vec<_>>(), ["depot/arrivals", "yard/arrivals"]);
        assert_eq!(selected.filter().source, Some("qsl.tram".parse().unwrap()));
        let early = selection(&args.what, "depot", Millis(0)).unwrap_err().to_string();
        assert!(early.contains("must be before --to"), "{early}");
    }

    #[test]
    fn one_begins_with_what_it_is_told_or_goes_on_with_what_it_was_told() {
        assert!(parsed(&["--resume", "f.json", "--rate", "5"]).is_ok());
        for (arguments, named) in [
            (&["--from", "1h"][..], "--bus"),
            (&["--bus", "city/trams"], "--from"),
            (&["--bus", "trams", "--from", "1h"], "--bus"),
            (&["--bus", "city/trams", "--from", "soon"], "such as 90m"),
            (&["--bus", "city/trams", "--from", "1h", "--resume", "f"], "cannot be used with"),
            (&["--resume", "f", "--to-inbox", "depot/a"], "cannot be used with"),
            (&["--resume", "f", "--dry-run"], "cannot be used with"),
            (&["--bus", "city/trams", "--from", "1h", "--rate", "0"], "between 0.01 and 1000"),
        ] {
            let refused = parsed(arguments).unwrap_err();
            assert!(refused.contains(named), "{arguments:?}: {refused}");
        }
    }
}
