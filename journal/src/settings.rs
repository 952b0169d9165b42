//! What the journal is told: flags, each with its environment variable.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Parser;
use eventing_service::authentication::ServiceAccount;

/// Records verified events and answers timelines.
#[derive(Clone, Debug, Parser)]
#[command(name = "journal", version)]
pub struct Settings {
    /// The namespace of this installation, in which the inbox's configuration holds.
    #[arg(long, env = "QSL_NAMESPACE")]
    pub namespace: String,

    /// The InboxQueue, in that namespace, that is consumed.
    #[arg(long, env = "QSL_INBOX", default_value = "journal")]
    pub inbox: String,

    /// The folder of the database.
    #[arg(long, env = "QSL_DATA_DIR", default_value = "/var/lib/qsl-journal")]
    pub data_dir: PathBuf,

    /// Where the API listens (HTTPS).
    #[arg(long, env = "QSL_LISTEN", default_value = "0.0.0.0:8443")]
    pub listen: SocketAddr,

    /// Where health and metrics are served (plain HTTP).
    #[arg(long, env = "QSL_ADMIN_LISTEN", default_value = "0.0.0.0:8081")]
    pub admin_listen: SocketAddr,

    /// The folder of the certificate (`tls.crt`, `tls.key`).
    #[arg(long, env = "QSL_TLS_DIR", default_value = "/etc/qsl-tls")]
    pub tls_dir: PathBuf,

    /// The folder of the signed configuration and key sets (ConfigMap `qsl-eventing`).
    #[arg(long, env = "QSL_CONFIG_DIR", default_value = "/etc/qsl-eventing")]
    pub config_dir: PathBuf,

    /// The folder of the root key's hash (ConfigMap `qsl-root`).
    #[arg(long, env = "QSL_ROOT_DIR", default_value = "/etc/qsl-root")]
    pub root_dir: PathBuf,

    /// The folder of the projected tokens (`aws/token`, …).
    #[arg(long, env = "QSL_TOKEN_DIR", default_value = "/var/run/secrets/eventing.qsl.dev")]
    pub token_dir: PathBuf,

    /// The pod's name, which its AWS sessions carry.
    #[arg(long, env = "QSL_POD_NAME", default_value = "qsl-journal")]
    pub pod_name: String,

    /// The service account of the gateway, which may read by its name, as NAMESPACE/NAME. By default `qsl-gateway` of the own namespace.
    #[arg(long, env = "QSL_GATEWAY_SERVICE_ACCOUNT")]
    pub gateway_service_account: Option<Account>,

    /// How long what is in flight may take to end after SIGTERM, in seconds.
    #[arg(long, env = "QSL_DRAIN_SECONDS", default_value_t = 20)]
    pub drain_seconds: u64,

    /// What is logged.
    #[arg(long, env = "QSL_LOG", default_value = "info")]
    pub log: String,
}

impl Settings {
    /// The gateway's account.
    pub fn gateway(&self) -> ServiceAccount {
        match &self.gateway_service_account {
            Some(Account(account)) => account.clone(),
            None => ServiceAccount::new(self.namespace.clone(), "qsl-gateway"),
        }
    }
}

/// A service account given as NAMESPACE/NAME.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account(ServiceAccount);

impl FromStr for Account {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
                Ok(Self(ServiceAccount::new(namespace, name)))
            }
            _ => Err("must be NAMESPACE/NAME"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_gateway_is_the_own_namespaces_unless_it_is_named() {
        let settings = |more: &[&str]| {
            let given = ["journal", "--namespace", "release"].iter().chain(more);
            Settings::try_parse_from(given).map(|settings| settings.gateway())
        };
        assert_eq!(settings(&[]).unwrap(), ServiceAccount::new("release", "qsl-gateway"));
        let named = settings(&["--gateway-service-account", "shop/window"]).unwrap();
        assert_eq!(named, ServiceAccount::new("shop", "window"));
        for bad in ["window", "/window", "shop/", "a/b/c"] {
            assert!(settings(&["--gateway-service-account", bad]).is_err(), "{bad}");
        }
    }
}
