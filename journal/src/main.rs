//! The journal's process.

use std::process::ExitCode;

use clap::Parser;
use eventing_service::{EXIT_CONFIGURATION, install_crypto, traces};
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
    let traces = match traces::init(&format!("surrealdb=warn,surrealkv=warn,{}", settings.log), "qsl-journal") {
        Ok(traces) => traces,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(EXIT_CONFIGURATION);
        }
    };
    let code = match app::run(settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "journal ended");
            ExitCode::FAILURE
        }
    };
    traces.end().await;
    code
}
