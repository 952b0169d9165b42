//! A certificate from a mounted Secret, read again when the kubelet changes it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum_server::tls_rustls::RustlsConfig;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

/// How often the files are looked at: the kubelet itself takes up to a minute to write them.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// A certificate that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not PEM of what it should be.
    #[error("{path} is not valid PEM: {source}")]
    Pem {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rustls::pki_types::pem::Error,
    },
    /// Certificate and key do not serve.
    #[error("the certificate in {folder} cannot be used: {source}")]
    Unusable {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: rustls::Error,
    },
}

/// `tls.crt` and `tls.key` of a folder, as a configuration that is replaced while the server runs.
#[derive(Clone)]
pub struct Certificate {
    folder: PathBuf,
    loaded: [u8; 32],
    config: RustlsConfig,
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Certificate {
    /// Reads the folder.
    ///
    /// # Errors
    /// When the files are not there, are not PEM or do not belong together.
    pub async fn load(folder: PathBuf) -> Result<Self, TlsError> {
        let files = Files::read(&folder).await?;
        let config = RustlsConfig::from_config(Arc::new(files.parse(&folder)?));
        Ok(Self { folder, loaded: files.hash(), config })
    }

    /// What axum-server takes. It follows every reload.
    pub fn config(&self) -> RustlsConfig {
        self.config.clone()
    }

    /// Reads the files again until `shutdown`. A pair that cannot be used leaves the last good one in place.
    pub(super) async fn keep_fresh(mut self, shutdown: CancellationToken) {
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            match self.reload().await {
                Ok(true) => tracing::info!(folder = %self.folder.display(), "the certificate was renewed"),
                Ok(false) => {}
                Err(error) => tracing::warn!(error = %error, "the certificate was not renewed; the old one serves on"),
            }
        }
    }

    /// Reads the files again; true when they had changed.
    pub(super) async fn reload(&mut self) -> Result<bool, TlsError> {
        let files = Files::read(&self.folder).await?;
        let hash = files.hash();
        if hash == self.loaded {
            return Ok(false);
        }
        self.config.reload_from_config(Arc::new(files.parse(&self.folder)?));
        self.loaded = hash;
        Ok(true)
    }
}

struct Files {
    certificates: Vec<u8>,
    key: Vec<u8>,
}

impl Files {
    async fn read(folder: &Path) -> Result<Self, TlsError> {
        let read = async |name| {
            let path = folder.join(name);
            tokio::fs::read(&path).await.map_err(|source| TlsError::Read { path, source })
        };
        Ok(Self { certificates: read("tls.crt").await?, key: read("tls.key").await? })
    }

    fn hash(&self) -> [u8; 32] {
        Sha256::new().chain_update(&self.certificates).chain_update(&self.key).finalize().into()
    }

    fn parse(&self, folder: &Path) -> Result<ServerConfig, TlsError> {
        let pem = |name: &str| {
            let path = folder.join(name);
            move |source| TlsError::Pem { path, source }
        };
        let chain = CertificateDer::pem_slice_iter(&self.certificates)
            .collect::<Result<Vec<_>, _>>()
            .map_err(pem("tls.crt"))?;
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(pem("tls.key"))?;
        let unusable = |source| TlsError::Unusable { folder: folder.to_owned(), source };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(unusable)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}
