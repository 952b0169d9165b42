//! An API server with what the operator would have made, and replicas of the service over it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use eventing::algorithm::Algorithm;
use eventing::config::{ConfigDocument, INBOX_QUEUE};
use eventing::consumer::Roots;
use eventing::keyset::{Jwk, KeySetDocument, KeyState, KeyUse, SourcePattern};
use eventing::root::RootHashes;
use eventing::signing::{PrivateKey, kid_for, sign_config, sign_keyset};
use eventing::time::{Micros, Millis};
use eventing_service::admin::Readiness;
use eventing_service::authentication::TokenReviewer;
use eventing_service::authorisation::AccessReviewer;
use eventing_service::watching::Patience;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::config::{KubeConfigOptions, Kubeconfig};
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use signature_service::directory::Directory;
use signature_service::http::{Service, router};
use signature_service::metrics::Metrics;
use signature_service::places::Places;
use signature_service::signer::Signer;
use signature_service::watches::{WatchEnded, Watching};
use test_cluster::{ControlPlane, Kubectl};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use zeroize::Zeroizing;

use super::chart;

const AUDIENCE: &str = "signature-service.eventing.qsl.dev";
pub(crate) const ACCOUNT: &str = "system:serviceaccount:ops:qsl-signature-service";

const OBJECTS: &str = r"
apiVersion: v1
kind: Namespace
metadata: {name: city}
---
apiVersion: v1
kind: Namespace
metadata: {name: depot}
---
apiVersion: v1
kind: Namespace
metadata: {name: yard}
---
apiVersion: v1
kind: Namespace
metadata: {name: vault}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: driver, namespace: depot}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: passenger, namespace: depot}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: porter, namespace: yard}
";

const EVENTING: &str = r"
apiVersion: eventing.qsl.dev/v1alpha1
kind: EventBus
metadata: {name: trams, namespace: city}
spec:
  busName: trams
  publishers: [{serviceAccountRef: {name: driver, namespace: depot}, sources: [qsl.tram]}]
---
apiVersion: eventing.qsl.dev/v1alpha1
kind: SigningKey
metadata: {name: trams, namespace: city}
spec: {busRef: {name: trams}, algorithm: ML-DSA-44, sources: [qsl.tram]}
";

/// A cluster in which `depot/driver` publishes `qsl.tram` on `city/trams`, which feeds the inboxes `depot/arrivals` and
/// `depot/departures`.
pub(crate) struct Installation {
    plane: ControlPlane,
    pub(crate) kubectl: Kubectl,
    root: PrivateKey,
    keys: [Jwk; 2],
    private: [PrivateKey; 2],
}

