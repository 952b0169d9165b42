//! The service against a real API server: its watches and token reviews, with exactly the rights the chart gives it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use eventing::algorithm::Algorithm;
use eventing::keyset::{Jwk, KeySetDocument, KeyState, KeyUse, SourcePattern};
use eventing::signing::{PrivateKey, kid_for, sign_keyset};
use eventing::time::{Micros, Millis};
use eventing_service::admin::Readiness;
use eventing_service::authentication::TokenReviewer;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::config::{KubeConfigOptions, Kubeconfig};
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use signature_service::directory::Directory;
use signature_service::http::{Service, router};
use signature_service::metrics::Metrics;
use signature_service::signer::Signer;
use signature_service::watches;
use test_cluster::{ControlPlane, Kubectl};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

const AUDIENCE: &str = "signature-service.eventing.qsl.dev";
const ACCOUNT: &str = "system:serviceaccount:ops:qsl-signature-service";

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
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: signature-service}
rules:
- {apiGroups: [eventing.qsl.dev], resources: [eventbuses, signingkeys], verbs: [get, list, watch]}
- {apiGroups: [authentication.k8s.io], resources: [tokenreviews], verbs: [create]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: signature-service}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: signature-service}
subjects: [{kind: ServiceAccount, name: qsl-signature-service, namespace: ops}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: signature-service, namespace: vault}
rules:
- {apiGroups: [''], resources: [secrets, configmaps], verbs: [get, list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: signature-service, namespace: vault}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: signature-service}
subjects: [{kind: ServiceAccount, name: qsl-signature-service, namespace: ops}]
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

/// What the operator would have written into the key namespace: a key and the set that lists it.
fn key_and_set() -> (String, Secret, ConfigMap) {
    let (key, root) =
        (PrivateKey::generate(Algorithm::MlDsa44).unwrap(), PrivateKey::generate(Algorithm::MlDsa44).unwrap());
    let (kid, now) = (kid_for("trams", &key.public_key()).unwrap(), Millis::now().seconds());
    let jwk = Jwk {
        kid: kid.clone(),
        algorithm: Algorithm::MlDsa44,
        public_key: key.public_key(),
        key_use: KeyUse::Sig,
        sources: vec![SourcePattern::try_from("qsl.tram".to_owned()).unwrap()],
        nbf: now - 60,
        exp: now + 3_600,
        state: KeyState::Active,
    };
    let document = KeySetDocument {
        bus: "city/trams".parse().unwrap(),
        version: 1,
        issued: now,
        expires: now + 3_600,
        keys: vec![jwk],
    };
    let signed = sign_keyset(&root, &document, Micros::now()).unwrap();
    let mut secret: Secret = serde_json::from_value(json!({"metadata": {"name": "skey-1", "namespace": "vault",
        "labels": {"eventing.qsl.dev/use": "sig"},
        "annotations": {"eventing.qsl.dev/bus": "city/trams", "eventing.qsl.dev/signing-key": "trams",
                        "eventing.qsl.dev/kid": kid, "eventing.qsl.dev/algorithm": "ML-DSA-44"}}}))
    .unwrap();
    secret.data = Some([("private".to_owned(), ByteString(key.secret_bytes().to_vec()))].into());
    let set = serde_json::from_value(json!({"metadata": {"name": "keyset-1", "namespace": "vault",
        "annotations": {"eventing.qsl.dev/bus": "city/trams"}}, "data": {"keyset": signed}}))
    .unwrap();
    (kid.to_string(), secret, set)
}

async fn client(kubeconfig: &Path, as_account: Option<&str>) -> kube::Client {
    let mut kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    for user in &mut kubeconfig.auth_infos {
        if let Some(user) = &mut user.auth_info {
            user.impersonate = as_account.map(str::to_owned);
        }
    }
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    kube::Client::try_from(config).unwrap()
}

fn token(kubectl: &Kubectl, account: &str, audience: Option<&str>) -> String {
    let mut arguments = vec!["create", "token", account, "-n", "depot"];
    arguments.extend(audience.into_iter().flat_map(|audience| ["--audience", audience]));
    kubectl.run(&arguments).unwrap().trim().to_owned()
}

