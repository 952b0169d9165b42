//! An installation in small: the API server with what the operator would have written, the queues of one inbox.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use aws_credential_types::Credentials;
use aws_sdk_sqs::config::{BehaviorVersion, Region};
use aws_sdk_sqs::types::{MessageAttributeValue, QueueAttributeName};
use axum::Router;
use eventing::config::{ConfigDocument, EVENT_BUS, INBOX_QUEUE, VerificationConfig};
use eventing::envelope::Trace;
use eventing::root::RootHashes;
use eventing::signing::{EventFacts, PrivateKey, sign_config, sign_event, sign_keyset};
use eventing::time::{Micros, Millis};
use eventing::types::{DetailType, Jti, QueueArn, Resource, Source};
use eventing::verify::{Policy, RawMessage, Rejection, Verified, verify};
use serde_json::{Value, json};
use tempfile::TempDir;
use test_cluster::{ControlPlane, Emulator, Kubectl};
use tokio::runtime::Runtime;

use crate::keys::Keys;
use crate::program::{Answer, program};
use crate::service::{JOURNAL, NAME, Service};

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
metadata: {name: qsl-tools, namespace: ops}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: stranger, namespace: depot}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: driver, namespace: depot}
";

const BUS: &str = "arn:aws:events:eu-west-1:000000000000:event-bus/trams";

/// What the stranger lacks to read what `dlq` reads.
const READING: &str = r"
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: reading}
rules:
- {apiGroups: [eventing.qsl.dev], resources: [inboxqueues], verbs: [get]}
- {apiGroups: [''], resources: [configmaps], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: reading}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: reading}
subjects: [{kind: ServiceAccount, name: stranger, namespace: depot}]
";

const INBOX: &str = r"
apiVersion: eventing.qsl.dev/v1alpha1
kind: InboxQueue
metadata: {name: arrivals, namespace: depot}
spec: {queueName: arrivals}
";

pub(crate) struct Site {
    plane: ControlPlane,
    emulator: Emulator,
    kubectl: Kubectl,
    folder: TempDir,
    pub(crate) runtime: Runtime,
    pub(crate) sqs: aws_sdk_sqs::Client,
    pub(crate) urls: [String; 2],
    pub(crate) service: Service,
    pub(crate) keys: Keys,
    pub(crate) now: Millis,
}

impl Site {
    pub(crate) fn start() -> Self {
        Self::start_with(async |_: &ControlPlane, _: &Keys| None)
    }

    /// With these services in the place of ours.
    pub(crate) fn start_with(services: impl AsyncFnOnce(&ControlPlane, &Keys) -> Option<Router>) -> Self {
        // A second test in this process finds it installed already.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let (plane, emulator) = (ControlPlane::start().unwrap(), Emulator::start().unwrap());
        let kubectl = plane.kubectl();
        kubectl.apply(OBJECTS).unwrap();
        let crds = concat!(env!("QSL_WORKSPACE"), "crds/generated");
        kubectl.run(["apply", "--server-side", "-f", crds]).unwrap();
        kubectl.run(["wait", "--for=condition=Established", "crd", "--all"]).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let sqs = client(emulator.endpoint());
        let urls = ["arrivals-dlq", "arrivals"].map(|name| runtime.block_on(queue(&sqs, name)));
        let inbox = QueueArn::parse(&runtime.block_on(arn(&sqs, &urls[1]))).unwrap();
        let now = Millis::now();
        let keys = Keys::new(now);
        let kid = |at: usize| keys.set.keys[at].kid.clone();
        let (signer, granter) = ((keys.signing.clone(), kid(0)), (keys.granting.clone(), kid(1)));
        let services = runtime.block_on(services(&plane, &keys));
        let service = Service::start(&runtime, signer, granter, inbox, services);
        let folder = tempfile::tempdir().unwrap();
        let site = Self { plane, emulator, kubectl, folder, runtime, sqs, urls, service, keys, now };
        site.write_configuration();
        site.write_forward();
        site
    }

