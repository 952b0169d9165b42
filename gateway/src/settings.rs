//! The flags, each with its environment variable.

use std::net::SocketAddr;
use std::path::PathBuf;

use axum::http::HeaderValue;
use jsonwebtoken::Algorithm;

use crate::addresses::{Addresses, Range};
use crate::hub::STREAMS_PER_USER;

/// Shows people the events that concern them: timelines, and streams that follow them live.
#[derive(Debug, Clone, clap::Parser)]
#[command(version)]
pub struct Settings {
    /// Where the gateway listens, plain: an ingress in front of it ends TLS.
    #[arg(long, env = "QSL_LISTEN", default_value = "0.0.0.0:8080")]
    pub listen: SocketAddr,
    /// Where health and metrics are served, plain.
    #[arg(long, env = "QSL_ADMIN_LISTEN", default_value = "0.0.0.0:8081")]
    pub admin_listen: SocketAddr,
    /// The pod's own namespace.
    #[arg(long, env = "QSL_NAMESPACE")]
    pub namespace: String,
    /// The pod's name, for AWS's logs.
    #[arg(long, env = "QSL_POD_NAME", default_value = "qsl-gateway")]
    pub pod_name: String,
    /// The InboxQueue, of this namespace, that brings events ahead of the journal. Without it the journal alone
    /// feeds.
    #[arg(long, env = "QSL_INBOX", default_value = "clientupdates")]
    pub inbox: String,
    /// The mounted folder with the signed configuration.
    #[arg(long, env = "QSL_CONFIG_DIR", default_value = "/etc/qsl-eventing")]
    pub config_dir: PathBuf,
    /// The mounted folder with the root's hash, root.sha256.
    #[arg(long, env = "QSL_ROOT_DIR", default_value = "/etc/qsl-root")]
    pub root_dir: PathBuf,
    /// The mounted folder with a token for each audience.
    #[arg(long, env = "QSL_TOKEN_DIR", default_value = "/var/run/secrets/eventing.qsl.dev")]
    pub token_dir: PathBuf,
    /// Seconds that running requests and deliveries have at the end.
    #[arg(long, env = "QSL_DRAIN_SECONDS", default_value_t = 10)]
    pub drain_seconds: u64,
    /// What is logged: a level, or directives such as gateway=debug,info.
    #[arg(long, env = "QSL_LOG", default_value = "info")]
    pub log: String,
    /// Where events are kept.
    #[command(flatten)]
    pub journal: JournalSettings,
    /// Who may look.
    #[command(flatten)]
    pub oidc: OidcSettings,
    /// From where, and how many at once.
    #[command(flatten)]
    pub entrance: EntranceSettings,
}

/// From where it may be asked, and by how many at once.
#[derive(Debug, Clone, clap::Args)]
pub struct EntranceSettings {
    /// Connections that may be open.
    #[arg(long, env = "GATEWAY_CONNECTIONS", default_value_t = 16_384, value_parser = at_least_one)]
    pub connections: usize,
    /// Streams that one user may have open at a replica.
    #[arg(long, env = "GATEWAY_STREAMS_PER_USER", default_value_t = STREAMS_PER_USER, value_parser = at_least_one)]
    pub streams_per_user: usize,
    /// Streams, and connections, that one address may have open at a replica.
    #[arg(long, env = "GATEWAY_STREAMS_PER_ADDRESS", default_value_t = 256, value_parser = at_least_one)]
    pub streams_per_address: usize,
    /// Ranges of the proxies that say in X-Forwarded-For for whom they ask; the private ones, where an ingress is.
    #[arg(
        long,
        env = "GATEWAY_TRUSTED_PROXIES",
        default_value = "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,100.64.0.0/10,fc00::/7",
        value_delimiter = ','
    )]
    pub trusted_proxies: Vec<Range>,
    /// Origins, such as https://app.example, whose pages may ask; none when left out.
    #[arg(long, env = "GATEWAY_CORS_ORIGINS", value_delimiter = ',', value_parser = origin)]
    pub cors_origins: Vec<HeaderValue>,
}

impl EntranceSettings {
    /// The places of each address.
    pub fn addresses(&self) -> Addresses {
        Addresses::new(self.trusted_proxies.iter().copied(), self.streams_per_address)
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number >= 1).ok_or_else(|| format!("{text:?} is not a number of at least 1"))
}

