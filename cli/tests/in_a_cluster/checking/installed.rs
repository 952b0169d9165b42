//! An installation as `check` sees it: what the chart and the operator would have written, an injector that answers, and
//! an AWS that has the time.

use std::fs;
use std::net::TcpListener;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::routing::{any, post};
use axum::{Json, Router};
use axum_server::tls_rustls::RustlsConfig;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use eventing::algorithm::Algorithm;
use eventing::config::{ConfigDocument, INBOX_QUEUE};
use eventing::signing::{PrivateKey, sign_config};
use eventing::time::{Micros, Millis};
use serde_json::{Value, json};
use tempfile::TempDir;
use test_cluster::{ControlPlane, Kubectl};
use tokio::runtime::Runtime;

use crate::program::{Answer, program};

const OBJECTS: &str = r"
apiVersion: v1
kind: ServiceAccount
metadata: {name: till, namespace: shop}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: viewer, namespace: shop}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: view, namespace: shop}
rules:
- {apiGroups: ['', apps, batch, events.k8s.io, eventing.qsl.dev], resources: ['*'], verbs: [list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: view, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: view}
subjects: [{kind: ServiceAccount, name: viewer, namespace: shop}]
---
apiVersion: eventing.qsl.dev/v1alpha1
kind: InboxQueue
metadata: {name: tills, namespace: shop}
spec: {queueName: tills, serviceAccounts: [till]}
---
apiVersion: eventing.qsl.dev/v1alpha1
kind: SigningKey
metadata: {name: tills, namespace: shop}
spec: {busRef: {name: core}, algorithm: ML-DSA-44, sources: [qsl.till]}
";

pub(crate) struct Installed {
    plane: ControlPlane,
    kubectl: Kubectl,
    folder: TempDir,
    _runtime: Runtime,
    hour: Hour,
    aws: String,
    authority: String,
    injector: String,
    root: PrivateKey,
}

/// What AWS says that the time is, where it is wrong.
type Hour = Arc<Mutex<Option<&'static str>>>;

impl Installed {
    /// Everything is well.
    pub(crate) fn start() -> Self {
        let site = Self::before(ControlPlane::start().unwrap());
        let crds = concat!(env!("QSL_WORKSPACE"), "crds/generated");
        site.kubectl.run(["apply", "--server-side", "-f", crds]).unwrap();
        site.kubectl.run(["wait", "--for=condition=Established", "crd", "--all"]).unwrap();
        site.kubectl.run(["create", "namespace", "ops"]).unwrap();
        site.kubectl.run(["create", "namespace", "shop"]).unwrap();
        site.kubectl.apply(OBJECTS).unwrap();
        for (kind, name, container) in [
            ("Deployment", "qsl-operator", "operator"),
            ("Deployment", "qsl-signature-service", "signature-service"),
            ("StatefulSet", "qsl-journal", "journal"),
        ] {
            site.make_program(kind, name, container);
            site.set_ready(kind, name, 2);
        }
        site.lead("2100-01-01T00:00:00.000000Z");
        site.write_status(
            "inbox",
            "tills",
            &[("Ready", "True")],
            &json!({"roleArn": "arn:aws:iam::000000000000:role/tills"}),
        );
        let key = json!({"kid": "tills-b", "algorithm": "ML-DSA-44", "state": "Active", "publicKeySha256": "bb",
            "notBefore": "2026-01-01T00:00:00Z", "notAfter": "2100-01-01T00:00:00Z"});
        let keys = json!({"activeKid": "tills-b", "nextRotationTime": "2099-01-01T00:00:00Z", "keys": [key]});
        site.write_status("skey", "tills", &[("Ready", "True")], &keys);
        site.write_document(-10, 3_600);
        site.set_authority(&site.authority);
        site
    }

    /// Nothing is installed yet.
    pub(crate) fn before(plane: ControlPlane) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let hour = Hour::default();
        let aws = serve_aws(&runtime, hour.clone());
        let (authority, injector) = serve_injector(&runtime);
        let (kubectl, folder) = (plane.kubectl(), tempfile::tempdir().unwrap());
        let root = PrivateKey::generate(Algorithm::MlDsa44).unwrap();
        Self { plane, kubectl, folder, _runtime: runtime, hour, aws, authority, injector, root }
    }

    pub(crate) fn kubectl(&self) -> &Kubectl {
        &self.kubectl
    }

    pub(crate) fn stop(self) {
        self.plane.stop().unwrap();
    }

    pub(crate) fn check(&self, more: &[&str]) -> Answer {
        self.run(&self.kubectl.kubeconfig().display().to_string(), more)
    }

    /// As somebody who may look at the namespace, and at nothing else.
    pub(crate) fn check_as_a_viewer_of_shop(&self) -> Answer {
        let token = self.kubectl.run(["create", "token", "viewer", "-n", "shop"]).unwrap();
        self.run(&self.kubeconfig_with(token.trim()), &["-n", "shop"])
    }

    /// As somebody who may do nothing.
    pub(crate) fn check_as_nobody(&self, more: &[&str]) -> Answer {
        self.kubectl.run(["create", "serviceaccount", "nobody", "-n", "default"]).unwrap();
        let token = self.kubectl.run(["create", "token", "nobody", "-n", "default"]).unwrap();
        self.run(&self.kubeconfig_with(token.trim()), more)
    }

    fn kubeconfig_with(&self, token: &str) -> String {
        let path = self.folder.path().join("kubeconfig");
        fs::copy(self.kubectl.kubeconfig(), &path).unwrap();
        let kubectl = Kubectl::new(self.kubectl.program(), &path);
        kubectl.run(["config", "set-credentials", "somebody", "--token", token]).unwrap();
        kubectl.run(["config", "set-context", "--current", "--user", "somebody"]).unwrap();
        path.display().to_string()
    }

    fn run(&self, kubeconfig: &str, more: &[&str]) -> Answer {
        let place = ["check", "--kubeconfig", kubeconfig, "--release-namespace", "ops"];
        let mut command = program(&[&place[..], more].concat());
        command.env("AWS_ENDPOINT_URL", &self.aws).env("NO_PROXY", "127.0.0.1").stdin(Stdio::null());
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Answer { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    fn make_program(&self, kind: &str, name: &str, container: &str) {
        let labels = json!({"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "qsl-eventing",
            "app.kubernetes.io/version": env!("CARGO_PKG_VERSION")});
        let containers = json!([{"name": container, "image": format!("{name}:{}", env!("CARGO_PKG_VERSION"))}]);
        let mut spec = json!({"replicas": 2, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": containers}}});
        if kind == "StatefulSet" {
            spec["serviceName"] = json!(name);
        }
        let object = json!({"apiVersion": "apps/v1", "kind": kind, "spec": spec,
            "metadata": {"name": name, "namespace": "ops", "labels": labels}});
        self.kubectl.apply(&object.to_string()).unwrap();
    }

    pub(crate) fn set_ready(&self, kind: &str, name: &str, ready: u32) {
        let status = json!({"status": {"replicas": 2, "readyReplicas": ready}}).to_string();
        let patch = ["-n", "ops", "patch", kind, name, "--subresource=status", "--type=merge", "-p", &status];
        self.kubectl.run(patch).unwrap();
    }

    pub(crate) fn lead(&self, renewed: &str) {
        let spec = json!({"holderIdentity": "qsl-operator-0", "renewTime": renewed, "leaseDurationSeconds": 30});
        let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "spec": spec,
            "metadata": {"name": "qsl-operator", "namespace": "ops"}});
        self.kubectl.apply(&lease.to_string()).unwrap();
    }

    /// The status of an object of namespace shop.
    pub(crate) fn write_status(&self, kind: &str, name: &str, conditions: &[(&str, &str)], more: &Value) {
        let condition = |(type_, status): &(&str, &str)| {
            json!({"type": type_, "status": status, "reason": "Told", "message": "as the operator says",
                "lastTransitionTime": "2026-01-01T00:00:00Z"})
        };
        let mut status = more.clone();
        status["conditions"] = conditions.iter().map(condition).collect();
        let status = json!({ "status": status }).to_string();
        let patch = ["-n", "shop", "patch", kind, name, "--subresource=status", "--type=merge", "-p", &status];
        self.kubectl.run(patch).unwrap();
    }

    /// What the operator signed so many seconds from now, to hold for so many.
    pub(crate) fn write_document(&self, from_now: i64, holds: i64) {
        let issued = Millis::now().seconds() + from_now;
        let [namespace, kind, name] = ["shop", INBOX_QUEUE, "tills"].map(str::to_owned);
        let document =
            ConfigDocument { namespace, kind, name, version: 1, issued, expires: issued + holds, config: json!({}) };
        let signed = sign_config(&self.root, &document, Micros::now()).unwrap();
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"inbox_tills": signed},
            "metadata": {"name": "qsl-eventing", "namespace": "shop"}});
        self.kubectl.apply(&map.to_string()).unwrap();
    }

    /// Gives a kind the definition that the chart carries.
    pub(crate) fn define(&self, plural: &str) {
        let file = format!("{}crds/generated/{plural}.yaml", env!("QSL_WORKSPACE"));
        self.kubectl.run(["apply", "--server-side", "--force-conflicts", "-f", &file]).unwrap();
    }

    pub(crate) fn patch(&self, object: &[&str], patch: &Value) {
        let patch = patch.to_string();
        self.kubectl.run([&["patch"], object, &["--type=json", "-p", &patch]].concat()).unwrap();
    }

    pub(crate) fn annotate_account(&self, annotation: &str) {
        self.kubectl.run(["annotate", "serviceaccount", "till", "-n", "shop", "--overwrite", annotation]).unwrap();
    }

    pub(crate) fn set_hour_of_aws(&self, date: Option<&'static str>) {
        *self.hour.lock().unwrap() = date;
    }

    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    pub(crate) fn another_authority() -> String {
        rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap().cert.pem()
    }

    /// The webhook configurations with this authority.
    pub(crate) fn set_authority(&self, authority: &str) {
        let bundle = STANDARD.encode(authority);
        for (kind, name, path, group, resources, policy) in [
            ("MutatingWebhookConfiguration", "inject.eventing.qsl.dev", "inject", "", json!(["pods"]), "Fail"),
            (
                "ValidatingWebhookConfiguration",
                "validate.eventing.qsl.dev",
                "validate",
                "eventing.qsl.dev",
                json!(["inboxqueues"]),
                "Ignore",
            ),
        ] {
            let version = if group.is_empty() { "v1" } else { "v1alpha1" };
            let object = json!({
                "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": "qsl-eventing"},
                "webhooks": [{
                    "name": name, "admissionReviewVersions": ["v1"], "sideEffects": "None", "failurePolicy": policy,
                    "clientConfig": {"url": format!("{}/{path}", self.injector), "caBundle": bundle},
                    "matchConditions": [{"name": "annotated", "expression":
                        "has(object.metadata.annotations) && 'eventing.qsl.dev/inject' in object.metadata.annotations"}],
                    "rules": [{"apiGroups": [group], "apiVersions": [version], "operations": ["CREATE"],
                        "resources": resources, "scope": "Namespaced"}]}]});
            self.kubectl.apply(&object.to_string()).unwrap();
        }
        self.wait_for_the_injector(authority == self.authority);
    }

    /// The API server takes a moment to know a configuration.
    fn wait_for_the_injector(&self, answers: bool) {
        let pod = json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "asks", "namespace": "shop", "annotations": {"eventing.qsl.dev/inject": "true"}},
            "spec": {"serviceAccountName": "till", "containers": [{"name": "a", "image": "a"}]}})
        .to_string();
        let dry_run = ["create", "--dry-run=server", "-f", "-", "-o", "jsonpath={.metadata.labels}"];
        let has_answered = (0..100).any(|_| {
            std::thread::sleep(Duration::from_millis(100));
            let made = self.kubectl.run_with_input(dry_run, &pod);
            made.is_ok_and(|labels| labels.contains("injected")) == answers
        });
        assert!(has_answered, "the API server does not take the configuration");
    }
}

