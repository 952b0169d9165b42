//! `kubectl-qsl`: what people do with signed events by hand, one subcommand a module.
//!
//! In: arguments, files and standard input. Out: lines of JSON on standard output, sentences for people on standard
//! error. Exit codes: 0 done; 1 the machine failed (a disk, a pipe); 2 the call or its input is wrong; 3 something was
//! judged and refused.
//!
//! Rooms: [`verify`] judges events, [`sign`] makes them for tests, [`keys`] shows what signs; [`input`] is where text comes
//! from, [`cluster`] whom objects are asked of, [`failure`] why a subcommand ended before its time.

#![allow(unreachable_pub, reason = "in a program, `pub` says what its other modules use")]

mod cluster;
mod failure;
mod input;
mod keys;
mod sign;
mod verify;

use std::process::ExitCode;

use clap::Parser;

/// Signed events by hand: judge them, make them, see the keys.
#[derive(Debug, Parser)]
#[command(name = "kubectl-qsl", bin_name = "kubectl qsl", version)]
enum Command {
    /// Judge events as a consumer does, without a cluster.
    Verify(verify::Args),
    /// Sign events with a key of a file, for tests.
    Sign(sign::Args),
    /// Show what signs, what is accepted, and when the next key takes over.
    Keys(keys::Args),
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
    };
    ended.unwrap_or_else(|failure| failure.told())
}
