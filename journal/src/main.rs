//! The journal's process.

use std::process::ExitCode;

use clap::Parser;
use eventing_service::{EXIT_CONFIGURATION, install_crypto, logging};
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
            if let Err(error) = logging::init(&format!("surrealdb=warn,surrealkv=warn,{}", settings.log)) {
                eprintln!("{error}");
                return ExitCode::from(EXIT_CONFIGURATION);
            }
            app::run(*settings).await
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
