//! The four subcommands: thin loops over the walk.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use eventing::consumer::ports::BATCH;
use eventing::time::Millis;
use eventing_http::GrantClient;
use tokio::signal::ctrl_c;
use tokio::time::{MissedTickBehavior, interval};

use super::inbox::Inbox;
use super::ports::Queues as _;
use super::redrive::{Mover, Outcome, Stop};
use super::scan::Scan;
use super::show::{self, Line};
use super::sqs::HIDDEN;
use super::{DropArgs, ListArgs, Of, RedriveArgs, ShowArgs};
use crate::access::Access;
use crate::failure::Failure;
use crate::out::{Output, print, tell};

async fn open(of: &Of) -> Result<(Access, Inbox), Failure> {
    let access = of.access.connect().await?;
    let own = of.namespace.as_deref().unwrap_or(&access.cluster.namespace);
    let (namespace, name) = of.inbox.within(own);
    let inbox = Inbox::open(&access, &namespace, &name).await?;
    Ok((access, inbox))
}

/// Of a stop, what a person is told; `doing` comes after "cannot".
fn stopped(doing: &str) -> impl Fn(Stop) -> Failure {
    let doing = doing.to_owned();
    move |stop| match stop {
        Stop::NotAllowed(why) => Failure::Usage(format!("cannot {doing}: {why}")),
        Stop::Away(why) => Failure::Remote { doing: doing.clone(), why },
    }
}

pub(super) async fn list(args: &ListArgs) -> Result<ExitCode, Failure> {
    let (_, inbox) = open(&args.of).await?;
    let (mut scan, mut lines) = (Scan::new(inbox.judge.fifo), Vec::new());
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
    let mut scan = Scan::new(inbox.judge.fifo);
    loop {
        let letters = scan.next(&inbox.queues, BATCH).await;
        let letters = letters.map_err(|error| stopped("receive dead letters")(error.into()))?;
        if letters.is_empty() {
            let hidden = HIDDEN.as_secs();
            return Err(Failure::Usage(format!(
                "no dead letter {} of {} can be received now; what was received in the last {hidden} seconds cannot: try again then",
                args.id, inbox.id
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
    let mut tally = Tally::default();
    let ended = bring_back(args, &inbox, &mover, &mut tally).await;
    tell(&format!("{} sent, {} left, {} not meant.", tally.sent, tally.left, tally.others))?;
    ended?;
    Ok(if tally.left == 0 { ExitCode::SUCCESS } else { ExitCode::from(3) })
}

/// How many became what.
#[derive(Default)]
struct Tally {
    sent: usize,
    left: usize,
    others: usize,
}

async fn bring_back(
    args: &RedriveArgs,
    inbox: &Inbox,
    mover: &Mover<'_, super::sqs::Sqs, GrantClient>,
    tally: &mut Tally,
) -> Result<(), Failure> {
    let failed = stopped("bring dead letters back");
    let mut pace = interval(Duration::from_secs_f64(1.0 / args.rate));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut scan = Scan::new(inbox.judge.fifo);
    // Looked at between two letters: what was begun is finished.
    let mut interrupted = std::pin::pin!(ctrl_c());
    let stopping =
        || Failure::Remote { doing: "finish".to_owned(), why: "it was interrupted; run it again to go on".to_owned() };
    loop {
        let letters = tokio::select! {
            letters = scan.next(&inbox.queues, batch(args.rate)) => letters.map_err(|error| failed(error.into()))?,
            _ = &mut interrupted => return Err(stopping()),
        };
        if letters.is_empty() {
            return Ok(());
        }
        for letter in &letters {
            if !args.filter.takes(letter) {
                tally.others += 1;
                continue;
            }
            if args.limit.is_some_and(|limit| tally.sent >= limit) {
                return Ok(());
            }
            tokio::select! {
                _ = &mut interrupted => return Err(stopping()),
                _ = pace.tick() => {}
            }
            let outcome = mover.move_letter(letter).await.map_err(&failed)?;
            if matches!(outcome, Outcome::Left(_)) {
                tally.left += 1
            } else {
                tally.sent += 1
            }
            print(&show::outcome(letter, &outcome))?;
        }
    }
}

/// As many at a time as are moved well before they are visible to others again.
fn batch(rate: f64) -> usize {
    let in_time = rate * HIDDEN.as_secs_f64() / 3.0;
    (1..BATCH).find(|count| f64::from(u32::try_from(*count).unwrap_or(1)) >= in_time).unwrap_or(BATCH)
}

pub(super) async fn drop(args: &DropArgs) -> Result<ExitCode, Failure> {
    let (_, inbox) = open(&args.of).await?;
    if !args.dry_run && !args.yes {
        let which = if args.filter.is_open() { "All dead letters" } else { "The dead letters that fit" };
        ask(&format!("{which} of {} are deleted for good.", inbox.id))?;
    }
    let failed = stopped("drop dead letters");
    let (mut scan, mut dropped) = (Scan::new(inbox.judge.fifo), 0);
    loop {
        let letters = scan.next(&inbox.queues, BATCH).await.map_err(|error| failed(error.into()))?;
        if letters.is_empty() {
            break;
        }
        for letter in letters.iter().filter(|letter| args.filter.takes(letter)) {
            if !args.dry_run {
                let deleted = inbox.queues.delete(letter.place, &letter.message.receipt).await;
                deleted.map_err(|error| failed(error.into()))?;
            }
            dropped += 1;
            let word = if args.dry_run { "wouldBeDropped" } else { "dropped" };
            let (id, code) = (&letter.message.message_id, &letter.code);
            print(
                &serde_json::json!({"outcome": word, "id": id, "deadFor": code, "correlationId": letter.claimed.correlation_id}),
            )?;
        }
    }
    tell(&format!("{dropped} {}.", if args.dry_run { "would be dropped" } else { "dropped" }))?;
    Ok(ExitCode::SUCCESS)
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
