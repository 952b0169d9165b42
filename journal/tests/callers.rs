//! Who may read the journal, by a real API server's token reviews and access reviews, with exactly the rights that the
//! chart gives the journal and the tools.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use eventing_service::authentication::{ServiceAccount, TokenReviewer};
use eventing_service::authorisation::AccessReviewer;
use journal::api::{Api, right_to_read, router};
use journal::claims::Claims;
use journal::consumers::WatchedConsumers;
use journal::observe::{ClaimMetrics, Metrics};
use journal::recorder::{Limits, Recorder};
use journal::store::{EventStore, Location, SurrealStore};
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::Value;
use test_cluster::{ControlPlane, Kubectl};
use tower::ServiceExt as _;

const AUDIENCE: &str = "journal.eventing.qsl.dev";

const OBJECTS: &str = r"
apiVersion: v1
kind: Namespace
metadata: {name: ops}
---
apiVersion: v1
kind: Namespace
metadata: {name: depot}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: qsl-gateway, namespace: ops}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: auditor, namespace: depot}
";

/// What a team writes to let an account of its own read, in the namespace it is written in.
const AUDITOR: &str = r"
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: auditor}
rules: [{apiGroups: [eventing.qsl.dev], resources: [eventjournals], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: auditor}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: auditor}
subjects: [{kind: ServiceAccount, name: auditor, namespace: depot}]
";

/// Documents of the chart, for a release in `ops`: these have little to render.
fn chart(template: &str, concerns: &str) -> String {
    let path = Path::new(env!("QSL_WORKSPACE")).join("charts/qsl-eventing/templates").join(template);
    let text = std::fs::read_to_string(path).unwrap();
    let documents: Vec<String> = text
        .split("\n---\n")
        .filter(|document| document.contains(concerns))
        .map(|document| {
            let lines = document.lines().filter(|line| !line.contains("labels: {{") && !line.starts_with("{{-"));
            let lines =
                lines.map(|line| line.replace("{{ .Release.Namespace }}", "ops").replace("{{ $name }}", "qsl-tools"));
            lines.fold(String::new(), |all, line| all + &line + "\n")
        })
        .collect();
    let rendered = documents.join("---\n");
    assert!(!documents.is_empty() && !rendered.contains("{{"), "more to render than is known here: {rendered}");
    rendered
}

fn apply(kubectl: &Kubectl, namespace: &str, text: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("objects.yaml");
    std::fs::write(&file, text).unwrap();
    kubectl.run(["apply", "-n", namespace, "-f", file.to_str().unwrap()]).unwrap();
}

/// The journal over an API server that it calls as its own account.
async fn journal(plane: &ControlPlane) -> Router {
    let mut kubeconfig = Kubeconfig::read_from(plane.kubeconfig()).unwrap();
    for user in kubeconfig.auth_infos.iter_mut().filter_map(|user| user.auth_info.as_mut()) {
        user.impersonate = Some("system:serviceaccount:ops:qsl-journal".to_owned());
    }
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    let client = kube::Client::try_from(config).unwrap();
    let store = Arc::new(SurrealStore::open(&Location::Memory).await.unwrap());
    let (_, _, end) = Recorder::new(store.clone(), Metrics::default(), Limits::default()).await.unwrap();
    let (claims, _) = Claims::new(store.clone(), ClaimMetrics::default());
    router(Api {
        generation: store.generation().await.unwrap(),
        store: store.clone(),
        reader: store.clone(),
        end,
        authenticator: Arc::new(TokenReviewer::new(client.clone(), AUDIENCE)),
        authorizer: Arc::new(AccessReviewer::new(client)),
        gateway: ServiceAccount::new("ops", "qsl-gateway"),
        right: right_to_read("ops"),
        claims,
        dead_letters: store,
        consumers: Arc::new(WatchedConsumers::default()),
        metrics: Metrics::default(),
    })
}

async fn read(journal: &Router, token: &str) -> (u16, Value) {
    let request = Request::get("/v1/events?body=true").header("authorization", format!("Bearer {token}"));
    let answer = journal.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let status = answer.status().as_u16();
    let bytes = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gateway_the_charts_tools_and_whom_a_role_lets_in_read_the_journal_and_nobody_else() {
    eventing_service::install_crypto();
    let plane = ControlPlane::start().unwrap();
    let kubectl = plane.kubectl();
    kubectl.apply(OBJECTS).unwrap();
    apply(&kubectl, "ops", &chart("rbac.yaml", "name: qsl-journal"));
    apply(&kubectl, "ops", &chart("tools.yaml", "qsl"));
    let journal = journal(&plane).await;
    let token_for = |namespace: &str, account: &str, audience: &str| {
        let arguments = ["create", "token", account, "-n", namespace, "--audience", audience];
        kubectl.run(arguments).unwrap().trim().to_owned()
    };
    let token = |namespace: &str, account: &str| token_for(namespace, account, AUDIENCE);

    assert_eq!(read(&journal, &token("ops", "qsl-gateway")).await.0, 200);
    assert_eq!(becomes(&journal, &token("ops", "qsl-tools"), 200).await, 200);
    for audience in ["signature-service.eventing.qsl.dev", "sts.amazonaws.com"] {
        assert_eq!(read(&journal, &token_for("ops", "qsl-tools", audience)).await.0, 401, "{audience}");
    }

    let auditor = token("depot", "auditor");
    let refused = |(status, problem): (u16, Value)| (status, problem["code"].clone()) == (403, "NOT_ALLOWED".into());
    assert!(refused(read(&journal, &auditor).await));
    // The same right in another namespace than the journal's is none.
    apply(&kubectl, "depot", AUDITOR);
    assert!(refused(read(&journal, &auditor).await));
    apply(&kubectl, "ops", AUDITOR);
    assert_eq!(becomes(&journal, &auditor, 200).await, 200);
    // A right that was taken away is gone.
    kubectl.run(["delete", "rolebinding", "auditor", "-n", "ops"]).unwrap();
    assert_eq!(becomes(&journal, &auditor, 403).await, 403);
}

/// Asks until the answer is this, which the API server's own watches of roles bring about.
async fn becomes(journal: &Router, token: &str, wanted: u16) -> u16 {
    let mut status = 0;
    for _ in 0..200 {
        status = read(journal, token).await.0;
        if status == wanted {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    status
}