impl Installation {
    pub(crate) fn start() -> Self {
        eventing_service::install_crypto();
        let plane = ControlPlane::start().unwrap();
        let kubectl = plane.kubectl();
        kubectl.apply(OBJECTS).unwrap();
        kubectl.apply(&chart::rights()).unwrap();
        let crds = concat!(env!("QSL_WORKSPACE"), "crds/generated");
        kubectl.run(["apply", "--server-side", "-f", crds]).unwrap();
        kubectl.run(["wait", "--for=condition=Established", "crd", "--all"]).unwrap();
        kubectl.apply(EVENTING).unwrap();
        let [(sig, private_sig), (grant, private_grant)] = [key(&kubectl, "sig"), key(&kubectl, "grant")];
        let (keys, private) = ([sig, grant], [private_sig, private_grant]);
        let root = PrivateKey::generate(Algorithm::MlDsa44).unwrap();
        let installation = Self { plane, kubectl, root, keys, private };
        installation.publish(1);
        let inboxes = ["arrivals", "departures"].map(|name| (format!("inbox_{name}"), installation.entry(name)));
        let map: ConfigMap = serde_json::from_value(json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "qsl-eventing", "namespace": "depot"}, "data": Value::from_iter(inboxes)}))
        .unwrap();
        installation.apply(&map);
        installation
    }

    fn apply(&self, object: &impl serde::Serialize) {
        self.kubectl.apply(&serde_json::to_string(object).unwrap()).unwrap();
    }

    /// Writes the set of `city/trams` anew, as this version.
    pub(crate) fn publish(&self, version: u64) {
        let (bus, now) = ("city/trams".parse().unwrap(), Millis::now().seconds());
        let keys = self.keys.to_vec();
        let document = KeySetDocument { bus, version, issued: now, expires: now + 3_600, keys };
        let signed = sign_keyset(&self.root, &document, Micros::now()).unwrap();
        let set: ConfigMap = serde_json::from_value(json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "keyset-1", "namespace": "vault",
                         "annotations": {"eventing.qsl.dev/bus": "city/trams"}},
            "data": {"keyset": signed}}))
        .unwrap();
        self.apply(&set);
    }

    fn entry(&self, name: &str) -> String {
        let now = Millis::now().seconds();
        let (namespace, kind, name) = ("depot".to_owned(), INBOX_QUEUE.to_owned(), name.to_owned());
        let config = json!({"queueArn": format!("arn:aws:sqs:eu-west-1:111122223333:{name}"), "buses": ["city/trams"]});
        let document = ConfigDocument { namespace, kind, name, version: 1, issued: now, expires: now + 3_600, config };
        sign_config(&self.root, &document, Micros::now()).unwrap()
    }

    /// The bytes of the keys that sign events and grants.
    pub(crate) fn private_keys(&self) -> [Zeroizing<Vec<u8>>; 2] {
        self.private.each_ref().map(PrivateKey::secret_bytes)
    }

    /// The root's hash, as its file has it.
    pub(crate) fn root_hash(&self) -> String {
        RootHashes::of(&self.root.public_key()).to_string()
    }

    /// A kubeconfig that acts as the service's account.
    pub(crate) fn kubeconfig_of_the_service(&self) -> String {
        serde_json::to_string(&acting_as(self.plane.kubeconfig(), ACCOUNT)).unwrap()
    }

    /// What that kubeconfig's credentials rest on, as text.
    pub(crate) fn own_secret(&self) -> String {
        let config: Value = serde_json::from_str(&self.kubeconfig_of_the_service()).unwrap();
        let user = &config["users"][0]["user"];
        let secret = ["client-key-data", "token"].iter().find_map(|name| user[name].as_str());
        secret.unwrap().to_owned()
    }

    /// The kid that signs events.
    pub(crate) fn kid(&self) -> String {
        self.keys[0].kid.to_string()
    }

    /// A token for this service, of an account of `depot`.
    pub(crate) fn token(&self, account: &str) -> String {
        token(&self.kubectl, &[account, "-n", "depot", "--audience", AUDIENCE])
    }

    /// A token for this service, with these arguments more.
    pub(crate) fn token_of(&self, arguments: &[&str]) -> String {
        token(&self.kubectl, &[arguments, &["--audience", AUDIENCE]].concat())
    }

    pub(crate) async fn replica(&self) -> Replica {
        self.replica_that_remembers(Duration::from_mins(1)).await
    }

    /// A replica that remembers a token for so long.
    pub(crate) async fn replica_that_remembers(&self, tokens: Duration) -> Replica {
        let client = client(self.plane.kubeconfig(), ACCOUNT).await;
        let (publish, directory) = watch::channel(Arc::new(Directory::default()));
        let (readiness, shutdown) = (Readiness::new(), CancellationToken::new());
        let metrics = Metrics::register(&mut Registry::default());
        let watching = Watching {
            client: client.clone(),
            key_namespace: "vault".to_owned(),
            roots: Roots::Fixed(RootHashes::of(&self.root.public_key())),
            patience: Patience::default(),
            publish,
            metrics: metrics.clone(),
            check: readiness.check("watches", "first lists"),
        };
        let watches = tokio::spawn(watching.run(shutdown.clone()));
        let service = Service {
            directory,
            authenticator: Arc::new(TokenReviewer::new(client.clone(), AUDIENCE).keep(tokens)),
            authorizer: Arc::new(AccessReviewer::new(client)),
            signer: Signer::default(),
            places: Places::default(),
            metrics,
            strangers: Arc::default(),
            shutdown: shutdown.clone(),
        };
        Replica { router: router(service), readiness, shutdown, watches }
    }
}

