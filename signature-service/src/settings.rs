//! The flags, each with its environment variable.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Signs events for those whom a bus names as publishers, and serves the buses' key sets.
#[derive(Debug, Clone, clap::Parser)]
#[command(version)]
pub struct Settings {
    /// Where the service listens, over TLS.
    #[arg(long, env = "QSL_LISTEN", default_value = "0.0.0.0:8443")]
    pub listen: SocketAddr,
    /// Where health and metrics are served, plain.
    #[arg(long, env = "QSL_ADMIN_LISTEN", default_value = "0.0.0.0:8081")]
    pub admin_listen: SocketAddr,
    /// The mounted folder with tls.crt and tls.key.
    #[arg(long, env = "QSL_TLS_DIR", default_value = "/etc/qsl-tls")]
    pub tls_dir: PathBuf,
    /// The namespace that holds the private keys and the signed key sets.
    #[arg(long, env = "QSL_KEY_NAMESPACE", default_value = "qsl-keys")]
    pub key_namespace: String,
    /// The folder of the root key's hash (ConfigMap `qsl-root`).
    #[arg(long, env = "QSL_ROOT_DIR", default_value = "/etc/qsl-root")]
    pub root_dir: PathBuf,
    /// The audience that callers' tokens must be made for.
    #[arg(long, env = "QSL_AUDIENCE", default_value = "signature-service.eventing.qsl.dev")]
    pub audience: String,
    /// What is logged: a level, or directives such as signature_service=debug,info.
    #[arg(long, env = "QSL_LOG", default_value = "info")]
    pub log: String,
}
