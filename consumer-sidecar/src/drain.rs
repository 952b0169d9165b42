//! `consumer-sidecar drain`: the pod's `preStop` asks the running sidecar to stop receiving, and waits.

use std::time::Duration;

use anyhow::{Context, bail};

use crate::args::DrainArgs;
use crate::token::DeliveryToken;

/// What giving messages back may take after the grace period.
const SLACK: Duration = Duration::from_secs(10);

/// Asks, and waits until receiving has ended.
///
/// # Errors
/// When there is no sidecar to ask, or it takes longer than its grace period.
pub async fn request(args: &DrainArgs) -> anyhow::Result<()> {
    let token = DeliveryToken::read(&args.delivery_token_file).context("the delivery token cannot be read")?;
    // Plain HTTP on loopback, yet the client wants a provider for what it will not do.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).build()?;
    let response = http
        .post(format!("http://{}/drain", args.listen))
        .header("Authorization", token.bearer())
        .timeout(Duration::from_secs(args.drain_seconds) + SLACK)
        .send()
        .await
        .context("the running sidecar does not answer")?;
    if !response.status().is_success() {
        bail!("the running sidecar answered {}", response.status());
    }
    Ok(())
}