/// Makes the Secret of a key, and its entry for the set.
fn key(kubectl: &Kubectl, key_use: &str) -> (Jwk, PrivateKey) {
    let (key, now) = (PrivateKey::generate(Algorithm::MlDsa44).unwrap(), Millis::now().seconds());
    let (key_use, sources, name) = match key_use {
        "sig" => (KeyUse::Sig, vec![SourcePattern::try_from("qsl.tram".to_owned()).unwrap()], "trams"),
        _ => (KeyUse::Grant, vec![], "grant"),
    };
    let kid = kid_for(name, &key.public_key()).unwrap();
    let mut secret: Secret = serde_json::from_value(json!({"apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": format!("key-{name}"), "namespace": "vault",
            "labels": {"eventing.qsl.dev/use": key_use},
            "annotations": {"eventing.qsl.dev/bus": "city/trams", "eventing.qsl.dev/signing-key": "trams",
                            "eventing.qsl.dev/kid": kid, "eventing.qsl.dev/algorithm": "ML-DSA-44"}}}))
    .unwrap();
    secret.data = Some([("private".to_owned(), ByteString(key.secret_bytes().to_vec()))].into());
    kubectl.apply(&serde_json::to_string(&secret).unwrap()).unwrap();
    let (algorithm, public_key) = (Algorithm::MlDsa44, key.public_key());
    let state = KeyState::Active;
    (Jwk { kid, algorithm, public_key, key_use, sources, nbf: now - 60, exp: now + 3_600, state }, key)
}

fn acting_as(kubeconfig: &Path, as_account: &str) -> Kubeconfig {
    let mut kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    for user in &mut kubeconfig.auth_infos {
        if let Some(user) = &mut user.auth_info {
            user.impersonate = Some(as_account.to_owned());
        }
    }
    kubeconfig
}

async fn client(kubeconfig: &Path, as_account: &str) -> kube::Client {
    let kubeconfig = acting_as(kubeconfig, as_account);
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    kube::Client::try_from(config).unwrap()
}

pub(crate) fn token(kubectl: &Kubectl, arguments: &[&str]) -> String {
    kubectl.run([&["create", "token"], arguments].concat()).unwrap().trim().to_owned()
}

/// One replica of the service.
pub(crate) struct Replica {
    router: Router,
    pub(crate) readiness: Readiness,
    shutdown: CancellationToken,
    watches: JoinHandle<Result<(), WatchEnded>>,
}

impl Replica {
    /// Posts, with a token.
    pub(crate) async fn post(&self, path: &str, token: &str, body: &Value) -> (u16, Value) {
        let request = Request::post(path).header("authorization", format!("Bearer {token}"));
        let request = request.body(Body::from(body.to_string())).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        (response.status().as_u16(), serde_json::from_str(&text(response).await).unwrap())
    }

    /// Asks for one signature.
    pub(crate) async fn sign(&self, token: &str) -> (u16, Value) {
        let body = json!({"bus": "city/trams", "events": [{"source": "qsl.tram", "detailType": "Tram.Departed.v1",
            "resource": "urn:qsl:depot:tram:7", "trace": {"correlationId": "line-7"},
            "detailCore": {"stop": "harbour"}}]});
        self.post("/v1/sign", token, &body).await
    }

    /// The signed set of `city/trams`, and its tag. `known` is the tag of the one that is had already.
    pub(crate) async fn key_set(&self, known: &str, wait: u8) -> (u16, String, String) {
        let request = Request::get(format!("/keys/jwks-pqc?bus=city/trams&wait={wait}"))
            .header("accept", "application/jose")
            .header("if-none-match", known);
        let response = self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let tag = response.headers()["etag"].to_str().unwrap().to_owned();
        (response.status().as_u16(), tag, text(response).await)
    }

    /// Asks until the answer has this code (`OK` for a success), which the watches bring about.
    pub(crate) async fn becomes(&self, token: &str, code: &str) -> Value {
        let mut last = Value::Null;
        for _ in 0..400 {
            let (status, answer) = self.sign(token).await;
            if (code == "OK" && status == 200) || answer["code"] == code {
                return answer;
            }
            last = answer;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(last["code"], code);
        last
    }

    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.watches.await.unwrap().unwrap();
    }
}

async fn text(response: Response<Body>) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}
