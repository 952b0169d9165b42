//! The control plane, the operator, and how tests talk to them.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use crds::{EventBus, EventRule, Eventing, InboxQueue, SigningKey, conditions, object::CommonStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams},
};
use operator::{
    app::controllers::Controllers,
    runner::{Hub, metrics::Metrics},
};
use operator_core::{
    Aws, Installation, Tenancy,
    fake::FakeAws,
    tags::{self, Tags},
};
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use test_cluster::{ControlPlane, Kubectl};
use tokio_util::sync::CancellationToken;

use crate::support::{self, clock, define};
pub use crate::support::{client_of, eventually, place};

/// What namespaces of cases may do; those of `outsider` cases may do nothing.
const TENANCY: &str = r#"[
    {"namespaces": ["case*"], "namePrefixes": ["*"], "sources": ["*"]},
    {"namespaces": ["adopt*"], "namePrefixes": ["*"], "sources": ["*"], "adopt": "Named"},
    {"namespaces": ["tagged*"], "namePrefixes": ["*"], "sources": ["*"], "adopt": "Tagged"},
    {"namespaces": ["naming*"], "namePrefixes": ["*"], "sources": ["*"], "arns": ["*"]},
    {"namespaces": ["walk*"], "namePrefixes": ["*"], "sources": ["*"], "arns": ["*"], "adopt": "Named"}
]"#;

/// The control plane and the operator that runs on it.
pub struct Rig {
    plane: ControlPlane,
    pub fake: FakeAws,
}

impl Rig {
    /// A kubectl for it.
    pub fn kubectl(&self) -> Kubectl {
        self.plane.kubectl()
    }
}

/// The one of this program.
pub fn rig() -> &'static Rig {
    static RIG: OnceLock<Rig> = OnceLock::new();
    RIG.get_or_init(|| {
        eventing_service::install_crypto();
        let plane = ControlPlane::start().expect("a control plane");
        let place = place();
        let fake = FakeAws::new(&place, &clock());
        let (aws, kubeconfig) = (fake.aws(), plane.kubeconfig().to_owned());
        let (ready, started) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            runtime.block_on(async move {
                let client = client_of(&kubeconfig).await;
                install(&client).await;
                ready.send(()).expect("the rig waits");
                Box::pin(operate(client, aws, place, CancellationToken::new())).await;
            });
        });
        started.recv().expect("the operator starts");
        Rig { plane, fake }
    })
}

/// Runs hub and controllers until `stop`.
pub async fn operate(client: Client, aws: Aws, place: Installation, stop: CancellationToken) {
    Box::pin(operate_counted(client, aws, place, Metrics::new(&mut Registry::default()), stop)).await;
}

/// As [`operate`], counted in `metrics`.
pub async fn operate_counted(client: Client, aws: Aws, place: Installation, metrics: Metrics, stop: CancellationToken) {
    let (hub, watches) = Hub::new();
    let controllers = Controllers {
        client: client.clone(),
        hub,
        aws,
        place: Arc::new(place),
        tenancy: Arc::new(Tenancy::parse(TENANCY).unwrap()),
        metrics,
        pod: None,
        key_namespace: "qsl-keys".into(),
        keep: Duration::from_hours(28 * 24),
        // Nothing may depend on being looked at again.
        resync: Duration::from_hours(1),
        concurrency: 4,
    };
    let readiness = eventing_service::admin::Readiness::new();
    tokio::join!(watches.run(client, &readiness, stop.clone()), controllers.run(stop));
}

/// Applies the definitions and makes the namespace of the keys.
pub async fn install(client: &Client) {
    define(client).await;
    make_namespace(client, "qsl-keys").await;
}

pub async fn make_namespace(client: &Client, name: &str) {
    support::make_namespace(client, name, &json!({})).await;
}

/// A test's view: a client of its own runtime, and namespaces of its own.
pub struct Case {
    pub client: Client,
    prefix: String,
}

impl Case {
    /// A case with the operator of this program.
    pub async fn new() -> Self {
        Self::of("case").await
    }

    /// A case whose namespaces begin so: what they may do is said in [`TENANCY`].
    pub async fn of(prefix: &str) -> Self {
        let rig = tokio::task::spawn_blocking(rig).await.unwrap();
        let case = Self::with(client_of(rig.plane.kubeconfig()).await);
        Self { prefix: case.prefix.replace("case", prefix), ..case }
    }

