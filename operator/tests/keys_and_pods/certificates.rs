//! The webhooks' certificate is swapped under a stream of admissions: none is refused.

use std::{
    path::Path,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::{
    admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration},
    core::v1::{Pod, Secret},
};
use kube::{
    Api, Client,
    api::{DeleteParams, PostParams},
};
use operator::{
    installation::{Installation, Installed, WebhookCertificates, certificates::read_bundle},
    runner::Hub,
    webhooks::{
        WebhookServer, WebhookSettings,
        api::{Answers, router},
        inject,
    },
};
use serde_json::json;
use test_cluster::ControlPlane;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::rig::{apply, client_of, eventually, installation, make_namespace};

/// Streams that ask the API server for admissions at once.
const ADMITTING: usize = 3;

/// A webhook server with certificates of its own, on an API server that nobody else's webhooks are at.
struct Webhooks {
    name: String,
    client: Client,
    replica: Installation,
    installed: watch::Sender<Option<Installed>>,
    folder: tempfile::TempDir,
    stop: CancellationToken,
}

fn plane() -> &'static Path {
    static PLANE: OnceLock<ControlPlane> = OnceLock::new();
    PLANE.get_or_init(|| ControlPlane::start().unwrap()).kubeconfig()
}

fn days_ago(days: i64) -> Timestamp {
    Timestamp::now() - SignedDuration::from_hours(24 * days)
}

impl Webhooks {
    async fn new(name: &str, certificates: WebhookCertificates) -> Self {
        eventing_service::install_crypto();
        let kubeconfig = tokio::task::spawn_blocking(plane).await.unwrap();
        let client = client_of(kubeconfig).await;
        let name = name.to_owned();
        for namespace in [format!("{name}-release"), format!("{name}-shop")] {
            make_namespace(&client, &namespace, &json!({})).await;
        }
        let mut replica = installation(&client, &format!("{name}-release"));
        replica.webhook_configuration.clone_from(&name);
        replica.webhook_certificates = certificates;
        let (installed, stop) = (watch::channel(None).0, CancellationToken::new());
        Self { name, client, replica, installed, folder: tempfile::tempdir().unwrap(), stop }
    }

    /// A round of the first start as it would have been then, told to the server.
    async fn round(&self, then: Timestamp) -> Installed {
        let found = self.replica.ensure(then).await.unwrap();
        self.installed.send_replace(Some(found.clone()));
        found
    }

    /// Serves, and has the API server ask for each annotated pod of this test's namespace.
    async fn serve(&self) {
        let settings = WebhookSettings {
            listen: "127.0.0.1:0".parse().unwrap(),
            folder: self.folder.path().to_owned(),
            certificates: self.replica.webhook_certificates,
        };
        let template = inject::Settings {
            image: "sidecar.test/image".into(),
            image_pull_policy: "IfNotPresent".into(),
            root_sha256: Vec::new(),
            region: "eu-central-1".into(),
            aws_endpoint: None,
            aws_audience: "sts.amazonaws.com".into(),
            log_level: "info".into(),
            otlp_endpoint: None,
        };
        let installed = self.installed.subscribe();
        let answers = Answers { template: Arc::new(template), installed: installed.clone(), hub: Hub::new().0 };
        let (sender, address) = tokio::sync::oneshot::channel();
        let listening = move |address| sender.send(address).unwrap();
        let server = WebhookServer::new(settings, installed);
        let stop = self.stop.clone();
        tokio::spawn(async move { server.run(router(answers), listening, stop).await.unwrap() });
        let address = address.await.unwrap();
        for (kind, path, rules) in [
            (
                "Mutating",
                "inject",
                json!([{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]),
            ),
            (
                "Validating",
                "validate",
                json!([{"apiGroups": ["eventing.qsl.dev"], "apiVersions": ["v1alpha1"], "operations": ["CREATE"], "resources": ["eventbuses"]}]),
            ),
        ] {
            let mut webhook = json!({
                "name": "inject.eventing.qsl.dev", "admissionReviewVersions": ["v1"], "sideEffects": "None",
                "failurePolicy": "Fail", "timeoutSeconds": 10, "rules": rules,
                "clientConfig": {"url": format!("https://{address}/{path}")},
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": self.shop()}},
            });
            if kind == "Mutating" {
                webhook["reinvocationPolicy"] = json!("IfNeeded");
            }
            let configuration = json!({
                "apiVersion": "admissionregistration.k8s.io/v1", "kind": format!("{kind}WebhookConfiguration"),
                "metadata": {"name": self.name}, "webhooks": [webhook],
            });
            apply(&self.client, &configuration).await.unwrap();
        }
    }

    fn shop(&self) -> String {
        format!("{}-shop", self.name)
    }

    fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.client.clone(), &format!("{}-release", self.name))
    }

    async fn configuration(&self) -> MutatingWebhookConfiguration {
        Api::<MutatingWebhookConfiguration>::all(self.client.clone()).get(&self.name).await.unwrap()
    }

    /// Where the API server asks, and by which authorities it judges the answer: one read, as it does.
    async fn trust(&self) -> (String, Option<String>) {
        let client_config = self.configuration().await.webhooks.unwrap().remove(0).client_config;
        (client_config.url.unwrap(), client_config.ca_bundle.map(|bundle| String::from_utf8(bundle.0).unwrap()))
    }

    /// A pod's admission, without the pod.
    async fn admit(&self) -> Result<(), String> {
        let pod = json!({
            "metadata": {"generateName": "app-", "annotations": {
                "eventing.qsl.dev/inject": "true", "eventing.qsl.dev/publish-to": "bus",
            }},
            "spec": {"serviceAccountName": "app", "containers": [{"name": "app", "image": "app.test/image"}]},
        });
        let api: Api<Pod> = Api::namespaced(self.client.clone(), &self.shop());
        let params = PostParams { dry_run: true, ..PostParams::default() };
        let admitted = api.create(&params, &serde_json::from_value(pod).unwrap()).await;
        let pod = admitted.map_err(|error| error.to_string())?;
        let sidecar = pod.spec.unwrap().init_containers.unwrap_or_default();
        if sidecar.len() == 1 { Ok(()) } else { Err("admitted without its sidecar".to_owned()) }
    }

    /// A connection of its own, by those authorities.
    async fn shake_hands(url: &str, bundle: &str) -> Result<(), String> {
        let trusted = reqwest::Certificate::from_pem_bundle(bundle.as_bytes()).unwrap();
        let client = reqwest::Client::builder().no_proxy().tls_certs_only(trusted).build().unwrap();
        client.get(url).send().await.map(drop).map_err(|error| format!("{error:?}"))
    }

    /// Until the server serves what only the newest authority signed.
    async fn until_moved(&self, newest: &str) {
        let url = self.trust().await.0;
        eventually("the server has moved to the new authority", || Self::shake_hands(&url, newest)).await;
    }
}

