//! What the sidecar is told, each flag with its variable; the injector sets the variables.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use eventing::root::RootHashes;
use eventing::types::BusId;

/// The sidecar of QSL Eventing.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs beside the application until SIGTERM.
    Run(Box<RunArgs>),
    /// Asks the running sidecar of this pod to stop receiving, and waits until it has.
    Drain(DrainArgs),
}

/// Flags of `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The pod's namespace: signed configuration of another is refused.
    #[arg(long, env = "QSL_NAMESPACE")]
    pub namespace: String,
    /// The pod's name, for AWS' session names.
    #[arg(long, env = "QSL_POD_NAME", default_value = "pod")]
    pub pod_name: String,
    /// The pod's service account, which the bus's publishers must name.
    #[arg(long, env = "QSL_SERVICE_ACCOUNT", default_value = "default")]
    pub service_account: String,
    /// The pod's addresses, with commas between: where nobody but the sidecar should reach the application.
    #[arg(long, env = "QSL_POD_IPS", value_parser = text)]
    pub pod_ips: Option<Text>,
    /// The InboxQueue to receive from.
    #[arg(long, env = "QSL_INBOX", value_parser = text)]
    pub inbox: Option<Text>,
    /// The EventBus to publish to, as NAMESPACE/NAME.
    #[arg(long, env = "QSL_PUBLISH_TO", value_parser = text)]
    pub publish_to: Option<Text>,
    /// The application's port.
    #[arg(long, env = "QSL_APP_PORT", value_parser = text)]
    pub app_port: Option<Text>,
    /// Where events go that no route of the inbox names.
    #[arg(long, env = "QSL_APP_PATH", value_parser = text)]
    pub app_path: Option<Text>,
    /// Where a GET answers 2xx while the application can take events; without it, an open port is enough.
    #[arg(long, env = "QSL_APP_HEALTH_PATH", value_parser = text)]
    pub app_health_path: Option<Text>,
    /// Whether a request to the API must carry the delivery token.
    #[arg(long, env = "QSL_REQUIRE_TOKEN", default_value_t = false, action = clap::ArgAction::Set)]
    pub require_token: bool,
    /// SHA-256 of the installation's root key, in hex; two with a comma while it rotates.
    #[arg(long, env = "QSL_ROOT_SHA256")]
    pub root_sha256: RootHashes,
    /// Where the namespace's signed configuration is mounted.
    #[arg(long, env = "QSL_CONFIG_DIR", default_value = "/etc/qsl-eventing")]
    pub config_dir: PathBuf,
    /// Where the API for the application listens: a loopback address.
    #[arg(long, env = "QSL_LISTEN", default_value = "127.0.0.1:15080")]
    pub listen: SocketAddr,
    /// Where health and metrics listen.
    #[arg(long, env = "QSL_ADMIN_LISTEN", default_value = "0.0.0.0:15081")]
    pub admin_listen: SocketAddr,
    /// The delivery token's file, in a volume that the application reads.
    #[arg(long, env = "QSL_DELIVERY_TOKEN_FILE", default_value = "/var/run/qsl-eventing/token")]
    pub delivery_token_file: PathBuf,
    /// Where the projected tokens are: `aws/token`, `signature-service/token`, `journal/token`.
    #[arg(long, env = "QSL_TOKEN_DIR", default_value = "/var/run/secrets/eventing.qsl.dev")]
    pub token_dir: PathBuf,
    /// How long what is in flight may take to finish when draining.
    #[arg(long, env = "QSL_DRAIN_SECONDS", default_value_t = 25)]
    pub drain_seconds: u64,
    /// Where spans go, by OTLP over HTTP (without `/v1/traces`); nowhere when empty.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_parser = text)]
    pub otlp_endpoint: Option<Text>,
    /// What is logged, such as `info` or `eventing=debug`.
    #[arg(long, env = "QSL_LOG", default_value = "info")]
    pub log: String,
}