    /// A case on another control plane.
    pub fn with(client: Client) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        Self { client, prefix: format!("case{}", NUMBER.fetch_add(1, Ordering::Relaxed)) }
    }

    /// A case on another control plane, with names like those of the case before it there.
    pub fn named_so(client: Client, prefix: &str) -> Self {
        Self { client, prefix: prefix.to_owned() }
    }

    /// The full name of a namespace of this case.
    pub fn namespace(&self, short: &str) -> String {
        format!("{}-{short}", self.prefix)
    }

    /// A name in AWS that is of this case alone.
    pub fn named(&self, short: &str) -> String {
        format!("{}-{short}", self.prefix)
    }

    /// Applies documents in YAML, in which `$` in front of a name stands for this case's prefix.
    pub async fn apply(&self, yaml: &str) {
        for document in self.documents(yaml) {
            let outcome = self.try_apply(&document).await;
            outcome.unwrap_or_else(|error| panic!("{document}: {error}"));
        }
    }

    pub fn documents(&self, yaml: &str) -> Vec<Value> {
        let yaml = yaml.replace('$', &format!("{}-", self.prefix));
        serde_yaml_ng::Deserializer::from_str(&yaml)
            .map(|document| serde::Deserialize::deserialize(document).unwrap())
            .collect()
    }

    pub async fn try_apply(&self, document: &Value) -> Result<(), kube::Error> {
        let namespace = document["metadata"]["namespace"].as_str().unwrap();
        make_namespace(&self.client, namespace).await;
        match document["kind"].as_str().unwrap() {
            "EventBus" => self.put::<EventBus>(document).await,
            "EventRule" => self.put::<EventRule>(document).await,
            "InboxQueue" => self.put::<InboxQueue>(document).await,
            "SigningKey" => self.put::<SigningKey>(document).await,
            other => panic!("unknown kind {other}"),
        }
    }

    async fn put<K: Eventing>(&self, document: &Value) -> Result<(), kube::Error> {
        let mut document = document.clone();
        document["apiVersion"] = json!("eventing.qsl.dev/v1alpha1");
        let api: Api<K> = Api::namespaced(self.client.clone(), document["metadata"]["namespace"].as_str().unwrap());
        let parameters = PatchParams::apply("tests").force().validation_strict();
        api.patch(document["metadata"]["name"].as_str().unwrap(), &parameters, &Patch::Apply(&document)).await.map(drop)
    }

    pub fn api<K: Eventing>(&self, short: &str) -> Api<K> {
        Api::namespaced(self.client.clone(), &self.namespace(short))
    }

    /// Deletes without waiting.
    pub async fn delete<K: Eventing>(&self, short: &str, name: &str) {
        self.api::<K>(short).delete(name, &DeleteParams::default()).await.unwrap();
    }

    pub async fn annotate<K: Eventing>(&self, short: &str, name: &str, key: &str, value: &str) {
        let patch = json!({"metadata": {"annotations": {key: value}}});
        self.api::<K>(short).patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }

    /// Waits until the condition has that status and reason, and returns it.
    pub async fn until<K: Eventing>(
        &self,
        short: &str,
        name: &str,
        type_: &str,
        status: &str,
        reason: &str,
    ) -> Condition {
        let api = self.api::<K>(short);
        let what = format!("{} {name}: {type_}={status} {reason}", K::KIND);
        eventually(&what, || async {
            let object = api.get(name).await.map_err(|error| error.to_string())?;
            let generation = object.meta().generation;
            let found = object.status().map(|status| status.conditions().to_vec()).unwrap_or_default();
            match conditions::get(&found, type_) {
                Some(condition)
                    if condition.status == status
                        && condition.reason == reason
                        && condition.observed_generation == generation =>
                {
                    Ok(condition.clone())
                }
                _ => Err(format!("{found:?}")),
            }
        })
        .await
    }

    pub async fn until_ready<K: Eventing>(&self, short: &str, name: &str) {
        self.until::<K>(short, name, conditions::READY, "True", conditions::reason::AVAILABLE).await;
    }

    pub async fn until_gone<K: Eventing>(&self, short: &str, name: &str) {
        let api = self.api::<K>(short);
        let what = format!("{} {name} goes", K::KIND);
        eventually(&what, || async {
            match api.get_opt(name).await {
                Ok(None) => Ok(()),
                Ok(Some(object)) => Err(format!("{:?}", object.status().map(CommonStatus::conditions))),
                Err(error) => Err(error.to_string()),
            }
        })
        .await;
    }

    /// The names of what the fake holds for this case's namespaces.
    pub fn things(&self) -> Vec<String> {
        let prefix = format!("{}-", self.prefix);
        let of_case = |tags: &Tags| tags.get(tags::NAMESPACE).is_some_and(|namespace| namespace.starts_with(&prefix));
        let things = rig().fake.things();
        things.into_iter().filter(|(_, (tags, _))| of_case(tags)).map(|(name, _)| name).collect()
    }
}

/// What the fake says of a thing.
pub fn thing(name: &str) -> String {
    rig().fake.things().get(name).map(|(_, text)| text.clone()).unwrap_or_default()
}