async fn sign(router: &Router, token: &str) -> (u16, Value) {
    let body = json!({"bus": "city/trams", "events": [{"source": "qsl.tram", "detailType": "Tram.Departed.v1",
        "resource": "urn:qsl:depot:tram:7", "trace": {"correlationId": "line-7"}, "detailCore": {"stop": "harbour"}}]});
    let request = Request::post("/v1/sign").header("authorization", format!("Bearer {token}"));
    let response = router.clone().oneshot(request.body(Body::from(body.to_string())).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap())
}

/// Asks until the answer has this code (`OK` for a success), which the watches bring about.
async fn becomes(router: &Router, token: &str, code: &str) -> Value {
    let mut last = Value::Null;
    for _ in 0..200 {
        let (status, answer) = sign(router, token).await;
        if (code == "OK" && status == 200) || answer["code"] == code {
            return answer;
        }
        last = answer;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(last["code"], code);
    last
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_publishers_token_for_this_service_signs_and_changes_take_effect_at_once() {
    eventing_service::install_crypto();
    let plane = ControlPlane::start().unwrap();
    let kubectl = plane.kubectl();
    kubectl.apply(OBJECTS).unwrap();
    let crds = concat!(env!("CARGO_MANIFEST_DIR"), "/../crds/generated");
    kubectl.run(["apply", "--server-side", "-f", crds]).unwrap();
    kubectl.run(["wait", "--for=condition=Established", "crd", "--all"]).unwrap();
    kubectl.apply(EVENTING).unwrap();
    let (kid, secret, set) = key_and_set();
    kubectl.apply(&serde_json::to_string(&secret).unwrap()).unwrap();
    kubectl.apply(&serde_json::to_string(&set).unwrap()).unwrap();

    let client = client(plane.kubeconfig(), Some(ACCOUNT)).await;
    let (publish, directory) = watch::channel(Arc::new(Directory::default()));
    let (readiness, shutdown) = (Readiness::new(), CancellationToken::new());
    let check = readiness.check("watches", "first lists");
    let watching = tokio::spawn(watches::run(client.clone(), "vault".to_owned(), publish, check, shutdown.clone()));
    let metrics = Metrics::register(&mut Registry::default());
    let reviewer = Arc::new(TokenReviewer::new(client, AUDIENCE));
    let router = router(Service::new(directory, reviewer, Signer::default(), metrics));

    let driver = token(&kubectl, "driver", Some(AUDIENCE));
    let answer = becomes(&router, &driver, "OK").await;
    assert!(readiness.is_ready(), "{}", readiness.report());
    assert_eq!(answer["events"][0]["kid"], kid);
    assert!(answer["events"][0]["detail"]["sig_compact"].is_string());

    for (what, bad) in [
        ("another audience", token(&kubectl, "driver", Some("journal.eventing.qsl.dev"))),
        ("the API server's audience", token(&kubectl, "driver", None)),
        ("a changed token", format!("{driver}x")),
    ] {
        assert_eq!(sign(&router, &bad).await.0, 401, "{what}");
    }
    let passenger = token(&kubectl, "passenger", Some(AUDIENCE));
    assert_eq!(sign(&router, &passenger).await.1["code"], "SOURCE_NOT_GRANTED");

    let patch = |kind: &str, patch: &str| {
        kubectl.run(["patch", kind, "trams", "-n", "city", "--type=merge", "-p", patch]).unwrap();
    };
    patch("eventbus", r#"{"spec":{"publishing":"Disabled"}}"#);
    becomes(&router, &driver, "PUBLISHING_DISABLED").await;
    patch("eventbus", r#"{"spec":{"publishing":"Enabled"}}"#);
    becomes(&router, &driver, "OK").await;
    patch("signingkey", &json!({"spec": {"revokedKids": [kid]}}).to_string());
    becomes(&router, &driver, "NO_ACTIVE_KEY").await;

    shutdown.cancel();
    watching.await.unwrap().unwrap();
}
