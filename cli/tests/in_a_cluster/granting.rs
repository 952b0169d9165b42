//! A true signature service over the API server, with the keys of the site.

use std::sync::Arc;

use axum::Router;
use eventing::consumer::Roots;
use eventing::keyset::{Jwk, KeyUse};
use eventing::root::RootHashes;
use eventing::signing::{PrivateKey, sign_keyset};
use eventing::time::Micros;
use eventing_service::admin::Readiness;
use eventing_service::authentication::TokenReviewer;
use eventing_service::authorisation::AccessReviewer;
use eventing_service::watching::Patience;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::config::{KubeConfigOptions, Kubeconfig};
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use signature_service::directory::Directory;
use signature_service::http::{Service, router};
use signature_service::metrics::Metrics;
use signature_service::places::Places;
use signature_service::signer::Signer;
use signature_service::watches::Watching;
use test_cluster::{ControlPlane, Kubectl};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::keys::Keys;

const OBJECTS: &str = r"
apiVersion: v1
kind: Namespace
metadata: {name: city}
---
apiVersion: v1
kind: Namespace
metadata: {name: vault}
---
apiVersion: eventing.qsl.dev/v1alpha1
kind: EventBus
metadata: {name: trams, namespace: city}
spec: {busName: trams}
---
apiVersion: eventing.qsl.dev/v1alpha1
kind: SigningKey
metadata: {name: trams, namespace: city}
spec: {busRef: {name: trams}, algorithm: ML-DSA-44, sources: [qsl.tram]}
";

/// A client of the API server that may do everything.
pub(crate) async fn client(plane: &ControlPlane) -> kube::Client {
    let kubeconfig = Kubeconfig::read_from(plane.kubeconfig()).unwrap();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    kube::Client::try_from(config).unwrap()
}

/// The service; it follows the API server to the end of the test.
pub(crate) async fn signature_service(plane: &ControlPlane, keys: &Keys) -> (Router, Registry) {
    let kubectl = plane.kubectl();
    kubectl.apply(OBJECTS).unwrap();
    for (jwk, private) in keys.set.keys.iter().zip([&keys.signing, &keys.granting]) {
        put_key(&kubectl, jwk, private);
    }
    let signed = sign_keyset(&keys.root, &keys.set, Micros::now()).unwrap();
    apply(
        &kubectl,
        &json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"keyset": signed},
        "metadata": {"name": "keyset-1", "namespace": "vault", "annotations": {"eventing.qsl.dev/bus": "city/trams"}}}),
    );
    let (client, mut registry) = (client(plane).await, Registry::default());
    let (publish, directory) = watch::channel(Arc::new(Directory::default()));
    let (metrics, shutdown) = (Metrics::register(&mut registry), CancellationToken::new());
    let watching = Watching {
        client: client.clone(),
        key_namespace: "vault".to_owned(),
        roots: Roots::Fixed(RootHashes::of(&keys.root.public_key())),
        patience: Patience::default(),
        publish,
        metrics: metrics.clone(),
        check: Readiness::new().check("watches", "first lists"),
    };
    tokio::spawn(watching.run(shutdown.clone()));
    let service = Service {
        directory,
        authenticator: Arc::new(TokenReviewer::new(client.clone(), "signature-service.eventing.qsl.dev")),
        authorizer: Arc::new(AccessReviewer::new(client)),
        signer: Signer::default(),
        places: Places::default(),
        metrics,
        strangers: Arc::default(),
        shutdown,
    };
    (router(service), registry)
}

/// The Secret of a private key, as the operator makes it.
fn put_key(kubectl: &Kubectl, jwk: &Jwk, private: &PrivateKey) {
    let (key_use, name) = if jwk.key_use == KeyUse::Sig { ("sig", "key-trams") } else { ("grant", "key-grant") };
    let secret = json!({"apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": name, "namespace": "vault", "labels": {"eventing.qsl.dev/use": key_use},
            "annotations": {"eventing.qsl.dev/bus": "city/trams", "eventing.qsl.dev/signing-key": "trams",
                            "eventing.qsl.dev/kid": jwk.kid, "eventing.qsl.dev/algorithm": "ML-DSA-44"}}});
    let mut secret: Secret = serde_json::from_value(secret).unwrap();
    secret.data = Some([("private".to_owned(), ByteString(private.secret_bytes().to_vec()))].into());
    apply(kubectl, &serde_json::to_value(secret).unwrap());
}

fn apply(kubectl: &Kubectl, object: &Value) {
    kubectl.apply(&object.to_string()).unwrap();
}