/// Flags of `drain`.
#[derive(Debug, Args)]
pub struct DrainArgs {
    /// Where the running sidecar's API listens.
    #[arg(long, env = "QSL_LISTEN", default_value = "127.0.0.1:15080")]
    pub listen: SocketAddr,
    /// The delivery token's file, which proves that the request is of this pod.
    #[arg(long, env = "QSL_DELIVERY_TOKEN_FILE", default_value = "/var/run/qsl-eventing/token")]
    pub delivery_token_file: PathBuf,
    /// How long the running sidecar may take.
    #[arg(long, env = "QSL_DRAIN_SECONDS", default_value_t = 25)]
    pub drain_seconds: u64,
}

/// A value that may be set and empty, as a variable of a manifest can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(String);

#[expect(clippy::unnecessary_wraps, reason = "the shape clap asks for")]
fn text(value: &str) -> Result<Text, String> {
    Ok(Text(value.to_owned()))
}

/// What `run` needs, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub pod_name: String,
    /// The pod's service account.
    pub service_account: String,
    /// The pod's addresses, where they are known.
    pub pod_addresses: Vec<IpAddr>,
    /// The inbox, and the application that gets its events.
    pub inbox: Option<Inbox>,
    /// The bus.
    pub publish_to: Option<BusId>,
    /// Whether the API asks for the token.
    pub require_token: bool,
    /// The root.
    pub roots: RootHashes,
    /// The mounted configuration.
    pub config_dir: PathBuf,
    /// The loopback API.
    pub listen: SocketAddr,
    /// Health and metrics.
    pub admin_listen: SocketAddr,
    /// The delivery token.
    pub delivery_token_file: PathBuf,
    /// The projected tokens.
    pub token_dir: PathBuf,
    /// The grace period of a drain.
    pub grace: Duration,
    /// The collector of spans.
    pub otlp_endpoint: Option<String>,
    /// The log filter.
    pub log: String,
}

/// An inbox and the application behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inbox {
    /// The InboxQueue.
    pub name: String,
    /// The application's port.
    pub port: u16,
    /// The application's path for what no route names.
    pub path: Option<String>,
    /// The application's own word that it can take events.
    pub health_path: Option<String>,
}

impl RunArgs {
    /// Checks what belongs together.
    ///
    /// # Errors
    /// With a sentence that names the flag and its variable.
    pub fn check(self) -> Result<Settings, String> {
        let given = |text: Option<Text>| text.map(|text| text.0).filter(|text| !text.is_empty());
        let inbox = given(self.inbox);
        let port = given(self.app_port)
            .map(|text| match text.parse::<u16>() {
                Ok(port) if port > 0 => Ok(port),
                _ => Err("--app-port (QSL_APP_PORT) must be a port, 1 to 65535".to_owned()),
            })
            .transpose()?;
        let path = path_of(given(self.app_path), "--app-path (QSL_APP_PATH)")?;
        let health_path = path_of(given(self.app_health_path), "--app-health-path (QSL_APP_HEALTH_PATH)")?;
        let inbox = match (inbox, port) {
            (Some(name), Some(port)) => Some(Inbox { name, port, path, health_path }),
            (Some(_), None) => {
                return Err("--inbox (QSL_INBOX) needs --app-port (QSL_APP_PORT): whom to hand its events".to_owned());
            }
            (None, _) => None,
        };
        let pod_addresses = given(self.pod_ips)
            .map(|list| list.split(',').map(|one| one.trim().parse()).collect::<Result<_, _>>())
            .transpose()
            .map_err(|_| "--pod-ips (QSL_POD_IPS) must be IP addresses with commas between".to_owned())?
            .unwrap_or_default();
        let publish_to = given(self.publish_to)
            .map(|bus| bus.parse::<BusId>().map_err(|error| format!("--publish-to (QSL_PUBLISH_TO) {}", error.reason)))
            .transpose()?;
        if inbox.is_none() && publish_to.is_none() {
            return Err(
                "there is nothing to do: set --inbox (QSL_INBOX), --publish-to (QSL_PUBLISH_TO) or both".to_owned()
            );
        }
        let otlp_endpoint = given(self.otlp_endpoint);
        if otlp_endpoint.as_ref().is_some_and(|endpoint| !is_http(endpoint)) {
            return Err("--otlp-endpoint (OTEL_EXPORTER_OTLP_ENDPOINT) must begin with http:// or https://".to_owned());
        }
        if !self.listen.ip().is_loopback() {
            return Err("--listen (QSL_LISTEN) must be a loopback address".to_owned());
        }
        Ok(Settings {
            namespace: self.namespace,
            pod_name: self.pod_name,
            service_account: self.service_account,
            pod_addresses,
            inbox,
            publish_to,
            require_token: self.require_token,
            roots: self.root_sha256,
            config_dir: self.config_dir,
            listen: self.listen,
            admin_listen: self.admin_listen,
            delivery_token_file: self.delivery_token_file,
            token_dir: self.token_dir,
            grace: Duration::from_secs(self.drain_seconds),
            otlp_endpoint,
            log: self.log,
        })
    }
}

