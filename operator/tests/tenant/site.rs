//! What the platform set up: bus `qsl-core`, on which `paymentgateway` publishes `qsl.payment`, and the inbox `treasury`
//! that it feeds; and the rightful flow of an event.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use crds::{EventBus, EventRule, Eventing, SigningKey, conditions, object::CommonStatus};
use eventing::{
    attributes::Attributes,
    compact::Compact,
    keyset::{KeySetDocument, KeyState, KeyUse},
    root::RootHashes,
    time::Millis,
    types::Kid,
};
use eventing_service::server::Server;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Client};
use operator::publication::run::set_name;
use operator_core::{Tenancy, fake::FakeAws, tags};
use serde_json::Value;
use test_cluster::ControlPlane;

use crate::{
    caller::{Caller, delivered},
    judge::{Judge, Verdict},
    parts::{controllers, serve},
    support::{
        apply, client_of, clock, eventually,
        installed::{self, KEYS},
        make_namespace, place,
    },
};

pub const AUDIENCE: &str = "signature-service.eventing.qsl.dev";
pub const CORE: &str = "platform/qsl-core";
pub const TREASURY_ARN: &str = "arn:aws:sqs:eu-central-1:000000000000:qsl-treasury-inbox";
const MAP: &str = "qsl-eventing";

const OBJECTS: &str = r"
apiVersion: eventing.qsl.dev/v1alpha1
kind: EventBus
metadata: {name: qsl-core, namespace: platform}
spec:
  busName: qsl-core
  publishers: [{serviceAccountRef: {name: paymentgateway, namespace: paymentgateway}, sources: [qsl.payment]}]
---
apiVersion: eventing.qsl.dev/v1alpha1
kind: SigningKey
metadata: {name: payments, namespace: platform}
spec: {busRef: {name: qsl-core}, algorithm: ML-DSA-44, sources: [qsl.payment]}
---
apiVersion: eventing.qsl.dev/v1alpha1
kind: InboxQueue
metadata: {name: treasury, namespace: treasury}
spec:
  queueName: qsl-treasury-inbox
  allowedNamespaces: {from: Selector, selector: {matchLabels: {kubernetes.io/metadata.name: platform}}}
  serviceAccounts: [treasury]
  verification: {requireEnvelopeHash: true}
---
apiVersion: eventing.qsl.dev/v1alpha1
kind: EventRule
metadata: {name: payment-all, namespace: platform}
spec:
  busRef: {name: qsl-core}
  eventPattern: {source: [qsl.payment]}
  targets: [{inboxRef: {name: treasury, namespace: treasury}}]
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: paymentgateway, namespace: paymentgateway}
";

pub struct Site {
    pub plane: ControlPlane,
    /// An administrator's.
    pub client: Client,
    pub fake: FakeAws,
    pub roots: RootHashes,
    /// The address of the signature service.
    pub service: String,
    pub treasury: Judge,
    rightful: Mutex<BTreeSet<String>>,
    _folder: tempfile::TempDir,
}

