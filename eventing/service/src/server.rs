//! One HTTP server: bound first, then served until the shutdown, over TLS or plain, with limits on everything a
//! stranger can make large, slow or many.

mod connections;
mod limits;
mod patience;
mod tls;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use axum::Router;
use axum_server::Handle;
use axum_server::tls_rustls::RustlsAcceptor;
use tokio_util::sync::CancellationToken;

use connections::Capped;
pub use limits::{HTTP2_STREAMS, Limits};
pub use patience::Patient;
pub use tls::{Certificate, TlsError};

/// A server that cannot start, or that broke.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The accept loop ended.
    #[error("serving on {address} failed: {source}")]
    Serve {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

/// A server that listens already and answers nothing yet.
#[derive(Debug)]
pub struct Server {
    listener: std::net::TcpListener,
    address: SocketAddr,
    certificate: Option<Certificate>,
    limits: Limits,
    drain: Duration,
}

impl Server {
    /// Listens on `address`, for plain HTTP/1.1 and HTTP/2 with prior knowledge.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn plain(address: SocketAddr) -> Result<Self, ServeError> {
        let listen = |source| ServeError::Listen { address, source };
        let listener = tokio::net::TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let listener = listener.into_std().map_err(listen)?;
        Ok(Self { listener, address, certificate: None, limits: Limits::default(), drain: Duration::from_secs(10) })
    }

    /// Listens on `address` for HTTPS (HTTP/1.1 and HTTP/2) with `tls.crt` and `tls.key` of `folder`, which are read
    /// again when they change.
    ///
    /// # Errors
    /// When the address cannot be listened on or the certificate cannot be used.
    pub async fn tls(address: SocketAddr, folder: impl Into<PathBuf>) -> Result<Self, ServeError> {
        let certificate = Certificate::load(folder.into()).await?;
        let mut server = Self::plain(address).await?;
        server.certificate = Some(certificate);
        Ok(server)
    }

    /// Other limits than the default.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How long requests may go on after the shutdown (10 s by default).
    #[must_use]
    pub fn drain(mut self, drain: Duration) -> Self {
        self.drain = drain;
        self
    }

    /// Where it listens: the port chosen, when port 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers with `router` until `shutdown`, then lets running requests end within the drain time.
    ///
    /// # Errors
    /// When the accept loop breaks.
    pub async fn serve(self, router: Router, shutdown: CancellationToken) -> Result<(), ServeError> {
        let Self { listener, address, certificate, limits, drain } = self;
        let broke = |source| ServeError::Serve { address, source };
        let service = limits.requests(router).into_make_service_with_connect_info::<SocketAddr>();
        let handle = Handle::new();
        let stop = {
            let (handle, shutdown) = (handle.clone(), shutdown.clone());
            tokio::spawn(async move {
                shutdown.cancelled().await;
                handle.graceful_shutdown(Some(drain));
            })
        };
        let mut server = axum_server::from_tcp(listener)
            .map_err(broke)?
            .handle(handle)
            .acceptor(Capped::new(limits.connections, limits.write_timeout));
        limits.connections_of(&mut server);
        tracing::info!(%address, tls = certificate.is_some(), "listening");
        let served = match certificate {
            None => server.serve(service).await,
            Some(certificate) => {
                let config = certificate.config();
                let reload = tokio::spawn(certificate.keep_fresh(shutdown));
                let served = server.map(|capped| RustlsAcceptor::new(config).acceptor(capped)).serve(service).await;
                reload.abort();
                served
            }
        };
        stop.abort();
        served.map_err(broke)
    }
}

#[cfg(test)]
mod tests;
