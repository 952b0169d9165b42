//! The cluster: which one, as whom, and what its refusals mean.

use std::ffi::OsString;
use std::fmt::{Debug, Display};
use std::future::Future;
use std::path::PathBuf;

use k8s_openapi::NamespaceResourceScope;
use kube::api::ListParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config, Resource};
use serde::de::DeserializeOwned;

use crate::failure::Failure;

/// How many objects come in one answer.
const PAGE: u32 = 500;

/// Which cluster, as kubectl has it.
#[derive(clap::Args, Debug, Clone)]
pub struct ClusterArgs {
    /// The kubeconfig; as for kubectl, $KUBECONFIG or ~/.kube/config when absent.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig; its current one when absent.
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
}

/// Which namespaces of which cluster, as kubectl has it.
#[derive(clap::Args, Debug)]
pub struct ScopeArgs {
    #[command(flatten)]
    cluster: ClusterArgs,
    /// The namespace; the context's when absent.
    #[arg(long, short, value_name = "NAME", conflicts_with = "all_namespaces")]
    namespace: Option<String>,
    /// All namespaces.
    #[arg(long, short = 'A')]
    all_namespaces: bool,
}

/// What of a cluster one looks at.
pub struct Scope {
    client: Client,
    /// One namespace, or all.
    pub namespace: Option<String>,
}

impl ScopeArgs {
    /// As [`ClusterArgs::connect`].
    ///
    /// # Errors
    /// The same.
    pub async fn connect(&self) -> Result<Scope, Failure> {
        let Cluster { client, namespace } = self.cluster.connect().await?;
        let namespace = (!self.all_namespaces).then(|| self.namespace.clone().unwrap_or(namespace));
        Ok(Scope { client, namespace })
    }
}

impl Scope {
    /// Speaks to the API server as the kubeconfig's user.
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// The objects of a kind there.
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        match &self.namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        }
    }

    /// All objects of a kind that these fields select, page by page.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn all<K>(&self, fields: &str) -> Result<Vec<K>, Failure>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    {
        let (api, place) = (self.api::<K>(), self.place());
        let mut params = ListParams::default().limit(PAGE).fields(fields);
        let mut objects = Vec::new();
        loop {
            let listing = failed(format!("list {} in {place}", K::plural(&())));
            let page = api.list(&params).await.map_err(listing)?;
            objects.extend(page.items);
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params.continue_token = Some(token),
                None => return Ok(objects),
            }
        }
    }

    /// Where that is, after "in".
    pub fn place(&self) -> String {
        self.namespace.as_ref().map_or_else(|| "all namespaces".to_owned(), |name| format!("namespace {name}"))
    }
}

/// A cluster one may speak to.
#[derive(Clone)]
pub struct Cluster {
    /// Speaks to the API server as the kubeconfig's user.
    pub client: Client,
    /// The context's own namespace.
    pub namespace: String,
}

impl ClusterArgs {
    /// The same for kubectl.
    pub fn to_kubectl(&self) -> Vec<OsString> {
        let kubeconfig = self.kubeconfig.iter().flat_map(|path| ["--kubeconfig".into(), path.clone().into()]);
        let context = self.context.iter().flat_map(|name| ["--context".into(), name.into()]);
        kubeconfig.chain(context).collect()
    }

    /// Reads the kubeconfig; nothing is asked of the API server yet.
    ///
    /// # Errors
    /// When there is no such kubeconfig or context: a wrong call.
    pub async fn connect(&self) -> Result<Cluster, Failure> {
        let unusable = |why: String| Failure::Usage(format!("no cluster to ask: {why}; --kubeconfig names one"));
        let options = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        let config = match &self.kubeconfig {
            Some(path) => {
                let kubeconfig = Kubeconfig::read_from(path).map_err(|error| unusable(error.to_string()))?;
                Config::from_custom_kubeconfig(kubeconfig, &options).await
            }
            None => Config::from_kubeconfig(&options).await,
        };
        let config = config.map_err(|error| unusable(error.to_string()))?;
        let namespace = config.default_namespace.clone();
        let client = Client::try_from(config).map_err(|error| unusable(error.to_string()))?;
        Ok(Cluster { client, namespace })
    }
}

/// A call to the API server that failed, in words; `doing` comes after "cannot".
pub fn failed(doing: impl Display) -> impl FnOnce(kube::Error) -> Failure {
    move |error| told(&doing.to_string(), &error)
}

fn told(doing: &str, error: &kube::Error) -> Failure {
    let kube::Error::Api(answer) = error else {
        return Failure::Remote { doing: doing.to_owned(), why: chain(error) };
    };
    let said = answer.message.trim();
    let why = match answer.code {
        401 => format!("the API server does not know who you are ({said}); log in again, or name another --context"),
        403 => format!("{said}; ask for that right (RBAC), or name another --context"),
        // A kind that is not there is answered as a page, not as an object.
        404 if said.contains("the server could not find") || said.contains("page not found") => {
            format!("{said}; does the cluster have the CustomResourceDefinitions of QSL Eventing?")
        }
        404 | 409 | 422 => return Failure::Usage(format!("cannot {doing}: {said}")),
        code => format!("the API server answered {code}: {said}"),
    };
    Failure::Remote { doing: doing.to_owned(), why }
}

/// An error and what it came from, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        // Some errors quote what they came from.
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = error.source();
    }
    text
}

/// Runs what waits for others to its end.
///
/// # Errors
/// What it failed with, or that it could not be started.
pub fn run<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    // An error means that a provider is installed already, which is all that is wanted.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(Failure::of("start"))?.block_on(work)
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    fn answer(code: u16, message: &str) -> String {
        let status = Status { code, message: message.to_owned(), ..Status::default() };
        told("list SigningKeys", &kube::Error::Api(Box::new(status))).to_string()
    }

    #[test]
    fn a_refusal_says_what_would_be_right() {
        for (code, message, expected) in [
            (401, "Unauthorized", "log in again"),
            (403, "User \"mo\" cannot list \"signingkeys\"", "cannot list \"signingkeys\"; ask for that right (RBAC)"),
            (404, "404 page not found", "does the cluster have the CustomResourceDefinitions"),
            (404, "inboxqueues \"arrivals\" not found", "cannot list SigningKeys: inboxqueues \"arrivals\" not found"),
            (503, "etcd is away", "the API server answered 503: etcd is away"),
        ] {
            let said = answer(code, message);
            assert!(said.starts_with("cannot list SigningKeys: ") && said.contains(expected), "{code}: {said}");
        }
    }
}
