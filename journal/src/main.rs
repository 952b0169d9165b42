//! The journal's process.

use std::process::ExitCode;

use clap::Parser;
use eventing_service::{EXIT_CONFIGURATION, install_crypto, logging};
use journal::app;
use journal::settings::Settings;

#[tokio::main]
async fn main() -> ExitCode {
    if let Err(error) = eventing_process::keep_memory_private() {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    let settings = match Settings::try_parse() {
        Ok(settings) => settings,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { EXIT_CONFIGURATION } else { 0 });
        }
    };
    install_crypto();
    // The engine narrates its files at `info`; what is asked for comes last, and so wins.
    if let Err(error) = logging::init(&format!("surrealdb=warn,surrealkv=warn,{}", settings.log)) {
        eprintln!("{error}");
        return ExitCode::from(EXIT_CONFIGURATION);
    }
    match app::run(settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "journal ended");
            ExitCode::FAILURE
        }
    }
}
