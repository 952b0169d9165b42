//! The operator of QSL Eventing: see the library's documentation.

use std::process::ExitCode;

use clap::Parser;
use eventing_service::EXIT_CONFIGURATION;
use operator::{
    app::{self, AppError},
    check,
    settings::Settings,
    uninstall,
};

#[tokio::main]
async fn main() -> ExitCode {
    if let Err(error) = eventing_process::keep_memory_private() {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    eventing_service::install_crypto();
    if std::env::args().nth(1).as_deref() == Some(uninstall::COMMAND) {
        return before_uninstall().await;
    }
    if std::env::args().nth(1).as_deref() == Some(check::COMMAND) {
        return check().await;
    }
    let settings = match Settings::try_parse() {
        Ok(settings) => settings,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(EXIT_CONFIGURATION) } else { ExitCode::SUCCESS };
        }
    };
    let traces = match eventing_service::traces::init(&settings.log, "qsl-operator") {
        Ok(traces) => traces,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(EXIT_CONFIGURATION);
        }
    };
    let ended = match eventing_service::shutdown::on_signals() {
        Ok(shutdown) => app::run(settings, shutdown).await,
        Err(error) => Err(AppError::Broken(error.into())),
    };
    let code = match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "stopped");
            ExitCode::from(if matches!(error, AppError::Configuration(_)) { EXIT_CONFIGURATION } else { 1 })
        }
    };
    traces.end().await;
    code
}

/// A program of its own, that ends.
async fn before_uninstall() -> ExitCode {
    let args = match uninstall::Args::try_parse_from(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(EXIT_CONFIGURATION) } else { ExitCode::SUCCESS };
        }
    };
    let looked = match kube::Client::try_default().await {
        Ok(client) => uninstall::run(&client, &args).await.map_err(|refusal| refusal.to_string()),
        Err(error) => Err(format!("cannot reach the API server: {error}")),
    };
    match looked {
        Ok(()) => ExitCode::SUCCESS,
        Err(refusal) => {
            eprintln!("{refusal}");
            ExitCode::FAILURE
        }
    }
}

/// Another.
async fn check() -> ExitCode {
    let args = match check::Args::try_parse_from(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(EXIT_CONFIGURATION) } else { ExitCode::SUCCESS };
        }
    };
    let client = match kube::Client::try_default().await {
        Ok(client) => client,
        Err(error) => {
            eprintln!("cannot reach the API server: {error}");
            return ExitCode::FAILURE;
        }
    };
    let findings = check::run(&client, &args).await;
    findings.good.iter().for_each(|line| eprintln!("ok: {line}"));
    findings.bad.iter().for_each(|line| eprintln!("FAILED: {line}"));
    if findings.bad.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