fn is_http(endpoint: &str) -> bool {
    let host = endpoint.strip_prefix("http://").or_else(|| endpoint.strip_prefix("https://"));
    host.is_some_and(|host| !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_graphic()))
}

fn path_of(path: Option<String>, flag: &str) -> Result<Option<String>, String> {
    let is_path = |path: &String| path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic());
    match path {
        Some(path) if !is_path(&path) => Err(format!("{flag} must be a path that begins with /")),
        path => Ok(path),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn check(flags: &[&str]) -> Result<Settings, String> {
        let root = "ab".repeat(32);
        let always = ["consumer-sidecar", "run", "--namespace", "harbour", "--root-sha256", &root];
        match Cli::try_parse_from(always.iter().chain(flags)).unwrap().command {
            Command::Run(args) => args.check(),
            Command::Drain(_) => panic!("not run"),
        }
    }

    #[test]
    fn an_inbox_a_bus_or_both() {
        assert!(check(&["--inbox", "quay", "--app-port", "8080"]).unwrap().publish_to.is_none());
        assert!(check(&["--publish-to", "platform/lanes"]).unwrap().inbox.is_none());
        let both = check(&["--inbox", "quay", "--app-port", "8080", "--publish-to", "platform/lanes"]).unwrap();
        assert!(both.inbox.is_some() && both.publish_to.is_some());
    }

    #[test]
    fn an_empty_value_is_none() {
        let settings = check(&["--inbox=", "--app-port=", "--app-path=", "--publish-to", "platform/lanes"]).unwrap();
        assert_eq!(settings.inbox, None);
    }

    #[test]
    fn a_pod_has_one_address_or_two_or_says_nothing_of_them() {
        let addresses = |flags: &[&str]| {
            let flags: Vec<_> = ["--publish-to", "platform/lanes"].iter().chain(flags).copied().collect();
            check(&flags).map(|settings| settings.pod_addresses)
        };
        let two: [IpAddr; 2] = ["10.0.0.7".parse().unwrap(), "fd00::7".parse().unwrap()];
        assert_eq!(addresses(&["--pod-ips", "10.0.0.7,fd00::7"]).unwrap(), two);
        assert_eq!(addresses(&["--pod-ips="]), Ok(Vec::new()));
        assert_eq!(addresses(&[]), Ok(Vec::new()));
        assert!(addresses(&["--pod-ips", "pod-7"]).unwrap_err().contains("QSL_POD_IPS"));
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_the_flag() {
        assert!(check(&[]).unwrap_err().contains("QSL_INBOX"));
        assert!(check(&["--inbox", "quay"]).unwrap_err().contains("QSL_APP_PORT"));
        assert!(check(&["--inbox", "quay", "--app-port", "0"]).unwrap_err().contains("QSL_APP_PORT"));
        let path = check(&["--inbox", "quay", "--app-port", "1", "--app-path", "events"]);
        assert!(path.unwrap_err().contains("QSL_APP_PATH"));
        let health = check(&["--inbox", "quay", "--app-port", "1", "--app-health-path", "up now"]);
        assert!(health.unwrap_err().contains("QSL_APP_HEALTH_PATH"));
        assert!(check(&["--publish-to", "lanes"]).unwrap_err().contains("QSL_PUBLISH_TO"));
        let collector = check(&["--publish-to", "platform/lanes", "--otlp-endpoint", "collector:4318"]);
        assert!(collector.unwrap_err().contains("OTEL_EXPORTER_OTLP_ENDPOINT"));
        let open = check(&["--publish-to", "platform/lanes", "--listen", "0.0.0.0:1"]);
        assert!(open.unwrap_err().contains("QSL_LISTEN"));
    }
}
