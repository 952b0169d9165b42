//! The rollback drill, as a person runs it while events flow: `infra/rollback-drill`.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use eventing::time::Micros;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use super::book::Shared;
use crate::ground::{BUS, Ground};
use crate::scenario::Narrate;
use crate::wait::until;

const SCRIPT: &str = concat!(env!("QSL_WORKSPACE"), "infra/rollback-drill");
/// How many events flow before it begins.
const BEFORE: usize = 50;

/// Runs it once a few events flow, and notes what it says. Where it fails everything is switched on again.
///
/// # Errors
/// When it fails: a switch that did not act, or did not act in time.
pub(super) async fn drill(
    ground: &Ground,
    book: &Shared,
    settle: Duration,
    narrate: Narrate<'_>,
) -> anyhow::Result<()> {
    let patience = Duration::from_mins(1);
    until("the first events", patience, async || Ok(book.with(|book| book.events.len() >= BEFORE))).await?;
    let run = async |what: &str| {
        let mut child = Command::new(SCRIPT)
            .arg(format!("{}/{}", BUS.0, BUS.1))
            .arg(what)
            .envs(ground.kubectl.environment())
            .env("QSL_RELEASE_NAMESPACE", &ground.release)
            .env("SETTLE", settle.as_secs().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context(SCRIPT)?;
        let mut lines = BufReader::new(child.stdout.take().context("standard output is piped")?).lines();
        while let Some(line) = lines.next_line().await? {
            narrate(&line);
            book.with(|book| book.steps.push((Micros::now(), said(&line).to_owned())));
        }
        match child.wait().await? {
            status if status.success() => Ok(()),
            status => bail!("{SCRIPT} {what}: {status}; its last words are above"),
        }
    };
    let done = run("drill").await;
    if done.is_err() {
        run("on").await?;
    }
    done
}

/// A line without its time.
fn said(line: &str) -> &str {
    line.split_once("  ").map_or(line, |(_, said)| said)
}
