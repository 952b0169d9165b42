//! The cluster that a subcommand asks, as kubectl would find it.

use std::path::PathBuf;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config, Resource};

use crate::failure::Failure;

/// Which cluster, and whose objects.
#[derive(clap::Args, Debug)]
pub struct Place {
    /// The kubeconfig; as for kubectl, $KUBECONFIG and then ~/.kube/config when absent.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The kubeconfig's context; its current one when absent.
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// The namespace; the context's when absent.
    #[arg(long, short, value_name = "NAME", conflicts_with = "all_namespaces")]
    namespace: Option<String>,
    /// All namespaces.
    #[arg(long, short = 'A')]
    all_namespaces: bool,
}

/// A cluster, and where in it to look.
pub struct Cluster {
    /// Its API server.
    pub client: Client,
    /// The namespace; all of them when absent.
    pub namespace: Option<String>,
}

impl Place {
    /// Finds it; nothing is asked of it yet.
    ///
    /// # Errors
    /// When there is no usable kubeconfig.
    pub async fn find(&self) -> Result<Cluster, Failure> {
        // A second one is the first: nothing is wrong then.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
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
        let namespace = self.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let client = Client::try_from(config).map_err(|error| unusable(error.to_string()))?;
        Ok(Cluster { client, namespace: (!self.all_namespaces).then_some(namespace) })
    }
}

impl Cluster {
    /// Why objects of a kind could not be listed, with what to do about it.
    pub fn not_listed<K: Resource<DynamicType = ()>>(&self, error: &kube::Error) -> Failure {
        let kinds = format!("{}.{}", K::plural(&()), K::group(&()));
        let place = match &self.namespace {
            Some(namespace) => format!("namespace {namespace}"),
            None => "all namespaces".to_owned(),
        };
        let help = match error {
            kube::Error::Api(status) if status.code == 403 => {
                "; whoever has the ClusterRole view there may read them".to_owned()
            }
            kube::Error::Api(status) if status.code == 404 => {
                "; does the cluster have the CustomResourceDefinitions of QSL Eventing?".to_owned()
            }
            _ => String::new(),
        };
        Failure::Cluster(format!("cannot list {kinds} in {place}: {error}{help}"))
    }
}