/// As browsers write it: a scheme, a host, and a port that is not the scheme's.
fn origin(text: &str) -> Result<HeaderValue, String> {
    let url = reqwest::Url::parse(text.trim()).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let written = url.map(|url| url.origin().ascii_serialization()).filter(|written| written == text.trim());
    let value = written.and_then(|written| HeaderValue::from_str(&written).ok());
    value.ok_or_else(|| format!("{text:?} is not an origin such as https://app.example: no path, no wildcard"))
}

/// Where the journal is.
#[derive(Debug, Clone, clap::Args)]
pub struct JournalSettings {
    /// Address of the journal; https://qsl-journal.NAMESPACE.svc when left out.
    #[arg(long, env = "GATEWAY_JOURNAL_URL")]
    pub journal_url: Option<String>,
    /// The mounted CA (PEM) that signed the journal's certificate.
    #[arg(long, env = "GATEWAY_JOURNAL_CA", default_value = "/etc/qsl-journal-ca/ca.crt")]
    pub journal_ca: PathBuf,
}

/// The identity provider, and what its tokens say where.
#[derive(Debug, Clone, clap::Args)]
pub struct OidcSettings {
    /// The issuer: its /.well-known/openid-configuration is read, and tokens must name it.
    #[arg(long = "oidc-issuer", env = "GATEWAY_OIDC_ISSUER")]
    pub issuer: String,
    /// The audience that tokens must be made for.
    #[arg(long = "oidc-audience", env = "GATEWAY_OIDC_AUDIENCE")]
    pub audience: String,
    /// The algorithms that tokens may be signed with; asymmetric ones alone.
    #[arg(
        long = "oidc-algorithms",
        env = "GATEWAY_OIDC_ALGORITHMS",
        default_value = "RS256,ES256",
        value_delimiter = ',',
        value_parser = asymmetric
    )]
    pub algorithms: Vec<Algorithm>,
    /// The claim that names the user.
    #[arg(long = "oidc-user-claim", env = "GATEWAY_OIDC_USER_CLAIM", default_value = "sub")]
    pub user_claim: String,
    /// The claim that names the tenant.
    #[arg(long = "oidc-tenant-claim", env = "GATEWAY_OIDC_TENANT_CLAIM", default_value = "tenant_id")]
    pub tenant_claim: String,
    /// The claim with the scopes: a text with spaces, or a list.
    #[arg(long = "oidc-scope-claim", env = "GATEWAY_OIDC_SCOPE_CLAIM", default_value = "scope")]
    pub scope_claim: String,
    /// A mounted CA (PEM) that signed the issuer's certificate; the system's authorities when left out.
    #[arg(long = "oidc-ca", env = "GATEWAY_OIDC_CA")]
    pub ca: Option<PathBuf>,
}

fn asymmetric(text: &str) -> Result<Algorithm, String> {
    match text.trim().parse() {
        Ok(Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512) | Err(_) => {
            Err(format!("{text:?} is not an asymmetric algorithm such as RS256 or ES256"))
        }
        Ok(algorithm) => Ok(algorithm),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use clap::Parser as _;

    use super::*;

    fn parse(flag: &str, value: &str) -> Result<Settings, clap::Error> {
        let arguments =
            ["gateway", "--namespace", "ops", "--oidc-issuer", "https://id.example", "--oidc-audience", "events"];
        Settings::try_parse_from(arguments.into_iter().chain([flag, value]))
    }

    #[test]
    fn only_asymmetric_algorithms_can_be_configured() {
        let parse = |algorithms| parse("--oidc-algorithms", algorithms);
        assert_eq!(parse("RS256, ES256").unwrap().oidc.algorithms, [Algorithm::RS256, Algorithm::ES256]);
        for bad in ["HS256", "none", "RS256,HS512", ""] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_origin_is_one_as_browsers_write_it() {
        let parse = |origins| parse("--cors-origins", origins);
        let two = parse("https://app.example, http://localhost:3000").unwrap().entrance.cors_origins;
        assert_eq!(two, ["https://app.example", "http://localhost:3000"]);
        for bad in
            ["*", "null", "app.example", "https://app.example/", "https://app.example:443", "HTTPS://app.example"]
        {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn proxies_are_ranges_and_limits_let_somebody_in() {
        assert_eq!(parse("--trusted-proxies", "10.0.0.0/8, fd00::/8").unwrap().entrance.trusted_proxies.len(), 2);
        assert!(parse("--trusted-proxies", "10.0.0.1").is_err());
        for limit in ["--connections", "--streams-per-user", "--streams-per-address"] {
            assert!(parse(limit, "0").is_err() && parse(limit, "1").is_ok(), "{limit}");
        }
    }
}
