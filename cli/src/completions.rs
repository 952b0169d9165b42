//! `kubectl-qsl completions`: what completes this program's commands and flags in a shell.
//!
//! In: the shell. Out: a script for it, made of the arguments themselves.

use std::process::ExitCode;

use clap_complete::Shell;

use crate::failure::Failure;
use crate::out;

/// Prints a script that completes kubectl-qsl; where it belongs is your shell's to say, such as
/// `source <(kubectl-qsl completions bash)` in ~/.bashrc.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The shell.
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

/// Prints it.
pub fn run(args: &Args, mut command: clap::Command) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    // Of the name that is typed: kubectl asks plugins for completions in another way.
    clap_complete::generate(args.shell, &mut command, "kubectl-qsl", &mut script);
    out::print(&String::from_utf8_lossy(&script).trim_end())?;
    Ok(ExitCode::SUCCESS)
}