    /// What the operator writes: the object's status, and what the root signs.
    fn write_configuration(&self) {
        self.write_map(
            "ops",
            "qsl-root",
            &json!({"root.sha256": RootHashes::of(&self.keys.root.public_key()).to_string()}),
        );
        let bus = json!({
            "busName": "trams", "busArn": BUS, "region": "eu-west-1", "services": self.services(),
            "publishers": [{"serviceAccount": "driver", "sources": ["qsl.tram"], "roleArn": role("driver")}]});
        self.write_entries(
            "depot",
            &json!({
            "inbox_arrivals": self.inbox_entry("depot", "arrivals", &self.urls[1]),
            "bus_city_trams": self.signed("depot", EVENT_BUS, "city/trams", bus)}),
        );
        self.kubectl.apply(INBOX).unwrap();
        let status = json!({"redriveRoleArn": role("redrive")});
        self.write_status("depot", "arrivals", &status);
    }

    /// Writes the status of an InboxQueue.
    pub(crate) fn write_status(&self, namespace: &str, name: &str, status: &Value) {
        let status = json!({"status": status}).to_string();
        let patch = ["patch", "inbox", name, "-n", namespace, "--subresource=status", "--type=merge", "-p", &status];
        self.kubectl.run(patch).unwrap();
    }

    /// Writes what a namespace is given, with the keys of the bus.
    pub(crate) fn write_entries(&self, namespace: &str, entries: &Value) {
        let mut entries = entries.clone();
        entries["keyset_city_trams"] = json!(sign_keyset(&self.keys.root, &self.keys.set, Micros::now()).unwrap());
        self.write_map(namespace, "qsl-eventing", &entries);
    }

