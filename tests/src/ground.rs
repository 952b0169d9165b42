//! The system under a run that is judged: the parts it is made of, and how each is reached.

use std::path::Path;

use anyhow::Context as _;
use aws_sdk_sqs::types::QueueAttributeName;
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, ResourceExt};
use serde::de::DeserializeOwned;

use crate::cloud::Cloud;
use crate::environment::Endpoints;
use crate::forward::Kubectl;

/// Namespace of the bus and its keys, with the bus's name.
pub(crate) const BUS: (&str, &str) = ("platform", "qsl-core");
/// The SigningKey of `qsl.payment`.
pub(crate) const SIGNING_KEY: &str = "payments";
/// Namespace of the private keys.
pub(crate) const KEYS: &str = "qsl-keys";

/// Everybody who verifies events of the examples' bus.
pub(crate) const CONSUMERS: [Consumer; 5] =
    [Consumer::Treasury, Consumer::Compliance, Consumer::Notification, Consumer::Journal, Consumer::Gateway];

/// Who verifies events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Consumer {
    /// A sidecar.
    Treasury,
    /// A sidecar, whose inbox is paused in some rounds.
    Compliance,
    /// A sidecar.
    Notification,
    /// The journal.
    Journal,
    /// The gateway, by its inbox of client updates.
    Gateway,
}

impl Consumer {
    /// Its name, which is its namespace too where it is an example service.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Treasury => "treasury",
            Self::Compliance => "compliance",
            Self::Notification => "notification",
            Self::Journal => "journal",
            Self::Gateway => "gateway",
        }
    }

    /// Whether it hands events to an example service, which shows what it handled.
    pub(crate) const fn is_sidecar(self) -> bool {
        !matches!(self, Self::Journal | Self::Gateway)
    }

    /// Its inbox's queue.
    pub(crate) fn queue(self) -> String {
        let inbox = if self == Self::Gateway { "clientupdates" } else { self.name() };
        format!("qsl-{inbox}-inbox")
    }

    /// That queue's dead letters.
    pub(crate) fn dead_letters(self) -> String {
        format!("{}-dlq", self.queue())
    }
}

/// A running system, with the examples on it.
#[derive(Clone)]
pub struct Ground {
    /// The cluster, for port-forwards.
    pub kubectl: Kubectl,
    /// The cluster.
    pub client: Client,
    /// AWS.
    pub cloud: Cloud,
    /// The release's namespace.
    pub release: String,
    /// The identity provider's.
    pub identity: String,
    /// The correlation of this run's events.
    pub run: String,
}

impl Ground {
    /// The system that `endpoints` names, for a run of this name.
    ///
    /// # Errors
    /// When its kubeconfig is none.
    pub async fn connect(endpoints: &Endpoints, run: &str) -> anyhow::Result<Self> {
        Ok(Self {
            kubectl: Kubectl::new(&endpoints.kubeconfig),
            client: client(&endpoints.kubeconfig).await?,
            cloud: Cloud::new(&endpoints.aws, &endpoints.region).await,
            release: endpoints.release_namespace.clone(),
            identity: endpoints.identity_namespace.clone(),
            run: format!("c-{run}-{}", jiff::Timestamp::now().as_millisecond()),
        })
    }

    /// Objects of the bus's namespace.
    pub(crate) fn platform<K>(&self) -> Api<K>
    where
        K: kube::Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), BUS.0)
    }

    /// The names of a consumer's pods, and the port of their metrics.
    pub(crate) async fn pods(&self, consumer: Consumer) -> anyhow::Result<(String, Vec<String>, u16)> {
        let name = consumer.name();
        let (namespace, selector, port) = if consumer.is_sidecar() {
            (name.to_owned(), format!("app={name}"), 15081)
        } else {
            (self.release.clone(), format!("app.kubernetes.io/name=qsl-{name}"), 8081)
        };
        let api: Api<Pod> = Api::namespaced(self.client.clone(), &namespace);
        let pods = api.list(&ListParams::default().labels(&selector)).await?;
        Ok((namespace, pods.iter().map(ResourceExt::name_any).collect(), port))
    }

    /// A page of a pod or Service, through the API server: `pods/NAME:PORT` or `services/NAME:PORT`.
    pub(crate) async fn page(&self, namespace: &str, target: &str, path: &str) -> anyhow::Result<String> {
        let uri = format!("/api/v1/namespaces/{namespace}/{target}/proxy/{path}");
        let request = http::Request::get(&uri).body(Vec::new())?;
        self.client.request_text(request).await.with_context(|| uri)
    }

    /// The same, as JSON.
    pub(crate) async fn json<T: DeserializeOwned>(
        &self,
        namespace: &str,
        target: &str,
        path: &str,
    ) -> anyhow::Result<T> {
        Ok(serde_json::from_str(&self.page(namespace, target, path).await?)?)
    }

    /// How many messages a consumer's inbox holds, those received and not deleted too.
    pub(crate) async fn depth(&self, consumer: Consumer) -> anyhow::Result<usize> {
        self.held(&consumer.queue()).await
    }

    /// The same of any queue.
    pub(crate) async fn held(&self, queue: &str) -> anyhow::Result<usize> {
        let counts = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ];
        let url = self.cloud.queue_url(queue).await?;
        let answer = self
            .cloud
            .sqs
            .get_queue_attributes()
            .queue_url(url)
            .set_attribute_names(Some(counts.to_vec()))
            .send()
            .await?;
        let attributes = answer.attributes.unwrap_or_default();
        Ok(counts.iter().filter_map(|count| attributes.get(count)?.parse::<usize>().ok()).sum())
    }
}

async fn client(kubeconfig: &Path) -> anyhow::Result<Client> {
    let kubeconfig = Kubeconfig::read_from(kubeconfig)?;
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}
