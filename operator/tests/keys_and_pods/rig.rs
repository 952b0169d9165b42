//! The control plane, the operator without AWS, and how tests talk to them.

use std::{
    fmt::Debug,
    future::Future,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use crds::{Eventing, SigningKey, conditions, object::CommonStatus};
use k8s_openapi::{
    api::{
        core::v1::{ConfigMap, Namespace, Secret},
        events::v1::Event,
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, Config, ResourceExt,
    api::{DynamicObject, ListParams, Patch, PatchParams},
    config::{KubeConfigOptions, Kubeconfig},
    core::{GroupVersionKind, discovery::ApiResource},
};
use operator::{
    controllers::{
        signing_key::{self, Keeping, SigningKeys},
        world::World,
    },
    installation::{Installation, WebhookCertificates, root::pods::Told},
    keys::store::KeyStore,
    publication::{Publisher, PublisherSettings, metrics::SigningMetrics},
    runner::{Hub, Runner, RunnerSettings, metrics::Metrics, record::Events},
    webhooks::{
        WebhookServer, WebhookSettings,
        api::{Answers, router},
        inject,
    },
};
use operator_core::{
    Tenancy,
    fake::{FakeAws, FakeClock},
};
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use test_cluster::ControlPlane;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How long something may take to become true on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);
pub const RELEASE: &str = "qsl-system";
pub const KEYS: &str = "qsl-keys";
/// A label: the validating webhook does not see the object.
pub const UNJUDGED: &str = "tests/unjudged";
pub const KEEP: Duration = Duration::from_hours(28 * 24);

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

pub fn place() -> operator_core::Installation {
    operator_core::Installation {
        account: "000000000000".parse().unwrap(),
        region: "eu-central-1".parse().unwrap(),
        partition: "aws".parse().unwrap(),
        cluster_id: "test-cluster".into(),
        oidc_provider: "arn:aws:iam::000000000000:oidc-provider/issuer.test".parse().unwrap(),
        token_audience: "sts.amazonaws.com".into(),
        permissions_boundary: None,
        settle: Duration::ZERO,
        tools: operator_core::owner::ServiceAccount { namespace: "qsl-system".into(), name: "qsl-tools".into() },
        tags: operator_core::tags::Tags::new(),
    }
}

pub fn installation(client: &Client, namespace: &str) -> Installation {
    Installation {
        client: client.clone(),
        namespace: namespace.to_owned(),
        key_namespace: KEYS.to_owned(),
        webhook_configuration: "qsl-eventing".to_owned(),
        webhook_hosts: vec!["127.0.0.1".to_owned()],
        webhook_certificates: WebhookCertificates::Operator,
        events: Events::new(client.clone(), None),
        told: Told::default(),
    }
}

/// The AWS that the operator sees: only what inboxes hold is asked.
pub fn aws() -> &'static FakeAws {
    static AWS: OnceLock<FakeAws> = OnceLock::new();
    AWS.get_or_init(|| FakeAws::new(&place(), &FakeClock::new()))
}

/// Runs first start, webhooks, the SigningKey controller and publication.
async fn operate(client: Client, tls: PathBuf) {
    let stop = CancellationToken::new();
    let (hub, watches) = Hub::new();
    let (sender, installed) = watch::channel(None);
    let readiness = eventing_service::admin::Readiness::new();
    let certificates = WebhookCertificates::Operator;
    let settings = WebhookSettings { listen: "127.0.0.1:0".parse().unwrap(), folder: tls, certificates };
    let template = inject::Settings {
        image: "sidecar.test/image".into(),
        image_pull_policy: "IfNotPresent".into(),
        root_sha256: Vec::new(),
        region: "eu-central-1".into(),
        aws_endpoint: None,
        aws_audience: "sts.amazonaws.com".into(),
        log_level: "info".into(),
    };
    let answers = Answers { template: Arc::new(template), installed: installed.clone(), hub: hub.clone() };
    let (configuring, runtime) = (client.clone(), tokio::runtime::Handle::current());
    let configure = move |address| drop(runtime.spawn(async move { configure(&configuring, address).await }));
    let serving = WebhookServer::new(settings, installed.clone()).run(router(answers), configure, stop.clone());

    let publisher = PublisherSettings {
        key_namespace: KEYS.into(),
        lifetime: Duration::from_hours(72),
        keep: KEEP,
        signature_service: "https://signature.test".into(),
        journal: "https://journal.test".into(),
    };
    let events = Events::new(client.clone(), None);
    let (told, metrics) = (events.clone(), SigningMetrics::default());
    let publisher = Publisher::new(client.clone(), hub.clone(), Arc::new(place()), installed, publisher, told, metrics);
    let keeping = Keeping { store: KeyStore::new(client.clone(), KEYS), namespace: KEYS.to_owned(), keep: KEEP };
    let everything = json!([{"namespaces": ["*"], "namePrefixes": ["*"], "sources": ["*"], "adopt": "Tagged"}]);
    let tenancy = Arc::new(Tenancy::parse(&everything.to_string()).unwrap());
    let (aws, fresh) = (aws().aws(), aws().aws());
    let world = World { hub: hub.clone(), aws, fresh, installation: Arc::new(place()), tenancy };
    let keys = SigningKeys::new(world, keeping, events.clone());
    let pace = RunnerSettings { resync: Duration::from_hours(1), concurrency: 4 };
    let runner = Runner::new(client.clone(), hub.clone(), keys, events, Metrics::new(&mut Registry::default()), pace);
    let controller = async {
        hub.filled().await;
        signing_key::run(&hub, runner, stop.clone()).await;
    };
    let ((), (), served, (), ()) = tokio::join!(
        installation(&client, RELEASE).run(sender, stop.clone()),
        watches.run(client.clone(), &readiness, stop.clone()),
        serving,
        controller,
        publisher.run(stop.clone()),
    );
    served.unwrap();
}

