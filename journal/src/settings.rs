//! What the journal is told: flags, each with its environment variable.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::bail;
use clap::{Args, Parser, Subcommand};
use eventing_service::authentication::ServiceAccount;

use crate::store::{Location, Remote};

/// The journal of QSL Eventing.
#[derive(Clone, Debug, Parser)]
#[command(name = "journal", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Records verified events and answers timelines, until SIGTERM.
    Run(Box<Settings>),
    /// Writes every kept event with its position to standard output, as lines of JSON; of a running journal too.
    Backup(Database),
    /// Reads a backup from standard input into an empty database that no journal has open.
    Restore(Database),
}

/// Which database.
#[derive(Clone, Debug, Args)]
pub struct Database {
    /// The folder of the database, where it is the embedded one.
    #[arg(long, env = "QSL_DATA_DIR", default_value = "/var/lib/qsl-journal")]
    pub data_dir: PathBuf,

    /// A SurrealDB of its own instead of the embedded one: `ws://` or `wss://`, with host and port.
    #[arg(long, env = "QSL_DATABASE_URL", requires_all = ["database_user", "database_password_file"])]
    pub database_url: Option<String>,

    /// The user there, of database `journal` in namespace `qsl`, with role EDITOR.
    #[arg(long, env = "QSL_DATABASE_USER")]
    pub database_user: Option<String>,

    /// The file of the user's password, read whenever the database is connected to.
    #[arg(long, env = "QSL_DATABASE_PASSWORD_FILE")]
    pub database_password_file: Option<PathBuf>,

    /// How long an answer from there is waited for, in seconds, before it is connected to anew.
    #[arg(long, env = "QSL_DATABASE_TIMEOUT_SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=300))]
    pub database_timeout_seconds: u64,
}

impl Database {
    /// Where it is.
    ///
    /// # Errors
    /// When the address is none.
    pub fn location(&self) -> anyhow::Result<Location> {
        let (Some(url), Some(user), Some(file)) =
            (&self.database_url, &self.database_user, &self.database_password_file)
        else {
            return Ok(Location::Folder(self.data_dir.clone()));
        };
        if !(url.starts_with("ws://") || url.starts_with("wss://")) {
            bail!("--database-url: must begin with ws:// or wss://");
        }
        let patience = Duration::from_secs(self.database_timeout_seconds);
        let (url, user, password_file) = (url.clone(), user.clone(), file.clone());
        Ok(Location::Remote(Remote { url, user, password_file, patience }))
    }
}

/// Flags of `run`.
#[derive(Clone, Debug, Args)]
pub struct Settings {
    /// The namespace of this installation, in which the inbox's configuration holds.
    #[arg(long, env = "QSL_NAMESPACE")]
    pub namespace: String,

    /// The InboxQueue, in that namespace, that is consumed.
    #[arg(long, env = "QSL_INBOX", default_value = "journal")]
    pub inbox: String,

    /// Where events are kept.
    #[command(flatten)]
    pub database: Database,

    /// How long an event is kept after it entered the queue, in seconds. By default thirty days.
    #[arg(long, env = "QSL_RETENTION_SECONDS", default_value_t = 2_592_000, value_parser = clap::value_parser!(u64).range(3_600..))]
    pub retention_seconds: u64,

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
            let given = ["journal", "run", "--namespace", "release"].iter().chain(more);
            Cli::try_parse_from(given).map(|cli| match cli.command {
                Command::Run(settings) => settings.gateway(),
                other => unreachable!("{other:?}"),
            })
        };
        assert_eq!(settings(&[]).unwrap(), ServiceAccount::new("release", "qsl-gateway"));
        let named = settings(&["--gateway-service-account", "shop/window"]).unwrap();
        assert_eq!(named, ServiceAccount::new("shop", "window"));
        for bad in ["window", "/window", "shop/", "a/b/c"] {
            assert!(settings(&["--gateway-service-account", bad]).is_err(), "{bad}");
        }
    }

    fn database(given: &[&str]) -> Result<Database, clap::Error> {
        let given = ["journal", "backup", "--data-dir", "/data"].iter().chain(given);
        Cli::try_parse_from(given).map(|cli| match cli.command {
            Command::Backup(database) => database,
            other => unreachable!("{other:?}"),
        })
    }

    #[test]
    fn the_database_is_the_folders_unless_an_address_is_given_with_a_user() {
        let folder = database(&[]).unwrap().location().unwrap();
        assert_eq!(folder, Location::Folder("/data".into()));
        let remote = |url| {
            let user = ["--database-user", "journal", "--database-password-file", "/secret/password"];
            database(&[["--database-url", url].as_slice(), user.as_slice()].concat()).unwrap().location()
        };
        let Location::Remote(told) = remote("wss://db:8000").unwrap() else { unreachable!() };
        let (patience, password_file) = (Duration::from_secs(20), "/secret/password".into());
        assert_eq!(told, Remote { url: "wss://db:8000".into(), user: "journal".into(), password_file, patience });
        assert!(remote("http://db:8000").unwrap_err().to_string().contains("--database-url: must begin with ws://"));
        assert!(database(&["--database-url", "ws://db:8000"]).is_err());
    }
}
