//! All that is around a sidecar, and the sidecar as a process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bench_figures::process::{Usage, usage};
use eventing::algorithm::Algorithm;
use eventing::config::{ConfigDocument, EVENT_BUS, INBOX_QUEUE};
use eventing::root::RootHashes;
use eventing::signing::{PrivateKey, sign_config, sign_keyset};
use eventing::time::{Micros, Millis};
use eventing_process::testing::Program;
use serde_json::{Value, json};

use crate::app::App;
use crate::events::{Key, SOURCE, bus};
use crate::service::{Service, put_events};
use crate::sqs::Sqs;

/// How long a sidecar may take to start or to end.
const PATIENCE: Duration = Duration::from_secs(40);

/// One installation with one inbox, its application and its bus.
pub struct Site {
    pub sqs: Sqs,
    pub app: App,
    pub app_address: SocketAddr,
    folder: tempfile::TempDir,
    root: String,
    aws: SocketAddr,
}

impl Site {
    pub async fn new(key: &Arc<Key>, app: App) -> Result<Self> {
        let root = PrivateKey::generate(Algorithm::MlDsa44)?;
        let sqs = Sqs::default();
        let aws = serve(aws(sqs.clone())).await?;
        let app_address = serve(app.clone().routes()).await?;
        let service = Service::start(key).await?;
        let folder = tempfile::tempdir()?;
        let write = |name: &str, text: &str| -> Result<()> {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().context("a file is in a folder")?)?;
            Ok(std::fs::write(path, text)?)
        };
        let services = json!({"signatureService": service.url, "journal": "https://journal.invalid", "ca": service.ca});
        let entry = |kind: &str, name: String, config: Value| {
            let now = Millis::now().seconds();
            let (namespace, kind) = ("treasury".to_owned(), kind.to_owned());
            let (issued, expires) = (now - 60, now + 3_600);
            let entry = ConfigDocument { namespace, kind, name, version: 1, issued, expires, config };
            anyhow::Ok(sign_config(&root, &entry, Micros::now())?)
        };
        write("config/inbox_treasury", &entry(INBOX_QUEUE, "treasury".to_owned(), inbox(aws, &services))?)?;
        write("config/bus_platform_qsl-core", &entry(EVENT_BUS, bus().to_string(), event_bus(&services))?)?;
        write("config/keyset_platform_qsl-core", &sign_keyset(&root, &key.set(), Micros::now())?)?;
        for audience in ["aws", "signature-service", "journal"] {
            write(&format!("tokens/{audience}/token"), "a-projected-token")?;
        }
        let root = RootHashes::of(&root.public_key()).to_string();
        Ok(Self { sqs, app, app_address, folder, root, aws })
    }

    /// Starts a sidecar, and waits until it receives.
    pub fn sidecar(&self) -> Result<Sidecar> {
        let path = |name: &str| self.folder.path().join(name);
        let listen = free_port()?;
        let program = Program::start(
            Command::new(program())
                .arg("run")
                .env_clear()
                .env("AWS_ENDPOINT_URL", format!("http://{}", self.aws))
                .env("QSL_NAMESPACE", "treasury")
                .env("QSL_SERVICE_ACCOUNT", "treasury")
                .env("QSL_INBOX", "treasury")
                .env("QSL_PUBLISH_TO", bus().to_string())
                .env("QSL_APP_PORT", self.app_address.port().to_string())
                .env("QSL_ROOT_SHA256", &self.root)
                .env("QSL_CONFIG_DIR", path("config"))
                .env("QSL_TOKEN_DIR", path("tokens"))
                .env("QSL_DELIVERY_TOKEN_FILE", path("delivery"))
                .env("QSL_LISTEN", listen.to_string())
                .env("QSL_ADMIN_LISTEN", "127.0.0.1:0"),
        )?;
        let begun = |said: &str| (said.contains("the application answers")).then_some(());
        program.until(PATIENCE, begun).map_err(|said| anyhow!("the sidecar did not start: {said}"))?;
        Ok(Sidecar { program, listen })
    }
}

