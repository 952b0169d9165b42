//! The journal's process.

use std::process::ExitCode;

use clap::Parser;
use eventing_service::{EXIT_CONFIGURATION, install_crypto, traces};
use journal::settings::{Cli, Command};
use journal::{app, backup};

#[tokio::main]
async fn main() -> ExitCode {
    if let Err(error) = eventing_process::keep_memory_private() {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { EXIT_CONFIGURATION } else { 0 });
        }
    };
    install_crypto();
    let ended = match cli.command {
        Command::Run(settings) => {
            // The engine narrates its files at `info`; what is asked for comes last, and so wins.
            let filter = format!("surrealdb=warn,surrealkv=warn,{}", settings.log);
            let traces = match traces::init(&filter, "qsl-journal") {
                Ok(traces) => traces,
                Err(error) => {
                    eprintln!("{error}");
                    return ExitCode::from(EXIT_CONFIGURATION);
                }
            };
            let ended = app::run(*settings).await;
            traces.end().await;
            ended
        }
        Command::Backup(database) => backup::command::backup(&database).await,
        Command::Restore(database) => backup::command::restore(&database).await,
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "journal ended");
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
