//! The sidecar's binary: `run` beside the application, `drain` from its `preStop`.

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use consumer_sidecar::args::{Cli, Command};
use consumer_sidecar::{app, drain};

/// The exit code of a configuration that cannot be used.
const USAGE: u8 = 64;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    if let Err(error) = eventing_process::keep_memory_private() {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // To a closed terminal there is nothing to say.
            let _ = error.print();
            let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return if asked { ExitCode::SUCCESS } else { ExitCode::from(USAGE) };
        }
    };
    let ended = match cli.command {
        Command::Run(args) => match args.check() {
            Ok(settings) => app::run(settings).await,
            Err(sentence) => {
                eprintln!("{sentence}");
                return ExitCode::from(USAGE);
            }
        },
        Command::Drain(args) => drain::request(&args).await,
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
