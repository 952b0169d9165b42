//! The server of the webhooks: it waits for its certificate, and follows its renewals, whoever makes them.

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use axum::Router;
use eventing_service::server::{Limits, ServeError, Server};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::installation::{Installed, ServingIdentity, WebhookCertificates};

/// Objects come twice in a review, and each may have 1.5 MiB.
const BODY_BYTES: usize = 4 * 1024 * 1024;

/// Where webhooks are served.
#[derive(Clone, Debug)]
pub struct WebhookSettings {
    /// The address.
    pub listen: SocketAddr,
    /// Where the server reads its certificate: a folder in memory of this process alone, that the certificate is put
    /// into; or with cert-manager the folder that its Secret is mounted to.
    pub folder: PathBuf,
    /// Who makes it.
    pub certificates: WebhookCertificates,
}

/// The webhooks cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The certificate could not be put into its folder.
    #[error("the webhooks' certificate cannot be written to {folder}: {source}")]
    Write {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The server.
    #[error(transparent)]
    Serve(#[from] ServeError),
}

/// The server, not listening yet.
pub struct WebhookServer {
    settings: WebhookSettings,
    installed: watch::Receiver<Option<Installed>>,
}

impl WebhookServer {
    /// A server with the certificate that `installed` names.
    pub fn new(settings: WebhookSettings, installed: watch::Receiver<Option<Installed>>) -> Self {
        Self { settings, installed }
    }

    /// Serves `router` until `shutdown`, from the moment there is a certificate. `listening` hears the address then.
    pub async fn run(
        mut self,
        router: Router,
        listening: impl FnOnce(SocketAddr) + Send,
        shutdown: CancellationToken,
    ) -> Result<(), WebhookError> {
        let WebhookSettings { listen, folder, certificates } = self.settings;
        if certificates == WebhookCertificates::CertManager {
            let server = bind(listen, &folder).await?;
            listening(server.address());
            return Ok(server.serve(router, shutdown).await?);
        }
        let first = tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            identity = next(&mut self.installed, None) => identity,
        };
        let Some(mut present) = first else {
            // Nobody makes one any more: the process is about to end.
            shutdown.cancelled().await;
            return Ok(());
        };
        write(&folder, &present).await?;
        let server = bind(listen, &folder).await?;
        listening(server.address());
        let stop = shutdown.clone();
        let renewing = tokio::spawn(async move {
            loop {
                let renewed = tokio::select! {
                    () = stop.cancelled() => return Ok(()),
                    identity = next(&mut self.installed, Some(&present)) => identity,
                };
                // The server looks at the folder again and again.
                let Some(renewed) = renewed else { return Ok(()) };
                write(&folder, &renewed).await?;
                present = renewed;
            }
        });
        server.serve(router, shutdown).await?;
        renewing.abort();
        match renewing.await {
            Ok(outcome) => outcome,
            Err(_) => Ok(()),
        }
    }
}

async fn bind(listen: SocketAddr, folder: &Path) -> Result<Server, WebhookError> {
    let server = Server::tls(listen, folder).await?;
    Ok(server.limits(Limits { body_bytes: BODY_BYTES, ..Limits::default() }))
}

/// The next identity that is not `present`; nothing when there will be none.
async fn next(
    installed: &mut watch::Receiver<Option<Installed>>,
    present: Option<&ServingIdentity>,
) -> Option<ServingIdentity> {
    let of = |found: &Option<Installed>| found.as_ref().and_then(|found| found.webhook.clone());
    let differs = |found: &Option<Installed>| of(found).is_some_and(|found| Some(&found) != present);
    let found = installed.wait_for(differs).await.ok()?;
    of(&found)
}

async fn write(folder: &Path, identity: &ServingIdentity) -> Result<(), WebhookError> {
    let failed = |source| WebhookError::Write { folder: folder.to_owned(), source };
    tokio::fs::create_dir_all(folder).await.map_err(failed)?;
    // Key first, and each in one step: a reader that comes between finds a pair that does not fit, and keeps the old.
    for (name, text) in [("tls.key", identity.key.as_str()), ("tls.crt", identity.certificate.as_str())] {
        let beside = folder.join(format!(".{name}"));
        let mut options = tokio::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&beside).await.map_err(failed)?;
        tokio::io::AsyncWriteExt::write_all(&mut file, text.as_bytes()).await.map_err(failed)?;
        tokio::io::AsyncWriteExt::flush(&mut file).await.map_err(failed)?;
        tokio::fs::rename(&beside, folder.join(name)).await.map_err(failed)?;
    }
    Ok(())
}
