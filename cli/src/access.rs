//! How the tools get in: they hold no credential, and act as a service account for a few minutes at a time.
//!
//! In: a kubeconfig whose user may create `serviceaccounts/token` of that account. Out: what the account may do: roles in
//! AWS ([`aws`]), our services ([`forward`] leads to them), the signed configuration of a namespace ([`configuration`]),
//! which says where all of that is. [`token`] takes the tokens, each good at one of them only.

pub mod account;
pub mod aws;
pub mod configuration;
mod forward;
mod token;

use std::net::SocketAddr;

use aws_config::SdkConfig;
use eventing::config::ServicesConfig;
use eventing_http::Service;

use crate::cluster::{Cluster, ClusterArgs};
use crate::failure::Failure;
use account::ServiceAccount;
use forward::Forward;

/// The service accounts' audience for the signature service.
const SIGNATURE_SERVICE: &str = "signature-service.eventing.qsl.dev";
/// The service accounts' audience for the journal.
const JOURNAL: &str = "journal.eventing.qsl.dev";
/// The account that the chart makes for the tools.
const TOOLS: &str = "qsl-tools";

/// Which cluster, and as whom.
#[derive(clap::Args, Debug, Clone)]
pub struct AccessArgs {
    #[command(flatten)]
    cluster: ClusterArgs,
    /// The service account to act as; qsl-tools of the release's namespace when absent. You need the right to create
    /// serviceaccounts/token of it.
    #[arg(long = "as", value_name = "NAMESPACE/NAME")]
    account: Option<ServiceAccount>,
    /// The namespace that the chart is installed in.
    #[arg(long, value_name = "NAMESPACE", env = "QSL_RELEASE_NAMESPACE", default_value = "qsl-system")]
    release_namespace: String,
    /// Where the signature service is reached, instead of by a port-forward of our own; its certificate is checked all
    /// the same.
    #[arg(long, value_name = "ADDRESS:PORT", env = "QSL_SIGNATURE_SERVICE")]
    signature_service: Option<SocketAddr>,
    /// Where the journal is reached, instead of by a port-forward of our own; its certificate is checked all the same.
    #[arg(long, value_name = "ADDRESS:PORT", env = "QSL_JOURNAL")]
    journal: Option<SocketAddr>,
}

/// A cluster, and the account to act as in it.
#[derive(Clone)]
pub struct Access {
    /// The cluster, as the kubeconfig's user.
    pub cluster: Cluster,
    /// Who acts.
    pub account: ServiceAccount,
    release_namespace: String,
    signature_service: Option<SocketAddr>,
    journal: Option<SocketAddr>,
    args: ClusterArgs,
}

/// One of our services, as long as this lives.
pub struct Reached {
    /// A client of it, with tokens of the account.
    pub service: Service,
    _forward: Option<Forward>,
    _tokens: token::Renewal,
}

impl AccessArgs {
    /// Reads the kubeconfig; nothing is asked of anybody yet.
    pub async fn connect(&self) -> Result<Access, Failure> {
        let tools = || ServiceAccount { namespace: self.release_namespace.clone(), name: TOOLS.to_owned() };
        Ok(Access {
            cluster: self.cluster.connect().await?,
            account: self.account.clone().unwrap_or_else(tools),
            release_namespace: self.release_namespace.clone(),
            signature_service: self.signature_service,
            journal: self.journal,
            args: self.cluster.clone(),
        })
    }
}

impl Access {
    /// The namespace that the chart is installed in.
    pub fn release_namespace(&self) -> &str {
        &self.release_namespace
    }

    /// A configuration of the SDK with a role that trusts the account.
    pub async fn role(&self, role_arn: &str, region: &str) -> SdkConfig {
        aws::role(self, role_arn, region).await
    }

    /// The signature service, at the address and with the CA that the root signed.
    pub async fn signature_service(&self, services: &ServicesConfig) -> Result<Reached, Failure> {
        let ServicesConfig { signature_service: url, ca, .. } = services;
        self.reach("qsl-signature-service", SIGNATURE_SERVICE, url, ca, self.signature_service).await
    }

    /// The journal, likewise.
    pub async fn journal(&self, services: &ServicesConfig) -> Result<Reached, Failure> {
        self.reach("qsl-journal", JOURNAL, &services.journal, &services.ca, self.journal).await
    }

    async fn reach(
        &self,
        name: &str,
        audience: &'static str,
        url: &str,
        ca: &str,
        address: Option<SocketAddr>,
    ) -> Result<Reached, Failure> {
        let tokens = token::renewed(self, audience).await?;
        let (address, forward) = if let Some(address) = address {
            (address, None)
        } else {
            let forward = Forward::open(&self.args, &self.release_namespace, name, 443).await?;
            (forward.address, Some(forward))
        };
        let service = Service::through(url, ca, tokens.bearer(), address);
        let service = service.map_err(|error| Failure::Usage(format!("the address of {name}: {error}")))?;
        Ok(Reached { service, _forward: forward, _tokens: tokens })
    }
}