/// The webhook configurations as the chart has them, but reached by address.
async fn configure(client: &Client, address: SocketAddr) {
    let rule = |groups: &str, versions: &str, operations: Value, resources: Value| json!([{"apiGroups": [groups], "apiVersions": [versions], "operations": operations, "resources": resources, "scope": "Namespaced"}]);
    let annotated = "has(object.metadata.annotations) && 'eventing.qsl.dev/inject' in object.metadata.annotations && object.metadata.annotations['eventing.qsl.dev/inject'] != 'false'";
    let mutating = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": "qsl-eventing"},
        "webhooks": [{
            "name": "inject.eventing.qsl.dev", "admissionReviewVersions": ["v1"], "sideEffects": "None",
            "failurePolicy": "Fail", "reinvocationPolicy": "IfNeeded", "timeoutSeconds": 10,
            "clientConfig": {"url": format!("https://{address}/inject")},
            "rules": rule("", "v1", json!(["CREATE"]), json!(["pods"])),
            "matchConditions": [{"name": "annotated", "expression": annotated}],
        }],
    });
    let validating = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "qsl-eventing"},
        "webhooks": [{
            "name": "validate.eventing.qsl.dev", "admissionReviewVersions": ["v1"], "sideEffects": "None",
            "failurePolicy": "Ignore", "timeoutSeconds": 5,
            // Objects with that label are judged as if the webhook were away.
            "objectSelector": {"matchExpressions": [{"key": UNJUDGED, "operator": "DoesNotExist"}]},
            "clientConfig": {"url": format!("https://{address}/validate")},
            "rules": rule("eventing.qsl.dev", "v1alpha1", json!(["CREATE", "UPDATE"]),
                json!(["eventbuses", "eventrules", "inboxqueues", "signingkeys"])),
        }],
    });
    for object in [validating, mutating] {
        apply(client, &object).await.unwrap();
    }
}

async fn until_trusted(client: &Client) {
    use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
    let api: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
    eventually("the webhooks are trusted", || async {
        let found = api.get("qsl-eventing").await.map_err(|error| error.to_string())?;
        let bundle = found.webhooks.unwrap_or_default().remove(0).client_config.ca_bundle;
        bundle.map(drop).ok_or_else(|| "no bundle".to_owned())
    })
    .await;
}

pub async fn client_of(kubeconfig: &std::path::Path) -> Client {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

pub async fn install(client: &Client) {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    for definition in crds::generate::definitions() {
        api.patch(&definition.name_any(), &PatchParams::apply("tests"), &Patch::Apply(&definition)).await.unwrap();
    }
    for definition in crds::generate::definitions() {
        let established = kube::runtime::conditions::is_crd_established();
        let name = definition.name_any();
        let waiting = kube::runtime::wait::await_condition(api.clone(), &name, established);
        tokio::time::timeout(PATIENCE, waiting).await.unwrap().unwrap();
    }
    for namespace in [RELEASE, KEYS] {
        make_namespace(client, namespace, &json!({})).await;
    }
}

pub async fn make_namespace(client: &Client, name: &str, labels: &Value) {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}});
    let api: Api<Namespace> = Api::all(client.clone());
    api.patch(name, &PatchParams::apply("tests"), &Patch::Apply(namespace)).await.unwrap();
}

/// Applies an object of any kind.
pub async fn apply(client: &Client, object: &Value) -> Result<DynamicObject, kube::Error> {
    let (version, kind) = (object["apiVersion"].as_str().unwrap(), object["kind"].as_str().unwrap());
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    let api: Api<DynamicObject> = match object["metadata"]["namespace"].as_str() {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    let name = object["metadata"]["name"].as_str().unwrap();
    api.patch(name, &PatchParams::apply("tests").force(), &Patch::Apply(object)).await
}

/// Tries until it holds.
pub async fn eventually<T, E: Debug, F: Future<Output = Result<T, E>>>(what: &str, mut check: impl FnMut() -> F) -> T {
    let start = Instant::now();
    loop {
        match check().await {
            Ok(value) => return value,
            Err(error) if start.elapsed() > PATIENCE => panic!("{what}: not within {PATIENCE:?}: {error:?}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
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
        let events: Api<Event> = Api::namespaced(self.client.clone(), &self.namespace(short));
        let about = |event: &Event| event.regarding.as_ref().and_then(|object| object.name.as_deref()) == Some(name);
        let found = events.list(&ListParams::default()).await.unwrap().items;
        let found = found.into_iter().filter(|event| about(event) && event.reason.as_deref() == Some(reason));
        found.filter_map(|event| event.note).collect()
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
        let map = self.maps(RELEASE).get("qsl-root").await.unwrap();
        map.data.unwrap()["root.sha256"].parse().unwrap()
    }
}
