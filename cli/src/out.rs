//! What is printed, and to whom: answers to standard output, sentences for a person to standard error.

use std::fmt::Display;
use std::io::{self, Write as _};

use eventing::time::Millis;
use jiff::Timestamp;

use crate::failure::Failure;
use crate::table::harmless;

/// How an answer is written.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Columns for people.
    Table,
    /// JSON for programs.
    Json,
}

/// Prints a line of the answer.
///
/// # Errors
/// When standard output is closed.
pub fn print(line: &impl Display) -> Result<(), Failure> {
    writeln!(io::stdout().lock(), "{line}").map_err(Failure::of("write"))
}

/// Says something to the person at the terminal.
///
/// # Errors
/// When standard error is closed.
pub fn tell(sentence: &str) -> Result<(), Failure> {
    writeln!(io::stderr().lock(), "{}", harmless(sentence)).map_err(Failure::of("write"))
}

/// A time as people and programs read it.
pub fn rfc3339(millis: Millis) -> String {
    Timestamp::from_millisecond(millis.0).map(|time| time.to_string()).unwrap_or_default()
}
