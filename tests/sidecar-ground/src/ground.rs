//! One installation with one inbox and one bus, as a sidecar finds it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use eventing::algorithm::Algorithm;
use eventing::attributes::Attributes;
use eventing::config::{ConfigDocument, EVENT_BUS, INBOX_QUEUE, VerificationConfig};
use eventing::keyset::KeyRing;
use eventing::root::RootHashes;
use eventing::signing::{PrivateKey, sign_config, sign_keyset};
use eventing::time::{Micros, Millis};
use eventing::types::BusId;
use eventing::verify::{Policy, RawMessage, Verified, verify};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::aws::{Aws, Published};
use crate::key::{Key, validity};
use crate::signature_service::{Sign, SignatureService};
use crate::sqs::Sqs;

/// Who is who.
#[derive(Debug, Clone, Copy)]
pub struct Names {
    /// The pod's namespace, in which its inbox is.
    pub namespace: &'static str,
    /// The pod's service account.
    pub service_account: &'static str,
    /// The inbox.
    pub inbox: &'static str,
    /// The namespace of the bus, and the bus.
    pub bus: (&'static str, &'static str),
    /// What the service account may publish.
    pub source: &'static str,
}

/// What the sidecar proves itself with.
#[derive(Debug, Clone, Copy)]
pub struct Secrets {
    /// Its token for AWS.
    pub aws_token: &'static str,
    /// Its token for the signature service.
    pub sign_token: &'static str,
    /// The secret access key that STS answers.
    pub secret_key: &'static str,
    /// The session token that STS answers.
    pub session_token: &'static str,
}

impl Default for Secrets {
    fn default() -> Self {
        Self {
            aws_token: "a-projected-token-for-aws",
            sign_token: "a-projected-token-for-the-signature-service",
            secret_key: "secret",
            session_token: "session",
        }
    }
}

/// All that is around a sidecar, but for its application.
#[derive(Debug)]
pub struct Ground {
    /// The inbox and its dead-letter queue.
    pub sqs: Sqs,
    /// The bus.
    pub published: Published,
    /// Where the sidecar's API will listen: nobody did a moment ago.
    pub listen: SocketAddr,
    pub(crate) names: Names,
    bus: BusId,
    pub(crate) folder: TempDir,
    pub(crate) roots: RootHashes,
    root: PrivateKey,
    inbox: Value,
    key_set: String,
    pub(crate) aws: SocketAddr,
}

impl Ground {
    /// Starts everything. The inbox forwards as `forward` says; the bus's key set is of `key` alone.
    ///
    /// # Errors
    /// It cannot listen, write or sign.
    pub async fn start(names: Names, secrets: Secrets, key: &Key, sign: Sign, forward: &Value) -> Result<Self> {
        let root = PrivateKey::generate(Algorithm::MlDsa44)?;
        let bus = BusId::new(names.bus.0, names.bus.1)?;
        let account = Aws::new(secrets);
        let (sqs, published) = (account.sqs.clone(), account.published.clone());
        let aws = account.serve().await?;
        let service = SignatureService::start(sign, secrets.sign_token).await?;
        let services = json!({"signatureService": service.url, "journal": "https://journal.invalid", "ca": service.ca});
        let entry = |kind, name, config| signed(&root, names.namespace, kind, name, 1, config);
        let Names { inbox, bus: (bus_namespace, bus_name), .. } = names;
        let its_config = inbox_config(names, aws, &services, forward);
        let inbox_config = entry(INBOX_QUEUE, inbox.to_owned(), &its_config)?;
        let bus_config = entry(EVENT_BUS, bus.to_string(), &bus_config(names, &services))?;
        let key_set = sign_keyset(&root, &key.set(bus.clone()), Micros::now())?;
        let folder = tempfile::tempdir()?;
        for (name, text) in [
            (format!("config/inbox_{inbox}"), inbox_config),
            (format!("config/bus_{bus_namespace}_{bus_name}"), bus_config),
            (format!("config/keyset_{bus_namespace}_{bus_name}"), key_set.clone()),
            ("tokens/aws/token".to_owned(), secrets.aws_token.to_owned()),
            ("tokens/signature-service/token".to_owned(), secrets.sign_token.to_owned()),
            ("tokens/journal/token".to_owned(), "a-projected-token-for-the-journal".to_owned()),
        ] {
            write(folder.path(), &name, &text)?;
        }
        let (roots, listen) = (RootHashes::of(&root.public_key()), free_port()?);
        Ok(Self { sqs, published, listen, names, bus, folder, roots, root, inbox: its_config, key_set, aws })
    }

    /// Has the operator publish the inbox anew, as this version: with what it was at first, but for `consuming`.
    ///
    /// # Errors
    /// It cannot be signed or written.
    pub fn consuming(&self, version: u64, consuming: &str) -> Result<()> {
        let Names { namespace, inbox, .. } = self.names;
        let mut config = self.inbox.clone();
        config.as_object_mut().context("a configuration is an object")?.insert("consuming".into(), consuming.into());
        let text = signed(&self.root, namespace, INBOX_QUEUE, inbox.to_owned(), version, &config)?;
        write(self.folder.path(), &format!("config/inbox_{inbox}"), &text)
    }

    /// The bus.
    pub fn bus(&self) -> &BusId {
        &self.bus
    }

    /// Where the application finds the delivery token.
    pub fn token_file(&self) -> PathBuf {
        self.folder.path().join("delivery")
    }

