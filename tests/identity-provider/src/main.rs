//! The test issuer as a program.

use std::net::SocketAddr;

use anyhow::Context as _;
use clap::Parser;
use identity_provider::{Issuer, router};

/// A tiny OIDC issuer for tests and the demo.
#[derive(Debug, Parser)]
struct Settings {
    /// Where it listens, plain.
    #[arg(long, env = "IDENTITY_PROVIDER_LISTEN", default_value = "0.0.0.0:8080")]
    listen: SocketAddr,
    /// What it calls itself: the address it is reached at. http:// and the listening address when left out.
    #[arg(long, env = "IDENTITY_PROVIDER_ISSUER")]
    issuer: Option<String>,
    /// Where browsers reach it, where that is another address.
    #[arg(long, env = "IDENTITY_PROVIDER_PUBLIC")]
    public: Option<String>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let settings = Settings::parse();
    let listener = tokio::net::TcpListener::bind(settings.listen).await.context("cannot listen")?;
    let address = listener.local_addr()?;
    let issuer = Issuer::new(settings.issuer.unwrap_or_else(|| format!("http://{address}")))?;
    let issuer = match &settings.public {
        Some(public) => issuer.public(public),
        None => issuer,
    };
    eprintln!("identity provider on {address}");
    axum::serve(listener, router(issuer)).with_graceful_shutdown(stopped()).await.context("serving failed")
}

async fn stopped() {
    let terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
    let Ok(mut terminate) = terminate else { return std::future::pending().await };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
