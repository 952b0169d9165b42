//! The flags, each with its environment variable.

use std::net::SocketAddr;
use std::path::PathBuf;

use jsonwebtoken::Algorithm;

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
    /// How people sign in on the page.
    #[command(flatten)]
    pub sign_in: SignInSettings,
}

/// How people sign in on the page: by authorization code with PKCE, as a public client.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct SignInSettings {
    /// The page's client at the issuer: a public one, whose redirect URI is the page's own address. Without it nobody
    /// can sign in on the page; the rest of the interface works.
    #[arg(long = "oidc-client-id", env = "GATEWAY_OIDC_CLIENT_ID")]
    pub client_id: Option<String>,
    /// The scopes that the page asks for; openid must be among them.
    #[arg(long = "oidc-scopes", env = "GATEWAY_OIDC_SCOPES", default_value = "openid,profile", value_delimiter = ',')]
    pub scopes: Vec<String>,
    /// Parameters that the issuer wants with the request besides OpenID Connect's own, such as audience=qsl-eventing.
    #[arg(
        long = "oidc-authorize-parameters",
        env = "GATEWAY_OIDC_AUTHORIZE_PARAMETERS",
        value_delimiter = ',',
        value_parser = parameter
    )]
    pub authorize_parameters: Vec<(String, String)>,
}

fn parameter(text: &str) -> Result<(String, String), String> {
    match text.trim().split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("{text:?} is not NAME=VALUE")),
    }
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

    fn parse(algorithms: &str) -> Result<Settings, clap::Error> {
        let arguments =
            ["gateway", "--namespace", "ops", "--oidc-issuer", "https://id.example", "--oidc-audience", "events"];
        Settings::try_parse_from(arguments.into_iter().chain(["--oidc-algorithms", algorithms]))
    }

    #[test]
    fn only_asymmetric_algorithms_can_be_configured() {
        assert_eq!(parse("RS256, ES256").unwrap().oidc.algorithms, [Algorithm::RS256, Algorithm::ES256]);
        for bad in ["HS256", "none", "RS256,HS512", ""] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_an_issuer_wants_besides_is_named_and_has_a_value() {
        assert_eq!(parameter("audience=a=b"), Ok(("audience".to_owned(), "a=b".to_owned())));
        for bad in ["", "audience", "=events"] {
            assert!(parameter(bad).is_err(), "{bad}");
        }
    }
}