    /// Judges an entry of the bus as a consumer does.
    ///
    /// # Errors
    /// No consumer would take it.
    pub fn verify(&self, entry: &Value) -> Result<Verified> {
        let now = Millis::now();
        let mut ring = KeyRing::new([self.bus.clone()]);
        ring.offer(&self.bus, &self.key_set, &self.roots, now)?;
        let field = |name: &str| entry.get(name).with_context(|| format!("an entry without {name}"));
        let detail: Value = serde_json::from_str(field("Detail")?.as_str().unwrap_or_default())?;
        let body = json!({"id": "delivery-1", "detail-type": field("DetailType")?, "source": field("Source")?,
            "resources": field("Resources")?, "detail": detail})
        .to_string();
        let message = RawMessage { body: body.as_bytes(), attributes: &Attributes::default(), sent_at: now };
        let signed_whole = VerificationConfig { require_envelope_hash: true, ..VerificationConfig::default() };
        let policy = Policy::new(&signed_whole, arn(self.names.inbox).parse()?);
        verify(&message, &ring, &policy, now).map_err(|rejection| anyhow!("{rejection:?}"))
    }

    /// A part of the installation that consumes the inbox, as the chart starts it: with the root mounted.
    ///
    /// # Errors
    /// The root cannot be written.
    pub fn consumer(&self, program: &Path) -> Result<Command> {
        write(self.folder.path(), "root/root.sha256", &self.roots.to_string())?;
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("AWS_ENDPOINT_URL", format!("http://{}", self.aws))
            .env("QSL_NAMESPACE", self.names.namespace)
            .env("QSL_INBOX", self.names.inbox)
            .env("QSL_CONFIG_DIR", self.folder.path().join("config"))
            .env("QSL_TOKEN_DIR", self.folder.path().join("tokens"))
            .env("QSL_ROOT_DIR", self.folder.path().join("root"));
        Ok(command)
    }

    /// What the injector makes of the pod's annotations: the sidecar's program, beside an application at this port.
    pub fn sidecar(&self, program: &Path, app_port: u16) -> Command {
        let mut command = Command::new(program);
        command
            .arg("run")
            .env_clear()
            .env("AWS_ENDPOINT_URL", format!("http://{}", self.aws))
            .env("QSL_NAMESPACE", self.names.namespace)
            .env("QSL_SERVICE_ACCOUNT", self.names.service_account)
            .env("QSL_INBOX", self.names.inbox)
            .env("QSL_PUBLISH_TO", self.bus.to_string())
            .env("QSL_APP_PORT", app_port.to_string())
            .env("QSL_ROOT_SHA256", self.roots.to_string())
            .env("QSL_CONFIG_DIR", self.folder.path().join("config"))
            .env("QSL_TOKEN_DIR", self.folder.path().join("tokens"))
            .env("QSL_DELIVERY_TOKEN_FILE", self.token_file())
            .env("QSL_LISTEN", self.listen.to_string())
            .env("QSL_ADMIN_LISTEN", "127.0.0.1:0");
        command
    }
}

/// Looks again and again until it holds.
///
/// # Errors
/// It does not within a minute.
pub async fn until(what: &str, holds: impl Fn() -> bool) -> Result<()> {
    let start = Millis::now();
    while !holds() {
        ensure!(Millis::now().0 - start.0 < 60_000, "{what}: not within a minute");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

pub(crate) fn write(folder: &Path, name: &str, text: &str) -> Result<()> {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().context("a file is in a folder")?)?;
    Ok(std::fs::write(path, text)?)
}

/// An entry of the signed configuration.
fn signed(
    root: &PrivateKey,
    namespace: &str,
    kind: &str,
    name: String,
    version: u64,
    config: &Value,
) -> Result<String> {
    let (issued, expires) = validity();
    let (namespace, kind) = (namespace.to_owned(), kind.to_owned());
    let entry = ConfigDocument { namespace, kind, name, version, issued, expires, config };
    Ok(sign_config(root, &entry, Micros::now())?)
}

/// One that nobody listened at a moment ago.
fn free_port() -> Result<SocketAddr> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Everything as by default, but for where things are and how it forwards.
fn inbox_config(names: Names, aws: SocketAddr, services: &Value, forward: &Value) -> Value {
    let Names { inbox, bus, .. } = names;
    let dead_letters = format!("{inbox}-dlq");
    json!({"queueUrl": format!("http://{aws}/{inbox}"), "queueArn": arn(inbox),
        "deadLetterQueueUrl": format!("http://{aws}/{dead_letters}"), "deadLetterQueueArn": arn(&dead_letters),
        "roleArn": format!("arn:aws:iam::111122223333:role/{inbox}"), "region": "eu-west-1",
        "buses": [format!("{}/{}", bus.0, bus.1)], "forward": forward, "services": services})
}

fn arn(queue: &str) -> String {
    format!("arn:aws:sqs:eu-west-1:111122223333:{queue}")
}

fn bus_config(names: Names, services: &Value) -> Value {
    let Names { service_account, bus: (_, bus), source, .. } = names;
    json!({"busName": bus, "busArn": format!("arn:aws:events:eu-west-1:111122223333:event-bus/{bus}"),
        "region": "eu-west-1", "services": services,
        "publishers": [{"serviceAccount": service_account, "sources": [source],
                        "roleArn": "arn:aws:iam::111122223333:role/publisher"}]})
}