/// Admissions and handshakes, again and again.
struct Stream {
    stop: CancellationToken,
    tasks: Vec<tokio::task::JoinHandle<()>>,
    admitted: Arc<AtomicUsize>,
    shaken: Arc<AtomicUsize>,
    refused: Arc<Mutex<Vec<String>>>,
}

impl Stream {
    fn start(webhooks: &Arc<Webhooks>) -> Self {
        let stop = CancellationToken::new();
        let (admitted, shaken) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let refused = Arc::<Mutex<Vec<String>>>::default();
        let mut tasks = Vec::new();
        for number in 0..=ADMITTING {
            let (webhooks, stop, refused) = (Arc::clone(webhooks), stop.clone(), Arc::clone(&refused));
            let (admitted, shaken) = (Arc::clone(&admitted), Arc::clone(&shaken));
            tasks.push(tokio::spawn(async move {
                while !stop.is_cancelled() {
                    let (outcome, count) = if number < ADMITTING {
                        (webhooks.admit().await, &admitted)
                    } else {
                        let (url, bundle) = webhooks.trust().await;
                        (Webhooks::shake_hands(&url, &bundle.unwrap()).await, &shaken)
                    };
                    match outcome {
                        Ok(()) => drop(count.fetch_add(1, Ordering::Relaxed)),
                        Err(error) => refused.lock().unwrap().push(error),
                    }
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }));
        }
        Self { stop, tasks, admitted, shaken, refused }
    }

    /// Goes on until so many more were admitted and shaken.
    async fn go_on(&self) {
        let (admitted, shaken) = (self.admitted.load(Ordering::Relaxed), self.shaken.load(Ordering::Relaxed));
        let start = Instant::now();
        while self.admitted.load(Ordering::Relaxed) < admitted + 50 || self.shaken.load(Ordering::Relaxed) < shaken + 10
        {
            assert!(
                start.elapsed() < Duration::from_mins(2),
                "the stream has dried up: {:?}",
                self.refused.lock().unwrap()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn end(self) {
        self.stop.cancel();
        for task in self.tasks {
            task.await.unwrap();
        }
        let refused = self.refused.lock().unwrap().clone();
        let all = self.admitted.load(Ordering::Relaxed);
        assert_eq!(refused, Vec::<String>::new(), "{} refused of {}", refused.len(), all + refused.len());
    }
}

fn newest(bundle: &str) -> String {
    const END: &str = "-----END CERTIFICATE-----";
    bundle.split_inclusive(END).next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_new_authority_and_a_renewed_certificate_refuse_no_admission() {
    let webhooks = Arc::new(Webhooks::new("renewed", WebhookCertificates::Operator).await);
    // As if the operator had run for seven years, and last renewed its certificate 70 days ago.
    webhooks.round(days_ago(2_490)).await;
    let old = webhooks.round(days_ago(70)).await;
    webhooks.serve().await;
    webhooks.round(days_ago(70)).await;
    eventually("the webhooks are trusted", || webhooks.admit()).await;
    let stream = Stream::start(&webhooks);
    stream.go_on().await;

    let new = webhooks.round(Timestamp::now()).await;
    assert_eq!(read_bundle(&old.authorities).unwrap().len(), 1);
    assert_eq!(read_bundle(&new.authorities).unwrap().len(), 2, "both are trusted");
    assert!(new.webhook == old.webhook, "nothing is served by the new one before everybody has heard of it");
    stream.go_on().await;
    stream.end().await;
    webhooks.stop.cancel();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_certificate_that_moves_to_the_new_authority_refuses_no_admission() {
    let webhooks = Arc::new(Webhooks::new("moved", WebhookCertificates::Operator).await);
    // The authority came four days ago, when the certificate was due but the authority was too young.
    webhooks.round(days_ago(2_443)).await;
    webhooks.round(days_ago(69)).await;
    let before = webhooks.round(days_ago(4)).await;
    assert_eq!(read_bundle(&before.authorities).unwrap().len(), 2);
    webhooks.serve().await;
    webhooks.round(days_ago(4)).await;
    eventually("the webhooks are trusted", || webhooks.admit()).await;
    let newest = newest(&before.authorities);
    let url = webhooks.trust().await.0;
    assert!(Webhooks::shake_hands(&url, &newest).await.is_err(), "it is of the old one yet");
    let stream = Stream::start(&webhooks);
    stream.go_on().await;

    let after = webhooks.round(Timestamp::now()).await;
    assert!(after.webhook != before.webhook);
    webhooks.until_moved(&newest).await;
    stream.go_on().await;
    stream.end().await;
    webhooks.stop.cancel();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_authority_that_was_lost_is_replaced_without_refusing_an_admission() {
    let webhooks = Arc::new(Webhooks::new("lost", WebhookCertificates::Operator).await);
    let before = webhooks.round(days_ago(5)).await;
    webhooks.serve().await;
    webhooks.round(days_ago(5)).await;
    eventually("the webhooks are trusted", || webhooks.admit()).await;
    let stream = Stream::start(&webhooks);
    stream.go_on().await;

    webhooks.secrets().delete("qsl-ca", &DeleteParams::default()).await.unwrap();
    let after = webhooks.round(Timestamp::now()).await;
    assert_eq!(read_bundle(&after.authorities).unwrap().len(), 2);
    assert!(after.webhook == before.webhook);
    stream.go_on().await;
    stream.end().await;
    webhooks.stop.cancel();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn with_cert_manager_the_mounted_certificate_is_served_and_followed_and_the_rest_left_alone() {
    // What cert-manager would do, done by hand: a certificate in a folder, and its CA in the configurations.
    let theirs = Webhooks::new("theirs", WebhookCertificates::Operator).await;
    theirs.round(days_ago(70)).await;
    theirs.serve().await;
    let first = theirs.round(days_ago(70)).await;

    let webhooks = Arc::new(Webhooks::new("mounted", WebhookCertificates::CertManager).await);
    mount(&webhooks, &first);
    let ours = webhooks.round(days_ago(70)).await;
    assert!(!ours.trusted && ours.webhook.is_none());
    webhooks.serve().await;
    assert!(!webhooks.round(days_ago(70)).await.trusted);
    assert_eq!(webhooks.trust().await.1, None, "its injector puts the CA there, and nobody else");
    assert!(webhooks.secrets().get_opt("qsl-webhook-tls").await.unwrap().is_none());
    assert!(webhooks.secrets().get_opt("qsl-journal-tls").await.unwrap().is_some(), "the others are ours");
    trust(&webhooks, &first.authorities).await;
    assert!(webhooks.round(days_ago(70)).await.trusted);
    eventually("the webhooks are trusted", || webhooks.admit()).await;

    let stream = Stream::start(&webhooks);
    stream.go_on().await;
    let second = theirs.round(Timestamp::now()).await;
    assert!(second.webhook != first.webhook);
    mount(&webhooks, &second);
    // The server looks every ten seconds.
    tokio::time::sleep(Duration::from_secs(12)).await;
    stream.go_on().await;
    webhooks.round(Timestamp::now()).await;
    assert_eq!(webhooks.trust().await.1.as_deref(), Some(first.authorities.as_str()));
    stream.end().await;
    webhooks.stop.cancel();
    theirs.stop.cancel();
}

/// As the kubelet does.
fn mount(webhooks: &Webhooks, installed: &Installed) {
    let identity = installed.webhook.as_ref().unwrap();
    for (name, text) in [("tls.key", identity.key.as_str()), ("tls.crt", identity.certificate.as_str())] {
        std::fs::write(webhooks.folder.path().join(name), text).unwrap();
    }
}

/// As cert-manager's injector does.
async fn trust(webhooks: &Webhooks, bundle: &str) {
    use kube::api::{Patch, PatchParams};
    let value = k8s_openapi::ByteString(bundle.as_bytes().to_vec());
    let patch = json!([{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": value}]);
    let patch: Patch<()> = Patch::Json(serde_json::from_value(patch).unwrap());
    let (params, client) = (PatchParams::default(), webhooks.client.clone());
    Api::<MutatingWebhookConfiguration>::all(client.clone()).patch(&webhooks.name, &params, &patch).await.unwrap();
    Api::<ValidatingWebhookConfiguration>::all(client).patch(&webhooks.name, &params, &patch).await.unwrap();
}
