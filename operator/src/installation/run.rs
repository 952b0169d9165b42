//! The round: everything of the first start, again and again, and what it found for those who need it.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use kube::Client;
use rand::Rng as _;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::{
    Root, authority,
    certificates::{CertificateError, Identity},
    root,
    serving::{self, Service},
    webhooks,
};
use crate::{pods::Told, publication::documents::Signer, runner::record::Events, secrets::Secrets};

/// Between two rounds once all is well; jittered by a fifth. Short against [`SETTLE`](super::root::plan::SETTLE), which
/// counts on every replica having looked.
const ROUND: Duration = Duration::from_mins(1);
/// Between two rounds while a webhook configuration is absent.
const UNTRUSTED: Duration = Duration::from_secs(5);
/// Between two attempts while it is not; doubled up to the round.
const RETRY: Duration = Duration::from_secs(1);

/// What keeps the first start from being done. All of it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The API server refused or was away.
    #[error("Kubernetes: {0}")]
    Kubernetes(#[from] kube::Error),
    /// A certificate could not be made or read.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// A Secret of ours lacks something. It is not replaced: somebody may have to restore it.
    #[error(
        "Secret {secret} is damaged: its '{key}' is absent or cannot be read; restore it, or delete the Secret for a new one"
    )]
    Damaged {
        /// The Secret.
        secret: &'static str,
        /// The part of its data.
        key: &'static str,
    },
    /// No key could be made.
    #[error("no root key could be made: {0}")]
    Key(String),
    /// A change could not be written down.
    #[error("a patch could not be written: {0}")]
    Patch(#[from] serde_json::Error),
}

/// What stands after a round.
#[derive(Clone)]
pub struct Installed {
    /// The root key that signs.
    pub root: Arc<Root>,
    /// The public keys of other roots that verifiers are to know: during a rotation the next or the last one.
    pub other_roots: Vec<Vec<u8>>,
    /// The authorities that sign our services' certificates, in PEM.
    pub authorities: String,
    /// What the webhooks serve with; nothing where cert-manager makes it.
    pub webhook: Option<ServingIdentity>,
    /// Whether both webhook configurations are there and carry authorities.
    pub trusted: bool,
}

/// A serving certificate and its key, in PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct ServingIdentity {
    /// The certificate.
    pub certificate: String,
    /// Its private key.
    pub key: Zeroizing<String>,
}

impl Installed {
    /// The hashes of the roots that verifiers accept, in lower-case hex.
    pub fn root_hashes(&self) -> Vec<String> {
        [self.root.sha256().to_owned()]
            .into_iter()
            .chain(self.other_roots.iter().map(|other| root::hash(other)))
            .collect()
    }

    /// Who signs documents, and whose signatures count besides.
    pub fn signer(&self) -> Signer<'_> {
        Signer { root: &self.root, others: &self.other_roots }
    }

    fn same(&self, other: &Self) -> bool {
        self.root.sha256() == other.root.sha256()
            && self.other_roots == other.other_roots
            && self.authorities == other.authorities
            && self.webhook == other.webhook
            && self.trusted == other.trusted
    }
}

/// Who makes and rotates the webhooks' certificate and has the API server trust it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum WebhookCertificates {
    /// The operator.
    #[default]
    Operator,
    /// cert-manager: the operator serves what is mounted, and leaves the webhook configurations alone.
    CertManager,
}

/// Where and under which names everything is kept.
#[derive(Clone)]
pub struct Installation {
    /// The API server.
    pub client: Client,
    /// The release's namespace.
    pub namespace: String,
    /// The namespace of the key sets.
    pub key_namespace: String,
    /// The name of both webhook configurations.
    pub webhook_configuration: String,
    /// Hosts of the webhooks' certificate besides its Service's.
    pub webhook_hosts: Vec<String>,
    /// Who makes the webhooks' certificate.
    pub webhook_certificates: WebhookCertificates,
    /// For what a person should know.
    pub events: Events,
    /// The pods that were told of a root that they do not know.
    pub told: Told,
}

impl Installation {
    /// One round: makes what is missing and renews what is due.
    pub async fn ensure(&self, now: Timestamp) -> Result<Installed, InstallError> {
        let secrets = Secrets::new(self.client.clone(), &self.namespace);
        let keeper = root::Keeper {
            client: &self.client,
            namespace: &self.namespace,
            key_namespace: &self.key_namespace,
            events: &self.events,
            told: &self.told,
        };
        let roots = keeper.ensure(now).await?;
        let authority = authority::ensure(&secrets, now).await?;
        // First who is trusted, then what is signed by them: nothing is served that the API server does not trust yet.
        let (trusted, services) = match self.webhook_certificates {
            WebhookCertificates::Operator => {
                let trusted =
                    webhooks::ensure(&self.client, &self.webhook_configuration, &authority.certificate).await?;
                (trusted, Service::ALL.as_slice())
            }
            WebhookCertificates::CertManager => {
                let trusted = webhooks::are_trusted(&self.client, &self.webhook_configuration).await?;
                (trusted, Service::BESIDE_THE_WEBHOOKS.as_slice())
            }
        };
        let mut webhook = None;
        for service in services.iter().copied() {
            let identity = serving::ensure(&secrets, service, &self.hosts(service), &authority, now).await?;
            if service == Service::Webhook {
                let Identity { certificate, key } = identity;
                webhook = Some(ServingIdentity { certificate, key });
            }
        }
        let other_roots = roots.other.into_iter().collect();
        Ok(Installed {
            root: Arc::new(roots.signing),
            other_roots,
            authorities: authority.certificate,
            webhook,
            trusted,
        })
    }

    /// Goes round until `shutdown`, and tells `installed` whatever changed. It never gives up.
    pub async fn run(self, installed: watch::Sender<Option<Installed>>, shutdown: CancellationToken) {
        let mut pause = RETRY;
        while !shutdown.is_cancelled() {
            let wait = match self.ensure(Timestamp::now()).await {
                Ok(found) => {
                    pause = RETRY;
                    let round = if found.trusted { ROUND } else { UNTRUSTED };
                    installed.send_if_modified(|present| {
                        let changed = present.as_ref().is_none_or(|present| !present.same(&found));
                        if changed {
                            tracing::info!(root_sha256 = found.root.sha256(), "root key and certificates stand");
                            *present = Some(found);
                        }
                        changed
                    });
                    round.mul_f64(rand::rng().random_range(0.8..1.2))
                }
                Err(error) => {
                    tracing::warn!(%error, "root key and certificates are not all there; trying again");
                    let wait = pause.mul_f64(rand::rng().random_range(0.8..1.2));
                    pause = (pause * 2).min(ROUND);
                    wait
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = shutdown.cancelled() => {}
            }
        }
    }

    fn hosts(&self, service: Service) -> Vec<String> {
        let mut hosts = service.hosts(&self.namespace);
        if service == Service::Webhook {
            hosts.extend(self.webhook_hosts.iter().cloned());
        }
        hosts
    }
}
