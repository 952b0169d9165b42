//! `qsl-operator before-uninstall`: what Helm runs before it takes the release away.
//!
//! The four kinds' objects carry a finalizer that the operator alone takes away. Left behind without one they cannot be
//! deleted, and neither can their namespaces. So an uninstallation stops while there are objects, and names them; or, told
//! to keep what is in AWS, it stops the operator for good and takes the finalizers away.

use std::{fmt, time::Duration};

use clap::Parser;
use crds::{EventBus, EventRule, Eventing, InboxQueue, SigningKey};
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod};
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, Patch, PatchParams},
};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::runner::finalizer;

/// The word after the program's name.
pub const COMMAND: &str = "before-uninstall";
/// The operator's Deployment, and the label of its pods.
const OPERATOR: &str = "qsl-operator";
/// How many are read at once.
const PAGE: u32 = 500;
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// Looks whether the release may go: fails, and names them, while there are objects of ours; their finalizers wait for an
/// operator.
#[derive(Parser, Clone, Debug)]
#[command(name = "qsl-operator before-uninstall", version)]
pub struct Args {
    /// Namespace that the release is installed in.
    #[arg(long, env = "QSL_RELEASE_NAMESPACE", default_value = "qsl-system")]
    pub release_namespace: String,
    /// Keep objects and what they made in AWS: stop the operator, and take the finalizers away.
    #[arg(long, env = "QSL_KEEP_AWS")]
    pub keep_aws: bool,
    /// The command that brings the release back when it may not go: Helm has it as one that is being uninstalled then, and
    /// without a revision takes the one before.
    #[arg(long, env = "QSL_BRING_BACK", default_value = "helm rollback qsl-eventing REVISION")]
    pub bring_back: String,
    /// Seconds that the operator's pods may take to end.
    #[arg(long, env = "QSL_STOP_SECONDS", default_value_t = 90)]
    pub stop_seconds: u64,
}

/// Why the release may not go.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// There are objects.
    #[error(
        "{objects}Delete them, and what they made in AWS goes with them: kubectl delete \
         eventrules,inboxqueues,signingkeys,eventbuses --all --all-namespaces. Or keep them, and what is in AWS: bring the \
         release back ({bring_back}), set uninstall.keepAws by helm upgrade --reuse-values --set uninstall.keepAws=true with \
         the chart of its version, and helm uninstall again."
    )]
    Present {
        /// Which.
        objects: Objects,
        /// What brings the release back.
        bring_back: String,
    },
    /// The operator's pods did not end.
    #[error("the operator's pods did not end within {seconds} s: {pods}; it would put the finalizers back")]
    Running {
        /// How long they were waited for.
        seconds: u64,
        /// Their names.
        pods: String,
    },
    /// Kubernetes did not do it.
    #[error("cannot {doing}: {source}")]
    Kubernetes {
        /// What.
        doing: String,
        /// Why.
        source: kube::Error,
    },
}

/// Objects that are in the way.
#[derive(Debug)]
pub struct Objects(Vec<String>);

impl fmt::Display for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let objects = &self.0;
        writeln!(f, "{} objects are there, whose finalizers wait for the operator:", objects.len())?;
        for object in objects {
            writeln!(f, "  {object}")?;
        }
        Ok(())
    }
}

/// Whether the release may go; where AWS is kept, makes that so.
pub async fn run(client: &Client, args: &Args) -> Result<(), Refusal> {
    if args.keep_aws {
        stop(client, args).await?;
        let mut freed = 0;
        freed += free::<EventRule>(client).await?;
        freed += free::<InboxQueue>(client).await?;
        freed += free::<SigningKey>(client).await?;
        freed += free::<EventBus>(client).await?;
        tracing::info!(objects = freed, "finalizers taken away; what is in AWS stays");
        return Ok(());
    }
    let mut objects = named::<EventBus>(client).await?;
    objects.extend(named::<EventRule>(client).await?);
    objects.extend(named::<InboxQueue>(client).await?);
    objects.extend(named::<SigningKey>(client).await?);
    if objects.is_empty() {
        return Ok(());
    }
    Err(Refusal::Present { objects: Objects(objects), bring_back: args.bring_back.clone() })
}

/// Every object of a kind, a page at a time.
async fn all<K: Eventing>(client: &Client) -> Result<Vec<K>, Refusal> {
    let (api, mut objects) = (Api::<K>::all(client.clone()), Vec::new());
    let mut page = ListParams::default().limit(PAGE);
    loop {
        let list = api.list(&page).await.map_err(|source| refused(format!("list {}", K::plural(&())), source))?;
        objects.extend(list.items);
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => return Ok(objects),
        }
    }
}

async fn named<K: Eventing>(client: &Client) -> Result<Vec<String>, Refusal> {
    let objects = all::<K>(client).await?;
    Ok(objects.iter().map(|object| format!("{} {}", K::kind(&()), place(object))).collect())
}

fn place<K: Eventing>(object: &K) -> String {
    format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any())
}

fn refused(doing: String, source: kube::Error) -> Refusal {
    Refusal::Kubernetes { doing, source }
}

/// Stops the operator, which would put the finalizers back.
async fn stop(client: &Client, args: &Args) -> Result<(), Refusal> {
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), &args.release_namespace);
    let none = Patch::Merge(json!({"spec": {"replicas": 0}}));
    match deployments.patch_scale(OPERATOR, &PatchParams::default(), &none).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.is_not_found() => {}
        Err(source) => return Err(refused(format!("stop deployment {OPERATOR}"), source)),
    }
    let pods: Api<Pod> = Api::namespaced(client.clone(), &args.release_namespace);
    let its = ListParams::default().labels(&format!("app.kubernetes.io/name={OPERATOR}"));
    let until = Instant::now() + Duration::from_secs(args.stop_seconds);
    loop {
        let left = pods.list(&its).await.map_err(|source| refused("list the operator's pods".to_owned(), source))?;
        if left.items.is_empty() {
            return Ok(());
        }
        if Instant::now() >= until {
            let pods: Vec<String> = left.items.iter().map(ResourceExt::name_any).collect();
            return Err(Refusal::Running { seconds: args.stop_seconds, pods: pods.join(", ") });
        }
        sleep(BETWEEN_LOOKS).await;
    }
}

/// Takes the finalizer away from every object of a kind, and says of how many.
async fn free<K: Eventing>(client: &Client) -> Result<usize, Refusal> {
    let mut freed = 0;
    for object in all::<K>(client).await?.iter().filter(|object| finalizer::present(*object)) {
        let api = Api::<K>::namespaced(client.clone(), &object.namespace().unwrap_or_default());
        let doing = || format!("take the finalizer of {} {} away", K::kind(&()), place(object));
        finalizer::remove(&api, object).await.map_err(|source| refused(doing(), source))?;
        freed += 1;
    }
    Ok(freed)
}
