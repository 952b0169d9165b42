//! An inbox, opened to send to: what the root signed of it, its keys, and the role that may send, which the installation's
//! tools and its `redriveServiceAccounts[]` may take.

use crds::InboxQueue;
use crds::inbox_queue::InboxQueueStatus;
use eventing::config::InboxConfig;
use eventing::keyset::KeyRing;
use eventing::verify::Policy;
use kube::Api;

use crate::access::Access;
use crate::access::configuration::Configuration;
use crate::cluster::failed;
use crate::failure::Failure;

/// An inbox that may be sent to.
pub struct Opened {
    /// `NAMESPACE/NAME` of the InboxQueue.
    pub id: String,
    /// What the operator says of it.
    pub status: InboxQueueStatus,
    /// The service accounts that consume it.
    pub service_accounts: Vec<String>,
    /// What the root signed.
    pub config: InboxConfig,
    /// The keys of its buses.
    pub ring: KeyRing,
    /// How it judges.
    pub policy: Policy,
    /// SQS with its redrive role.
    pub client: aws_sdk_sqs::Client,
}

impl Opened {
    /// Opens `name` of `namespace`.
    pub async fn open(access: &Access, namespace: &str, name: &str) -> Result<Self, Failure> {
        let id = format!("{namespace}/{name}");
        let api: Api<InboxQueue> = Api::namespaced(access.cluster.client.clone(), namespace);
        let object = api.get(name).await.map_err(failed(format!("read InboxQueue {id}")))?;
        let status = object.status.unwrap_or_default();
        let role = status.redrive_role_arn.as_ref().ok_or_else(|| {
            Failure::Usage(format!("InboxQueue {id} has no redrive role yet: `kubectl -n {namespace} get inbox {name}` says what it waits for"))
        })?;
        let configuration = Configuration::read(access, namespace).await?;
        let config = configuration.inbox(name)?;
        let ring = configuration.keys(&config.buses)?;
        let policy = Policy::new(&config.verification, config.queue_arn.clone());
        let client = aws_sdk_sqs::Client::new(&access.role(role, &config.region).await);
        Ok(Self { id, service_accounts: object.spec.service_accounts, status, config, ring, policy, client })
    }
}