    fn write_map(&self, namespace: &str, name: &str, data: &Value) {
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": data,
            "metadata": {"name": name, "namespace": namespace}});
        self.kubectl.apply(&map.to_string()).unwrap();
    }

    /// What the root signs of an inbox.
    pub(crate) fn inbox_entry(&self, namespace: &str, name: &str, url: &str) -> String {
        let of = |url| self.runtime.block_on(arn(&self.sqs, url));
        let config = json!({
            "queueUrl": url, "queueArn": of(url), "deadLetterQueueUrl": self.urls[0],
            "deadLetterQueueArn": of(&self.urls[0]), "roleArn": role("consumer"),
            "region": "eu-west-1", "buses": ["city/trams"], "services": self.services()});
        self.signed(namespace, INBOX_QUEUE, name, config)
    }

    fn signed(&self, namespace: &str, kind: &str, name: &str, config: Value) -> String {
        let [namespace, kind, name] = [namespace, kind, name].map(str::to_owned);
        let issued = self.now.seconds();
        let document = ConfigDocument { namespace, kind, name, version: 1, issued, expires: issued + 3_600, config };
        sign_config(&self.keys.root, &document, Micros::now()).unwrap()
    }

    pub(crate) fn services(&self) -> Value {
        json!({"signatureService": format!("https://{NAME}"), "journal": format!("https://{JOURNAL}"), "ca": self.service.ca})
    }

    /// What stands for kubectl: there is no kubelet whose pod could be reached. It writes down how it was called, and ends
    /// with the program that called it, also where that is killed.
    fn write_forward(&self) {
        let (path, port) = (self.path("kubectl"), self.service.address.port());
        let script = format!(
            "#!/bin/sh\nprintf '%s\\n' \"$*\" >> '{}'\necho 'Forwarding from 127.0.0.1:{port} -> 8443'\n\
             while kill -0 $PPID 2>/dev/null; do sleep 1; done\n",
            self.path("forwards")
        );
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A path in the folder of this site.
    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// How often a port was forwarded; each time as it should be.
    pub(crate) fn forwards(&self) -> usize {
        let calls = fs::read_to_string(self.path("forwards")).unwrap();
        let kubeconfig = self.kubectl.kubeconfig().display();
        let expected = ["qsl-signature-service", "qsl-journal"].map(|service| {
            format!("--kubeconfig {kubeconfig} -n ops port-forward --address 127.0.0.1 service/{service} :443")
        });
        assert!(calls.lines().all(|call| expected.iter().any(|expected| call == expected)), "{calls}");
        calls.lines().count()
    }

    /// Runs the program as the administrator, who may take the account's tokens.
    pub(crate) fn qsl(&self, arguments: &[&str]) -> Answer {
        self.run(&self.kubectl.kubeconfig().display().to_string(), arguments)
    }

    /// Runs it as somebody with no rights but those that were given.
    pub(crate) fn qsl_as_stranger(&self, arguments: &[&str]) -> Answer {
        let (path, token) = (self.path("stranger"), ["create", "token", "stranger", "-n", "depot"]);
        fs::copy(self.kubectl.kubeconfig(), &path).unwrap();
        let token = self.kubectl.run(token).unwrap();
        let kubectl = Kubectl::new(self.kubectl.program(), &path);
        kubectl.run(["config", "set-credentials", "stranger", "--token", token.trim()]).unwrap();
        kubectl.run(["config", "set-context", "--current", "--user", "stranger"]).unwrap();
        self.run(&path, arguments)
    }

    pub(crate) fn allow_the_stranger_to_read(&self) {
        self.kubectl.apply(READING).unwrap();
    }

    fn run(&self, kubeconfig: &str, arguments: &[&str]) -> Answer {
        let output = self.command(kubeconfig, arguments).stdin(Stdio::null()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Answer { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// The program in its environment, as the administrator, not started yet.
    pub(crate) fn started_by_the_administrator(&self, arguments: &[&str]) -> Command {
        self.command(&self.kubectl.kubeconfig().display().to_string(), arguments)
    }

    fn command(&self, kubeconfig: &str, arguments: &[&str]) -> Command {
        let place = ["--kubeconfig", kubeconfig, "--release-namespace", "ops"];
        let mut command = program(&[arguments, &place[..]].concat());
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", self.folder.path());
        command.env("AWS_ENDPOINT_URL", self.emulator.endpoint()).env("QSL_KUBECTL", self.path("kubectl"));
        command
    }

    /// The body of an event signed then.
    pub(crate) fn event(&self, ts: Millis) -> String {
        self.event_by(&self.keys.signing, 0, ts)
    }

    /// The body of an event that the key signed which was stolen.
    pub(crate) fn stolen_event(&self, ts: Millis) -> String {
        self.event_by(&self.keys.stolen, 2, ts)
    }

    /// The body of an event by a key of the set.
    fn event_by(&self, key: &PrivateKey, at: usize, ts: Millis) -> String {
        let facts = EventFacts {
            source: &Source::parse("qsl.tram").unwrap(),
            detail_type: &DetailType::parse("Tram.Left.v1").unwrap(),
            resource: &Resource::parse("urn:qsl:depot:tram:7").unwrap(),
            trace: &Trace::new("line-7".parse().unwrap()),
            detail_core: r#"{"stop":"harbour"}"#,
        };
        let jti = Jti::from_uuid(uuid::Uuid::new_v4());
        let signed = sign_event(key, &self.keys.set.keys[at].kid, facts, jti, ts.into()).unwrap();
        json!({"id": "d-1", "source": "qsl.tram", "detail-type": "Tram.Left.v1",
            "resources": ["urn:qsl:depot:tram:7"], "detail": signed.detail})
        .to_string()
    }

    /// Puts a message into the dead-letter queue.
    pub(crate) fn put(&self, body: &str, attributes: &[(&str, &str)]) {
        self.send(&self.urls[0], body, attributes);
    }

    /// Puts a message into a queue.
    pub(crate) fn send(&self, url: &str, body: &str, attributes: &[(&str, &str)]) {
        let mut call = self.sqs.send_message().queue_url(url).message_body(body);
        for (name, value) in attributes {
            let value = MessageAttributeValue::builder().data_type("String").string_value(*value).build().unwrap();
            call = call.message_attributes(*name, value);
        }
        self.runtime.block_on(call.send()).unwrap();
    }

    /// Takes the only message out of the inbox: its body and attributes.
    pub(crate) fn receive(&self) -> (String, BTreeMap<String, String>) {
        let url = &self.urls[1];
        let call = self.sqs.receive_message().queue_url(url).message_attribute_names("All").max_number_of_messages(10);
        let mut messages = self.runtime.block_on(call.send()).unwrap().messages.unwrap();
        assert_eq!(messages.len(), 1);
        let message = messages.remove(0);
        let done = self.sqs.delete_message().queue_url(url).receipt_handle(message.receipt_handle.unwrap());
        self.runtime.block_on(done.send()).unwrap();
        let attributes = message.message_attributes.unwrap_or_default().into_iter();
        (message.body.unwrap(), attributes.map(|(name, value)| (name, value.string_value.unwrap())).collect())
    }

    /// How many dead letters there are, hidden ones too.
    pub(crate) fn dead_letters(&self) -> u64 {
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ];
        let call = self.sqs.get_queue_attributes().queue_url(&self.urls[0]).set_attribute_names(Some(names.into()));
        let counts = self.runtime.block_on(call.send()).unwrap().attributes.unwrap();
        counts.values().map(|count| count.parse::<u64>().unwrap()).sum()
    }

    /// Makes a queue.
    pub(crate) fn make_queue(&self, name: &str) -> String {
        self.runtime.block_on(queue(&self.sqs, name))
    }

    /// An object of the cluster.
    pub(crate) fn object(&self, kind: &str, namespace: &str, name: &str) -> Value {
        serde_json::from_str(&self.kubectl.run(["get", kind, name, "-n", namespace, "-o", "json"]).unwrap()).unwrap()
    }

    pub(crate) fn kubectl(&self) -> &Kubectl {
        &self.kubectl
    }

    /// Makes the bus in AWS, and a rule by which the inbox gets all of its events.
    pub(crate) fn make_bus(&self) {
        let config = aws_sdk_eventbridge::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .endpoint_url(self.emulator.endpoint())
            .credentials_provider(credentials())
            .build();
        let events = aws_sdk_eventbridge::Client::from_conf(config);
        let inbox = self.inbox().to_string();
        self.runtime.block_on(async {
            events.create_event_bus().name("trams").send().await.unwrap();
            let pattern = r#"{"source":[{"prefix":"qsl."}]}"#;
            events.put_rule().event_bus_name("trams").name("all").event_pattern(pattern).send().await.unwrap();
            let target = aws_sdk_eventbridge::types::Target::builder().id("inbox").arn(inbox);
            let put = events.put_targets().event_bus_name("trams").rule("all").targets(target.build().unwrap());
            put.send().await.unwrap();
        });
    }

    pub(crate) fn inbox(&self) -> QueueArn {
        QueueArn::parse(&self.runtime.block_on(arn(&self.sqs, &self.urls[1]))).unwrap()
    }

    /// Runs this to its end.
    pub(crate) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// What a consumer of the inbox makes of a message that enters its queue now.
    pub(crate) fn verify(&self, body: &str, attributes: BTreeMap<String, String>) -> Result<Verified, Rejection> {
        let ring = self.ring(false);
        let policy = Policy::new(&VerificationConfig::default(), self.inbox());
        let (now, attributes) = (Millis::now(), attributes.into_iter().collect());
        verify(&RawMessage { body: body.as_bytes(), attributes: &attributes, sent_at: now }, &ring, &policy, now)
    }

    pub(crate) fn stop(self) {
        self.emulator.stop().unwrap();
        self.plane.stop().unwrap();
    }
}

pub(crate) fn role(name: &str) -> String {
    format!("arn:aws:iam::000000000000:role/{name}")
}

fn client(endpoint: &str) -> aws_sdk_sqs::Client {
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .endpoint_url(endpoint)
        .credentials_provider(credentials())
        .build();
    aws_sdk_sqs::Client::from_conf(config)
}

fn credentials() -> Credentials {
    Credentials::new("000000000000", "none", None, None, "test")
}

async fn queue(sqs: &aws_sdk_sqs::Client, name: &str) -> String {
    sqs.create_queue().queue_name(name).send().await.unwrap().queue_url.unwrap()
}

async fn arn(sqs: &aws_sdk_sqs::Client, url: &str) -> String {
    let call = sqs.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::QueueArn);
    call.send().await.unwrap().attributes.unwrap().remove(&QueueAttributeName::QueueArn).unwrap()
}