impl Site {
    pub async fn start() -> Self {
        eventing_service::install_crypto();
        let plane = tokio::task::spawn_blocking(|| ControlPlane::start().expect("a control plane")).await.unwrap();
        let client = client_of(plane.kubeconfig()).await;
        installed::install(&client).await;
        for namespace in ["platform", "paymentgateway", "treasury", "guest"] {
            make_namespace(&client, namespace, &serde_json::json!({})).await;
        }
        let fake = FakeAws::new(&place(), &clock());
        let server = Server::plain("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let service = format!("http://{}", server.address());
        let folder = tempfile::tempdir().unwrap();
        // Whoever has no entry in it may name all and use every source: what the chart has by default.
        let tenancy = Arc::new(Tenancy::default());
        let controllers = controllers(client.clone(), fake.aws(), tenancy.clone());
        tokio::spawn(installed::operate(
            client.clone(),
            folder.path().to_owned(),
            service.clone(),
            tenancy,
            controllers,
        ));
        installed::until_trusted(&client).await;
        let roots = installed::roots(&client).await;
        serve(&client, server, roots.clone());

        for object in serde_yaml_ng::Deserializer::from_str(OBJECTS) {
            let object: Value = serde::Deserialize::deserialize(object).unwrap();
            apply(&client, &object).await.unwrap();
        }
        until_ready::<EventBus>(&client, "platform", "qsl-core").await;
        until_ready::<SigningKey>(&client, "platform", "payments").await;
        until_ready::<EventRule>(&client, "platform", "payment-all").await;
        let mounted = until_mounted(&client, "treasury", &["inbox_treasury", "keyset_platform_qsl-core"]).await;
        let treasury = Judge::at_work("treasury", "treasury", &mounted, roots.clone());
        Self { plane, client, fake, roots, service, treasury, rightful: Mutex::default(), _folder: folder }
    }

    /// An event that the payment service has signed, as EventBridge delivers it.
    pub async fn signed_by_the_payment_service(&self, payment: &str) -> String {
        let caller = Caller::of(&self.service);
        let token = caller.token(&self.client, "paymentgateway", "paymentgateway", Some(AUDIENCE)).await.unwrap();
        eventually("the payment service's event is signed", || async {
            match caller.sign(&token, CORE, payment).await {
                (200, answer) => Ok(delivered(&answer)),
                refused => Err(refused),
            }
        })
        .await
    }

    /// Delivers an event that treasury has to accept.
    pub async fn deliver(&self, body: &str) -> Verdict {
        self.rightful.lock().unwrap().insert(body.to_owned());
        self.treasury.put(body, Attributes::new(), Millis::now()).await
    }

    /// What was delivered so.
    pub fn rightful(&self) -> BTreeSet<String> {
        self.rightful.lock().unwrap().clone()
    }

    /// The kids that a bus signs with, as everybody may see them.
    pub async fn kids(&self, bus: &str) -> Kids {
        let set = Caller::of(&self.service).key_set(&bus.parse().unwrap()).await;
        let payload = Compact::split(&set).unwrap().payload().to_vec();
        let keys: KeySetDocument = serde_json::from_slice(&payload).unwrap();
        let active = |of: KeyUse| {
            let mut keys = keys.keys.iter().filter(|key| key.key_use == of && key.state == KeyState::Active);
            keys.next().expect("an active key").kid.clone()
        };
        Kids { signing: active(KeyUse::Sig), granting: active(KeyUse::Grant) }
    }

    /// What a pod of that namespace has mounted.
    pub async fn mounted(&self, namespace: &str) -> BTreeMap<String, String> {
        map(&self.client, namespace, MAP).await.unwrap_or_default()
    }

    /// What nobody but the platform may change: its things in AWS, by name, with tags and content; its and its
    /// services' signed documents, by namespace and key.
    pub async fn protected(&self) -> BTreeMap<String, String> {
        let theirs = |name: &str, namespace: Option<&String>| {
            let named = ["qsl-core", "qsl-treasury"].iter().any(|of| name.contains(of));
            named || namespace.is_some_and(|namespace| namespace == "platform" || namespace == "treasury")
        };
        let things = self.fake.things().into_iter();
        let things = things.filter(|(name, (tags, _))| theirs(name, tags.get(tags::NAMESPACE)));
        let mut all: BTreeMap<_, _> = things.map(|(name, facts)| (name, format!("{facts:?}"))).collect();
        for namespace in ["platform", "paymentgateway", "treasury"] {
            let documents = self.mounted(namespace).await;
            all.extend(documents.into_iter().map(|(key, text)| (format!("{namespace}/{key}"), text)));
        }
        let set = map(&self.client, KEYS, &set_name(&CORE.parse().unwrap())).await.unwrap();
        all.extend(set.into_iter().map(|(key, text)| (format!("published/{key}"), text)));
        all
    }
}

/// Of a bus.
pub struct Kids {
    pub signing: Kid,
    pub granting: Kid,
}

pub async fn until_ready<K: Eventing>(client: &Client, namespace: &str, name: &str) {
    let api: Api<K> = Api::namespaced(client.clone(), namespace);
    eventually(&format!("{} {namespace}/{name} is ready", K::KIND), || async {
        let object = api.get(name).await.map_err(|error| error.to_string())?;
        let conditions = object.status().map(|status| status.conditions().to_vec()).unwrap_or_default();
        conditions::is_true(&conditions, conditions::READY).then_some(()).ok_or(format!("{conditions:?}"))
    })
    .await;
}

/// What is mounted in that namespace, once it has all of `keys`.
pub async fn until_mounted(client: &Client, namespace: &str, keys: &[&str]) -> BTreeMap<String, String> {
    eventually(&format!("{keys:?} in {namespace}"), || async {
        let documents = map(client, namespace, MAP).await.unwrap_or_default();
        let all = keys.iter().all(|key| documents.contains_key(*key));
        all.then_some(documents.clone()).ok_or(documents)
    })
    .await
}

async fn map(client: &Client, namespace: &str, name: &str) -> Option<BTreeMap<String, String>> {
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    api.get_opt(name).await.unwrap()?.data
}