/// An endpoint that is asked for nothing but the time.
fn serve_aws(runtime: &Runtime, hour: Hour) -> String {
    async fn time(State(hour): State<Hour>) -> HeaderMap {
        let date = hour.lock().unwrap().map(HeaderValue::from_static);
        date.into_iter().map(|date| (header::DATE, date)).collect()
    }
    let listener = listen();
    let address = listener.local_addr().unwrap();
    runtime.spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        axum::serve(listener, Router::new().fallback(any(time)).with_state(hour)).await
    });
    format!("http://{address}")
}

/// The authority and the address of an injector that labels each pod.
fn serve_injector(runtime: &Runtime) -> (String, String) {
    async fn inject(Json(review): Json<Value>) -> Json<Value> {
        let patch = json!([{"op": "add", "path": "/metadata/labels", "value": {"eventing.qsl.dev/injected": "true"}}]);
        let response = json!({"uid": review["request"]["uid"], "allowed": true, "patchType": "JSONPatch",
            "patch": STANDARD.encode(patch.to_string())});
        Json(json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}))
    }
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let (authority, private) = (made.cert.pem(), made.signing_key.serialize_pem());
    let listener = listen();
    let address = listener.local_addr().unwrap();
    let certificate = authority.clone().into_bytes();
    runtime.spawn(async move {
        let tls = RustlsConfig::from_pem(certificate, private.into_bytes()).await.unwrap();
        let routes = Router::new().route("/inject", post(inject));
        axum_server::from_tcp_rustls(listener, tls).unwrap().serve(routes.into_make_service()).await
    });
    (authority, format!("https://{address}"))
}

fn listen() -> TcpListener {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    listener
}
