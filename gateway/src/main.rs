//! The gateway: arguments in, [`gateway::app`] out.

use std::process::ExitCode;

use clap::Parser as _;
use gateway::{app, settings::Settings};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    if let Err(error) = eventing_process::keep_memory_private() {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    let files = eventing_process::raise_file_limit();
    eventing_service::install_crypto();
    let settings = match Settings::try_parse() {
        Ok(settings) => settings,
        Err(error) => {
            let _ = error.print();
            let code = if error.use_stderr() { eventing_service::EXIT_CONFIGURATION } else { 0 };
            return ExitCode::from(code);
        }
    };
    match app::run(settings, files).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "the gateway stopped");
            ExitCode::FAILURE
        }
    }
}