/// A running sidecar.
pub struct Sidecar {
    program: Program,
    pub listen: SocketAddr,
}

impl Sidecar {
    pub fn usage(&self) -> Result<Usage> {
        usage(self.program.id())
    }

    pub fn terminate(&self) -> Result<()> {
        Ok(self.program.terminate()?)
    }

    /// Waits for its end, which must be a good one.
    pub async fn ended(self) -> Result<()> {
        let ending = tokio::task::spawn_blocking(move || self.program.ended());
        let (status, said) = tokio::time::timeout(PATIENCE, ending).await.context("it does not end")???;
        anyhow::ensure!(status.success(), "the sidecar ended with {status}: {said}");
        Ok(())
    }
}

/// The measured program.
pub fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_consumer-sidecar"))
}

/// What the program weighs in an image, where it is stripped.
pub fn stripped_bytes() -> Result<u64> {
    let folder = tempfile::tempdir()?;
    let stripped: PathBuf = folder.path().join("stripped");
    let status = Command::new("strip").arg("-o").arg(&stripped).arg(program()).status().context("no strip")?;
    anyhow::ensure!(status.success(), "strip ended with {status}");
    Ok(std::fs::metadata(stripped)?.len())
}

/// One that nobody listened at a moment ago.
fn free_port() -> Result<SocketAddr> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Everything as by default, but for where things are.
fn inbox(aws: SocketAddr, services: &Value) -> Value {
    let arn = |name: &str| format!("arn:aws:sqs:eu-west-1:111122223333:{name}");
    json!({"queueUrl": format!("http://{aws}/treasury"), "queueArn": arn("treasury"),
        "deadLetterQueueUrl": format!("http://{aws}/treasury-dlq"), "deadLetterQueueArn": arn("treasury-dlq"),
        "roleArn": "arn:aws:iam::111122223333:role/treasury", "region": "eu-west-1", "buses": [bus()],
        "services": services})
}

fn event_bus(services: &Value) -> Value {
    json!({"busName": "qsl-core", "busArn": "arn:aws:events:eu-west-1:111122223333:event-bus/qsl-core",
        "region": "eu-west-1", "services": services,
        "publishers": [{"serviceAccount": "treasury", "sources": [SOURCE],
                        "roleArn": "arn:aws:iam::111122223333:role/publisher"}]})
}

async fn serve(routes: Router) -> Result<SocketAddr> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(axum::serve::ListenerExt::tap_io(listener, no_delay), routes).await });
    Ok(address)
}

/// An answer leaves at once, as AWS's do.
fn no_delay(stream: &mut tokio::net::TcpStream) {
    // Where it cannot be set, times are longer: that shows.
    let _ = stream.set_nodelay(true);
}

/// STS, SQS and EventBridge at one address.
fn aws(sqs: Sqs) -> Router {
    Router::new().fallback(move |headers: HeaderMap, body: Bytes| {
        let sqs = sqs.clone();
        async move { answer(&sqs, &headers, &body).await }
    })
}

async fn answer(sqs: &Sqs, headers: &HeaderMap, body: &[u8]) -> Response {
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let answer = match target.rsplit_once('.') {
        // STS speaks the older protocol, which names its operation in the body.
        None => return session(),
        Some((_, "PutEvents")) => put_events(body),
        Some((_, operation)) => sqs.answer(operation, body).await,
    };
    ([(header::CONTENT_TYPE, "application/x-amz-json-1.0")], answer).into_response()
}

fn session() -> Response {
    let Ok(later) = jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_hours(1)) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    format!(
        "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
         <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>AKIDEXAMPLE</AccessKeyId>\
         <SecretAccessKey>secret</SecretAccessKey><SessionToken>session</SessionToken>\
         <Expiration>{later}</Expiration></Credentials></AssumeRoleWithWebIdentityResult>\
         </AssumeRoleWithWebIdentityResponse>"
    )
    .into_response()
}
