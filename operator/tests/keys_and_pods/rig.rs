//! The control plane, the operator without AWS, and how tests talk to them.

use std::{
    path::PathBuf,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use crds::{Eventing, SigningKey, conditions, object::CommonStatus};
use k8s_openapi::api::{
    core::v1::{ConfigMap, Secret},
    events::v1::Event,
};
use kube::{
    Api, Client,
    api::{DynamicObject, ListParams},
};
use operator::{
    controllers::{
        signing_key::{self, Keeping, SigningKeys},
        world::World,
    },
    keys::store::KeyStore,
    runner::{Runner, RunnerSettings, metrics::Metrics, record::Events},
};
use operator_core::{
    Tenancy,
    fake::{FakeAws, FakeClock},
};
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use test_cluster::ControlPlane;

use crate::support::installed::{self, install, until_trusted};
pub use crate::support::{
    apply, client_of, eventually,
    installed::{ANNOTATED, KEEP, KEYS, RELEASE, UNJUDGED, injector, installation, pod_metrics},
    make_namespace, place,
};

struct Rig {
    plane: ControlPlane,
    _folder: tempfile::TempDir,
}

fn rig() -> &'static Rig {
    static RIG: OnceLock<Rig> = OnceLock::new();
    RIG.get_or_init(|| {
        eventing_service::install_crypto();
        super::logged::begin();
        let plane = ControlPlane::start().expect("a control plane");
        let folder = tempfile::tempdir().expect("a folder");
        let (kubeconfig, tls) = (plane.kubeconfig().to_owned(), folder.path().to_owned());
        let (ready, started) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            runtime.block_on(async move {
                let client = client_of(&kubeconfig).await;
                install(&client).await;
                let operating = tokio::spawn(operate(client.clone(), tls));
                until_trusted(&client).await;
                ready.send(()).expect("the rig waits");
                operating.await.expect("the operator runs");
            });
        });
        started.recv().expect("the operator starts");
        Rig { plane, _folder: folder }
    })
}

/// The AWS that the operator sees: only what inboxes hold is asked.
pub fn aws() -> &'static FakeAws {
    static AWS: OnceLock<FakeAws> = OnceLock::new();
    AWS.get_or_init(|| FakeAws::new(&place(), &FakeClock::new()))
}

/// Runs the operator with the SigningKey controller alone.
async fn operate(client: Client, tls: PathBuf) {
    let everything = json!([{"namespaces": ["*"], "namePrefixes": ["*"], "sources": ["*"], "adopt": "Tagged"}]);
    let tenancy = Arc::new(Tenancy::parse(&everything.to_string()).unwrap());
    let keeping = Keeping { store: KeyStore::new(client.clone(), KEYS), namespace: KEYS.to_owned(), keep: KEEP };
    let events = Events::new(client.clone(), None);
    let pace = RunnerSettings { resync: Duration::from_hours(1), concurrency: 4 };
    let (of_runner, granted, metrics) = (client.clone(), tenancy.clone(), Metrics::new(&mut Registry::default()));
    let controller = |hub: operator::runner::Hub, stop| async move {
        let (aws, fresh) = (aws().aws(), aws().aws());
        let world = World { hub: hub.clone(), aws, fresh, installation: Arc::new(place()), tenancy };
        let keys = SigningKeys::new(world, keeping, events.clone());
        let runner = Runner::new(of_runner, hub.clone(), keys, events, metrics, pace);
        signing_key::run(&hub, runner, stop).await;
    };
    let service = "https://signature.test".to_owned();
    Box::pin(installed::operate(client, tls, service, granted, controller)).await;
}

/// A test's view: a client of its own runtime, and namespaces of its own.
pub struct Case {
    pub client: Client,
    prefix: String,
}

impl Case {
    pub async fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let rig = tokio::task::spawn_blocking(rig).await.unwrap();
        let prefix = format!("case{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let case = Self { client: client_of(rig.plane.kubeconfig()).await, prefix };
        for short in ["platform", "shop", "books"] {
            make_namespace(&case.client, &case.namespace(short), &json!({})).await;
        }
        case
    }

    pub fn namespace(&self, short: &str) -> String {
        format!("{}-{short}", self.prefix)
    }

    pub fn api<K: Eventing>(&self, short: &str) -> Api<K> {
        Api::namespaced(self.client.clone(), &self.namespace(short))
    }

    /// Applies one of our kinds.
    pub async fn apply(&self, kind: &str, short: &str, name: &str, spec: &Value) -> Result<DynamicObject, kube::Error> {
        let metadata = json!({"name": name, "namespace": self.namespace(short)});
        let object =
            json!({"apiVersion": "eventing.qsl.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec});
        apply(&self.client, &object).await
    }

    /// A bus that two service accounts publish on, and a key for the source of one.
    pub async fn bus_and_key(&self) {
        let publisher = |account: &str, source: &str| json!({"serviceAccountRef": {"name": account, "namespace": self.namespace("shop")}, "sources": [source]});
        let publishers = [publisher("cashier", "qsl.coin"), publisher("clerk", "qsl.note")];
        let bus = json!({"busName": self.namespace("bus"), "publishers": publishers});
        self.apply("EventBus", "platform", "core", &bus).await.unwrap();
        self.key("coins", &["qsl.coin"]).await.unwrap();
        self.active("coins").await;
    }

    pub async fn key(&self, name: &str, sources: &[&str]) -> Result<DynamicObject, kube::Error> {
        let spec = json!({"busRef": {"name": "core"}, "algorithm": "ML-DSA-44", "sources": sources});
        self.apply("SigningKey", "platform", name, &spec).await
    }

    /// The notes of the Events with that reason on an object of ours.
    pub async fn told(&self, short: &str, name: &str, reason: &str) -> Vec<String> {
        let found = self.events(&self.namespace(short), name).await.into_iter();
        found.filter(|event| event.reason.as_deref() == Some(reason)).filter_map(|event| event.note).collect()
    }

    /// The Events on an object.
    pub async fn events(&self, namespace: &str, name: &str) -> Vec<Event> {
        let events: Api<Event> = Api::namespaced(self.client.clone(), namespace);
        let about = |event: &Event| event.regarding.as_ref().and_then(|object| object.name.as_deref()) == Some(name);
        events.list(&ListParams::default()).await.unwrap().items.into_iter().filter(about).collect()
    }

    /// A note of an Event with that reason that has `text` in it, once there is one.
    pub async fn until_told(&self, short: &str, name: &str, reason: &str, text: &str) -> String {
        eventually(&format!("an Event {reason} with '{text}'"), || async {
            let notes = self.told(short, name, reason).await;
            notes.iter().find(|note| note.contains(text)).cloned().ok_or(notes)
        })
        .await
    }

    /// The kid that signs, once the key is ready.
    pub async fn active(&self, name: &str) -> String {
        let api = self.api::<SigningKey>("platform");
        eventually("the key is ready", || async {
            let status = api.get(name).await.unwrap().status.unwrap_or_default();
            let ready = conditions::is_true(status.conditions(), conditions::READY);
            status.active_kid.clone().filter(|_| ready).ok_or(status)
        })
        .await
    }

    pub fn secrets(&self, namespace: &str) -> Api<Secret> {
        Api::namespaced(self.client.clone(), namespace)
    }

    pub fn maps(&self, namespace: &str) -> Api<ConfigMap> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// The hash of the root that the running operator signs with.
    pub async fn roots(&self) -> eventing::root::RootHashes {
        installed::roots(&self.client).await
    }
}
