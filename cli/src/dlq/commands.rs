//! The four subcommands: thin loops over the walk.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use eventing::consumer::ports::BATCH;
use eventing::time::Millis;
use eventing_http::GrantClient;
use tokio::signal::ctrl_c;

use super::inbox::Inbox;
use super::letter::Letter;
use super::redrive::{Mover, Outcome};
use super::run::{LOOK, Run, Tally, WORK, batch};
use super::scan::Scan;
use super::show::{self, Line};
use super::{DropArgs, ListArgs, Of, RedriveArgs, ShowArgs};
use crate::access::Access;
use crate::failure::Failure;
use crate::out::{Output, print, tell};
use crate::resend::pace::pace;
use crate::resend::stopped;

/// When what was received is visible again.
const AGAIN: &str = "try again in half a minute, or after a redrive in a minute and a half";

async fn open(of: &Of) -> Result<(Access, Inbox), Failure> {
    let access = of.access.connect().await?;
    let own = of.namespace.as_deref().unwrap_or(&access.cluster.namespace);
    let (namespace, name) = of.inbox.within(own);
    let inbox = Inbox::open(&access, &namespace, &name).await?;
    Ok((access, inbox))
}

pub(super) async fn list(args: &ListArgs) -> Result<ExitCode, Failure> {
    let (_, inbox) = open(&args.of).await?;
    let (mut scan, mut lines) = (Scan::new(inbox.judge.fifo, LOOK), Vec::new());
    let reading = stopped("receive dead letters");
    let (mut seen, now) = (0_u64, Millis::now());
    while lines.len() < args.limit {
        let letters = scan.next(&inbox.queues, BATCH).await.map_err(|error| reading(error.into()))?;
        if letters.is_empty() {
            break;
        }
        seen += letters.len() as u64;
        let meant = letters.iter().filter(|letter| args.filter.takes(letter));
        lines.extend(meant.map(|letter| Line::of(letter, &inbox.judge, now)).take(args.limit - lines.len()));
    }
    let count = inbox.queues.count().await.map_err(|error| reading(error.into()))?;
    match args.output {
        Output::Json => lines.iter().try_for_each(|line| {
            let line = serde_json::to_string(line).map_err(|error| Failure::of("write")(error.into()))?;
            print(&line)
        })?,
        Output::Table if lines.is_empty() => {}
        Output::Table => show::table(lines, now).print()?,
    }
    if count > seen {
        let held = "received by others just now, or behind others of their group";
        tell(&format!("About {} more are not shown: {held}, or past --limit.", count - seen))?;
    } else if seen == 0 {
        tell(&format!("No dead letters of {}.", inbox.id))?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn show(args: &ShowArgs) -> Result<ExitCode, Failure> {
    let (_, inbox) = open(&args.of).await?;
    let mut scan = Scan::new(inbox.judge.fifo, LOOK);
    loop {
        let letters = scan.next(&inbox.queues, BATCH).await;
        let letters = letters.map_err(|error| stopped("receive dead letters")(error.into()))?;
        if letters.is_empty() {
            let (id, of) = (&args.id, &inbox.id);
            return Err(Failure::Usage(format!(
                "no dead letter {id} of {of} can be received now; what was received just now is hidden: {AGAIN}"
            )));
        }
        if let Some(letter) = letters.iter().find(|letter| *letter.message.message_id == *args.id) {
            if args.body {
                io::stdout().lock().write_all(letter.message.body.as_bytes()).map_err(Failure::of("write"))?;
            } else {
                print(&format!("{:#}", show::whole(letter, &inbox.judge, Millis::now())))?;
            }
            return Ok(ExitCode::SUCCESS);
        }
    }
}

pub(super) async fn redrive(args: &RedriveArgs) -> Result<ExitCode, Failure> {
    let (access, mut inbox) = open(&args.of).await?;
    (inbox.judge.accept_late, inbox.judge.group) = (args.accept_late, args.group.clone());
    if args.accept_late && !args.dry_run && !args.yes {
        ask(&format!(
            "Events that came too late to {} are taken at the time they were signed, which you vouch for.",
            inbox.id
        ))?;
    }
    let service = if args.dry_run { None } else { Some(access.signature_service(&inbox.config.services).await?) };
    let grants = service.as_ref().map(|service| GrantClient::new(service.service.clone()));
    let mover = Mover { judge: &inbox.judge, inbox: &inbox.id, queues: &inbox.queues, grants: grants.as_ref() };
    let hidden = if args.dry_run { LOOK } else { WORK };
    let mut run = Run::new(&inbox.queues, inbox.judge.fifo, &args.filter, hidden);
    (run.limit, run.batch) = (args.limit, batch(args.rate));
    let mut pace = pace(args.rate);
    let mut turn = async || {
        pace.tick().await;
    };
    let interrupted = async {
        let _ = ctrl_c().await;
    };
    let mut told = |letter: &Letter, outcome: &Outcome| print(&show::outcome(letter, outcome));
    let ended = run.redrive(&mover, &mut turn, interrupted, &mut told).await;
    let Tally { done, left, others } = run.tally;
    let sent = if args.dry_run { "would be sent" } else { "sent" };
    tell(&format!("{done} {sent}, {left} left, {others} not meant."))?;
    ended?;
    said_of_the_hidden(&inbox, run.tally).await?;
    Ok(if left == 0 { ExitCode::SUCCESS } else { ExitCode::from(3) })
}

pub(super) async fn drop(args: &DropArgs) -> Result<ExitCode, Failure> {
    let (_, inbox) = open(&args.of).await?;
    if !args.dry_run && !args.yes {
        let which = if args.filter.is_open() { "All dead letters" } else { "The dead letters that fit" };
        ask(&format!("{which} of {} are deleted for good.", inbox.id))?;
    }
    let (hidden, word) = if args.dry_run { (LOOK, "wouldBeDropped") } else { (WORK, "dropped") };
    let mut run = Run::new(&inbox.queues, inbox.judge.fifo, &args.filter, hidden);
    let ended = run.drop(args.dry_run, &mut |letter| print(&show::dropped(letter, word))).await;
    let dropped = if args.dry_run { "would be dropped" } else { "dropped" };
    tell(&format!("{} {dropped}, {} not meant.", run.tally.done, run.tally.others))?;
    ended?;
    said_of_the_hidden(&inbox, run.tally).await?;
    Ok(ExitCode::SUCCESS)
}

/// Where nothing came, whether there is something all the same.
async fn said_of_the_hidden(inbox: &Inbox, tally: Tally) -> Result<(), Failure> {
    if tally != Tally::default() {
        return Ok(());
    }
    let count = inbox.queues.count().await.map_err(|error| stopped("count dead letters")(error.into()))?;
    match count {
        0 => tell(&format!("No dead letters of {}.", inbox.id)),
        _ => tell(&format!("About {count} are hidden, since somebody received them just now: {AGAIN}.")),
    }
}

/// Asks the person at the terminal.
fn ask(sentence: &str) -> Result<(), Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::Usage(format!("{sentence} Nobody is there to be asked: --yes agrees, --dry-run shows")));
    }
    write!(io::stderr().lock(), "{sentence} Go on? [y/N] ").map_err(Failure::of("write"))?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(Failure::of("read the answer"))?;
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        Ok(())
    } else {
        Err(Failure::Usage("it was not agreed to; nothing was done".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::batch;

    #[test]
    fn no_more_are_taken_at_a_time_than_can_be_moved_while_they_are_hidden() {
        assert_eq!([batch(1_000.0), batch(10.0), batch(0.2), batch(0.1), batch(0.01)], [10, 10, 6, 3, 1]);
    }
}
