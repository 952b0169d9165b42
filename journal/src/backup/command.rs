//! `journal backup` and `journal restore`.

use anyhow::Context as _;
use tokio::io::{BufReader, BufWriter, stdin, stdout};

use super::socket;
use crate::settings::Database;
use crate::store::{InTime, Location};

/// Writes a backup to standard output.
///
/// # Errors
/// When the journal, the database or the output fails: what was written then is no backup.
pub async fn backup(database: &Database) -> anyhow::Result<()> {
    let location = database.location()?;
    if let Location::Folder(folder) = &location
        && let Some(taken) = socket::take(folder, BufWriter::new(stdout())).await
    {
        return Ok(taken?);
    }
    let store = InTime::open(&location).await.context("no journal runs here, and its database does not open")?;
    let events = super::write(&store, BufWriter::new(stdout())).await?;
    say(&format!("{events} events written"));
    Ok(())
}

/// Restores a backup from standard input.
///
/// # Errors
/// When it is no whole backup, or the database fails or is not empty.
pub async fn restore(database: &Database) -> anyhow::Result<()> {
    let store = InTime::open(&database.location()?).await.context("is a journal running here? Stop it first")?;
    let events = super::restore(&store, BufReader::new(stdin())).await?;
    say(&format!("{events} events restored"));
    Ok(())
}

#[allow(clippy::print_stderr, reason = "the answer of a command whose output is the backup")]
fn say(what: &str) {
    eprintln!("{what}");
}
