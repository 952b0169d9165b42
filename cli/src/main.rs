//! `kubectl-qsl`: what people do with signed events by hand, one subcommand a module.
//!
//! In: arguments, files and standard input. Out: tables or lines of JSON on standard output, sentences for people on
//! standard error. Exit codes: 0 done; 1 something failed or refused (a disk, the cluster, AWS, a service of ours); 2 the
//! call or its input is wrong; 3 something was judged and refused.
//!
//! Rooms: without a cluster, [`verify`] judges events and [`sign`] makes them for tests; with one, [`keys`] shows what
//! signs, [`status`] the whole flow and [`check`] what keeps events from flowing. [`publish`], [`dlq`], [`replay`],
//! [`trace`] and [`tail`] get in as a service account, by [`access`]: the program holds no credential. [`resend`] is what
//! [`dlq`] and [`replay`] share. [`completions`] is for shells. [`input`] is where text comes from and [`events`] what
//! events it holds, [`when`] a time as people give it, [`out`] and [`table`] how people see things, [`cluster`] the API
//! server, [`failure`] why a subcommand ended before its time.

#![allow(unreachable_pub, reason = "in a program, `pub` says what its other modules use")]

mod access;
mod check;
mod cluster;
mod completions;
mod dlq;
mod events;
mod failure;
mod input;
mod keys;
mod out;
mod publish;
mod replay;
mod resend;
mod sign;
mod status;
mod table;
mod tail;
mod trace;
mod verify;
mod when;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser};

/// What `--version` says: the release, and the API that it speaks. Nothing of the build, so that the same source makes the
/// same program.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (eventing.qsl.dev/v1alpha1)");

/// Signed events by hand: judge them, send them, follow them, bring them back.
#[derive(Debug, Parser)]
#[command(name = "kubectl-qsl", bin_name = "kubectl qsl", version = VERSION)]
enum Command {
    /// Judge events as a consumer does, without a cluster.
    Verify(verify::Args),
    /// Sign events with a key of a file, for tests.
    Sign(sign::Args),
    /// Show what signs, what is accepted, and when the next key takes over.
    Keys(keys::Args),
    /// Show buses, rules, inboxes and the pods behind them as a tree, with what waits and what is not well.
    Status(status::Args),
    /// Look for what keeps events from flowing, before an installation and after, and say what would mend it.
    Check(check::Args),
    /// Put events on a bus, signed by the signature service.
    Publish(publish::Args),
    /// Look at an inbox's dead letters, bring them back, drop them.
    Dlq(dlq::Args),
    /// Send events of the journal to inboxes again, for their handlers to handle once more.
    Replay(replay::Args),
    /// Show what the journal has of a correlation.
    Trace(trace::Args),
    /// Show the events of a bus, or of an inbox, as they arrive.
    Tail(tail::Args),
    /// Print what completes this program's commands and flags in a shell.
    Completions(completions::Args),
}

fn main() -> ExitCode {
    if let Err(error) = eventing_process::keep_memory_private() {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    let ended = match Command::parse() {
        Command::Verify(args) => verify::run(&args),
        Command::Sign(args) => sign::run(&args),
        Command::Keys(args) => keys::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Publish(args) => publish::run(&args),
        Command::Dlq(args) => dlq::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Trace(args) => trace::run(&args),
        Command::Tail(args) => tail::run(&args),
        Command::Completions(args) => completions::run(&args, Command::command()),
    };
    ended.unwrap_or_else(|failure| failure.told())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_names_the_api_of_the_definitions() {
        assert!(VERSION.ends_with(&format!(" ({}/{})", crds::GROUP, crds::VERSION)), "{VERSION}");
    }

    #[test]
    fn every_command_and_flag_is_as_clap_wants_it() {
        Command::command().debug_assert();
    }
}
